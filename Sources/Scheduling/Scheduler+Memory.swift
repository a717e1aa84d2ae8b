import Compute

/// Copies of buffers, and how they follow what is computed elsewhere.
extension Scheduler {
  public func allocate(_ count: Int, _ type: ScalarType) throws -> Buffer {
    let buffer = MirroredBuffer(count: count, type: type, memory: memory)
    if isAlone {
      buffer.setCopy(try host.allocate(count, type), at: 0)
      // Nobody keeps account of what is written while the host is alone.
      buffer.validity.write(0..<count, at: 0)
    }
    return buffer
  }

  @inline(__always)
  func mirrored(_ matrix: Matrix) -> MirroredBuffer {
    // Cheaper than a conditional cast, and asked for every operand.
    precondition(type(of: matrix.buffer) == MirroredBuffer.self, "a matrix of another backend")
    let buffer = unsafeDowncast(matrix.buffer, to: MirroredBuffer.self)
    precondition(buffer.memory === memory, "a matrix of another backend")
    return buffer
  }

  /// `matrix` in the copy of its buffer at `place`, which is made if there is none.
  func matrix(_ matrix: Matrix, at place: Int) throws -> Matrix {
    let buffer = mirrored(matrix)
    return Matrix(
      try copy(of: buffer, at: place), offset: matrix.offset, rows: matrix.rows,
      columns: matrix.columns, stride: matrix.stride)
  }

  func copy(of buffer: MirroredBuffer, at place: Int) throws -> Buffer {
    if let copy = buffer.copy(at: place) { return copy }
    let copy = try at(place) { try $0.allocate(buffer.count, buffer.type) }
    buffer.setCopy(copy, at: place)
    return copy
  }

  /// Brings what has content in `range` to `place`.
  func fetch(_ buffer: MirroredBuffer, _ range: Range<Int>, to place: Int) throws {
    guard !buffer.validity.isValid(range, at: place) else { return }
    var parts: [(Range<Int>, source: Int)] = []
    buffer.validity.forEach(in: range) { part, valid in
      guard valid != 0, valid & (1 << place) == 0 else { return }
      parts.append((part, source(valid)))
    }
    for (part, source) in parts {
      if source != 0, place != 0 {
        try transfer(buffer, part, from: source, to: 0)
        try transfer(buffer, part, from: 0, to: place)
      } else {
        try transfer(buffer, part, from: source, to: place)
      }
    }
  }

  /// The host if it has the content, else the first device that still answers.
  func source(_ valid: Validity.Places) -> Int {
    if valid & 1 != 0 { return 0 }
    let answering = places.indices.first { valid & (1 << $0) != 0 && places[$0].state != .lost }
    return answering ?? valid.trailingZeroBitCount
  }

  /// One of the two places is the host.
  func transfer(
    _ buffer: MirroredBuffer, _ range: Range<Int>, from source: Int, to target: Int
  ) throws {
    func part(_ place: Int) throws -> Matrix {
      Matrix(
        try copy(of: buffer, at: place), offset: range.lowerBound, rows: 1, columns: range.count)
    }
    let bytes = range.count * buffer.type.byteCount
    let (from, to) = (try part(source), try part(target))
    let offset = range.lowerBound * buffer.type.byteCount
    if target == 0, let pointer = to.buffer.hostPointer {
      let content = UnsafeMutableRawBufferPointer(start: pointer + offset, count: bytes)
      try at(source) { try $0.download(from, into: content) }
      to.buffer.version += 1
    } else if source == 0, let pointer = from.buffer.hostPointer {
      let content = UnsafeRawBufferPointer(start: pointer + offset, count: bytes)
      try at(target) { try $0.upload(content, to: to) }
    } else {
      let content = try at(source) { try $0.bytes(of: from) }
      try content.withUnsafeBytes { content in try at(target) { try $0.upload(content, to: to) } }
    }
    if source != 0 { places[source].ended() }
    places[target].incoming += Placement.Traffic(bytes: bytes, pieces: 1)
    buffer.validity.copied(range, to: target)
  }

  public func upload(_ source: UnsafeRawBufferPointer, to matrix: Matrix) throws {
    guard matrix.count > 0 else { return }
    let access = Access(.write, matrix)
    let bytes = matrix.count * matrix.type.byteCount
    memory.statistics.uploadedBytes += bytes
    if isAlone {
      try host.upload(source, to: matrix)
      return
    }
    operands = [
      Operand(buffer: mirrored(matrix), elements: access.elements(of: matrix), access: access)
    ]
    let place = try choose(moves: false) { $0.uploadSeconds(bytes, pieces: 1) }
    try perform(at: place) { place in
      let own = try self.matrix(matrix, at: place)
      try at(place) { try $0.upload(source, to: own) }
    }
  }

  public func download(_ matrix: Matrix, into target: UnsafeMutableRawBufferPointer) throws {
    guard matrix.count > 0 else { return }
    memory.statistics.downloadedBytes += matrix.count * matrix.type.byteCount
    try surface {
      let place = try holder(of: matrix)
      let own = try self.matrix(matrix, at: place)
      try at(place) { try $0.download(own, into: target) }
      places[place].ended()
    }
  }

  public func startDownload(_ matrix: Matrix) throws -> any Download {
    guard matrix.count > 0 else { return FinishedDownload([]) }
    memory.statistics.downloadedBytes += matrix.count * matrix.type.byteCount
    return try surface {
      let place = try holder(of: matrix)
      let own = try self.matrix(matrix, at: place)
      return try at(place) { try $0.startDownload(own) }
    }
  }

  /// A place that has all of `matrix`: the host if it does, else a device that does, else the host
  /// after fetching.
  func holder(of matrix: Matrix) throws -> Int {
    let buffer = mirrored(matrix)
    let range = Access(.read, matrix).elements(of: matrix)
    for place in places.indices where places[place].state != .lost {
      if buffer.copy(at: place) != nil, buffer.validity.isValid(range, at: place) { return place }
    }
    try fetch(buffer, range, to: 0)
    return 0
  }

  public func finish() throws {
    try surface {
      for (index, place) in places.enumerated() where place.state == .open {
        try at(index) { try $0.finish() }
        place.ended()
      }
    }
  }
}
