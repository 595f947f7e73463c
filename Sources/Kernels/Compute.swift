package import CKernels

/// Where the arithmetic runs: one instruction set and one pool of threads, shared by every layer of a model.
package final class Compute: Sendable {
  /// The instruction set in use.
  package let instructionSet: InstructionSet
  /// The threads that loops are split between.
  package let pool: ThreadPool
  package let kernels: ck_kernels
  /// Memory for each thread, used only inside a loop of the pool.
  let scratch: [ByteBuffer]

  /// Scratch bytes per thread: a decoded tile stays in the second-level cache.
  static let scratchBytes = 1 << 20

  /// - Parameters:
  ///   - threads: how many threads to use; all processors available to the process when `nil`.
  ///   - niceness: how far the threads step back behind others.
  ///   - instructionSet: forces one; otherwise `InstructionSet.selected()`.
  /// - Throws: `KernelError` when the instruction set cannot run here.
  package init(
    threads: Int? = nil, niceness: Int = 0, instructionSet: InstructionSet? = nil
  ) throws(KernelError) {
    let isa = if let instructionSet { instructionSet } else { try InstructionSet.selected() }
    guard let table = ck_kernels_for(isa.identifier) else {
      throw .unavailableInstructionSet(isa.rawValue, available: InstructionSet.available.map(\.rawValue))
    }
    self.instructionSet = isa
    kernels = table.pointee
    pool = ThreadPool(threadCount: threads ?? ThreadPool.availableProcessors, niceness: niceness)
    scratch = (0..<pool.threadCount).map { _ in ByteBuffer(count: Compute.scratchBytes) }
  }
}
