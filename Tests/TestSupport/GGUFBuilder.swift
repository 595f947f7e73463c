package import Kernels
import ModelFormats

/// Builds small GGUF files, right ones and, with numbers given by hand, wrong ones.
package struct GGUFBuilder: Sendable {
  /// A metadata value.
  package enum Value: Sendable {
    case u8(UInt8), i8(Int8), u16(UInt16), i16(Int16), u32(UInt32), i32(Int32), u64(UInt64), i64(Int64)
    case f32(Float), f64(Double), bool(Bool)
    case string(String), bytes([UInt8])
    case strings([String]), byteStrings([[UInt8]])
    case u32s([UInt32]), i32s([Int32]), f32s([Float]), bools([Bool])
    /// A value type's number and what follows it in the file.
    case raw(UInt32, [UInt8])
  }

  /// A built file, and where in it things are.
  package struct Layout: Sendable {
    package let bytes: [UInt8]
    /// Where every field of the header begins.
    package let fields: [Int]
    /// Where the 8-byte counts, lengths, sizes and offsets are.
    package let wideNumbers: [Int]
    /// Where the 4-byte numbers of dimensions and types are.
    package let narrowNumbers: [Int]
    /// Where the header ends, before its padding.
    package let headerEnd: Int
    /// Where every tensor ends.
    package let tensorEnds: [Int]
  }

  private struct TensorEntry: Sendable {
    let name: String
    let shape: [UInt64]
    let typeID: UInt32
    let bytes: [UInt8]
    let offset: UInt64?
  }

  private var metadata: [(key: String, value: Value)] = []
  private var tensors: [TensorEntry] = []
  /// What tensors are padded to; written to the file by `add("general.alignment", …)` only.
  package var alignment = 32

  package init() {}

  /// Adds a metadata value.
  package mutating func add(_ key: String, _ value: Value) { metadata.append((key, value)) }

  /// Adds a tensor with its shape in PyTorch's order.
  package mutating func add(tensor name: String, shape: [Int], type: TensorType, bytes: [UInt8]) {
    add(tensor: name, shape: shape.map(UInt64.init), typeID: GGMLTypes.id(of: type) ?? .max, bytes: bytes)
  }

  /// Adds a tensor of F32.
  package mutating func add(tensor name: String, shape: [Int], floats: [Float]) {
    add(tensor: name, shape: shape, type: .f32, bytes: floats.littleEndianBytes)
  }

  /// Adds a tensor with numbers that need not make sense.
  package mutating func add(
    tensor name: String, shape: [UInt64], typeID: UInt32, bytes: [UInt8], offset: UInt64? = nil
  ) {
    tensors.append(TensorEntry(name: name, shape: shape, typeID: typeID, bytes: bytes, offset: offset))
  }

  /// The file.
  package func build(version: UInt32 = 3) -> [UInt8] { layout(version: version).bytes }

  /// The file, and where in it things are.
  package func layout(version: UInt32 = 3) -> Layout {
    var writer = Writer()
    writer.out.append(Array("GGUF".utf8))
    writer.field()
    writer.out.append(version)
    writer.wide(UInt64(tensors.count))
    writer.wide(UInt64(metadata.count))
    for (key, value) in metadata {
      writer.string(Array(key.utf8))
      writer.value(value)
    }
    var offset: UInt64 = 0
    for tensor in tensors {
      writer.string(Array(tensor.name.utf8))
      writer.narrow(UInt32(tensor.shape.count))
      for size in tensor.shape.reversed() { writer.wide(size) }
      writer.narrow(tensor.typeID)
      writer.wide(tensor.offset ?? offset)
      offset += UInt64((tensor.bytes.count + alignment - 1) / alignment * alignment)
    }
    let headerEnd = writer.out.bytes.count
    writer.out.pad(to: alignment)
    var tensorEnds: [Int] = []
    for tensor in tensors {
      writer.out.append(tensor.bytes)
      tensorEnds.append(writer.out.bytes.count)
      writer.out.pad(to: alignment)
    }
    return Layout(
      bytes: writer.out.bytes, fields: writer.fields, wideNumbers: writer.wideNumbers,
      narrowNumbers: writer.narrowNumbers, headerEnd: headerEnd, tensorEnds: tensorEnds)
  }

  private struct Writer {
    var out = LittleEndianBytes()
    var fields: [Int] = []
    var wideNumbers: [Int] = []
    var narrowNumbers: [Int] = []

    mutating func field() { fields.append(out.bytes.count) }

    mutating func wide(_ value: UInt64) {
      field()
      wideNumbers.append(out.bytes.count)
      out.append(value)
    }

    mutating func narrow(_ value: UInt32) {
      field()
      narrowNumbers.append(out.bytes.count)
      out.append(value)
    }

    mutating func string(_ bytes: [UInt8]) {
      wide(UInt64(bytes.count))
      field()
      out.append(bytes)
    }

    mutating func array(_ elementType: UInt32, count: Int) {
      narrow(9)
      narrow(elementType)
      wide(UInt64(count))
      field()
    }

    mutating func scalar(_ type: UInt32, _ value: some FixedWidthInteger) {
      narrow(type)
      field()
      out.append(value)
    }

    mutating func value(_ value: Value) {
      switch value {
      case .u8(let value): scalar(0, value)
      case .i8(let value): scalar(1, value)
      case .u16(let value): scalar(2, value)
      case .i16(let value): scalar(3, value)
      case .u32(let value): scalar(4, value)
      case .i32(let value): scalar(5, value)
      case .f32(let value): scalar(6, value.bitPattern)
      case .bool(let value): scalar(7, UInt8(value ? 1 : 0))
      case .u64(let value): scalar(10, value)
      case .i64(let value): scalar(11, value)
      case .f64(let value): scalar(12, value.bitPattern)
      case .string(let text): self.value(.bytes(Array(text.utf8)))
      case .bytes(let bytes):
        narrow(8)
        string(bytes)
      case .strings(let texts): self.value(.byteStrings(texts.map { Array($0.utf8) }))
      case .byteStrings(let strings):
        array(8, count: strings.count)
        for bytes in strings { string(bytes) }
      case .u32s(let values):
        array(4, count: values.count)
        for value in values { out.append(value) }
      case .i32s(let values):
        array(5, count: values.count)
        for value in values { out.append(value) }
      case .f32s(let values):
        array(6, count: values.count)
        for value in values { out.append(value) }
      case .bools(let values):
        array(7, count: values.count)
        for value in values { out.append(UInt8(value ? 1 : 0)) }
      case .raw(let type, let bytes):
        narrow(type)
        out.append(bytes)
      }
    }
  }
}
