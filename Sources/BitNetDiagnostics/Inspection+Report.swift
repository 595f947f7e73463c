import BitNet

extension Inspection {
  /// The inspection as a page of text.
  ///
  /// - Parameters:
  ///   - listsTensors: every tensor, instead of their types only.
  ///   - style: whether titles are marked for a terminal.
  public func report(listsTensors: Bool = false, style: ReportStyle = .plain) -> String {
    var lines = ["\(singleLine(path))  (\(format))", ""]
    if let problem { lines += wrapped("cannot be run here: \(singleLine(problem))", first: "! ", rest: "  ") + [""] }
    if let model { lines += section(style.strong("MODEL"), model) }
    if !storage.isEmpty { lines += storageLines(style) }
    if let tokenizer { lines += section(style.strong("TOKENIZER"), tokenizer) }
    if let training { lines += section(style.strong("TRAINING"), training.entries) }
    for note in notes { lines += wrapped("note: \(singleLine(note))", first: "", rest: "  ") }
    if !notes.isEmpty { lines.append("") }
    lines += section(
      style.strong("METADATA"), metadata.map { Metadata(key: singleLine($0.key), value: Inspection.line($0.value)) })
    if tensors.isEmpty {
      while lines.last == "" { lines.removeLast() }
    } else if listsTensors {
      var table = TextTable(["tensor", "type", "shape", "bytes"], [.left, .left, .right, .right])
      for tensor in tensors {
        table.add([
          singleLine(tensor.name), tensor.type, tensor.shape.map(String.init).joined(separator: "×"), "\(tensor.bytes)",
        ])
      }
      lines += [style.strong("TENSORS")] + table.lines
    } else {
      lines.append("\(tensors.count) tensors; list them with --tensors")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func storageLines(_ style: ReportStyle) -> [String] {
    var table = TextTable(["type", "tensors", "elements", "MB"], [.left, .right, .right, .right])
    for entry in storage {
      table.add([entry.type, "\(entry.tensors)", "\(entry.elements)", fixed(Double(entry.bytes) / 1e6, 2)])
    }
    let mode = declaredMode.map {
      $0 == .bitLinear ? "; declares itself a BitNet" : "; declares no ternary arithmetic"
    }
    return [style.strong("STORAGE")] + table.lines
      + ["  \(fixed(bitsPerWeight, 2)) bits per weight" + (mode ?? ""), ""]
  }

  private func section(_ title: String, _ entries: [Metadata]) -> [String] {
    let width = entries.map(\.key.count).max() ?? 0
    return [title]
      + entries.map { "  \($0.key)\(String(repeating: " ", count: width - $0.key.count))  \($0.value)" } + [""]
  }

  /// One line of bounded length: values come from files.
  private static func line(_ text: String) -> String {
    let scalars = text.unicodeScalars
    return scalars.count > 100 ? singleLine(String(scalars.prefix(100))) + "…" : singleLine(text)
  }
}

extension Inspection.Training {
  fileprivate var entries: [Inspection.Metadata] {
    var entries: [Inspection.Metadata] = []
    func add(_ key: String, _ value: (some CustomStringConvertible)?) {
      if let value { entries.append(.init(key: key, value: value.description)) }
    }
    add("in short", summary.flatMap { $0.isEmpty ? nil : singleLine($0) })
    add("steps", globalStep.map { step in maximumSteps.map { "\(step) of \($0)" } ?? "\(step)" })
    add("tokens seen", tokensSeen)
    add("first loss", firstLoss.map { fixed($0, 4) })
    add("last loss", lastLoss.map { fixed($0, 4) })
    add("best evaluation loss", bestEvaluationLoss.map { fixed($0, 4) })
    add("diffusion block size", diffusionBlockSize)
    return entries
  }
}
