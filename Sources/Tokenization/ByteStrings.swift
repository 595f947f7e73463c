/// A list of byte strings in one buffer: a vocabulary of 128 000 entries is two allocations, not 128 000.
package struct ByteStrings: Sendable {
  /// All strings, one after the other.
  package private(set) var bytes: [UInt8] = []
  private var starts: [Int] = [0]

  package init() {}

  package init(_ strings: some Sequence<[UInt8]>) {
    for string in strings { append(string) }
  }

  package var count: Int { starts.count - 1 }

  package mutating func reserveCapacity(strings: Int, bytes count: Int) {
    starts.reserveCapacity(strings + 1)
    bytes.reserveCapacity(count)
  }

  package mutating func append(_ string: some Sequence<UInt8>) {
    bytes.append(contentsOf: string)
    starts.append(bytes.count)
  }

  /// Where string `index` lies in `bytes`; `index` must be in `0 ..< count`.
  package func range(_ index: Int) -> Range<Int> { starts[index]..<starts[index + 1] }

  package subscript(index: Int) -> ArraySlice<UInt8> { bytes[range(index)] }
}
