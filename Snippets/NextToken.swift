// Compares the likeliest next token under the three arithmetics of BitLinear.
//
//     swift run -c release NextToken model.gguf "The capital of France is"
import BitNet
import Foundation
import Tokenization

let arguments = CommandLine.arguments
guard arguments.count == 3 else {
  print("usage: NextToken MODEL TEXT")
  exit(64)
}
let loaded = try Model(contentsOf: URL(filePath: arguments[1]))
guard let tokenizer = loaded.tokenizer else {
  print("\(arguments[1]) has no tokenizer")
  exit(1)
}
let tokens = tokenizer.encode(arguments[2])
for mode in QuantizationMode.allCases {
  let logits = try loaded.inMode(mode).makeSession().logits(after: tokens)
  let best = logits.indices.max { logits[$0] < logits[$1] } ?? 0
  print("\(mode.rawValue): \(tokenizer.text(of: best))")
}
