// Pooling of jets of images: a row is a position, a column a channel; the rows of one example
// follow one another, y·width + x.

/// Where coefficient number `slice` of all directions' lies, in row blocks. Slices: coefficient 0,
/// if there is one, then each direction's.
FUNCTION long pooling_block(long slice, long hasZero, long degree, long capacity) {
  if (slice < hasZero) return 0;
  const long higher = slice - hasZero;
  return hasZero + higher / degree * capacity + higher % degree;
}

/// The first window, along one axis, that holds position `y` or begins behind it.
FUNCTION long pooling_first(long y, long window, long stride) {
  return y < window ? 0 : (y - window) / stride + 1;
}

/// The last window that does not begin behind position `y`.
FUNCTION long pooling_last(long y, long stride, long windows) {
  const long last = y / stride;
  return last < windows ? last : windows - 1;
}

// y_i = (1/n) Σ over the window, ascending, from +0. Rows are positions of all coefficients.
KERNEL2(average_pool, PoolingParameters, real, y, const real, x) {
  const long positions = p.imageHeight * p.imageWidth, windows = p.pooledHeight * p.pooledWidth;
  const real factor = REAL(p.factor);
  FOR_EACH_STRIP(row, column, lanes) {
    const long slice = row / (p.examples * windows), window = row % windows;
    const long example = row / windows % p.examples;
    const long first = window / p.pooledWidth * p.strideY * p.imageWidth
        + window % p.pooledWidth * p.strideX;
    const long from = pooling_block(slice, p.hasZero, p.degree, p.imageCapacity);
    const long to = pooling_block(slice, p.hasZero, p.degree, p.pooledCapacity);
    GLOBAL const real *image = x + ((from * p.examples + example) * positions + first) * p.columns;
    Coefficient sum[2];
    FOR_LANES(l) sum[0][l] = R(0.0);
    for (long dy = 0; dy < p.windowHeight; ++dy) {
      for (long dx = 0; dx < p.windowWidth; ++dx) {
        load_strip(sum[1], image + (dy * p.imageWidth + dx) * p.columns + column, lanes);
        FOR_LANES(l) sum[0][l] = sum[0][l] + sum[1][l];
      }
    }
    FOR_LANES(l) sum[0][l] = factor * sum[0][l];
    store_strip(y + ((to * p.examples + example) * windows + window) * p.columns + column, sum[0],
                lanes);
  }
}

// x̄_i = (1/n) Σ ȳ_i over the windows that hold the position, ascending, from +0.
KERNEL2(average_pool_adjoint, PoolingParameters, real, x, const real, y) {
  const long positions = p.imageHeight * p.imageWidth, windows = p.pooledHeight * p.pooledWidth;
  const real factor = REAL(p.factor);
  FOR_EACH_STRIP(row, column, lanes) {
    const long slice = row / (p.examples * positions), position = row % positions;
    const long example = row / positions % p.examples;
    const long atY = position / p.imageWidth + p.originY, atX = position % p.imageWidth + p.originX;
    const long lastY = pooling_last(atY, p.strideY, p.pooledHeight);
    const long lastX = pooling_last(atX, p.strideX, p.pooledWidth);
    const long from = pooling_block(slice, p.hasZero, p.degree, p.pooledCapacity);
    const long to = pooling_block(slice, p.hasZero, p.degree, p.imageCapacity);
    GLOBAL const real *pooled = y + (from * p.examples + example) * windows * p.columns;
    Coefficient sum[2];
    FOR_LANES(l) sum[0][l] = R(0.0);
    for (long i = pooling_first(atY, p.windowHeight, p.strideY); i <= lastY; ++i) {
      for (long j = pooling_first(atX, p.windowWidth, p.strideX); j <= lastX; ++j) {
        load_strip(sum[1], pooled + (i * p.pooledWidth + j) * p.columns + column, lanes);
        FOR_LANES(l) sum[0][l] = sum[0][l] + sum[1][l];
      }
    }
    FOR_LANES(l) sum[0][l] = factor * sum[0][l];
    store_strip(x + ((to * p.examples + example) * positions + position) * p.columns + column,
                sum[0], lanes);
  }
}

