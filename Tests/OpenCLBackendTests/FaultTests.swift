import COpenCL
import Compute
import DataSets
import Networks
import OpenBLASBackend
import TestSupport
import Testing
import Training

@testable import OpenCLBackend

/// Every call of the driver's that a short training run makes fails once, and from then on: the
/// run ends with the right parameters or with an error that says which device and why, and never
/// with anything else.
@Suite(.serialized) struct FaultTests {
  typealias Function = FaultyOpenCL.Function

  /// What a run can end in.
  private enum Outcome: Equatable {
    case hash(String)
    case failure(BackendError.Cause)
  }

  private static let programs = TestSupport.TemporaryFolder("faults")
  private static let label = OpenCLDevices.list().first?.label ?? "no device"

  private static func makeBackend(cache: String? = programs.path) throws -> OpenCLBackend {
    try OpenCLBackend(
      device: OpenCLDevices.device(0), numerics: .reproducible, family: .host,
      allowMissingCapabilities: false, programSourceOverride: [:], cacheFolder: cache,
      verboseBuilds: false, buildOptions: [], functions: FaultyOpenCL.functions)
  }

  /// Three steps of order 2 with clipping on a network 5-8-3; the batches are views with a stride.
  private static func train(on backend: any Backend) throws -> String {
    let network = try denseNetwork([5, 8, 3], [.tanh])
    let start = network.sampleParameters(seed: 4).map { Double(Float($0)) }
    let center = try backend.matrix(1, start.count, .float32, start)
    let model = try Model(network, center: center, order: 2, on: backend)
    let settings = TrainingSettings(
      order: 2, loss: .mse, optimizer: .momentum, learningRate: 0.1, clipNorm: 1, batchSize: 4,
      steps: 3, logEvery: 1)
    let step = try TrainingStep(model, settings)
    let examples = Matrix(
      try backend.allocate(12 * 9, .float32), rows: 12, columns: 8, stride: 9)
    try backend.upload(TestSupport.sample(96, seed: 5), to: examples)
    let inputs = try backend.matrix(4, 5, .float32)
    let targets = try backend.matrix(4, 3, .float32)
    let losses = try backend.matrix(1, 3, .float32)
    // Long enough that the host really waits.
    let wide = try backend.matrix(256, 2048, .float32)
    let product = try backend.matrix(256, 256, .float32)
    try backend.run(.fill(Fill(wide, value: 1)))
    try backend.run(.contraction(Contraction(wide, wide, into: product, transposeB: true)))
    try backend.finish()
    for number in 0..<3 {
      // Through the host, so that every step transfers in both directions.
      let rows = try backend.download(examples.rows(4 * number..<4 * number + 4))
      let pairs = stride(from: 0, to: 32, by: 8).map { Array(rows[$0..<$0 + 8]) }
      try backend.upload(pairs.flatMap { $0[..<5] }, to: inputs)
      try backend.upload(pairs.flatMap { $0[5...] }, to: targets)
      try step.run(
        step: number, rate: 0.1, inputs: inputs, targets: targets,
        lossSum: losses.element(number), squares: nil)
      if number == 1 { _ = try backend.startDownload(losses).wait() }
      try backend.finish()
    }
    let result = try backend.matrix(1, start.count, .float32)
    try model.parameters(into: result)
    return Trainer.hash(try backend.download(result))
  }

  /// What a run under a plan ends in, which must be one of `allowed`. After an error that leaves
  /// what was there, the backend must still work; after the loss of the device it must repeat the
  /// error.
  private func check(
    _ plan: FaultyOpenCL.Plan, _ allowed: [Outcome], _ hash: String,
    cache: String? = programs.path
  ) throws {
    FaultyOpenCL.reset(plan)
    defer { FaultyOpenCL.reset() }
    var backend: OpenCLBackend?
    do {
      backend = try Self.makeBackend(cache: cache)
      let result = try Self.train(on: backend!)
      #expect(allowed.contains(.hash(result)), "\(plan) ended with \(result), not \(hash)")
    } catch let error as BackendError {
      let text = "\(plan): \(error)"
      #expect(allowed.contains(.failure(error.cause)), "\(text), cause \(error.cause)")
      #expect(error.description.contains(Self.label), "\(text)")
      #expect(error.description.contains("(\(plan.code))"), "\(text)")
      #expect(error.description.contains("; "), "\(text) says not what to do")
      FaultyOpenCL.reset()
      guard let backend else { return }
      if error.cause == .device {
        let again = #expect(throws: BackendError.self) { try backend.finish() }
        #expect(again?.description == error.description)
        #expect(throws: BackendError.self) { try backend.allocate(1, .float32) }
      } else {
        #expect(try Self.train(on: backend) == hash, "after \(text)")
      }
    }
  }

