import Kernels

/// out ← random numbers of the stream (seed, purpose, tensor), Philox4x32-10.
///
/// Element i depends on the stream and on i only, so it is the same in every order and on every
/// device. Numbers are drawn and scaled in float32 in every scalar type.
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011;
/// normal numbers by Box and Muller.
public struct RandomFill: PortableOperation {
  public enum Distribution: Int, Sendable {
    /// Mean 0, standard deviation `factor`.
    case normal = 0
    /// In (0, factor).
    case uniform = 1
    /// ±factor with equal probability.
    case signs = 2
  }

  /// What a stream is for, so that streams of one seed never meet.
  public enum Purpose: Int, Sendable {
    case parameters = 0
    case shuffle = 1
    case test = 2
    case checks = 3
    case checkSigns = 4
    case dropout = 5
    /// `tensor` 0 for what all images of a batch share, i + 1 for image i; blocks are steps.
    case augmentation = 6
    /// Signs of a movement's rows: `tensor` says which of a step's draws; blocks are steps.
    case movementSigns = 16
    /// The same of evaluations: blocks are draws.
    case evaluationSigns = 17
    /// Noise on gradients: blocks are steps.
    case gradientNoise = 18
    /// The movement that a run starts from.
    case initialMovement = 19
    /// Where Lanczos's iteration starts.
    case lanczos = 20
    /// Outputs drawn from a Gaussian process.
    case posteriorSamples = 24
    /// Samples of a normal distribution of outputs or of parameters.
    case outputSamples = 25
    // 64 and above: data sets (RandomStream.Purpose).
  }

  public var output: Matrix
  public var distribution: Distribution
  public var factor: Double
  public var seed: UInt64
  public var purpose: Purpose
  public var tensor: Int
  /// The stream's block of four numbers with which the output begins.
  public var firstBlock: Int

  public init(
    _ output: Matrix, _ distribution: Distribution, factor: Double = 1, seed: UInt64,
    purpose: Purpose, tensor: Int, firstBlock: Int = 0
  ) {
    precondition(output.isContiguous, "contiguous")
    self.output = output
    self.distribution = distribution
    self.factor = factor
    self.seed = seed
    self.purpose = purpose
    self.tensor = tensor
    self.firstBlock = firstBlock
  }

  public var name: String { "random_fill" }
  public var cost: Cost { Cost(bytes: Double(output.count * output.type.byteCount)) }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&output, .write, body)
  }

  public func define() {
    let factor = Double(Float(self.factor))
    for block in 0..<((output.count + 3) / 4) {
      let words = Philox.words(
        seed: seed, purpose: purpose, tensor: tensor, block: UInt64(firstBlock + block))
      for i in 0..<4 where 4 * block + i < output.count {
        func uniform(_ word: UInt32) -> Bounded { Bounded(Double(word >> 9) * 0x1p-23 + 0x1p-24) }
        let value: Bounded
        switch distribution {
        case .normal:
          // The first factor is exact up to √ and log; the angle is rounded once.
          let radius = (Bounded(-2) * uniform(words[i & 2]).logarithm).squareRoot
          let angle = Bounded(2 * Double.pi, error: 2 * Double.pi) * uniform(words[i | 1])
          value = radius * (i % 2 == 1 ? angle.sine : angle.cosine)
        case .uniform: value = uniform(words[i])
        case .signs: value = Bounded(words[i] >> 31 == 1 ? -1 : 1)
        }
        var scaled = Bounded(factor) * value
        // float32 in every type: units of this type's roundoff.
        scaled.error *= ScalarType.float32.unitRoundoff / output.type.unitRoundoff
        // The numbers are far from underflow.
        scaled.underflow = 0
        output.flat[0, 4 * block + i] = scaled
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let parameters = RandomFillParameters(
      seed: UInt(seed), purpose: purpose.rawValue, tensor: tensor, count: output.count,
      distribution: distribution.rawValue, factor: Int(Float(factor).bitPattern),
      firstBlock: firstBlock)
    return [
      Launch(
        "random_fill", source: "random_fill", type: output.type, .items((output.count + 3) / 4),
        [output], parameters)
    ]
  }
}

/// The generator on the host.
public enum Philox {
  /// Four words of the stream at position `block`.
  public static func words(
    seed: UInt64, purpose: RandomFill.Purpose, tensor: Int, block: UInt64
  ) -> [UInt32] {
    [UInt32](unsafeUninitializedCapacity: 4) { words, count in
      maclaurin_philox(
        UInt(seed), UInt32(purpose.rawValue), UInt32(tensor), UInt(block), words.baseAddress)
      count = 4
    }
  }

  /// `count` standard normal numbers: those that `RandomFill` draws from block 0 on, float32 and with the
  /// same bits everywhere.
  public static func normals(
    _ count: Int, seed: UInt64, purpose: RandomFill.Purpose, tensor: Int
  ) -> [Double] {
    guard count > 0 else { return [] }
    guard let function = maclaurin_host_function("random_fill", 0) else {
      preconditionFailure("no host function random_fill")
    }
    let blocks = (count + 3) / 4
    var range = LaunchRange()
    range.items = blocks
    range.columns = 1
    range.end = blocks
    var parameters = RandomFillParameters(
      seed: UInt(seed), purpose: purpose.rawValue, tensor: tensor, count: count,
      distribution: RandomFill.Distribution.normal.rawValue,
      factor: Int(Float(1).bitPattern), firstBlock: 0)
    let values = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      var pointer = UnsafeMutableRawPointer(buffer.baseAddress)
      function(&range, &parameters, &pointer)
      initialized = count
    }
    return values.map(Double.init)
  }

  /// A permutation of 0 ..< count by Fisher and Yates, the same for equal (seed, epoch).
  public static func permutation(of count: Int, seed: UInt64, epoch: Int) -> [Int32] {
    var order = (0..<Int32(count)).map { $0 }
    guard count > 1 else { return order }
    for i in stride(from: count - 1, to: 0, by: -1) {
      let words = words(seed: seed, purpose: .shuffle, tensor: epoch, block: UInt64(i))
      let random = UInt64(words[0]) << 32 | UInt64(words[1])
      // The high word of a 64×64-bit product: uniform to 2⁻⁶⁴·count.
      order.swapAt(i, Int(random.multipliedFullWidth(by: UInt64(i + 1)).high))
    }
    return order
  }
}
