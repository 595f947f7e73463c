public import BitNet
import Kernels

/// How fast a model computes prompts and generates, as llama-bench measures it.
public struct Benchmark: Sendable, Codable {
  /// What to measure.
  public struct Options: Sendable {
    /// Lengths of prompts to compute (`pp`).
    public var promptLengths: [Int]
    /// Numbers of tokens to generate one by one (`tg`).
    public var generationLengths: [Int]
    /// Tokens that are in the context before a measurement begins.
    public var depths: [Int]
    /// Repetitions of each measurement, after one that is not counted.
    public var repetitions: Int

    /// Options; all have defaults.
    public init(
      promptLengths: [Int] = [512], generationLengths: [Int] = [128], depths: [Int] = [0], repetitions: Int = 5
    ) {
      self.promptLengths = promptLengths
      self.generationLengths = generationLengths
      self.depths = depths
      self.repetitions = repetitions
    }
  }

  /// One measurement.
  public struct Row: Sendable, Codable {
    /// `pp512`, `tg128`, with `@ d4096` for a depth.
    public var test: String
    /// Tokens per second of each repetition.
    public var samples: [Double]
    /// For generation, the share of the measured memory bandwidth that reading the weights once per token comes to.
    public var bandwidthShare: Double?

    /// The mean of the samples.
    public var mean: Double { samples.reduce(0, +) / Double(max(1, samples.count)) }

    /// The sample standard deviation; 0 for a single sample.
    public var deviation: Double {
      guard samples.count > 1 else { return 0 }
      let mean = mean
      return (samples.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(samples.count - 1)).squareRoot()
    }
  }

  /// The version of the JSON form.
  public var schemaVersion = 1
  /// The path of the model.
  public var model: String
  /// The arithmetic.
  public var mode: QuantizationMode
  /// The instruction set.
  public var instructionSet: String
  /// The number of threads.
  public var threads: Int
  /// Seconds that loading took.
  public var loadSeconds: Double
  /// The weights that one generated token reads, in bytes.
  public var bytesPerToken: Int
  /// What a plain read of memory reached on all threads, in bytes per second.
  public var memoryBandwidth: Double
  /// The most memory that the process had, in bytes.
  public var peakResidentBytes: Int
  /// The measurements.
  public var rows: [Row]
}

extension Benchmark {
  /// Measures a model.
  ///
  /// - Parameters:
  ///   - loadSeconds: what loading took, for the report.
  ///   - progress: called with what is being measured.
  /// - Throws: `ModelError` when a length does not fit the context; `CancellationError`.
  public init(
    of model: Model, options: Options = Options(), loadSeconds: Double, progress: (String) -> Void = { _ in },
    isCancelled: () -> Bool = { false }
  ) throws {
    progress("memory bandwidth")
    let bandwidth = model.compute.streamingBandwidth()
    let bytesPerToken = model.bytesPerToken
    var rows: [Row] = []
    func measure(_ test: String, depth: Int, tokens count: Int, oneByOne: Bool) throws {
      let name = test + (depth > 0 ? " @ d\(depth)" : "")
      var samples: [Double] = []
      for repetition in 0...options.repetitions {
        progress("\(name), \(repetition)/\(options.repetitions)")
        let seconds = try model.seconds(depth: depth, tokens: count, oneByOne: oneByOne, isCancelled: isCancelled)
        if repetition > 0 { samples.append(Double(count) / seconds) }
      }
      var row = Row(test: name, samples: samples)
      if oneByOne { row.bandwidthShare = row.mean * Double(bytesPerToken) / bandwidth }
      rows.append(row)
    }
    for depth in options.depths {
      for length in options.promptLengths { try measure("pp\(length)", depth: depth, tokens: length, oneByOne: false) }
      for length in options.generationLengths {
        try measure("tg\(length)", depth: depth, tokens: length, oneByOne: true)
      }
    }
    self.init(
      model: model.checkpoint.path, mode: model.mode, instructionSet: model.compute.instructionSet.rawValue,
      threads: model.compute.pool.threadCount, loadSeconds: loadSeconds, bytesPerToken: bytesPerToken,
      memoryBandwidth: bandwidth, peakResidentBytes: peakResidentMemory(), rows: rows)
  }
}

extension Model {
  /// How long `tokens` arbitrary tokens take behind `depth` others, in seconds.
  fileprivate func seconds(depth: Int, tokens count: Int, oneByOne: Bool, isCancelled: () -> Bool) throws -> Double {
    let session = makeSession()
    var random = SplitMix64(seed: 1)
    var sequence: [Int] = []
    func extend(by count: Int) {
      for _ in 0..<count { sequence.append(Int(random.next() >> 33) % configuration.vocabularySize) }
    }
    // As llama-bench: generation starts from one token.
    extend(by: max(depth, oneByOne ? 1 : 0))
    if !sequence.isEmpty { try session.evaluate(sequence, isCancelled: isCancelled) }
    let clock = ContinuousClock()
    let begin = clock.now
    if oneByOne {
      for _ in 0..<count {
        extend(by: 1)
        _ = try session.greedyToken(after: sequence, isCancelled: isCancelled)
      }
    } else {
      extend(by: count)
      _ = try session.greedyToken(after: sequence, isCancelled: isCancelled)
    }
    let duration = clock.now - begin
    return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  }
}
