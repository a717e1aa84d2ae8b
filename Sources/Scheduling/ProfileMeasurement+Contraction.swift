import Compute
import Glibc

extension ProfileMeasurement {
  /// m, n and k. From ten classes and small batches to what fills any device.
  private static let extents = [8, 32, 128, 512, 2048]

  func contractionSketches() -> [ProfileSketch] {
    ContractionTables.Form.allCases.map { form in
      ProfileSketch(Self.extents, Self.extents, Self.extents) { [self] in
        contractions(form, $0, $1, $2)
      }
    }
  }

  /// Takes the tables of `contractionSketches` from the front.
  static func contractionTables(_ tables: inout [ProfileTable]) -> ContractionTables {
    let own = Array(tables.prefix(ContractionTables.Form.allCases.count))
    tables.removeFirst(own.count)
    func of(_ form: ContractionTables.Form) -> ProfileTable { own[form.rawValue] }
    return ContractionTables(
      plain: of(.plain), transposedB: of(.transposedB), transposedA: of(.transposedA))
  }

  /// Contractions of one shape, on different operands as far as the arenas reach.
  private func contractions(
    _ form: ContractionTables.Form, _ m: Int, _ n: Int, _ k: Int
  ) -> [Operation] {
    let (a, b, c) = (m * k, k * n, m * n)
    guard a + b <= source.count, c <= target.count else { return [] }
    let windows = max(1, min(8, source.count / (a + b), target.count / c))
    return (0..<windows).map { window in
      let first = window * (a + b)
      let (transposeA, transposeB) = (form == .transposedA, form == .transposedB)
      return .contraction(
        Contraction(
          part(source, a, at: first).reshaped(
            rows: transposeA ? k : m, columns: transposeA ? m : k),
          part(source, b, at: first + a)
            .reshaped(rows: transposeB ? n : k, columns: transposeB ? k : n),
          into: part(target, c, at: window * c).reshaped(rows: m, columns: n),
          transposeA: transposeA, transposeB: transposeB))
    }
  }

  /// Whether a jet contraction with both terms is one launch.
  func fusesJets() throws -> Bool {
    let (block, width) = (8, 32)
    func jet(_ offset: Int, _ arena: Matrix) -> JetView {
      JetView(
        part(arena, 2 * block * width, at: offset).reshaped(rows: 2 * block, columns: width),
        block: block, degree: 1, capacity: 1)
    }
    func weights(_ offset: Int) -> Matrix {
      part(source, width * width, at: offset).reshaped(rows: width, columns: width)
    }
    func launches() -> Int { backend.statistics.launches.values.reduce(0, +) }
    let before = launches()
    try backend.run(
      .jetContraction(
        JetContraction(
          .forward, jet(0, source), center: weights(1 << 12), displacement: weights(1 << 14),
          into: jet(0, target), alpha: 1, scale: nil)))
    try backend.finish()
    return launches() - before == 1
  }
}
