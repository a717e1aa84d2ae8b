import Glibc
import Testing

@testable import DataSets

/// Polynomials of a few directions on a sphere and on a cube.
@Suite struct PowerTaskTests {
  private func load(_ keys: String) throws -> DataSet {
    try DataSetSpecification(parsing: "synthetic:power:\(keys)").load()
  }

  private func rows(_ examples: Examples) -> [[Double]] {
    let (values, width) = (examples.doubles(), examples.inputSize)
    return (0..<examples.count).map { Array(values[$0 * width..<($0 + 1) * width]) }
  }

  /// The directions, orthonormalised by projections where `isOrthonormal`.
  private func directions(
    _ rank: Int, _ dimension: Int, seed: UInt64, isOrthonormal: Bool
  ) -> [[Double]] {
    let normals = IndependentPhilox.normals(rank * dimension, seed: seed, purpose: 69, tensor: 0)
    var found: [[Double]] = []
    for j in 0..<rank {
      var row = Array(normals[j * dimension..<(j + 1) * dimension])
      for other in isOrthonormal ? found : [] {
        let product = dot(row, other)
        row = zip(row, other).map { $0 - product * $1 }
      }
      let length = dot(row, row).squareRoot()
      found.append(row.map { $0 / length })
    }
    return found
  }

  private func dot(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// 1 − r² of the linear regression of `y` on `x`: 0 where y is an affine function of x.
  private func unexplained(_ y: [Double], by x: [Double]) -> Double {
    let n = Double(y.count)
    let (mx, my) = (x.reduce(0, +) / n, y.reduce(0, +) / n)
    let (dx, dy) = (x.map { $0 - mx }, y.map { $0 - my })
    return 1 - dot(dx, dy) * dot(dx, dy) / (dot(dx, dx) * dot(dy, dy))
  }

  /// All products of `degree` different numbers, added up.
  private func symmetric(_ terms: [Double], _ degree: Int) -> Double {
    if degree == 0 { return 1 }
    return terms.indices.reduce(0) {
      $0 + terms[$1] * symmetric(Array(terms[($1 + 1)...]), degree - 1)
    }
  }

  @Test(arguments: ["sphere", "cube"])
  func inputs(_ inputs: String) throws {
    let data = try load("n=400,test=50,dimension=7,inputs=\(inputs),seed=3")
    #expect(data.inputShape == [7] && data.outputs == 1 && data.classCount == nil)
    for x in rows(data.train) + rows(data.test) {
      #expect(abs(dot(x, x) - 7) < 1e-12)
      #expect(inputs == "sphere" || x.allSatisfy { abs($0) == 1 })
    }
    // Means of 450 entries of variance 1, and E[x_i x_j] = 0: 5.5 deviations.
    let all = rows(data.train)
    for i in 0..<7 {
      #expect(abs(all.reduce(0) { $0 + $1[i] }) < 5.5 * sqrt(400))
      #expect(abs(all.reduce(0) { $0 + $1[i] * $1[(i + 1) % 7] }) < 5.5 * sqrt(400))
    }
  }

  /// The values are an affine function of the formula's, with mean 0 and mean square 1.
  @Test(arguments: [
    ("sphere", "power", 2, 1), ("sphere", "power", 3, 2), ("sphere", "pure", 2, 2),
    ("sphere", "pure", 3, 1), ("sphere", "pure", 4, 1), ("cube", "power", 4, 3),
    ("cube", "pure", 2, 2), ("cube", "pure", 3, 1), ("sphere", "pure", 1, 1),
  ])
  func values(_ inputs: String, _ form: String, _ degree: Int, _ rank: Int) throws {
    let d = 8.0
    for style in ["orthonormal", "random"] {
      let data = try load(
        "n=3000,test=10,dimension=8,seed=5,inputs=\(inputs),form=\(form),degree=\(degree),"
          + "rank=\(rank),directions=\(style)")
      let beta = directions(rank, 8, seed: 5, isOrthonormal: style == "orthonormal")
      func term(_ beta: [Double], _ x: [Double]) -> Double {
        let t = dot(beta, x) / d.squareRoot()
        switch (form, inputs, degree) {
        case ("power", _, _): return pow(dot(beta, x), Double(degree))
        case (_, "cube", _): return symmetric(zip(beta, x).map { $0 * $1 }, degree)
        case (_, _, 1): return t
        case (_, _, 2): return (d * t * t - 1) / (d - 1)
        case (_, _, 3): return ((d + 2) * t * t * t - 3 * t) / (d - 1)
        default:
          return ((d + 2) * (d + 4) * pow(t, 4) - 6 * (d + 2) * t * t + 3) / (d * d - 1)
        }
      }
      let expected = rows(data.train).map { x in beta.reduce(0) { $0 + term($1, x) } }
      let y = data.trainTargets.doubles()
      #expect(unexplained(y, by: expected) < 1e-9)
      // 3000 examples against the 4096 that decide: fourth moments are below 100.
      let mean = y.reduce(0, +) / 3000
      #expect(abs(mean) < 5.5 * sqrt(1.0 / 3000 + 1.0 / 4096))
      #expect(abs(dot(y, y) / 3000 - 1) < 5.5 * sqrt(100.0 / 3000 + 100.0 / 4096))
    }
  }

  /// A pure power has no part of a lower degree; a plain one has.
  @Test(arguments: ["sphere", "cube"])
  func pureParts(_ inputs: String) throws {
    let keys = "n=4000,test=0,dimension=6,degree=4,inputs=\(inputs),seed=8"
    let beta = directions(1, 6, seed: 8, isOrthonormal: true)[0]
    func correlation(_ form: String) throws -> Double {
      let data = try load("\(keys),form=\(form)")
      let square = rows(data.train).map { pow(dot($0, beta), 2) - 1 }
      let y = data.trainTargets.doubles()
      return dot(square, y) / (dot(square, square) * dot(y, y)).squareRoot()
    }
    #expect(try abs(correlation("pure")) < 0.15)
    #expect(try correlation("power") > 0.5)
  }

  @Test func smallerSetsBeginLargerOnes() throws {
    let small = try load("n=20,test=5,seed=3,dimension=5")
    let large = try load("n=50,test=9,seed=3,dimension=5")
    #expect(large.train.doubles(rows: 0..<20) == small.train.doubles())
    #expect(Array(large.trainTargets.doubles()[..<20]) == small.trainTargets.doubles())
    #expect(large.testTargets.doubles()[..<5] == small.testTargets.doubles()[...])
  }

  @Test func badKeys() {
    for (keys, words) in [
      ("rank=30", ["rank", "30", "directions=random"]),
      ("inputs=ball", ["inputs", "sphere, cube"]),
      ("inputs=cube,form=pure,degree=9,dimension=8", ["degree", "9"]),
      ("inputs=cube,degree=2,dimension=1", ["dimension", "all the same"]),
      ("degree=0", ["degree", "1 to 30"]),
    ] {
      do {
        _ = try load("n=5,test=1,\(keys)")
        Issue.record("\(keys) was taken")
      } catch {
        for word in words { #expect("\(error)".contains(word), "\(error) lacks \(word)") }
      }
    }
  }
}
