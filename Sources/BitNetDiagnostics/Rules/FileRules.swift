/// What could not be read.
extension Rules {
  static let fileRules: [Rule] = [
    problem(
      .incompleteFile, "A file that ends before its tensors do, or that only points to the real one, is no model.",
      [
        "Fetch the files again, and compare sizes and checksums with the source's.",
        "`git lfs pull` fetches what pointers stand for.",
      ]),
    problem(
      .missingTensors, "A graph that lacks a matrix cannot be computed.",
      [
        "Compare the number of blocks in the configuration with the files: `bitnet inspect MODEL`.",
        "If a shard or a block was lost on the way, convert or fetch the model again.",
      ]),
    problem(
      .wrongShapes, "Sizes follow from the configuration; other sizes mean that the two do not belong together.",
      [
        "Compare heads, head size and widths with the source's config.json: `bitnet inspect MODEL`.",
        "Convert again from the folder that holds the weights and their own config.json.",
      ]),
    problem(
      .unknownTensors, "A tensor that the graph leaves out changes what the model says.",
      [
        "If these are sub-norms under a trainer's own names, rename them to attn_sub_norm and ffn_sub_norm.",
        "Otherwise the architecture's label is wrong: compare with the source's config.json.",
      ]),
    problem(
      .ternaryHead, "Embedding and output head are no BitLinear layers: of trits they keep too little.",
      ["Convert again, and keep them in F16, BF16 or Q6_K: `bitnet convert SOURCE -o model.gguf --head f16`."]),
    problem(
      .unusableTensor, "Contents that stand for no numbers were written or read in another format.",
      ["Convert or pack the model again from its source: `bitnet convert SOURCE -o model.gguf`."]),
    problem(
      .unsupported, "What cannot be computed here is not guessed at.",
      ["`bitnet inspect MODEL` shows what the files say; docs/conversion.md says what is supported."]),
    problem(
      .unusableTokenizer, "Text cannot become tokens.",
      ["Take tokenizer.json from the model that this one was made from."]),
  ]

  private static func problem(_ code: Finding.Code, _ principle: String, _ nextSteps: [String]) -> Rule {
    Rule(code, principle) { evidence in
      let problems = evidence.problems.filter { $0.code == code }
      guard !problems.isEmpty else { return nil }
      return Finding(
        code: code, certainty: .certain, tensors: problems.compactMap(\.tensor),
        evidence: shortened(problems.map(\.sentence)), nextSteps: nextSteps)
    }
  }
}
