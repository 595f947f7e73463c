/// How the elements of a stored tensor are encoded. The raw value is the name the field uses, such as `Q4_1`.
///
/// Layouts: ggml's `ggml-common.h` and, for I2_S, bitnet.cpp's `ggml-bitnet-mad.cpp`.
public enum TensorType: String, Sendable, Hashable, CaseIterable {
  /// IEEE single precision.
  case f32 = "F32"
  /// IEEE half precision.
  case f16 = "F16"
  /// The upper half of a single.
  case bf16 = "BF16"
  /// IEEE double precision.
  case f64 = "F64"
  /// 8-bit integers with an f16 scale per 32.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_0 = "Q8_0"
  /// 4-bit integers with an f16 scale per 32.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_0 = "Q4_0"
  /// 4-bit integers with an f16 scale and minimum per 32.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_1 = "Q4_1"
  /// 5-bit integers with an f16 scale per 32.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q5_0 = "Q5_0"
  /// 5-bit integers with an f16 scale and minimum per 32.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q5_1 = "Q5_1"
  /// 4-bit integers, 256 to a block, with 6-bit scales and minima per 32.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_K = "Q4_K"
  /// 5-bit integers, 256 to a block, with 6-bit scales and minima per 32.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q5_K = "Q5_K"
  /// 6-bit integers, 256 to a block, with 8-bit scales per 16.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q6_K = "Q6_K"
  /// Ternary digits, five to a byte, with an f16 scale per 256.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case tq1_0 = "TQ1_0"
  /// Ternary digits, four to a byte, with an f16 scale per 256.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case tq2_0 = "TQ2_0"
  /// bitnet.cpp's ternary digits, four to a byte, with one f32 scale for the whole tensor.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case i2_s = "I2_S"
  /// Signed bytes.
  case i8 = "I8"
  /// 16-bit signed integers.
  case i16 = "I16"
  /// 32-bit signed integers.
  case i32 = "I32"
  /// 64-bit signed integers.
  case i64 = "I64"
  /// Unsigned bytes: also Hugging Face's packed ternary weights, and booleans.
  case u8 = "U8"

  /// How many consecutive elements share one block.
  ///
  /// An I2_S block of 128 may straddle two rows, since its blocks cut the whole tensor as one flat run.
  public var blockElements: Int { layout.elements }

  /// The bytes of one block, without the scale that an I2_S tensor has once, at its end.
  public var blockBytes: Int { layout.bytes }

  /// The storage cost of one element, in bits.
  public var bitsPerWeight: Double { Double(layout.bytes * 8) / Double(layout.elements) }

  /// Whether elements are numbers of their own rather than parts of a scaled block.
  public var isPlain: Bool { layout.elements == 1 }

  /// What a whole tensor has beside its blocks: the 32 bytes with the scale of I2_S.
  package var trailerBytes: Int { self == .i2_s ? 32 : 0 }

  /// The bytes of a row-major matrix `[rows, columns]`.
  ///
  /// - Returns: `nil` if a size is negative, a row does not hold whole blocks (I2_S: if the tensor does not), or the
  ///   size overflows.
  public func byteCount(rows: Int, columns: Int) -> Int? {
    guard rows >= 0, columns >= 0 else { return nil }
    let (elements, elementsOverflow) = rows.multipliedReportingOverflow(by: columns)
    let run = self == .i2_s ? elements : columns
    guard !elementsOverflow, run.isMultiple(of: blockElements) else { return nil }
    let (bytes, bytesOverflow) = (elements / blockElements).multipliedReportingOverflow(by: blockBytes)
    let (total, totalOverflow) = bytes.addingReportingOverflow(trailerBytes)
    return bytesOverflow || totalOverflow ? nil : total
  }

  private var layout: (elements: Int, bytes: Int) {
    switch self {
    case .u8, .i8: (1, 1)
    case .f16, .bf16, .i16: (1, 2)
    case .f32, .i32: (1, 4)
    case .f64, .i64: (1, 8)
    case .q4_0: (32, 18)
    case .q4_1: (32, 20)
    case .q5_0: (32, 22)
    case .q5_1: (32, 24)
    case .q8_0: (32, 34)
    case .q4_K: (256, 144)
    case .q5_K: (256, 176)
    case .q6_K: (256, 210)
    case .tq1_0: (256, 54)
    case .tq2_0: (256, 66)
    case .i2_s: (128, 32)
    }
  }
}
