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

let withServer = TargetDependencyCondition.when(traits: ["Server"])
let withTraining = TargetDependencyCondition.when(traits: ["Training"])

let package = Package(
  name: "swift-bitnet",
  platforms: [.macOS(.v15)],
  products: [
    // With the modules whose types appear in the interface: the errors, the tokenizer.
    .library(name: "BitNet", targets: ["BitNet", "Tokenization", "ModelFormats"]),
    .library(name: "BitNetDiagnostics", targets: ["BitNetDiagnostics"]),
    .library(name: "BitNetConversion", targets: ["BitNetConversion"]),
    .library(name: "BitNetTraining", targets: ["BitNetTraining"]),
    .executable(name: "bitnet", targets: ["BitNetCommand"]),
  ],
  // Without it neither the HTTP server nor any of the packages that it stands on is built.
  traits: [
    .trait(name: "Server", description: "The HTTP server: the module BitNetServer and `bitnet serve`."),
    .trait(
      name: "Training", description: "The trainer: the module BitNetTraining and `bitnet train`; needs oneDNN on Linux."
    ),
    .trait(
      name: "MPI", description: "Training by several processes, which `mpirun` starts; needs an MPI library.",
      enabledTraits: ["Training"]),
    .default(enabledTraits: ["Server", "Training"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/apple/swift-async-algorithms", from: "1.1.4"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .target(name: "CKernels", cSettings: cSettings),
    .target(name: "Kernels", dependencies: ["CKernels"], swiftSettings: swiftSettings),
    .target(name: "ModelFormats", dependencies: ["Kernels"], swiftSettings: swiftSettings),
    .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"]), .brew(["pcre2"])]),
    .target(name: "Tokenization", dependencies: ["ModelFormats", "CPCRE2"], swiftSettings: swiftSettings),
    .target(name: "BitNet", dependencies: ["Tokenization", "ModelFormats", "Kernels"], swiftSettings: swiftSettings),
    .target(
      name: "BitNetDiagnostics",
      dependencies: [
        "BitNet", "Tokenization", "ModelFormats", "Kernels", .product(name: "Yams", package: "Yams"),
      ],
      resources: [.embedInCode("HTML/page.css")], swiftSettings: swiftSettings),
    .target(
      name: "BitNetConversion", dependencies: ["BitNet", "Tokenization", "ModelFormats", "Kernels"],
      swiftSettings: swiftSettings),
    .systemLibrary(
      name: "CMPI", pkgConfig: "mpi",
      providers: [.apt(["libopenmpi-dev", "openmpi-bin"]), .brew(["open-mpi"])]),
    .systemLibrary(name: "CDNNL", providers: [.apt(["libdnnl-dev"])]),
    .target(
      name: "TrainingKernels",
      dependencies: [
        "CKernels", "Kernels",
        .target(name: "CDNNL", condition: .when(platforms: [.linux], traits: ["Training"])),
        .target(name: "CMPI", condition: .when(traits: ["MPI"])),
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "BitNetTraining",
      dependencies: [
        "TrainingKernels", "BitNet", "Tokenization", "ModelFormats", "Kernels",
        .product(name: "Yams", package: "Yams", condition: withTraining),
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "BitNetServer",
      dependencies: [
        "BitNet", "Tokenization", "ModelFormats", "Kernels",
        .product(name: "AsyncAlgorithms", package: "swift-async-algorithms", condition: withServer),
        .product(name: "HTTPTypes", package: "swift-http-types", condition: withServer),
        .product(name: "Hummingbird", package: "hummingbird", condition: withServer),
        .product(name: "HummingbirdCore", package: "hummingbird", condition: withServer),
        .product(name: "HummingbirdTLS", package: "hummingbird", condition: withServer),
        .product(name: "Logging", package: "swift-log", condition: withServer),
        .product(name: "NIOCore", package: "swift-nio", condition: withServer),
        .product(name: "NIOSSL", package: "swift-nio-ssl", condition: withServer),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: withServer),
        .product(name: "UnixSignals", package: "swift-service-lifecycle", condition: withServer),
        .product(name: "Yams", package: "Yams", condition: withServer),
      ],
      resources: [.embedInCode("Page/index.html")],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "BitNetCommand",
      dependencies: [
        "BitNetConversion", "BitNetDiagnostics", "BitNet", "Tokenization", "ModelFormats", "Kernels",
        .target(name: "BitNetServer", condition: withServer),
        .target(name: "BitNetTraining", condition: withTraining),
        .target(name: "TrainingKernels", condition: withTraining),
        .product(name: "Logging", package: "swift-log", condition: withServer),
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
      name: "BitNetServerTests",
      dependencies: ["BitNetServer", "BitNet", "Tokenization", "ModelFormats", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "BitNetDiagnosticsTests",
      dependencies: ["BitNetDiagnostics", "BitNetConversion", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "BitNetConversionTests",
      dependencies: [
        "BitNetConversion", "BitNetDiagnostics", "BitNet", "Tokenization", "ModelFormats", "Kernels", "TestSupport",
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "BitNetTrainingTests",
      dependencies: [
        "BitNetTraining", "TrainingKernels", "BitNetConversion", "BitNet", "Tokenization", "ModelFormats", "Kernels",
        "TestSupport",
      ],
      swiftSettings: swiftSettings),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c17
)
