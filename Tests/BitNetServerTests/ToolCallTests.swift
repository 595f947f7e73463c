import BitNetServer
import Testing

@Suite struct ToolCallTests {
  private func run(_ style: ToolCallStyle, _ text: String, piece: Int) -> (text: String, calls: [ToolCall]) {
    var filter = ToolCallFilter(style)
    var shown = ""
    var rest = text[...]
    while !rest.isEmpty {
      shown += filter.append(String(rest.prefix(piece)))
      rest = rest.dropFirst(piece)
    }
    let end = filter.finish { "id" }
    return (shown + end.text, end.calls)
  }

  @Test(arguments: [1, 3, 1000])
  func `Hermes' calls are cut out of the text`(piece: Int) {
    let text = """
      Let me see.
      <tool_call>
      {"name": "add", "arguments": {"b": [1, 2.5], "a": "x\\"<"}}
      </tool_call>
      <tool_call>{"name": "now", "arguments": {}}</tool_call>
      """
    let result = run(.hermes, text, piece: piece)
    #expect(result.text == "Let me see.\n")
    #expect(result.calls.map(\.function.name) == ["add", "now"])
    #expect(result.calls.map(\.function.arguments) == [#"{"b": [1, 2.5], "a": "x\"<"}"#, "{}"])
  }

  @Test(arguments: [1, 5, 1000])
  func `Llama's call is the whole answer`(piece: Int) {
    let result = run(.llama3, #" {"name": "add", "parameters": {"a": 1}}"#, piece: piece)
    #expect(result.text == "")
    #expect(result.calls.map(\.function.arguments) == [#"{"a": 1}"#])
  }

  @Test(
    arguments: [
      (ToolCallStyle.hermes, "a <tool_call> b"), (.hermes, "plain <tool"), (.llama3, "{ braces }"),
      (.llama3, " plain {"),
      (.hermes, "<tool_call>{\"name\": 1}</tool_call>"),
    ], [1, 1000])
  func `what only looks like a call is text`(answer: (style: ToolCallStyle, text: String), piece: Int) {
    let result = run(answer.style, answer.text, piece: piece)
    #expect(result.text == answer.text)
    #expect(result.calls.isEmpty)
  }

  @Test func `a call whose opening is in the prompt is a call`() {
    for style in [ToolCallStyle.hermes, .llama3] {
      var filter = ToolCallFilter(style)
      var text = filter.append(style.opening)
      text += filter.append(#"{"name": "add", "\#(style.argumentsKey)": {"a": "\t"}}"#)
      let end = filter.finish { "id" }
      #expect(text + end.text == "")
      #expect(end.calls.map(\.function.name) == ["add"])
    }
  }

  @Test(arguments: [
    ("'<tool_call>\n{\"name\": '", ToolCallStyle.hermes), ("{\"name\": …, \"parameters\": …}", .llama3),
    ("<tool_call>\n<function=name>", nil), ("[TOOL_CALLS]", nil),
  ])
  func `a style is certain where the template shows it`(source: String, style: ToolCallStyle?) {
    #expect(ToolCallStyle.certain(of: source) == style)
  }

  @Test func `the template tells the style`() {
    #expect(ToolCallStyle(templateSource: "… '<tool_call>' …") == .hermes)
    #expect(ToolCallStyle(templateSource: "… 'parameters' …") == .llama3)
  }
}
