import ModelFormats

extension Tokenizer {
  /// The tokenizer of a Hugging Face folder, or of one file in it.
  ///
  /// Reads `tokenizer.json`, else `tokenizer.model` (a SentencePiece model or Llama 3's tiktoken list, told apart by
  /// content), and beside it `tokenizer_config.json`, `special_tokens_map.json`, `generation_config.json` and chat
  /// templates where they are.
  ///
  /// - Throws: if there is no tokenizer, if a file makes no sense, or if it asks for something this library does not do.
  public init(path: String) throws(TokenizationError) {
    do {
      self = try Self.load(TokenizerFolder(path: path))
    } catch let error as TokenizationError {
      throw error
    } catch {
      throw .unreadable(file: path, reason: "\(error)")
    }
  }

  private static func load(_ folder: TokenizerFolder) throws -> Tokenizer {
    let file = folder.tokenizerFile
    guard file.hasSuffix(".json") else {
      return try folder.finish(ModelFile(path: file).tokenizer(addedTokens: folder.addedTokens()))
    }
    return try folder.finish(TokenizerJSON(JSONParser.parse(path: file)).tokenizer())
  }

  /// The tokenizer that the text of a `tokenizer.json` describes, without side files.
  ///
  /// - Parameter file: what to call the text in messages.
  /// - Throws: as `init(path:)`.
  public init(tokenizerJSON text: [UInt8], file: String) throws(TokenizationError) {
    do {
      self = try TokenizerJSON(JSONNode(JSONParser.parse(text, file: file), file: file)).tokenizer()
      addEndOfGeneration([])
    } catch let error as TokenizationError {
      throw error
    } catch {
      throw .unreadable(file: file, reason: "\(error)")
    }
  }

  /// The tokenizer of a `tokenizer.model`: a SentencePiece model or Llama 3's tiktoken list.
  ///
  /// - Parameter file: what to call the bytes in messages.
  /// - Throws: as `init(path:)`.
  public init(modelFile bytes: [UInt8], file: String) throws(TokenizationError) {
    do {
      self = try ModelFile(bytes, file: file).tokenizer(addedTokens: [])
      addEndOfGeneration([])
    } catch let error as TokenizationError {
      throw error
    } catch {
      throw .unreadable(file: file, reason: "\(error)")
    }
  }
}
