import ModelFormats

/// Why a model is not converted. Trouble inside the source's files is a `FormatError` or a `ModelError`.
public enum ConversionError: Error, Sendable, Hashable, CustomStringConvertible {
  /// There is a file or folder of that name.
  case exists(path: String)
  /// The weights are full-precision weights that nobody trained to be ternary.
  case notTernary(file: String, tensor: String, found: String, requested: String)
  /// A tensor would lose information.
  case lossy(file: String, tensor: String, from: String, to: String, why: String)
  /// A tensor that looked ternary is not, or not with one scale.
  case mixedScales(file: String, tensor: String, type: String)
  /// A value does not fit the type.
  case doesNotFit(file: String, tensor: String, found: String, type: String, remedy: String)
  /// No architecture of the target computes this model.
  case noArchitecture(file: String, found: String, target: String, remedy: String)
  /// Parts of the source contradict each other.
  case contradiction(file: String, what: String, found: String, expected: String, remedy: String)
  /// Options that do not go together.
  case options(String)
  /// What was written is not what was to be written.
  case verification(file: String, tensor: String, found: String, expected: String)
  /// What was written cannot be read or run.
  case unusable(file: String, problem: String)

  /// The sentence that a user reads.
  public var description: String {
    switch self {
    case .exists(let path): "\(path): exists already. Give --force to replace it, or choose another name."
    case .notTernary(let file, let tensor, let found, let requested):
      "\(file): tensor \(printable(tensor)) holds full-precision weights (\(found)), and the model does not declare itself "
        + "a BitNet, so \(requested) would destroy it. If it was trained with BitLinear or you only want to measure, say "
        + "--ternarize; otherwise choose --type f16, bf16 or q8_0. `bitnet diagnose` tells which it is."
    case .lossy(let file, let tensor, let from, let to, let why):
      "\(file): tensor \(printable(tensor)) would lose information from \(from) to \(to): \(why). Choose a type that "
        + "holds it (--type auto keeps what there is), or say --allow-lossy."
    case .mixedScales(let file, let tensor, let type):
      "\(file): tensor \(printable(tensor)) is \(type), yet its blocks have different scales: full-precision weights were "
        + "quantized block by block instead of by absmean over the tensor, which destroys a BitNet. Convert from the "
        + "original checkpoint."
    case .doesNotFit(let file, let tensor, let found, let type, let remedy):
      "\(file): tensor \(printable(tensor)) does not fit \(type): found \(found). \(remedy)"
    case .noArchitecture(let file, let found, let target, let remedy):
      "\(file): \(found), which no architecture of \(target) computes. \(remedy)"
    case .contradiction(let file, let what, let found, let expected, let remedy):
      "\(file): \(what): found \(printable(found)), expected \(expected). \(remedy)"
    case .options(let problem): problem
    case .verification(let file, let tensor, let found, let expected):
      "\(file): tensor \(printable(tensor)) was not written as it should: found \(found), expected \(expected). The disk "
        + "or this program is at fault: please report it."
    case .unusable(let file, let problem): "\(file): what was written cannot be used: \(problem)"
    }
  }
}
