// swift-tools-version: 6.1
import PackageDescription

let kernelSources = [
  "embedded.c", "contraction_host.c", "host_float32.c", "host_float64.c",
  "host_float64_long.c", "host_table.c",
]

let package = Package(
  name: "maclaurin",
  products: [
    .library(name: "Maclaurin", targets: ["Maclaurin"]),
    .executable(name: "maclaurin", targets: ["MaclaurinCommand"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .systemLibrary(name: "CZlib", path: "Sources/CZlib"),
    .target(name: "COpenBLAS", linkerSettings: [.linkedLibrary("dl")]),
    .target(name: "CPeak"),
    .target(name: "COpenCL", linkerSettings: [.linkedLibrary("dl")]),
    .target(name: "CDigits", exclude: ["digits-images.npy", "digits-labels.npy"]),
    .target(
      name: "Kernels", path: "Kernels", sources: kernelSources, publicHeadersPath: "include",
      linkerSettings: [.linkedLibrary("m")]),
    .target(name: "Compute", dependencies: ["Kernels"]),
    .target(name: "OpenBLASBackend", dependencies: ["Compute", "Kernels", "COpenBLAS"]),
    .target(name: "OpenCLBackend", dependencies: ["Compute", "Kernels", "COpenCL"]),
    .target(name: "Scheduling", dependencies: ["Compute"]),
    .target(
      name: "DataSets", dependencies: ["CZlib", "CDigits", "Kernels"], exclude: ["README.md"]),
    .target(name: "Jets", dependencies: ["Compute"]),
    .target(name: "Networks", dependencies: ["Jets", "DataSets"]),
    .target(name: "TangentKernels", dependencies: ["Networks"]),
    .target(name: "Training", dependencies: ["TangentKernels"]),
    .target(name: "GaussianProcesses", dependencies: ["Training"]),
    .target(name: "Reports", dependencies: ["CZlib", "GaussianProcesses"], exclude: ["README.md"]),
    .target(
      name: "Verification",
      dependencies: ["Training", "Scheduling", "OpenBLASBackend", "OpenCLBackend"],
      exclude: ["README.md"]),
    .target(
      name: "Maclaurin",
      dependencies: [
        "Reports", "TangentKernels", "Verification", "Scheduling", "OpenBLASBackend",
        "OpenCLBackend",
      ]),
    .executableTarget(
      name: "MaclaurinCommand",
      dependencies: [
        "Maclaurin", "CPeak", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      // Of the program alone, so that packages may still depend on the library: relocations and
      // exported symbols are a twelfth of a static binary.
      swiftSettings: [.unsafeFlags(["-Osize"], .when(configuration: .release))],
      linkerSettings: [
        .unsafeFlags(
          ["-Xclang-linker", "-no-pie", "-Xlinker", "--no-export-dynamic"],
          .when(platforms: [.linux], configuration: .release))
      ]),
    .testTarget(
      name: "OpenBLASBackendTests", dependencies: ["OpenBLASBackend", "Kernels", "TestSupport"]),
    .testTarget(
      name: "OpenCLBackendTests", dependencies: ["OpenCLBackend", "Kernels", "TestSupport"]),
    .testTarget(name: "VerificationTests", dependencies: ["Verification"]),
    .testTarget(name: "ReportsTests", dependencies: ["CZlib", "Reports"]),
    .testTarget(name: "READMETests"),
    .testTarget(name: "DataSetsTests", dependencies: ["DataSets"], exclude: ["Fixtures"]),
    .testTarget(
      name: "CommandTests", dependencies: ["Maclaurin", "MaclaurinCommand", "TestSupport"],
      exclude: ["read_events.py", "Torch"]),
    .target(
      name: "ElementaryFunctions", path: "Tests/ElementaryFunctions",
      linkerSettings: [.linkedLibrary("m")]),
    .target(
      name: "ComplexNetwork", path: "Tests/ComplexNetwork",
      linkerSettings: [.linkedLibrary("m")]),
    .target(
      name: "TestSupport",
      dependencies: ["Training", "Scheduling", "OpenBLASBackend", "OpenCLBackend"],
      path: "Tests/Support"),
    .testTarget(
      name: "KernelsTests", dependencies: ["Kernels", "ElementaryFunctions", "TestSupport"]),
    .testTarget(
      name: "ComputeTests", dependencies: ["TestSupport"], exclude: ["dual_values.py"]),
    .testTarget(name: "SchedulingTests", dependencies: ["TestSupport", "Verification"]),
    .testTarget(name: "JetsTests", dependencies: ["TestSupport"]),
    .testTarget(name: "NetworksTests", dependencies: ["TestSupport", "ComplexNetwork"]),
    .testTarget(name: "TrainingTests", dependencies: ["COpenBLAS", "TestSupport"]),
    .testTarget(
      name: "TangentKernelsTests", dependencies: ["TangentKernels", "Maclaurin", "TestSupport"]),
    .testTarget(
      name: "GaussianProcessesTests",
      dependencies: ["GaussianProcesses", "Maclaurin", "TestSupport"], exclude: ["Fixtures"]),
    .testTarget(name: "TrainingMemoryTests", dependencies: ["Maclaurin", "TestSupport"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu2x
)
