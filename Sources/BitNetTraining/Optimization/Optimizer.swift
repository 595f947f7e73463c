package import Kernels

/// Changes weights by their gradients.
package protocol Optimizer: AnyObject {
  /// The steps taken.
  var stepCount: Int { get set }
  /// What the next step depends on besides weights, gradients and `stepCount`: saved with a checkpoint and restored to the bit.
  var state: [(name: String, matrix: FloatMatrix)] { get }

  /// One step over all parameters.
  ///
  /// - Parameters:
  ///   - factor: what the schedule makes of each group's peak rate.
  ///   - decay: what the recipe makes of the weight decay.
  func step(factor: Double, decay: Double, on compute: Compute)
}
