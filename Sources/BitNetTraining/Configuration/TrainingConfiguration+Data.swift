extension TrainingConfiguration {
  /// What is learnt from.
  package struct Data: Sendable {
    /// The sources of training text.
    package let sources: [Source]
    /// Shares of the sources by name of the mixture, in order.
    package let mixtures: [(name: String, shares: [(source: String, share: Double)])]
    /// The mixture in force where no phase names another; absent, the sources' own weights.
    package let mixture: String?
    /// Documents that are shuffled among each other.
    package let shuffleBuffer: Int
    /// What the loss is measured on.
    package let validation: [Source]

    /// The names of the mixtures.
    package var mixtureNames: [String] { mixtures.map(\.name) }

    /// The share of each source, in the order of ``sources``, adding up to 1.
    ///
    /// - Parameter mixture: a mixture's name; the default's where `nil`.
    package func shares(mixture: String?) -> [Double] {
      let named = mixtures.first { $0.name == mixture ?? self.mixture }
      let raw = sources.map { source in
        named.map { $0.shares.first { $0.source == source.name }?.share ?? 0 } ?? source.weight
      }
      let sum = raw.reduce(0, +)
      return raw.map { sum > 0 ? $0 / sum : 0 }
    }

    init(_ section: ConfigurationSection) {
      sources = section.sections("sources").map { Source($0, isWeighted: true) }
      let mixtureSection = section.section("mixtures")
      mixtures = mixtureSection.ownNames(example: "NAME").map { name in
        let shares = mixtureSection.section(name)
        return (
          name: name,
          shares: shares.ownNames(example: "SOURCE").map { source in
            (
              source,
              shares.value(
                source, .number(0...(.infinity)), default: 0,
                "The share of a source in the mixture; one not named has none"
              )
            )
          }
        )
      }
      mixture = section.value(
        "mixture", .text, absence: "the sources' weights", "The mixture in force where no phase names another")
      shuffleBuffer = section.value(
        "shuffle_buffer", .integer(0...(1 << 30)), default: 10_000,
        "Documents that are shuffled among each other; 0 takes them as they come")
      validation = section.sections("validation").map { Source($0, isWeighted: false) }
    }
  }

  /// Files of text or tokens.
  package struct Source: Sendable {
    package enum Format: String, Sendable, CaseIterable {
      case text
      case jsonl
      case shard
    }

    package let name: String
    package let paths: [String]
    package let format: Format
    /// The member of a JSON line that holds the text.
    package let textKey: String
    /// What stands between the documents of a text file; a file is one document where it is absent.
    package let documentSeparator: String?
    /// How often documents are drawn, beside the other sources.
    package let weight: Double

    init(_ section: ConfigurationSection, isWeighted: Bool) {
      name = section.value("name", .text, default: "source", "What mixtures and logs call it")
      paths =
        section.value(
          "paths", .list(of: section.pathKind, count: 1...100_000), absence: "required", "A file or a list of files")
        ?? []
      format = section.value("format", .choice(), default: .text, "What the files hold")
      textKey = section.value("text_key", .text, default: "text", "For `jsonl`: the member that holds the text")
      documentSeparator = section.value(
        "document_separator", .text, absence: "a file is a document", "For `text`: what stands between documents")
      weight =
        isWeighted
        ? section.value(
          "weight", .number(0...(.infinity)), default: 1, "The share of its documents, where no mixture is in force")
        : 1
      if !section.reader.isReference, !section.has("paths") {
        section.report("paths", "is missing: name a file or a list of files")
      }
    }
  }

  /// How documents become sequences.
  package struct Packing: Sendable {
    /// Whether tokens see only their own document.
    package let masksDocuments: Bool

    init(_ section: ConfigurationSection) {
      let isEnabled = section.value(
        "enabled", .flag, default: true, "Lay documents one after another into sequences; nothing else is offered")
      if !isEnabled {
        section.report(
          "enabled",
          "is false, but sequences are not padded here: leave it out, and let document_mask keep documents apart")
      }
      masksDocuments = section.value(
        "document_mask", .flag, default: true, "Tokens see only their own document, and positions begin anew with it")
    }
  }
}
