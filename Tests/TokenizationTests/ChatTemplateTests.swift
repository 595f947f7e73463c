import Foundation
import Testing
import Tokenization

/// Golden outputs: Tests/Golden/make_chat_template_golden.py.
@Suite struct ChatTemplateTests {
  private func check(_ source: String, _ outcomes: [String: JinjaGolden.Outcome], name: String) throws {
    let conversations = try JinjaGolden.real.get().conversations
    let template = try JinjaTemplate(source: source)
    for (conversation, expected) in outcomes.sorted(by: { $0.key < $1.key }) {
      let variables = try #require(conversations[conversation]).variables
      let place = "\(name), \(conversation)"
      let outcome = Result<String, ChatTemplateError> { () throws(ChatTemplateError) in
        try template.render(variables, clock: JinjaGolden.clock)
      }
      switch outcome {
      case .success(let text):
        // This template hands a lazy `map` to `tojson`, which fails in Python; here `map` makes a list.
        let isLenient = name == "llama-cpp-deepseek-r1" && expected.error == "TypeError"
        #expect(expected.raised == nil && (expected.error == nil || isLenient), "\(place): Python refuses it")
        if let whole = expected.text { #expect(Array(text.unicodeScalars) == Array(whole.unicodeScalars), "\(place)") }
        if let hash = expected.hash { #expect(JinjaGolden.hash(text) == hash, "\(place): \(text)") }
      case .failure(let error):
        #expect(expected.raised != nil || expected.error != nil, "\(place): \(error)")
        if let raised = expected.raised { #expect(error.message == raised, "\(place): \(error)") }
      }
    }
  }

  @Test(arguments: ["SmolLM2", "Llama-3", "BitNet-2B", "Falcon3"])
  func `A family's template renders as in transformers`(name: String) throws {
    let golden = try JinjaGolden.real.get()
    try check(try #require(golden.inline[name]), try #require(golden.named[name]), name: name)
  }

  @Test(
    .enabled(if: JinjaGolden.hasTemplates, "run scripts/fetch-vocabularies first"),
    arguments: ["meta-llama-Llama-3.1-8B-Instruct", "Qwen-Qwen2.5-7B-Instruct", "Qwen-Qwen3-0.6B"])
  func `A fetched family's template renders as in transformers`(name: String) throws {
    try check(try JinjaGolden.source(name), try #require(try JinjaGolden.real.get().named[name]), name: name)
  }

  @Test(.enabled(if: JinjaGolden.hasTemplates, "run scripts/fetch-vocabularies first"))
  func `Every template that comes with llama.cpp renders as in transformers`() throws {
    let folder = try JinjaGolden.real.get().folder
    try #require(folder.count > 50)
    for (name, outcomes) in folder.sorted(by: { $0.key < $1.key }) {
      try check(try JinjaGolden.source(name), outcomes, name: name)
    }
  }

  private static let bitNet = """
    {% for message in messages %}{{ message['role'] | capitalize + ': ' + message['content'] | trim + '<|eot_id|>' }}\
    {% endfor %}{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}
    """

  @Test func `Messages become the prompt of BitNet 2B`() throws {
    let template = try ChatTemplate(source: Self.bitNet, beginningOfSequence: "<|begin_of_text|>")
    let messages = [ChatMessage(role: .system, content: "S"), ChatMessage(role: .user, content: " U\n")]
    #expect(try template.render(messages) == "System: S<|eot_id|>User: U<|eot_id|>Assistant: ")
    #expect(try template.render(messages, addGenerationPrompt: false) == "System: S<|eot_id|>User: U<|eot_id|>")
  }

  @Test func `Tokens, further fields and further variables reach the template`() throws {
    let template = try ChatTemplate(
      source: "{{ bos_token }}{% for m in messages %}{{ m.name }}{{ m.content }}{% endfor %}{{ think }}{{ eos_token }}",
      beginningOfSequence: "<s>", endOfSequence: "</s>")
    let message = ChatMessage(role: "critic", content: "c", fields: [.init(name: "name", value: "n")])
    #expect(try template.render([message], variables: [.init(name: "think", value: false)]) == "<s>ncFalse</s>")
  }

  @Test func `Variables win over the usual ones`() throws {
    let template = try ChatTemplate(source: "{{ bos_token }}{{ messages | length }}", beginningOfSequence: "<s>")
    #expect(try template.render([], variables: [.init(name: "bos_token", value: "!")]) == "!0")
  }
}
