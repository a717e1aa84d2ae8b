import Networks

/// Networks with every layer that has a kernel, small enough for plain loops.
struct InfiniteKernelNetwork: Sendable, CustomStringConvertible {
  let description: String
  let input: [Int]
  let layers: [LayerDescription]

  func network(_ parameterization: Parameterization) -> NetworkDescription {
    NetworkDescription(input: input, parameterization: parameterization, layers: layers)
  }

  static func conv(
    _ channels: Int, _ kernel: (Int, Int), stride: (Int, Int) = (1, 1),
    _ padding: LayerDescription.Padding = .valid, hasBias: Bool = true
  ) -> LayerDescription {
    .conv(
      .init(
        channels: channels, kernel: .init(kernel.0, kernel.1), stride: .init(stride.0, stride.1),
        padding: padding, weightStd: 1.3, biasStd: 0.2, hasBias: hasBias))
  }

  static func dense(_ units: Int, hasBias: Bool = true) -> LayerDescription {
    .dense(.init(units: units, weightStd: 1.2, biasStd: 0.3, hasBias: hasBias))
  }

  private static func pool(
    _ window: (Int, Int), stride: (Int, Int)? = nil
  ) -> LayerDescription {
    .avgPool(
      .init(
        window: .init(window.0, window.1), stride: stride.map { .init($0.0, $0.1) }))
  }

  static let all: [InfiniteKernelNetwork] = [
    .init(
      description: "strides, explicit padding, flatten", input: [2, 5, 4],
      layers: [
        conv(6, (3, 2), stride: (2, 1), .explicit(top: 1, left: 0, bottom: 2, right: 1)),
        .activation(.relu), conv(5, (2, 3), stride: (1, 2), .same), .activation(.erf), .flatten,
        dense(7), .activation(.relu), dense(1),
      ]),
    .init(
      description: "pools that overlap, activations between", input: [2, 5, 4],
      layers: [
        conv(4, (3, 3), .same), .activation(.relu), pool((2, 2), stride: (1, 2)),
        conv(5, (2, 1), .valid, hasBias: false), .activation(.leakyReLU), pool((3, 2)), dense(1),
      ]),
    .init(
      description: "pool of the inputs, activation behind it", input: [3, 4, 4],
      layers: [
        pool((2, 1), stride: (1, 1)), conv(4, (2, 2), stride: (2, 2), .same),
        .activation(.erf), .globalAvgPool, dense(3), .activation(.relu), dense(2, hasBias: false),
      ]),
    .init(
      description: "pool of Gaussian variables", input: [2, 4, 3],
      layers: [
        conv(4, (1, 2)), pool((2, 2), stride: (1, 1)), .activation(.relu), .globalAvgPool,
        .activation(.identity), dense(1),
      ]),
    .init(
      description: "residual blocks of images", input: [2, 4, 4],
      layers: [
        conv(4, (3, 3), .same),
        .residual(.init(main: [.activation(.relu), conv(4, (3, 3), .same)], scale: 0.5)),
        .residual(
          .init(
            main: [
              .layerNorm(.init()), .activation(.erf), conv(5, (3, 3), stride: (2, 2), .same),
              .activation(.relu), conv(5, (2, 2), .same),
            ], shortcut: [pool((2, 2)), conv(5, (1, 1))])),
        .activation(.relu), .flatten, dense(1),
      ]),
    .init(
      description: "residual blocks in a residual block, pool behind", input: [1, 3, 3],
      layers: [
        conv(4, (2, 2), .same),
        .residual(
          .init(
            main: [
              .activation(.relu), conv(4, (3, 3), .same),
              .residual(.init(main: [.activation(.erf), conv(4, (1, 3), .same)])),
            ])), .layerNorm(.init(epsilon: 1e-3)), .activation(.relu), .globalAvgPool, dense(1),
      ]),
    .init(
      description: "normalization of a flattened image", input: [2, 3, 3],
      layers: [
        conv(4, (2, 2)), .flatten, .layerNorm(.init()), dense(5), .layerNorm(.init()),
        .activation(.relu), dense(1),
      ]),
    .init(
      description: "activation of a flattened image", input: [2, 3, 3],
      layers: [conv(4, (2, 2)), .flatten, .activation(.relu), dense(1)]),
    .init(
      description: "images to the end", input: [2, 4, 3],
      layers: [conv(4, (3, 3), .same), .activation(.relu), conv(2, (2, 2))]),
    .init(
      description: "residual blocks of vectors", input: [6],
      layers: [
        dense(8), dense(8),
        .residual(
          .init(
            main: [.activation(.relu), dense(8)], shortcut: [.layerNorm(.init()), dense(8)],
            scale: 2)), .activation(.erf), dense(1),
      ]),
    .init(
      description: "activated shortcut", input: [6],
      layers: [
        dense(8), .activation(.relu),
        .residual(.init(main: [dense(8), .activation(.erf), dense(8)])),
        dense(1),
      ]),
    .init(
      description: "dense layers on images, activation at the end", input: [2, 2, 3],
      layers: [dense(8), .dropout(rate: 0), .activation(.relu)]),
  ]
}
