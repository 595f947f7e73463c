import Kernels
import Testing

/// The examples of FIPS 180-4 and of NIST's test vectors, and Python's hashlib for the lengths around a block.
@Suite struct SHA256Tests {
  private func digest(_ bytes: [UInt8], isPortable: Bool, step: Int = .max) -> String {
    var digest = SHA256(isPortable: isPortable)
    for start in stride(from: 0, to: bytes.count, by: min(step, max(1, bytes.count))) {
      digest.update(SharedBytes(copying: Array(bytes[start..<min(bytes.count, start + min(step, bytes.count))])))
    }
    return digest.hexadecimal()
  }

  @Test(
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ], [false, true])
  func `the published examples`(example: (text: String, digest: String), isPortable: Bool) {
    #expect(digest(Array(example.text.utf8), isPortable: isPortable) == example.digest)
  }

  @Test(arguments: [false, true], [1, 63, 64, 65, 1000, .max])
  func `a million times the letter a, in pieces of any size`(isPortable: Bool, step: Int) {
    let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
    let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    #expect(digest(bytes, isPortable: isPortable, step: step) == expected)
  }

  // With python3 -c "import hashlib; print(hashlib.sha256(bytes(range(n))).hexdigest())"
  @Test(arguments: ramps, [false, true])
  func `lengths where the padding fills a block`(example: (length: Int, digest: String), isPortable: Bool) {
    #expect(digest((0..<example.length).map(UInt8.init), isPortable: isPortable) == example.digest)
  }

  static let ramps: [(length: Int, digest: String)] = [
    (55, "463eb28e72f82e0a96c0a4cc53690c571281131f672aa229e0d45ae59b598b59"),
    (56, "da2ae4d6b36748f2a318f23e7ab1dfdf45acdc9d049bd80e59de82a60895f562"),
    (63, "29af2686fd53374a36b0846694cc342177e428d1647515f078784d69cdb9e488"),
    (64, "fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108"),
    (119, "da18797ed7c3a777f0847f429724a2d8cd5138e6ed2895c3fa1a6d39d18f7ec6"),
    (120, "f52b23db1fbb6ded89ef42a23ce0c8922c45f25c50b568a93bf1c075420bbb7c"),
  ]
}
