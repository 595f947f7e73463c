#if Server
import ArgumentParser
import BitNet
import BitNetServer
import Foundation
import Logging

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serve a model over HTTP, with OpenAI's interface.",
    discussion: """
      Every option can also be set in the environment (--max-queue as BITNET_MAX_QUEUE) and in a YAML file \
      (max-queue: 100); options win over the environment, the environment over the file. A web page to chat with is at /.
      SIGTERM and Ctrl-C let running requests finish; a second signal ends at once.

      Examples:
        bitnet serve model.gguf
        bitnet serve model.gguf --host 0.0.0.0 --api-key-file keys.txt --log-format json
        bitnet serve --config server.yaml --print-config
      """)

  @Argument(help: help("model"), completion: .file()) var model: String?

  @Option(name: .long, help: "A YAML file with any of these settings.", completion: .file()) var config: String?
  @Flag(name: .long, help: "Print all settings and where they come from, and exit.") var printConfig = false

  @Option(name: .long, parsing: .unconditional, help: help("model-name")) var modelName: String?
  @Option(name: .long, parsing: .unconditional, help: help("mode")) var mode: String?
  @Option(name: [.customShort("t"), .long], parsing: .unconditional, help: help("threads")) var threads: String?
  @Option(name: .long, parsing: .unconditional, help: help("nice")) var nice: String?
  @Option(name: [.customShort("c"), .long], parsing: .unconditional, help: help("ctx-size")) var ctxSize: String?
  @Option(name: .long, parsing: .unconditional, help: help("cache-type")) var cacheType: String?
  @Flag(name: .long, help: help("no-repack")) var noRepack = false
  @Option(name: .long, parsing: .unconditional, help: help("host")) var host: String?
  @Option(name: .long, parsing: .unconditional, help: help("port")) var port: String?
  @Option(name: .long, help: help("api-key-file"), completion: .file()) var apiKeyFile: String?
  @Option(name: .long, parsing: .unconditional, help: help("cors-origin")) var corsOrigin: String?
  @Option(name: .long, help: help("tls-cert"), completion: .file()) var tlsCert: String?
  @Option(name: .long, help: help("tls-key"), completion: .file()) var tlsKey: String?
  @Flag(name: .long, help: help("trust-proxy")) var trustProxy = false
  @Flag(name: .long, help: help("no-page")) var noPage = false
  @Option(name: .long, parsing: .unconditional, help: help("max-queue")) var maxQueue: String?
  @Option(name: .long, parsing: .unconditional, help: help("max-sequences")) var maxSequences: String?
  @Option(name: .long, parsing: .unconditional, help: help("cache-memory")) var cacheMemory: String?
  @Option(name: .long, parsing: .unconditional, help: help("prompt-chunk")) var promptChunk: String?
  @Option(name: .long, parsing: .unconditional, help: help("decode-mode")) var decodeMode: String?
  @Option(name: .long, parsing: .unconditional, help: help("max-connections")) var maxConnections: String?
  @Option(name: .long, parsing: .unconditional, help: help("max-body-bytes")) var maxBodyBytes: String?
  @Option(name: .long, parsing: .unconditional, help: help("max-choices")) var maxChoices: String?
  @Option(name: .long, parsing: .unconditional, help: help("max-prompts")) var maxPrompts: String?
  @Option(name: .long, parsing: .unconditional, help: help("max-stops")) var maxStops: String?
  @Option(name: .long, parsing: .unconditional, help: help("max-top-logprobs")) var maxTopLogprobs: String?
  @Option(name: .long, parsing: .unconditional, help: help("request-timeout")) var requestTimeout: String?
  @Option(name: .long, parsing: .unconditional, help: help("drain-timeout")) var drainTimeout: String?
  @Option(name: .long, parsing: .unconditional, help: help("log-format")) var logFormat: String?
  @Option(name: .long, parsing: .unconditional, help: help("log-level")) var logLevel: String?
  @Flag(name: .long, help: help("log-prompts")) var logPrompts = false

  private static func help(_ name: String) -> ArgumentHelp {
    ArgumentHelp(stringLiteral: Setting.named(name)?.help ?? "")
  }

  /// What was given on the command line.
  private var given: [(name: String, value: String)] {
    let values: [(String, String?)] = [
      ("model", model), ("model-name", modelName), ("mode", mode), ("threads", threads), ("nice", nice),
      ("ctx-size", ctxSize),
      ("cache-type", cacheType), ("no-repack", noRepack ? "true" : nil), ("host", host), ("port", port),
      ("api-key-file", apiKeyFile), ("cors-origin", corsOrigin), ("tls-cert", tlsCert), ("tls-key", tlsKey),
      ("trust-proxy", trustProxy ? "true" : nil), ("no-page", noPage ? "true" : nil), ("max-queue", maxQueue),
      ("max-sequences", maxSequences), ("cache-memory", cacheMemory), ("prompt-chunk", promptChunk),
      ("decode-mode", decodeMode), ("max-connections", maxConnections), ("max-body-bytes", maxBodyBytes),
      ("max-choices", maxChoices), ("max-prompts", maxPrompts),
      ("max-stops", maxStops), ("max-top-logprobs", maxTopLogprobs), ("request-timeout", requestTimeout),
      ("drain-timeout", drainTimeout), ("log-format", logFormat), ("log-level", logLevel),
      ("log-prompts", logPrompts ? "true" : nil),
    ]
    return values.compactMap { name, value in value.map { (name, $0) } }
  }

  func run() async throws {
    let loader = try ConfigurationLoader(
      file: config, environment: ProcessInfo.processInfo.environment, flags: given)
    if printConfig {
      Terminal.write(loader.printed())
      return
    }
    var configuration = loader.configuration
    try configuration.validate()
    configuration.limits.timeout = .seconds(configuration.requestTimeout)
    let logger = Logger(configuration: configuration)
    let model = try Model(contentsOf: URL(filePath: configuration.model), options: configuration.modelOptions)
    var options = configuration.engineOptions
    options.diffusion = try configuration.diffusion(of: model)
    let context = try APIContext(
      model: model, name: configuration.servedName, engine: try BatchEngine(model: model, options: options),
      decodeMode: configuration.decodeMode, limits: configuration.limits,
      created: Int(Date.now.timeIntervalSince1970))
    try await HTTPServer(configuration: configuration, context: context, logger: logger).run()
  }
}
#endif
