#if Server
import Dispatch
import Foundation
import Kernels
import Synchronization

/// Threads of their own for understanding requests and writing answers, so that who asks for a moment, as `/health`, does not
/// wait until others' long texts are read.
package final class RequestExecutor: TaskExecutor {
  private let jobs = Jobs()

  /// - Parameters:
  ///   - threadCount: at least 1.
  ///   - niceness: how far the threads step back behind others.
  package init(threadCount: Int, niceness: Int) {
    for _ in 0..<threadCount {
      let thread = Thread { [jobs] in
        stepBack(by: niceness)
        jobs.work()
      }
      thread.name = "bitnet.requests"
      thread.stackSize = 8 << 20
      thread.start()
    }
  }

  deinit { jobs.stop() }

  package func enqueue(_ job: consuming ExecutorJob) {
    jobs.add(UnownedJob(job), asUnownedTaskExecutor())
  }
}

/// What the threads share; they do not retain the executor, so that its end is theirs.
private final class Jobs: Sendable {
  private struct State {
    var waiting: [(job: UnownedJob, executor: UnownedTaskExecutor)] = []
    var isStopped = false
  }

  private let state = Mutex(State())
  private let arrival = DispatchSemaphore(value: 0)

  func add(_ job: UnownedJob, _ executor: UnownedTaskExecutor) {
    state.withLock { $0.waiting.append((job, executor)) }
    arrival.signal()
  }

  func stop() {
    state.withLock { $0.isStopped = true }
    arrival.signal()
  }

  func work() {
    while true {
      arrival.wait()
      let next = state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
      if let next {
        next.job.runSynchronously(on: next.executor)
      } else if state.withLock(\.isStopped) {
        // For the next thread.
        arrival.signal()
        return
      }
    }
  }
}
#endif
