package import Kernels

/// Writes a safetensors file tensor by tensor: it appears under its name when the last one is in it.
package final class SafetensorsWriter {
  /// The bytes of the tensors, in order.
  private let byteCounts: [Int]
  private let offsets: [Int]
  private var written: [Int]
  private let file: NewFile
  private let end: Int

  /// Begins the file and writes its header.
  ///
  /// - Throws: `malformed` if a shape does not fit, `unwritable`.
  package init(path: String, tensors: [(name: String, shape: [Int], type: TensorType)]) throws(FormatError) {
    var entries: [(key: JSONString, value: JSONValue)] = [
      ("__metadata__", .object(JSONObject(entries: [("format", .string("pt"))])))
    ]
    var counts: [Int] = []
    var end = 0
    for (name, shape, type) in tensors {
      let count = try Tensor.byteCount(name: name, shape: shape, type: type, file: path)
      let fields: [(key: JSONString, value: JSONValue)] = [
        ("dtype", .string(JSONString(type.rawValue))), ("shape", .array(shape.map { .integer(Int64($0)) })),
        ("data_offsets", .array([.integer(Int64(end)), .integer(Int64(end + count))])),
      ]
      entries.append((JSONString(name), .object(JSONObject(entries: fields))))
      counts.append(count)
      end += count
    }
    var text = JSONValue.object(JSONObject(entries: entries)).text()
    // The reference keeps tensors aligned to 8 bytes.
    while !text.count.isMultiple(of: 8) { text.append(UInt8(ascii: " ")) }
    let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    let start = 8 + text.count
    byteCounts = counts
    offsets = counts.indices.map { start + counts[..<$0].reduce(0, +) }
    written = Array(repeating: 0, count: counts.count)
    self.end = start + end
    file = try NewFile(path: path)
    try file.write(SharedBytes(copying: length + text), at: 0)
  }

  /// Writes the next bytes of a tensor.
  ///
  /// - Throws: `unwritable`.
  /// - Precondition: no more bytes come than the tensor has.
  package func append(_ bytes: SharedBytes, to index: Int) throws(FormatError) {
    precondition(written[index] + bytes.count <= byteCounts[index], "too many bytes for tensor \(index)")
    try file.write(bytes, at: offsets[index] + written[index])
    written[index] += bytes.count
  }

  /// Ends the file and gives it its name.
  ///
  /// - Throws: `unwritable`.
  /// - Precondition: every tensor was written.
  package func finish() throws(FormatError) {
    precondition(written == byteCounts, "tensors are missing")
    try file.finish(count: end)
  }
}
