#if Training
import BitNetTraining
import Foundation
import ModelFormats

/// Tells what a training run does.
struct TrainDisplay {
  /// Nothing is said: another process says it.
  let isQuiet: Bool
  let writesLinesToStandardError: Bool

  func show(plan: TrainingPlan) { write(plan.text) }

  func show(event: TrainingEvent) {
    guard !isQuiet else { return }
    switch event {
    case .step(let step): Terminal.progress(progress(step))
    case .saving(let path): Terminal.progress("saving \(path)")
    case .evaluating(let done, let count): Terminal.progress("validating: \(done) of \(count) batches")
    case .logged(let line, let steps):
      write(line.kind == .train ? trained(line, of: steps) : evaluated(line))
    case .saved(let path): write("saved \(path)")
    case .estimated(let seconds): write("at this speed the run takes \(duration(seconds)) of training")
    case .checked(let summary): write("first step: \(summary)")
    }
  }

  func show(report: TrainingReport, config: String) {
    let speed = report.tokensPerSecond.map { ", \(grouped($0)) tokens/s" } ?? ""
    write("\(report.steps) steps, \(grouped(Double(report.tokens))) tokens, \(duration(report.seconds))\(speed)")
    switch report.ending {
    case .finished: write("done: \(report.finalPath ?? report.checkpoint ?? "")")
    case .stoppedEarly: write("stopped early, no gain any more: \(report.finalPath ?? report.checkpoint ?? "")")
    case .paused: write("paused; go on with: bitnet train \(config) --resume")
    case .interrupted: write("interrupted; go on with: bitnet train \(config) --resume")
    }
  }

  private func write(_ text: String) {
    guard !isQuiet else { return }
    Terminal.endProgress()
    if writesLinesToStandardError { Terminal.note(text) } else { Terminal.write(text + "\n") }
  }

  private func progress(_ step: TrainingStep) -> String {
    let speed = step.tokensPerSecond.map { "  \(grouped($0)) tokens/s" } ?? ""
    let left = step.secondsLeft.map { "  \(duration($0)) left" } ?? ""
    return "step \(step.step)/\(step.steps)  loss \(fixed(step.loss, 4))  lr \(short(step.learningRate))  lambda "
      + "\(short(step.lambda))\(speed)\(left)"
  }

  private func trained(_ line: TrainingLogLine, of steps: Int) -> String {
    let losses = line.losses.sorted { $0.key < $1.key }.map { name, loss in
      "\(name) \(fixed(loss, 4))\(line.weights[name].map { " x \(short($0))" } ?? "")"
    }
    let speed = line.tokensPerSecond.map { "  \(grouped($0)) tokens/s" } ?? ""
    let norm = line.gradientNorm.map { "  norm \(fixed($0, 3))" } ?? ""
    let phase = line.phase.isEmpty ? "" : "  phase \(line.phase)"
    return "step \(line.step)/\(steps)  loss \(fixed(line.loss, 4)) (\(losses.joined(separator: ", ")))"
      + "  lr \(short(line.learningRate))  lambda \(short(line.lambda))\(norm)  \(grouped(Double(line.tokens))) tokens"
      + "\(speed)\(phase)"
  }

  private func evaluated(_ line: TrainingLogLine) -> String {
    let losses = line.losses.sorted { $0.key < $1.key }.map { name, loss in
      "\(name) \(fixed(loss, 4))\(line.perplexities?[name].map { " (perplexity \(fixed($0, 2)))" } ?? "")"
    }
    return "step \(line.step)  validation: \(losses.joined(separator: ", "))"
  }

  private func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

  private func short(_ value: Double) -> String { String(format: "%.4g", value) }

  private func grouped(_ value: Double) -> String { ModelFormats.grouped(Int(min(max(0, value), 1e15))) }

  private func duration(_ seconds: Double) -> String {
    let total = Int(min(max(0, seconds.rounded()), 1e9))
    if total >= 3600 { return "\(total / 3600) h \(total / 60 % 60) min" }
    return total >= 60 ? "\(total / 60) min \(total % 60) s" : "\(total) s"
  }
}
#endif
