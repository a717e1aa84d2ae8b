// Where the numbers of two examples lie that a kernel's cells belong to (KernelCells).

/// Places of a launch row's first positions.
typedef struct { long row, column; } CellPlaces;

FUNCTION CellPlaces cell_places(const KernelCells cells, long launchRow) {
  const uint planes = (uint)cells.planes, columns = (uint)cells.columns;
  uint rest = (uint)launchRow;
  const uint columnPlane = planes == 1u ? 0u : rest % planes;
  rest = planes == 1u ? rest : rest / planes;
  const uint rowPlane = planes == 1u ? 0u : rest % planes;
  rest = planes == 1u ? rest : rest / planes;
  const uint i = columns == 1u ? rest : rest / columns;
  const uint j = cells.isPaired ? rest : rest - i * columns;
  CellPlaces places;
  places.row = (long)i * cells.rowExample + (long)rowPlane * cells.rowPlane;
  places.column = (long)j * cells.columnExample + (long)columnPlane * cells.columnPlane;
  return places;
}

/// The numbers of `lanes` cells, the first of which is number t of its segment; `from` is the
/// segment's first. Neighbours lie `step` apart, segments `segmentStep`. Further lanes get zeros.
FUNCTION void load_cells(real *x, GLOBAL const real *from, long segment, long t, long segmentStep,
                         long step, int lanes) {
#ifdef __OPENCL_VERSION__
  x[0] = from[t * step];
#else
  if (t + lanes <= segment) {
    from += t * step;
    if (step == 0) {
      const real value = from[0];
      FOR_LANES(l) x[l] = value;
    } else if (step == 1) {
      load_strip(x, from, lanes);
    } else {
      for (int l = 0; l < lanes; ++l) x[l] = from[l * step];
      for (int l = lanes; l < LANES; ++l) x[l] = R(0.0);
    }
    return;
  }
  int l = 0;
  while (l < lanes) {
    const int run = segment - t < lanes - l ? (int)(segment - t) : lanes - l;
    if (step == 0) {
      const real value = from[0];
      for (int i = 0; i < run; ++i) x[l + i] = value;
    } else {
      for (int i = 0; i < run; ++i) x[l + i] = from[(t + i) * step];
    }
    l += run;
    t = 0;
    from += segmentStep;
  }
  for (; l < LANES; ++l) x[l] = R(0.0);
#endif
}

/// The segment of a cell.
FUNCTION long cell_segment(const KernelCells cells, long column, long columns) {
  return cells.segment == columns ? 0 : (long)((uint)column / (uint)cells.segment);
}

/// Θ, then K, after the affine map.
FUNCTION real affine_ntk(const AffineParameters affine, real k, real theta) {
  const real share = fma(REAL(affine.nngpShare), k, REAL(affine.ntkBias));
  return fma(REAL(affine.ntkFactor), theta, share);
}
FUNCTION real affine_nngp(const AffineParameters affine, real k) {
  return fma(REAL(affine.factor), k, REAL(affine.bias));
}
