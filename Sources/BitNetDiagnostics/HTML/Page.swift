import Kernels

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A report as one HTML file that needs nothing else: no script, no picture, no font is fetched.
struct Page {
  /// A part with a heading that the list of contents leads to.
  struct Section {
    var id: String
    var title: String
    var body: Markup
  }

  /// What it is about.
  var subject: String
  /// The verdict first.
  var findings: [Finding]
  var sections: [Section]
  /// The tool with its version, and the time.
  var origin: String

  /// The whole file.
  var html: String {
    let style = String(decoding: PackageResources.page_css, as: UTF8.self)
    let policy =
      "default-src 'none'; style-src 'sha256-\(Page.digest(style))'; img-src data:; base-uri 'none'; form-action 'none'"
    let head: Markup = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8"/>
      <meta name="viewport" content="width=device-width, initial-scale=1"/>
      <meta http-equiv="Content-Security-Policy" content="\(policy)"/>
      <meta name="referrer" content="no-referrer"/>
      <title>Diagnosis of \(subject)</title>
      <link rel="icon" href="data:,"/>

      """
    return head.html + "<style>\(style)</style>\n</head>\n" + page.html
  }

  private var page: Markup {
    let verdict = findings.first.map { $0.card(isVerdict: true) } ?? ""
    let links = sections.map { "<li><a href=\"#\($0.id)\">\($0.title)</a></li>\n" as Markup }
    let parts = sections.map { section -> Markup in
      """
      <section id="\(section.id)" aria-labelledby="\(section.id)-title">
      <h2 id="\(section.id)-title">\(section.title)</h2>
      \(section.body)</section>

      """
    }
    return """
      <body>
      <header><h1>Diagnosis of \(subject)</h1></header>
      <main>
      \(verdict)<nav aria-label="Contents"><ul>
      \(links)</ul></nav>
      \(parts)</main>
      <footer>\(origin). The codes are explained in docs/diagnosis.md.</footer>
      </body>
      </html>

      """
  }

  /// The findings behind the verdict; `nil` if there are none.
  static func others(_ findings: [Finding]) -> Section? {
    guard findings.count > 1 else { return nil }
    return Section(
      id: "findings", title: "Also found", body: "\(findings.dropFirst().map { $0.card(isVerdict: false) })")
  }

  /// As content security policies name an allowed style.
  private static func digest(_ text: String) -> String {
    var digest = SHA256()
    digest.update(SharedBytes(copying: Array(text.utf8)))
    let digits = digest.hexadecimal().compactMap(\.hexDigitValue)
    let bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    return Data(bytes).base64EncodedString()
  }
}

extension Finding {
  /// The finding with its evidence and what to do.
  fileprivate func card(isVerdict: Bool) -> Markup {
    let degree = [isVerdict ? "Verdict" : nil, severity == .info ? nil : severity.rawValue, certainty.rawValue]
      .compactMap(\.self).joined(separator: ", ")
    let name: Markup = "\(code.rawValue) \(title)"
    let heading: Markup = isVerdict ? "<h2 id=\"verdict\">\(name)</h2>" : "<h3>\(name)</h3>"
    var card: Markup = """
      <article class="finding \(severity.rawValue)\(isVerdict ? " verdict" : "")">
      <p class="degree">\(degree)</p>
      \(heading)
      <ul>
      \(evidence.map { "<li>\($0)</li>\n" as Markup })</ul>

      """
    if !nextSteps.isEmpty {
      card +=
        "<h4>What to do</h4>\n<ul>\n\(nextSteps.map { "<li>\(Finding.withCommands($0))</li>\n" as Markup })</ul>\n"
    }
    if tensors.count > 4 {
      card +=
        "<details><summary>\(tensors.count) tensors</summary><p>\(tensors.joined(separator: ", "))</p></details>\n"
    } else if !tensors.isEmpty {
      card += "<p class=\"faint\">Tensors: \(tensors.joined(separator: ", "))</p>\n"
    }
    return card + "</article>\n"
  }

  /// A sentence in which what stands between backticks is a command.
  private static func withCommands(_ sentence: String) -> Markup {
    let pieces = sentence.unicodeScalars.split(separator: "`", omittingEmptySubsequences: false).map { String($0) }
    return pieces.enumerated().reduce("") { text, piece in
      text + (piece.offset % 2 == 0 ? "\(piece.element)" : "<code>\(piece.element)</code>")
    }
  }
}

extension TextTable {
  /// The table on a page; wide ones scroll by themselves, with the keyboard, too.
  func markup(_ caption: String) -> Markup {
    func row(_ cells: [String], _ isHeader: Bool) -> Markup {
      let cells = cells.enumerated().map { column, text -> Markup in
        let style = alignments[column] == .right ? "number" : ""
        if isHeader { return "<th scope=\"col\" class=\"\(style)\">\(text)</th>" }
        return column == 0 ? "<th scope=\"row\" class=\"\(style)\">\(text)</th>" : "<td class=\"\(style)\">\(text)</td>"
      }
      return "<tr>\(cells)</tr>\n"
    }
    return """
      <div class="scroll" tabindex="0" role="region" aria-label="\(caption)"><table>
      <thead>\(row(rows[0], true))</thead>
      <tbody>
      \(rows.dropFirst().map { row($0, false) })</tbody></table></div>

      """
  }
}

extension Markup {
  /// Names and values in two columns; values that are `nil` are left out.
  static func facts(_ caption: String, _ entries: [(name: String, value: String?)]) -> Markup {
    let rows = entries.compactMap { entry in
      entry.value.map { "<tr><th scope=\"row\">\(entry.name)</th><td>\($0)</td></tr>\n" as Markup }
    }
    return "<table class=\"facts\" aria-label=\"\(caption)\"><tbody>\n\(rows)</tbody></table>\n"
  }

  /// Something that is shown when it is asked for.
  static func details(_ summary: String, isOpen: Bool = false, _ body: Markup) -> Markup {
    let tag: Markup = isOpen ? "<details open=\"\">" : "<details>"
    return "\(tag)<summary>\(summary)</summary>\n\(body)</details>\n"
  }

  /// Charts beside and below each other.
  static func charts(_ figures: [Figure], areSmall: Bool = false) -> Markup {
    let tag: Markup = areSmall ? "<div class=\"charts small\">" : "<div class=\"charts\">"
    return "\(tag)\n\(figures.map(\.markup))</div>\n"
  }
}
