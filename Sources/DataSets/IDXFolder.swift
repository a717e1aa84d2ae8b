/// A folder of the MNIST family (MNIST, Fashion-MNIST, KMNIST, EMNIST after renaming): four IDX
/// files `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`,
/// `t10k-labels-idx1-ubyte`, with `.` or `-` before `idx`, compressed (`.gz`) or not.
///
/// Pixels are divided by 255; the t10k files are the test set.
public enum IDXFolder {
  /// Loads a folder, inputs [channels, height, width], one channel for rank-3 files.
  ///
  /// - Throws: `FileError` when a file is missing or malformed, or images and labels differ in
  ///   number.
  public static func load(
    _ folder: String, _ options: DataSetOptions = DataSetOptions()
  ) throws -> DataSet {
    let (trainImages, trainLabels) = try part(folder, "train")
    let (testImages, testLabels) = try part(folder, "t10k")
    let shape = Array(trainImages.shape.dropFirst())
    guard testImages.shape.dropFirst().elementsEqual(shape) else {
      throw FileError(
        path: folder,
        problem: "training images are \(shape), test images \(testImages.shape.dropFirst())",
        advice: "put files of one data set into the folder")
    }
    let classes = Int((trainLabels + testLabels).max() ?? 0) + 1
    func examples(_ images: NumericArray, _ labels: [Int32]) -> Examples {
      Examples(
        storage: .bytes(images.bytes), inputSize: shape.reduce(1, *), divisor: 255,
        targets: .classes(labels: labels, count: classes))
    }
    let source = DataSet.Source(
      name: "idx:\(folder)", inputShape: shape.count == 2 ? [1] + shape : shape,
      examples: examples(trainImages, trainLabels), test: examples(testImages, testLabels),
      groupSize: shape.suffix(2).reduce(1, *), standardizesByDefault: false)
    return try DataSet(source, options: options)
  }

  private static func part(
    _ folder: String, _ prefix: String
  ) throws -> (images: NumericArray, labels: [Int32]) {
    let imagesPath = try find(folder, "\(prefix)-images", "idx3-ubyte")
    let labelsPath = try find(folder, "\(prefix)-labels", "idx1-ubyte")
    let images = try IDXFile.read(imagesPath)
    guard images.elementType == .uint8, [3, 4].contains(images.shape.count), images.count > 0
    else {
      throw FileError(
        path: imagesPath,
        problem: "holds \(images.elementType) \(images.shape), not images of unsigned bytes",
        advice: "give an array [count, height, width]")
    }
    let labels = try IDXFile.read(labelsPath)
    guard labels.elementType == .uint8, labels.shape == [images.shape[0]] else {
      throw FileError(
        path: labelsPath,
        problem: "holds \(labels.elementType) \(labels.shape) for \(images.shape[0]) images",
        advice: "give one unsigned byte per image")
    }
    return (images, labels.bytes.map { Int32($0) })
  }

  private static func find(_ folder: String, _ stem: String, _ suffix: String) throws -> String {
    for separator in ["-", "."] {
      for ending in ["", ".gz"] {
        let path = "\(folder)/\(stem)\(separator)\(suffix)\(ending)"
        if FileContents.exists(path) { return path }
      }
    }
    throw FileError(
      path: folder, problem: "holds no file \(stem)-\(suffix) or \(stem)-\(suffix).gz",
      advice: "name the folder that holds the four IDX files")
  }
}
