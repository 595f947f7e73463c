public import Kernels

/// An open safetensors file: its tensors, whose bytes stay in the mapped file.
///
/// Format and checks: the `safetensors` crate of Hugging Face.
public struct SafetensorsFile: Sendable {
  /// The path, or the name given to bytes that come from no file.
  public let name: String
  /// The entries of `__metadata__`.
  public let metadata: [(key: String, value: String)]
  /// The tensors in the order of their bytes.
  public let tensors: [Tensor]

  private let indexOfTensor: [String: Int]
  private static let maximumHeaderBytes = 100_000_000

  /// Maps the file and reads its header.
  ///
  /// - Throws: ``FormatError`` if the file cannot be read, is damaged, incomplete, or has tensors of a type that is
  ///   not read here.
  public init(path: String) throws(FormatError) {
    try self.init(bytes: MappedFile(path: path).bytes, name: path)
  }

  /// Reads a whole file that is in memory.
  ///
  /// - Parameter name: what to call the file in messages.
  /// - Throws: as ``init(path:)``.
  public init(bytes: SharedBytes, name: String) throws(FormatError) {
    self.name = name
    let (header, data) = try SafetensorsFile.split(bytes, file: name)
    var metadata: [(key: String, value: String)] = []
    var entries: [SafetensorsEntry] = []
    for (key, value) in try header.object().entries {
      let node = JSONNode(value, file: name, path: key.string)
      if key == "__metadata__" {
        for (key, value) in try node.object().entries {
          metadata.append((key.string, try JSONNode(value, file: name, path: "__metadata__.\(key.string)").string()))
        }
      } else {
        entries.append(try SafetensorsEntry(name: key.string, node))
      }
    }
    self.metadata = metadata
    tensors = try SafetensorsEntry.place(entries, in: data, file: name)
    // Keys are distinct as bytes; those that only look alike are refused here, for a look-up could not tell them apart.
    var indexOfTensor: [String: Int] = [:]
    for (index, tensor) in tensors.enumerated() {
      guard indexOfTensor.updateValue(index, forKey: tensor.name) == nil else {
        throw FormatError(.malformed, file: name, subject: .tensor(tensor.name), "occurs twice")
      }
    }
    self.indexOfTensor = indexOfTensor
  }

  /// The tensor of that name.
  public func tensor(named name: String) -> Tensor? { indexOfTensor[name].map { tensors[$0] } }

  private static func split(_ bytes: SharedBytes, file: String) throws(FormatError) -> (JSONNode, SharedBytes) {
    try FileKind.refuseGitLFSPointer(bytes, file: file)
    var reader = ByteReader(bytes, file: file)
    let length = try reader.integer(UInt64.self, "the length of the header")
    guard length <= maximumHeaderBytes, bytes.count <= 8 || bytes[8] == UInt8(ascii: "{") else {
      let guess = FileKind.guess(bytes)
      throw FormatError(
        .otherFormat, file: file, offset: 0, "is not a safetensors file\(guess.map { ", but \($0)" } ?? "")",
        remedy: "Name a safetensors file, or fetch it again if it is one.")
    }
    let range = try reader.take(length, "the header")
    let header = try JSONParser.parse(bytes.array(range), file: file, options: .init(refusesDuplicateKeys: true))
    return (JSONNode(header, file: file), bytes[range.upperBound..<bytes.count])
  }
}
