// out[i, c, y, x] = (w[y, x] − mean[c])·factor[c] with w a window of row rows[i]'s plane c:
// w[y, x] = plane[y + dy, x + dx], zero outside; flipped, w[y, width − 1 − x].
//
// Windows and flips are drawn from (seed, step, i) alone. Items are lines of pixels.

KERNEL4(image_gather, ImageGatherParameters, real, out, const real, x, const int, rows,
        const real, scaling) {
  FOR_EACH_ITEM(line) {
    const long plane = line / p.height, i = plane / p.channels;
    const long y = line - plane * p.height, c = plane - i * p.channels;
    long dy = p.dy, dx = p.dx, flip = 0;
    if (p.crops != 0 || p.flips != 0) {
      uint words[4];
      philox(p.seed, (uint)p.purpose, (uint)(i + 1), (ulong)p.step, words);
      flip = p.flips != 0 ? (long)(words[0] >> 31) : 0;
      if (p.crops == 1) philox(p.seed, (uint)p.purpose, 0, (ulong)p.step, words);
      if (p.crops != 0) {
        // The high word of a product: uniform to 2^−32 times the choices.
        const uint choices = (uint)(2 * p.padding + 1);
        dy = (long)mul_hi(words[1], choices) - p.padding;
        dx = (long)mul_hi(words[2], choices) - p.padding;
      }
    }
    const real mean = scaling[c], factor = scaling[p.channels + c];
    const long row = y + dy;
    const int isInside = row >= 0 && row < p.height;
    const long from =
      (p.hasRows != 0 ? (long)rows[i] : i) * p.stride + (c * p.height + row) * p.width;
    for (long j = 0; j < p.width; ++j) {
      const long column = (flip != 0 ? p.width - 1 - j : j) + dx;
      real value = R(0.0);
      if (isInside && column >= 0 && column < p.width) value = x[from + column];
      out[line * p.width + j] = (value - mean) * factor;
    }
  }
}
