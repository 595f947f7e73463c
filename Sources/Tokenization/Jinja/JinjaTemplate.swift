/// A template of the Jinja language, read once and rendered as often as wanted.
///
/// It is the part of Jinja that chat templates use, with the settings of transformers: `trim_blocks` and
/// `lstrip_blocks` on, loop controls, no autoescaping, `tojson` without HTML escapes. Unlike in transformers' sandbox
/// lists and mappings may be changed by their methods; that changes nothing outside of one rendering.
package struct JinjaTemplate: Sendable {
  private let source: String
  private let statements: [JinjaStatement]

  /// Reads a template.
  ///
  /// - Throws: ``ChatTemplateError`` with the line, where the source is not well-formed or nests too deeply.
  package init(source: String) throws(ChatTemplateError) {
    self.source = source
    do {
      statements = try JinjaParser.statements(of: source)
    } catch {
      throw error.quoting(source)
    }
  }

  /// The text that the template makes of `variables`.
  package func render(
    _ variables: [(name: String, value: ChatTemplateValue)], clock: JinjaClock = .now,
    limits: JinjaLimits = JinjaLimits()
  ) throws(ChatTemplateError) -> String {
    let renderer = JinjaRenderer(limits: limits, clock: clock)
    defer { renderer.releaseAll() }
    do {
      for variable in variables { renderer.scope.variables[variable.name] = try renderer.value(variable.value) }
      renderer.scope = JinjaScope(parent: renderer.scope)
      _ = try renderer.run(statements)
    } catch {
      throw error.quoting(source)
    }
    return renderer.output
  }
}
