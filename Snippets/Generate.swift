// Continues a text, piece by piece.
//
//     swift run -c release Generate model.gguf "The capital of France is"
import BitNet
import Foundation

let arguments = CommandLine.arguments
guard arguments.count == 3 else {
  print("usage: Generate MODEL TEXT")
  exit(64)
}
let model = try Model(contentsOf: URL(filePath: arguments[1]))
let options = GenerationOptions(maximumTokens: 20, sampling: .greedy)
for try await piece in model.generate(arguments[2], options: options) {
  // At once; print would hold it back until the line ends.
  FileHandle.standardOutput.write(Data(piece.utf8))
}
print()
