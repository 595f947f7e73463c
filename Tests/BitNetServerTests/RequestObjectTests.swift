import BitNetServer
import Testing

@Suite struct RequestObjectTests {
  private func request(_ json: String) throws -> RequestObject { try RequestObject(parsing: Array(json.utf8)) }

  private func refusal(_ json: String, _ read: (RequestObject) throws -> Void) throws -> APIError {
    let request = try request(json)
    return try #require(throws: APIError.self) { try read(request) }
  }

  @Test(arguments: ["", "{", "[]", "1", "{\"a\": 1} x", "{\"a\": 1, \"a\": 2}", "{\"a\": \"\u{1}\"}"])
  func `a body that is no JSON object is refused`(body: String) throws {
    let error = try #require(throws: APIError.self) { _ = try request(body) }
    #expect(error.status == 400)
    #expect(error.code == "invalid_json")
  }

  @Test func `what nobody asked for is refused by name`() throws {
    let error = try refusal(#"{"temprature": 1}"#) {
      _ = try $0.number("temperature", in: 0...2)
      try $0.refuseUnknown()
    }
    #expect(error.parameter == "temprature")
    #expect(error.message.contains("did you mean 'temperature'?"))
  }

  @Test func `null is absent`() throws {
    let request = try request(#"{"n": null, "unheard_of": null}"#)
    #expect(try request.integer("n") == nil)
    try request.refuseUnknown()
  }

  @Test func `numbers are taken as integers where they are ones`() throws {
    #expect(try request(#"{"n": 2.0}"#).integer("n") == 2)
    #expect(try refusal(#"{"n": 2.5}"#) { _ = try $0.integer("n") }.code == "invalid_type")
    #expect(try refusal(#"{"n": "2"}"#) { _ = try $0.integer("n") }.code == "invalid_type")
    #expect(try refusal(#"{"n": 5}"#) { _ = try $0.integer("n", in: 1...4) }.code == "invalid_value")
  }

  @Test func `nested members are named by their path`() throws {
    let error = try refusal(#"{"messages": [{"role": "user"}, {"role": 7}]}"#) {
      for message in try $0.objects("messages") ?? [] { _ = try message.string("role") }
    }
    #expect(error.parameter == "messages[1].role")
  }
}
