import Compute
import DataSets
import Networks
import TestSupport
import Testing
import Training

/// Tests/Golden/train-*: 25 full-batch steps in float64.
@BackendActor @Suite struct GoldenTrajectoryTests {
  nonisolated static let names = [
    "train-full-adam", "train-order2-momentum", "train-order3-sgd", "train-relinearize4",
  ]

  /// settings.json as this library's settings.
  private func settings(_ name: String, batchSize: Int) throws -> TrainingSettings {
    guard
      case .object(let json) = try JSONValue(
        text: GoldenCase.read("\(name)/settings.json"), named: "settings.json")
    else { throw TrainingError("settings.json is no object") }
    func number(_ key: String) throws -> Double {
      guard case .number(let number)? = json[key] else { throw TrainingError("no \(key)") }
      return number
    }
    func text(_ key: String) throws -> String {
      guard case .string(let text)? = json[key] else { throw TrainingError("no \(key)") }
      return text
    }
    let isFull = json["order"] == .string("full")
    return TrainingSettings(
      order: isFull ? 0 : Int(try number("order")),
      loss: try #require(Loss.Kind(rawValue: text("loss"))),
      optimizer: try #require(TrainingSettings.Optimizer(rawValue: text("optimizer"))),
      learningRate: try number("lr"), schedule: try text("lr_schedule"),
      momentum: try number("momentum"), weightDecay: try number("weight_decay"),
      clipNorm: try number("clip_norm"), batchSize: batchSize, steps: Int(try number("steps")),
      relinearization: .every(Int(try number("relinearize_every"))), type: .float64, logEvery: 1)
  }

  @Test(arguments: names, [BackendUnderTest.reference, .openblas1, .openblas2, .openclHost])
  func trajectory(_ name: String, _ place: BackendUnderTest) throws {
    let golden = try GoldenCase(name)
    let shape = try golden.shape("x")
    let outputs = try golden.shape("y")[1]
    let problem = Problem(
      network: golden.network, start: try golden.parameters("theta0."),
      train: Examples(
        try golden.values("x"), inputSize: shape[1],
        targets: .values(try golden.values("y"), outputs: outputs)))
    let settings = try settings(name, batchSize: shape[0])
    let folder = TemporaryFolder("trajectory")
    let directory = try makeDirectory(folder)
    let trainer = try problem.trainer(settings, on: place.backend(), directory: directory)
    _ = try trainer.run()

    let final = try trainer.parameters()
    let expected = try golden.parameters("final.")
    let start = try golden.parameters("theta0.")
    // Against the movement, which is what training computes.
    let movement = norm(zip(expected, start).map { $0 - $1 })
    #expect(norm(zip(final, expected).map { $0 - $1 }) < 1e-8 * movement)
    let losses = try metric("loss", directory)
    #expect(losses.count == settings.steps)
    #expect(relativeError(losses, try golden.values("losses")) < 1e-8)
    let norms = try metric("gradient_norm", directory)
    #expect(relativeError(norms, try golden.values("gradient_norms")) < 1e-8)
    let saved = try golden.network.readParameters(
      SafetensorsFile(folder.path + "/final.safetensors"))
    #expect(saved == final)
  }
}
