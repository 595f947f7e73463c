#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Whether a file or folder is there, where it need not be.
///
/// - Throws: `missing` for a link that leads nowhere: somebody meant the file to be there. Hugging Face's cache is made of
///   links, and a download that was cut off leaves such ones.
package func isPresent(_ path: String) throws(FormatError) -> Bool {
  if FileManager.default.fileExists(atPath: path) { return true }
  guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else { return false }
  throw FormatError(
    .missing, file: path, "is a link to a file that is not there", found: printable(target),
    remedy: "Fetch that file, or remove the link.")
}