  /// A function, a code, and what may follow if one call fails and if all do from one on; nil for
  /// the right parameters. A call that memory was wanting for is tried again, after making room.
  struct Case: Sendable, CustomTestStringConvertible {
    var function: Function
    var code: cl_int
    var once: [BackendError.Cause?]
    var lasting: [BackendError.Cause?]
    /// Every so many calls are tried.
    var step: Int

    init(
      _ function: Function, _ code: cl_int, once: BackendError.Cause?...,
      lasting: BackendError.Cause?..., step: Int = 1
    ) {
      self.function = function
      self.code = code
      self.once = once
      self.lasting = lasting
      self.step = step
    }

    var testDescription: String { "\(function) \(code)" }
  }

  private static let cases = [
    Case(.createContext, CL_OUT_OF_HOST_MEMORY, once: .memory, lasting: .memory),
    Case(.createContext, CL_DEVICE_NOT_AVAILABLE, once: .device, lasting: .device),
    Case(.createQueue, CL_OUT_OF_RESOURCES, once: .memory, lasting: .memory),
    Case(.createBuffer, CL_MEM_OBJECT_ALLOCATION_FAILURE, once: nil, lasting: .memory),
    Case(.createBuffer, CL_INVALID_BUFFER_SIZE, once: nil, lasting: .memory, step: 5),
    Case(.createBuffer, CL_INVALID_VALUE, once: .launch, lasting: .launch, step: 3),
    Case(.createBuffer, CL_INVALID_CONTEXT, once: .device, lasting: .device, step: 5),
    // What does not load from the disk cache is compiled.
    Case(.buildProgram, CL_BUILD_PROGRAM_FAILURE, once: nil, lasting: .launch),
    Case(.buildProgram, CL_OUT_OF_HOST_MEMORY, once: nil, lasting: .memory, step: 3),
    Case(.createKernel, CL_INVALID_KERNEL_NAME, once: .launch, lasting: .launch),
    Case(.createKernel, CL_OUT_OF_HOST_MEMORY, once: .memory, lasting: .memory, step: 5),
    // After an operation has begun nobody knows what its results hold.
    Case(
      .setArgument, CL_INVALID_ARG_SIZE, once: .launch, .device, lasting: .launch, .device,
      step: 29),
    Case(.launch, CL_INVALID_KERNEL_ARGS, once: .launch, .device, lasting: .launch, .device),
    Case(.launch, CL_OUT_OF_RESOURCES, once: nil, lasting: .memory, .device, step: 4),
    Case(.launch, CL_INVALID_COMMAND_QUEUE, once: .device, lasting: .device, step: 16),
    Case(.write, CL_OUT_OF_RESOURCES, once: nil, lasting: .memory),
    Case(.write, CL_INVALID_VALUE, once: .launch, lasting: .launch),
    Case(.writeRectangle, CL_INVALID_VALUE, once: .launch, lasting: .launch),
    Case(.read, CL_OUT_OF_RESOURCES, once: nil, lasting: .device),
    Case(.read, CL_INVALID_VALUE, once: .device, lasting: .device),
    Case(.readRectangle, CL_OUT_OF_HOST_MEMORY, once: nil, lasting: .device),
    Case(.marker, CL_OUT_OF_RESOURCES, once: .device, lasting: .device),
    Case(.flush, CL_INVALID_COMMAND_QUEUE, once: .device, lasting: .device),
    // The last one is at the session's end, when nothing more is asked.
    Case(.finish, CL_OUT_OF_RESOURCES, once: .device, nil, lasting: .device, nil),
    Case(.setCallback, CL_INVALID_VALUE, once: nil, lasting: nil),
    Case(.eventStatus, CL_OUT_OF_RESOURCES, once: .device, lasting: .device),
    Case(.eventStatus, -9999, once: .device, lasting: .device, step: 3),
  ]

