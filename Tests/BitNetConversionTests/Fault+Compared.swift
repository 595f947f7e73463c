import BitNetDiagnostics
import Kernels
import ModelFormats
import TestSupport
import Testing

extension Fault {
  private static let trained = "trained/tiny-bitnet", packed = "trained/tiny-bitnet-packed"
  private static let plain = "trained/tiny-dense"

  /// The row that is at `row` when the halves of a head of 16 are taken for neighbours.
  private static func halvesOfNeighbours(_ row: Int) -> Int {
    let element = row % 16
    return row - element + (element.isMultiple(of: 2) ? element / 2 : 8 + element / 2)
  }

  /// What the file alone does not tell: the original does, or running it.
  static let compared: [Fault] = arithmetic + order + tokens

  private static let arithmetic: [Fault] = [
    Fault(
      row: 6, name: "a dense model that declares itself a BitNet", base: plain,
      outcome: .compared(["different arithmetic: none against bitLinear"])
    ) {
      $0.configure(
        "\"rms_norm_eps\"",
        "\"quantization_config\": {\"quant_method\": \"bitnet\", \"linear_class\": \"autobitlinear\", "
          + "\"quantization_mode\": \"online\"}, \"rms_norm_eps\"")
    },
    Fault(
      row: 6, name: "a model that was not trained for int8 activations", base: plain,
      outcome: .diagnosed(.neverTrainedWithBitLinear)
    ) { _ in },
    Fault(
      row: 7, name: "trits quantized a second time", base: packed,
      outcome: .compared(["every linear layer was quantized twice in B"])
    ) { folder in
      let weights = Dictionary(uniqueKeysWithValues: folder.tensors.map { ($0.name, $0.bytes) })
      folder.change("weight_scale") { entry in
        let codes = (weights[String(entry.name.dropLast(6))] ?? []).flatMap { byte in
          (0..<4).map { byte >> (2 * $0) & 3 }
        }
        let scale = entry.type.dequantized(SharedBytes(copying: entry.bytes), rows: 0..<1, columns: 1)[0]
        entry.type = .f32
        entry.bytes = [scale * Float(codes.count { $0 != 1 }) / Float(codes.count)].littleEndianBytes
      }
    },
    Fault(
      row: 8, name: "every scale inverted", base: packed,
      outcome: .compared(["every linear layer has the inverse scale in B"])
    ) { $0.rewrite("weight_scale") { 1 / $1 } },
    Fault(
      row: 20, name: "SiLU for the squared ReLU", base: trained,
      outcome: .compared(["different activation: squared ReLU against SiLU"])
    ) { $0.configure("\"relu2\"", "\"silu\"") },
    Fault(
      row: 22, name: "another epsilon of the norms", base: trained,
      outcome: .compared(["different norm epsilon: 1e-05 against 1e-06"])
    ) { $0.configure("\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": 1e-06") },
    // transformers ignores such a head, and so does the result.
    Fault(row: 26, name: "a head of its own beside a tied embedding", base: online, outcome: .harmless) { folder in
      var head = try #require(folder.tensors.first { $0.name.contains("embed_tokens") })
      head.name = "lm_head.weight"
      head.bytes.reverse()
      folder.tensors.append(head)
    },
    Fault(
      row: 26, name: "an untied head that config.json calls tied", base: "models/llama-untied",
      outcome: .compared(["output differs"])
    ) { $0.configure("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true") },
  ]

  private static let order: [Fault] = [
    // What transformers saves of a packed model that it loaded and is told not to restore.
    Fault(
      row: 13, name: "unpacked trits with a weight_scale beside them", base: offline,
      outcome: .refused(["weight_scale has no packed uint8 weight beside it"])
    ) { folder in
      folder.change("layers.0.self_attn.q_proj.weight") { entry in
        guard entry.type == .u8 else { return }
        entry.shape[0] *= 4
        entry.type = .bf16
        entry.bytes = Array(repeating: 0, count: entry.bytes.count * 8)
      }
    },
    Fault(
      row: 14, name: "packed quarters taken for neighbours", base: trained,
      outcome: .compared(["blk.0.ffn_gate differs, looks unpacked wrongly"])
    ) { $0.reorderRows("layers.0.mlp.gate_proj") { $0 % 4 * 48 + $0 / 4 } },
    Fault(
      row: 16, name: "q and k in the other rotary order", base: trained,
      outcome: .compared(["attn_k, attn_q of all layers differ", "looks permuted"])
    ) { folder in
      for part in ["q_proj", "k_proj"] { folder.reorderRows(part, halvesOfNeighbours) }
    },
  ]

  private static let tokens: [Fault] = [
    Fault(
      row: 19, name: "a block-diffusion model without its dlm_config.json", base: trained,
      outcome: .compared(["different generation: block diffusion by 32, mask 3 against next token"]),
      prepare: { $0.files["dlm_config.json"] = #"{"bd_size": 32, "mask_token_id": 3}"# }
    ) { $0.files["dlm_config.json"] = .some(nil) },
    Fault(
      row: 28, name: "the chat template lost", base: trained, outcome: .compared(["chat template missing in B"]),
      prepare: { try $0.edit("tokenizer_config.json", "{", "{\"chat_template\": \"{{ messages[0].content }}\",") }
    ) { try $0.edit("tokenizer_config.json", "\"chat_template\"", "\"template\"") },
    Fault(
      row: 28, name: "a begin token added twice", base: trained,
      outcome: .compared(["different special tokens: adds begin: false against true"])
    ) { try $0.edit("tokenizer_config.json", "\"add_bos_token\": false", "\"add_bos_token\": true") },
    Fault(
      row: 29, name: "another end token in config.json", base: trained,
      outcome: .compared(["different special tokens: ends"])
    ) { $0.configure("\"eos_token_id\": 0", "\"eos_token_id\": 7") },
  ]
}
