import DataSets
import Glibc
import Testing

/// synthetic:image: the class is the direction of the waves, and nothing linear.
@Suite struct SyntheticImageTests {
  private static let size = 16, classes = 5

  private func load(_ more: String = "") throws -> DataSet {
    try DataSetSpecification(
      parsing: "synthetic:image:n=300,test=200,size=16,classes=5,channels=2,wavelength=5\(more)"
    ).load()
  }

  private func labels(_ examples: Examples) -> [Int] {
    guard case .classes(let labels, _) = examples.targets else { return [] }
    return labels.map { Int($0) }
  }

  @Test func shapes() throws {
    let data = try load()
    #expect(data.inputShape == [2, 16, 16] && data.classCount == 5 && data.images == nil)
    #expect(labels(data.train) == (0..<300).map { $0 % 5 })
    // Bytes over 255.
    #expect(
      data.train.doubles().allSatisfy {
        (0...1).contains($0) && abs($0 * 255 - ($0 * 255).rounded()) < 1e-12
      })
    let standard = try DataSetSpecification(parsing: "synthetic:image:n=4,test=2").load()
    #expect(standard.inputShape == [3, 32, 32] && standard.classCount == 10)
  }

  /// The principal direction of the pixels' differences is that of the class, up to its nearest
  /// multiple of π/5, in nearly every picture.
  @Test func directionIsTheClass() throws {
    let data = try load(",noise=0.05")
    let size = Self.size
    let values = data.train.doubles()
    var right = 0
    for (row, label) in labels(data.train).enumerated() {
      var (xx, xy, yy) = (0.0, 0.0, 0.0)
      for channel in 0..<2 {
        let plane = (row * 2 + channel) * size * size
        for y in 1..<size - 1 {
          for x in 1..<size - 1 {
            let at = plane + y * size + x
            let dx = values[at + 1] - values[at - 1]
            let dy = values[at + size] - values[at - size]
            xx += dx * dx
            xy += dx * dy
            yy += dy * dy
          }
        }
      }
      var angle = 0.5 * atan2(2 * xy, xx - yy)
      if angle < 0 { angle += .pi }
      if Int((angle * 5 / .pi).rounded()) % 5 == label { right += 1 }
    }
    #expect(right > 270, "\(right) of 300")
  }

  /// The mean of a class's pictures is grey, as a phase and its opposite are equally likely: the mean
  /// of 300 has about 1/300 of a picture's power. Phases move a picture in two directions or more,
  /// so that five times that power is exceeded 14 times with probability below 5·e⁻¹⁴ < 5e-6; a mean
  /// that is not grey would have up to 300 times as much.
  @Test func meansSayNothing() throws {
    let data = try DataSetSpecification(
      parsing: "synthetic:image:n=1500,test=1,size=12,classes=5,channels=1,wavelength=4,noise=0.05"
    ).load()
    let width = data.train.inputSize
    let values = data.train.doubles()
    var means = [[Double]](
      repeating: [Double](repeating: 0, count: width), count: Self.classes)
    var power = 0.0
    for (row, label) in labels(data.train).enumerated() {
      for j in 0..<width {
        let value = values[row * width + j] - 0.5
        means[label][j] += value / 300
        power += value * value / 1500
      }
    }
    for mean in means {
      let ratio = mean.reduce(0) { $0 + $1 * $1 } * 300 / power
      #expect(ratio < 14, "\(ratio)")
    }
  }

  /// Far from the window only noise is left: its deviation is the one asked for, plus that of
  /// rounding to bytes. Corners of pictures whose pattern is weak there: compared over all pixels
  /// of two sets that differ in nothing but noise.
  @Test func noise() throws {
    let clean = try load(",noise=0").train.doubles()
    let noisy = try load(",noise=0.1").train.doubles()
    #expect(clean != noisy)
    // Where nothing can be clamped, to 5 deviations of noise.
    let differences = zip(clean, noisy).filter { abs($0.0 - 0.5) < 0.01 }.map { $1 - $0 }
    let n = Double(differences.count)
    #expect(n > 10_000)
    let square = differences.reduce(0) { $0 + $1 * $1 } / n
    // Both values are rounded to bytes, 1/√12/255 each at most half a byte apart in total effect.
    let rounding = 2 / (12 * 255.0 * 255.0)
    let allowed: Double = 5.5 * 0.01 * sqrt(2 / n) + rounding
    #expect(abs(square - 0.01) < allowed)
  }
}
