import Kernels
import TestSupport
import Testing

@Suite struct KernelJudgementTests {
  @Test func `every kernel of this processor agrees with the specification`() throws {
    let verification = try KernelVerification()
    #expect(verification.isClean, "\(verification.rows.filter { $0.failures > 0 })")
    #expect(Set(verification.rows.map(\.instructionSet)) == Set(InstructionSet.available))
  }

  /// A layout that does not hold the weights it claims stands in for a kernel that computes something else.
  @Test(.enabled(if: InstructionSet.available.contains(.avx512vbmi), "needs AVX-512 VBMI"))
  func `a product that differs in one weight is refused at load, by name`() throws {
    let compute = try Compute(threads: 2, instructionSet: .avx512vbmi)
    func matrix(_ changed: Bool) -> TernaryMatrix {
      TernaryMatrix(rows: 70, columns: 200, scale: 1, pool: compute.pool) { row, codes in
        for i in codes.indices { codes[i] = UInt8((row + i) % 3) }
        if changed, row == 69 { codes[199] = (codes[199] + 1) % 3 }
      }
    }
    let interleaved = InterleavedMatrix(matrix(false), pool: compute.pool)
    try compute.judge(interleaved, packed: matrix(false), name: "blk.0.attn_q")
    #expect {
      try compute.judge(interleaved, packed: matrix(true), name: "blk.0.attn_q")
    } throws: { error in
      guard case .wrongResult(_, "avx512vbmi", "blk.0.attn_q", 1, _, _) = error as? KernelError else { return false }
      return "\(error)".contains("BITNET_ISA=scalar")
    }
  }
}
