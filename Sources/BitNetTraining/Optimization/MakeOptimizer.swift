/// The optimizer that a configuration asks for.
package func makeOptimizer(
  _ configuration: TrainingConfiguration.Optimizer, parameters: [Parameter]
) -> any Optimizer {
  var adam = AdamW.Options(rate: configuration.adamRate, weightDecay: configuration.weightDecay)
  adam.betas = configuration.betas
  adam.epsilon = configuration.epsilon
  switch configuration.kind {
  case .adamW: return AdamW(parameters, options: adam)
  case .muon:
    var muon = Muon.Options(rate: configuration.muonRate, weightDecay: configuration.weightDecay)
    muon.momentum = configuration.momentum
    muon.adjustment = configuration.adjustment
    return Muon(parameters, options: muon, rest: adam)
  }
}