  @Test(arguments: Self.cases)
  func everyCallFails(_ fault: Case) throws {
    let hash = try Self.train(on: OpenBLASBackend(threads: 1))
    // The first run fills the disk cache. A wait for what has ended meanwhile sets no callback.
    var calls = 0
    for run in 0..<20 where run < 2 || calls == 0 {
      FaultyOpenCL.reset()
      #expect(try Self.train(on: Self.makeBackend()) == hash)
      calls = FaultyOpenCL.calls(fault.function)
    }
    #expect(calls > 0, "\(fault.function) is never called")
    func outcomes(_ causes: [BackendError.Cause?]) -> [Outcome] {
      causes.map { $0.map { .failure($0) } ?? .hash(hash) }
    }
    for number in stride(from: 1, through: calls, by: fault.step) {
      var plan = FaultyOpenCL.Plan(function: fault.function, number: number, code: fault.code)
      try check(plan, outcomes(fault.once), hash)
      guard calls < 100 || number % 5 == 1 else { continue }
      plan.lasts = true
      try check(plan, outcomes(fault.lasting), hash)
    }
    #expect(try Self.train(on: Self.makeBackend()) == hash)
  }

  /// Without a disk cache every program is compiled.
  @Test(arguments: [
    (Function.createProgram, CL_OUT_OF_HOST_MEMORY, BackendError.Cause.memory),
    (.createProgram, CL_INVALID_VALUE, .launch),
    (.buildProgram, CL_BUILD_PROGRAM_FAILURE, .launch),
    (.buildProgram, CL_DEVICE_NOT_AVAILABLE, .device),
  ])
  func everyBuildFails(_ function: Function, _ code: cl_int, _ cause: BackendError.Cause) throws {
    let hash = try Self.train(on: OpenBLASBackend(threads: 1))
    FaultyOpenCL.reset()
    #expect(try Self.train(on: Self.makeBackend(cache: nil)) == hash)
    let calls = FaultyOpenCL.calls(function)
    #expect(calls > 5)
    for number in 1...calls {
      try check(
        FaultyOpenCL.Plan(function: function, number: number, code: code), [.failure(cause)], hash,
        cache: nil)
    }
  }

  /// A refused launch leaves everything as it was as long as only workspaces have been written;
  /// after that the results are lost, and with them the device's memory.
  @Test(arguments: [(1, BackendError.Cause.launch), (3, .launch), (4, .device), (6, .device)])
  func refusalsKnowWhatTheyLeave(_ number: Int, _ cause: BackendError.Cause) throws {
    FaultyOpenCL.reset()
    defer { FaultyOpenCL.reset() }
    let backend = try Self.makeBackend()
    let values = TestSupport.sample(6, seed: 1)
    let input = try backend.matrix(2, 3, .float32, values)
    let weights = try backend.matrix(2, 3, .float32, values)
    let result = try backend.matrix(4, 2, .float32, (0..<8).map(Double.init))
    func jet(_ matrix: Matrix, degree: Int) -> JetView {
      JetView(
        matrix, block: 2, degree: degree, capacity: degree, directions: 1, hasZero: true)
    }
    // Two products, each of two packing launches and one that writes the result.
    let operation = Operation.jetContraction(
      JetContraction(
        .forward, jet(input, degree: 0), center: weights, displacement: weights,
        into: jet(result, degree: 1), alpha: 1, scale: nil))
    FaultyOpenCL.reset(.init(function: .launch, number: number, code: CL_INVALID_KERNEL_ARGS))
    let error = #expect(throws: BackendError.self) { try backend.run(operation) }
    #expect(error?.cause == cause, "\(error?.description ?? "")")
    FaultyOpenCL.reset()
    guard cause == .launch else {
      #expect(throws: BackendError.self) { try backend.download(result) as [Double] }
      return
    }
    #expect(try backend.download(result) == (0..<8).map(Double.init))
    try backend.run(operation)
    let after = try backend.download(result)
    // y_0 = x W0ᵀ and, because Δ = W0 here, y_1 = x Δᵀ as well.
    #expect(after[..<4] == after[4...] && after != (0..<8).map(Double.init))
  }
}
