/// What is done to images on their way into the network: cropping and flipping in training, then
/// normalisation, in training and in evaluation.
public struct ImagePreparation: Hashable, Sendable {
  /// [channels, height, width]
  public var shape: [Int]
  public var augmentation: Augmentation
  /// Nil: the values as they are.
  public var normalization: ImageNormalization?
}

/// Random changes of training images, drawn anew at every step.
public struct Augmentation: Hashable, Sendable, CustomStringConvertible {
  /// Whose offsets are the same.
  public enum Offsets: String, Hashable, Sendable, CaseIterable { case batch, image }

  /// Zeros on every side of an image, out of which a window of its own size is cut; 0: no crop.
  public var padding: Int
  public var offsets: Offsets
  /// Whether each image is mirrored, left to right, with probability ½.
  public var flips: Bool

  public init(padding: Int = 0, offsets: Offsets = .batch, flips: Bool = false) {
    self.padding = padding
    self.offsets = offsets
    self.flips = flips
  }

  public static let none = Augmentation()
  public static let forms = "crop, crop:PIXELS, flip, or crop,flip"

  /// Reads `crop`, `crop:PIXELS` (4 by default), `flip`, or both with a comma between.
  public init(parsing text: String, offsets: Offsets) throws {
    self.init(offsets: offsets)
    var seen: Set<Substring> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let name = part.prefix { $0 != ":" }
      let isNew = seen.insert(name).inserted
      if part == "flip", isNew {
        flips = true
      } else if part == "crop", isNew {
        padding = 4
      } else if name == "crop", isNew, let pixels = Int(part.dropFirst(5)), pixels >= 1 {
        padding = pixels
      } else {
        throw FileError(
          path: "augmentation", problem: "\(FileError.quote(text)) is none",
          advice: "give \(Self.forms)")
      }
    }
  }

  public var description: String {
    let crop = padding == 0 ? [] : [padding == 4 ? "crop" : "crop:\(padding)"]
    return (crop + (flips ? ["flip"] : [])).joined(separator: ",")
  }
}

/// x ↦ (x − mean)/deviation, one of each per channel.
public struct ImageNormalization: Hashable, Sendable, CustomStringConvertible {
  public var means: [Double]
  public var deviations: [Double]

  /// The published numbers for CIFAR-10.
  public static let cifar10 = ImageNormalization(
    means: [0.4914, 0.4822, 0.4465], deviations: [0.2023, 0.1994, 0.2010])
  public static let forms = "cifar10, none or MEAN,…/DEVIATION,…"

  public init(means: [Double], deviations: [Double]) {
    self.means = means
    self.deviations = deviations
  }

  /// Reads `cifar10` or `M1,M2,M3/S1,S2,S3`.
  public init(parsing text: String) throws {
    if text == "cifar10" {
      self = .cifar10
      return
    }
    let sides = text.split(separator: "/", omittingEmptySubsequences: false).map { side in
      side.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    }
    guard sides.count == 2, sides[0].count == sides[1].count,
      sides.joined().allSatisfy({ $0.map(\.isFinite) ?? false }),
      sides[1].allSatisfy({ ($0 ?? 0) > 0 })
    else {
      throw FileError(
        path: "normalisation", problem: "\(FileError.quote(text)) is none",
        advice: "give \(Self.forms), with as many positive deviations as means")
    }
    self.init(means: sides[0].map { $0 ?? 0 }, deviations: sides[1].map { $0 ?? 1 })
  }

  public var description: String {
    if self == .cifar10 { return "cifar10" }
    func list(_ numbers: [Double]) -> String {
      numbers.map { Int(exactly: $0).map { String($0) } ?? String($0) }.joined(separator: ",")
    }
    return "\(list(means))/\(list(deviations))"
  }
}
