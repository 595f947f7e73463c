#if canImport(Glibc)
import Glibc

/// For Linux a thread is a process, and 0 the one that asks.
private let thread = __priority_which_t(PRIO_PROCESS.rawValue)
#endif

/// Lets the calling thread step back behind others: those that have less to do get a processor at once when they need one.
///
/// On Linux, where every thread has a niceness of its own; elsewhere nothing happens. There libdispatch begins its threads,
/// and with them Swift's tasks, at 0, whatever `nice` the command was started with: a niceness of 0 here gives the thread
/// that of the process back.
///
/// - Parameter niceness: added to the process's own, 0 to 19.
package func stepBack(by niceness: Int) {
  #if canImport(Glibc)
  setpriority(thread, 0, getpriority(thread, id_t(getpid())) + Int32(niceness))
  #endif
}
