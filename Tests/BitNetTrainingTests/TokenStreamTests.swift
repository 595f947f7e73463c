import BitNetTraining
import Foundation
import ModelFormats
import TestSupport
import Testing
import Tokenization

/// Documents of known tokens, so that what a stream does with them can be told.
struct TokenStreamTests {
  private let folder: TemporaryFolder
  private let tokenizer: Tokenizer

  init() throws {
    folder = try TemporaryFolder()
    var trainer = try BytePairTrainer(rule: "gpt-2")
    trainer.add("abab abab abab")
    tokenizer = try trainer.train(vocabularySize: 260).tokenizer()
  }

  /// A source whose document `i` is a letter of its own, `lengths[i] - 1` times, and the separator.
  private func source(_ name: String, letters: String, lengths: [Int]) throws -> TokenSource {
    let texts = zip(letters, lengths).map { String(repeating: $0, count: $1 - 1) }
    let path = try folder.write("\(name).txt", texts.joined(separator: "\n<|endoftext|>\n") + "\n")
    return try TokenSource(name: name, texts: [TextDocuments(path: path)], tokenizer: tokenizer)
  }

  private func stream(
    seed: UInt64 = 1, shares: [Double]? = nil, batchSize: Int = 2, heldOut: Double = 0, shuffles: Bool = true,
    rank: TokenStream.Rank = .init()
  ) throws -> TokenStream {
    try TokenStream(
      sources: [
        source("lower", letters: "cdefghijkl", lengths: [3, 9, 4, 17, 5, 2, 8, 31, 6, 7]),
        source("upper", letters: "ABCDEF", lengths: [12, 5, 7, 3, 20, 9]),
      ],
      shares: shares, seed: seed, sequenceLength: 8, batchSize: batchSize, heldOut: heldOut, shuffles: shuffles,
      rank: rank)
  }

  private func text(_ batches: [TokenBatch]) -> String {
    tokenizer.decode(batches.flatMap { $0.sequences.flatMap { $0 } }, includingSpecialTokens: true)
      .replacingOccurrences(of: "<|endoftext|>", with: ".")
  }

  @Test func `documents follow one another, each ended by the separator`() throws {
    let one = try source("one", letters: "cde", lengths: [3, 9, 4])
    let stream = try TokenStream(
      sources: [one], seed: 0, sequenceLength: 8, batchSize: 2, shuffles: false)
    let first = try stream.next()
    #expect(text([first]) == "cc.dddddddd.eee.")
    #expect(first.documents == [[0..<3, 3..<8], [0..<4, 4..<8]])
    #expect(first.tokenCount == 16)
    // The next epoch follows at once.
    #expect(text([try stream.next()]).hasPrefix("cc.dddddddd.eee."))
    #expect(stream.tokensPerEpoch == 16)
  }

