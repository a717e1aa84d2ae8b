import Kernels

/// The product of two jets, or its adjoint, elementwise.
///
/// Forward: c_n = Σ_i a_i b_{n−i}, n ≤ degree of c. Adjoint, in place on the cotangent ȳ:
/// z̄_i = Σ_{j=i..d} s_{j−i} ȳ_j, i = 1…`cotangentDegree`, d the degree of ȳ.
public struct JetProduct: PortableOperation {
  public enum Sense {
    case forward(left: JetView, right: JetView, output: JetView)
    case adjoint(slope: JetView, cotangent: JetView, degree: Int)
  }

  public var sense: Sense

  public init(_ sense: Sense) { self.sense = sense }

  public var name: String { "jet_product" }
  public var cost: Cost {
    switch sense {
    case .forward(_, _, let output): cost(output, degree: output.degree)
    case .adjoint(_, let cotangent, let degree): cost(cotangent, degree: degree)
    }
  }

  private func cost(_ jet: JetView, degree: Int) -> Cost {
    let cells = Double(jet.block * jet.columns * jet.directions)
    let products = Double((degree + 1) * (degree + 2))
    return Cost(
      flops: cells * products, bytes: cells * Double(3 * (degree + 1) * jet.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    switch sense {
    case .forward(var left, var right, var output):
      try visit(&left, .read, body)
      try visit(&right, .read, body)
      try visit(&output, .write, body)
      sense = .forward(left: left, right: right, output: output)
    case .adjoint(var slope, var cotangent, let degree):
      try visit(&slope, .read, body)
      let last = max(degree, cotangent.degree)
      try body(&cotangent.matrix, Access(.readWrite, cotangent, degree: last))
      sense = .adjoint(slope: slope, cotangent: cotangent, degree: degree)
    }
  }

  public func define() {
    switch sense {
    case .forward(let left, let right, let output):
      each(output) { row, column, v in
        for n in 0...output.degree {
          var sum = Bounded(0)
          for i in 0...n where i <= left.degree && n - i <= right.degree {
            sum = .fma(
              left[i, direction: v].exact(row, column),
              right[n - i, direction: v].exact(row, column), sum)
          }
          output[n, direction: v][row, column] = sum
        }
      }
    case .adjoint(let slope, let cotangent, let degree):
      each(cotangent) { row, column, v in
        for i in 0..<degree {
          var sum = Bounded(0)
          for j in i..<cotangent.degree where j - i <= slope.degree {
            sum = .fma(
              slope[j - i, direction: v].exact(row, column),
              cotangent[j + 1, direction: v].exact(row, column), sum)
          }
          cotangent[i + 1, direction: v][row, column] = sum
        }
      }
    }
  }

  private func each(_ jet: JetView, _ body: (Int, Int, Int) -> Void) {
    for row in 0..<jet.block {
      for column in 0..<jet.columns {
        for v in 0..<jet.directions { body(row, column, v) }
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    var parameters = JetProductParameters()
    let function: String
    let arguments: [Matrix]
    let jet: JetView
    switch sense {
    case .forward(let left, let right, let output):
      jet = output
      function = "jet_product"
      arguments = [output.matrix, left.matrix, right.matrix]
      parameters.leftDegree = left.degree
      parameters.leftCapacity = left.capacity
      parameters.rightDegree = right.degree
      parameters.rightCapacity = right.capacity
      parameters.outputDegree = output.degree
      parameters.outputCapacity = output.capacity
    case .adjoint(let slope, let cotangent, let degree):
      jet = cotangent
      function = "jet_product_adjoint"
      arguments = [cotangent.matrix, slope.matrix]
      parameters.leftDegree = slope.degree
      parameters.leftCapacity = slope.capacity
      parameters.rightDegree = cotangent.degree
      parameters.rightCapacity = cotangent.capacity
      parameters.outputDegree = degree
      parameters.outputCapacity = cotangent.capacity
    }
    parameters.block = jet.block
    parameters.columns = jet.columns
    parameters.directions = jet.directions
    return [
      Launch(
        function, source: "jet_product", type: jet.type,
        .grid(rows: jet.block, columns: jet.columns), arguments, parameters)
    ]
  }
}
