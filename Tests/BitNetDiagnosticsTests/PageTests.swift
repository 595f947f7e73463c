import BitNet
import BitNetDiagnostics
import Foundation
import TestSupport
import Testing

#if canImport(FoundationXML)
import FoundationXML
#endif

/// What a parser finds on a page. The page is written so that XML's strict grammar holds for it, too.
private final class Outline: NSObject, XMLParserDelegate {
  var elements: [String] = []
  var attributes: Set<String> = []
  var text = ""

  init(_ page: String) throws {
    super.init()
    let parser = XMLParser(data: Data(page.utf8))
    parser.delegate = self
    try #require(parser.parse(), "line \(parser.lineNumber): \(parser.parserError.map { "\($0)" } ?? "")")
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    elements.append(name)
    self.attributes.formUnion(attributes.keys)
  }

  func parser(_ parser: XMLParser, foundCharacters characters: String) { text += characters }

  func count(_ name: String) -> Int { elements.count { $0 == name } }
}

@Suite struct PageTests {
  private func diagnose(_ path: String) throws -> Diagnosis {
    try Diagnosis(path: path, options: .init(prompts: ["The old house"], threads: 2, digestsFiles: true))
  }

  private func page(_ diagnosis: Diagnosis) -> String { diagnosis.page(tool: "bitnet 0", time: "2026-01-01T00:00:00Z") }

  @Test func `the page has the verdict, every chart and the files with their digests`() throws {
    let diagnosis = try diagnose(TestFiles.goldenPath("trained/tiny-bitnet"))
    let html = page(diagnosis), outline = try Outline(html)
    #expect(outline.text.contains("BN102"))
    // The logged losses, the loss on the text, three modes and the hidden state, two maps, and the matrices of both blocks.
    #expect(outline.count("svg") == 1 + 1 + 3 + 1 + 2 + 14)
    #expect(outline.count("figcaption") == outline.count("svg"))
    #expect(html.components(separatedBy: "<svg role=\"img\"").count == outline.count("svg") + 1)
    let files = try #require(diagnosis.files)
    #expect(files.contains { $0.name == "model.safetensors" } && files.allSatisfy { outline.text.contains($0.sha256) })
    for part in ["linear layers", "Norms", "Configuration", "bitnet 0, 2026-01-01T00:00:00Z"] {
      #expect(html.contains(part), "\(part)")
    }
  }

  @Test func `the page fetches nothing and runs nothing`() throws {
    let html = page(try diagnose(TestFiles.goldenPath("trained/tiny-bitnet"))), outline = try Outline(html)
    #expect(html.contains("default-src 'none'") || html.contains("default-src &#39;none&#39;"))
    #expect(!outline.elements.contains { ["script", "img", "iframe", "object", "embed", "base", "form"].contains($0) })
    #expect(!outline.attributes.contains { $0.hasPrefix("on") || ["src", "style", "srcset"].contains($0) })
    #expect(!html.contains("http://") && !html.contains("https://") && !html.contains("url("))
  }

  /// Texts as a hostile model's files may have them. A quotation mark with a combining mark is one character.
  @Test(arguments: [
    "</h3></svg><script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "\"\u{301} onload=\"alert(1)\" x=\"",
    "<\u{301}script>", "'--><style>*{display:none}</style>", "]]>&lt;&amp;&#60;", "`</code><b>`",
    "\u{0}\u{1b}[2J\u{202e}\u{fffe}\n\r",
  ])
  func `whatever a model says is text`(hostile: String) throws {
    let sound = try diagnose(TestFiles.goldenPath("trained/tiny-bitnet"))
    var diagnosis = sound
    diagnosis.model = "folder/\(hostile)"
    diagnosis.facts?.architecture = hostile
    diagnosis.facts?.activation = hostile
    diagnosis.facts?.notes = (sound.facts?.notes ?? []).map { _ in hostile }
    diagnosis.weights[0].storage = hostile
    diagnosis.norms[0].name = hostile
    diagnosis.activations[0].stage = hostile
    diagnosis.behaviour[0].prompt = hostile
    for mode in diagnosis.behaviour[0].modes.indices {
      diagnosis.behaviour[0].modes[mode].continuation = hostile
      diagnosis.behaviour[0].modes[mode].top[0].text = hostile
    }
    diagnosis.findings[0].evidence[0] = hostile
    diagnosis.files?[0].name = hostile
    let outline = try Outline(page(diagnosis)), expected = try Outline(page(sound))
    #expect(outline.elements == expected.elements)
    #expect(outline.attributes == expected.attributes)
    #expect(!outline.text.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" })
    #expect(!outline.text.unicodeScalars.contains { $0.properties.generalCategory == .format })
  }

  @Test func `a next step's command is marked, whatever it holds`() throws {
    var diagnosis = try diagnose(TestFiles.goldenPath("trained/tiny-bitnet"))
    diagnosis.findings[0].nextSteps = ["Run `bitnet run <model>` & see."]
    #expect(page(diagnosis).contains("<li>Run <code>bitnet run &lt;model&gt;</code> &amp; see.</li>"))
  }

  @Test func `a model that cannot be read has a page that says so`() throws {
    let folder = try TemporaryFolder()
    let file = "\(folder.path)/short.gguf"
    try Data("GGUF\u{3}\0\0\0".utf8).write(to: URL(filePath: file))
    let diagnosis = try diagnose(file), outline = try Outline(page(diagnosis))
    #expect(outline.text.contains(diagnosis.verdict.title))
    #expect(outline.count("svg") == 0)
    #expect(diagnosis.files?.map(\.bytes) == [8])
  }

