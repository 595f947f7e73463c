/// Translates Hugging Face's tensor names, in the dialects found in the wild, to the canonical names, and back.
package enum HuggingFaceNames {
  /// The parts of a block, after `layers.N.`.
  private static let parts: [String: String] = [
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    // Sub-norms: microsoft's names, 1bitLLM's, and those of trainers that wrap norm and matrix in a Sequential.
    "self_attn.attn_sub_norm": "attn_sub_norm",
    "self_attn.inner_attn_ln": "attn_sub_norm",
    "self_attn.o_proj.0": "attn_sub_norm",
    "self_attn.o_proj.1": "attn_output",
    "mlp.ffn_sub_norm": "ffn_sub_norm",
    "mlp.ffn_layernorm": "ffn_sub_norm",
    "mlp.down_proj.0": "ffn_sub_norm",
    "mlp.down_proj.1": "ffn_down",
  ]

  /// What torch.compile, DistributedDataParallel and PEFT put in front of every name.
  private static let wrappers = ["_orig_mod.", "module.", "base_model.model."]

  /// - Returns: the canonical name; the name itself when it is none of Hugging Face's; `nil` for tensors that hold no
  ///   weights.
  static func canonical(_ name: String) -> String? {
    var name = name[...]
    while let wrapper = wrappers.first(where: { name.hasPrefix($0) }) { name = name.dropFirst(wrapper.count) }
    if name.hasPrefix("model.") { name = name.dropFirst("model.".count) }
    if name.hasSuffix("rotary_emb.inv_freq") { return nil }
    switch name {
    case "embed_tokens.weight": return "token_embd.weight"
    case "norm.weight": return "output_norm.weight"
    case "lm_head.weight": return "output.weight"
    default: break
    }
    guard name.hasPrefix("layers.") else { return String(name) }
    let rest = name.dropFirst("layers.".count)
    guard let dot = rest.firstIndex(of: "."), let last = rest.lastIndex(of: "."), dot < last,
      let part = parts[String(rest[rest.index(after: dot)..<last])], let layer = Int(rest[..<dot])
    else { return String(name) }
    return "blk.\(layer).\(part)\(rest[last...])"
  }
}
