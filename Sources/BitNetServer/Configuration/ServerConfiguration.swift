package import BitNet

/// Everything about a server that can be chosen. ``Setting/all`` says how each is called.
package struct ServerConfiguration: Sendable, Hashable {
  /// How log entries are written.
  package enum LogFormat: String, Sendable, CaseIterable {
    case text
    case json
  }

  package enum LogLevel: String, Sendable, CaseIterable {
    case debug
    case info
    case warning
    case error
  }

  package enum CacheType: String, Sendable, CaseIterable {
    case f32
    case f16
    case q8
  }

  package enum Mode: String, Sendable, CaseIterable {
    case auto
    case none
    case weightOnly = "weight-only"
    case bitLinear = "bitlinear"
  }

  // The model.
  package var model = ""
  package var modelName = ""
  package var mode = Mode.auto
  package var threads = 0
  package var niceness = 5
  package var contextSize = 0
  package var cacheType = CacheType.f16
  package var noRepack = false

  // Who may come.
  package var host = "127.0.0.1"
  package var port = 8080
  package var apiKeyFile = ""
  package var corsOrigin = ""
  package var tlsCertificate = ""
  package var tlsKey = ""
  package var trustProxy = false
  package var noPage = false

  // How much of it.
  package var maximumQueue = 256
  package var maximumSequences = 16
  package var cacheMemory = 0
  package var promptTokensPerStep = 32
  package var decodeMode = DecodeMode.autoregressive
  package var maximumConnections = 1024
  package var requestTimeout = 600
  package var drainTimeout = 30
  package var limits = APILimits()

  // What is written down.
  package var logFormat = LogFormat.text
  package var logLevel = LogLevel.info
  package var logPrompts = false

  package init() {}
}

extension ServerConfiguration {
  /// How the model is to be loaded.
  package var modelOptions: Model.Options {
    let mode: QuantizationMode? =
      switch mode {
      case .auto: nil
      case .none: QuantizationMode.none
      case .weightOnly: .weightOnly
      case .bitLinear: .bitLinear
      }
    var options = Model.Options(
      mode: mode, threads: threads == 0 ? nil : threads, contextLength: contextSize == 0 ? nil : contextSize,
      repacksWeights: !noRepack, cachePrecision: CachePrecision(rawValue: cacheType.rawValue) ?? .f16)
    options.niceness = niceness
    return options
  }

  /// How much is computed at once.
  package var engineOptions: BatchEngine.Options {
    var options = BatchEngine.Options()
    options.maximumSequences = maximumSequences
    options.queueCapacity = maximumQueue
    options.cacheBytes = cacheMemory == 0 ? nil : cacheMemory << 20
    options.promptTokensPerStep = promptTokensPerStep
    return options
  }

  /// How the model writes by block diffusion; `nil` if it has not learned that.
  ///
  /// - Throws: `ModelError` that says why not, if the configuration asks for block diffusion.
  package func diffusion(of model: Model) throws -> BlockDiffusionOptions? {
    do {
      let options = try model.blockDiffusionOptions()
      try model.checkBlockDiffusion(options)
      return options
    } catch {
      if decodeMode != .autoregressive { throw error }
      return nil
    }
  }

  /// The name under which clients ask for the model: as configured, or that of its file or folder.
  package var servedName: String {
    guard modelName.isEmpty else { return modelName }
    let name = model.split(separator: "/").last.map(String.init) ?? "model"
    return name.hasSuffix(".gguf") ? String(name.dropLast(5)) : name
  }

  /// Whether only programs on this machine can reach the server.
  package var isLoopbackOnly: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

  /// - Throws: ``ConfigurationError`` for settings that do not go together.
  package func validate() throws(ConfigurationError) {
    guard !model.isEmpty else {
      throw ConfigurationError("There is no model to serve: name a .gguf file or a Hugging Face folder.")
    }
    guard tlsCertificate.isEmpty == tlsKey.isEmpty else {
      throw ConfigurationError("TLS needs both --tls-cert and --tls-key.")
    }
  }
}
