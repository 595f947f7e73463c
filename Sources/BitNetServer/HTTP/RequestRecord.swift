#if Server
import Logging
import Synchronization

/// What becomes known about a request while it is answered, for its line in the log.
final class RequestRecord: Sendable {
  private let state = Mutex<Usage?>(nil)
  private let logger: Logger
  private let logsPrompts: Bool

  init(logger: Logger, logsPrompts: Bool) {
    self.logger = logger
    self.logsPrompts = logsPrompts
  }

  var usage: Usage? {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }

  /// Writes a prompt to the log, if the operator asked for it.
  func logPrompt(_ text: () -> String) {
    guard logsPrompts else { return }
    logger.info("prompt", metadata: ["prompt": "\(text())"])
  }
}
#endif
