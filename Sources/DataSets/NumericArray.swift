/// A dense array of numbers as a file holds it: a shape, an element type, and raw bytes.
///
/// `bytes` is little-endian and in C order (the last axis varies fastest), whatever order the file
/// had, and `bytes.count == count · elementType.size`. An empty shape is a scalar with one element.
public struct NumericArray: Sendable, Hashable {
  public let shape: [Int]
  public let elementType: ElementType
  public let bytes: [UInt8]

  /// The number of elements, the product of the shape.
  public var count: Int { bytes.count / elementType.size }

  /// Takes raw little-endian bytes in C order.
  ///
  /// - Throws: `FileError` when the shape has a negative size, its product overflows, or it does
  ///   not describe exactly these bytes.
  public init(shape: [Int], elementType: ElementType, bytes: [UInt8]) throws {
    let needed = try Self.byteCount(
      shape: shape, elementType: elementType, path: "array", field: "shape")
    guard needed == bytes.count else {
      throw FileError(
        path: "array", field: "shape",
        problem: "\(shape) of \(elementType) needs \(needed) bytes, not \(bytes.count)")
    }
    self.init(checkedShape: shape, elementType: elementType, bytes: bytes)
  }

  /// For readers that have checked the shape against the bytes.
  init(checkedShape shape: [Int], elementType: ElementType, bytes: [UInt8]) {
    self.shape = shape
    self.elementType = elementType
    self.bytes = bytes
  }

  /// A float32 array.
  ///
  /// - Precondition: the product of the shape is the number of values.
  /// - Parameter shape: one axis of all values when left out.
  public init(_ values: [Float], shape: [Int]? = nil) {
    self.init(values.map(\.bitPattern), .float32, shape)
  }

  /// A float64 array.
  ///
  /// - Precondition: the product of the shape is the number of values.
  /// - Parameter shape: one axis of all values when left out.
  public init(_ values: [Double], shape: [Int]? = nil) {
    self.init(values.map(\.bitPattern), .float64, shape)
  }

  /// An int32 array.
  ///
  /// - Precondition: the product of the shape is the number of values.
  /// - Parameter shape: one axis of all values when left out.
  public init(_ values: [Int32], shape: [Int]? = nil) {
    self.init(values, .int32, shape)
  }

  private init<Word: FixedWidthInteger>(
    _ words: [Word], _ elementType: ElementType, _ shape: [Int]?
  ) {
    let shape = shape ?? [words.count]
    precondition(
      Self.elementCount(of: shape) == words.count, "shape \(shape) for \(words.count) values")
    let size = MemoryLayout<Word>.size
    let bytes = [UInt8](unsafeUninitializedCapacity: words.count * size) { buffer, initialized in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      for (index, word) in words.enumerated() {
        raw.storeBytes(of: word.littleEndian, toByteOffset: index * size, as: Word.self)
      }
      initialized = words.count * size
    }
    self.init(checkedShape: shape, elementType: elementType, bytes: bytes)
  }

  /// The same elements under another shape.
  ///
  /// - Precondition: the product of the shape is `count`.
  public func reshaped(_ shape: [Int]) -> NumericArray {
    precondition(Self.elementCount(of: shape) == count, "shape \(shape) for \(count) elements")
    return NumericArray(checkedShape: shape, elementType: elementType, bytes: bytes)
  }

  /// The product of a shape; nil when a size is negative or the product overflows.
  static func elementCount(of shape: [Int]) -> Int? {
    guard shape.allSatisfy({ $0 >= 0 }) else { return nil }
    if shape.contains(0) { return 0 }
    var product = 1
    for size in shape {
      let (next, overflow) = product.multipliedReportingOverflow(by: size)
      if overflow { return nil }
      product = next
    }
    return product
  }

  /// The bytes that an array takes.
  static func byteCount(
    shape: [Int], elementType: ElementType, path: String, field: String
  ) throws -> Int {
    if let count = elementCount(of: shape) {
      let (bytes, overflow) = count.multipliedReportingOverflow(by: elementType.size)
      if !overflow { return bytes }
    }
    throw FileError(
      path: path, field: field,
      problem:
        "\(FileError.clean("\(shape)")) has a negative size or more bytes than can be counted",
      advice: "the file is corrupt: get or write it again")
  }
}
