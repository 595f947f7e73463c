import Kernels
import ModelFormats
import TestSupport
import Testing

/// Damaged files are refused or, where only data or names were hit, read: nothing traps, hangs or takes much memory.
/// A trap would end the whole test run, so that to get through is the first thing that these tests show.
struct CorruptionTests {
  private enum Outcome { case refused, accepted }

  private struct Count {
    var refused = 0
    var accepted = 0
    var total: Int { refused + accepted }

    mutating func add(_ outcome: Outcome) {
      switch outcome {
      case .refused: refused += 1
      case .accepted: accepted += 1
      }
    }
  }

  private static func decodeAll(_ tensors: [Tensor]) throws {
    for tensor in tensors { #expect(try tensor.floats().count == tensor.elementCount) }
  }

  private static func readGGUF(_ data: [UInt8]) throws -> Outcome {
    let file: GGUFFile
    do { file = try GGUFFile(bytes: SharedBytes(copying: data), name: "damaged.gguf") } catch {
      #expect(error.description.hasPrefix("damaged.gguf: "))
      return .refused
    }
    try decodeAll(file.tensors)
    for (key, value) in file.metadata {
      _ = (value.integer, value.number, value.text, value.kind, key)
      if case .numbers(let array) = value { _ = (array.integers, array.floats, array.bools) }
      if case .strings(let array) = value { for index in 0..<array.count { _ = array.string(at: index) } }
    }
    return .accepted
  }

  private static func readSafetensors(_ data: [UInt8]) throws -> Outcome {
    let file: SafetensorsFile
    do { file = try SafetensorsFile(bytes: SharedBytes(copying: data), name: "damaged.safetensors") } catch {
      #expect(error.description.hasPrefix("damaged.safetensors: "))
      return .refused
    }
    try decodeAll(file.tensors)
    return .accepted
  }

  /// Changes one to four bytes.
  private static func flipped(_ data: [UInt8], using random: inout SplitMix) -> [UInt8] {
    var copy = data
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      copy[Int.random(in: copy.indices, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
    }
    return copy
  }

  private static func sample() -> GGUFBuilder {
    var random = SplitMix(seed: 1)
    func noise(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) } }
    var builder = GGUFBuilder()
    builder.add("general.architecture", .string("bitnet-b1.58"))
    builder.add("general.alignment", .u32(32))
    builder.add("bitnet-b1.58.block_count", .u32(1))
    builder.add("bitnet-b1.58.rope.freq_base", .f32(10_000))
    builder.add("tokenizer.ggml.add_bos_token", .bool(true))
    builder.add("tokenizer.ggml.tokens", .byteStrings([[0xFF], [], Array("hello".utf8), Array("world".utf8)]))
    builder.add("tokenizer.ggml.scores", .f32s([0, 1, 2, 3]))
    builder.add("flags", .bools([true, false, true]))
    for (name, type, shape) in [
      ("token_embd.weight", TensorType.q8_0, [4, 64]), ("a.weight", .q4_K, [2, 256]), ("b.weight", .tq1_0, [1, 256]),
      ("c.weight", .i2_s, [2, 128]), ("d.weight", .f16, [3, 5]), ("e.weight", .q6_K, [1, 256]), ("f.weight", .f32, [3]),
    ] {
      let bytes = type.byteCount(rows: shape.dropLast().reduce(1, *), columns: shape[shape.count - 1]) ?? 0
      builder.add(tensor: name, shape: shape, type: type, bytes: noise(bytes))
    }
    return builder
  }

  private static let absurd: [UInt64] = [
    .max, 1 << 63, (1 << 63) - 1, (1 << 62) + 1, 1 << 61, 1 << 60, (1 << 60) - 1, 1 << 48, 1 << 40, 1 << 33, 1 << 32,
  ]

