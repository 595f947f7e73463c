import Foundation
import Kernels
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Bytes that end where a page ends that nobody may read, as those of the last tensor of a mapped file may.
private final class GuardedBytes: Sendable {
  private let count: Int
  private nonisolated(unsafe) let base: UnsafeMutableRawPointer

  /// The bytes; they live as long as the object does.
  var bytes: SharedBytes { SharedBytes(owner: self, baseAddress: base + (room - count), count: count) }
  private let room: Int
  private let page: Int

  init?(_ bytes: [UInt8]) {
    page = Int(getpagesize())
    count = bytes.count
    room = (bytes.count + page - 1) / page * page
    guard let mapped = mmap(nil, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      mapped != MAP_FAILED
    else { return nil }
    base = mapped
    bytes.withUnsafeBytes {
      (base + (room - count)).copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(base), byteCount: count)
    }
    guard mprotect(base + room, page, PROT_NONE) == 0 else { return nil }
  }

  deinit { munmap(base, room + page) }
}

/// A kernel that reads a vector too much works on almost every file, and ends the program on one whose last tensor ends
/// with a page. So would these tests.
@Suite struct GuardPageTests {
  private static let types: [TensorType] = TensorType.allCases.filter { $0.isFloat }

  @Test(arguments: InstructionSet.available, GuardPageTests.types)
  func `no product reads behind the end of encoded weights`(isa: InstructionSet, type: TensorType) throws {
    let compute = try Compute(threads: 2, instructionSet: isa)
    for (rows, blocks) in [(1, 1), (3, 2), (17, 3), (33, 5)] {
      // Widths that leave tails of vectors, where the encoding allows them.
      let columns = type.isPlain ? 26 * blocks * blocks + 1 : type.blockElements * blocks
      let size = try #require(type.byteCount(rows: rows, columns: columns))
      let guarded = try #require(GuardedBytes([UInt8](repeating: 0x11, count: size)))
      let matrix = EncodedMatrix(type: type, rows: rows, columns: columns, bytes: guarded.bytes)
      for tokens in [1, 2, 3, 4, 5, 8, 13, 33] {
        let input = FloatMatrix(rows: tokens, columns: columns), output = FloatMatrix(rows: tokens, columns: rows)
        for token in 0..<tokens { input[row: token].update(repeating: 1) }
        compute.multiply(matrix, input, rows: tokens, into: output)
        #expect(output[row: tokens - 1][rows - 1] == output[row: 0][rows - 1], "\(rows) x \(columns), \(tokens) tokens")
      }
      #expect(compute.ternarize(matrix).matrix.rows == rows)
    }
  }

  @Test(arguments: InstructionSet.available, [128, 384, 640])
  func `no product reads behind the end of packed trits`(isa: InstructionSet, columns: Int) throws {
    let compute = try Compute(threads: 2, instructionSet: isa)
    for rows in [1, 3, 16, 17, 33] {
      // Without the trailer of I2_S: stricter than any file.
      let guarded = try #require(GuardedBytes([UInt8](repeating: 0b00_01_10_01, count: rows * columns / 4)))
      let matrix = TernaryMatrix(rows: rows, columns: columns, packed: guarded.bytes, scale: 1)
      for tokens in [1, 2, 3, 4, 5, 8, 13, 33] {
        let input = FloatMatrix(rows: tokens, columns: columns), output = FloatMatrix(rows: tokens, columns: rows)
        for token in 0..<tokens { input[row: token].update(repeating: 1) }
        let quantized = QuantizedRows(capacity: tokens, columns: columns)
        compute.quantize(input, rows: tokens, into: quantized)
        compute.multiply(matrix, quantized: quantized, rows: tokens, into: output)
        #expect(output[row: tokens - 1][rows - 1] == output[row: 0][rows - 1])
        compute.multiply(matrix, input, rows: tokens, into: output)
        #expect(output[row: tokens - 1][rows - 1] == output[row: 0][rows - 1])
      }
    }
  }
}

extension TensorType {
  fileprivate var isFloat: Bool { ![.i8, .i16, .i32, .i64, .u8].contains(self) }
}
