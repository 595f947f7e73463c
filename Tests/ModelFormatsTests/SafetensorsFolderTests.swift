import ModelFormats
import TestSupport
import Testing

struct SafetensorsFolderTests {
  static func shard(_ name: String, _ values: [Float]) -> [UInt8] {
    var builder = SafetensorsBuilder()
    builder.add(tensor: name, shape: [values.count], floats: values)
    return builder.build()
  }

  @Test func `a single file needs no index`() throws {
    let folder = try TemporaryFolder()
    try folder.write("model.safetensors", SafetensorsFolderTests.shard("t", [1, 2]))
    #expect(try SafetensorsFolder(folder: folder.path).tensor(named: "t")?.floats() == [1, 2])
  }

  @Test func `shards are opened as the index says`() throws {
    let folder = try TemporaryFolder()
    try folder.write("m-1.safetensors", SafetensorsFolderTests.shard("a", [1]))
    try folder.write("m-2.safetensors", SafetensorsFolderTests.shard("b", [2]))
    try folder.write(
      "model.safetensors.index.json",
      #"{"metadata":{"total_size":8},"weight_map":{"b":"m-2.safetensors","a":"m-1.safetensors"}}"#)
    let opened = try SafetensorsFolder(folder: folder.path + "/")
    #expect(opened.tensors.map(\.name) == ["a", "b"])
    #expect(try opened.tensor(named: "b")?.floats() == [2])
  }

  @Test(arguments: [
    (#"{"weight_map":{"a":"m-1.safetensors","c":"gone.safetensors"}}"#, "gone.safetensors"),
    (#"{"weight_map":{"a":"m-1.safetensors","c":"m-1.safetensors"}}"#, "tensor c is missing"),
    (#"{"weight_map":{"a":"../m-1.safetensors"}}"#, "not a plain file name"),
    (#"{"weight_map":{"a":".."}}"#, "not a plain file name"),
    (#"{"weight_map":{"a":"/etc/passwd"}}"#, "not a plain file name"),
    (#"{"weight_map":{"a":"m-1.safetensors","d":"m-3.safetensors"}}"#, "is also in"),
    (#"{"weight_map":[]}"#, "expected an object"), ("{}", "weight_map is missing"),
  ])
  func `an index that does not fit the folder is refused`(index: String, phrase: String) throws {
    let folder = try TemporaryFolder()
    try folder.write("m-1.safetensors", SafetensorsFolderTests.shard("a", [1]))
    try folder.write("m-3.safetensors", SafetensorsFolderTests.shard("a", [1]))
    try folder.write("model.safetensors.index.json", index)
    let error = try #require(throws: FormatError.self) { try SafetensorsFolder(folder: folder.path) }
    #expect(error.description.contains(phrase))
  }

  @Test func `a folder without weights is refused`() throws {
    let folder = try TemporaryFolder()
    #expect(
      #expect(throws: FormatError.self) { try SafetensorsFolder(folder: folder.path) }?.code == .missing)
  }
}
