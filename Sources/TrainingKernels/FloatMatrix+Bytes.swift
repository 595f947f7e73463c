package import Kernels

extension FloatMatrix {
  /// Overwrites all elements with 32-bit floats as they lie in files, row behind row without a gap.
  package func overwrite(with bytes: SharedBytes) {
    let rowBytes = columns * MemoryLayout<Float>.stride
    precondition(bytes.count == rows * rowBytes, "\(bytes.count) bytes for \(rows) rows of \(rowBytes)")
    bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      for row in 0..<rows {
        UnsafeMutableRawPointer(pointer(row: row)).copyMemory(from: start + row * rowBytes, byteCount: rowBytes)
      }
    }
  }
}
