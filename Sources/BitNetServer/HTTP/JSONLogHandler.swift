#if Server
package import Logging

import Foundation

/// Writes log entries to standard error as one JSON object to a line.
package struct JSONLogHandler: LogHandler {
  package var metadata: Logger.Metadata = [:]
  package var logLevel: Logger.Level = .info
  private let label: String

  package init(label: String) { self.label = label }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var members = [
      ("time", JSONText.quoted(Date.now.formatted(.iso8601.time(includingFractionalSeconds: true)))),
      ("level", JSONText.quoted(event.level.rawValue)), ("logger", JSONText.quoted(label)),
      ("message", JSONText.quoted(event.message.description)),
    ]
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    members += all.sorted { $0.key < $1.key }.map { ($0.key, JSONText.quoted($0.value.description)) }
    let line = "{" + members.map { "\(JSONText.quoted($0.0)):\($0.1)" }.joined(separator: ",") + "}\n"
    // There is nowhere left to say that standard error cannot be written.
    try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
  }
}
#endif
