public import BitNet
import Foundation
import Kernels
import ModelFormats

/// Converts checkpoints: any that ``Checkpoint`` opens, to a GGUF file or a Hugging Face folder.
///
///     let report = try Conversion.run(Checkpoint(path: "folder"), to: "model.gguf")
public struct Conversion {
  private let plan: ConversionPlan
  private let output: String
  private let compute: Compute
  private let progress: (String) -> Void
  private let isCancelled: () -> Bool

  /// Converts a model.
  ///
  /// - Parameters:
  ///   - checkpoint: the opened source.
  ///   - output: the path of the result. It appears there when it is whole and has proved right; a failure leaves what
  ///     was there.
  ///   - isDryRun: plans only.
  ///   - progress: is told what is being done.
  ///   - isCancelled: is asked between tensors.
  /// - Throws: ``ConversionError``, `FormatError`, `ModelError`; `CancellationError` when cancelled.
  public static func run(
    _ checkpoint: Checkpoint, to output: String, options: ConversionOptions = .init(), isDryRun: Bool = false,
    progress: @escaping (String) -> Void = { _ in }, isCancelled: @escaping () -> Bool = { false }
  ) throws -> ConversionReport {
    try validate(options)
    guard !checkpoint.isMade(of: output) else {
      throw ConversionError.options("\(output) is the source itself or holds it: choose another name.")
    }
    if !isDryRun { try refuseExisting(output, options: options) }
    progress("planning")
    let plan = try ConversionPlan(checkpoint, options: options)
    let conversion = Conversion(
      plan: plan, output: output, compute: try Compute(threads: options.threads), progress: progress,
      isCancelled: isCancelled)
    var report = ConversionReport(plan, output: output, isDryRun: isDryRun)
    guard !isDryRun else { return report }
    let written = try conversion.write(&report)
    report.peakResidentBytes = peakResidentMemory()
    if options.verifies ?? (checkpoint.tensorBytes < 4_000_000_000) {
      report.verification = try Verifier(
        plan: plan, written: written.path, output: output, compute: conversion.compute, progress: progress,
        isCancelled: isCancelled
      ).verify()
    }
    try written.publish()
    return report
  }

  private static func validate(_ options: ConversionOptions) throws {
    if options.destination == .gguf, options.weightType == .packed {
      throw ConversionError.options("packed is a type of folders: give --to safetensors, or choose --type i2_s.")
    }
    let folderTypes: [WeightType] = [.auto, .packed, .f32, .f16, .bf16]
    if options.destination == .safetensors, !folderTypes.contains(options.weightType) {
      throw ConversionError.options(
        "folders hold no \(options.weightType.rawValue): choose --type packed, bf16, f16 or f32.")
    }
    if let head = options.headType, !TensorType.encodable.subtracting(TensorType.ternary).contains(head) {
      throw ConversionError.options("--head \(head.rawValue) is not written here: choose f16, bf16, f32, q8_0 or q4_0.")
    }
    if let threads = options.threads, !(1...1024).contains(threads) {
      throw ModelError.invalidOption(name: "threads", found: "\(threads)", expected: "1 to 1024")
    }
  }

