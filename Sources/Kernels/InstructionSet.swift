import CKernels

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The instruction set that the kernels run on. All of them give the same bits; they differ in speed.
public enum InstructionSet: String, Sendable, CaseIterable {
  /// Portable C, the specification of all others.
  case scalar
  /// x86-64 with AVX2 and FMA.
  case avx2
  /// AVX2 with AVX-VNNI, which multiplies bytes in a quarter of the instructions.
  case avxvnni
  /// x86-64 with AVX-512 F, BW, VL, DQ and VNNI.
  case avx512
  /// AVX-512 with VBMI besides, which decodes the interleaved ternary layout.
  case avx512vbmi
  /// AArch64 with the dot product of bytes (ARMv8.2).
  case neon
  /// NEON with the products of small matrices of bytes (I8MM, ARMv8.6), for many tokens.
  case neonI8MM = "neon_i8mm"

  /// The environment variable that forces an instruction set.
  public static let environmentVariable = "BITNET_ISA"

  /// The instruction sets that this build has and this processor runs, slowest first.
  public static let available: [InstructionSet] = allCases.filter { ck_kernels_for($0.identifier) != nil }

  /// The fastest available instruction set, or the one that `BITNET_ISA` names.
  ///
  /// - Throws: `KernelError.unavailableInstructionSet` when `BITNET_ISA` names one that cannot run here. A forced
  ///   instruction set is never silently replaced.
  public static func selected() throws(KernelError) -> InstructionSet {
    guard let forced = getenv(environmentVariable) else { return available.last ?? .scalar }
    let name = String(cString: forced)
    guard let isa = InstructionSet(rawValue: name), available.contains(isa) else {
      throw .unavailableInstructionSet(name, available: available.map(\.rawValue))
    }
    return isa
  }

  var identifier: Int32 {
    switch self {
    case .scalar: Int32(CK_ISA_SCALAR.rawValue)
    case .avx2: Int32(CK_ISA_AVX2.rawValue)
    case .avxvnni: Int32(CK_ISA_AVXVNNI.rawValue)
    case .avx512: Int32(CK_ISA_AVX512.rawValue)
    case .avx512vbmi: Int32(CK_ISA_AVX512VBMI.rawValue)
    case .neon: Int32(CK_ISA_NEON.rawValue)
    case .neonI8MM: Int32(CK_ISA_NEON_I8MM.rawValue)
    }
  }
}

/// What can go wrong before any arithmetic starts.
public enum KernelError: Error, Equatable, CustomStringConvertible {
  /// `BITNET_ISA` names an instruction set that does not exist or that this processor lacks.
  case unavailableInstructionSet(String, available: [String])
  /// A kernel does not compute what the scalar specification computes.
  case wrongResult(
    kernel: String, instructionSet: String, tensor: String, tokens: Int, found: Float, expected: Float)

  /// The sentence that a user reads.
  public var description: String {
    switch self {
    case .unavailableInstructionSet(let name, let available):
      "BITNET_ISA=\(name) cannot run here; this processor and build have: \(available.joined(separator: ", ")). "
        + "Unset BITNET_ISA to let the fastest be chosen."
    case .wrongResult(let kernel, let isa, let tensor, let tokens, let found, let expected):
      "the \(kernel) of \(isa) computes \(found) where the specification has \(expected) "
        + "(tensor \(tensor), \(tokens) tokens). Nothing it says could be trusted: run with BITNET_ISA=scalar, and report "
        + "this with the output of `bitnet verify-kernels`."
    }
  }
}
