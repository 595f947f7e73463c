import Foundation
import ModelFormats

/// The files beside a tokenizer that say which token has which role.
struct TokenizerFolder {
  private let folder: String
  /// `tokenizer.json` or `tokenizer.model`.
  let tokenizerFile: String
  private let config: JSONNode?
  private let specialTokensMap: JSONNode?

  init(path: String) throws {
    let files = FileManager.default
    var isFolder: ObjCBool = false
    guard files.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw TokenizationError.missing(file: path, key: "the file or folder", remedy: "check the path")
    }
    if isFolder.boolValue {
      folder = path
      let candidates = ["tokenizer.json", "tokenizer.model"].map { path + "/" + $0 }
      guard let found = try candidates.first(where: isPresent) else {
        throw TokenizationError.missing(
          file: path, key: "tokenizer.json or tokenizer.model",
          remedy: "download it from the model's page into this folder")
      }
      tokenizerFile = found
    } else {
      folder = (path as NSString).deletingLastPathComponent
      tokenizerFile = path
    }
    config = try Self.json(folder, "tokenizer_config.json")
    specialTokensMap = try Self.json(folder, "special_tokens_map.json")
  }

  private static func path(_ folder: String, _ name: String) throws -> String? {
    let path = (folder as NSString).appendingPathComponent(name)
    return try isPresent(path) ? path : nil
  }

  private static func json(_ folder: String, _ name: String) throws -> JSONNode? {
    guard let path = try path(folder, name) else { return nil }
    return try JSONParser.parse(path: path)
  }

  /// Tokens that a `tokenizer.model` does not hold, from `added_tokens.json` and `tokenizer_config.json`.
  func addedTokens() throws -> [AddedToken] {
    var result: [AddedToken] = []
    if let node = try Self.json(folder, "added_tokens.json") {
      for (key, value) in try node.object().entries {
        guard case .integer(let id) = value, let id = Int(exactly: id) else { continue }
        result.append(AddedToken(id: id, content: key.bytes))
      }
    }
    if let node = config?["added_tokens_decoder"] {
      for (key, value) in try node.object().entries {
        guard let id = Int(key.string) else { continue }
        result.append(try AddedToken(JSONNode(value, file: node.file, path: "\(node.path).\(key.string)"), id: id))
      }
    }
    return result
  }

  /// Sets roles, end tokens, BOS handling and chat templates from the side files.
  func finish(_ tokenizer: Tokenizer) throws -> Tokenizer {
    var tokenizer = tokenizer
    var ids = tokenizer.specialTokens
    ids.beginningOfSequence = try role("bos_token", tokenizer) ?? ids.beginningOfSequence
    ids.endOfSequence = try role("eos_token", tokenizer) ?? ids.endOfSequence
    ids.unknown = try role("unk_token", tokenizer) ?? ids.unknown
    ids.padding = try role("pad_token", tokenizer) ?? ids.padding
    ids.mask = try role("mask_token", tokenizer) ?? ids.mask
    ids.separator = try role("sep_token", tokenizer) ?? ids.separator
    var endTokens: [Int] = []
    if let path = try Self.path(folder, "generation_config.json") {
      let generation = try HFGenerationConfig(path: path)
      let known = 0..<tokenizer.vocabularySize
      endTokens = generation.eosTokenIDs.filter(known.contains)
      ids.beginningOfSequence =
        ids.beginningOfSequence ?? generation.bosTokenID.flatMap { known.contains($0) ? $0 : nil }
      ids.endOfSequence = ids.endOfSequence ?? endTokens.first
      ids.padding = ids.padding ?? generation.padTokenID.flatMap { known.contains($0) ? $0 : nil }
    }
    tokenizer.specialTokens = ids
    tokenizer.addEndOfGeneration(endTokens)
    try applyBeginningOfSequence(&tokenizer)
    tokenizer.chatTemplates = try chatTemplates()
    return tokenizer
  }

  /// A role's token: a string, or an object with its content.
  private func role(_ key: String, _ tokenizer: Tokenizer) throws -> Int? {
    for node in [config, specialTokensMap] {
      guard let value = node?[key] else { continue }
      let text: String?
      if case .object = value.value { text = try value.string("content") } else { text = try value.string() }
      if let id = text.flatMap(tokenizer.id(ofTokenNamed:)) { return id }
    }
    return nil
  }

  /// `add_bos_token`, where it is set, overrules the post-processor, as in transformers' Llama tokenizers.
  private func applyBeginningOfSequence(_ tokenizer: inout Tokenizer) throws {
    guard let adds = try config?.bool("add_bos_token"), let id = tokenizer.beginningOfSequence,
      adds != tokenizer.addsBeginningOfSequence
    else { return }
    tokenizer.prefixTokens = adds ? [id] + tokenizer.prefixTokens : tokenizer.prefixTokens.filter { $0 != id }
    tokenizer.notes.append(
      "tokenizer_config.json sets add_bos_token to \(adds), which overrules the post-processor of the tokenizer")
  }

  /// Templates from all places they are kept in; the newest convention wins.
  private func chatTemplates() throws -> [String: String] {
    var result: [String: String] = [:]
    if let node = config?["chat_template"] {
      if case .array = node.value {
        for entry in try node.array() {
          if let name = try entry.string("name"), let text = try entry.string("template") { result[name] = text }
        }
      } else {
        result["default"] = try node.string()
      }
    }
    if let text = try Self.json(folder, "chat_template.json")?.string("chat_template") { result["default"] = text }
    if let path = try Self.path(folder, "additional_chat_templates") {
      for name in try FileManager.default.contentsOfDirectory(atPath: path) where name.hasSuffix(".jinja") {
        result[String(name.dropLast(".jinja".count))] = try String(contentsOfFile: path + "/" + name, encoding: .utf8)
      }
    }
    if let path = try Self.path(folder, "chat_template.jinja") {
      result["default"] = try String(contentsOfFile: path, encoding: .utf8)
    }
    return result
  }
}
