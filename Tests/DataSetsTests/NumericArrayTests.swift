import DataSets
import Testing

@Suite("NumericArray")
struct NumericArrayTests {
  @Test func initialisers() throws {
    let floats = NumericArray([1, -2.5, 0x1p-149] as [Float], shape: [3, 1])
    #expect(floats.elementType == .float32 && floats.shape == [3, 1])
    #expect(floats.floats() == [1, -2.5, 0x1p-149])
    #expect(floats.bytes.prefix(4) == [0, 0, 0x80, 0x3f])
    let doubles = NumericArray([0.1, -.infinity])
    #expect(doubles.elementType == .float64 && doubles.shape == [2])
    #expect(doubles.doubles() == [0.1, -.infinity])
    #expect(doubles.floats() == [0.1, -.infinity])
    let integers = NumericArray([Int32.min, 7], shape: [1, 2])
    #expect(try integers.integers() == [Int(Int32.min), 7])
    #expect(integers.reshaped([2]).shape == [2])
  }

  @Test func integersThatDoNotFit() throws {
    let array = try NumericArray(
      shape: [1], elementType: .uint64, bytes: [UInt8](repeating: 0xff, count: 8))
    #expect(array.doubles() == [0x1p64])
    expectFileError("element 0", "18446744073709551615") { _ = try array.integers() }
    for bad in [Double.nan, .infinity, 1e300, 0.5] {
      expectFileError("labels", "element 1") {
        _ = try NumericArray([1, bad]).integers(name: "labels")
      }
    }
  }

  @Test func shapesThatDoNotMatch() {
    for shape in [[], [3], [-1, -2], [2, Int.max], [Int.max, Int.max, 0]] {
      expectFileError("shape") {
        _ = try NumericArray(
          shape: shape, elementType: .float32, bytes: [UInt8](repeating: 0, count: 8))
      }
    }
  }
}
