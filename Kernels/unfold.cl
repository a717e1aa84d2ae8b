// Patches of images as rows, and back; channels last.

// The input row that output position r sees through tap (dy, dx), or −1 outside of the image.
FUNCTION long patch_source(const UnfoldParameters *p, long r, int dy, int dx) {
  const int positions = p->outputHeight * p->outputWidth;
  const long example = r / positions;
  const int position = r - example * positions, width = p->outputWidth;
  const int oy = position / width, ox = position - oy * width;
  const int y = oy * (int)p->strideHeight - (int)p->top + dy;
  const int x = ox * (int)p->strideWidth - (int)p->left + dx;
  const bool inside = y >= 0 && y < p->height && x >= 0 && x < p->width;
  return inside ? (example * p->height + y) * p->width + x : -1;
}

// out[row, t·C + c] = x[source(first + row, t), c]. A row of the launch is (row, t), a column a strip
// of channels.
KERNEL2(unfold, UnfoldParameters, real, out, const real, x) {
  const int taps = p.kernelHeight * p.kernelWidth, kernel_width = p.kernelWidth;
  const int channels = p.channels;
  FOR_EACH_CELL(cell, strip) {
    const long row = cell / taps;
    const int tap = cell - row * taps, dy = tap / kernel_width, dx = tap - dy * kernel_width;
    const long source = patch_source(&p, p.first + row, dy, dx), column = strip * PATCH_LANES;
    const int lanes = channels - column < PATCH_LANES ? channels - column : PATCH_LANES;
    GLOBAL real *to = out + cell * channels + column;
    GLOBAL const real *from = x + source * channels + column;
    if (source >= 0 && lanes == PATCH_LANES) {
      for (int l = 0; l < PATCH_LANES; ++l) to[l] = from[l];
    } else {
      for (int l = 0; l < PATCH_LANES; ++l) {
        if (l < lanes) to[l] = source < 0 ? R(0.0) : from[l];
      }
    }
  }
}

// x̄[row, c] = Σ_t patches[output(row, t), t·C + c], taps ascending, plain additions from +0. A column
// of the launch is a strip of channels.
KERNEL2(fold, UnfoldParameters, real, out, const real, patches) {
  const int width = p.width, positions = p.height * p.width, channels = p.channels;
  const int step_y = p.strideHeight, step_x = p.strideWidth;
  const long patch = p.kernelHeight * p.kernelWidth * p.channels;
  FOR_EACH_CELL(row, strip) {
    const long example = row / positions, column = strip * PATCH_LANES;
    const int position = row - example * positions;
    const int y = position / width + (int)p.top, x = position % width + (int)p.left;
    const int lanes = channels - column < PATCH_LANES ? channels - column : PATCH_LANES;
    real sum[PATCH_LANES];
    for (int l = 0; l < PATCH_LANES; ++l) sum[l] = R(0.0);
    for (int dy = 0; dy < p.kernelHeight && dy <= y; ++dy) {
      const int oy = (y - dy) / step_y;
      if (oy * step_y != y - dy || oy >= p.outputHeight) continue;
      for (int dx = 0; dx < p.kernelWidth && dx <= x; ++dx) {
        const int ox = (x - dx) / step_x;
        if (ox * step_x != x - dx || ox >= p.outputWidth) continue;
        const long r = (example * p.outputHeight + oy) * p.outputWidth + ox;
        GLOBAL const real *term =
            patches + r * patch + (dy * p.kernelWidth + dx) * channels + column;
        if (lanes == PATCH_LANES) {
          for (int l = 0; l < PATCH_LANES; ++l) sum[l] = sum[l] + term[l];
        } else {
          for (int l = 0; l < PATCH_LANES; ++l) {
            if (l < lanes) sum[l] = sum[l] + term[l];
          }
        }
      }
    }
    GLOBAL real *to = out + row * channels + column;
    if (lanes == PATCH_LANES) {
      for (int l = 0; l < PATCH_LANES; ++l) to[l] = sum[l];
    } else {
      for (int l = 0; l < PATCH_LANES; ++l) {
        if (l < lanes) to[l] = sum[l];
      }
    }
  }
}

// out[b, j, i] = x[b, i, j]; a row of the launch is (b, j).
KERNEL2(transposition, TranspositionParameters, real, out, const real, x) {
  FOR_EACH_CELL(row, i) {
    const long b = row / p.columns, j = row - b * p.columns;
    out[row * p.rows + i] = x[(b * p.rows + i) * p.columns + j];
  }
}
