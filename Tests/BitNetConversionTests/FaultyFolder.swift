import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

/// A golden model's folder with something wrong in it.
struct FaultyFolder {
  struct Entry {
    var name: String
    var shape: [Int]
    var type: TensorType
    var bytes: [UInt8]
  }

  var config: String
  var tensors: [Entry]
  /// Further files by name; `nil` leaves one out that the original has.
  var files: [String: String?] = [:]
  private let original: String

  init(_ golden: String) throws {
    original = TestFiles.goldenPath(golden)
    config = try String(contentsOfFile: original + "/config.json", encoding: .utf8)
    tensors = try SafetensorsFolder(folder: original).tensors.map {
      Entry(name: $0.name, shape: $0.shape, type: $0.type, bytes: $0.bytes.array(0..<$0.bytes.count))
    }
  }

  mutating func configure(_ old: String, _ new: String) {
    precondition(config.contains(old), "\(old) is not in the config")
    config = config.replacingOccurrences(of: old, with: new)
  }

  mutating func change(_ part: String, _ body: (inout Entry) -> Void) {
    var changed = 0
    for index in tensors.indices where tensors[index].name.contains(part) {
      body(&tensors[index])
      changed += 1
    }
    precondition(changed > 0, "no tensor is called \(part)")
  }

  /// Rewrites the elements of tensors as floats.
  mutating func rewrite(_ part: String, _ body: (Int, Float) -> Float) {
    change(part) { entry in
      let columns = entry.shape.last ?? 1
      let rows = entry.shape.dropLast().reduce(1, *)
      let old = entry.type.dequantized(SharedBytes(copying: entry.bytes), rows: 0..<rows, columns: columns)
      entry.type = .f32
      entry.bytes = old.enumerated().map { body($0, $1) }.littleEndianBytes
    }
  }

  /// Puts the rows of matrices into another order: row `i` becomes what row `order(i)` was.
  mutating func reorderRows(_ part: String, _ order: (Int) -> Int) {
    change(part) { entry in
      let rows = entry.shape[0], size = entry.bytes.count / rows
      let old = entry.bytes
      entry.bytes = (0..<rows).flatMap { old[order($0) * size..<(order($0) + 1) * size] }
    }
  }

  /// Replaces a text in a file beside the weights that must have it.
  mutating func edit(_ file: String, _ old: String, _ new: String) throws {
    let text = try files[file].flatMap(\.self) ?? String(contentsOfFile: "\(original)/\(file)", encoding: .utf8)
    let place = try #require(text.firstRange(of: old))
    files[file] = text.replacingCharacters(in: place, with: new)
  }

  func write(to path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for name in ["tokenizer.json", "tokenizer_config.json"]
    where files[name] == nil && FileManager.default.fileExists(atPath: "\(original)/\(name)") {
      try FileManager.default.copyItem(atPath: "\(original)/\(name)", toPath: "\(path)/\(name)")
    }
    try Data(config.utf8).write(to: URL(filePath: path + "/config.json"))
    for (name, text) in files {
      if let text { try Data(text.utf8).write(to: URL(filePath: "\(path)/\(name)")) }
    }
    guard files["model.safetensors"] == nil else { return }
    let writer = try SafetensorsWriter(
      path: path + "/model.safetensors", tensors: tensors.map { ($0.name, $0.shape, $0.type) })
    for (index, entry) in tensors.enumerated() { try writer.append(SharedBytes(copying: entry.bytes), to: index) }
    try writer.finish()
  }
}