  @Test(arguments: [Float.nan, .infinity]) func `numbers that are none leave the page sound`(value: Float) throws {
    var diagnosis = try diagnose(TestFiles.goldenPath("trained/tiny-bitnet"))
    diagnosis.weights[0].ternaryFrobenius = Double(value)
    diagnosis.weights[0].shares.zero = Double(value)
    diagnosis.behaviour[0].modes[1].hiddenRMS[0] = Double(value)
    diagnosis.behaviour[0].modes[1].top[0].probability = Double(value)
    diagnosis.probe?.losses[0].loss = Double(value)
    let html = page(diagnosis)
    _ = try Outline(html)
    // Coordinates are numbers always.
    #expect(html.firstMatch(of: #/ (?:d|x|y|width|height|cx|cy|fill-opacity)="[^"]*(?:nan|inf)/#) == nil)
  }

  @Test func `a training run has its loss curves`() throws {
    let diagnosis = try #require(TrainingDiagnosis(of: TestFiles.goldenPath("runs/ce-on/by-wandb")))
    let curves = diagnosis.training.curves
    #expect(curves.map(\.name).contains("all"))
    for curve in curves {
      #expect(!curve.steps.isEmpty && curve.steps.count <= 200 && curve.steps.count == curve.values.count)
      #expect(zip(curve.steps, curve.steps.dropFirst()).allSatisfy { $0 < $1 })
    }
    let outline = try Outline(diagnosis.page(tool: "bitnet 0", time: ""))
    #expect(outline.text.contains("Losses") && outline.text.contains("BN603"))
    #expect(outline.count("svg") == (curves.count + 5) / 6)
  }
}

@Suite struct WeightHistogramTests {
  @Test func `what lies between the borders of rounding is the share of zeros`() throws {
    let diagnosis = try Diagnosis(path: TestFiles.goldenPath("trained/tiny-dense"), options: .init(threads: 2))
    let drawn = Set([0, diagnosis.facts.map { $0.layers / 2 } ?? 0, diagnosis.facts.map { $0.layers - 1 } ?? 0])
    for matrix in diagnosis.weights {
      let layer = try #require(Int(matrix.name.split(separator: ".")[1]))
      #expect((matrix.histogram != nil) == drawn.contains(layer))
      guard let histogram = matrix.histogram else { continue }
      #expect(histogram.counts.count == 73 && histogram.total == matrix.shape[0] * matrix.shape[1])
      let total = Double(histogram.total)
      let zeros = Double(histogram.counts[32...40].reduce(0, +)) / total
      let minus = Double(histogram.below + histogram.counts[..<32].reduce(0, +)) / total
      // Weights that lie on a border to the last bit may fall on either side.
      #expect(abs(zeros - matrix.shares.zero) < 1e-3 && abs(minus - matrix.shares.minus) < 1e-3, "\(matrix.name)")
    }
  }

  @Test func `trits stand in the middles of bins`() throws {
    let diagnosis = try Diagnosis(path: TestFiles.goldenPath("trained/tiny-bitnet-packed"), options: .init(threads: 2))
    for histogram in diagnosis.weights.compactMap(\.histogram) {
      #expect(histogram.counts[27] + histogram.counts[36] + histogram.counts[45] == histogram.total)
    }
  }
}

@Suite struct AxisTests {
  @Test(arguments: [
    ([0.0, 1], [0.0, 0.5, 1]), ([3, 3], [3, 3.1]), ([0.61, 0.83], [0.6, 0.7, 0.8, 0.9]),
    ([-5, 12], [-5, 0, 5, 10, 15]),
    ([.nan], [0, 0.5, 1]),
  ])
  func `linear marks are round and reach around the values`(values: [Double], expected: [Double]) {
    let axis = Axis(linear: values)
    #expect(
      axis.ticks.count == expected.count && zip(axis.ticks, expected).allSatisfy { abs($0 - $1) < 1e-9 },
      "\(axis.ticks)")
    #expect(values.allSatisfy { axis.position($0).map { (-1e-9...1 + 1e-9).contains($0) } ?? $0.isNaN })
  }

  @Test(arguments: [
    ([0.3, 20], [0.2, 0.5, 1, 2, 5, 10, 20]), ([1e-3, 1e4], [1e-3, 1e-2, 1e-1, 1, 10, 100, 1e3, 1e4]),
    ([0, 7], [5, 10]),
  ])
  func `logarithmic marks reach around the positive values`(values: [Double], reach: [Double]) throws {
    let axis = Axis(logarithmic: values)
    #expect(axis.ticks.allSatisfy { tick in reach.contains { abs($0 / tick - 1) < 1e-9 } }, "\(axis.ticks)")
    #expect(axis.ticks.count >= 2 && axis.ticks.count <= 8)
    #expect(axis.position(0) == nil)
    let low = try #require(axis.position(reach[0])), high = try #require(axis.position(reach[reach.count - 1]))
    #expect(abs(low) < 1e-9 && abs(high - 1) < 1e-9)
  }

  @Test(arguments: [
    (0.0, "0"), (0.5, "0.5"), (30, "30"), (-12.25, "-12.25"), (2e6, "2e6"), (1e-4, "1e-4"), (1500, "1500"),
  ])
  func `marks have no trailing zeros`(value: Double, expected: String) {
    #expect(Axis.label(value) == expected)
  }
}
