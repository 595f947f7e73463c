import Kernels
import Testing

struct TensorTypeTests {
  @Test(arguments: [
    (TensorType.f32, 3, 5, 60), (.f16, 3, 5, 30), (.q4_1, 2, 64, 80), (.q8_0, 1, 32, 34), (.q6_K, 2, 512, 840),
    (.tq1_0, 1, 256, 54), (.tq2_0, 4, 256, 264), (.i2_s, 2, 128, 96), (.i2_s, 2, 192, 128), (.u8, 7, 3, 21),
    (.q4_0, 0, 32, 0),
  ])
  func `a matrix takes whole blocks row by row, and I2_S 32 bytes more`(
    type: TensorType, rows: Int, columns: Int, bytes: Int
  ) {
    #expect(type.byteCount(rows: rows, columns: columns) == bytes)
  }

  @Test(arguments: [
    (TensorType.q4_1, 2, 48), (.q6_K, 4, 128), (.i2_s, 1, 192), (.f32, -1, 4), (.f32, 4, -1), (.f32, .max, 2),
    (.f64, .max / 4, 1), (.i2_s, 1 << 40, 1 << 40),
  ])
  func `a size that no file can have is none`(type: TensorType, rows: Int, columns: Int) {
    #expect(type.byteCount(rows: rows, columns: columns) == nil)
  }

  @Test(arguments: [(TensorType.q4_1, 5.0), (.q8_0, 8.5), (.q6_K, 6.5625), (.tq1_0, 1.6875), (.i2_s, 2), (.bf16, 16)])
  func `bits per weight are those of the format tables`(type: TensorType, bits: Double) {
    #expect(type.bitsPerWeight == bits)
  }
}
