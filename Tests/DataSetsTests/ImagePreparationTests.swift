import DataSets
import Testing

/// What is said about images on their way into the network.
@Suite struct ImagePreparationTests {
  @Test func augmentations() throws {
    func parse(_ text: String) throws -> Augmentation {
      try Augmentation(parsing: text, offsets: .image)
    }
    #expect(try parse("crop") == Augmentation(padding: 4, offsets: .image))
    #expect(try parse("flip") == Augmentation(offsets: .image, flips: true))
    #expect(try parse("crop,flip") == Augmentation(padding: 4, offsets: .image, flips: true))
    #expect(try parse("flip,crop:2") == Augmentation(padding: 2, offsets: .image, flips: true))
    #expect(try parse("flip,crop:2").description == "crop:2,flip")
    for bad in ["", "crop,", "crops", "crop:0", "crop:x", "crop,crop:2", "flip:1", "flip,flip"] {
      expectFileError("augmentation", "crop,flip") { _ = try parse(bad) }
    }
  }

  @Test func normalizations() throws {
    let own = try ImageNormalization(parsing: "0.1,-2/1,0.5")
    #expect(own == ImageNormalization(means: [0.1, -2], deviations: [1, 0.5]))
    #expect(try ImageNormalization(parsing: own.description) == own)
    #expect(try ImageNormalization(parsing: "cifar10").description == "cifar10")
    #expect(ImageNormalization.cifar10.means == [0.4914, 0.4822, 0.4465])
    for bad in ["", "1", "1/", "1/0", "1,2/1", "1/-1", "nan/1", "1/inf", "1/1/1", "mnist"] {
      expectFileError("normalisation", "cifar10, none") { _ = try ImageNormalization(parsing: bad) }
    }
  }

  @Test func fitting() throws {
    func load(_ data: String, _ change: (inout DataSetOptions) -> Void) throws -> DataSet {
      var options = DataSetOptions()
      change(&options)
      return try DataSetSpecification(parsing: data).load(options)
    }
    let images = "synthetic:image:n=4,test=2,size=8,classes=2"
    let data = try load(images) { $0.normalization = .given(.cifar10) }
    #expect(data.images?.shape == [3, 8, 8] && data.images?.normalization == .cifar10)
    // The values stay as they are: normalisation is done on the way into the network.
    #expect(try load(images) { _ in }.train.doubles() == data.train.doubles())
    #expect(data.test.images == data.images && data.train.images == data.images)
    expectFileError("1 channel,", "for 3") {
      _ = try load("digits") { $0.normalization = .given(.cifar10) }
    }
    expectFileError("8 × 8", "crop:3") {
      _ = try load(images) { $0.augmentation = Augmentation(padding: 8) }
    }
    expectFileError("[20]", "no images") {
      _ = try load("synthetic:parity:n=9") { $0.augmentation = Augmentation(flips: true) }
    }
  }
}
