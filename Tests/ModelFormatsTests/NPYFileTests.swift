import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

/// NumPy's files: `Tests/Golden/make_comparison_golden.py`.
@Suite struct NPYFileTests {
  private struct Golden: Decodable {
    let array: [[Float]]
  }

  private static let array = [Float](stride(from: -5.5, through: 5.5, by: 1))

  private static func path(_ name: String) -> String { TestFiles.goldenPath("comparison/\(name).npy") }

  @Test func `the array is the golden one`() throws {
    let data = try Data(contentsOf: URL(filePath: TestFiles.goldenPath("comparison/golden.json")))
    #expect(try JSONDecoder().decode(Golden.self, from: data).array.flatMap(\.self) == NPYFileTests.array)
  }

  @Test(arguments: [
    ("f2", [3, 4]), ("f4", [3, 4]), ("f8", [3, 4]), ("version2", [3, 4]), ("version3", [3, 4]),
    ("three-dimensions", [1, 3, 4]), ("one-dimension", [4]),
  ])
  func `what numpy writes is read`(name: String, shape: [Int]) throws {
    let tensor = try NPYFile(path: NPYFileTests.path(name)).tensor
    #expect(tensor.shape == shape)
    #expect(try tensor.floats() == Array(NPYFileTests.array.prefix(shape.reduce(1, *))))
  }

  @Test(arguments: [
    ("refused-fortran", "Fortran order"), ("refused-big-endian", "found >f4, expected <f2, <f4 or <f8"),
    ("refused-integers", "found <i4"),
  ])
  func `what is not read is refused with its reason`(name: String, words: String) throws {
    let error = try #require(throws: FormatError.self) { try NPYFile(path: NPYFileTests.path(name)) }
    #expect(error.code == .unsupportedType)
    #expect(error.description.contains(words), "\(error)")
  }

  private static func file(_ dictionary: String, data: Int = 48) -> [UInt8] {
    var bytes = LittleEndianBytes()
    bytes.append([0x93] + Array("NUMPY".utf8) + [1, 0])
    bytes.append(UInt16(dictionary.utf8.count))
    bytes.append(Array(dictionary.utf8))
    bytes.append([UInt8](repeating: 0, count: data))
    return bytes.bytes
  }

  @Test(arguments: [
    "", "{", "{'descr': '<f4'", "{'descr': '<f4', 'fortran_order': False}",
    "{'descr': '<f4', 'fortran_order': 0, 'shape': (3, 4)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (3, -4)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': 12}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9223372036854775807)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5)}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4)}",
    "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (3,)}", "{'other': 'x'}",
  ])
  func `a header that cannot be right is refused`(dictionary: String) {
    #expect(throws: FormatError.self) {
      try NPYFile(bytes: SharedBytes(copying: NPYFileTests.file(dictionary)), name: "test.npy")
    }
  }

  @Test func `a header by another program is read`() throws {
    let bytes = NPYFileTests.file("{\"shape\":(3,4),\"descr\":\"<f4\",\"fortran_order\":False}")
    #expect(try NPYFile(bytes: SharedBytes(copying: bytes), name: "test.npy").tensor.shape == [3, 4])
  }

  @Test func `no damage to a file is fatal`() throws {
    let bytes = try TestFiles.goldenBytes("comparison/f4.npy")
    for count in 0..<bytes.count {
      #expect(throws: FormatError.self) {
        try NPYFile(bytes: SharedBytes(copying: Array(bytes.prefix(count))), name: "short.npy")
      }
    }
    var random = SplitMix(seed: 3)
    for _ in 0..<20_000 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        damaged[Int.random(in: 0..<128, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      if let file = try? NPYFile(bytes: SharedBytes(copying: damaged), name: "damaged.npy") {
        #expect(try file.tensor.floats().count == file.tensor.elementCount)
      }
    }
  }

  @Test func `what is written is byte for byte what numpy writes`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/f4.npy"
    let writer = try NPYWriter(path: path, rows: 3, columns: 4)
    for row in 0..<3 {
      #expect(!FileManager.default.fileExists(atPath: path))
      try writer.append(row: Array(NPYFileTests.array[row * 4..<row * 4 + 4]))
    }
    try writer.finish()
    #expect([UInt8](try Data(contentsOf: URL(filePath: path))) == (try TestFiles.goldenBytes("comparison/f4.npy")))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["f4.npy"])
  }

  @Test func `a writer that is given up leaves nothing behind`() throws {
    let folder = try TemporaryFolder()
    do {
      let writer = try NPYWriter(path: folder.path + "/x.npy", rows: 2, columns: 1)
      try writer.append(row: [1])
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    #expect(throws: FormatError.self) { try NPYWriter(path: folder.path + "/none/x.npy", rows: 1, columns: 1) }
  }
}
