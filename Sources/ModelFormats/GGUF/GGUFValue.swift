package import Kernels

/// A metadata value of a GGUF file.
public enum GGUFValue: Sendable {
  /// An unsigned integer of any width.
  case unsigned(UInt64, GGUFValueType)
  /// A signed integer of any width.
  case signed(Int64, GGUFValueType)
  /// A float of either width.
  case float(Double, GGUFValueType)
  /// A truth value.
  case bool(Bool)
  /// A string, as bytes.
  case string([UInt8])
  /// An array of numbers or truth values.
  case numbers(GGUFNumberArray)
  /// An array of strings.
  case strings(GGUFStringArray)

  /// The integer, of whatever width it is stored in, if the value is one and fits.
  public var integer: Int? {
    switch self {
    case .unsigned(let value, _): Int(exactly: value)
    case .signed(let value, _): Int(exactly: value)
    default: nil
    }
  }

  /// The number, if the value is a float or an integer.
  public var number: Double? {
    switch self {
    case .float(let value, _): value
    default: integer.map(Double.init)
    }
  }

  /// The text, with U+FFFD in place of what is not valid UTF-8, if the value is a string.
  public var text: String? {
    if case .string(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil }
  }

  /// What the value is, for messages: "an array of 3 strings", "u32".
  public var kind: String {
    switch self {
    case .unsigned(_, let type), .signed(_, let type), .float(_, let type): type.name
    case .bool: "bool"
    case .string: "a string"
    case .numbers(let array): "an array of \(array.count) \(array.type.name)"
    case .strings(let array): "an array of \(array.count) strings"
    }
  }
}

/// The types that metadata values have in a GGUF file, by their numbers there.
public enum GGUFValueType: UInt32, Sendable, Hashable {
  /// 8-bit integers.
  case u8 = 0, i8 = 1
  /// 16-bit integers.
  case u16 = 2, i16 = 3
  /// 32-bit integers.
  case u32 = 4, i32 = 5
  /// A single.
  case f32 = 6
  /// A byte that is 0 or 1.
  case bool = 7
  /// A length and so many bytes.
  case string = 8
  /// An element type, a count and so many elements.
  case array = 9
  /// 64-bit integers.
  case u64 = 10, i64 = 11
  /// A double.
  case f64 = 12

  /// The name of the type: `u32`.
  public var name: String { String(describing: self) }

  /// The bytes of a value, or `nil` where they vary.
  package var size: Int? {
    switch self {
    case .u8, .i8, .bool: 1
    case .u16, .i16: 2
    case .u32, .i32, .f32: 4
    case .u64, .i64, .f64: 8
    case .string, .array: nil
    }
  }
}

/// An array of numbers in a GGUF file, left where it is.
public struct GGUFNumberArray: Sendable {
  /// The type of the elements.
  public let type: GGUFValueType
  /// The number of elements.
  public let count: Int
  private let bytes: SharedBytes

  /// - Parameter bytes: `count` elements of `type`, which has a fixed size.
  package init(type: GGUFValueType, count: Int, bytes: SharedBytes) {
    self.type = type
    self.count = count
    self.bytes = bytes
  }

  /// An element.
  public subscript(index: Int) -> GGUFValue { GGUFValue(type: type, bytes: bytes, at: index * (type.size ?? 0)) }

  /// All elements as integers, or `nil` if they are none or do not fit.
  public var integers: [Int]? {
    var result: [Int] = []
    result.reserveCapacity(count)
    for index in 0..<count {
      guard let value = self[index].integer else { return nil }
      result.append(value)
    }
    return result
  }

  /// All elements as floats, or `nil` if they are no numbers.
  public var floats: [Float]? {
    var result: [Float] = []
    result.reserveCapacity(count)
    for index in 0..<count {
      guard let value = self[index].number else { return nil }
      result.append(Float(value))
    }
    return result
  }

  /// All elements as truth values, or `nil` if they are none.
  public var bools: [Bool]? {
    type == .bool ? (0..<count).map { bytes[$0] != 0 } : nil
  }
}

extension GGUFValue {
  /// Reads a value of fixed size that lies within `bytes`.
  init(type: GGUFValueType, bytes: SharedBytes, at offset: Int) {
    switch type {
    case .u8: self = .unsigned(UInt64(bytes[offset]), type)
    case .u16: self = .unsigned(UInt64(bytes.integer(at: offset, as: UInt16.self)), type)
    case .u32: self = .unsigned(UInt64(bytes.integer(at: offset, as: UInt32.self)), type)
    case .u64: self = .unsigned(bytes.integer(at: offset), type)
    case .i8: self = .signed(Int64(bytes.integer(at: offset, as: Int8.self)), type)
    case .i16: self = .signed(Int64(bytes.integer(at: offset, as: Int16.self)), type)
    case .i32: self = .signed(Int64(bytes.integer(at: offset, as: Int32.self)), type)
    case .i64: self = .signed(bytes.integer(at: offset), type)
    case .f32: self = .float(Double(bytes.float(at: offset)), type)
    case .f64: self = .float(Double(bitPattern: bytes.integer(at: offset)), type)
    case .bool: self = .bool(bytes[offset] != 0)
    case .string, .array: preconditionFailure("\(type) has no fixed size")
    }
  }
}
