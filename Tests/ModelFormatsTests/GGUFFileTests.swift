import Kernels
import ModelFormats
import TestSupport
import Testing

func bytes(hex: String) -> [UInt8] {
  hex.split(whereSeparator: \.isWhitespace).compactMap { UInt8($0, radix: 16) }
}

extension GGUFFile {
  /// Reads a built file under the name `test.gguf`.
  init(_ builder: GGUFBuilder, version: UInt32 = 3) throws(FormatError) {
    try self.init(bytes: SharedBytes(copying: builder.build(version: version)), name: "test.gguf")
  }
}

struct GGUFFileTests {
  /// Written by gguf-py 0.19.0, read by hand.
  static let tiny =
    bytes(
      hex: """
        47 47 55 46 03 00 00 00 01 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00 14 00 00 00 00 00 00 00
        67 65 6e 65 72 61 6c 2e 61 72 63 68 69 74 65 63 74 75 72 65 08 00 00 00 0c 00 00 00 00 00 00 00
        62 69 74 6e 65 74 2d 62 31 2e 35 38 18 00 00 00 00 00 00 00 62 69 74 6e 65 74 2d 62 31 2e 35 38
        2e 62 6c 6f 63 6b 5f 63 6f 75 6e 74 04 00 00 00 01 00 00 00 15 00 00 00 00 00 00 00 74 6f 6b 65
        6e 69 7a 65 72 2e 67 67 6d 6c 2e 74 6f 6b 65 6e 73 09 00 00 00 08 00 00 00 02 00 00 00 00 00 00
        00 01 00 00 00 00 00 00 00 61 02 00 00 00 00 00 00 00 62 63 08 00 00 00 00 00 00 00 74 2e 77 65
        69 67 68 74 02 00 00 00 03 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
        00 00 00 00
        """) + [UInt8](repeating: 0, count: 28) + [Float](arrayLiteral: 0, 1, 2, 3, 4, 5).littleEndianBytes

