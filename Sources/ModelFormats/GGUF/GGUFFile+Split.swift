/// Models in several files, as llama.cpp's `gguf-split` writes them: `PREFIX-00001-of-00003.gguf`.
extension GGUFFile {
  /// All parts of the model that the file at `path` is one part of, in order; none if it is whole.
  static func siblings(of parser: GGUFParser, path: String) throws(FormatError) -> [GGUFParser] {
    guard let part = try parser.splitPart(file: path) else { return [] }
    func suffix(_ number: Int) -> String { "-\(fiveDigits(number + 1))-of-\(fiveDigits(part.count)).gguf" }
    guard path.hasSuffix(suffix(part.number)) else {
      throw FormatError(
        .malformed, file: path, "is part \(part.number + 1) of \(part.count) of a split model, but not named so",
        expected: "a name ending in \(suffix(part.number))", remedy: "Give the parts their original names.")
    }
    let prefix = String(path.dropLast(suffix(0).count))
    var parts: [GGUFParser] = []
    for number in 0..<part.count {
      let sibling = prefix + suffix(number)
      let parsed = number == part.number ? parser : try open(sibling, of: part.count)
      let found = try parsed.splitPart(file: sibling)
      guard let found, found.number == number, found.count == part.count else {
        throw FormatError(
          .malformed, file: sibling, subject: .key("split.no"), "does not match the file's name",
          found: found.map { "part \($0.number + 1) of \($0.count)" } ?? "a whole model",
          expected: "part \(number + 1) of \(part.count)", remedy: "Fetch the part again.")
      }
      parts.append(parsed)
    }
    let total = parts.reduce(0) { $0 + $1.tensors.count }
    if let expected = parts[0].integer("split.tensors.count"), expected != total {
      throw FormatError(
        .malformed, file: path, subject: .key("split.tensors.count"), "does not match the parts",
        found: "\(total) tensors in \(part.count) parts", expected: "\(expected)", remedy: "Fetch the parts again.")
    }
    return parts
  }

  private static func open(_ path: String, of count: Int) throws(FormatError) -> GGUFParser {
    do throws(FormatError) {
      return try GGUFParser(MappedFile(path: path).bytes, file: path)
    } catch  where error.code == .missing {
      throw FormatError(
        .missing, file: path, "is missing, one of the \(count) parts of the model",
        remedy: "Fetch all parts into the same folder.")
    }
  }

  private static func fiveDigits(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }
}

extension GGUFParser {
  func integer(_ key: String) -> Int? { indexOfKey[key].flatMap { metadata[$0].value.integer } }

  /// Which part of how many the file is, counted from 0; `nil` for a whole model.
  func splitPart(file: String) throws(FormatError) -> (number: Int, count: Int)? {
    guard indexOfKey["split.count"] != nil else { return nil }
    guard let count = integer("split.count"), count >= 0, count <= Int(UInt16.max) else {
      throw FormatError(
        .wrongType, file: file, subject: .key("split.count"), "is no number of parts", expected: "0 to 65,535",
        remedy: FormatError.damaged)
    }
    guard count > 1 else { return nil }
    guard let number = integer("split.no"), number >= 0, number < count else {
      throw FormatError(
        .malformed, file: file, subject: .key("split.no"), "is no part of \(count)", remedy: FormatError.damaged)
    }
    return (number, count)
  }
}
