package import Kernels

/// The processes that train one model together, each with its share of every batch.
///
/// With one number of processes a sum is the same to the bit each time, and the same in all of them.
package protocol Communicator: AnyObject {
  /// The number of this process, from 0.
  var rank: Int { get }
  /// The number of processes.
  var size: Int { get }
  /// The number of them on this machine.
  var neighbours: Int { get }

  /// Begins to replace a matrix by the sum of the processes' matrices; nobody may touch it before ``finishSums()``. All
  /// processes must begin the same sums in the same order.
  func beginSum(_ matrix: FloatMatrix)
  /// Waits for all sums that were begun.
  func finishSums()
  /// The sums of the processes' numbers, place by place.
  func sum(_ values: [Double]) -> [Double]
  /// Ends all processes.
  func abort(status: Int32)
}

/// A process that trains alone.
package final class SingleProcess: Communicator {
  package let rank = 0
  package let size = 1
  package let neighbours = 1

  package init() {}

  package func beginSum(_ matrix: FloatMatrix) {}
  package func finishSums() {}
  package func sum(_ values: [Double]) -> [Double] { values }
  package func abort(status: Int32) {}
}
