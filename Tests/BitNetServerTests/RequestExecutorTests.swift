#if Server && canImport(Glibc)
import BitNetServer
import Glibc
import Testing

@Suite struct RequestExecutorTests {
  private func niceness() async -> Int32 { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }

  @Test func `work that prefers it runs on threads that step back, and comes back`() async {
    let executor = RequestExecutor(threadCount: 2, niceness: 3)
    let own = await niceness()
    let values = await withTaskExecutorPreference(executor) {
      await withTaskGroup(of: Int32.self) { group in
        for _ in 0..<50 { group.addTask { await niceness() } }
        return await group.reduce(into: []) { $0.append($1) }
      }
    }
    #expect(values.count == 50 && Set(values) == [min(19, own + 3)])
    #expect(await niceness() == own)
  }
}
#endif
