import Kernels
import ModelFormats
import TestSupport
import Testing

extension SafetensorsFile {
  /// Reads bytes under the name `test.safetensors`.
  init(_ bytes: [UInt8]) throws(FormatError) {
    try self.init(bytes: SharedBytes(copying: bytes), name: "test.safetensors")
  }
}

struct SafetensorsFileTests {
  /// Written by safetensors 0.8.0: a packed ternary matrix and its scale.
  static let tiny: [UInt8] =
    [0xA0, 0, 0, 0, 0, 0, 0, 0]
    + Array(
      (#"{"__metadata__":{"format":"pt"},"a.weight_scale":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},"#
        + #""a.weight":{"dtype":"U8","shape":[2,2],"data_offsets":[2,6]}} "#).utf8) + [0x00, 0x3E, 0, 1, 2, 3]

  @Test func `the file that safetensors wrote is read`() throws {
    #expect(SafetensorsFileTests.tiny.count == 174)
    let file = try SafetensorsFile(SafetensorsFileTests.tiny)
    #expect(file.metadata.map(\.key) == ["format"])
    #expect(file.metadata.map(\.value) == ["pt"])
    #expect(file.tensors.map(\.name) == ["a.weight_scale", "a.weight"])
    #expect(try file.tensor(named: "a.weight_scale")?.floats() == [1.5])
    #expect(try file.tensor(named: "a.weight")?.floats() == [0, 1, 2, 3])
    #expect(file.tensor(named: "a.weight")?.shape == [2, 2])
  }

  @Test(arguments: [
    ("F64", 8, TensorType.f64), ("F32", 4, .f32), ("F16", 2, .f16), ("BF16", 2, .bf16), ("I64", 8, .i64),
    ("I32", 4, .i32),
    ("I16", 2, .i16), ("I8", 1, .i8), ("U8", 1, .u8), ("BOOL", 1, .u8),
  ])
  func `every element type is read`(dtype: String, size: Int, type: TensorType) throws {
    var builder = SafetensorsBuilder()
    builder.add(tensor: "t", shape: [3, 2], dtype: dtype, bytes: Array(repeating: 0, count: 6 * size))
    builder.add(tensor: "empty", shape: [0], dtype: dtype, bytes: [])
    builder.add(tensor: "scalar", shape: [], dtype: dtype, bytes: Array(repeating: 0, count: size))
    let file = try SafetensorsFile(builder.build())
    #expect(file.tensor(named: "t")?.type == type)
    #expect(try file.tensor(named: "t")?.floats() == Array(repeating: 0, count: 6))
    #expect(try file.tensor(named: "empty")?.floats() == [])
    #expect(try file.tensor(named: "scalar")?.floats() == [0])
  }

  /// Headers for 8 bytes of data, and what the error must say.
  @Test(arguments: [
    (#"{"t":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}"#, "found F8_E4M3"),
    (
      #"{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"t":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}"#,
      "second"
    ),
    (#"{"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, "needs 12 bytes"),
    (#"{"t":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, "no range"),
    (#"{"t":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}"#, "no range"),
    (#"{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}"#, "no range"),
    (#"{"t":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}"#, "negative"),
    (#"{"t":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#, "impossible shape"),
    (#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, "gap"),
    (#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, "4 bytes behind"),
    (
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
      "overlaps"
    ),
    (#"{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#, "but the file has 8"),
    (#"{"t":{"dtype":"F32","shape":[2]}}"#, "t.data_offsets is missing"),
    (#"{"t":{"dtype":4,"shape":[2],"data_offsets":[0,8]}}"#, "key t.dtype has the wrong type"),
    (#"{"t":[]}"#, "dtype is missing"),
    (#"{"__metadata__":{"format":1}}"#, "__metadata__.format"),
    (#"{"t":"#, "not valid JSON"),
  ])
  func `a header that contradicts the format is refused`(header: String, phrase: String) throws {
    let data = SafetensorsBuilder.file(header: header, data: Array(repeating: 0, count: 8))
    let error = try #require(throws: FormatError.self) { try SafetensorsFile(data) }
    #expect(error.description.contains(phrase))
  }

  @Test(arguments: [
    ("version https://git-lfs.github.com/spec/v1", "git lfs pull"), ("GGUF\u{3}\0\0\0\0\0\0\0", "a GGUF file"),
    ("PK\u{3}\u{4}aaaaaaaa", "zip archive"), ("\u{10}\0\0\0\0\0\0\0[", "not a safetensors"), ("abc", "needs 8 bytes"),
  ])
  func `another kind of file is called what it is`(content: String, phrase: String) throws {
    let error = try #require(throws: FormatError.self) { try SafetensorsFile(Array(content.utf8)) }
    #expect(error.description.contains(phrase))
  }
}