  /// With `overwrites`, a file takes the place of a file and a folder that of a folder with a model.
  private static func refuseExisting(_ output: String, options: ConversionOptions) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: output, isDirectory: &isFolder) || NewFolder.isThere(output) else {
      return
    }
    guard options.overwrites else { throw ConversionError.exists(path: output) }
    guard isFolder.boolValue == (options.destination == .safetensors) else {
      throw ConversionError.options(
        "\(output) is a \(isFolder.boolValue ? "folder" : "file"), which a "
          + "\(isFolder.boolValue ? "GGUF file" : "model's folder") does not replace: choose another name.")
    }
    guard isFolder.boolValue else { return }
    let files = (try? FileManager.default.contentsOfDirectory(atPath: output)) ?? []
    guard files.isEmpty || files.contains("config.json") && files.contains(where: { $0.hasSuffix(".safetensors") })
    else {
      throw ConversionError.options("\(output) is a folder without a model: it is not replaced; choose another name.")
    }
  }

  private func write(_ report: inout ConversionReport) throws -> Written {
    let clock = ContinuousClock()
    let begin = clock.now
    let written = try plan.options.destination == .gguf ? writeGGUF() : writeFolder()
    report.warnings += written.notes
    if case .synthetic = plan.checkpoint.source {} else { report.warnings += written.tally.warnings }
    report.shares = written.tally.shares
    report.sourceFiles = written.files
    let duration = clock.now - begin
    report.seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    return written
  }

  /// A result that is whole and has not got its name yet, and what writing it taught. It vanishes when it is let go.
  private struct Written {
    /// Where it can be read.
    let path: String
    let notes: [String]
    let tally: TritTally
    let files: [SourceFile]
    /// Gives it its name.
    let publish: () throws -> Void
  }

  private func writeGGUF() throws -> Written {
    let digests = SourceDigests(plan.checkpoint)
    let (entries, notes) = try GGUFModelMetadata.entries(plan)
    let tensors = plan.tensors.map { (name: $0.name, shape: $0.storedShape, type: $0.type) }
    func layout(
      _ scales: [(name: String, scale: Float)], _ files: [SourceFile]
    ) throws -> GGUFLayout {
      let late = GGUFModelMetadata.provenance(plan, files: files) + GGUFModelMetadata.scales(scales)
      return try GGUFLayout(metadata: entries + late, tensors: tensors, file: output)
    }
    // Scales and digests are known when the weights were read; their room in the header is known now.
    let writer = try GGUFWriter(path: output, layout: layout(plan.ternary.map { ($0.name, 1) }, digests.expected))
    let tally = try encodeAll { try writer.append($0, to: $1) }
    let files = try digests.wait()
    writer.replaceHeader(try layout(tally.scales, files))
    let file = try writer.complete()
    return Written(path: file.partialPath, notes: notes, tally: tally, files: files, publish: file.publish)
  }

  private func writeFolder() throws -> Written {
    let digests = SourceDigests(plan.checkpoint)
    let folder = try NewFolder(path: output)
    let export = HuggingFaceExport(plan: plan)
    let notes = try export.writeSideFiles(to: folder.partialPath)
    let writer = try SafetensorsWriter(
      path: folder.partialPath + "/model.safetensors",
      tensors: plan.tensors.map { ($0.name, $0.storedShape, $0.type) })
    let tally = try encodeAll { try writer.append($0, to: $1) }
    try writer.finish()
    let files = try digests.wait()
    try export.writeProvenance(files, to: folder.partialPath)
    return Written(path: folder.partialPath, notes: notes, tally: tally, files: files, publish: folder.finish)
  }

  /// Reads, encodes and hands on every tensor.
  private func encodeAll(_ append: (SharedBytes, Int) throws -> Void) throws -> TritTally {
    let reader = TensorReader(plan: plan, compute: compute)
    var tally = TritTally()
    let total = max(1, plan.byteCount)
    var done = 0
    for (index, planned) in plan.tensors.enumerated() {
      progress("\(done * 100 / total) % \(planned.name)")
      var trits: TernaryMatrix?
      if case .ternary(let layer, let role) = planned.content {
        let matrix = try reader.trits(planned, layer, role)
        tally.add(matrix, name: planned.name, pool: compute.pool)
        trits = matrix
      }
      try reader.encode(planned, trits: trits, scale: tally.scales.last?.scale ?? 1) { bytes in
        if isCancelled() { throw CancellationError() }
        try append(bytes, index)
        done += bytes.count
      }
      reader.release(planned)
    }
    return tally
  }
}

/// What the ternary tensors hold, counted as they pass.
struct TritTally {
  private(set) var scales: [(name: String, scale: Float)] = []
  private var minus = 0, zero = 0, plus = 0
  private var withoutZeros: [String] = []
  private var sparse: [String] = []

  mutating func add(_ matrix: TernaryMatrix, name: String, pool: ThreadPool) {
    let counts = matrix.counts(pool: pool)
    scales.append((name, matrix.scale))
    minus += counts.minus
    zero += counts.zero
    plus += counts.plus
    let share = Double(counts.zero) / Double(max(1, matrix.rows * matrix.columns))
    if share < 0.01 { withoutZeros.append(name) }
    if share > 0.6 { sparse.append(name) }
  }

  var shares: ConversionReport.Shares? {
    let total = Double(minus + zero + plus)
    guard total > 0 else { return nil }
    return .init(minus: Double(minus) / total, zero: Double(zero) / total, plus: Double(plus) / total)
  }

  /// What the shares and scales say about how the trits were made.
  var warnings: [String] {
    var result: [String] = []
    func name(_ names: [String]) -> String { "\(names.count) of \(scales.count) ternary tensors (\(names[0]), …)" }
    if !withoutZeros.isEmpty {
      result.append(
        "\(name(withoutZeros)) hold no zeros: their weights were made ternary by sign(), where absmean leaves 30 to 40 % "
          + "zeros. A model trained with absmean prints garbage so: convert from its original checkpoint")
    }
    if !sparse.isEmpty {
      result.append(
        "\(name(sparse)) hold more than 60 % zeros: their weights were made ternary by absmax, where absmean leaves 30 to "
          + "40 %. A model trained with absmean prints garbage so: convert from its original checkpoint")
    }
    if scales.count > 1, scales.allSatisfy({ $0.scale == 1 }) {
      result.append(
        "every ternary tensor has the scale 1: the scales of the original may have been lost on the way here")
    }
    return result
  }
}

extension Checkpoint {
  /// The bytes of all tensors.
  var tensorBytes: Int { tensors.values.reduce(0) { $0 + $1.bytes.count } }
}
