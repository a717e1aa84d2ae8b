import Glibc
import Testing

@testable import DataSets

/// Every made-up task against its formula, computed anew from the inputs.
@Suite struct SyntheticTests {
  private func load(_ text: String) throws -> DataSet {
    let specification = try DataSetSpecification(parsing: "synthetic:\(text)")
    #expect(specification.description == "synthetic:\(text)")
    return try specification.load()
  }

  private func rows(_ examples: Examples) -> [[Double]] {
    let values = examples.doubles()
    return (0..<examples.count).map {
      Array(values[$0 * examples.inputSize..<($0 + 1) * examples.inputSize])
    }
  }

  private func labels(_ examples: Examples) throws -> [Int] {
    guard case .classes(let labels, _) = examples.targets else {
      Issue.record("no classes")
      return []
    }
    return labels.map { Int($0) }
  }

  // MARK: The cube

  @Test(arguments: [1, 3, 7])
  func parity(_ degree: Int) throws {
    let data = try load("parity:n=500,test=100,dimension=70,degree=\(degree),seed=4")
    #expect(data.inputShape == [70] && data.classCount == 2 && data.test.count == 100)
    for part in [data.train, data.test] {
      let counted = rows(part).map { x in x.prefix(degree).count { $0 < 0 } % 2 }
      #expect(try labels(part) == counted)
      #expect(part.doubles().allSatisfy { abs($0) == 1 })
    }
    let values = try load(
      "parity:n=500,test=100,dimension=70,degree=\(degree),seed=4,target=values")
    #expect(values.train.doubles() == data.train.doubles() && values.classCount == nil)
    #expect(values.trainTargets.doubles() == (try labels(data.train)).map { $0 == 0 ? 1 : -1 })
    // 35,000 signs: the sum lies within 5.5 standard deviations with probability 1 − 4e-8.
    let sum = data.train.doubles().reduce(0, +)
    #expect(abs(sum) < 5.5 * sqrt(35_000))
  }

  /// Flipped training labels: binomial(2000, 0.3), within 5.5 deviations with probability 1 − 4e-8.
  @Test func parityNoise() throws {
    let clean = try load("parity:n=2000,test=50")
    let noisy = try load("parity:n=2000,test=50,noise=0.3")
    #expect(noisy.train.doubles() == clean.train.doubles())
    #expect(noisy.testTargets == clean.testTargets)
    let flips = zip(try labels(clean.train), try labels(noisy.train)).count { $0 != $1 }
    #expect(abs(Double(flips) - 600) < 5.5 * sqrt(420))
  }

  @Test func staircase() throws {
    let data = try load("staircase:n=300,test=30,dimension=9,degree=4")
    let expected = rows(data.train).map { x in
      x[0] + x[0] * x[1] + x[0] * x[1] * x[2] + x[0] * x[1] * x[2] * x[3]
    }
    #expect(data.trainTargets.doubles() == expected)
    // Distinct Walsh functions: mean 0 and mean square 4, of at most 16: 5.5 deviations of n.
    let sum = expected.reduce(0, +)
    #expect(abs(sum) < 5.5 * sqrt(4 * 300))
  }

  // MARK: Directions

  /// β from an independent generator, orthonormalised by Cholesky's factor instead of by projections.
  private func directions(_ rank: Int, _ dimension: Int, seed: UInt64) -> [[Double]] {
    let normals = IndependentPhilox.normals(rank * dimension, seed: seed, purpose: 69, tensor: 0)
    let g = (0..<rank).map { Array(normals[$0 * dimension..<($0 + 1) * dimension]) }
    // G Gᵀ = L Lᵀ, Q = L⁻¹ G.
    var l = [[Double]](repeating: [Double](repeating: 0, count: rank), count: rank)
    var q: [[Double]] = []
    for i in 0..<rank {
      for j in 0...i {
        var value = zip(g[i], g[j]).reduce(0) { $0 + $1.0 * $1.1 }
        for k in 0..<j { value -= l[i][k] * l[j][k] }
        l[i][j] = i == j ? sqrt(value) : value / l[j][j]
      }
      var row = g[i]
      for j in 0..<i { row = zip(row, q[j]).map { $0 - l[i][j] * $1 } }
      q.append(row.map { $0 / l[i][i] })
    }
    return q
  }

