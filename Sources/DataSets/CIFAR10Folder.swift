/// The binary version of CIFAR-10: `data_batch_1.bin` to `data_batch_5.bin` for training and
/// `test_batch.bin`, in the folder itself or in `cifar-10-batches-bin` below it.
///
/// A record has 3073 bytes: the label and 3 planes of 32 × 32 pixels, red, green, blue, each row by
/// row from the top. Pixels are divided by 255. Examples keep the order of the files.
public enum CIFAR10Folder {
  static let recordSize = 1 + pixels
  private static let pixels = 3 * 32 * 32

  /// Loads a folder, inputs [3, 32, 32].
  ///
  /// - Throws: `FileError` when a file is missing, has no whole number of records, or holds a
  ///   label above 9.
  public static func load(
    _ folder: String, _ options: DataSetOptions = DataSetOptions()
  ) throws -> DataSet {
    let inner = "\(folder)/cifar-10-batches-bin"
    let place = FileContents.isFolder(inner) ? inner : folder
    let source = DataSet.Source(
      name: "cifar10:\(folder)", inputShape: [3, 32, 32],
      examples: try read((1...5).map { "\(place)/data_batch_\($0).bin" }),
      test: try read(["\(place)/test_batch.bin"]), groupSize: 32 * 32,
      standardizesByDefault: false, normalization: .cifar10)
    return try DataSet(source, options: options)
  }

  private static func read(_ paths: [String]) throws -> Examples {
    var images: [UInt8] = []
    var labels: [Int32] = []
    for path in paths {
      let bytes = try FileContents.read(path)
      guard !bytes.isEmpty, bytes.count % recordSize == 0 else {
        throw FileError(
          path: path,
          problem:
            "\(bytes.count) bytes are no whole number of records of 3073 bytes; the file ends "
            + "\(bytes.count % recordSize) bytes into record \(bytes.count / recordSize)",
          advice: "get the binary version of CIFAR-10 again")
      }
      images.reserveCapacity(images.count + bytes.count)
      for (record, start) in stride(from: 0, to: bytes.count, by: recordSize).enumerated() {
        guard bytes[start] <= 9 else {
          throw FileError(
            path: path, field: "record \(record)", problem: "has the label \(bytes[start])",
            advice: "labels go from 0 to 9: get the file again")
        }
        labels.append(Int32(bytes[start]))
        images += bytes[start + 1..<start + recordSize]
      }
    }
    return Examples(
      storage: .bytes(images), inputSize: pixels, divisor: 255,
      targets: .classes(labels: labels, count: 10))
  }
}
