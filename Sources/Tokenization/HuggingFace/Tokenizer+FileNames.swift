extension Tokenizer {
  /// The files of a Hugging Face folder that make a tokenizer, with its chat templates; the last of the names is a folder.
  package static let huggingFaceFileNames = [
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json", "additional_chat_templates",
  ]
}
