package import Kernels

/// Builds small safetensors files.
package struct SafetensorsBuilder: Sendable {
  private var entries: [String] = []
  private var data: [UInt8] = []

  package init() {}

  /// Adds the entry `__metadata__`; keys and values must need no escapes.
  package mutating func add(metadata: [String: String]) {
    let fields = metadata.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\"\($0.value)\"" }
    entries.append("\"__metadata__\":{\(fields.joined(separator: ","))}")
  }

  /// Adds a tensor behind those before it; the name must need no escapes.
  package mutating func add(tensor name: String, shape: [Int], dtype: String, bytes: [UInt8]) {
    let sizes = shape.map(String.init).joined(separator: ",")
    entries.append(
      "\"\(name)\":{\"dtype\":\"\(dtype)\",\"shape\":[\(sizes)],\"data_offsets\":[\(data.count),\(data.count + bytes.count)]}"
    )
    data += bytes
  }

  /// Adds a tensor of a type that safetensors has.
  package mutating func add(tensor name: String, shape: [Int], type: TensorType, bytes: [UInt8]) {
    add(tensor: name, shape: shape, dtype: type.rawValue, bytes: bytes)
  }

  /// Adds a tensor of F32.
  package mutating func add(tensor name: String, shape: [Int], floats: [Float]) {
    add(tensor: name, shape: shape, type: .f32, bytes: floats.littleEndianBytes)
  }

  /// The file.
  package func build() -> [UInt8] {
    SafetensorsBuilder.file(header: "{\(entries.joined(separator: ","))}", data: data)
  }

  /// A file with a header that need not make sense.
  package static func file(header: String, data: [UInt8]) -> [UInt8] {
    var text = Array(header.utf8)
    while !text.count.isMultiple(of: 8) { text.append(UInt8(ascii: " ")) }
    var out = LittleEndianBytes()
    out.append(UInt64(text.count))
    out.append(text)
    out.append(data)
    return out.bytes
  }
}
