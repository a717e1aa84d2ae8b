import ArgumentParser
import Maclaurin

/// What a kernel at finite width needs besides.
struct FiniteKernelOptions: ParsableArguments {
  @Option(help: "Parameters: file.safetensors[:prefix.] (default: drawn by --seed).")
  var parameters: String?

  @Option(help: "full, trace or diagonal.")
  var outputs: KernelOutputs?

  func makeKernel(
    _ network: Network, _ kind: KernelKind, _ x1: Matrix, _ x2: Matrix?, seed: UInt64,
    type: ScalarType, on device: any Backend
  ) throws -> any TiledKernel {
    throw Misuse("--width finite is not there yet")
  }
}
