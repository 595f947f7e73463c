import BitNetTraining
import Kernels
import ModelFormats
import TestSupport
import Testing
import Tokenization

struct TokenShardTests {
  private let folder: TemporaryFolder
  private let tokenizer: Tokenizer

  init() throws {
    folder = try TemporaryFolder()
    tokenizer = try Self.tokenizer("abab abab abab")
  }

  private static func tokenizer(_ text: String) throws -> Tokenizer {
    var trainer = try BytePairTrainer(rule: "gpt-2")
    trainer.add(text)
    return try trainer.train(vocabularySize: 260).tokenizer()
  }

  private func shard(_ name: String, _ documents: [String]) throws -> String {
    let path = "\(folder.path)/\(name)"
    var writer = try TokenShardWriter(path: path, tokenizer: tokenizer)
    for document in documents { try writer.add(document) }
    try writer.finish()
    return path
  }

  @Test func `shards stream what the text streams`() throws {
    let documents = (0..<40).map { String(repeating: "abc\($0) ", count: 1 + $0 * 7 % 11) }
    let text = try folder.write("text.txt", documents.joined(separator: "\n<|endoftext|>\n"))
    let shards = try [shard("a.bin", Array(documents[..<17])), shard("b.bin", Array(documents[17...]))]
    let sources = [
      try TokenSource(name: "data", texts: [TextDocuments(path: text)], tokenizer: tokenizer),
      try TokenSource(name: "data", shards: shards.map { try TokenShard(path: $0) }, tokenizer: tokenizer),
    ]
    let streams = try sources.map { try TokenStream(sources: [$0], seed: 3, sequenceLength: 32, batchSize: 2) }
    for _ in 0..<30 { #expect(try streams[0].next() == streams[1].next()) }
    #expect(streams[0].position == streams[1].position)
  }

  @Test func `the file is laid out as documented`() throws {
    let path = try shard("a.bin", ["a", "ab"])
    let bytes = try MappedFile(path: path).bytes
    let tokens = [tokenizer.encode("a"), [0], tokenizer.encode("ab"), [0]].joined()
    #expect(bytes.array(0..<8) == Array("BITNTOKS".utf8))
    #expect(bytes.integer(at: 12, as: UInt32.self) == 2)
    #expect(bytes.integer(at: 16, as: UInt32.self) == 260)
    #expect(bytes.integer(at: 24, as: UInt64.self) == 4)
    #expect(bytes.integer(at: 32, as: UInt64.self) == 2)
    #expect((0..<4).map { Int(bytes.integer(at: 64 + 2 * $0, as: UInt16.self)) } == Array(tokens))
    #expect((0..<2).map { bytes.integer(at: 72 + 8 * $0, as: UInt64.self) } == [2, 4])
    #expect(bytes.count == 88)
  }

  @Test func `a shard of another vocabulary is refused`() throws {
    let other = try Self.tokenizer("cdcd cdcd cdcd")
    let shard = try TokenShard(path: shard("a.bin", ["abab"]))
    #expect(other.vocabularySize == tokenizer.vocabularySize)
    let error = try #require(throws: FormatError.self) {
      try TokenSource(name: "data", shards: [shard], tokenizer: other)
    }
    #expect(error.description.contains("another vocabulary"))
  }

  @Test func `damaged shards are refused or read without a trap`() throws {
    let path = try shard("a.bin", ["abab", "ab ab ab", "a"])
    let whole = try MappedFile(path: path).bytes
    let bytes = whole.array(0..<whole.count)
    for count in 1..<bytes.count {
      let cut = try folder.write("cut.bin", Array(bytes[..<count]))
      #expect(throws: FormatError.self) { try TokenShard(path: cut) }
    }
    var accepted: [Int] = []
    for position in bytes.indices {
      var changed = bytes
      changed[position] ^= 0xFF
      let file = try folder.write("changed.bin", changed)
      do {
        let source = try TokenSource(name: "data", shards: [TokenShard(path: file)], tokenizer: tokenizer)
        let stream = try TokenStream(sources: [source], seed: 0, sequenceLength: 64, batchSize: 1)
        _ = try stream.next()
        accepted.append(position)
      } catch is FormatError { continue }
    }
    // Nothing tells that a token has become another one of the vocabulary; the rest of its bytes, the header and the index
    // are checked.
    let tokenEnd = 64 + 2 * Int(whole.integer(at: 24, as: UInt64.self))
    #expect(
      accepted.allSatisfy {
        (48..<64).contains($0) || (64..<tokenEnd).contains($0) && $0.isMultiple(of: 2)
          || (tokenEnd..<(tokenEnd + 7) / 8 * 8).contains($0)
      }, "\(accepted)")
    let text = try folder.write("text.txt", String(repeating: "no shard ", count: 20))
    let error = try #require(throws: FormatError.self) { try TokenShard(path: text) }
    #expect(error.description.contains("bitnet tokenizer encode"))
  }

  @Test func `a shard without documents is not written`() throws {
    var writer = try TokenShardWriter(path: "\(folder.path)/none.bin", tokenizer: tokenizer)
    #expect(throws: FormatError.self) { try writer.finish() }
  }
}
