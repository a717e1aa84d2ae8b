/// `image`: pictures [channels, size, size] of waves whose direction is the class.
///
/// Example i has class c = i mod `classes`. It shows a grating of `wavelength` pixels whose crests
/// are turned by the angle π·c/classes, inside a round window of radius size/2 at a random place,
/// with a random phase, a random gain in [½, 1) per channel, and normal pixel noise of standard
/// deviation `noise`. With u the distance from the window's centre over its radius,
///
///     pixel = ½ + ½·gain·max(0, 1 − u²)·sin(2π(x cos α + y sin α)/wavelength + phase) + noise·ε,
///
/// clamped to [0, 1], rounded to a multiple of 1/255 and kept as bytes. As the phase is uniform, a
/// picture and its negative are equally likely in every class. Affine class scores can be right
/// about both only in the class with the largest bias, so about ½ + 1/(2·classes) of all pictures at
/// most; a small convolution with a pooled output sees the direction. A mirrored picture shows the
/// direction π − α, another class's: flips are no augmentation here.
struct SyntheticImages: SyntheticMaker {
  private let keys: SyntheticKeys
  private let classes: Int
  private let channels: Int
  private let size: Int

  init(_ keys: SyntheticKeys) throws {
    self.keys = keys
    classes = keys.integer("classes")
    channels = keys.integer("channels")
    size = keys.integer("size")
    guard keys.real("wavelength") <= Double(size) else {
      throw keys.failure("wavelength", "is longer than the picture of \(size) pixels")
    }
  }

  var inputShape: [Int] { [channels, size, size] }

  func examples(_ count: Int, _ part: RandomStream.Purpose) -> Examples {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count * channels * size * size)
    let angles = (0..<classes).map { Double.pi * Double($0) / Double(classes) }
    let waves = angles.map { (PortableMath.cosine($0), PortableMath.sine($0)) }
    for example in 0..<count { append(example, part, waves[example % classes], to: &bytes) }
    return Examples(
      storage: .bytes(bytes), inputSize: channels * size * size, divisor: 255,
      targets: .classes(labels: (0..<count).map { Int32($0 % classes) }, count: classes))
  }

  private func append(
    _ example: Int, _ part: RandomStream.Purpose, _ wave: (x: Double, y: Double),
    to bytes: inout [UInt8]
  ) {
    let stream = RandomStream(keys.seed, part, tensor: example)
    // Blocks 0 to 2: place and phase; from 3 on: gains; then the noise.
    let radius = Double(size) / 2
    let place = (x: Double(size) * stream.uniform(0), y: Double(size) * stream.uniform(1))
    let phase = 2 * Double.pi * stream.uniform(2)
    let gains = (0..<channels).map { 0.5 + 0.5 * stream.uniform(3 + $0) }
    let noise = keys.real("noise")
    let normals =
      noise > 0 ? stream.normals(channels * size * size, firstBlock: 3 + channels) : []
    // sin(a + b) from the sines and cosines of its two parts.
    let factor = 2 * Double.pi / keys.real("wavelength")
    let alongX = (0..<size).map { factor * wave.x * Double($0) + phase }
    let alongY = (0..<size).map { factor * wave.y * Double($0) }
    let (sineX, cosineX) = (alongX.map(PortableMath.sine), alongX.map(PortableMath.cosine))
    let (sineY, cosineY) = (alongY.map(PortableMath.sine), alongY.map(PortableMath.cosine))
    var pattern = [Double](repeating: 0, count: size * size)
    for y in 0..<size {
      let dy = (Double(y) - place.y) / radius
      for x in 0..<size {
        let dx = (Double(x) - place.x) / radius
        let window = max(0, 1 - (dx * dx + dy * dy))
        pattern[y * size + x] =
          0.5 * window * (sineX[x] * cosineY[y] + cosineX[x] * sineY[y])
      }
    }
    for channel in 0..<channels {
      for index in 0..<size * size {
        var value = 0.5 + gains[channel] * pattern[index]
        if noise > 0 { value += noise * normals[channel * size * size + index] }
        bytes.append(UInt8((255 * min(1, max(0, value))).rounded()))
      }
    }
  }
}
