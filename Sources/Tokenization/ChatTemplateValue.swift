/// A value handed to a chat template: what JSON can hold, with the members of objects in order.
public enum ChatTemplateValue: Sendable, Hashable {
  /// Python's `None`.
  case null
  /// A truth value.
  case boolean(Bool)
  /// An integer.
  case integer(Int)
  /// A number with a fraction.
  case number(Double)
  /// A text.
  case string(String)
  /// A list.
  case array([ChatTemplateValue])
  /// A mapping, in the order in which the template will see it.
  case object([Member])

  /// One name and value of an object.
  public struct Member: Sendable, Hashable {
    /// The key.
    public let name: String
    /// What the key stands for.
    public let value: ChatTemplateValue

    /// A member called `name`.
    public init(name: String, value: ChatTemplateValue) {
      self.name = name
      self.value = value
    }
  }
}

extension ChatTemplateValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  /// A text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
  /// An integer.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// A number with a fraction.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// A list.
  public init(arrayLiteral elements: ChatTemplateValue...) { self = .array(elements) }
  /// A mapping in the order written.
  public init(dictionaryLiteral elements: (String, ChatTemplateValue)...) {
    self = .object(elements.map { Member(name: $0.0, value: $0.1) })
  }
  /// Python's `None`.
  public init(nilLiteral: ()) { self = .null }
}
