extension GGUFFile {
  /// An integer, stored in whatever width; `nil` if the key is absent.
  ///
  /// - Throws: `wrongType` if the value is no integer or does not fit.
  public func integer(_ key: String) throws(FormatError) -> Int? { try read(key, "an integer", \.integer) }

  /// A number; `nil` if the key is absent.
  ///
  /// - Throws: `wrongType` if the value is no number.
  public func float(_ key: String) throws(FormatError) -> Float? {
    try read(key, "a number") { $0.number.map { Float($0) } }
  }

  /// A truth value; `nil` if the key is absent.
  ///
  /// - Throws: `wrongType` if the value is none.
  public func bool(_ key: String) throws(FormatError) -> Bool? {
    try read(key, "a bool") { if case .bool(let value) = $0 { value } else { nil } }
  }

  /// A string; `nil` if the key is absent.
  ///
  /// - Throws: `wrongType` if the value is none.
  public func string(_ key: String) throws(FormatError) -> String? { try read(key, "a string", \.text) }

  /// An array of strings; `nil` if the key is absent.
  ///
  /// - Throws: `wrongType` if the value is none.
  public func strings(_ key: String) throws(FormatError) -> GGUFStringArray? {
    try read(key, "an array of strings") { if case .strings(let value) = $0 { value } else { nil } }
  }

  /// Integers: an array, or a single integer as an array of one, since some keys come in both forms. `nil` if the key
  /// is absent.
  ///
  /// - Throws: `wrongType` if the value is neither.
  public func integers(_ key: String) throws(FormatError) -> [Int]? {
    try read(key, "integers") {
      if case .numbers(let array) = $0 { array.integers } else { $0.integer.map { [$0] } }
    }
  }

  /// Numbers: an array, or a single number as an array of one. `nil` if the key is absent.
  ///
  /// - Throws: `wrongType` if the value is neither.
  public func floats(_ key: String) throws(FormatError) -> [Float]? {
    try read(key, "numbers") {
      if case .numbers(let array) = $0 { array.floats } else { $0.number.map { [Float($0)] } }
    }
  }

  /// Truth values; `nil` if the key is absent.
  ///
  /// - Throws: `wrongType` if the value is no array of them.
  public func bools(_ key: String) throws(FormatError) -> [Bool]? {
    try read(key, "an array of bools") { if case .numbers(let array) = $0 { array.bools } else { nil } }
  }

  /// The value if there is one, such as `try file.required("llama.block_count", file.integer("llama.block_count"))`.
  ///
  /// - Throws: `missing` if `value` is `nil`.
  public func required<Value>(_ key: String, _ value: Value?) throws(FormatError) -> Value {
    guard let value else {
      throw FormatError(
        .missing, file: name, subject: .key(key), "is missing",
        remedy: "Convert the model again: its converter left it out.")
    }
    return value
  }

  /// An integer that must be there.
  ///
  /// - Throws: `missing` or `wrongType`.
  public func requiredInteger(_ key: String) throws(FormatError) -> Int { try required(key, integer(key)) }

  /// A number that must be there.
  ///
  /// - Throws: `missing` or `wrongType`.
  public func requiredFloat(_ key: String) throws(FormatError) -> Float { try required(key, float(key)) }

  /// A string that must be there.
  ///
  /// - Throws: `missing` or `wrongType`.
  public func requiredString(_ key: String) throws(FormatError) -> String { try required(key, string(key)) }

  /// An array of strings that must be there.
  ///
  /// - Throws: `missing` or `wrongType`.
  public func requiredStrings(_ key: String) throws(FormatError) -> GGUFStringArray { try required(key, strings(key)) }

  private func read<Value>(
    _ key: String, _ expected: String, _ convert: (GGUFValue) -> Value?
  ) throws(FormatError) -> Value? {
    guard let value = self[key] else { return nil }
    guard let converted = convert(value) else {
      let found = value.integer.map { "\(value.kind) \($0)" } ?? value.kind
      throw FormatError(
        .wrongType, file: name, subject: .key(key), "has the wrong type", found: found, expected: expected,
        remedy: "Convert the model again.")
    }
    return converted
  }
}
