import Kernels

/// Random numbers for data sets: a Philox4x32-10 stream named by (seed, purpose, tensor), the same
/// on every machine. Any number can be drawn alone, so that an example does not depend on how many
/// others there are.
struct RandomStream {
  /// What a stream is for, so that streams of one seed never meet. Those below 64 are the
  /// operations' (`RandomFill.Purpose`).
  enum Purpose: Int {
    case testSplit = 64
    case validationSplit = 65
    case trainSize = 66
    case labelNoise = 67
    case targetNoise = 68
    /// A synthetic task's own parameters: directions, a teacher's weights.
    case task = 69
    /// Example i of a synthetic training set: `tensor` i.
    case trainExample = 70
    case testExample = 71
    /// Noise on the targets of synthetic training examples.
    case taskNoise = 72
  }

  let seed: UInt64
  let purpose: Purpose
  let tensor: Int

  init(_ seed: UInt64, _ purpose: Purpose, tensor: Int = 0) {
    self.seed = seed
    self.purpose = purpose
    self.tensor = tensor
  }

  /// The two 64-bit numbers of a block.
  func block(_ index: Int) -> (UInt64, UInt64) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 4) { words in
      maclaurin_philox(
        UInt(seed), UInt32(purpose.rawValue), UInt32(truncatingIfNeeded: tensor), UInt(index),
        words.baseAddress)
      return (
        UInt64(words[0]) << 32 | UInt64(words[1]), UInt64(words[2]) << 32 | UInt64(words[3])
      )
    }
  }

  /// Number `index` of the stream, uniform in [0, 1): 53 bits of block `index`.
  func uniform(_ index: Int) -> Double { Double(block(index).0 >> 11) * 0x1p-53 }

  /// Number `index` of the stream in 0 ..< limit, uniform to 2⁻⁶⁴·limit.
  func integer(_ index: Int, below limit: Int) -> Int {
    Int(block(index).0.multipliedFullWidth(by: UInt64(limit)).high)
  }

  /// `count` numbers ±1 from the blocks from `firstBlock` on, 64 per block.
  func signs(_ count: Int, firstBlock: Int = 0) -> [Double] {
    var result: [Double] = []
    result.reserveCapacity(count)
    var word: UInt64 = 0
    for index in 0..<count {
      if index % 64 == 0 { word = block(firstBlock + index / 64).0 }
      result.append(word >> UInt64(index % 64) & 1 == 1 ? -1 : 1)
    }
    return result
  }

  /// `count` standard normal numbers, from the blocks from `firstBlock` on, four per block: those
  /// that the operation random_fill draws, so float32 and with the same bits everywhere.
  func normals(_ count: Int, firstBlock: Int = 0) -> [Double] {
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
      seed: UInt(seed), purpose: purpose.rawValue, tensor: tensor, count: count, distribution: 0,
      factor: Int(Float(1).bitPattern), firstBlock: firstBlock)
    let values = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      var pointer = UnsafeMutableRawPointer(buffer.baseAddress)
      function(&range, &parameters, &pointer)
      initialized = count
    }
    return values.map(Double.init)
  }

  /// A permutation of 0 ..< count by Fisher and Yates.
  func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    guard count > 1 else { return order }
    for i in stride(from: count - 1, to: 0, by: -1) { order.swapAt(i, integer(i, below: i + 1)) }
    return order
  }
}
