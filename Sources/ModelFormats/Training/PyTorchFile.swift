package import Kernels

/// What `torch.save` wrote: a `.pt`, `.pth`, `.bin` or Lightning's `.ckpt`. Nothing in it is run.
package struct PyTorchFile: Sendable {
  /// The path, for messages.
  package let file: String
  /// The object that was saved.
  package let root: PickleNode
  /// The names of everything that loading the file in Python would call.
  package let calls: [String]
  private let storages: @Sendable (String) -> SharedBytes?

  private static let maximumPickle = 64 << 20
  /// What old files begin with, as a pickled integer.
  private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]

  /// Opens a file: a zip archive with `data.pkl` in it, or pickles one after another as before version 1.6, or a single
  /// pickle.
  ///
  /// - Throws: ``FormatError`` if it is none of these, damaged, or too large to be a trainer's state.
  package init(path: String) throws(FormatError) {
    try self.init(MappedFile(path: path).bytes, file: path)
  }

  /// Reads the bytes of a file.
  ///
  /// - Throws: ``FormatError`` as for a path.
  package init(_ bytes: SharedBytes, file path: String) throws(FormatError) {
    file = path
    try FileKind.refuseGitLFSPointer(bytes, file: path)
    let pickle: Pickle
    if bytes.count >= 4, bytes.array(0..<4) == [0x50, 0x4B, 3, 4] {
      let archive = try ZipArchive(bytes, file: path)
      guard let name = archive.entries.keys.filter({ $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }).min(),
        let data = archive.contents(of: name)
      else {
        throw FormatError(
          .otherFormat, file: path, "is a zip archive without data.pkl, so PyTorch did not write it",
          remedy: "Name a file that torch.save wrote.")
      }
      pickle = try PyTorchFile.read(data, file: path)
      let folder = String(name.dropLast("data.pkl".count))
      storages = { archive.contents(of: "\(folder)data/\($0)") }
    } else {
      pickle = try PyTorchFile.readSequence(bytes, file: path)
      storages = { _ in nil }
    }
    root = pickle.root
    calls = pickle.calls
  }

  private static func readSequence(_ bytes: SharedBytes, file: String) throws(FormatError) -> Pickle {
    let isSequence = bytes.count > 14 && (bytes.array(0..<min(32, bytes.count)).firstRange(of: magic) != nil)
    var rest = bytes
    var pickle = try read(rest, file: file)
    guard isSequence else { return pickle }
    // The magic number, the version, facts about the machine, the object.
    var calls = pickle.calls
    for _ in 0..<3 {
      rest = rest[pickle.end..<rest.count]
      pickle = try read(rest, file: file)
      calls += pickle.calls
    }
    pickle.calls = calls
    return pickle
  }

  private static func read(_ bytes: SharedBytes, file: String) throws(FormatError) -> Pickle {
    guard bytes.count > 0 else { throw FormatError(.truncated, file: file, "ends before its pickle") }
    return try PickleReader.read(bytes[0..<min(bytes.count, maximumPickle)], file: file)
  }

  /// The value of a tensor of one element; `nil` for anything else.
  package func scalar(_ node: PickleNode) -> Double? {
    if let number = node.number { return number }
    guard let call = node.call, call.function == "torch._utils._rebuild_tensor_v2", call.arguments.count >= 3,
      call.arguments[2].elements?.isEmpty ?? false, let offset = call.arguments[1].integer, offset >= 0,
      let storage = call.arguments[0].persistent?.elements, storage.count >= 3,
      case .global(let type)? = storage[1].globalItem, let key = storage[2].string, let bytes = storages(key)
    else { return nil }
    func bits<Integer: FixedWidthInteger & BitwiseCopyable>(_ type: Integer.Type) -> Integer? {
      let size = MemoryLayout<Integer>.size
      guard offset < bytes.count / size else { return nil }
      return bytes.integer(at: offset * size)
    }
    switch type {
    case "torch.FloatStorage": return bits(UInt32.self).map { Double(Float(bitPattern: $0)) }
    case "torch.DoubleStorage": return bits(UInt64.self).map { Double(bitPattern: $0) }
    case "torch.BFloat16Storage": return bits(UInt16.self).map { Double(Float(bitPattern: UInt32($0) << 16)) }
    case "torch.LongStorage": return bits(Int64.self).map(Double.init)
    case "torch.IntStorage": return bits(Int32.self).map(Double.init)
    default: return nil
    }
  }
}

extension PickleNode {
  fileprivate var globalItem: Pickle.Item? { pickle.items[index] }
}

extension Array where Element: Equatable {
  fileprivate func firstRange(of other: [Element]) -> Range<Int>? {
    indices.first { self[$0...].starts(with: other) }.map { $0..<$0 + other.count }
  }
}