  private func expectClose(
    _ values: [Double], _ expected: [Double], within bound: Double = 1e-4,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(values.count == expected.count, sourceLocation: sourceLocation)
    // The task's normal numbers are float32, and slopes are of the size of the values.
    let worst = zip(values, expected).map { abs($0 - $1) / (1 + abs($1)) }.max() ?? .nan
    #expect(worst < bound, "worst \(worst)", sourceLocation: sourceLocation)
  }

  @Test func singleIndex() throws {
    let links: [(String, (Double) -> Double)] = [
      ("degree=1", { $0 }), ("degree=2", { ($0 * $0 - 1) / sqrt(2) }),
      ("degree=3", { ($0 * $0 * $0 - 3 * $0) / sqrt(6) }),
      ("degree=4", { ($0 * $0 * $0 * $0 - 6 * $0 * $0 + 3) / sqrt(24) }),
      ("link=relu", { max(0, $0) }), ("link=tanh", { tanh($0) }), ("link=sin", { sin($0) }),
      ("link=quadratic", { $0 * $0 }), ("link=identity", { $0 }),
    ]
    let beta = directions(1, 12, seed: 9)[0]
    for (keys, link) in links {
      let data = try load("single_index:n=200,test=20,dimension=12,seed=9,\(keys)")
      let expected = rows(data.train).map { x in link(zip(x, beta).reduce(0) { $0 + $1.0 * $1.1 }) }
      expectClose(data.trainTargets.doubles(), expected)
      #expect(data.test.count == 20 && data.outputs == 1)
    }
  }

  @Test(arguments: ["sum", "product"])
  func multiIndex(_ combine: String) throws {
    let data = try load(
      "multi_index:n=200,test=20,dimension=15,rank=3,degree=2,seed=5,combine=\(combine)")
    let beta = directions(3, 15, seed: 5)
    let expected = rows(data.train).map { x in
      let values = beta.map { beta in
        let z = zip(x, beta).reduce(0) { $0 + $1.0 * $1.1 }
        return (z * z - 1) / sqrt(2)
      }
      return combine == "sum" ? values.reduce(0, +) / sqrt(3) : values.reduce(1, *)
    }
    expectClose(data.trainTargets.doubles(), expected)
  }

  @Test(arguments: ["tanh", "relu", "sin"])
  func teacher(_ activation: String) throws {
    let data = try load(
      "teacher:n=100,test=10,dimension=6,width=11,depth=2,outputs=3,seed=2,activation=\(activation)"
    )
    let sizes = [6, 11, 11, 3]
    let weights = (0..<3).map {
      IndependentPhilox.normals(
        sizes[$0] * sizes[$0 + 1], seed: 2, purpose: 69, tensor: UInt32($0))
    }
    func phi(_ z: Double) -> Double {
      switch activation {
      case "tanh": tanh(z)
      case "relu": sqrt(2) * max(0, z)
      default: sin(z)
      }
    }
    let expected = rows(data.train).flatMap { x -> [Double] in
      var h = x
      for layer in 0..<3 {
        h = (0..<sizes[layer + 1]).map { unit in
          let z =
            h.indices.reduce(0.0) { $0 + weights[layer][unit * h.count + $1] * h[$1] }
            / sqrt(Double(h.count))
          return layer == 2 ? z : phi(z)
        }
      }
      return h
    }
    #expect(data.outputs == 3)
    expectClose(data.trainTargets.doubles(), expected)
  }

