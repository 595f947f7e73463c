import ArgumentParser
import BitNet
import Foundation
import Tokenization
@main
struct BitNetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "bitnet", abstract: "Toolkit for 1.58-bit language models.")
  @Argument var model: String
  @Option var mode: String = "none"
  func run() async throws {
    let t0 = Date()
    let m = try Model(contentsOf: URL(filePath: model), options: .init(mode: QuantizationMode(rawValue: mode)))
    print("load", Date().timeIntervalSince(t0))
    let s = m.makeSession()
    let t1 = Date()
    let summary = try s.generate([504, 3575, 282, 4649, 314], options: .init(maximumTokens: 60, sampling: .greedy)) { t in print(m.tokenizer!.text(of: t), terminator: "") }
    print(summary, Double(summary.generatedTokens) / summary.generationSeconds)
    let t2 = Date()
    let logits = try m.makeSession().logits(after: Array(repeating: 504, count: 500))
    print("pp500", Date().timeIntervalSince(t2), logits[0])
  }
}
