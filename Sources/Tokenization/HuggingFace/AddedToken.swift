import ModelFormats

/// An entry of `added_tokens` or `added_tokens_decoder`.
struct AddedToken {
  var id: Int
  var content: [UInt8]
  /// A control token: prints nothing and is recognized only on demand.
  var isSpecial = true
  /// Searched for in the normalized text instead of in the raw one.
  var isNormalized = false
  var stripsLeft = false
  var stripsRight = false
  var isSingleWord = false

  init(id: Int, content: [UInt8]) {
    self.id = id
    self.content = content
  }

  init(_ node: JSONNode, id: Int) throws {
    self.id = id
    guard case .string(let text)? = node["content"]?.value else {
      throw TokenizationError.missing(file: node.file, key: "\(node.path).content", remedy: "download the file again")
    }
    content = text.bytes
    isSpecial = try node.bool("special") ?? false
    isNormalized = try node.bool("normalized") ?? !isSpecial
    stripsLeft = try node.bool("lstrip") ?? false
    stripsRight = try node.bool("rstrip") ?? false
    isSingleWord = try node.bool("single_word") ?? false
  }

  /// The token as the matcher wants it.
  var specialToken: SpecialToken {
    var token = SpecialToken(id: id, content: content)
    token.isAlwaysCut = !isSpecial
    token.stripsLeft = stripsLeft
    token.stripsRight = stripsRight
    token.isSingleWord = isSingleWord
    return token
  }
}
