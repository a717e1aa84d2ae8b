import Compute

extension LayerDescription.Convolution {
  /// What this convolution sees of images of `input` positions and `channels` channels.
  ///
  /// Outputs along an extent n with kernel k and stride s: ⌊(n − k)/s⌋ + 1 without padding, ⌈n/s⌉
  /// for `same`, whose zeros max(0, (⌈n/s⌉ − 1)s + k − n) stand half before, rounded down, and half
  /// behind, and ⌊(n + before + behind − k)/s⌋ + 1 with given zeros.
  ///
  /// - Parameter place: what errors call the layer.
  /// - Throws: `NetworkError` where the kernel is larger than the padded image.
  public func geometry(
    of input: ConvolutionGeometry.Extent, channels: Int, _ place: String
  ) throws -> ConvolutionGeometry {
    var (top, left, bottom, right) = (0, 0, 0, 0)
    if case .explicit(let t, let l, let b, let r) = padding {
      (top, left, bottom, right) = (t, l, b, r)
    }
    guard
      padding == .same
        || (input.height + top + bottom >= kernel.height
          && input.width + left + right >= kernel.width)
    else {
      throw NetworkError(
        "\(place) has a kernel of \(kernel), and its input has only \(input) positions"
          + (padding == .valid ? "" : " before padding")
          + "; make the kernel smaller, pad more, or give larger images")
    }
    func along(
      _ input: Int, _ kernel: Int, _ stride: Int, _ before: Int, _ behind: Int
    ) -> (before: Int, output: Int) {
      guard padding == .same else {
        return (before, (input + before + behind - kernel) / stride + 1)
      }
      let output = (input + stride - 1) / stride
      return (max(0, (output - 1) * stride + kernel - input) / 2, output)
    }
    let rows = along(input.height, kernel.height, stride.height, top, bottom)
    let columns = along(input.width, kernel.width, stride.width, left, right)
    return ConvolutionGeometry(
      input: input, kernel: kernel, stride: stride, top: rows.before, left: columns.before,
      output: .init(rows.output, columns.output), channels: channels)
  }
}
