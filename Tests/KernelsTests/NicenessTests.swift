#if canImport(Glibc)
import Dispatch
import Glibc
import Kernels
import Synchronization
import Testing

@Suite struct NicenessTests {
  private func niceness() -> Int32 { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }

  @Test(arguments: [0, 4]) func `the threads of a pool step back, and its caller does not`(steps: Int) {
    let pool = ThreadPool(threadCount: 2, niceness: steps)
    let own = niceness()
    let found = Mutex<Int32?>(nil)
    let hasRun = DispatchSemaphore(value: 0)
    pool.forEach(count: 2, grain: 1) { thread, _ in
      if thread == 0 {
        // Leaves the other piece to the worker.
        _ = hasRun.wait(timeout: .now() + 20)
      } else {
        found.withLock { $0 = niceness() }
        hasRun.signal()
      }
    }
    #expect(found.withLock { $0 } == min(19, own + Int32(steps)))
    #expect(niceness() == own)
  }
}
#endif
