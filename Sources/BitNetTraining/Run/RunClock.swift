import Foundation

/// The time that goes into training: what validation and saving take is not counted.
struct RunClock {
  private let clock = ContinuousClock()
  private var start: ContinuousClock.Instant
  private var before = 0.0
  private var firstTokens = 0
  private var firstSeconds = 0.0
  private var lapTokens = 0
  private var lapSeconds = 0.0
  private var paused: ContinuousClock.Instant?

  init() { start = clock.now }

  /// - Parameters:
  ///   - seconds: what earlier processes took.
  ///   - tokens: what they saw.
  mutating func begin(seconds: Double, tokens: Int) {
    start = clock.now
    (before, firstSeconds, lapSeconds) = (seconds, seconds, seconds)
    (firstTokens, lapTokens) = (tokens, tokens)
  }

  mutating func pause() { paused = clock.now }

  mutating func resume() {
    if let paused { start += clock.now - paused }
    paused = nil
  }

  /// The seconds of training so far.
  var seconds: Double { before + (clock.now - start) / .seconds(1) }

  /// Tokens a second since the last call.
  mutating func lap(tokens: Int) -> Double? {
    let now = seconds
    defer { (lapTokens, lapSeconds) = (tokens, now) }
    return speed(tokens - lapTokens, now - lapSeconds)
  }

  /// Tokens a second of this process.
  func overallSpeed(tokens: Int) -> Double? { speed(tokens - firstTokens, seconds - firstSeconds) }

  func progress(_ result: StepResult, done: Int, of steps: Int, tokens: Int) -> TrainingStep {
    let speed = overallSpeed(tokens: tokens)
    let tokensPerStep = Double(tokens) / Double(max(1, done))
    return TrainingStep(
      step: done, steps: steps, loss: result.loss, learningRate: result.learningRate, lambda: result.lambda,
      tokensPerSecond: speed, secondsLeft: speed.map { Double(steps - done) * tokensPerStep / $0 })
  }

  private func speed(_ tokens: Int, _ seconds: Double) -> Double? {
    seconds > 0 && tokens > 0 ? Double(tokens) / seconds : nil
  }
}
