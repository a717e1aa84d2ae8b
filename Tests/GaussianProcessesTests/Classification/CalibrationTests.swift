import GaussianProcesses
import Glibc
import TestSupport
import Testing

@Suite struct CalibrationTests {
  /// Three examples by hand.
  @Test func closedForm() {
    let value = Calibration(
      [0.8, 0.2, 0.6, 0.4, 0.3, 0.7], labels: [0, 1, 1], classes: 2, bins: 10)
    #expect(value.count == 3 && abs(value.accuracy - 2.0 / 3) < 1e-15)
    #expect(
      abs(value.negativeLogLikelihood + (log(0.8) + log(0.4) + log(0.7)) / 3) < 1e-14)
    #expect(abs(value.brierScore - 2 * (0.04 + 0.36 + 0.09) / 3) < 1e-14)
    // Each in a bin of its own: right with 0.8 and 0.7, wrong with 0.6.
    #expect(abs(value.expectedCalibrationError - (0.2 + 0.6 + 0.3) / 3) < 1e-14)
    #expect(abs(value.maximumCalibrationError - 0.6) < 1e-14)
    #expect(value.bins.map(\.count) == [0, 0, 0, 0, 0, 1, 1, 1, 0, 0])
  }

  @Test func certainty() {
    let right = Calibration([1, 0, 0, 0, 0, 1], labels: [0, 2], classes: 3)
    #expect(right.accuracy == 1 && right.negativeLogLikelihood == 0 && right.brierScore == 0)
    #expect(right.expectedCalibrationError == 0 && right.maximumCalibrationError == 0)
    #expect(right.bins[14].count == 2 && right.bins[14].confidence == 1)
    #expect(right.bins[14].accuracy == 1)
    let wrong = Calibration([1, 0, 0, 0, 0, 1], labels: [1, 1], classes: 3)
    #expect(wrong.accuracy == 0 && wrong.brierScore == 2 && wrong.expectedCalibrationError == 1)
    #expect(abs(wrong.negativeLogLikelihood + log(Double.leastNormalMagnitude)) < 1e-9)
  }

  /// Uniform probabilities predict the first class.
  @Test func uniform() {
    let value = Calibration(
      [Double](repeating: 0.25, count: 16), labels: [0, 1, 2, 3], classes: 4)
    #expect(value.accuracy == 0.25 && abs(value.negativeLogLikelihood - log(4)) < 1e-14)
    #expect(value.brierScore == 0.75 && value.expectedCalibrationError == 0)
  }

  /// Right ends belong to a bin, left ends do not.
  @Test func edges() {
    let value = Calibration(
      [0.5, 0.5, 0.75, 0.25, 0.76, 0.24], labels: [0, 0, 0], classes: 2, bins: 4)
    #expect(value.bins.map(\.count) == [0, 1, 1, 1])
  }

  /// The definition, interval by interval.
  @Test(arguments: [1, 7, 15])
  func definition(bins: Int) {
    let (n, classes) = (200, 5)
    let powers = sample(n * classes, seed: 8).map { exp(3 * $0) }
    let sums = (0..<n).map { powers[($0 * classes)..<(($0 + 1) * classes)].reduce(0, +) }
    let p = powers.indices.map { powers[$0] / sums[$0 / classes] }
    let labels = sample(n, seed: 9).map { Int(($0 + 1) / 2 * 4.999) }
    let rows = (0..<n).map { Array(p[($0 * classes)..<(($0 + 1) * classes)]) }
    let best = rows.map { $0.firstIndex(of: $0.max() ?? 0) ?? 0 }
    let value = Calibration(p, labels: labels, classes: classes, bins: bins)
    var (expected, most) = (0.0, 0.0)
    for bin in 0..<bins {
      let (low, high) = (Double(bin) / Double(bins), Double(bin + 1) / Double(bins))
      let members = (0..<n).filter { rows[$0][best[$0]] > low && rows[$0][best[$0]] <= high }
      #expect(value.bins[bin].count == members.count)
      guard !members.isEmpty else { continue }
      let size = Double(members.count)
      let confidence = members.reduce(0) { $0 + rows[$1][best[$1]] } / size
      let accuracy = Double(members.filter { best[$0] == labels[$0] }.count) / size
      expected += abs(confidence - accuracy) * size / Double(n)
      most = max(most, abs(confidence - accuracy))
    }
    #expect(abs(value.expectedCalibrationError - expected) < 1e-12)
    #expect(abs(value.maximumCalibrationError - most) < 1e-12)
    #expect(
      abs(
        value.negativeLogLikelihood + (0..<n).reduce(0) { $0 + log(rows[$1][labels[$1]]) } / 200)
        < 1e-12)
  }

  // MARK: Regression

  @Test func regression() {
    // s = 5 from a variance of 9 and a noise of 4; errors of 3, 6 and 11.
    let outputs = GaussianOutputs(outputs: 1, mean: [0, 1, 2], .variances, [9, 9, 9])
    let value = RegressionCalibration(outputs, targets: [3, 7, 13], noiseStd: 4)
    #expect(value.count == 3 && abs(value.meanDeviation - 5) < 1e-14)
    #expect(abs(value.rootMeanSquareError - ((9.0 + 36 + 121) / 3).squareRoot()) < 1e-14)
    #expect(abs(value.coverage1 - 1.0 / 3) < 1e-15 && abs(value.coverage2 - 2.0 / 3) < 1e-15)
    let density = [3.0, 6, 11].reduce(0) {
      $0 + log(exp(-$1 * $1 / 50) / (2 * Double.pi * 25).squareRoot())
    }
    #expect(abs(value.negativeLogLikelihood + density / 3) < 1e-13)
  }

  @Test func regressionWithoutVariance() {
    let outputs = GaussianOutputs(outputs: 1, mean: [0, 1], .variances, [0, 0])
    let exact = RegressionCalibration(outputs, targets: [0, 1], noiseStd: 0)
    #expect(exact.negativeLogLikelihood < -300 && exact.coverage1 == 1)
    let wrong = RegressionCalibration(outputs, targets: [0, 2], noiseStd: 0)
    #expect(wrong.negativeLogLikelihood == .infinity || wrong.negativeLogLikelihood > 1e300)
    #expect(wrong.coverage1 == 0.5)
  }
}
