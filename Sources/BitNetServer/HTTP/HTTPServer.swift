#if Server
package import Logging
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Kernels
import NIOCore
import NIOSSL
import ServiceLifecycle
import Synchronization
import UnixSignals

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The server: listens, answers, and goes when told to.
package struct HTTPServer: Sendable {
  private let configuration: ServerConfiguration
  private let context: APIContext
  private let logger: Logger
  private let keys: APIKeys
  private let tls: TLSConfiguration?
  private let drain = Drain()
  private let executor: RequestExecutor

  /// Set once, when the server begins to shut down.
  private final class Drain: Sendable {
    let hasBegun = Atomic<Bool>(false)
  }

  /// - Throws: ``ConfigurationError`` for keys and certificates that cannot be used.
  package init(configuration: ServerConfiguration, context: APIContext, logger: Logger) throws(ConfigurationError) {
    self.configuration = configuration
    self.context = context
    self.logger = logger
    executor = RequestExecutor(threadCount: ThreadPool.availableProcessors, niceness: configuration.niceness)
    keys = configuration.apiKeyFile.isEmpty ? APIKeys() : try APIKeys(path: configuration.apiKeyFile)
    tls =
      configuration.tlsCertificate.isEmpty
      ? nil : try Self.tls(certificate: configuration.tlsCertificate, key: configuration.tlsKey)
  }

  /// Serves until SIGTERM or SIGINT, then until the running requests are done. A second signal ends the program at once.
  ///
  /// - Throws: when the address cannot be listened on.
  package func run() async throws {
    if keys.isEmpty, !configuration.isLoopbackOnly {
      logger.warning(
        "anybody who reaches this address may use the server: set --api-key-file",
        metadata: ["host": "\(configuration.host)"])
    }
    var settings = ServiceGroupConfiguration(
      services: [.init(service: application, successTerminationBehavior: .gracefullyShutdownGroup)],
      logger: quietLogger)
    settings.maximumGracefulShutdownDuration = .seconds(configuration.drainTimeout) + .milliseconds(1)
    let group = ServiceGroup(configuration: settings)
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await serve(group) }
      tasks.addTask {
        for await signal in signals { await handle(signal, group) }
      }
      try await tasks.next()
      tasks.cancelAll()
    }
    logger.info("stopped")
  }

  private func serve(_ group: ServiceGroup) async throws {
    do {
      try await group.run()
    } catch  where drain.hasBegun.load(ordering: .relaxed) {
      logger.warning("requests were cut off: --drain-timeout was not enough")
    }
  }

  private func handle(_ signal: UnixSignal, _ group: ServiceGroup) async {
    guard !drain.hasBegun.exchange(true, ordering: .relaxed) else {
      logger.warning("second signal: ending at once")
      exit(128 + (signal == .sigint ? SIGINT : SIGTERM))
    }
    logger.info(
      "shutting down; a second signal ends at once", metadata: ["drain_seconds": "\(configuration.drainTimeout)"])
    await group.triggerGracefulShutdown()
    // Whatever may hang, the program must not.
    let limit = configuration.drainTimeout + 5
    Task {
      try await Task.sleep(for: .seconds(limit))
      exit(1)
    }
  }

  private var application: some ApplicationProtocol {
    let drain = drain, configuration = configuration, logger = logger
    let isDraining: @Sendable () -> Bool = { drain.hasBegun.load(ordering: .relaxed) }
    let responder = ServerResponder(
      routes: Routes(
        context: context, page: configuration.noPage ? nil : PackageResources.index_html, isDraining: isDraining),
      keys: keys, cors: CORS(configuration.corsOrigin), limits: context.limits, metrics: context.metrics,
      logger: logger,
      logsPrompts: configuration.logPrompts, trustsProxy: configuration.trustProxy, isDraining: isDraining,
      executor: executor)
    let http = HTTPServerBuilder.http1(
      configuration: .init(additionalChannelHandlers: [ConnectionWatch.Handler()], idleTimeout: .seconds(75)))
    let scheme = tls == nil ? "http" : "https"
    return Application(
      responder: responder, server: tls.flatMap { try? .tls(http, tlsConfiguration: $0) } ?? http,
      configuration: .init(
        address: .hostname(configuration.host, port: configuration.port), serverName: "bitnet",
        availableConnectionsDelegate: MaximumAvailableConnections(configuration.maximumConnections)),
      onServerRunning: { channel in
        let port = channel.localAddress?.port ?? configuration.port
        logger.info("listening", metadata: ["url": "\(scheme)://\(configuration.host):\(port)"])
      },
      logger: quietLogger)
  }

  /// For the machinery underneath, whose everyday is not our users'.
  private var quietLogger: Logger {
    var logger = logger
    if logger.logLevel < .warning { logger.logLevel = .warning }
    return logger
  }

  private static func tls(certificate: String, key: String) throws(ConfigurationError) -> TLSConfiguration {
    do {
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
        privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
      configuration.minimumTLSVersion = .tlsv12
      // What a handshake would only show later.
      _ = try NIOSSLContext(configuration: configuration)
      return configuration
    } catch {
      throw ConfigurationError("\(certificate), \(key): not a certificate and its key: \(error)")
    }
  }
}

extension Logger {
  /// The server's logger, as configured.
  package init(configuration: ServerConfiguration) {
    self.init(label: "bitnet") { label in
      switch configuration.logFormat {
      case .text: StreamLogHandler.standardError(label: label)
      case .json: JSONLogHandler(label: label)
      }
    }
    logLevel = Logger.Level(rawValue: configuration.logLevel.rawValue) ?? .info
  }
}
#endif
