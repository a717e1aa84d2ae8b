// Θ ← T′·Θ, K ← T after the affine map if there is one, T = Σ_n A_n B_n ρⁿ and T′ likewise.

/// The series of `count` terms at ρ. `row` and `column` point at the first cell's segment.
FUNCTION void dual_series_sum(real *sum, const real *rho, GLOBAL const real *row, long rowStride,
                              GLOBAL const real *column, long columnStride, int count,
                              const KernelCells cells, long t, int lanes) {
  Coefficient a[1], b[1];
  FOR_LANES(l) sum[l] = R(0.0);
  for (int n = count - 1; n >= 0; --n) {
    GLOBAL const real *const rowTerm = row + n * rowStride;
    GLOBAL const real *const columnTerm = column + n * columnStride;
#ifndef __OPENCL_VERSION__
    if (cells.rowStep == 0 && lanes == LANES && t + LANES <= cells.segment) {
      const real factor = rowTerm[0];
      FOR_LANES(l) {
        const real term = factor * columnTerm[t + l];
        sum[l] = n == count - 1 ? term : fma(sum[l], rho[l], term);
      }
      continue;
    }
#endif
    load_cells(a[0], rowTerm, cells.segment, t, cells.rowSegment, cells.rowStep, lanes);
    load_cells(b[0], columnTerm, cells.segment, t, cells.columnSegment, 1, lanes);
    FOR_LANES(l) {
      const real term = a[0][l] * b[0][l];
      sum[l] = n == count - 1 ? term : fma(sum[l], rho[l], term);
    }
  }
}

KERNEL8(dual_series, DualSeriesParameters, real, nngp, real, ntk, const real, rowVariances,
        const real, columnVariances, const real, rowValues, const real, columnValues,
        const real, rowSlopes, const real, columnSlopes) {
  FOR_EACH_STRIP(row, column, lanes) {
    const long at = row * range.columns + column;
    Coefficient k[1], theta[1], rho[1], a[1], b[1];
    load_strip(k[0], nngp + at, lanes);
    if (p.hasNTK) load_strip(theta[0], ntk + at, lanes);
    if (p.affine.isPresent) {
      if (p.hasNTK) FOR_LANES(l) theta[0][l] = affine_ntk(p.affine, k[0][l], theta[0][l]);
      FOR_LANES(l) k[0][l] = affine_nngp(p.affine, k[0][l]);
    }
    const CellPlaces places = cell_places(p.cells, row);
    const long segment = cell_segment(p.cells, column, range.columns);
    const long t = column - segment * p.cells.segment;
    const long rowPlace = places.row + segment * p.cells.rowSegment;
    const long columnPlace = places.column + segment * p.cells.columnSegment;
    load_cells(a[0], rowVariances + rowPlace, p.cells.segment, t, p.cells.rowSegment,
               p.cells.rowStep, lanes);
    load_cells(b[0], columnVariances + columnPlace, p.cells.segment, t, p.cells.columnSegment, 1,
               lanes);
    FOR_LANES(l) rho[0][l] = gaussian_correlation(k[0][l], a[0][l], b[0][l]);
    if (p.hasNTK) {
      dual_series_sum(a[0], rho[0], rowSlopes + rowPlace, p.rowStride, columnSlopes + columnPlace,
                      p.columnStride, (int)p.slopeCount, p.cells, t, lanes);
      FOR_LANES(l) theta[0][l] = a[0][l] * theta[0][l];
      store_strip(ntk + at, theta[0], lanes);
    }
    dual_series_sum(b[0], rho[0], rowValues + rowPlace, p.rowStride, columnValues + columnPlace,
                    p.columnStride, (int)p.valueCount, p.cells, t, lanes);
    store_strip(nngp + at, b[0], lanes);
  }
}
