// Sums over windows along an axis, along the diagonal of two, or along their trace: see WindowSum in
// the Compute module. A launch row is a window (two in diagonals), its columns are what lies behind
// it in memory; with columnStep the windows' last axis is among the columns.

/// A launch row's steps inside, and the element of the input that its first column takes at step 0.
typedef struct { long begin, end, at; } WindowRow;

FUNCTION WindowRow window_row(const WindowSumParameters p, long launchRow) {
  const uint others = (uint)p.others, windows = (uint)p.windows;
  const uint rest = others == 1u ? (uint)launchRow : (uint)launchRow / others;
  const uint outer = windows == 1u ? rest : rest / windows;
  const long first = (long)(rest - outer * windows) * p.stride - p.before;
  const long second = (long)((uint)launchRow - rest * others) * p.stride - p.before;
  WindowRow row;
  row.begin = 0;
  row.end = p.size;
  if (p.windowStep != 0) {
    row.begin = first < 0 ? -first : 0;
    row.end = p.input - first < row.end ? p.input - first : row.end;
  }
  if (p.otherStep != 0) {
    row.begin = -second > row.begin ? -second : row.begin;
    row.end = p.input - second < row.end ? p.input - second : row.end;
  }
  row.at = (long)outer * p.outerStep + first * p.windowStep + second * p.otherStep
      - p.before * p.columnStep;
  return row;
}

KERNEL2(window_sum, WindowSumParameters, real, out, const real, in) {
  const real alpha = REAL(p.alpha);
  const long step = p.windowStep + p.otherStep + p.columnStep;
  FOR_EACH_STRIP(row, column, lanes) {
    const WindowRow window = window_row(p, row);
    Coefficient sum[1];
    FOR_LANES(l) sum[0][l] = R(0.0);
    for (long d = window.begin; d < window.end; ++d) {
      const long from = window.at + d * step + column * p.columnStride;
      // Lanes low ..< high are inside; beyond, +0 is added, which changes nothing.
      const long place = column * p.columnStride + (d - p.before) * p.columnStep;
      const long limit = p.columnStep == 0 ? range.columns : p.columnLimit;
      if (p.columnStride != 1) {
        for (int l = 0; l < lanes; ++l) {
          const long own = place + l * p.columnStride;
          if (own >= 0 && own < limit) sum[0][l] = sum[0][l] + in[from + l * p.columnStride];
        }
        continue;
      }
      const long start = p.columnStep == 0 ? column : place;
      const int low = start < 0 ? (-start < lanes ? (int)-start : (int)lanes) : 0;
      const int high = limit - start < lanes ? (int)(limit - start) : (int)lanes;
      if (low == 0 && high == LANES) {
        FOR_LANES(l) sum[0][l] = sum[0][l] + in[from + l];
      } else {
        FOR_LANES(l) {
          const real x = ((l >= low) & (l < high)) ? in[from + l] : R(0.0);
          sum[0][l] = sum[0][l] + x;
        }
      }
    }
    FOR_LANES(l) sum[0][l] = alpha * sum[0][l];
    store_strip(out + row * range.columns + column, sum[0], lanes);
  }
}

// The same where rows have few columns.
KERNEL2(window_sum_cells, WindowSumParameters, real, out, const real, in) {
  const real alpha = REAL(p.alpha);
  const long step = p.windowStep + p.otherStep + p.columnStep;
  FOR_EACH_CELL(row, column) {
    const WindowRow window = window_row(p, row);
    const long offset = column * p.columnStride;
    real sum = R(0.0);
    for (long d = window.begin; d < window.end; ++d) {
      const long place = offset + (d - p.before) * p.columnStep;
      if (p.columnStep == 0 || (place >= 0 && place < p.columnLimit)) {
        sum = sum + in[window.at + d * step + offset];
      }
    }
    out[row * range.columns + column] = alpha * sum;
  }
}
