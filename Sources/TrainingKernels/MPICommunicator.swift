#if MPI
import CMPI
package import Kernels

/// The processes that `mpirun` started.
package final class MPICommunicator: Communicator {
  package let rank: Int
  package let size: Int
  package let neighbours: Int
  private var requests: [bn_mpi_request] = []
  /// What the requests write to.
  private var pending: [FloatMatrix] = []

  /// Joins the other processes; `nil` where the program was started alone.
  package init?() {
    var rank: Int32 = 0, size: Int32 = 1
    guard bn_mpi_join(&rank, &size) != 0, size > 1 else {
      bn_mpi_leave()
      return nil
    }
    self.rank = Int(rank)
    self.size = Int(size)
    neighbours = Int(bn_mpi_neighbours())
  }

  deinit { bn_mpi_leave() }

  package func beginSum(_ matrix: FloatMatrix) {
    var start = 0
    let count = matrix.rows * matrix.stride
    while start < count {
      let length = min(count - start, 1 << 28)
      var request = bn_mpi_no_request()
      check(bn_mpi_begin_sum(matrix.base + start, Int32(length), &request))
      requests.append(request)
      start += length
    }
    pending.append(matrix)
    // Without a thread of its own, MPI works only when it is called.
    bn_mpi_progress(Int32(requests.count), &requests)
  }

  package func finishSums() {
    check(bn_mpi_wait(Int32(requests.count), &requests))
    requests = []
    pending = []
  }

  package func sum(_ values: [Double]) -> [Double] {
    var result = values
    check(bn_mpi_sum(&result, Int32(result.count)))
    return result
  }

  package func abort(status: Int32) { bn_mpi_abort(status) }

  // MPI's own handler ends the job before a failure is returned; this is for those that were told to return it.
  private func check(_ went: Int32) {
    if went == 0 { bn_mpi_abort(1) }
  }
}
#endif
