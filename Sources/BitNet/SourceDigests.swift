import Dispatch
import Foundation
import Kernels
import ModelFormats
import Synchronization

/// The SHA-256 of every file of a model, for its provenance. A thread of its own reads them while the tensors are worked on.
package final class SourceDigests: Sendable {
  /// The files, with zeros for the digests.
  package let expected: [SourceFile]
  private let work = Work()
  private let group = DispatchGroup()

  /// Begins to read the files with weights, and what tells how to use them.
  package convenience init(_ checkpoint: Checkpoint) { self.init(files: SourceDigests.files(of: checkpoint)) }

  /// Begins to read files.
  package init(files: [String]) {
    expected = files.map { path in
      let attributes = try? FileManager.default.attributesOfItem(
        atPath: URL(filePath: path).resolvingSymlinksInPath().path)
      return SourceFile(
        name: URL(filePath: path).lastPathComponent, bytes: attributes?[.size] as? Int ?? 0,
        sha256: String(repeating: "0", count: 64))
    }
    DispatchQueue.global().async(group: group) { [work] in work.run(files) }
  }

  deinit { work.isCancelled.store(true, ordering: .relaxed) }

  /// The files with their digests.
  ///
  /// - Throws: `FormatError` if a file can no longer be read.
  package func wait() throws -> [SourceFile] {
    group.wait()
    let digests = try work.result.withLock { try $0.get() }
    return zip(expected, digests).map { SourceFile(name: $0.name, bytes: $0.bytes, sha256: $1) }
  }

  private static func files(of checkpoint: Checkpoint) -> [String] {
    guard case .huggingFace(let folder) = checkpoint.source else {
      return Set(checkpoint.tensors.values.map(\.file)).filter(FileManager.default.fileExists).sorted()
    }
    let texts = ["config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json"]
    let beside = texts.map { "\(folder.path)/\($0)" }.filter(FileManager.default.fileExists)
    return Set(checkpoint.tensors.values.map(\.file)).sorted() + beside
  }

  /// What the thread shares with those who wait.
  private final class Work: Sendable {
    let isCancelled = Atomic(false)
    let result = Mutex<Result<[String], FormatError>>(.success([]))

    func run(_ files: [String]) {
      let found = Result { () throws(FormatError) in
        var digests: [String] = []
        for file in files { digests.append(try digest(file)) }
        return digests
      }
      result.withLock { $0 = found }
    }

    private func digest(_ file: String) throws(FormatError) -> String {
      let bytes = try MappedFile(path: file).bytes
      var digest = SHA256()
      for start in stride(from: 0, to: bytes.count, by: 4 << 20) {
        guard !isCancelled.load(ordering: .relaxed) else { break }
        let piece = bytes[start..<min(start + 4 << 20, bytes.count)]
        digest.update(piece)
        piece.release()
      }
      return digest.hexadecimal()
    }
  }
}
