import CKernels
internal import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif
#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A fixed set of threads that split loops between them.
///
/// A model dispatches a few hundred short loops per token, so waiting workers spin for a moment before they sleep; every
/// spin is bounded, and the caller never waits for a worker that has not begun: when another process holds the core,
/// the caller does the work itself.
package final class ThreadPool: Sendable {
  /// The number of threads that work on a loop, the caller's included.
  package let threadCount: Int
  /// How far the pool's own threads step back behind others, as ``stepBack(by:)`` has it. The caller may want to do the same.
  package let niceness: Int
  private let core: Core
  // One loop at a time: several sessions may share the pool.
  private let turn = Mutex(())

  /// - Parameters:
  ///   - threadCount: the threads to use, the caller's included; at least 1.
  ///   - niceness: how far those of the pool step back behind others.
  package init(threadCount: Int, niceness: Int = 0) {
    self.threadCount = max(1, threadCount)
    self.niceness = niceness
    core = Core()
    for number in 1..<max(1, self.threadCount) {
      core.startWorker(Worker(core: core, number: number, niceness: niceness))
    }
  }

  // The workers retain the core, not the pool: otherwise this would never run.
  deinit { core.stop() }

  /// The processors available to this process, which is fewer than the machine's when it is confined to some.
  package static var availableProcessors: Int { ProcessInfo.processInfo.activeProcessorCount }

  /// Calls `body` with disjoint ranges that cover `0..<count`, each at most `grain` long, on all threads.
  package func forEach(count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    forEach(count: count, grain: grain) { _, range in body(range) }
  }

  /// As ``forEach(count:grain:_:)``; `body` also gets the number of the thread it runs on, `0..<threadCount`, by which it
  /// may choose memory of its own. Loops of other callers wait meanwhile.
  package func forEach(count: Int, grain: Int, _ body: (_ thread: Int, Range<Int>) -> Void) {
    guard count > 0 else { return }
    turn.withLock { _ in
      if threadCount == 1 || count <= grain {
        body(0, 0..<count)
      } else {
        core.run(count: count, grain: max(1, grain), body)
      }
    }
  }

  /// The results of `body` for `0..<count`, in order, computed on all threads.
  package func map<Result>(count: Int, _ body: (Int) -> Result) -> [Result] {
    Array(unsafeUninitializedCapacity: count) { buffer, initialized in
      guard let base = buffer.baseAddress else { return }
      forEach(count: count, grain: grain(for: count)) { range in
        for index in range { (base + index).initialize(to: body(index)) }
      }
      initialized = count
    }
  }

  /// A grain that gives every thread several pieces to balance the load, in multiples of `multiple`.
  package func grain(for count: Int, multiple: Int = 1) -> Int {
    let pieces = threadCount * 4
    let ideal = (count + pieces - 1) / pieces
    return max(multiple, (ideal + multiple - 1) / multiple * multiple)
  }
}

/// What the threads share.
private final class Core: @unchecked Sendable {
  // One word says everything about the current loop, so that joining it is a single compare-and-exchange:
  // bits 0-15 the workers inside, bit 16 whether more may join, the rest the loop's number.
  private let state = Atomic<UInt64>(0)
  private let next = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)
  private let sleepers = Atomic<Int>(0)

  // Written by the caller before the loop opens and read by workers that have joined it.
  private var count = 0
  private var grain = 1
  private var body: ((Int, Range<Int>) -> Void)?

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  private static let open: UInt64 = 1 << 16
  private static let insideMask: UInt64 = (1 << 16) - 1

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func startWorker(_ worker: Worker) {
    let argument = Unmanaged.passRetained(worker).toOpaque()
    #if canImport(Darwin)
    var thread: pthread_t?
    let result = pthread_create(&thread, nil, { enter($0) }, argument)
    let created = thread
    #else
    var thread = pthread_t()
    let result = pthread_create(&thread, nil, { enter($0) }, argument)
    let created: pthread_t? = thread
    #endif
    if result == 0, let created {
      pthread_detach(created)
    } else {
      // The loops still complete: the caller works alone.
      Unmanaged<Worker>.fromOpaque(argument).release()
    }
  }

  func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    wake()
  }

  func run(count: Int, grain: Int, _ body: (Int, Range<Int>) -> Void) {
    withoutActuallyEscaping(body) { body in
      self.count = count
      self.grain = grain
      self.body = body
      next.store(0, ordering: .sequentiallyConsistent)
      let number = (state.load(ordering: .sequentiallyConsistent) >> 17) &+ 1
      state.store((number << 17) | Core.open, ordering: .sequentiallyConsistent)
      if sleepers.load(ordering: .sequentiallyConsistent) > 0 { wake() }
      work(0, body)
      // Nothing is left to take: close the loop and wait for those inside to finish their last piece.
      state.bitwiseAnd(~Core.open, ordering: .sequentiallyConsistent)
      var spins = 0
      while state.load(ordering: .sequentiallyConsistent) & Core.insideMask != 0 {
        spins += 1
        if spins < 2000 { ck_pause() } else { sched_yield() }
      }
      self.body = nil
    }
  }

  private func work(_ thread: Int, _ body: (Int, Range<Int>) -> Void) {
    while true {
      let start = next.add(grain, ordering: .sequentiallyConsistent).oldValue
      guard start < count else { return }
      body(thread, start..<min(start + grain, count))
    }
  }

  fileprivate func serve(_ number: Int) {
    var last: UInt64 = 0
    while !stopping.load(ordering: .sequentiallyConsistent) {
      let current = state.load(ordering: .sequentiallyConsistent)
      if current & Core.open != 0, current >> 17 != last {
        let joined = state.compareExchange(
          expected: current, desired: current + 1, ordering: .sequentiallyConsistent)
        guard joined.exchanged else { continue }
        last = current >> 17
        if let body { work(number, body) }
        state.subtract(1, ordering: .sequentiallyConsistent)
      } else {
        waitForLoop(after: last)
      }
    }
  }

  /// Spins about a hundred microseconds, then yields for a few milliseconds, then sleeps.
  private func waitForLoop(after last: UInt64) {
    func isCalled() -> Bool {
      let current = state.load(ordering: .sequentiallyConsistent)
      return (current & Core.open != 0 && current >> 17 != last) || stopping.load(ordering: .sequentiallyConsistent)
    }
    for _ in 0..<2000 {
      if isCalled() { return }
      ck_pause()
    }
    for _ in 0..<2000 {
      if isCalled() { return }
      sched_yield()
    }
    pthread_mutex_lock(mutex)
    sleepers.add(1, ordering: .sequentiallyConsistent)
    while !isCalled() { pthread_cond_wait(condition, mutex) }
    sleepers.subtract(1, ordering: .sequentiallyConsistent)
    pthread_mutex_unlock(mutex)
  }

  private func wake() {
    pthread_mutex_lock(mutex)
    pthread_cond_broadcast(condition)
    pthread_mutex_unlock(mutex)
  }
}

/// What a thread begins with. It retains the core, so that the last thread to leave frees it.
private final class Worker: Sendable {
  let core: Core
  let number: Int
  let niceness: Int

  init(core: Core, number: Int, niceness: Int) {
    self.core = core
    self.number = number
    self.niceness = niceness
  }
}

private func enter(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  if let argument {
    let worker = Unmanaged<Worker>.fromOpaque(argument).takeRetainedValue()
    stepBack(by: worker.niceness)
    worker.core.serve(worker.number)
  }
  return nil
}
