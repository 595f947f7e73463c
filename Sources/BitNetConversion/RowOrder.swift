/// How the rows of the query and key projections are ordered, which differs between the two ways of writing the rotary
/// embedding: pairs of neighbours (GGUF's `llama`) or of the two halves of a head (Hugging Face, and all others).
enum RowOrder {
  /// For every row of the interleaved order, the row of the half-split one: row `2i + s` of a head was row
  /// `s * headSize / 2 + i` (llama.cpp, `LlamaModel.permute`).
  static func interleaving(heads: Int, headSize: Int) -> [Int] {
    (0..<heads * headSize).map { row in
      let (head, inside) = row.quotientAndRemainder(dividingBy: headSize)
      return head * headSize + inside % 2 * (headSize / 2) + inside / 2
    }
  }

  /// For every row of the half-split order, the row of the interleaved one.
  static func separating(heads: Int, headSize: Int) -> [Int] {
    var order = Array(repeating: 0, count: heads * headSize)
    for (new, old) in interleaving(heads: heads, headSize: headSize).enumerated() { order[old] = new }
    return order
  }
}
