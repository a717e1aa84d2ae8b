import Compute

extension ProfileMeasurement {
  /// Elements of an arena at least and at most, and of a large copy.
  private static let leastCount = 1 << 18
  private static let mostBytes = 64 << 20
  private static let block = 1 << 20
  /// What filling both arenas may take, about, in seconds.
  private static let filling = 0.15

  /// Memory for operands, filled; less of it where a device has less, or is slow.
  static func arenas(
    _ backend: any Backend, _ type: ScalarType, now: () -> Double
  ) throws -> (source: Matrix, target: Matrix) {
    let random = try backend.matrix(1, leastCount, type)
    try randomBlock(type, leastCount).withUnsafeBytes { try backend.upload($0, to: random) }
    let probe = leastCount / 16
    let copy = Operation.linearCombination(
      LinearCombination(
        random.reshaped(rows: 1, columns: probe), 1, random.moved(by: probe, count: probe)))
    try backend.run(copy)
    try backend.finish()
    let start = now()
    try backend.run(copy)
    try backend.finish()
    let seconds = 2 * (now() - start) / Double(probe)

    var count = leastCount
    while 2 * count * type.byteCount <= mostBytes, 2 * Double(count) * seconds < filling {
      count *= 2
    }
    while true {
      do {
        let arenas = (try backend.matrix(1, count, type), try backend.matrix(1, count, type))
        for arena in [arenas.0, arenas.1] {
          for offset in stride(from: 0, to: count, by: leastCount) {
            try backend.run(
              .linearCombination(
                LinearCombination(arena.moved(by: offset, count: leastCount), 1, random)))
          }
        }
        try backend.finish()
        return arenas
      } catch let error as BackendError where error.cause == .memory && count > leastCount {
        count /= 2
      }
    }
  }

  /// A profile with transfer times.
  func transfers() throws -> DeviceProfile {
    let count = min(Self.block, source.count)
    var bytes = Self.randomBlock(type, count)
    let first = part(source, count)
    let upload = try fastest(of: 3) {
      try bytes.withUnsafeBytes { try backend.upload($0, to: first) }
      try backend.finish()
    }
    let few = part(target, 16)
    let uploads = 20
    let uploadLatency =
      try fastest(of: 3) {
        for _ in 0..<uploads {
          try bytes.withUnsafeBytes {
            try backend.upload(UnsafeRawBufferPointer(rebasing: $0[..<few.byteCount]), to: few)
          }
        }
        try backend.finish()
      } / Double(uploads)
    let downloadLatency = try fastest(of: 10) {
      try bytes.withUnsafeMutableBytes {
        try backend.download(
          few, into: UnsafeMutableRawBufferPointer(rebasing: $0[..<few.byteCount]))
      }
    }
    let download = try fastest(of: 3) {
      try bytes.withUnsafeMutableBytes { try backend.download(first, into: $0) }
    }
    func rate(_ seconds: Double, beyond latency: Double) -> Double {
      Double(first.byteCount) / max(seconds - latency, 0.5 * seconds)
    }
    return DeviceProfile(
      launch: 1, opening: 0, transferLatency: downloadLatency,
      uploadRate: rate(upload, beyond: uploadLatency),
      downloadRate: rate(download, beyond: downloadLatency), memoryRate: 1, elementwiseRate: 1,
      contractionRate: 1, uploadLatency: uploadLatency)
  }

  private func fastest(of repeats: Int, _ body: () throws -> Void) rethrows -> Double {
    var best = Double.infinity
    for _ in 0..<repeats { best = min(best, try interval(body)) }
    return best
  }

  /// ±[1, 2), as bytes.
  private static func randomBlock(_ type: ScalarType, _ elements: Int) -> [UInt8] {
    var state: UInt64 = 1
    func next() -> UInt64 {
      // Knuth's multiplier; the high bits are the random ones.
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state
    }
    return [UInt8](unsafeUninitializedCapacity: elements * type.byteCount) { bytes, count in
      count = elements * type.byteCount
      let raw = UnsafeMutableRawBufferPointer(bytes)
      if type == .float64 {
        let words = raw.bindMemory(to: UInt64.self)
        for index in words.indices {
          words[index] = next() & 0x800f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000
        }
      } else {
        let words = raw.bindMemory(to: UInt32.self)
        for index in words.indices {
          words[index] = UInt32(next() >> 32) & 0x807f_ffff | 0x3f80_0000
        }
      }
    }
  }

  /// `count` elements of an arena as one row.
  func part(_ arena: Matrix, _ count: Int, at offset: Int = 0) -> Matrix {
    arena.moved(by: offset, count: count)
  }
}

extension Matrix {
  /// `count` elements of the buffer as one row.
  fileprivate func moved(by elements: Int, count: Int) -> Matrix {
    Matrix(buffer, offset: offset + elements, rows: 1, columns: count)
  }

  fileprivate var byteCount: Int { count * type.byteCount }
}
