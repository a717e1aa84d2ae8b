import Compute
import Glibc
import OpenCLBackend
import Testing

/// A backend on the first device, without the disk cache unless a folder is given.
///
/// MACLAURIN_TEST_ANY_DEVICE in the environment admits devices that reproducible numerics
/// refuses: Oclgrind, which checks memory accesses and races.
func makeBackend(
  _ family: KernelFamily? = nil, replacing texts: [String: String] = [:], cache: String? = nil
) throws -> OpenCLBackend {
  try OpenCLBackend(
    deviceIndex: 0, family: family,
    allowMissingCapabilities: getenv("MACLAURIN_TEST_ANY_DEVICE") != nil,
    programSourceOverride: texts, cacheFolder: cache)
}

/// A new empty folder, removed with everything in it when the value goes.
final class TemporaryFolder {
  let path: String

  init() {
    var name = Array("/tmp/maclaurin-opencl-XXXXXX\0".utf8.map { CChar($0) })
    path = String(cString: mkdtemp(&name))
  }

  var files: [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append("\(path)/\(name)") }
    }
    return names
  }

  func write(_ text: String, to name: String) {
    let file = fopen("\(path)/\(name)", "wb")!
    fputs(text, file)
    fclose(file)
  }

  deinit {
    for file in files { unlink(file) }
    rmdir(path)
  }
}

/// Numbers in (−1, 1) from a fixed sequence, the same for every caller: `bits` and a sign each.
///
/// The reference computes in Double, which is no oracle for float64 unless its own arithmetic is
/// exact: there take few bits.
func sample(_ count: Int, seed: UInt64, bits: Int64 = 23) -> [Double] {
  var state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(Int64(bitPattern: state) >> (63 - bits)) / Double(1 << bits)
  }
}

extension ScalarType {
  /// Bits of the samples whose sums of products are exact in the reference.
  var sampleBits: Int64 { self == .float64 ? 10 : 23 }
}

/// Checks that `matrix` on a device is within the reference's bound; returns the worst share of it.
@discardableResult
func expectWithinBound(
  _ matrix: Matrix, on backend: some Backend, _ expected: Matrix, of reference: ReferenceBackend,
  _ what: String = "", sourceLocation: SourceLocation = #_sourceLocation
) throws -> Double {
  let values = try backend.download(matrix)
  let bounds = reference.bounded(expected)
  let unit = matrix.type.unitRoundoff
  var worst = 0.0
  for (index, (value, bound)) in zip(values, bounds).enumerated() {
    // The last term: the smallest subnormal, for products that underflow.
    let allowed =
      bound.error * unit * (1 + 64 * unit) + (matrix.type == .float64 ? 0x1p-1074 : 0x1p-149)
    let difference = abs(value - bound.value)
    worst = max(worst, difference / allowed)
    if !(difference <= allowed) {
      Issue.record(
        "\(what): element \(index) is \(value), not \(bound.value) ± \(allowed)",
        sourceLocation: sourceLocation)
      return worst
    }
  }
  return worst
}

/// The bits of a matrix, widened.
func bits(_ matrix: Matrix, on backend: some Backend) throws -> [UInt64] {
  try backend.download(matrix).map(\.bitPattern)
}

/// Runs the same operation on the device and by its definition, and compares the matrices that
/// `make` returns with it.
func expectDefinition(
  on backend: OpenCLBackend, _ what: String,
  _ make: (any Backend) throws -> (Operation, [Matrix])
) throws {
  let reference = ReferenceBackend()
  let (onDevice, results) = try make(backend)
  try backend.run(onDevice)
  let (defined, expected) = try make(reference)
  reference.run(defined)
  for (index, (result, bound)) in zip(results, expected).enumerated() {
    try expectWithinBound(result, on: backend, bound, of: reference, "\(what), result \(index)")
  }
}
