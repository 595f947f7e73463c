import ModelFormats
import TestSupport
import Testing

struct HFConfigTests {
  static func config(_ more: String, _ sizes: String = sizes) throws(FormatError) -> HFConfig {
    try HFConfig(text: "{\(sizes)\(more.isEmpty ? "" : ",")\(more)}", file: "config.json")
  }

  static let sizes = #"""
    "hidden_size": 2560, "intermediate_size": 6912, "num_hidden_layers": 30, "num_attention_heads": 20, "vocab_size": 128256
    """#

  @Test func `the configuration of BitNet 2B is read`() throws {
    let config = try HFConfigTests.config(
      #"""
      "architectures": ["BitNetForCausalLM"], "model_type": "bitnet", "num_key_value_heads": 5, "hidden_act": "relu2",
      "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
      "max_position_embeddings": 4096, "bos_token_id": 128000, "eos_token_id": 128001,
      "quantization_config": {"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "offline"}
      """#)
    #expect(config.architectures == ["BitNetForCausalLM"])
    #expect([config.hiddenSize, config.intermediateSize, config.layerCount] == [2560, 6912, 30])
    #expect([config.headCount, config.kvHeadCount, config.headDim] == [20, 5, 128])
    #expect(config.hiddenAct == "relu2")
    #expect(config.rmsNormEps == 1e-5)
    #expect(config.ropeTheta == 500_000)
    #expect(config.ropeScaling == nil)
    #expect(config.tiesWordEmbeddings)
    #expect(config.eosTokenIDs == [128001])
    #expect(config.dtype == "bfloat16")
    let quantization = try #require(config.quantization)
    #expect(quantization.isBitNet)
    #expect(quantization.linearClass == .autoBitLinear)
    #expect(quantization.mode == .offline)
    #expect(!quantization.usesRMSNorm)
  }

  @Test func `an absent linear class means division, and the file is known not to say so`() throws {
    let quantization = try #require(
      try HFConfigTests.config(
        #""quantization_config": {"quant_method": "bitnet", "modules_to_not_convert": ["lm_head"], "use_rms_norm": true}"#
      ).quantization)
    #expect(quantization.linearClass == .bitLinear)
    #expect(!quantization.saysLinearClass)
    #expect(quantization.modulesToNotConvert == ["lm_head"])
    #expect(quantization.usesRMSNorm)
    #expect(quantization.rmsNormEps == 1e-6)
  }

  @Test func `another quantization method is told apart and its keys are left alone`() throws {
    let quantization = try #require(
      try HFConfigTests.config(
        #""quantization_config": {"quant_method": "gptq", "linear_class": 4, "bits": 4}"#
      ).quantization)
    #expect(quantization.method == "gptq")
    #expect(!quantization.isBitNet)
  }

  @Test func `absent keys have the family's defaults`() throws {
    let bitnet = try HFConfigTests.config(#""model_type": "bitnet""#)
    #expect(bitnet.ropeTheta == 500_000)
    #expect(bitnet.rmsNormEps == 1e-5)
    #expect(bitnet.hiddenAct == "relu2")
    #expect(bitnet.kvHeadCount == 20)
    #expect(!bitnet.tiesWordEmbeddings)
    #expect(!bitnet.saysTiesWordEmbeddings)
    let llama = try HFConfigTests.config(#""model_type": "llama""#)
    #expect(llama.ropeTheta == 10_000)
    #expect(llama.rmsNormEps == 1e-6)
    #expect(llama.hiddenAct == "silu")
    #expect(llama.headDim == 128)
    #expect(try HFConfigTests.config(#""model_type": "gemma3_text""#).tiesWordEmbeddings)
    #expect(try HFConfigTests.config(#""model_type": "gemma3_text""#).headDim == 256)
  }

  @Test func `rope parameters are read in the old and the new form`() throws {
    let new = try HFConfigTests.config(#""rope_parameters": {"rope_theta": 1000042, "rope_type": "default"}"#)
    #expect(new.ropeTheta == 1_000_042)
    #expect(new.ropeScaling == nil)
    for (key, type) in [("rope_scaling", "rope_type"), ("rope_scaling", "type"), ("rope_parameters", "rope_type")] {
      let config = try HFConfigTests.config(
        #"""
        "\#(key)": {"\#(type)": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192}
        """#)
      let scaling = try #require(config.ropeScaling)
      #expect(scaling.type == "llama3")
      #expect(scaling.factor == 8)
      #expect([scaling.lowFreqFactor, scaling.highFreqFactor] == [1, 4])
      #expect(scaling.originalMaxPositions == 8192)
    }
  }

  @Test func `null counts as absent, and a list of end tokens as one`() throws {
    let config = try HFConfigTests.config(
      #""rope_scaling": null, "head_dim": null, "eos_token_id": [128001, 128009], "pad_token_id": null"#)
    #expect(config.ropeScaling == nil)
    #expect(config.headDim == 128)
    #expect(config.eosTokenIDs == [128001, 128009])
    #expect(config.padTokenID == nil)
  }

  @Test(arguments: [
    (#""hidden_size": "many""#, "key hidden_size has the wrong type"),
    (#""num_hidden_layers": 0"#, "key num_hidden_layers"),
    (#""num_key_value_heads": 3"#, "a divisor of 20 heads"), (#""num_attention_heads": 7"#, "a divisor of hidden_size"),
    (#""rms_norm_eps": -1"#, "key rms_norm_eps"), (#""vocab_size": 99999999999"#, "key vocab_size"),
    (#""rope_parameters": {"rope_theta": 0}"#, "key rope_parameters.rope_theta"),
    (
      #""quantization_config": {"quant_method": "bitnet", "linear_class": "other"}"#, "quantization_config.linear_class"
    ),
    (#""quantization_config": {}"#, "quantization_config.quant_method is missing"),
  ])
  func `an impossible value is an error that names the key`(entry: String, phrase: String) throws {
    let error = try #require(throws: FormatError.self) { try HFConfigTests.config(entry) }
    #expect(error.description.hasPrefix("config.json: "))
    #expect(error.description.contains(phrase))
  }

  @Test func `a missing size is named`() throws {
    let error = try #require(throws: FormatError.self) { try HFConfig(text: "{}", file: "config.json") }
    #expect(error.code == .missing)
    #expect(error.subject == .key("hidden_size"))
  }

  @Test func `the generation configuration has the real end tokens`() throws {
    let config = try HFGenerationConfig(
      text: #"{"bos_token_id": 128000, "eos_token_id": [128001, 128009], "do_sample": true, "temperature": 0.6}"#,
      file: "generation_config.json")
    #expect(config.eosTokenIDs == [128001, 128009])
    #expect(config.bosTokenID == 128000)
    #expect(config.samples == true)
    #expect(config.temperature == 0.6)
    #expect(config.topK == nil)
  }
}
