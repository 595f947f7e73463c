package import Kernels

/// The numbers by which GGUF files name tensor types, including those that are refused: a user should read the name of
/// what they have, and what to do, rather than a number.
///
/// Sources: ggml's `ggml.h`, and for the numbers that forks use otherwise, bitnet.cpp's and ik_llama.cpp's.
package enum GGMLTypes {
  /// The type that the number means, or `nil` for one that is not read here.
  static func type(id: UInt32) -> TensorType? { supported[id] }

  /// The number of a type, or `nil` for one that GGUF does not have.
  package static func id(of type: TensorType) -> UInt32? { supported.first { $0.value == type }?.key }

  /// The name of a type that is not read, and why or what to do.
  static func refusal(id: UInt32) -> (name: String, remedy: String) {
    if let named = refused[id] { return named }
    return ("an unknown type", "The file is damaged, or made by a newer program than this one knows.")
  }

  private static let supported: [UInt32: TensorType] = [
    0: .f32, 1: .f16, 2: .q4_0, 3: .q4_1, 6: .q5_0, 7: .q5_1, 8: .q8_0, 12: .q4_K, 13: .q5_K, 14: .q6_K, 24: .i8,
    25: .i16, 26: .i32, 27: .i64, 28: .f64, 30: .bf16, 34: .tq1_0, 35: .tq2_0, 36: .i2_s,
  ]

  private static let refused: [UInt32: (name: String, remedy: String)] = {
    let other = "Convert the model to a type that is read here: F16, Q8_0, Q4_K, Q6_K, TQ2_0 or I2_S."
    let removed = "This layout was removed from ggml in 2024. Convert the model again with a present converter."
    let activations = "It is for activations only and never belongs into a file: the file is damaged."
    let table =
      "Its tiles depend on constants of the bitnet.cpp build that wrote it. Convert the model again as I2_S or TQ2_0."
    let rotated = "Its weights are folded with a Hadamard transform that only the Prism fork undoes."
    var names: [UInt32: (name: String, remedy: String)] = [
      4: ("Q4_2", removed), 5: ("Q4_3", removed), 9: ("Q8_1", activations), 10: ("Q2_K", other), 11: ("Q3_K", other),
      15: ("Q8_K", activations), 31: ("Q4_0_4_4", removed), 32: ("Q4_0_4_8", removed), 33: ("Q4_0_8_8", removed),
      37: ("IQ4_NL_4_8 or bitnet.cpp's I8_S", removed),
      38: ("bitnet.cpp's TL1", table),
      39: ("MXFP4, or bitnet.cpp's TL2", "\(other) As TL2: \(table)"),
      40: ("NVFP4", other), 41: ("Q1_0", other), 42: ("Q2_0", other),
      134: ("ik_llama.cpp's IQ1_BN", other), 135: ("ik_llama.cpp's IQ2_BN", other),
      335: ("ik_llama.cpp's IQ2_BN_R4", other), 142: ("Prism's PQ2_0", rotated), 143: ("Prism's PTQ1_0", rotated),
    ]
    let codebooks = ["IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS"]
    for (index, name) in codebooks.enumerated() { names[16 + UInt32(index)] = (name, other) }
    names[29] = ("IQ1_M", other)
    return names
  }()
}
