import BitNet

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A model whose text is a known function of the position, and whose confidence falls with the distance from what is known.
struct MockModel {
  static let vocabularySize = 17
  static let mask = 16

  let blockSize: Int
  /// A token that stands in the text at a position, such as the end.
  var exceptions: [Int: Int] = [:]
  /// A position where the mask token has the highest logit.
  var echoedAt: Int?
  private var sequence: [Int: Int] = [:]

  init(blockSize: Int) { self.blockSize = blockSize }

  func token(at position: Int) -> Int { exceptions[position] ?? (7 * position + 3) % 13 }

  func text(_ positions: Range<Int>) -> [Int] { positions.map(token(at:)) }

  private func distance(_ position: Int) -> Int {
    let isKnown = { sequence[$0] ?? Self.mask != Self.mask }
    let left = (0..<position).last(where: isKnown).map { position - $0 } ?? .max
    let block = position / blockSize * blockSize
    let right =
      (position + 1..<max(position + 1, block + blockSize)).first(where: isKnown).map { $0 - position } ?? .max
    return min(left, right)
  }

  /// The logits of the rows that a pass asks for.
  mutating func logits(of pass: BlockDiffusionPass) -> [[Float]] {
    let positions = pass.parts.flatMap { part in part.tokens.indices.map { part.start + $0 } }
    for (position, token) in zip(positions, pass.parts.flatMap(\.tokens)) { sequence[position] = token }
    return pass.logitRows.map { row in
      let position = positions[row] + 1
      var logits = [Float](repeating: 0, count: Self.vocabularySize)
      logits[token(at: position)] = (position % 3 == 0 ? 5 : 10) / Float(distance(position))
      logits[Self.mask] = position == echoedAt ? 100 : -.infinity
      return logits
    }
  }

  /// Decodes to the end.
  ///
  /// - Returns: one entry per pass, such as `F 5 7`: its kind and the positions revealed; and the output.
  mutating func decode(_ decoder: inout BlockDiffusionDecoder) -> (trace: [String], output: [Int]) {
    var trace: [String] = []
    var output: [Int] = []
    while let pass = decoder.nextPass() {
      let step = decoder.accept(logits(of: pass), of: pass)
      let kind = [.prefill: "P", .full: "F", .subBlock: "S", .commit: "C"][pass.kind] ?? ""
      let revealed = step.predictions.filter(\.isRevealed).map { "\($0.position)" }
      trace.append(([kind] + revealed).joined(separator: " "))
      output += step.committed
    }
    return (trace, output)
  }
}
