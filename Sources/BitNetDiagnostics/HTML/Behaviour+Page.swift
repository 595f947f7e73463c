import BitNet

extension TextProbe {
  /// The losses as bars and as a table.
  func part(_ title: String) -> Markup {
    let bars =
      losses.map {
        BarChart.Bar(
          name: $0.mode.rawValue, value: $0.loss,
          text: "\(fixed($0.loss, 3)) (perplexity \(significant($0.perplexity)))")
      } + [BarChart.Bar(name: "knows nothing", value: uniformLoss, text: fixed(uniformLoss, 3))]
    let largest = bars.map(\.value).filter(\.isFinite).max() ?? 1
    let chart = BarChart(title: "\(title), nats per token over \(tokens) tokens", bars: bars, largest: largest)
    return "<h3>\(title)</h3>\n" + .charts([chart.figure]) + .details("The figures", table.markup(title))
  }
}

extension PromptBehaviour {
  /// The next token, the hidden state and the continuations.
  var part: Markup {
    let next = modes.enumerated().map { look, mode in mode.nextTokens(look).figure }
    return "<h3>After \"\(prompt ?? "")\"</h3>\n" + .charts(next + [hiddenStates.figure]) + continuations
  }

  /// A model that was run in mode none has a line of its own in every mode, also where all are the same.
  private var hiddenStates: LineChart {
    LineChart(
      title: "RMS of the hidden state after each block, logarithmic", unit: "block",
      series: modes.map { mode in
        .init(name: mode.mode.rawValue, points: mode.hiddenRMS.enumerated().map { (x: $0.offset, y: $0.element) })
      }, isLogarithmic: true)
  }

  private var continuations: Markup {
    let entries = modes.map { mode -> Markup in
      let text = mode.continuation.map { "\"\($0)\"" } ?? "(no tokenizer)"
      return "<p class=\"faint\">\(mode.mode.rawValue) goes on:</p><blockquote>\(text)</blockquote>\n"
    }
    return "\(entries)"
  }
}

extension ModeBehaviour {
  /// The likeliest next tokens as bars.
  fileprivate func nextTokens(_ look: Int) -> BarChart {
    BarChart(
      title: "Next token, \(mode.rawValue): entropy \(fixed(entropy, 2)) nats, end \(significant(endProbability))",
      bars: top.map { token in
        .init(
          name: token.text.map { "\"\($0)\"" } ?? "#\(token.id)", value: token.probability,
          text: fixed(token.probability, 4))
      }, largest: 1, look: look)
  }
}
