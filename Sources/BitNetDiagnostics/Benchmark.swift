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
    /// Numbers of sequences that generate together.
    public var batches: [Int]
    /// Repetitions of each measurement, after one that is not counted.
    public var repetitions: Int
    /// Generates by block diffusion; `nil` generates one token per pass.
    public var diffusion: BlockDiffusionOptions?

    /// Options; all have defaults.
    public init(
      promptLengths: [Int] = [512], generationLengths: [Int] = [128], depths: [Int] = [0], batches: [Int] = [1],
      repetitions: Int = 5, diffusion: BlockDiffusionOptions? = nil
    ) {
      self.diffusion = diffusion
      self.batches = batches
      self.promptLengths = promptLengths
      self.generationLengths = generationLengths
      self.depths = depths
      self.repetitions = repetitions
    }
  }

  /// One measurement.
  public struct Row: Sendable, Codable {
    /// `pp512`, `tg128`, `tg128 x 8` for 8 sequences together, with `@ d4096` for a depth.
    public var test: String
    /// Tokens per second of each repetition.
    public var samples: [Double]
    /// For generation, the share of the measured memory bandwidth that reading the weights once per pass comes to.
    public var bandwidthShare: Double?
    /// For block diffusion, the passes over the weights after the prompt's.
    public var passes: Int?
    /// For block diffusion, the tokens that a pass yields.
    public var tokensPerPass: Double?

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
    func measure(
      _ test: String, depth: Int, tokens: Int, generating sequences: Int? = nil, seconds: () throws -> Double
    ) throws {
      let together = sequences.map { $0 > 1 ? " x \($0)" : "" } ?? ""
      let name = test + together + (depth > 0 ? " @ d\(depth)" : "")
      var samples: [Double] = []
      for repetition in 0...options.repetitions {
        progress("\(name), \(repetition)/\(options.repetitions)")
        let seconds = try seconds()
        if repetition > 0 { samples.append(Double(tokens) / seconds) }
      }
      var row = Row(test: name, samples: samples)
      if let sequences { row.bandwidthShare = row.mean / Double(sequences) * Double(bytesPerToken) / bandwidth }
      rows.append(row)
    }
    for depth in options.depths {
      for length in options.promptLengths {
        try measure("pp\(length)", depth: depth, tokens: length) {
          try model.promptSeconds(depth: depth, tokens: length, isCancelled: isCancelled)
        }
      }
      for length in options.generationLengths {
        if let diffusion = options.diffusion {
          rows.append(
            try model.measureDiffusion(
              length, depth: depth, diffusion, repetitions: options.repetitions, progress: progress,
              isCancelled: isCancelled))
          continue
        }
        for sequences in options.batches {
          try measure("tg\(length)", depth: depth, tokens: length * sequences, generating: sequences) {
            try model.generationSeconds(depth: depth, tokens: length, sequences: sequences, isCancelled: isCancelled)
          }
        }
      }
    }
    self.init(
      model: model.checkpoint.path, mode: model.mode, instructionSet: model.compute.instructionSet.rawValue,
      threads: model.compute.pool.threadCount, loadSeconds: loadSeconds, bytesPerToken: bytesPerToken,
      memoryBandwidth: bandwidth, peakResidentBytes: peakResidentMemory(), rows: rows)
  }
}

extension Model {
  /// How long a prompt of arbitrary tokens takes behind `depth` others, in seconds.
  fileprivate func promptSeconds(depth: Int, tokens count: Int, isCancelled: () -> Bool) throws -> Double {
    let session = makeSession()
    var random = SplitMix64(seed: 1)
    let sequence = arbitraryTokens(depth + count, &random)
    if depth > 0 { try session.evaluate(Array(sequence[..<depth]), isCancelled: isCancelled) }
    return try seconds { _ = try session.greedyToken(after: sequence, isCancelled: isCancelled) }
  }

  /// How long `count` tokens of each of some sequences take one by one behind `depth` others, in seconds.
  ///
  /// As in llama-bench, the next token is arbitrary and not the likeliest, and generation starts from one token.
  fileprivate func generationSeconds(
    depth: Int, tokens count: Int, sequences: Int, isCancelled: () -> Bool
  ) throws -> Double {
    let batch = Batch(model: self, capacity: max(sequences, 256))
    let start = max(depth, 1)
    var random = SplitMix64(seed: 1)
    let prompt = arbitraryTokens(start, &random)
    let first = KeyValueCache(model: self)
    for from in stride(from: 0, to: start, by: batch.capacity) {
      if isCancelled() { throw CancellationError() }
      let tokens = Array(prompt[from..<min(from + batch.capacity, start)])
      _ = batch.compute([Batch.Entry(cache: first, tokens: tokens, start: from)])
    }
    // Each sequence has a copy, so that none reads what another has in the processor's cache.
    let caches = [first] + (1..<sequences).map { _ in KeyValueCache(copying: first) }
    return try seconds {
      for position in start..<start + count {
        if isCancelled() { throw CancellationError() }
        let entries = caches.map { Batch.Entry(cache: $0, tokens: arbitraryTokens(1, &random), start: position) }
        _ = batch.likeliest(1, rows: batch.compute(entries).map(\.lowerBound))
      }
    }
  }

  /// Generates `count` of the model's own tokens behind `depth` arbitrary ones, whatever stop tokens come.
  fileprivate func measureDiffusion(
    _ count: Int, depth: Int, _ diffusion: BlockDiffusionOptions, repetitions: Int, progress: (String) -> Void,
    isCancelled: () -> Bool
  ) throws -> Benchmark.Row {
    let name = "tg\(count) \(diffusion.mode.rawValue)" + (depth > 0 ? " @ d\(depth)" : "")
    var random = SplitMix64(seed: 1)
    let prompt = arbitraryTokens(max(depth, 1), &random)
    let options = GenerationOptions(
      maximumTokens: count, sampling: .greedy, stopsAtEnd: false, blockDiffusion: diffusion)
    var row = Benchmark.Row(test: name, samples: [])
    for repetition in 0...repetitions {
      progress("\(name), \(repetition)/\(repetitions)")
      let summary = try makeSession().generate(prompt, options: options, isCancelled: isCancelled) { _ in }
      if repetition > 0 { row.samples.append(Double(summary.generatedTokens) / summary.generationSeconds) }
      row.passes = summary.passes
      row.tokensPerPass = Double(summary.generatedTokens) / Double(max(1, summary.passes))
    }
    return row
  }

  private func arbitraryTokens(_ count: Int, _ random: inout SplitMix64) -> [Int] {
    (0..<count).map { _ in Int(random.next() >> 33) % configuration.vocabularySize }
  }

  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    return try clock.measure(body).inSeconds
  }
}
