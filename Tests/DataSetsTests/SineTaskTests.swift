import Glibc
import Testing

@testable import DataSets

/// The family of sine curves against its formula, with the drawn numbers taken from Philox anew.
@Suite struct SineTaskTests {
  /// Number `index` of a stream: 53 bits of the block's first two words.
  private func uniform(_ index: UInt32, seed: UInt64, purpose: UInt32, task: UInt32) -> Double {
    let words = IndependentPhilox.words((index, 0, task, purpose), seed: seed)
    return Double((UInt64(words[0]) << 32 | UInt64(words[1])) >> 11) / 9_007_199_254_740_992
  }

  @Test(arguments: [(0, 0), (1, 0), (4, 0), (3, 17)] as [(UInt32, UInt64)])
  func formula(_ task: UInt32, _ seed: UInt64) throws {
    let data = try DataSetSpecification(parsing: "sine:\(task),seed=\(seed)").load()
    #expect(data.inputShape == [1] && data.outputs == 1 && data.classCount == nil)
    #expect(data.train.count == 10 && data.test.count == 200)
    #expect(data.inputStandardization == nil && data.targetStandardization == nil)
    func constant(_ index: UInt32, _ least: Double, _ most: Double) -> Double {
      least + (most - least) * uniform(index, seed: seed, purpose: 69, task: task)
    }
    let (a, phase) = (constant(0, 0.1, 5), constant(1, 0, 2 * .pi))
    let frequency = constant(2, 0.5, 2)
    let x = data.train.doubles()
    for index in 0..<10 {
      let drawn = uniform(UInt32(index), seed: seed, purpose: 70, task: task)
      #expect(abs(x[index] - (10 * drawn - 5)) < 1e-14)
    }
    let grid = data.test.doubles()
    for index in 0..<200 { #expect(abs(grid[index] - (-4.975 + 0.05 * Double(index))) < 1e-13) }
    let values = data.trainTargets.doubles() + data.testTargets.doubles()
    for (x, y) in zip(x + grid, values) {
      #expect(abs(y - a * sin(frequency * x + phase)) < 1e-13)
    }
  }

  @Test func family() throws {
    let tasks = try (0..<5).map { try DataSetSpecification(parsing: "sine:\($0)").load() }
    let curves = Set(tasks.map { $0.testTargets.doubles() })
    #expect(curves.count == 5)
    for curve in curves {
      let most = curve.map { abs($0) }.max() ?? 0
      #expect(most > 0.05 && most < 5)
    }
    // More examples begin with the fewer, and noise is on training targets only.
    let more = try DataSetSpecification(parsing: "sine:2,n=30,noise=0.3").load()
    #expect(more.train.doubles(rows: 0..<10) == tasks[2].train.doubles())
    #expect(more.testTargets == tasks[2].testTargets)
    let differences = zip(more.trainTargets.doubles(), tasks[2].trainTargets.doubles())
      .map { $0 - $1 }
    #expect(differences.allSatisfy { $0 != 0 && abs($0) < 1.7 })
  }

  @Test func badTasks() {
    for (text, words) in [
      ("sine:-1", ["task", "0 to 1000000"]), ("sine:x", ["task", "x"]),
      ("sine:1,dimension=2", ["dimension", "no key"]), ("sine", ["sine:TASK"]),
      ("sine:", ["sine:TASK"]),
    ] {
      do {
        _ = try DataSetSpecification(parsing: text)
        Issue.record("\(text) was taken")
      } catch {
        for word in words { #expect("\(error)".contains(word), "\(error) lacks \(word)") }
      }
    }
  }
}