// The position of the window's largest x_0, the first of equals, a NaN before everything, chooses
// y_i for every i. Rows are windows.
KERNEL3(max_pool, PoolingParameters, real, y, real, choice, const real, x) {
  const long positions = p.imageHeight * p.imageWidth, windows = p.pooledHeight * p.pooledWidth;
  FOR_EACH_STRIP(row, column, lanes) {
    const long example = row / windows, window = row % windows;
    // What of the window lies within the image, counted from the window's beginning.
    const long atY = window / p.pooledWidth * p.strideY - p.originY;
    const long atX = window % p.pooledWidth * p.strideX - p.originX;
    const long fromY = atY < 0 ? -atY : 0, fromX = atX < 0 ? -atX : 0;
    const long restY = p.imageHeight - atY, restX = p.imageWidth - atX;
    const long toY = restY < p.windowHeight ? restY : p.windowHeight;
    const long toX = restX < p.windowWidth ? restX : p.windowWidth;
    const long from = (example * positions + atY * p.imageWidth + atX) * p.columns + column;
    const long to = row * p.columns + column;
    Coefficient best[1], value[1];
    int tap[LANES];
    load_strip(best[0], x + (from + (fromY * p.imageWidth + fromX) * p.columns), lanes);
    FOR_LANES(l) tap[l] = (int)(fromY * p.windowWidth + fromX);
    for (long dy = fromY; dy < toY; ++dy) {
      for (long dx = fromX; dx < toX; ++dx) {
        const int own = (int)(dy * p.windowWidth + dx);
        load_strip(value[0], x + (from + (dy * p.imageWidth + dx) * p.columns), lanes);
        FOR_LANES(l) {
          const int wins = (value[0][l] > best[0][l])
              | ((value[0][l] != value[0][l]) & (best[0][l] == best[0][l]));
          best[0][l] = wins ? value[0][l] : best[0][l];
          tap[l] = wins ? own : tap[l];
        }
      }
    }
    store_strip(y + to, best[0], lanes);
    if (p.hasChoice) {
      FOR_LANES(l) value[0][l] = (real)tap[l];
      store_strip(choice + to, value[0], lanes);
    }
    for (long slice = 1; slice <= p.directions * p.degree; ++slice) {
      const long image = pooling_block(slice, 1, p.degree, p.imageCapacity) * p.examples;
      const long pooled = pooling_block(slice, 1, p.degree, p.pooledCapacity) * p.examples;
      for (int l = 0; l < lanes; ++l) {
        const long dy = tap[l] / p.windowWidth, dx = tap[l] % p.windowWidth;
        value[0][l] =
            x[image * positions * p.columns + from + (dy * p.imageWidth + dx) * p.columns + l];
      }
      store_strip(y + pooled * windows * p.columns + to, value[0], lanes);
    }
  }
}

// x̄_i = Σ ȳ_i over the windows that hold the position and chose it, ascending, from +0.
KERNEL3(max_pool_adjoint, PoolingParameters, real, x, const real, y, const real, choice) {
  const long positions = p.imageHeight * p.imageWidth, windows = p.pooledHeight * p.pooledWidth;
  FOR_EACH_STRIP(row, column, lanes) {
    const long slice = row / (p.examples * positions), position = row % positions;
    const long example = row / positions % p.examples;
    const long atY = position / p.imageWidth + p.originY, atX = position % p.imageWidth + p.originX;
    const long lastY = pooling_last(atY, p.strideY, p.pooledHeight);
    const long lastX = pooling_last(atX, p.strideX, p.pooledWidth);
    const long from = pooling_block(slice, p.hasZero, p.degree, p.pooledCapacity);
    const long to = pooling_block(slice, p.hasZero, p.degree, p.imageCapacity);
    GLOBAL const real *pooled = y + (from * p.examples + example) * windows * p.columns;
    GLOBAL const real *chosen = choice + example * windows * p.columns;
    Coefficient sum[3];
    FOR_LANES(l) sum[0][l] = R(0.0);
    for (long i = pooling_first(atY, p.windowHeight, p.strideY); i <= lastY; ++i) {
      for (long j = pooling_first(atX, p.windowWidth, p.strideX); j <= lastX; ++j) {
        const long window = (i * p.pooledWidth + j) * p.columns + column;
        const long tap = (atY - i * p.strideY) * p.windowWidth + (atX - j * p.strideX);
        load_strip(sum[1], pooled + window, lanes);
        load_strip(sum[2], chosen + window, lanes);
        FOR_LANES(l) sum[0][l] = sum[2][l] == (real)tap ? sum[0][l] + sum[1][l] : sum[0][l];
      }
    }
    store_strip(x + ((to * p.examples + example) * positions + position) * p.columns + column,
                sum[0], lanes);
  }
}
