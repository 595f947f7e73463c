import Kernels
import ModelFormats
import TestSupport
import Testing

struct GGUFSplitTests {
  static func part(_ number: Int, of count: Int, tensors: Int = 3) -> [UInt8] {
    var builder = GGUFBuilder()
    if number == 0 { builder.add("general.architecture", .string("llama")) }
    builder.add("split.no", .u16(UInt16(number)))
    builder.add("split.count", .u16(UInt16(count)))
    builder.add("split.tensors.count", .i32(Int32(tensors)))
    builder.add(tensor: "t\(number)", shape: [2], floats: [Float(number), 1])
    return builder.build()
  }

  @Test(arguments: 1...3) func `naming any part opens the whole model`(named: Int) throws {
    let folder = try TemporaryFolder()
    for number in 0..<3 {
      try folder.write("m-0000\(number + 1)-of-00003.gguf", GGUFSplitTests.part(number, of: 3))
    }
    let file = try GGUFFile(path: "\(folder.path)/m-0000\(named)-of-00003.gguf")
    #expect(file.tensors.map(\.name) == ["t0", "t1", "t2"])
    #expect(try file.requiredTensor(named: "t2").floats() == [2, 1])
    #expect(try file.requiredString("general.architecture") == "llama")
  }

  @Test func `a missing part is named`() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("m-00001-of-00002.gguf", GGUFSplitTests.part(0, of: 2, tensors: 2))
    let error = #expect(throws: FormatError.self) { try GGUFFile(path: path) }
    #expect(error?.code == .missing)
    #expect(error?.description.contains("m-00002-of-00002.gguf") == true)
  }

  @Test func `a part in memory cannot find the others and says which it is`() throws {
    let data = SharedBytes(copying: GGUFSplitTests.part(1, of: 3))
    let error = #expect(throws: FormatError.self) { try GGUFFile(bytes: data, name: "memory") }
    #expect(error?.description.contains("part 2 of 3") == true)
  }

  @Test func `a part under a wrong name, or of another model, is refused`() throws {
    let folder = try TemporaryFolder()
    let renamed = try folder.write("model.gguf", GGUFSplitTests.part(0, of: 2))
    #expect(#expect(throws: FormatError.self) { try GGUFFile(path: renamed) }?.code == .malformed)
    let swapped = try folder.write("m-00001-of-00002.gguf", GGUFSplitTests.part(0, of: 2, tensors: 2))
    try folder.write("m-00002-of-00002.gguf", GGUFSplitTests.part(0, of: 2, tensors: 2))
    #expect(#expect(throws: FormatError.self) { try GGUFFile(path: swapped) }?.subject == .key("split.no"))
    try folder.write("m-00002-of-00002.gguf", GGUFSplitTests.part(1, of: 2, tensors: 3))
    let wrongTotal = try folder.write("m-00001-of-00002.gguf", GGUFSplitTests.part(0, of: 2, tensors: 3))
    #expect(
      #expect(throws: FormatError.self) { try GGUFFile(path: wrongTotal) }?.subject == .key("split.tensors.count"))
  }
}
