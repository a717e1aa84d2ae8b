import CDigits

/// The embedded data set: 1797 handwritten digits of 8 × 8 pixels.
///
/// Test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, UCI Machine
/// Learning Repository, 1998; CC BY 4.0). Pixels 0 to 16 are divided by 16. Rows whose index is a
/// multiple of 5 are the test set (360), the rest the training set (1437).
public enum Digits {
  /// uint8 [1797, 8, 8], values 0 to 16.
  public static func images() throws -> NumericArray {
    try decode(cdigits_images(), cdigits_images_count(), "digits-images.npy")
  }

  /// uint8 [1797], values 0 to 9.
  public static func labels() throws -> NumericArray {
    try decode(cdigits_labels(), cdigits_labels_count(), "digits-labels.npy")
  }

  /// The data set, inputs [1, 8, 8].
  public static func load(_ options: DataSetOptions = DataSetOptions()) throws -> DataSet {
    let images = try images()
    let labels = try labels().integers(name: "digits-labels.npy").map { Int32($0) }
    let examples = Examples(
      storage: .bytes(images.bytes), inputSize: 64, divisor: 16,
      targets: .classes(labels: labels, count: 10))
    let source = DataSet.Source(
      name: "digits", inputShape: [1, 8, 8], examples: examples, groupSize: 64,
      standardizesByDefault: false)
    return try DataSet(source, options: options)
  }

  private static func decode(
    _ start: UnsafePointer<UInt8>?, _ count: Int, _ name: String
  ) throws -> NumericArray {
    try NumpyFile.decode(
      Array(UnsafeBufferPointer(start: start, count: count)), name: "embedded \(name)")
  }
}
