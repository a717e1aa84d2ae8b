import DataSets
import FoundationEssentials
import Testing

@testable import Networks

/// The order of modules from names, and torchvision's ResNet-18 tensor by tensor.
@Suite struct ModuleOrderTests {
  /// Each list stands in the order in which the model runs.
  @Test(arguments: [
    ["0.weight", "1.weight", "2.weight", "9.weight", "10.weight", "11.weight", "100.weight"],
    ["conv1.weight", "conv2.weight", "conv10.weight", "fc1.weight", "fc2.weight", "fc3.weight"],
    ["fc1.weight", "bn1.weight", "fc2.weight", "bn2.weight", "fc3.weight"],
    ["conv1.weight", "bn1.weight", "conv2.weight", "norm2.weight", "classifier.weight"],
    ["features.0.weight", "features.3.0.weight", "features.10.weight", "classifier.1.weight"],
    ["module.stem.0.weight", "module.layer1.weight", "module.layer2.weight", "module.head.weight"],
    ["layers.0.weight", "layers.2.weight"],
    ["conv_1.weight", "bn_1.weight", "conv_2.weight", "linear.weight"],
    [
      "block1.conv1.weight", "block1.bn1.weight", "block1.conv2.weight", "block1.shortcut.0.weight",
    ],
    ["weight"],
  ])
  func orders(_ names: [String]) throws {
    for shuffled in [names.sorted(), names.reversed(), Array(Set(names))] {
      let modules = try ModuleOrder.modules(shuffled, in: "w.safetensors")
      #expect(modules.flatMap { module in module.leaves.map(module.name) } == names)
    }
  }

  @Test(arguments: [
    (["a.weight", "b.weight"], "when 'a' runs"),
    (["conv1.weight", "attention.weight"], "when 'attention' runs"),
    (["bn1.weight", "layer1.weight"], "what 'bn1' normalizes"),
    (["conv1.weight", "fc1.weight", "bn1.weight"], "what 'bn1' normalizes"),
    (
      ["x.fc.weight", "x.head.weight"],
      "which of 'fc' and 'head' runs first in w.safetensors, in 'x'"
    ),
    (["conv1.weight", "conv01.weight"], "which of 'conv01' and 'conv1' runs first"),
    (["conv1a.weight", "conv2.weight"], "when 'conv1a' runs"),
  ])
  func undecided(_ names: [String], _ words: String) throws {
    let error = #expect(throws: NetworkError.self) {
      _ = try ModuleOrder.modules(names, in: "w.safetensors")
    }
    let sentence = try #require(error).description
    #expect(sentence.contains("it cannot be told " + words), "\(sentence)")
    #expect(sentence.contains("--map"), "\(sentence)")
  }

  /// torchvision's names and shapes, with what each is in docs/networks/resnet18.json.
  private static let resnet: [(theirs: String, ours: String, shape: [Int])] = {
    var list: [(theirs: String, ours: String, shape: [Int])] = []
    func conv(_ theirs: String, _ ours: String, _ shape: [Int]) {
      list.append((theirs + ".weight", ours + ".weight", shape))
    }
    func norm(_ theirs: String, _ ours: String, _ channels: Int) {
      for leaf in ["weight", "bias", "running_mean", "running_var"] {
        list.append((theirs + "." + leaf, ours + "." + leaf, [channels]))
      }
      list.append((theirs + ".num_batches_tracked", "", []))
    }
    conv("conv1", "layers.0", [64, 3, 7, 7])
    norm("bn1", "layers.1", 64)
    // Layers 2 and 3 are relu and max_pool; behind each block stands a relu.
    var (layer, inputs) = (4, 64)
    for stage in 1...4 {
      let channels = 32 << stage
      for block in 0..<2 {
        let (theirs, ours) = ("layer\(stage).\(block)", "layers.\(layer)")
        conv("\(theirs).conv1", "\(ours).main.0", [channels, inputs, 3, 3])
        norm("\(theirs).bn1", "\(ours).main.1", channels)
        conv("\(theirs).conv2", "\(ours).main.3", [channels, channels, 3, 3])
        norm("\(theirs).bn2", "\(ours).main.4", channels)
        if inputs != channels {
          conv("\(theirs).downsample.0", "\(ours).shortcut.0", [channels, inputs, 1, 1])
          norm("\(theirs).downsample.1", "\(ours).shortcut.1", channels)
        }
        inputs = channels
        layer += 2
      }
    }
    list.append(("fc.weight", "layers.21.weight", [1000, 512]))
    list.append(("fc.bias", "layers.21.bias", [1000]))
    return list
  }()

  @Test func torchvisionResNet() throws {
    let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
      .joined(separator: "/")
    let text = try Data(contentsOf: URL(filePath: root + "/docs/networks/resnet18.json"))
    let network = try Network(NetworkDescription(json: [UInt8](text), named: "resnet18.json"))
    #expect(Self.resnet.count == 122)
    #expect(network.trainedCount == 11_689_512 && network.parameterCount == 11_699_112)
    // A byte for each number, in the order of the names.
    let tensors = try Self.resnet.sorted { $0.theirs < $1.theirs }.map {
      (
        $0.theirs,
        try NumericArray(
          shape: $0.shape, elementType: .uint8,
          bytes: [UInt8](repeating: 1, count: $0.shape.reduce(1, *)))
      )
    }
    let file = try SafetensorsFile(
      bytes: SafetensorsFile.encode(tensors), name: "resnet.safetensors")
    let matching = try TensorMatching(network, file)
    let expected = Self.resnet.filter { !$0.ours.isEmpty }
    #expect(matching.pairs.map(\.tensor.name) == expected.map(\.ours))
    #expect(matching.pairs.map(\.source) == expected.map(\.theirs))
    #expect(matching.pairs.map(\.tensor.shape) == expected.map(\.shape))
  }
}