  @Test func `a sequence's documents cover it without a gap`() throws {
    let stream = try stream()
    for _ in 0..<40 {
      let batch = try stream.next()
      #expect(batch.sequences.count == 2 && batch.documents.count == 2)
      for (tokens, documents) in zip(batch.sequences, batch.documents) {
        #expect(tokens.count == 8)
        #expect(documents.first?.lowerBound == 0 && documents.last?.upperBound == 8)
        for (document, next) in zip(documents, documents.dropFirst()) {
          #expect(document.upperBound == next.lowerBound && !document.isEmpty)
          #expect(tokens[document.upperBound - 1] == 0)
        }
        for document in documents { #expect(!tokens[document].dropLast().contains(0)) }
      }
    }
  }

  @Test func `every epoch draws each document once, in an order of its own that the seed decides`() throws {
    let letters = "cdefghijkl"
    let lengths = [3, 9, 4, 17, 5, 2, 8, 31, 6, 7]
    func epochs(_ seed: UInt64) throws -> [[Substring]] {
      let stream = try TokenStream(
        sources: [source("one", letters: letters, lengths: lengths)], seed: seed, sequenceLength: 92 / 2, batchSize: 2)
      return try (0..<3).map { _ in text([try stream.next()]).split(separator: ".") }
    }
    #expect(lengths.reduce(0, +) == 92)
    let first = try epochs(1)
    for epoch in first { #expect(Set(epoch.map(\.first)).count == 10 && epoch.count == 10) }
    #expect(Set(first).count == 3)
    #expect(try epochs(1) == first)
    #expect(try epochs(2) != first)
  }

  @Test func `sources have their shares of the tokens`() throws {
    let stream = try stream(shares: [3, 1])
    var upper = 0
    for _ in 0..<200 { upper += try stream.next().sequences.joined().count { $0 > 3 && $0 < 100 && isUpper($0) } }
    var separators = 0
    try stream.setShares([0, 1])
    for _ in 0..<5 { _ = try stream.next() }
    let last = try (0..<20).map { _ in try stream.next() }
    separators = text(last).count { $0 == "." }
    #expect(text(last).allSatisfy { $0 == "." || $0.isUppercase } && separators > 0)
    // A quarter of 3200 tokens, of which some are separators.
    #expect((600...800).contains(upper), "\(upper)")
    #expect(throws: TokenStreamError.self) { try stream.setShares([1]) }
    #expect(throws: TokenStreamError.self) { try stream.setShares([0, 0]) }
    #expect(throws: TokenStreamError.self) { try stream.setShares([2, -1]) }
  }

  private func isUpper(_ token: Int) -> Bool { tokenizer.text(of: token).allSatisfy(\.isUppercase) }

  @Test(arguments: [0, 1, 7, 30])
  func `a position goes on with the very next batch`(count: Int) throws {
    let reference = try stream()
    for _ in 0..<count { _ = try reference.next() }
    let saved = try JSONEncoder().encode(reference.position)
    let other = try stream()
    try other.restore(JSONDecoder().decode(DataPosition.self, from: saved))
    for _ in 0..<20 { #expect(try other.next() == reference.next()) }
    #expect(other.position == reference.position)
  }

  @Test func `a position of other data is refused`() throws {
    let position = try stream().position
    let other = try TokenStream(
      sources: [source("lower", letters: "cd", lengths: [3, 9]), source("upper", letters: "AB", lengths: [12, 5])],
      seed: 1, sequenceLength: 8, batchSize: 2)
    let error = try #require(throws: TokenStreamError.self) { try other.restore(position) }
    #expect(error.description.contains("lower") && error.description.contains("10 documents"))
    var damaged = position
    damaged.current = 9
    #expect(throws: TokenStreamError.self) { try stream().restore(damaged) }
    damaged = position
    damaged.sources[0].drawn = -1
    #expect(throws: TokenStreamError.self) { try stream().restore(damaged) }
  }

  @Test func `ranks take turns in the stream that one rank would see`() throws {
    let alone = try stream(batchSize: 6)
    let ranks = try (0..<3).map { try stream(batchSize: 2, rank: .init(index: $0, of: 3)) }
    for _ in 0..<10 {
      let whole = try alone.next()
      let parts = try ranks.map { try $0.next() }
      #expect(parts.flatMap(\.sequences) == whole.sequences)
      #expect(parts.flatMap(\.documents) == whole.documents)
    }
    #expect(Set(ranks.map(\.position.sequences)) == [60])
  }

  @Test func `held-out documents are never learnt from, and all of them are measured on`() throws {
    let stream = try stream(seed: 5, heldOut: 0.3)
    let heldOut = Set(text(try stream.heldOutBatches())).subtracting(["."])
    let learnt = Set(text(try (0..<100).map { _ in try stream.next() })).subtracting(["."])
    #expect(!heldOut.isEmpty && heldOut.isDisjoint(with: learnt))
    #expect(heldOut.union(learnt) == Set("cdefghijklABCDEF"))
    #expect(throws: TokenStreamError.self) { try self.stream(heldOut: 1) }
  }

  @Test func `batches of a whole source end with a short one`() throws {
    let one = try source("one", letters: "cde", lengths: [3, 9, 15])
    let batches = try TokenStream.batches(of: [one], sequenceLength: 8, batchSize: 2)
    #expect(batches.map { $0.sequences.map(\.count) } == [[8, 8], [8], [3]])
    #expect(text(batches) == "cc.dddddddd.eeeeeeeeeeeeee.")
    #expect(try TokenStream.batches(of: [one], sequenceLength: 8, batchSize: 2, limit: 1).count == 1)
  }

  @Test func `sequences that predict nothing are refused`() throws {
    let one = try source("one", letters: "c", lengths: [3])
    #expect(throws: TokenStreamError.self) {
      try TokenStream(sources: [one], seed: 0, sequenceLength: 1, batchSize: 1)
    }
    #expect(throws: TokenStreamError.self) { try TokenStream(sources: [], seed: 0, sequenceLength: 8, batchSize: 1) }
    let blank = try folder.write("blank.txt", "\n\n<|endoftext|>\n")
    let error = try #require(throws: FormatError.self) {
      try TokenSource(name: "blank", texts: [TextDocuments(path: blank)], tokenizer: tokenizer)
    }
    #expect(error.description.contains("blank.txt"))
  }
}
