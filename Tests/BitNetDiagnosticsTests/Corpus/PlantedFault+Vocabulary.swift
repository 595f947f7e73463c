import BitNetConversion
import BitNetDiagnostics
import Foundation
import ModelFormats
import TestSupport
import Testing

extension PlantedFault {
  private static let llama3 =
    "{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>{{ m['content'] }}<|eot_id|>{% endfor %}"
  private static let chatML =
    "{% for m in messages %}<|im_start|>{{ m['role'] }} {{ m['content'] }}<|im_end|>{% endfor %}"

  private static func template(_ text: String) -> @Sendable (inout PlantedModel) throws -> Void {
    { try $0.insert("\"chat_template\": \"\(text)\"", in: "tokenizer_config.json") }
  }

  /// Tokenizers, templates and tokens with a role.
  static let vocabulary: [PlantedFault] = [
    PlantedFault(
      name: "a token more than rows", base: bitnet, code: .moreTokensThanRows,
      plant: {
        try $0.replace(
          "\"added_tokens\": [",
          with:
            "\"added_tokens\": [{\"id\": 512, \"content\": \"|<MASK>|\", \"single_word\": false, \"lstrip\": false, "
            + "\"rstrip\": false, \"normalized\": false, \"special\": true},", in: "tokenizer.json")
      }),
    PlantedFault(
      name: "no tokenizer", base: bitnet, code: .noTokenizer,
      plant: {
        $0.remove(file: "tokenizer.json")
        $0.remove(file: "tokenizer_config.json")
      }),
    PlantedFault(
      name: "a broken tokenizer", base: bitnet, code: .unusableTokenizer,
      plant: { try $0.replace("\"merges\": [", with: "\"merges\": [[1, 2, 3],", in: "tokenizer.json") }),
    PlantedFault(
      name: "every token id one too large", base: bitnet, code: .foreignTokenizer, plant: { try shiftTokens(&$0) }),
    PlantedFault(
      name: "another end token in config.json", base: bitnet, code: .endTokens,
      plant: { try $0.configure("eos_token_id", "7") }),
    PlantedFault(
      name: "the template of another vocabulary", base: bitnet, code: .templateTokens, plant: template(llama3)),
    PlantedFault(
      name: "a chat template on a base model", base: bitnet, code: .templateOnBaseModel, plant: template(chatML)),
    PlantedFault(
      name: "the begin token twice", base: dense, code: .doubleBegin,
      plant: { model in
        try template("{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}")(&model)
        try model.replace("\"add_bos_token\": false", with: "\"add_bos_token\": true", in: "tokenizer_config.json")
      }),
    PlantedFault(
      name: "no splitting rule", base: wide, code: .unknownPreTokenizer,
      finish: { folder in
        try gguf(
          folder, .i2_s,
          metadata: { $0.filter { $0.key != "tokenizer.ggml.pre" && $0.key != "tokenizer.huggingface.json" } })
      }),
    PlantedFault(
      name: "a mask token outside of the vocabulary", base: bitnet, code: .maskToken,
      plant: { $0[file: "dlm_config.json"] = #"{"bd_size": 32, "mask_token_id": 128256}"# }),
    PlantedFault(
      name: "a mask token that was never trained", base: dense, code: .maskUntrained,
      plant: { model in
        model[file: "dlm_config.json"] = #"{"bd_size": 32, "mask_token_id": 2}"#
        try model.edit("model.embed_tokens.weight") { rows in
          for column in 0..<64 {
            let mean = (0..<512).reduce(0) { $0 + rows[$1 * 64 + column] } / 512
            rows[2 * 64 + column] = mean
          }
        }
      }),
  ]

  /// Every token behind the special ones gets the next id, the last one the first of them.
  private static func shiftTokens(_ model: inout PlantedModel) throws {
    let text = try #require(model[file: "tokenizer.json"])
    var json = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    var bpe = try #require(json["model"] as? [String: Any])
    let vocabulary = try #require(bpe["vocab"] as? [String: Int])
    bpe["vocab"] = vocabulary.mapValues { $0 < 3 ? $0 : $0 == 511 ? 3 : $0 + 1 }
    json["model"] = bpe
    let changed = try JSONSerialization.data(withJSONObject: json)
    model[file: "tokenizer.json"] = String(decoding: changed, as: UTF8.self)
  }

  /// All of them.
  static let all = files + damage + trits + settings + vocabulary
}
