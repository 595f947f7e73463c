#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

extension GeneratedToken {
  /// The token `id` with its log-probability under `logits`, `[vocabularySize]`, if `top` is not `nil`.
  package init(_ id: Int, logits: [Float], top count: Int?) {
    self.init(id: id)
    guard let count else { return }
    let largest = logits.max() ?? 0
    let normalizer = Float(log(logits.reduce(0.0) { $0 + exp(Double($1 - largest)) })) + largest
    logprob = logits[id] - normalizer
    var best: [Alternative] = []
    for (token, logit) in logits.enumerated() where count > 0 {
      let logprob = logit - normalizer
      if best.count == count, let last = best.last, logprob <= last.logprob { continue }
      let place = best.firstIndex { $0.logprob < logprob } ?? best.count
      best.insert(Alternative(id: token, logprob: logprob), at: place)
      if best.count > count { best.removeLast() }
    }
    top = best
  }
}