  @Test func `a damaged GGUF file is refused or read`() throws {
    let layout = CorruptionTests.sample().layout()
    #expect(try CorruptionTests.readGGUF(layout.bytes) == .accepted)
    let before = peakResidentBytes()

    var truncated = Count()
    for length in 0...layout.headerEnd {
      truncated.add(try CorruptionTests.readGGUF(Array(layout.bytes.prefix(length))))
    }
    for end in layout.tensorEnds {
      truncated.add(try CorruptionTests.readGGUF(Array(layout.bytes.prefix(end - 1))))
    }
    #expect(truncated.accepted == 0)

    var absurd = Count()
    for offset in layout.wideNumbers {
      for number in CorruptionTests.absurd {
        absurd.add(try CorruptionTests.readGGUF(layout.bytes.replacing(at: offset, with: number)))
      }
      // Two neighbours at once: the sizes of a shape, whose product overflows.
      for number in CorruptionTests.absurd where offset + 16 <= layout.headerEnd {
        let pair = layout.bytes.replacing(at: offset, with: number).replacing(at: offset + 8, with: number)
        absurd.add(try CorruptionTests.readGGUF(pair))
      }
    }
    for offset in layout.narrowNumbers {
      for number in [UInt32.max, 1 << 31, 1 << 16, 255] {
        absurd.add(try CorruptionTests.readGGUF(layout.bytes.replacing(at: offset, with: number)))
      }
    }
    #expect(absurd.accepted == 0)

    var flipped = Count()
    var random = SplitMix(seed: 158)
    while flipped.total < 2000 {
      flipped.add(try CorruptionTests.readGGUF(CorruptionTests.flipped(layout.bytes, using: &random)))
    }
    // Header fields make up a third of the file, so either outcome must be common.
    #expect(flipped.refused > 200)
    #expect(flipped.accepted > 200)
    #expect(truncated.total + absurd.total + flipped.total > 2000)
    #expect(peakResidentBytes() - before < 1 << 30)
  }

  @Test func `a damaged safetensors file is refused or read`() throws {
    var builder = SafetensorsBuilder()
    builder.add(metadata: ["format": "pt"])
    builder.add(tensor: "model.a.weight", shape: [4, 8], type: .u8, bytes: Array(0..<32))
    builder.add(tensor: "model.a.weight_scale", shape: [1], type: .bf16, bytes: [0, 0x3F])
    builder.add(tensor: "model.b.weight", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6])
    builder.add(tensor: "ids", shape: [2], type: .i64, bytes: Array(repeating: 1, count: 16))
    let data = builder.build() + []
    #expect(try CorruptionTests.readSafetensors(data) == .accepted)
    let before = peakResidentBytes()

    var truncated = Count()
    for length in data.indices { truncated.add(try CorruptionTests.readSafetensors(Array(data.prefix(length)))) }
    #expect(truncated.accepted == 0)

    var absurd = Count()
    for length in CorruptionTests.absurd {
      absurd.add(try CorruptionTests.readSafetensors(data.replacing(at: 0, with: length)))
    }
    let numbers =
      CorruptionTests.absurd.map(String.init) + ["-1", "1e300", "-1e300", "1.5", "99999999999999999999", "null", "[]"]
    for number in numbers {
      for header in [
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[\(number)],\"data_offsets\":[0,8]}}",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[\(number),\(number)],\"data_offsets\":[0,8]}}",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2,\(number),0],\"data_offsets\":[0,8]}}",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[\(number),8]}}",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,\(number)]}}",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[\(number),\(number)]}}",
        "{\"t\":{\"dtype\":\"U8\",\"shape\":[\(number)],\"data_offsets\":[0,\(number)]}}",
      ] {
        let file = SafetensorsBuilder.file(header: header, data: Array(repeating: 0, count: 8))
        absurd.add(try CorruptionTests.readSafetensors(file))
      }
    }
    #expect(absurd.accepted == 0)

    var flipped = Count()
    var random = SplitMix(seed: 158)
    while flipped.total < 2000 {
      flipped.add(try CorruptionTests.readSafetensors(CorruptionTests.flipped(data, using: &random)))
    }
    #expect(flipped.refused > 200)
    #expect(flipped.accepted > 50)
    #expect(peakResidentBytes() - before < 1 << 30)
  }

  @Test func `damaged JSON is refused or read`() throws {
    let text = Array(
      #"""
      {"architectures": ["BitNetForCausalLM"], "rope_scaling": {"factor": 8.0, "type": "llama3"}, "hidden_size": 2560,
       "intermediate_size": 6912, "num_hidden_layers": 30, "num_attention_heads": 20, "vocab_size": 128256, "x": [1, [2, null]],
       "escapes": "\u00e9\ud83d\ude00\n", "rms_norm_eps": 1e-05, "tie_word_embeddings": true, "eos_token_id": [1, 2]}
      """#.utf8)
    func outcome(_ data: [UInt8]) -> Outcome {
      let parsed = try? JSONParser.parse(data, file: "damaged.json")
      _ = try? HFConfig(text: String(decoding: data, as: UTF8.self), file: "damaged.json")
      return parsed == nil ? .refused : .accepted
    }
    #expect(outcome(text) == .accepted)
    var truncated = Count()
    for length in text.indices { truncated.add(outcome(Array(text.prefix(length)))) }
    #expect(truncated.accepted == 0)
    var flipped = Count()
    var random = SplitMix(seed: 158)
    while flipped.total < 2000 { flipped.add(outcome(CorruptionTests.flipped(text, using: &random))) }
    #expect(flipped.refused > 200)
    #expect(flipped.accepted > 20)
  }
}
