import ModelFormats

/// A SentencePiece `ModelProto` of type BPE (`sentencepiece_model.proto`).
struct SentencePieceModel {
  private let file: String
  private var names: [[UInt8]] = []
  private(set) var scores: [Float] = []
  private var types: [TokenType] = []
  private(set) var addsDummyPrefix = true
  /// `trainer_spec.model_type`: 1 unigram, 2 BPE, 3 word, 4 char.
  private var modelType: UInt64 = 1
  private var notes: [String] = []

  init(_ bytes: [UInt8], file: String) throws {
    self.file = file
    do {
      var reader = ProtobufReader(bytes, 0..<bytes.count)
      while let (field, value) = try reader.next() {
        guard case .bytes(let range) = value else { continue }
        switch field {
        case 1: try readPiece(bytes, range)
        case 2: try readTrainer(bytes, range)
        case 3: try readNormalizer(bytes, range)
        default: break
        }
      }
    } catch let error as ProtobufReader.Malformed {
      throw TokenizationError.unreadable(
        file: file,
        reason: "not a SentencePiece model, or damaged, at byte \(error.offset); download it again")
    }
    guard modelType == 2 else {
      let kind = modelType == 1 ? "unigram" : "\(modelType)"
      throw TokenizationError.unsupported(file: file, key: "trainer_spec.model_type", found: kind, supported: ["BPE"])
    }
    guard !names.isEmpty else {
      throw TokenizationError.invalid(file: file, key: "pieces", found: "none", expected: "at least one")
    }
  }

  private mutating func readPiece(_ bytes: [UInt8], _ range: Range<Int>) throws {
    var name: [UInt8] = []
    var score: Float = 0
    var type = TokenType.normal
    var reader = ProtobufReader(bytes, range)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .bytes(let text)): name = Array(bytes[text])
      case (2, .fixed32(let bits)): score = Float(bitPattern: bits)
      case (3, .varint(let raw)): type = Int(exactly: raw).flatMap(TokenType.init(rawValue:)) ?? .normal
      default: break
      }
    }
    names.append(name)
    scores.append(score)
    types.append(type)
  }

  private mutating func readTrainer(_ bytes: [UInt8], _ range: Range<Int>) throws {
    var reader = ProtobufReader(bytes, range)
    while let (field, value) = try reader.next() {
      if field == 3, case .varint(let type) = value { modelType = type }
    }
  }

  private mutating func readNormalizer(_ bytes: [UInt8], _ range: Range<Int>) throws {
    var removesExtraSpace = true
    var reader = ProtobufReader(bytes, range)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (2, .bytes(let map)) where !map.isEmpty:
        notes.append("the model asks for Unicode normalization (normalizer_spec), which is not applied")
      case (3, .varint(let flag)): addsDummyPrefix = flag != 0
      case (4, .varint(let flag)): removesExtraSpace = flag != 0
      default: break
      }
    }
    if removesExtraSpace { notes.append("the model asks for the removal of repeated spaces, which is not applied") }
  }

  func tokenizer(_ added: [AddedToken]) throws -> Tokenizer {
    var names = names
    var types = types
    try ModelFile.extend(&names, &types, added, file: file)
    var ids = SpecialTokenIDs()
    ids.unknown = types.firstIndex(of: .unknown)
    var tokenizer = Tokenizer.sentencePiece(
      file: file, names: ByteStrings(names), types: types,
      scores: scores + Array(repeating: 0, count: names.count - scores.count), addsSpacePrefix: addsDummyPrefix,
      unknown: ids.unknown)
    tokenizer.notes += notes
    ids.beginningOfSequence = tokenizer.id(ofTokenNamed: "<s>")
    ids.endOfSequence = tokenizer.id(ofTokenNamed: "</s>")
    tokenizer.specialTokens = ids
    tokenizer.prefixTokens = ids.beginningOfSequence.map { [$0] } ?? []
    return tokenizer
  }
}