  /// Inputs are the documented normal numbers; noise has the standard deviation it is asked for:
  /// the sum of 3000 squares lies within 5.5 deviations with probability above 1 − 1e-6.
  @Test func inputsAndNoise() throws {
    let clean = try load("teacher:n=3000,test=10,dimension=3,seed=1,width=4")
    let noisy = try load("teacher:n=3000,test=10,dimension=3,seed=1,width=4,noise=0.5")
    #expect(clean.train.doubles() == noisy.train.doubles())
    #expect(clean.testTargets == noisy.testTargets)
    let differences = zip(noisy.trainTargets.doubles(), clean.trainTargets.doubles()).map {
      $0 - $1
    }
    let square = differences.reduce(0) { $0 + $1 * $1 } / (0.25 * 3000)
    #expect(abs(square - 1) < 5.5 * sqrt(2.0 / 3000))
    let sum = differences.reduce(0, +)
    #expect(abs(sum) < 5.5 * sqrt(0.25 * 3000))
    for (purpose, part) in [(70, clean.train), (71, clean.test)] as [(UInt32, Examples)] {
      for row in [0, 7] {
        let expected = IndependentPhilox.normals(3, seed: 1, purpose: purpose, tensor: UInt32(row))
        expectClose(part.doubles(rows: row..<row + 1), expected, within: 1e-5)
      }
    }
  }

  // MARK: Sets

  @Test(arguments: [
    "image:size=8,classes=3,", "teacher:", "parity:", "staircase:", "single_index:", "multi_index:",
  ])
  func smallerSetsBeginLargerOnes(_ task: String) throws {
    let small = try load("\(task)n=20,test=5,seed=3")
    let large = try load("\(task)n=50,test=9,seed=3")
    #expect(large.train.doubles(rows: 0..<20) == small.train.doubles())
    #expect(large.test.doubles(rows: 0..<5) == small.test.doubles())
    let width = small.outputs
    #expect(Array(large.trainTargets.doubles().prefix(20 * width)) == small.trainTargets.doubles())
    #expect(small.train.doubles(rows: 0..<5) != small.test.doubles())
    let other = try load("\(task)n=20,test=5,seed=4")
    #expect(other.train.doubles() != small.train.doubles())
    #expect(try load("\(task)n=20,test=5,seed=3").train.doubles() == small.train.doubles())
  }

  @Test func badKeys() {
    var cases: [(String, [String])] = [
      ("circle", ["circle", "image|teacher|parity"]), ("parity:k=3", ["k", "dimension, n, noise"]),
      ("parity:n", ["n", "KEY=VALUE"]), ("parity:n=0", ["n", "'0'"]),
      ("parity:n=1.5", ["n", "'1.5'"]), ("parity:n=5,n=6", ["twice"]),
      ("parity:n=5,", ["KEY=VALUE"]), ("parity:degree=30,dimension=20", ["30", "20"]),
      ("parity:noise=2", ["noise", "'2'"]), ("parity:noise=nan", ["noise", "'nan'"]),
      ("parity:seed=-1", ["seed", "'-1'"]), ("image:dimension=3", ["dimension", "wavelength"]),
      ("image:size=5", ["wavelength", "5 pixels"]),
      ("multi_index:rank=30", ["rank", "30"]), ("single_index:rank=2", ["rank"]),
      ("teacher:activation=elu", ["activation", "'elu'", "tanh"]),
      ("teacher:width=60000,depth=2", ["width", "too much"]),
      ("parity:n=100000000,dimension=1000000", ["memory"]), ("parity:=3", ["KEY=VALUE"]),
      ("staircase:seed=99999999999999999999", ["seed"]),
    ]
    // What a task is made of must fit into memory, too: 80 and 135 GB.
    if POSIX.physicalMemory < 64 << 30 {
      cases += [
        ("multi_index:rank=10000,dimension=1000000,n=1", ["rank", "memory"]),
        ("teacher:width=16384,depth=64,n=1", ["width", "memory"]),
      ]
    }
    for (text, words) in cases {
      do {
        _ = try load(text)
        Issue.record("\(text) was taken")
      } catch let error as FileError {
        for word in words { #expect("\(error)".contains(word), "\(error) lacks '\(word)'") }
      } catch {
        Issue.record("no FileError but \(error)")
      }
    }
    expectFileError("synthetic:NAME") { _ = try DataSetSpecification(parsing: "synthetic") }
  }
}
