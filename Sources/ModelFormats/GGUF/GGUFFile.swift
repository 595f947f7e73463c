public import Kernels

/// An open GGUF file: its metadata and its tensors, whose bytes stay in the mapped file.
///
/// Versions 2 and 3 are read. A model that is split into several files is opened by naming any of them.
public struct GGUFFile: Sendable {
  /// The path, or the name given to bytes that come from no file.
  public let name: String
  /// The version of the format, 2 or 3.
  public let version: Int
  /// What the offsets of tensors are multiples of.
  public let alignment: Int
  /// The keys and values in the order of the file.
  public let metadata: [(key: String, value: GGUFValue)]
  /// The tensors in the order of the file.
  public let tensors: [Tensor]

  private let indexOfKey: [String: Int]
  private let indexOfTensor: [String: Int]

  /// Maps the file and reads its header.
  ///
  /// - Throws: ``FormatError`` if the file cannot be read, is damaged, incomplete, or has tensors of a type that is
  ///   not read here.
  public init(path: String) throws(FormatError) {
    let parser = try GGUFParser(MappedFile(path: path).bytes, file: path)
    let parts = try GGUFFile.siblings(of: parser, path: path)
    try self.init(name: path, parts: parts.isEmpty ? [parser] : parts)
  }

  /// Reads a whole file that is in memory.
  ///
  /// - Parameter name: what to call the file in messages.
  /// - Throws: as ``init(path:)``; also for a file that is one part of several.
  public init(bytes: SharedBytes, name: String) throws(FormatError) {
    let parser = try GGUFParser(bytes, file: name)
    if let part = try parser.splitPart(file: name) {
      throw FormatError(
        .missing, file: name, "is part \(part.number + 1) of \(part.count) of a split model",
        remedy: "Open it by its path, with the other parts in the same folder.")
    }
    try self.init(name: name, parts: [parser])
  }

  /// - Parameter parts: at least one; the first has the metadata.
  private init(name: String, parts: [GGUFParser]) throws(FormatError) {
    self.name = name
    version = Int(parts[0].version)
    alignment = parts[0].alignment
    metadata = parts[0].metadata
    indexOfKey = parts[0].indexOfKey
    tensors = parts.flatMap(\.tensors)
    var indexOfTensor: [String: Int] = [:]
    for (index, tensor) in tensors.enumerated() {
      if let first = indexOfTensor.updateValue(index, forKey: tensor.name) {
        throw FormatError(
          .malformed, file: tensor.file, subject: .tensor(tensor.name), "is also in \(tensors[first].file)",
          remedy: "The parts do not belong together: fetch them again.")
      }
    }
    self.indexOfTensor = indexOfTensor
  }

  /// The tensor of that name.
  public func tensor(named name: String) -> Tensor? { indexOfTensor[name].map { tensors[$0] } }

  /// The tensor of that name.
  ///
  /// - Throws: `missing` if there is none.
  public func requiredTensor(named name: String) throws(FormatError) -> Tensor {
    guard let tensor = tensor(named: name) else {
      throw FormatError(
        .missing, file: self.name, subject: .tensor(name), "is missing",
        remedy: "The model was converted incompletely, or for another architecture.")
    }
    return tensor
  }

  /// The value of a key.
  public subscript(key: String) -> GGUFValue? { indexOfKey[key].map { metadata[$0].value } }
}
