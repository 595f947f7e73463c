import BitNet
import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

/// A copy of a golden Hugging Face folder whose tensors and texts a test may change before it is written.
struct PlantedModel {
  struct Weights {
    var shape: [Int]
    var type: TensorType
    var bytes: [UInt8]

    /// The floats of an F32 copy.
    var floats: [Float] {
      get {
        let shared = SharedBytes(copying: bytes)
        return stride(from: 0, to: bytes.count, by: 4).map { shared.float(at: $0) }
      }
      set { bytes = newValue.littleEndianBytes }
    }
  }

  private(set) var names: [String] = []
  private var tensors: [String: Weights] = [:]
  private var texts: [String: String] = [:]

  /// - Parameter name: a folder of `Tests/Golden`, such as `trained/tiny-bitnet`. Floats are taken as F32, which holds all
  ///   of them exactly.
  init(_ name: String) throws {
    let folder = TestFiles.goldenPath(name)
    for tensor in try SafetensorsFolder(folder: folder).tensors {
      names.append(tensor.name)
      let isPacked = tensor.type == .u8
      tensors[tensor.name] = Weights(
        shape: tensor.shape, type: isPacked ? .u8 : .f32,
        bytes: isPacked ? tensor.bytes.array(0..<tensor.bytes.count) : try tensor.floats().littleEndianBytes)
    }
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json"]
    where FileManager.default.fileExists(atPath: "\(folder)/\(file)") {
      texts[file] = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
    }
  }

  subscript(name: String) -> Weights? {
    get { tensors[name] }
    set {
      tensors[name] = newValue
      if newValue == nil { names.removeAll { $0 == name } }
    }
  }

  /// Adds a tensor behind the others.
  mutating func add(_ name: String, _ weights: Weights) {
    names.append(name)
    tensors[name] = weights
  }

  /// Changes the floats of a tensor.
  mutating func edit(_ name: String, _ change: (inout [Float]) -> Void) throws {
    var weights = try #require(tensors[name])
    var floats = weights.floats
    change(&floats)
    weights.floats = floats
    tensors[name] = weights
  }

  /// Puts the rows of a matrix into another order: row `i` becomes what row `order(i)` was.
  mutating func reorderRows(_ name: String, _ order: (Int) -> Int) throws {
    let weights = try #require(tensors[name])
    let columns = weights.shape.dropFirst().reduce(1, *)
    try edit(name) { floats in
      let old = floats
      for row in 0..<weights.shape[0] {
        let source = order(row)
        floats.replaceSubrange(
          row * columns..<(row + 1) * columns, with: old[source * columns..<(source + 1) * columns])
      }
    }
  }

  /// Replaces a text in a file that must have it.
  mutating func replace(_ old: String, with new: String, in file: String) throws {
    let text = try #require(texts[file])
    try #require(text.contains(old))
    texts[file] = text.replacingOccurrences(of: old, with: new)
  }

  /// Changes the value of a key of `config.json`.
  mutating func configure(_ key: String, _ value: String) throws {
    let text = try #require(texts["config.json"])
    let entry = try #require(text.firstRange(of: try Regex("\"\(key)\": *[^,\\n}]+")))
    texts["config.json"] = text.replacingCharacters(in: entry, with: "\"\(key)\": \(value)")
  }

  mutating func remove(file: String) { texts[file] = nil }

  /// A file beside the weights.
  subscript(file name: String) -> String? {
    get { texts[name] }
    set { texts[name] = newValue }
  }

  /// Adds entries to `config.json` or another file that holds an object.
  mutating func insert(_ entries: String, in file: String = "config.json") throws {
    let text = try #require(texts[file])
    let brace = try #require(text.firstIndex(of: "{"))
    texts[file] = text.replacingCharacters(in: brace...brace, with: "{" + entries + ",")
  }

  /// Renames tensors.
  mutating func rename(_ old: String, to new: String) throws {
    let weights = try #require(self[old])
    self[old] = nil
    add(new, weights)
  }

  /// Writes the folder.
  func write() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    var builder = SafetensorsBuilder()
    for name in names {
      let weights = try #require(tensors[name])
      builder.add(tensor: name, shape: weights.shape, type: weights.type, bytes: weights.bytes)
    }
    try folder.write("model.safetensors", builder.build())
    for (name, text) in texts { try folder.write(name, text) }
    return folder
  }
}

/// The names of the seven matrices of a block in a Hugging Face folder.
let linearParts = [
  "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
  "mlp.down_proj",
]
