import Compute
import DataSets
import Networks
import OpenBLASBackend
import OpenCLBackend
import TangentKernels
import TestSupport
import Testing

/// What a plan of a kernel in tiles predicts.
@BackendActor @Suite struct KernelPlanTests {
  private static func network() throws -> Network {
    let text = """
      {"input": [40], "layers": [{"dense": {"units": 64}}, "tanh", {"dense": {"units": 48}}, "tanh",
        {"dense": {"units": 5}}]}
      """
    return try Network(NetworkDescription(json: Array(text.utf8), named: "network.json"))
  }

  private static func kernel(
    _ outputs: KernelOutputs, _ rows: Int = 50, on backend: any Backend
  ) throws -> any TiledKernel {
    let network = try network()
    let center = try backend.matrix(1, network.parameterCount, .float32)
    try network.initialize(center, seed: 1, on: backend)
    let values = (0..<rows * 40).map { Double($0 % 11) / 11 - 0.5 }
    return try EmpiricalKernel(
      network, .ntk, at: center, backend.matrix(rows, 40, .float32, values), outputs: outputs,
      on: backend)
  }

  /// The pool's high-water mark of a whole kernel.
  @Test(arguments: KernelOutputs.allCases, [4, 16, 64])
  func peakIsThatOfTheRun(_ outputs: KernelOutputs, _ side: Int) throws {
    for family in outputs == .full && side == 16 ? [nil, KernelFamily.host] : [nil] {
      let backend: any Backend
      var workspace = Workspace()
      if let family {
        let device = try OpenCLBackend(deviceIndex: 0, family: family)
        workspace.contractionCount = { device.device.workspaceCount($0, family: family) }
        workspace.convolutionBytes = device.workspaceBytes
        backend = device
      } else {
        backend = try OpenBLASBackend(threads: 1)
      }
      let plan = try KernelPlan(workspace: workspace) { try Self.kernel(outputs, on: $0) }
      let cost = try plan.cost(side: side)
      #expect(cost.bytes == min(50, side) * min(50, side) * plan.kernel.entryCount * 4)
      let folder = KernelFolder()
      let kernel = try Self.kernel(outputs, on: backend)
      let record = KernelRecord(
        settings: [:], shape: kernel.shape, type: kernel.type, isSymmetric: true, side: side)
      let file = try folder.open("k.npy", record)
      #expect(try file.compute(kernel, on: backend))
      let ratio = Double(cost.peakBytes) / Double(backend.statistics.peakBytes)
      #expect((0.9...1.1).contains(ratio), "\(backend.name): \(ratio)")
    }
  }

  /// A kernel that only says what it would take: side² numbers and a constant.
  private struct Hungry: TiledKernel {
    let backend: any Backend
    let rowCount = 1000, columnCount = 1000
    let isSymmetric = true
    let entry: [Int] = []
    let type = ScalarType.float64
    /// A contraction of so many columns for each pair.
    var depth = 1

    func block(rows: Range<Int>, columns: Range<Int>) throws -> Matrix {
      let result = try backend.matrix(rows.count, columns.count, type)
      let (a, b) = (
        try backend.matrix(rows.count, depth, type), try backend.matrix(depth, columns.count, type)
      )
      try backend.run(.contraction(Contraction(a, b, into: result)))
      return result
    }
  }

  @Test func theLargestTileIsTheEdge() throws {
    func largest(_ bytes: Int) throws -> Int? {
      try KernelPlan { Hungry(backend: $0) }.largestTile { $0.peakBytes <= bytes }?.side
    }
    func need(_ side: Int) -> Int { 8 * (side * side + 2 * side) }
    for side in [1, 2, 64, 512] {
      #expect(try largest(need(side)) == side)
      #expect(try largest(need(side) - 1) == (side == 1 ? nil : side / 2))
    }
    // All of it is one tile, however much memory there is.
    #expect(try largest(.max) == 1024)
    // Tiles of much work are smaller: 2·side²·depth flops.
    let heavy = try KernelPlan { Hungry(backend: $0, depth: 1 << 20) }
    #expect(try heavy.largestTile { _ in true }?.side == 128)
  }

  @Test func flopsOfAllTiles() throws {
    let plan = try KernelPlan { Hungry(backend: $0, depth: 3) }
    for side in [1000, 300, 64] {
      let grid = TileGrid(rows: 1000, columns: 1000, isSymmetric: true, side: side)
      let pairs = (0..<grid.count).reduce(0) { $0 + grid[$1].count }
      let one = try plan.flops(
        TileGrid(rows: 1, columns: 1, isSymmetric: true, side: 1), 0..<1)
      #expect(try plan.flops(grid, 0..<grid.count) == one * Double(pairs))
      #expect(
        try plan.flops(grid, 0..<grid.count / 2)
          + plan.flops(grid, grid.count / 2..<grid.count) == one * Double(pairs))
    }
  }
}
