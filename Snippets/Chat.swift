// Holds a short conversation and stops an answer that takes too long.
//
//     swift run -c release Chat model.gguf
import BitNet
import Foundation

guard CommandLine.arguments.count == 2 else {
  print("usage: Chat MODEL")
  exit(64)
}
let model = try Model(contentsOf: URL(filePath: CommandLine.arguments[1]))
let chat = try ChatSession(model: model, system: "You answer in one sentence.")
for question in ["What is the capital of France?", "And of Italy?"] {
  FileHandle.standardOutput.write(Data("> \(question)\n".utf8))
  let answer = Task {
    for try await piece in chat.respond(to: question, options: GenerationOptions(sampling: .greedy)) {
      // At once; print would hold it back until the line ends.
      FileHandle.standardOutput.write(Data(piece.utf8))
    }
    FileHandle.standardOutput.write(Data("\n".utf8))
  }
  let timeout = Task {
    try await Task.sleep(for: .seconds(10))
    answer.cancel()
  }
  try await answer.value
  timeout.cancel()
}
