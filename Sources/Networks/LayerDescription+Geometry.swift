import Compute

extension LayerDescription.Convolution {
  /// What this convolution sees of images of `input` positions and `channels` channels.
  ///
  /// Outputs along an extent n with kernel k and stride s: ⌊(n − k)/s⌋ + 1 without padding, ⌈n/s⌉
  /// for `same`, whose zeros max(0, (⌈n/s⌉ − 1)s + k − n) stand half before, rounded down, and half
  /// behind, and ⌊(n + before + behind − k)/s⌋ + 1 with given zeros.
  ///
  /// - Parameter place: what errors call the layer.
  /// - Throws: `NetworkError` where the kernel is larger than the padded image, or where channels do not
  ///   divide into the groups.
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
    guard channels % groups == 0, self.channels % groups == 0 else {
      throw NetworkError(
        "\(place) has \(groups) groups, and \(channels) channels in and \(self.channels) out; give it a "
          + "number of groups that divides both")
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
      output: .init(rows.output, columns.output), channels: channels / groups, groups: groups)
  }
}

extension LayerDescription.Pool {
  /// The windows over images of `input` positions.
  ///
  /// - Parameter place: what errors call the layer.
  /// - Throws: `NetworkError` where a window is larger than the padded image, or holds nothing of it.
  public func windows(
    over input: ConvolutionGeometry.Extent, _ place: String
  ) throws -> PoolingWindow {
    if case .explicit(let top, let left, let bottom, let right) = padding {
      guard max(top, bottom) < window.height, max(left, right) < window.width else {
        throw NetworkError(
          "\(place) has windows of \(window) with padding [\(top), \(bottom), \(left), \(right)], so that "
            + "some lie outside of the image; pad by less than the window")
      }
    }
    // Windows lie as kernels do.
    let geometry: ConvolutionGeometry
    do {
      geometry = try LayerDescription.Convolution(
        channels: 1, kernel: window, stride: stride, padding: padding
      ).geometry(of: input, channels: 1, place)
    } catch is NetworkError {
      throw NetworkError(
        "\(place) has a window of \(window), and its input has only \(input) positions"
          + (padding == .valid ? "" : " before padding")
          + "; make the window smaller or the images larger")
    }
    return PoolingWindow(
      image: input, window: window, stride: stride, top: geometry.top, left: geometry.left,
      pooled: geometry.output)
  }
}
