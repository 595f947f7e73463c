#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The tensors of a Hugging Face folder: one `model.safetensors`, or the shards that
/// `model.safetensors.index.json` lists.
public struct SafetensorsFolder: Sendable {
  /// The path of the folder.
  public let path: String
  /// The files in the order of their names.
  public let files: [SafetensorsFile]
  /// The tensors, file by file.
  public let tensors: [Tensor]
  private let indexOfTensor: [String: Int]

  private static let single = "model.safetensors"
  private static let index = "model.safetensors.index.json"

  /// Opens the files of a folder.
  ///
  /// - Throws: ``FormatError`` if there are none, or if one is missing, damaged or not as the index says.
  public init(folder path: String) throws(FormatError) {
    self.path = path
    let indexPath = SafetensorsFolder.join(path, SafetensorsFolder.index)
    if SafetensorsFolder.exists(indexPath) {
      let node = try JSONParser.parse(path: indexPath)
      let fileOfTensor = try SafetensorsFolder.weightMap(node)
      files = try SafetensorsFolder.openShards(Set(fileOfTensor.map(\.file)).sorted(), folder: path)
      (tensors, indexOfTensor) = try SafetensorsFolder.merge(files)
      for (name, file) in fileOfTensor {
        let shard = SafetensorsFolder.join(path, file)
        guard let index = indexOfTensor[name], tensors[index].file == shard else {
          throw FormatError(
            .missing, file: shard, subject: .tensor(name),
            "is missing, though \(SafetensorsFolder.index) places it there",
            remedy: "The shards are of different versions: fetch them all again.")
        }
      }
    } else {
      let file = SafetensorsFolder.join(path, SafetensorsFolder.single)
      guard SafetensorsFolder.exists(file) else {
        throw FormatError(
          .missing, file: path,
          "has neither \(SafetensorsFolder.single) nor \(SafetensorsFolder.index)",
          remedy: "Name the folder that holds the weights of the model.")
      }
      files = [try SafetensorsFile(path: file)]
      (tensors, indexOfTensor) = try SafetensorsFolder.merge(files)
    }
  }

  /// The tensor of that name.
  public func tensor(named name: String) -> Tensor? { indexOfTensor[name].map { tensors[$0] } }

  private static func weightMap(_ node: JSONNode) throws(FormatError) -> [(tensor: String, file: String)] {
    let map = try node.required("weight_map", node.object("weight_map"))
    var result: [(tensor: String, file: String)] = []
    for (key, value) in try map.object().entries {
      let file = try JSONNode(value, file: node.file, path: "weight_map.\(key.string)").string()
      // Names come from the file: they must not lead out of the folder.
      guard !file.isEmpty, file != ".", file != "..", !file.utf8.contains(where: { [0, 0x2F, 0x5C].contains($0) })
      else {
        throw FormatError(
          .malformed, file: node.file, subject: .key("weight_map.\(key.string)"), "is not a plain file name",
          found: printable(file), remedy: "Do not trust this download.")
      }
      result.append((key.string, file))
    }
    return result
  }

  private static func openShards(_ names: [String], folder: String) throws(FormatError) -> [SafetensorsFile] {
    let missing = names.filter { !exists(join(folder, $0)) }
    guard missing.isEmpty else {
      throw FormatError(
        .missing, file: folder, "lacks \(missing.count) of \(names.count) shards",
        found: "no \(missing.prefix(5).map(printable).joined(separator: ", "))\(missing.count > 5 ? " …" : "")",
        remedy: "Fetch the missing files.")
    }
    var files: [SafetensorsFile] = []
    for name in names { files.append(try SafetensorsFile(path: join(folder, name))) }
    return files
  }

  private static func merge(_ files: [SafetensorsFile]) throws(FormatError) -> ([Tensor], [String: Int]) {
    let tensors = files.flatMap(\.tensors)
    var indexOfTensor: [String: Int] = [:]
    for (index, tensor) in tensors.enumerated() {
      if let first = indexOfTensor.updateValue(index, forKey: tensor.name) {
        throw FormatError(
          .malformed, file: tensor.file, subject: .tensor(tensor.name), "is also in \(tensors[first].file)",
          remedy: "The shards do not belong together: fetch them again.")
      }
    }
    return (tensors, indexOfTensor)
  }

  private static func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }

  private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
}
