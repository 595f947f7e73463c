import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

struct GGUFWriterTests {
  static let tensors: [(name: String, shape: [Int], type: TensorType)] = [
    ("a.weight", [3, 5], .f32), ("b.weight", [2, 32], .q8_0), ("c", [7], .f16),
  ]

  static func bytes(_ count: Int, _ seed: UInt8) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0) &+ seed }
  }

  @Test(arguments: [32, 64, 4096])
  func `a file has the bytes that the test builder gives it`(alignment: Int) throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/new.gguf"
    let layout = try GGUFLayout(
      metadata: [("general.name", .string("x")), ("list", .i32s([1, -2])), ("n", .u32(7)), ("on", .bool(true))],
      tensors: GGUFWriterTests.tensors, alignment: alignment, file: path)
    let writer = try GGUFWriter(path: path, layout: layout)
    // In another order, and in pieces.
    try writer.append(SharedBytes(copying: GGUFWriterTests.bytes(14, 9)), to: 2)
    try writer.append(SharedBytes(copying: Array(GGUFWriterTests.bytes(60, 1)[..<11])), to: 0)
    try writer.append(SharedBytes(copying: GGUFWriterTests.bytes(68, 5)), to: 1)
    try writer.append(SharedBytes(copying: Array(GGUFWriterTests.bytes(60, 1)[11...])), to: 0)
    #expect(!FileManager.default.fileExists(atPath: path))
    try writer.finish()

    var builder = GGUFBuilder()
    builder.alignment = alignment
    builder.add("general.name", .string("x"))
    builder.add("list", .i32s([1, -2]))
    builder.add("n", .u32(7))
    builder.add("on", .bool(true))
    if alignment != 32 { builder.add("general.alignment", .u32(UInt32(alignment))) }
    for (tensor, seed) in zip(GGUFWriterTests.tensors, [UInt8(1), 5, 9]) {
      let count = try #require(
        tensor.type.byteCount(rows: tensor.shape.dropLast().reduce(1, *), columns: tensor.shape.last ?? 1))
      builder.add(
        tensor: tensor.name, shape: tensor.shape, type: tensor.type, bytes: GGUFWriterTests.bytes(count, seed))
    }
    let written = try MappedFile(path: path).bytes
    #expect(written.array(0..<written.count) == builder.build())
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["new.gguf"])
  }

  @Test func `a value of another file is copied as it stands`() throws {
    var builder = GGUFBuilder()
    builder.add("u8", .u8(200))
    builder.add("i64", .i64(-5))
    builder.add("f64", .f64(0.1))
    builder.add("bools", .bools([true, false]))
    builder.add("tokens", .byteStrings([[0xFF, 0x00], [], [0x41]]))
    builder.add("floats", .f32s([1.5, -0]))
    let original = try GGUFFile(bytes: SharedBytes(copying: builder.build()), name: "original")
    let layout = try GGUFLayout(
      metadata: original.metadata.map { ($0.key, .copied($0.value)) }, tensors: [], file: "copy")
    #expect(
      layout.header.array(0..<builder.layout().headerEnd) == Array(builder.build()[..<builder.layout().headerEnd]))
  }

  @Test func `a file that is given up leaves nothing, and what was there`() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("model.gguf", "precious")
    do {
      let file = try NewFile(path: path)
      try file.write(SharedBytes(copying: [1, 2, 3]), at: 0)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.gguf"])
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
  }

  @Test func `the rest of a killed run is taken over, and a running one respected`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/model.gguf"
    try folder.write(".model.gguf.partial", String(repeating: "x", count: 1000))
    let file = try NewFile(path: path)
    let error = try #require(throws: FormatError.self) { try NewFile(path: path) }
    #expect(error.code == .unwritable)
    #expect(error.description.contains("another process"))
    try file.write(SharedBytes(copying: [1, 2, 3]), at: 0)
    try file.finish(count: 3)
    let written = try MappedFile(path: path).bytes
    #expect(written.array(0..<written.count) == [1, 2, 3])
  }

  @Test func `a complete file can be read before it has its name`() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("model.gguf", "precious")
    let file = try NewFile(path: path)
    try file.write(SharedBytes(copying: [1, 2, 3]), at: 0)
    try file.complete(count: 3)
    let written = try MappedFile(path: file.partialPath).bytes
    #expect(written.array(0..<written.count) == [1, 2, 3])
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    try file.publish()
    #expect(FileManager.default.contents(atPath: path) == Data([1, 2, 3]))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.gguf"])
  }

  @Test func `the name of a folder or a device is not taken`() throws {
    let folder = try TemporaryFolder()
    let pipe = folder.path + "/pipe"
    try #require(mkfifo(pipe, 0o600) == 0)
    for (path, word) in [(folder.path, "a folder"), (pipe, "not a regular file")] {
      let error = try #require(throws: FormatError.self) { try NewFile(path: path) }
      #expect(error.code == .unwritable && error.description.contains(word), "\(error)")
      #expect(throws: FormatError.self) { try NPYWriter(path: path, rows: 1, columns: 1) }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["pipe"])
  }

  @Test func `a folder that does not exist is named`() throws {
    let error = try #require(throws: FormatError.self) { try NewFile(path: "/nowhere/model.gguf") }
    #expect(error.code == .unwritable)
    #expect(error.description.contains("/nowhere/model.gguf"))
  }

  @Test func `names used twice and shapes that do not fit are refused`() {
    for tensors: [(name: String, shape: [Int], type: TensorType)] in [
      [("a", [2], .f32), ("a", [2], .f32)], [("a", [33], .q8_0)], [(String(repeating: "n", count: 64), [1], .f32)],
    ] {
      #expect(throws: FormatError.self) { try GGUFLayout(metadata: [], tensors: tensors, file: "x") }
    }
  }

  @Test func `a safetensors file is read as it was written`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/model.safetensors"
    let writer = try SafetensorsWriter(path: path, tensors: [("a \"b\"", [2, 3], .u8), ("s", [1], .f32)])
    try writer.append(SharedBytes(copying: [1, 2, 3, 4, 5, 6]), to: 0)
    try writer.append(SharedBytes(copying: [0, 0, 0x80, 0x3F]), to: 1)
    try writer.finish()
    let file = try SafetensorsFile(path: path)
    #expect(file.tensors.map(\.name) == ["a \"b\"", "s"])
    #expect(try file.tensors.map { try $0.floats() } == [[1, 2, 3, 4, 5, 6], [1]])
  }

  @Test(arguments: [#"{"a": [1, -2.5, null, true, "x\n\"\u0001é"], "b": {}, "c": []}"#])
  func `JSON is read as it was written`(text: String) throws {
    let value = try JSONParser.parse(Array(text.utf8), file: "x")
    let again = try JSONParser.parse(value.text(), file: "x")
    #expect(again.text() == value.text())
    #expect(String(decoding: value.text(), as: UTF8.self).contains(#""x\n\"\u0001é""#))
  }
}
