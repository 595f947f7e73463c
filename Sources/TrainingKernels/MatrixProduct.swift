package import Kernels

#if canImport(Accelerate)
import Accelerate
#elseif Training
import CDNNL
import Glibc
#endif

/// A matrix as a factor of a product, as it is or transposed.
package struct Factor {
  let view: MatrixView
  let isTransposed: Bool

  /// The matrix itself.
  package static func plain(_ view: MatrixView) -> Factor { Factor(view: view, isTransposed: false) }

  /// Its transpose.
  package static func transposed(_ view: MatrixView) -> Factor { Factor(view: view, isTransposed: true) }

  var rows: Int { isTransposed ? view.columns : view.rows }
  var columns: Int { isTransposed ? view.rows : view.columns }
}

extension Compute {
  /// `c = scale * a b`, or `c += scale * a b`, the rows or the columns of `c` split between the threads.
  ///
  /// The order of every sum is the library's for these sizes; the pieces do not depend on how busy the threads are, so that
  /// the same call gives the same bits again.
  package func multiply(_ a: Factor, _ b: Factor, scale: Float = 1, into c: MatrixView, accumulating: Bool = false) {
    precondition(a.columns == b.rows && c.rows == a.rows && c.columns == b.columns, "factors that do not fit")
    // Every piece packs the factor that is not split anew: split the larger one, into few.
    if c.rows >= c.columns {
      pool.forEach(count: c.rows, grain: grain(c.rows)) { range in
        multiplyOnThisThread(a.rows(range), b, scale: scale, into: c.rows(range), accumulating: accumulating)
      }
    } else {
      pool.forEach(count: c.columns, grain: grain(c.columns)) { range in
        multiplyOnThisThread(a, b.columns(range), scale: scale, into: c.columns(range), accumulating: accumulating)
      }
    }
  }

  /// Two pieces for each thread where they are large, so that one that is held up does not hold up all.
  private func grain(_ count: Int) -> Int {
    let pieces = count >= 512 * pool.threadCount ? 2 * pool.threadCount : pool.threadCount
    return max(16, ((count + pieces - 1) / pieces + 15) / 16 * 16)
  }
}

/// The product on the calling thread alone.
package func multiplyOnThisThread(
  _ a: Factor, _ b: Factor, scale: Float = 1, into c: MatrixView, accumulating: Bool = false
) {
  precondition(a.columns == b.rows && c.rows == a.rows && c.columns == b.columns, "factors that do not fit")
  guard c.rows > 0, c.columns > 0, a.columns > 0 else { return }
  #if canImport(Accelerate)
  cblas_sgemm(
    CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
    Int32(c.rows), Int32(c.columns), Int32(a.columns), scale, a.view.base, Int32(a.view.stride), b.view.base,
    Int32(b.view.stride), accumulating ? 1 : 0, c.base, Int32(c.stride))
  #elseif Training
  OneThread.prepare()
  let status = dnnl_sgemm(
    a.isTransposed ? 0x54 : 0x4E, b.isTransposed ? 0x54 : 0x4E, dnnl_dim_t(c.rows), dnnl_dim_t(c.columns),
    dnnl_dim_t(a.columns), scale, a.view.base, dnnl_dim_t(a.view.stride), b.view.base, dnnl_dim_t(b.view.stride),
    accumulating ? 1 : 0, c.base, dnnl_dim_t(c.stride))
  precondition(status == dnnl_success, "dnnl_sgemm refused \(c.rows) x \(c.columns) x \(a.columns)")
  #else
  preconditionFailure("built without the trait Training")
  #endif
}

#if !canImport(Accelerate) && Training
/// oneDNN brings OpenMP's threads; ours call it side by side instead, so each is told to stay alone.
private enum OneThread {
  private static let setThreads: (@convention(c) (Int32) -> Void)? = dlsym(nil, "omp_set_num_threads")
    .map { unsafeBitCast($0, to: (@convention(c) (Int32) -> Void).self) }

  /// OpenMP keeps the number per thread.
  static func prepare() { setThreads?(1) }
}
#endif

extension Factor {
  /// The rows of the factor, which are columns of a transposed matrix.
  func rows(_ range: Range<Int>) -> Factor {
    Factor(view: isTransposed ? view.columns(range) : view.rows(range), isTransposed: isTransposed)
  }

  /// The columns of the factor, which are rows of a transposed matrix.
  func columns(_ range: Range<Int>) -> Factor {
    Factor(view: isTransposed ? view.rows(range) : view.columns(range), isTransposed: isTransposed)
  }
}
