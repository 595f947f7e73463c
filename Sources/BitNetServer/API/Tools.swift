import BitNet
import ModelFormats
import Tokenization

/// What a request says about tools: which there are, and whether the answer must be a call.
struct Tools {
  /// What the model may call, as the template gets it; `nil` for nothing.
  private(set) var listed: ChatTemplateValue?
  /// How the model writes calls; `nil` when it was given no tools.
  private(set) var style: ToolCallStyle?
  /// The functions one of which the answer must call; empty where it need not call any.
  private(set) var demanded: [JSONSchema.Function] = []

  /// What an answer is made to begin with.
  var opening: String { demanded.isEmpty ? "" : style?.opening ?? "" }

  /// - Throws: 400, naming the parameter.
  init(_ request: RequestObject, template: ChatTemplate) throws(APIError) {
    let tools = try request.objects("tools") ?? []
    let functions = try Self.functions(tools)
    let choice = request.value("tool_choice")
    if case .string("none")? = choice { return }
    demanded = try Self.demanded(choice, request, of: functions)
    guard !tools.isEmpty else { return }
    guard template.source.contains("tools") else {
      throw .unsupported(demanded.isEmpty ? "tools" : "tool_choice", "the model's chat template does not know tools")
    }
    listed = .array(tools.map { ChatTemplateValue(.object($0.members)) })
    style = ToolCallStyle(templateSource: template.source)
    if !demanded.isEmpty, ToolCallStyle.certain(of: template.source) == nil {
      throw .unsupported(
        "tool_choice",
        "how the model writes calls is not clear from its chat template; only \"auto\" and \"none\" are possible")
    }
  }

  private static func functions(_ tools: [RequestObject]) throws(APIError) -> [JSONSchema.Function] {
    var functions: [JSONSchema.Function] = []
    for tool in tools {
      guard try tool.string("type") == "function" else {
        throw .invalid(tool.path(of: "type"), "expected \"function\"")
      }
      guard let function = try tool.object("function"), let name = try function.string("name"), !name.isEmpty else {
        throw .invalid(tool.path(of: "function"), "expected an object with a name")
      }
      let parameters: JSONValue
      switch function.value("parameters") {
      // As OpenAI has it: a function without parameters.
      case nil:
        parameters = .object(
          JSONObject(entries: [("type", .string("object")), ("properties", .object(JSONObject(entries: [])))]))
      case .object(let schema)? where schema.entries.isEmpty:
        parameters = .object(JSONObject(entries: [("type", .string("object"))]))
      case let schema?: parameters = schema
      }
      functions.append(.init(name: name, parameters: parameters, path: function.path(of: "parameters")))
    }
    return functions
  }

  /// The functions one of which must be called.
  private static func demanded(
    _ choice: JSONValue?, _ request: RequestObject, of functions: [JSONSchema.Function]
  ) throws(APIError) -> [JSONSchema.Function] {
    switch choice {
    case nil, .string("auto"): return []
    case .string("required"):
      guard !functions.isEmpty else { throw .invalid("tool_choice", "a call is required, and there are no tools") }
      return functions
    case .object:
      guard let object = try request.object("tool_choice"), try object.string("type") == "function",
        let name = try object.object("function")?.string("name")
      else { break }
      let named = functions.filter { $0.name == name }
      guard !named.isEmpty else { throw .invalid("tool_choice", "no tool is called '\(name.prefix(100))'") }
      return named
    default: break
    }
    throw .invalid(
      "tool_choice",
      "expected \"none\", \"auto\", \"required\" or {\"type\": \"function\", \"function\": {\"name\": …}}")
  }
}
