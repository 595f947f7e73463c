import Kernels
package import ModelFormats

/// The documents in a text file, read one by one.
package struct TextDocuments: Sendable {
  /// How a file holds documents.
  package enum Form: Sendable, Hashable {
    /// A line of its own, which belongs to no document, stands between two of them.
    case separatorLine(String)
    /// One or more blank lines stand between two of them.
    case blankLines
    /// The file is cut at the first end of a line after so many bytes.
    case size(Int)
    /// The file is one document.
    case whole
    /// Every line is a JSON object with the text under a key.
    case jsonLines(key: String)
  }

  /// The line that separates documents where nothing else is said.
  package static let defaultSeparator = "<|endoftext|>"
  /// A longer document is cut at the end of a line, so that memory stays bounded.
  package static let longestDocument = 32 << 20

  package let path: String
  package let form: Form
  private let bytes: SharedBytes

  /// Opens a file.
  ///
  /// - Parameter form: `nil` takes `.jsonl` files as JSON lines with the key `text`, and others as documents with
  ///   `defaultSeparator` between them.
  /// - Throws: `FormatError` if the file cannot be read or is empty.
  package init(path: String, form: Form? = nil) throws(FormatError) {
    self.path = path
    self.form = form ?? (path.hasSuffix(".jsonl") ? .jsonLines(key: "text") : .separatorLine(Self.defaultSeparator))
    bytes = try MappedFile(path: path).bytes
  }

  /// The size of the file.
  package var byteCount: Int { bytes.count }

  /// Calls `body` with each document that is not empty, without the line breaks around it.
  ///
  /// - Throws: `FormatError` for a text that is not UTF-8 and for a line that is no JSON object with the key, and what
  ///   `body` throws.
  package func forEach(_ body: (String) throws -> Void) throws {
    if case .jsonLines(let key) = form { return try forEachJSONLine(key, body) }
    var document: [UInt8] = []
    try forEachLine { line, _ in
      let text = line.last == 0x0A ? line.dropLast() : line
      let visible = text.last == 0x0D ? text.dropLast() : text
      var isBoundary = false
      switch form {
      case .separatorLine(let separator): isBoundary = visible.elementsEqual(separator.utf8)
      case .blankLines: isBoundary = visible.allSatisfy { $0 == 0x20 || $0 == 0x09 }
      case .size, .whole, .jsonLines: break
      }
      if !isBoundary { document += line }
      var limit = Self.longestDocument
      if case .size(let size) = form { limit = min(size, limit) }
      guard isBoundary || document.count >= limit else { return }
      try emit(document, body)
      document.removeAll(keepingCapacity: true)
    }
    try emit(document, body)
  }

  private func emit(_ document: [UInt8], _ body: (String) throws -> Void) throws {
    let isBreak: (UInt8) -> Bool = { $0 == 0x0A || $0 == 0x0D }
    var text = document.drop(while: isBreak)
    while let last = text.last, isBreak(last) { text.removeLast() }
    guard !text.isEmpty else { return }
    guard let string = String(validating: text, as: UTF8.self) else {
      let beginning = String(decoding: text.prefix(40), as: UTF8.self)
      throw FormatError(
        .malformed, file: path, "holds a document that is not UTF-8 text", found: "one that begins \"\(beginning)\"",
        remedy: "Convert the file, for instance with iconv.")
    }
    try body(string)
  }

  private func forEachJSONLine(_ key: String, _ body: (String) throws -> Void) throws {
    try forEachLine { line, number in
      guard line.contains(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) else { return }
      let node = try JSONNode(JSONParser.parse(Array(line), file: "\(path), line \(number)"), file: path)
      guard let text = try node.string(key) else {
        let keys = try node.object().entries.map(\.key.string).joined(separator: ", ")
        throw FormatError(
          .missing, file: path, subject: .key(key), "is missing in line \(number)", found: "the keys \(keys)",
          remedy: "Name the key that holds the text.")
      }
      if !text.isEmpty { try body(text) }
    }
  }

  /// Calls `body` with each line, its line break included, and its number from 1.
  private func forEachLine(_ body: (ArraySlice<UInt8>, Int) throws -> Void) throws {
    var line: [UInt8] = []
    var number = 1
    var offset = 0
    while offset < bytes.count {
      let end = min(bytes.count, offset + 1 << 20)
      let window = bytes.array(offset..<end)
      bytes[offset..<end].release()
      var position = offset == 0 && window.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
      while let lineFeed = window[position...].firstIndex(of: 0x0A) {
        if line.isEmpty {
          try body(window[position...lineFeed], number)
        } else {
          line += window[position...lineFeed]
          try body(line[...], number)
          line.removeAll(keepingCapacity: true)
        }
        number += 1
        position = lineFeed + 1
      }
      line += window[position...]
      guard line.count <= Self.longestDocument else {
        throw FormatError(
          .tooLarge, file: path, "has a line of more than \(Self.longestDocument >> 20) MiB (line \(number))",
          remedy: "Break it into lines.")
      }
      offset = end
    }
    if !line.isEmpty { try body(line[...], number) }
  }
}
