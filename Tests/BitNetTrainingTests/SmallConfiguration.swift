/// The least that a run needs, for tests that change it by arguments.
enum SmallConfiguration {
  static let yaml = """
    model: {hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2, num_attention_heads: 4}
    tokenizer: {path: tokenizer}
    data:
      sources:
        - name: web
          paths: web.txt
    total_tokens: 10e9
    """
}
