/// One thing that can be configured: by `--NAME`, by `BITNET_NAME` in the environment and by `NAME:` in a file.
package struct Setting: Sendable {
  /// As in a file: lower case, with dashes.
  package let name: String
  package let help: String
  /// Whether it is a flag, which needs no value on the command line.
  package let isFlag: Bool
  let get: @Sendable (ServerConfiguration) -> String
  let set: @Sendable (inout ServerConfiguration, String) throws(ConfigurationError) -> Void

  /// The name in the environment.
  var environmentName: String { "BITNET_" + name.uppercased().split(separator: "-").joined(separator: "_") }

  package static func named(_ name: String) -> Setting? { all.first { $0.name == name } }

  /// All settings, in the order in which they are printed.
  package static let all: [Setting] = [
    text("model", \.model, "A .gguf file or a Hugging Face folder."),
    text("model-name", \.modelName, "The name under which clients ask for the model (default: its file's)."),
    choice("mode", \.mode, "The arithmetic of the linear layers; auto takes what the model declares."),
    integer("threads", \.threads, 0...1024, "The number of threads; 0 takes all processors."),
    integer(
      "nice", \.niceness, 0...19,
      "How far the threads that compute step back behind those that wait for connections, and other programs (Linux)."),
    integer("ctx-size", \.contextSize, 0...(1 << 30), "The longest sequence; 0 takes the model's own, at most 4096."),
    choice("cache-type", \.cacheType, "How keys and values of earlier tokens are kept."),
    flag("no-repack", \.noRepack, "Use the weights as the file has them: loads at once, generates more slowly."),
    text("host", \.host, "The address to listen on. Other machines reach only what is not loopback, as 0.0.0.0."),
    integer("port", \.port, 0...65535, "The port to listen on; 0 takes a free one."),
    text("api-key-file", \.apiKeyFile, "A file of keys, one to a line, of which clients must send one."),
    text("cors-origin", \.corsOrigin, "Web pages of these origins may call the server: a list with commas, or *."),
    text("tls-cert", \.tlsCertificate, "The server's certificate chain (PEM)."),
    text("tls-key", \.tlsKey, "The certificate's private key (PEM)."),
    flag(
      "trust-proxy", \.trustProxy, "Let clients without key take turns by the last address in X-Forwarded-For."),
    flag("no-page", \.noPage, "Do not offer the web page at /."),
    integer("max-queue", \.maximumQueue, 1...100_000, "How many sequences may wait; more are refused with 429."),
    integer("max-sequences", \.maximumSequences, 1...256, "How many sequences are computed together."),
    integer(
      "cache-memory", \.cacheMemory, 0...(1 << 20),
      "The most memory for keys and values, in MiB; 0 takes a quarter of the machine's."),
    integer(
      "prompt-chunk", \.promptTokensPerStep, 1...256,
      "How many tokens of prompts are read between two tokens of running answers."),
    choice(
      "decode-mode", \.decodeMode,
      "How answers are written unless a request says otherwise; the others are block diffusion."),
    integer("max-connections", \.maximumConnections, 1...100_000, "How many connections may be open."),
    integer("max-body-bytes", \.limits.bodyBytes, 1024...(1 << 30), "The largest request body."),
    integer("max-choices", \.limits.choices, 1...1024, "The largest n."),
    integer("max-prompts", \.limits.prompts, 1...65536, "The most prompts in one request."),
    integer("max-stops", \.limits.stops, 0...1024, "The most stop texts."),
    integer("max-top-logprobs", \.limits.topLogprobs, 0...1024, "The most alternatives beside each token."),
    integer("request-timeout", \.requestTimeout, 1...86400, "Seconds that a request may take, queue included."),
    integer("drain-timeout", \.drainTimeout, 0...86400, "Seconds that running requests get after SIGTERM."),
    choice("log-format", \.logFormat, "How log entries are written."),
    choice("log-level", \.logLevel, "The least important entries to write."),
    flag("log-prompts", \.logPrompts, "Write prompts to the log. Without it the log never holds any."),
  ]

  private typealias Path<Value> = any WritableKeyPath<ServerConfiguration, Value> & Sendable

  private static func text(_ name: String, _ path: Path<String>, _ help: String) -> Setting {
    Setting(name: name, help: help, isFlag: false, get: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 })
  }

  private static func integer(
    _ name: String, _ path: Path<Int>, _ range: ClosedRange<Int>, _ help: String
  ) -> Setting {
    Setting(
      name: name, help: help, isFlag: false, get: { "\($0[keyPath: path])" },
      set: { configuration, value throws(ConfigurationError) in
        guard let number = Int(value), range.contains(number) else {
          throw ConfigurationError("'\(value)', expected a number from \(range.lowerBound) to \(range.upperBound)")
        }
        configuration[keyPath: path] = number
      })
  }

  private static func flag(_ name: String, _ path: Path<Bool>, _ help: String) -> Setting {
    Setting(
      name: name, help: help, isFlag: true, get: { "\($0[keyPath: path])" },
      set: { configuration, value throws(ConfigurationError) in
        switch value.lowercased() {
        case "true", "1", "yes", "on": configuration[keyPath: path] = true
        case "false", "0", "no", "off": configuration[keyPath: path] = false
        default: throw ConfigurationError("'\(value)', expected true or false")
        }
      })
  }

  private static func choice<Value: RawRepresentable<String> & CaseIterable & Sendable>(
    _ name: String, _ path: Path<Value>, _ help: String
  ) -> Setting {
    let values = Value.allCases.map(\.rawValue).joined(separator: ", ")
    return Setting(
      name: name, help: "\(help) One of \(values).", isFlag: false, get: { $0[keyPath: path].rawValue },
      set: { configuration, value throws(ConfigurationError) in
        guard let choice = Value(rawValue: value.lowercased()) else {
          throw ConfigurationError("'\(value)', expected one of \(values)")
        }
        configuration[keyPath: path] = choice
      })
  }
}
