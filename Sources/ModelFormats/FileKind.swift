import Kernels

/// Recognises a file that is not what its name says, by its first bytes.
enum FileKind {
  /// Refuses the small text that git leaves in place of a file kept in large-file storage.
  static func refuseGitLFSPointer(_ bytes: SharedBytes, file: String) throws(FormatError) {
    guard starts(bytes, with: "version https://git-lfs") else { return }
    throw FormatError(
      .otherFormat, file: file, "is a git-LFS pointer, not the file itself",
      remedy: "Run `git lfs pull` in the repository, or download the file from its web page.")
  }

  /// What the file seems to be, as a phrase with an article, or `nil`.
  static func guess(_ bytes: SharedBytes) -> String? {
    if starts(bytes, with: "GGUF") { return "a GGUF file" }
    if starts(bytes, with: "PK\u{3}\u{4}") { return "a zip archive, perhaps a PyTorch checkpoint" }
    if starts(bytes, with: "<!DOCTYPE") || starts(bytes, with: "<html") { return "a web page" }
    if starts(bytes, with: "{") { return "a JSON text" }
    if bytes.count > 8, bytes[8] == UInt8(ascii: "{") { return "a safetensors file" }
    for (magic, name) in [("ggml", "GGML"), ("ggmf", "GGMF"), ("ggjt", "GGJT"), ("ggla", "GGLA")] {
      if starts(bytes, with: magic) || starts(bytes, with: String(magic.reversed())) {
        return "a \(name) file, a predecessor of GGUF"
      }
    }
    if starts(bytes, with: "FUGG") { return "a big-endian GGUF file" }
    return nil
  }

  private static func starts(_ bytes: SharedBytes, with text: String) -> Bool {
    let prefix = Array(text.utf8)
    return bytes.count >= prefix.count && bytes.array(0..<prefix.count) == prefix
  }
}
