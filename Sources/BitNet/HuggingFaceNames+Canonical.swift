extension HuggingFaceNames {
  private static let spelled: [String: String] = [
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "attn_sub_norm": "self_attn.attn_sub_norm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "ffn_sub_norm": "mlp.ffn_sub_norm",
  ]

  /// Hugging Face's name for a canonical one, as transformers' BitNet, Llama and Qwen classes have it.
  package static func huggingFace(_ canonical: String) -> String {
    switch canonical {
    case "token_embd.weight": return "model.embed_tokens.weight"
    case "output_norm.weight": return "model.norm.weight"
    case "output.weight": return "lm_head.weight"
    default: break
    }
    let pieces = canonical.split(separator: ".")
    guard pieces.count == 4, pieces[0] == "blk", let part = spelled[String(pieces[2])] else { return canonical }
    return "model.layers.\(pieces[1]).\(part).\(pieces[3])"
  }
}
