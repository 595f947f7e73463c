import ModelFormats
import TestSupport
import Testing

struct TrainerStateTests {
  @Test func `the state of Hugging Face's trainer is summed up`() throws {
    let state = try TrainerState(
      text: #"""
        {"best_metric": 2.5, "epoch": 0.75, "global_step": 300, "max_steps": 400, "num_input_tokens_seen": 614400,
         "log_history": [{"step": 100, "loss": 9.5, "grad_norm": NaN}, {"step": 100, "eval_loss": 9.0},
                         {"step": 200, "loss": 4.0}, {"step": 300, "loss": 3.0, "eval_loss": 2.5}]}
        """#, file: "trainer_state.json")
    #expect(state.globalStep == 300)
    #expect(state.maxSteps == 400)
    #expect(state.epoch == 0.75)
    #expect(state.bestMetric == 2.5)
    #expect(state.tokensSeen == 614_400)
    #expect(state.firstLoss == 9.5)
    #expect(state.lastLoss == 3)
    #expect(state.lastEvalLoss == 2.5)
    #expect(state.logCount == 4)
  }

  @Test func `a state that was never evaluated has an infinite loss`() throws {
    let state = try TrainerState(
      text: #"{"global_step": 0, "best_eval_loss": Infinity, "tokens_seen": 0}"#, file: "trainer_state.json")
    #expect(state.globalStep == 0)
    #expect(state.bestEvalLoss == .infinity)
    #expect(state.tokensSeen == 0)
    #expect(state.lastLoss == nil)
  }

  @Test func `a step that is no number is an error that names the key`() throws {
    let error = try #require(throws: FormatError.self) {
      try TrainerState(text: #"{"global_step": "many"}"#, file: "trainer_state.json")
    }
    #expect(error.subject == .key("global_step"))
  }

  @Test(arguments: [
    ("out/checkpoint-1234", 1234 as Int?), ("checkpoint-1234/", 1234), ("checkpoint_step500.pt", 500),
    ("checkpoint", nil),
    ("model-5", nil), ("", nil), ("checkpoint-99999999999999999999", nil),
  ])
  func `the step is read from a checkpoint's name`(path: String, step: Int?) {
    #expect(TrainerState.step(inName: path) == step)
  }

  @Test func `the configuration of block diffusion is read`() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      "dlm_config.json",
      #"""
      {"bd_size": 32, "mask_token": "|<MASK>|", "mask_token_id": 128256, "num_diffusion_steps": 8, "training_loss": NaN,
       "total_tokens_trained": 1000000, "training_method": "block", "max_seq_length": 512, "source_checkpoint": "x"}
      """#)
    let config = try BlockDiffusionConfig(path: path)
    #expect(config.blockSize == 32)
    #expect(config.maskToken == "|<MASK>|")
    #expect(config.maskTokenID == 128256)
    #expect(config.diffusionSteps == 8)
    #expect(config.trainingLoss?.isNaN == true)
    #expect(config.totalTokensTrained == 1_000_000)
  }
}
