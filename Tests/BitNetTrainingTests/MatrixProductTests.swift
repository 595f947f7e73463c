#if Training
import Kernels
import TestSupport
import Testing
import TrainingKernels

@Suite struct `Matrix products` {
  private static func random(_ rows: Int, _ columns: Int, _ generator: inout SplitMix) -> FloatMatrix {
    let matrix = FloatMatrix(rows: rows, columns: columns)
    for row in 0..<rows {
      for column in 0..<columns { matrix[row: row][column] = Float.random(in: -1...1, using: &generator) }
    }
    return matrix
  }

  @Test(arguments: [false, true], [false, true])
  func `agree with sums in double precision`(transposesA: Bool, transposesB: Bool) throws {
    var generator = SplitMix(seed: 1)
    let (m, n, k) = (37, 23, 41)
    let a = transposesA ? Self.random(k, m, &generator) : Self.random(m, k, &generator)
    let b = transposesB ? Self.random(n, k, &generator) : Self.random(k, n, &generator)
    let c = Self.random(m, n, &generator)
    let before = (0..<m).map { c.copy(row: $0) }
    let compute = try Compute(threads: 2)
    compute.multiply(
      transposesA ? .transposed(MatrixView(a)) : .plain(MatrixView(a)),
      transposesB ? .transposed(MatrixView(b)) : .plain(MatrixView(b)), scale: 0.5, into: MatrixView(c),
      accumulating: true)
    for i in 0..<m {
      for j in 0..<n {
        var sum = 0.0
        for l in 0..<k {
          sum += Double(transposesA ? a[row: l][i] : a[row: i][l]) * Double(transposesB ? b[row: j][l] : b[row: l][j])
        }
        #expect(abs(Double(c[row: i][j]) - Double(before[i][j]) - 0.5 * sum) < 1e-5)
      }
    }
  }
}
#endif
