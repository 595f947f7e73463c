// swift-tools-version: 6.2
import PackageDescription

// Warnings are errors where the project is judged, not where it is built by somebody with a newer compiler.
let isJudged = Context.environment["CI"] != nil

let swiftSettings: [SwiftSetting] =
  [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ] + (isJudged ? [.treatAllWarnings(as: .error)] : [])

// SwiftPM compiles C at -O0 in debug builds, which makes the kernels a hundred times slower; and a contracted
// multiply-add would make the float results depend on the instruction set.
let cSettings: [CSetting] = [.unsafeFlags(["-O3", "-ffp-contract=off", "-fno-math-errno"])]

let package = Package(
  name: "swift-bitnet",
  platforms: [.macOS(.v15)],
  products: [
    // With the modules whose types appear in the interface: the errors, the tokenizer.
    .library(name: "BitNet", targets: ["BitNet", "Tokenization", "ModelFormats"]),
    .library(name: "BitNetDiagnostics", targets: ["BitNetDiagnostics"]),
    .library(name: "BitNetConversion", targets: ["BitNetConversion"]),
    .executable(name: "bitnet", targets: ["BitNetCommand"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .target(name: "CKernels", cSettings: cSettings),
    .target(name: "Kernels", dependencies: ["CKernels"], swiftSettings: swiftSettings),
    .target(name: "ModelFormats", dependencies: ["Kernels"], swiftSettings: swiftSettings),
    .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"]), .brew(["pcre2"])]),
    .target(name: "Tokenization", dependencies: ["ModelFormats", "CPCRE2"], swiftSettings: swiftSettings),
    .target(name: "BitNet", dependencies: ["Tokenization", "ModelFormats", "Kernels"], swiftSettings: swiftSettings),
    .target(
      name: "BitNetDiagnostics", dependencies: ["BitNet", "Tokenization", "ModelFormats", "Kernels"],
      swiftSettings: swiftSettings),
    .target(
      name: "BitNetConversion", dependencies: ["BitNet", "Tokenization", "ModelFormats", "Kernels"],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "BitNetCommand",
      dependencies: [
        "BitNetConversion", "BitNetDiagnostics", "BitNet", "Tokenization", "ModelFormats", "Kernels",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),

    .target(
      name: "TestSupport", dependencies: ["ModelFormats", "Kernels"], path: "Tests/TestSupport",
      swiftSettings: swiftSettings),
    .testTarget(name: "KernelsTests", dependencies: ["Kernels", "TestSupport"], swiftSettings: swiftSettings),
    .testTarget(
      name: "ModelFormatsTests", dependencies: ["ModelFormats", "TestSupport"], swiftSettings: swiftSettings),
    .testTarget(
      name: "TokenizationTests", dependencies: ["Tokenization", "TestSupport"], swiftSettings: swiftSettings),
    .testTarget(name: "BitNetTests", dependencies: ["BitNet", "TestSupport"], swiftSettings: swiftSettings),
    .testTarget(
      name: "BitNetDiagnosticsTests", dependencies: ["BitNetDiagnostics", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "BitNetConversionTests",
      dependencies: ["BitNetConversion", "BitNet", "Tokenization", "ModelFormats", "Kernels", "TestSupport"],
      swiftSettings: swiftSettings),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c17
)
