#if canImport(Glibc)
import Glibc

/// For Linux a thread is a process, and 0 the one that asks.
private let thread = __priority_which_t(PRIO_PROCESS.rawValue)
#endif

/// Lets the calling thread step back behind others: those that have less to do get a processor at once when they need one.
///
/// On Linux, where every thread has a niceness of its own; elsewhere nothing happens.
///
/// - Parameter niceness: added to the thread's own, 0 to 19.
package func stepBack(by niceness: Int) {
  #if canImport(Glibc)
  if niceness > 0 { setpriority(thread, 0, getpriority(thread, 0) + Int32(niceness)) }
  #endif
}
