import Kernels
import ModelFormats
import TestSupport
import Testing

@Suite(.enabled(if: TestFiles.hasSmolLM2, "run scripts/fetch-test-models first"))
struct SmolLM2FileTests {
  private static func fnv(_ floats: [Float]) -> String {
    let hash = floats.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1.bitPattern)) &* 0x100_0000_01B3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Golden values: Tests/Golden/make_dequantize_golden.py (gguf-py 0.19.0).
  @Test func `every tensor is found where gguf-py finds it and decodes to the same floats`() throws {
    let file = try GGUFFile(path: TestFiles.smolLM2)
    let golden = TestFiles.goldenPath("dequantize/smollm2-rows.json")
    let expected = try JSONParser.parse(path: golden).array()
    #expect(expected.count == 272)
    #expect(file.tensors.count == expected.count)
    for (tensor, node) in zip(file.tensors, expected) {
      #expect(tensor.name == (try node.string("name")))
      #expect(tensor.type.rawValue == (try node.string("type")))
      #expect(tensor.shape == (try node.integers("shape")))
      let rows = try #require(try node.integers("rows"))
      let hashes = try rows.map { SmolLM2FileTests.fnv(try tensor.floats(rows: $0..<($0 + 1))) }
      #expect(hashes == (try node.strings("hashes")))
    }
  }

  @Test func `the metadata is that of a Llama with a BPE vocabulary`() throws {
    let file = try GGUFFile(path: TestFiles.smolLM2)
    #expect(try file.requiredString("general.architecture") == "llama")
    #expect(try file.requiredInteger("llama.embedding_length") == 576)
    #expect(try file.requiredInteger("llama.attention.head_count_kv") == 3)
    #expect(try file.requiredFloat("llama.rope.freq_base") == 100_000)
    let tokens = try file.requiredStrings("tokenizer.ggml.tokens")
    #expect(tokens.count == 49152)
    #expect(tokens.string(at: 1) == "<|im_start|>")
    #expect(try file.requiredStrings("tokenizer.ggml.merges").count == 48900)
    #expect(file.tensor(named: "token_embd.weight")?.type == .q8_0)
  }
}