  @Test(arguments: [0, 8]) func `the file that gguf-py wrote is read`(finalPadding: Int) throws {
    let data = GGUFFileTests.tiny + [UInt8](repeating: 0, count: finalPadding)
    let file = try GGUFFile(bytes: SharedBytes(copying: data), name: "tiny.gguf")
    #expect(file.version == 3)
    #expect(file.alignment == 32)
    #expect(
      file.metadata.map(\.key) == [
        "general.architecture", "bitnet-b1.58.block_count", "tokenizer.ggml.tokens",
      ])
    #expect(try file.requiredString("general.architecture") == "bitnet-b1.58")
    #expect(try file.requiredInteger("bitnet-b1.58.block_count") == 1)
    let tokens = try file.requiredStrings("tokenizer.ggml.tokens")
    #expect((0..<tokens.count).map { tokens.string(at: $0) } == ["a", "bc"])
    let tensor = try file.requiredTensor(named: "t.weight")
    #expect(tensor.shape == [2, 3])
    #expect(tensor.type == .f32)
    #expect(try tensor.floats() == [0, 1, 2, 3, 4, 5])
    #expect(try tensor.floats(rows: 1..<2) == [3, 4, 5])
  }

  @Test(arguments: [2, 3] as [UInt32]) func `every kind of value is read in every version`(version: UInt32) throws {
    var builder = GGUFBuilder()
    builder.add("u8", .u8(200))
    builder.add("i8", .i8(-100))
    builder.add("u16", .u16(60_000))
    builder.add("i16", .i16(-30_000))
    builder.add("u32", .u32(4_000_000_000))
    builder.add("i32", .i32(-2_000_000_000))
    builder.add("u64", .u64(.max))
    builder.add("i64", .i64(.min))
    builder.add("f32", .f32(1.5))
    builder.add("f64", .f64(-0.1))
    builder.add("bool", .bool(true))
    builder.add("text", .string("gr\u{FC}n"))
    builder.add("tokens", .byteStrings([[0xFF, 0xFE], [], [0x61]]))
    builder.add("sizes", .u32s([1, 2, 3]))
    builder.add("types", .i32s([-1, 6]))
    builder.add("scores", .f32s([0.5, -2]))
    builder.add("flags", .bools([true, false]))
    let file = try GGUFFile(builder, version: version)
    #expect(file.version == Int(version))
    #expect(try file.integer("u8") == 200)
    #expect(try file.integer("i8") == -100)
    #expect(try file.integer("u16") == 60_000)
    #expect(try file.integer("i16") == -30_000)
    #expect(try file.integer("u32") == 4_000_000_000)
    #expect(try file.integer("i32") == -2_000_000_000)
    #expect(try file.integer("i64") == .min)
    #expect(throws: FormatError.self) { try file.integer("u64") }
    #expect(try file.float("f32") == 1.5)
    #expect(file["f64"]?.number == -0.1)
    #expect(try file.float("u8") == 200)
    #expect(try file.bool("bool") == true)
    #expect(try file.string("text") == "gr\u{FC}n")
    let tokens = try file.requiredStrings("tokens")
    #expect(tokens.count == 3)
    #expect((0..<3).map { tokens[$0] } == [[0xFF, 0xFE], [], [0x61]])
    #expect(try file.integers("sizes") == [1, 2, 3])
    #expect(try file.integers("types") == [-1, 6])
    #expect(try file.integers("u8") == [200])
    #expect(try file.floats("scores") == [0.5, -2])
    #expect(try file.floats("f32") == [1.5])
    #expect(try file.bools("flags") == [true, false])
    #expect(try file.integer("absent") == nil)
  }

  @Test func `a value of the wrong type is an error that names file, key and both types`() throws {
    var builder = GGUFBuilder()
    builder.add("llama.block_count", .string("thirty"))
    let file = try GGUFFile(builder)
    let error = #expect(throws: FormatError.self) { try file.requiredInteger("llama.block_count") }
    #expect(
      error?.description == """
        test.gguf: key llama.block_count has the wrong type: found a string, expected an integer. \
        Convert the model again.
        """)
    #expect(#expect(throws: FormatError.self) { try file.requiredInteger("llama.context_length") }?.code == .missing)
  }

  @Test func `an alignment of its own is kept to`() throws {
    var builder = GGUFBuilder()
    builder.alignment = 64
    builder.add("general.alignment", .u32(64))
    builder.add(tensor: "a", shape: [3], floats: [1, 2, 3])
    builder.add(tensor: "b", shape: [1, 2], floats: [4, 5])
    let file = try GGUFFile(builder)
    #expect(file.alignment == 64)
    #expect(try file.tensors.map { try $0.floats() } == [[1, 2, 3], [4, 5]])
  }

  @Test func `tensors may lie in another order and leave gaps`() throws {
    var builder = GGUFBuilder()
    builder.add(tensor: "late", shape: [2], typeID: 0, bytes: [Float](arrayLiteral: 7, 8).littleEndianBytes, offset: 64)
    builder.add(tensor: "early", shape: [1], typeID: 0, bytes: [Float](arrayLiteral: 1).littleEndianBytes, offset: 0)
    let data = builder.build() + [UInt8](repeating: 0, count: 32)
    let file = try GGUFFile(bytes: SharedBytes(copying: data), name: "test.gguf")
    #expect(try file.requiredTensor(named: "early").floats() == [7])
    #expect(file.tensor(named: "late")?.bytes.count == 8)
  }

  @Test func `an I2_S tensor has its codes and 32 bytes with its scale`() throws {
    var builder = GGUFBuilder()
    let codes: [UInt8] = [0x86, 0x15] + Array(repeating: 0x55, count: 30)
    let trailer = [Float(2)].littleEndianBytes + [UInt8](repeating: 0, count: 28)
    builder.add(tensor: "ternary", shape: [1, 128], type: .i2_s, bytes: codes + trailer)
    builder.add(tensor: "after", shape: [1], floats: [9])
    let file = try GGUFFile(builder)
    let weights = try file.requiredTensor(named: "ternary").floats()
    #expect([weights[0], weights[1], weights[2], weights[32], weights[96]] == [2, -2, 0, -2, 2])
    #expect(try file.requiredTensor(named: "after").floats() == [9])
  }

  @Test func `a vocabulary of 280,000 entries is read without copying it`() throws {
    var builder = GGUFBuilder()
    builder.add("tokenizer.ggml.merges", .strings((0..<280_000).map { "a\($0) b" }))
    let merges = try GGUFFile(builder).requiredStrings("tokenizer.ggml.merges")
    #expect(merges.count == 280_000)
    #expect(merges.string(at: 0) == "a0 b")
    #expect(merges.string(at: 279_999) == "a279999 b")
  }
}
