import Compute

extension VerificationCase {
  /// image_gather: every kind of window, with and without flips and row numbers.
  static func imageGathers(quick: Bool) -> [VerificationCase] {
    let shapes: [(images: Int, shape: ImageGather.Shape)] =
      quick
      ? [(5, .init(channels: 3, height: 7, width: 6))]
      : [
        (1, .init(channels: 1, height: 1, width: 1)), (5, .init(channels: 3, height: 7, width: 6)),
        (3, .init(channels: 2, height: 1, width: 65)),
        (9, .init(channels: 1, height: 33, width: 2)),
        (7, .init(channels: 3, height: 32, width: 32)),
      ]
    let windows: [ImageGather.Window] = [
      .whole, .fixed(dy: 1, dx: -2), .drawn(padding: 2), .drawnForEach(padding: 4),
    ]
    return realTypes.flatMap { type in
      shapes.flatMap { images, shape in
        windows.flatMap { window in
          [(false, Oracle.bound), (true, .bound), (true, .bits)].map { flips, oracle in
            imageGather(type, images, shape, window, flips: flips, oracle)
          }
        }
      }
    }
  }

  private static func imageGather(
    _ type: ScalarType, _ images: Int, _ shape: ImageGather.Shape, _ window: ImageGather.Window,
    flips: Bool, _ oracle: Oracle
  ) -> VerificationCase {
    let sizes = "\(images) of \(shape.channels)×\(shape.height)×\(shape.width)"
    return VerificationCase(
      "image_gather",
      "\(sizes) \(window)\(flips ? " flipped" : "")\(oracle == .bits ? " special values" : "")",
      type, oracle: oracle
    ) {
      let x = try $0.matrix(
        images, shape.count, oracle == .bits ? .special : .random(4), padding: flips ? 3 : 0)
      // Without flips the rows as they come.
      let rows = flips ? try $0.indices((0..<images).map { ($0 * 7 + 3) % images }) : nil
      let scaling = try $0.matrix(2, shape.channels, .random(2))
      let out = try $0.matrix(images, shape.count, .unset)
      return Prepared(
        operation: .imageGather(
          ImageGather(
            out, from: x, rows: rows, shape: shape, scaling: scaling, window: window, flips: flips,
            seed: 0x0123_4567_89ab_cdef, step: images + shape.width)), outputs: [out])
    }
  }
}
