import Kernels
import Testing

@Suite struct InvalidTritsTests {
  @Test(arguments: 0..<4, [0, 7, 8, 16])
  func `the code 3 is found in every place`(lane: Int, index: Int) {
    // 0, 1, 2 side by side, also as 1 before 2, whose bits touch.
    var bytes = [UInt8](repeating: 0b00_01_10_01, count: 17)
    #expect(!SharedBytes(copying: bytes).holdsInvalidTrits(inFirst: 17))
    bytes[index] |= 3 << UInt8(2 * lane)
    #expect(SharedBytes(copying: bytes).holdsInvalidTrits(inFirst: 17))
    #expect(!SharedBytes(copying: bytes).holdsInvalidTrits(inFirst: index))
  }
}
