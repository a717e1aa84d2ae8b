extension NumericArray {
  /// All elements as Double, in C order; exact but for integers beyond 2^53, which are rounded.
  public func doubles() -> [Double] {
    switch elementType {
    case .bool: map(UInt8.self) { $0 == 0 ? 0 : 1 }
    case .uint8: map(UInt8.self) { Double($0) }
    case .int8: map(UInt8.self) { Double(Int8(bitPattern: $0)) }
    case .uint16: map(UInt16.self) { Double($0) }
    case .int16: map(Int16.self) { Double($0) }
    case .uint32: map(UInt32.self) { Double($0) }
    case .int32: map(Int32.self) { Double($0) }
    case .uint64: map(UInt64.self) { Double($0) }
    case .int64: map(Int64.self) { Double($0) }
    case .float16: map(UInt16.self) { Double(HalfPrecision.float(float16: $0)) }
    case .bfloat16: map(UInt16.self) { Double(HalfPrecision.float(bfloat16: $0)) }
    case .float32: map(UInt32.self) { Double(Float(bitPattern: $0)) }
    case .float64: map(UInt64.self) { Double(bitPattern: $0) }
    }
  }

  /// All elements as Float, in C order, each rounded once to nearest.
  public func floats() -> [Float] {
    switch elementType {
    case .bool: map(UInt8.self) { $0 == 0 ? 0 : 1 }
    case .uint8: map(UInt8.self) { Float($0) }
    case .int8: map(UInt8.self) { Float(Int8(bitPattern: $0)) }
    case .uint16: map(UInt16.self) { Float($0) }
    case .int16: map(Int16.self) { Float($0) }
    case .uint32: map(UInt32.self) { Float($0) }
    case .int32: map(Int32.self) { Float($0) }
    case .uint64: map(UInt64.self) { Float($0) }
    case .int64: map(Int64.self) { Float($0) }
    case .float16: map(UInt16.self) { HalfPrecision.float(float16: $0) }
    case .bfloat16: map(UInt16.self) { HalfPrecision.float(bfloat16: $0) }
    case .float32: map(UInt32.self) { Float(bitPattern: $0) }
    case .float64: map(UInt64.self) { Float(Double(bitPattern: $0)) }
    }
  }

  /// All elements as Int, in C order.
  ///
  /// - Parameter name: what the message calls the array.
  /// - Throws: `FileError` when an element is not a whole number that Int holds exactly.
  public func integers(name: String = "array") throws -> [Int] {
    switch elementType {
    case .bool: return map(UInt8.self) { $0 == 0 ? 0 : 1 }
    case .uint8: return map(UInt8.self) { Int($0) }
    case .int8: return map(UInt8.self) { Int(Int8(bitPattern: $0)) }
    case .uint16: return map(UInt16.self) { Int($0) }
    case .int16: return map(Int16.self) { Int($0) }
    case .uint32: return map(UInt32.self) { Int($0) }
    case .int32: return map(Int32.self) { Int($0) }
    case .int64: return map(Int64.self) { Int($0) }
    case .uint64:
      let words: [UInt64] = map(UInt64.self) { $0 }
      return try words.enumerated().map { index, word in
        guard let value = Int(exactly: word) else {
          throw notIntegral(name, index, "\(word)")
        }
        return value
      }
    case .float16, .bfloat16, .float32, .float64:
      return try doubles().enumerated().map { index, number in
        guard let value = Int(exactly: number) else {
          throw notIntegral(name, index, "\(number)")
        }
        return value
      }
    }
  }

  private func notIntegral(_ name: String, _ index: Int, _ value: String) -> FileError {
    FileError(
      path: name, field: "element \(index)", problem: "\(value) is not a whole number in range",
      advice: "give integers")
  }

  @inline(__always)
  private func map<Word: FixedWidthInteger, Value>(
    _: Word.Type, _ convert: (Word) -> Value
  ) -> [Value] {
    let size = MemoryLayout<Word>.size
    let count = bytes.count / size
    return bytes.withUnsafeBytes { raw in
      [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
        for index in 0..<count {
          let word = raw.loadUnaligned(fromByteOffset: index * size, as: Word.self)
          buffer.initializeElement(at: index, to: convert(Word(littleEndian: word)))
        }
        initialized = count
      }
    }
  }
}
