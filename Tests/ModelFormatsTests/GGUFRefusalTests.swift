import Kernels
import ModelFormats
import TestSupport
import Testing

struct GGUFRefusalTests {
  static func error(_ data: [UInt8]) -> FormatError? {
    do throws(FormatError) {
      _ = try GGUFFile(bytes: SharedBytes(copying: data), name: "test.gguf")
      return nil
    } catch { return error }
  }

  static func error(_ build: (inout GGUFBuilder) -> Void) -> FormatError? {
    var builder = GGUFBuilder()
    build(&builder)
    return error(builder.build())
  }

  @Test(arguments: [
    (38 as UInt32, "TL1"), (39, "MXFP4, or bitnet.cpp's TL2"), (16, "IQ2_XXS"), (29, "IQ1_M"),
    (31, "Q4_0_4_4"), (9, "Q8_1"), (10, "Q2_K"), (135, "IQ2_BN"), (142, "PQ2_0"), (777, "an unknown type"),
  ])
  func `a tensor type that is not read is refused by its name`(id: UInt32, name: String) throws {
    let error = try #require(
      GGUFRefusalTests.error {
        $0.add(tensor: "blk.0.ffn_up.weight", shape: [1, 192], typeID: id, bytes: Array(repeating: 0, count: 256))
      })
    #expect(error.subject == .tensor("blk.0.ffn_up.weight"))
    #expect(error.code == .unsupportedType)
    #expect(error.description.contains("type number \(id) ("))
    #expect(error.description.contains(name))
    #expect(error.remedy != nil)
  }

  @Test(arguments: [(1 as UInt32, "version"), (4, "version"), (0x0300_0000, "big-endian")])
  func `other versions and byte orders are refused by name`(version: UInt32, word: String) throws {
    let error = try #require(GGUFRefusalTests.error(GGUFBuilder().build(version: version)))
    #expect(error.code == .unsupportedVersion)
    #expect(error.description.contains(word))
  }

  @Test(arguments: [
    ("tjgg", "GGJT"), ("ggml", "GGML"), ("FUGG", "big-endian"), ("PK\u{3}\u{4}", "zip"),
    ("<!DOCTYPE html>", "web page"),
    ("version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"), ("\0\0\0\0\0\0\0\0{\"a\"", "safetensors"),
    ("nonsense", "not a GGUF file"), ("GG", "not a GGUF file"),
  ])
  func `another kind of file is called what it is`(content: String, word: String) throws {
    let error = try #require(GGUFRefusalTests.error(Array(content.utf8)))
    #expect(error.code == .otherFormat)
    #expect(error.description.contains(word))
  }

  @Test func `a truncated tensor names its end and the file's size`() throws {
    var builder = GGUFBuilder()
    builder.add(tensor: "blk.3.attn_q.weight", shape: [32, 256], floats: Array(repeating: 1, count: 8192))
    let data = builder.build()
    let error = try #require(GGUFRefusalTests.error(Array(data.dropLast(1000))))
    #expect(
      error.description == """
        test.gguf: tensor blk.3.attn_q.weight ends at byte 32,864, but the file has 31,864. \
        The download may be incomplete: fetch it again.
        """)
  }

  @Test func `what contradicts the format is refused`() {
    let four: [UInt8] = [0, 0, 0, 0]
    let wrong: [(String, (inout GGUFBuilder) -> Void)] = [
      (
        "twice",
        {
          $0.add("key", .u8(1))
          $0.add("key", .u8(1))
        }
      ),
      (
        "twice",
        {
          $0.add(tensor: "t", shape: [1], floats: [1])
          $0.add(tensor: "t", shape: [1], floats: [1])
        }
      ),
      ("0 bytes", { $0.add("", .u8(1)) }),
      ("64 bytes", { $0.add(tensor: String(repeating: "n", count: 64), shape: [1], floats: [1]) }),
      ("array of arrays", { $0.add("key", .raw(9, [9, 0, 0, 0])) }),
      ("unknown value type", { $0.add("key", .raw(13, [])) }),
      ("truth value", { $0.add("key", .raw(7, [2])) }),
      ("truth value", { $0.add("key", .raw(9, [7, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2])) }),
      ("power of two", { $0.add("general.alignment", .u32(48)) }),
      ("power of two", { $0.add("general.alignment", .u32(0)) }),
      ("wrong type", { $0.add("general.alignment", .u64(32)) }),
      ("0 dimensions", { $0.add(tensor: "t", shape: [], typeID: 0, bytes: four) }),
      ("5 dimensions", { $0.add(tensor: "t", shape: [1, 1, 1, 1, 1], typeID: 0, bytes: four) }),
      ("dimension of size 0", { $0.add(tensor: "t", shape: [1, 0], typeID: 0, bytes: four) }),
      ("impossible shape", { $0.add(tensor: "t", shape: [1 << 40, 1 << 40], typeID: 0, bytes: four) }),
      ("multiple of 128", { $0.add(tensor: "t", shape: [1, 192], typeID: 36, bytes: Array(repeating: 0, count: 80)) }),
      ("multiple of 32", { $0.add(tensor: "t", shape: [2, 48], typeID: 8, bytes: four) }),
      ("not aligned", { $0.add(tensor: "t", shape: [1], typeID: 0, bytes: four, offset: 4) }),
      ("past any file", { $0.add(tensor: "t", shape: [1], typeID: 0, bytes: four, offset: 1 << 63) }),
      (
        "overlaps tensor b",
        {
          $0.add(tensor: "a", shape: [16], floats: Array(repeating: 1, count: 16))
          $0.add(tensor: "b", shape: [1], typeID: 0, bytes: four, offset: 32)
        }
      ),
      (
        "scale in every block",
        {
          $0.add(tensor: "t", shape: [64, 128], typeID: 36, bytes: Array(repeating: 0, count: 64 * 36))
          $0.add(tensor: "after", shape: [1], floats: [1])
        }
      ),
    ]
    for (phrase, build) in wrong {
      let description = GGUFRefusalTests.error(build)?.description ?? "accepted"
      #expect(description.contains(phrase))
    }
  }

  @Test func `control characters of a damaged name do not reach the terminal`() throws {
    let error = try #require(
      GGUFRefusalTests.error { $0.add(tensor: "a\u{1B}[31m", shape: [1], typeID: 99, bytes: []) })
    #expect(error.description.contains("a\u{FFFD}[31m"))
  }
}
