import ModelFormats

/// A vocabulary of any size for models of random weights: valid for every runtime, and of no use for text.
enum SyntheticVocabulary {
  /// Byte-level BPE: the 256 bytes, a few merges, fillers up to the last two, BOS and EOS.
  static func entries(rows: Int) -> [(key: String, value: GGUFNewValue)] {
    let bytes = byteAlphabet()
    let pairs = [("t", "h"), ("th", "e"), ("i", "n"), ("a", "n"), ("an", "d")]
    var tokens = bytes + pairs.map { Array(($0 + $1).utf8) }
    // Llama 3's numbers where they exist, as other programs expect them of this vocabulary's size.
    let special = rows > 128_001 ? 128_000 : rows - 2
    for id in tokens.count..<rows {
      let name = id == special ? "<|begin_of_text|>" : id == special + 1 ? "<|end_of_text|>" : "\u{120}filler\(id)"
      tokens.append(Array(name.utf8))
    }
    let types = (0..<rows).map { $0 == special || $0 == special + 1 ? Int32(3) : 1 }
    return [
      ("tokenizer.ggml.model", .string("gpt2")), ("tokenizer.ggml.pre", .string("llama-bpe")),
      ("tokenizer.ggml.tokens", .byteStrings(tokens)), ("tokenizer.ggml.token_type", .i32s(types)),
      ("tokenizer.ggml.merges", .strings(pairs.map { "\($0) \($1)" })),
      ("tokenizer.ggml.bos_token_id", .u32(UInt32(special))),
      ("tokenizer.ggml.eos_token_id", .u32(UInt32(special + 1))),
      ("tokenizer.ggml.add_bos_token", .bool(true)),
    ]
  }

  /// The characters that stand for the 256 bytes (GPT-2's `bytes_to_unicode`).
  private static func byteAlphabet() -> [[UInt8]] {
    var next: UInt32 = 0x100
    return (UInt32(0)..<256).map { byte in
      let isItself = (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte)
      if !isItself { next += 1 }
      return UnicodeScalar(isItself ? byte : next - 1).map { Array(String(Character($0)).utf8) } ?? []
    }
  }
}
