import Foundation
import Synchronization
import Testing
import Tokenization

/// Golden outputs: Tests/Golden/make_chat_template_golden.py.
@Suite struct JinjaTemplateTests {
  private func render(_ source: String, _ limits: JinjaLimits = JinjaLimits()) throws(ChatTemplateError) -> String {
    try JinjaTemplate(source: source).render([], clock: JinjaGolden.clock, limits: limits)
  }

  /// Runs `body` on a thread with the least stack that a platform gives one; debug builds use several times as much.
  private func onSmallStack<Value: Sendable>(_ body: @escaping @Sendable () -> Value) -> Value? {
    let result = Mutex<Value?>(nil)
    let isDone = DispatchSemaphore(value: 0)
    let thread = Thread {
      let value = body()
      result.withLock { $0 = value }
      isDone.signal()
    }
    #if DEBUG
    thread.stackSize = 4 << 20
    #else
    thread.stackSize = 512 << 10
    #endif
    thread.start()
    isDone.wait()
    return result.withLock { $0 }
  }

  @Test func `Each language feature prints what Python's jinja2 prints`() throws {
    let golden = try JinjaGolden.features.get()
    try #require(golden.templates.count > 80)
    let variables = golden.context.variables
    for feature in golden.templates {
      let outcome = Result<String, ChatTemplateError> { () throws(ChatTemplateError) in
        try JinjaTemplate(source: feature.template).render(variables, clock: JinjaGolden.clock)
      }
      switch outcome {
      case .success(let text):
        let expected = try #require(feature.text, "\(feature.template) printed \(text), Python refuses it")
        #expect(Array(text.unicodeScalars) == Array(expected.unicodeScalars), "\(feature.template)")
      case .failure(let error):
        #expect(feature.text == nil, "\(feature.template): \(error)")
        #expect((error.reason == .raised ? error.message : nil) == feature.raised)
      }
    }
  }

  @Test(arguments: [
    ("a\n\n{{ 'x' + 1 }}", 3, "cannot use '+' between a string and an integer"),
    ("{% if x %}\n{% for y in z %}", 2, "the block that begins here has no"),
    ("\n{{ messages.first.content }}", 2, "'messages' is undefined"),
    ("{{ [1,\n2,\n'a' }}", 3, "unexpected '}', expected ']'"),
    ("{#\n{{ 1", 1, "has no '#}'"),
    ("{{ 9223372036854775807\n + 1 }}", 2, "64-bit"),
    ("{{ 99999999999999999999 }}", 1, "not an integer of 64 bits"),
    ("{% macro m(a) %}{{ a }}{% endmacro %}\n{{ m(1, 2) }}", 2, "at most 1 arguments"),
  ])
  func `An error names the line and what was found`(source: String, line: Int, message: String) throws {
    let error = try #require(throws: ChatTemplateError.self) { try render(source) }
    #expect(error.line == line)
    #expect(error.description.contains(message), "\(error)")
  }

