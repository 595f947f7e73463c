import CKernels

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The most memory that this process has had so far, in bytes.
package func peakResidentMemory() -> Int {
  var usage = rusage()
  #if canImport(Darwin)
  getrusage(RUSAGE_SELF, &usage)
  return usage.ru_maxrss
  #else
  getrusage(RUSAGE_SELF.rawValue, &usage)
  return usage.ru_maxrss * 1024
  #endif
}

/// Gives the memory of a model that is gone back to the system: glibc keeps what was freed for the next allocations, and a
/// model that is mapped from a file makes none.
package func returnFreedMemory() { ck_return_freed_memory() }
