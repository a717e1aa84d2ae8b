import Compute
import Glibc

/// Times of single contractions by m, n and k, one table per form that training has.
///
/// Which operand is transposed decides how its elements are read, and with few rows or columns that
/// is most of the work.
public struct ContractionTables: Sendable, Codable, Equatable {
  /// How a contraction's operands are transposed.
  public enum Form: Int, Sendable, CaseIterable {
    /// A·B: the cotangents of a layer's input.
    case plain
    /// A·Bᵀ: a layer's output.
    case transposedB
    /// Aᵀ·B: a weight's gradient. Stands for Aᵀ·Bᵀ too.
    case transposedA
  }

  public var plain, transposedB, transposedA: ProfileTable

  public init(plain: ProfileTable, transposedB: ProfileTable, transposedA: ProfileTable) {
    self.plain = plain
    self.transposedB = transposedB
    self.transposedA = transposedA
  }

  /// Flops per second, the highest at any knot.
  var highestRate: Double {
    var rate = 0.0
    for table in [plain, transposedB, transposedA] {
      let (y, z) = (table.y.count, table.z.count)
      for (index, value) in table.values.enumerated() {
        let work = table.x[index / (y * z)] + table.y[index / z % y] + table.z[index % z]
        rate = max(rate, exp2(1 + work - value))
      }
    }
    return rate
  }

  func seconds(_ form: Form, _ m: Double, _ n: Double, _ k: Double) -> Double {
    switch form {
    case .plain: plain.seconds(m, n, k)
    case .transposedB: transposedB.seconds(m, n, k)
    case .transposedA: transposedA.seconds(m, n, k)
    }
  }
}

extension DeviceProfile {
  /// Products of a batch count as so many times the rows.
  func seconds(_ contraction: Contraction) -> Double {
    let form: ContractionTables.Form =
      contraction.transposeA ? .transposedA : contraction.transposeB ? .transposedB : .plain
    return seconds(
      form, m: contraction.c.rows * contraction.batch, n: contraction.c.columns,
      k: Double(contraction.k), contraction.c.type)
  }

  /// The contractions that define the product, one after the other; on a device that fuses them,
  /// one contraction with all its rows and as much depth as gives the same flops.
  func seconds(_ product: JetContraction) -> Double {
    let form: ContractionTables.Form = product.sense == .forward ? .transposedB : .plain
    if product.plan.isInterpolated { return interpolatedSeconds(product, form) }
    let terms = JetTerms(product)
    let (n, k, type) = (product.output.columns, Double(product.input.columns), product.center.type)
    if fusesJets {
      let depth = terms.outputRows == 0 ? 0 : k * Double(terms.rows) / Double(terms.outputRows)
      return seconds(form, m: terms.outputRows, n: n, k: depth, type)
    }
    let filled = Double(terms.filledRows * n * type.byteCount)
    var sum = Double(terms.fills) * launch + filled / memoryRate
    for m in [terms.shared, terms.first, terms.higher, terms.displaced] where m > 0 {
      sum += seconds(form, m: m, n: n, k: k, type)
    }
    return sum
  }

  /// A contraction for each node, and the passes that make its weights and combine rows.
  private func interpolatedSeconds(
    _ product: JetContraction, _ form: ContractionTables.Form
  ) -> Double {
    let (plan, block, type) = (product.plan, product.input.block, product.center.type)
    let (n, k) = (product.output.columns, product.input.columns)
    let blocks = plan.inputDegree + plan.outputDegree + 2 * plan.products.count
    let weights = 3 * plan.innerNodes.count * product.center.count
    var sum =
      Double(2 + plan.innerNodes.count) * launch
      + Double((blocks * block * max(n, k) + weights) * type.byteCount) / memoryRate
    for node in JetProductPlan.Node.allCases {
      let count = product.computed(at: node).count
      if count > 0 { sum += seconds(form, m: count * block, n: n, k: Double(k), type) }
    }
    return sum
  }

  /// What a contraction [m, k] · [k, n] of this form should take, in the profile's own type.
  public func contractionSeconds(_ form: ContractionTables.Form, m: Int, n: Int, k: Int) -> Double {
    seconds(form, m: m, n: n, k: Double(k), type)
  }

  private func seconds(
    _ form: ContractionTables.Form, m: Int, n: Int, k: Double, _ type: ScalarType
  ) -> Double {
    let depth = k * Self.slowdown(type, against: self.type)
    let flops = 2 * Double(m) * Double(n) * depth
    guard let contractions, flops > 0 else { return launch + flops / contractionRate }
    let time = contractions.seconds(form, log2(Double(m)), log2(Double(n)), log2(depth))
    return max(time, flops / contractionRate)
  }
}

/// The rows of the contractions of a `JetContraction`, as its `contractions` lists them, without
/// their matrices; 0 for those that it does not have.
struct JetTerms {
  /// Products with the center: the coefficients that all directions share, and the others.
  var shared = 0
  var first = 0
  /// Products with the displacement.
  var higher = 0
  var displaced = 0
  var fills = 0
  var filledRows = 0
  let outputRows: Int

  /// Of all contractions together.
  var rows: Int { shared + first + higher + displaced }

  init(_ product: JetContraction) {
    let (input, output) = (product.input, product.output)
    let (block, directions) = (input.block, input.directions)
    let least = min(input.degree, output.degree)
    let hasDisplacement = product.displacement != nil
    switch product.sense {
    case .forward:
      let given = product.isZeroGiven ? block : 0
      outputRows = block * (1 + directions * output.degree) - given
      shared = (directions == 1 ? block * (least + 1) : block) - given
      if directions > 1 { first = block * least * directions }
      guard hasDisplacement, output.degree >= 1 else { return }
      if directions == 1 || output.degree == 1 {
        displaced = block * output.degree * directions
      } else {
        displaced = block * directions
        higher = block * (output.degree - 1) * directions
      }
      if output.degree > input.degree && input.degree > 0 {
        fills = directions
        filledRows = block * directions
      }
    case .adjoint:
      outputRows = block * directions * output.degree
      shared = block * least * directions
      if hasDisplacement {
        displaced = block * directions * max(0, min(output.degree, input.degree - 1))
      }
    }
  }
}