  @Test func `A template that raises an exception gives its own message`() throws {
    let error = try #require(throws: ChatTemplateError.self) {
      try render("\n{% if true %}{{ raise_exception('Roles must alternate') }}{% endif %}")
    }
    #expect(error.reason == .raised)
    #expect(error.message == "Roles must alternate")
    #expect(error.line == 2)
  }

  @Test(arguments: [
    "{{ " + String(repeating: "(", count: 50_000) + "1" + String(repeating: ")", count: 50_000) + " }}",
    "{{ " + String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000) + " }}",
    "{{ " + String(repeating: "not ", count: 50_000) + "1 }}",
    "{{ 1 " + String(repeating: " -", count: 50_000) + "1 }}",
    "{{ " + String(repeating: "{1:", count: 5000) + "1" + String(repeating: "}", count: 5000) + " }}",
    String(repeating: "{% if 1 %}", count: 50_000),
    "{{ " + String(repeating: "1 if 1 else ", count: 50_000) + "1 }}",
    "{{ x" + String(repeating: "[x", count: 5000) + String(repeating: "]", count: 5000) + " }}",
    "{{ x" + String(repeating: "|f(x", count: 5000) + String(repeating: ")", count: 5000) + " }}",
    "{{ x" + String(repeating: " is eq [x", count: 5000) + String(repeating: "]", count: 5000) + " }}",
    "{% for " + String(repeating: "(", count: 5000) + "x" + String(repeating: ")", count: 5000)
      + " in x %}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(x) %}{{ m(x=[x]) }}{% endmacro %}{{ m() }}",
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "{{ range(10 ** 12) }}",
    "{{ 'a' * 10 ** 10 }}",
    "{{ [0] * 10 ** 10 }}",
    "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(64) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x='a') %}{% for i in range(64) %}{% set ns.x = ns.x.replace('a', 'aa') %}{% endfor %}",
    "{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{{ x }}{% endfor %}",
    "{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{{ 'b' in x }}{% endfor %}",
    "{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{{ x | length }}{% endfor %}",
    "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}",
    "{% set l = [] %}{% set _ = l.append(l) %}{{ l | tojson }}",
    "{% set l = [] %}{% set m = [] %}{% set _ = l.append(m) %}{% set _ = m.append(l) %}{{ l == m }}",
  ])
  func `A hostile template gives an error instead of hanging or crashing`(source: String) throws {
    var limits = JinjaLimits()
    // Debug builds are slow, and the limit is what is tested, not how long reaching it takes.
    limits.steps = 300_000
    let outcome = onSmallStack { [limits] in
      Result { () throws(ChatTemplateError) in try JinjaTemplate(source: source).render([], limits: limits) }
    }
    let error = try #require(throws: ChatTemplateError.self) { try #require(outcome).get() }
    #expect(error.reason == .limit, "\(error)")
  }

  @Test(arguments: [
    "{% set ns = namespace(x=[]) %}{% for i in range(20000) %}{% set ns.x = [ns.x] %}{% endfor %}",
    "{% set ns = namespace(x=none) %}{% for i in range(20000) %}{% set ns.x = {'x': ns.x} %}{% endfor %}",
    "{% set ns = namespace(x=none) %}{% for i in range(20000) %}{% for j in [ns.x] %}{% set ns.x = loop %}{% endfor %}{% endfor %}",
    "{% set ns = namespace(x=none) %}{% for i in range(9999) %}{% set p = ns.x %}{% macro m() %}{% endmacro %}{% set ns.x = m %}{% endfor %}",
    "{% set ns = namespace(x=none) %}{% set ns.x = ns %}",
  ])
  func `Long chains of values are freed without recursion`(source: String) throws {
    #expect(try render(source) == "")
  }

  @Test func `Sequences of operators and else-if branches may be long`() throws {
    let sum = "{{ " + [String](repeating: "1", count: 3000).joined(separator: " + ") + " }}"
    #expect(try render(sum) == "3000")
    let branches = (0..<3000).map { "{% elif x == \($0) %}\($0)" }.joined()
    #expect(try render("{% set x = 2999 %}{% if x == -1 %}" + branches + "{% endif %}") == "2999")
    #expect(try render("{{ 'x'" + String(repeating: " | upper", count: 3000) + " }}") == "X")
  }

  @Test func `Nesting up to the limit is parsed and evaluated`() throws {
    let depth = 49
    let parentheses = String(repeating: "(", count: depth) + "1" + String(repeating: ")", count: depth)
    #expect(try render("{{ \(parentheses) }}") == "1")
    let blocks = String(repeating: "{% if 1 %}", count: depth) + "x" + String(repeating: "{% endif %}", count: depth)
    #expect(try render(blocks) == "x")
    #expect(
      try render("{% macro m(n) %}{% if n %}{{ m(n - 1) }}.{% endif %}{% endmacro %}{{ m(20) }}")
        == String(repeating: ".", count: 20))
  }

  @Test func `A rendering leaves its variables as they were`() throws {
    let template = try JinjaTemplate(source: "{% set _ = x.append(1) %}{{ x }}{% set x = 2 %}")
    #expect(try template.render([("x", [])]) == "[1]")
    #expect(try template.render([("x", [])]) == "[1]")
  }

  @Test func `Lengths and comparisons go by code points`() throws {
    #expect(try render(#"{{ "e\u0301" | length }}{{ "e\u0301" == "\u00e9" }}{{ "🎉👍🏽" | length }}"#) == "2False3")
    #expect(try render("{{ '\\r\\n' | length }}{{ {'\\u00e9': 1}.get('e\\u0301') }}") == "2None")
  }

  @Test func `Damaged templates render or give an error with a line of theirs`() throws {
    let golden = try JinjaGolden.features.get()
    let variables = golden.context.variables
    var state: UInt64 = 1
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let alphabet = Array("{}%#-+()[]|.,:'\"\\0123 \nxif~*/".unicodeScalars)
    var limits = JinjaLimits()
    limits.steps = 20_000
    for feature in golden.templates {
      for _ in 0..<40 {
        var scalars = Array(feature.template.unicodeScalars)
        for _ in 0..<(1 + random(3)) where !scalars.isEmpty {
          let place = random(scalars.count)
          switch random(3) {
          case 0: scalars.remove(at: place)
          case 1: scalars.insert(alphabet[random(alphabet.count)], at: place)
          default: scalars[place] = alphabet[random(alphabet.count)]
          }
        }
        let source = String(String.UnicodeScalarView(scalars))
        do throws(ChatTemplateError) {
          _ = try JinjaTemplate(source: source).render(variables, limits: limits)
        } catch {
          #expect((1...(1 + scalars.count { $0 == "\n" })).contains(error.line), "\(source): \(error)")
        }
      }
    }
  }
}
