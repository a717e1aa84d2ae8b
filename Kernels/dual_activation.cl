// Θ ← T′(K; a, b)·Θ, K ← T(K; a, b) after the affine map if there is one; the functions' numbers are
// DualFunction's in the Compute module.

#define DUAL(number, expression) \
  case number: \
    FOR_LANES(l) { \
      const real c = k[0][l], u = a[0][l], v = b[0][l]; \
      real s = R(0.0); \
      k[0][l] = expression; \
      slope[0][l] = s; \
    } \
    break;

KERNEL4(dual_activation, DualActivationParameters, real, nngp, real, ntk, const real, rowVariances,
        const real, columnVariances) {
  const real first = REAL(p.first), second = REAL(p.second), third = REAL(p.third);
  FOR_EACH_STRIP(row, column, lanes) {
    const long at = row * range.columns + column;
    Coefficient k[1], theta[1], slope[1], a[1], b[1];
    load_strip(k[0], nngp + at, lanes);
    if (p.hasNTK) load_strip(theta[0], ntk + at, lanes);
    if (p.affine.isPresent) {
      if (p.hasNTK) FOR_LANES(l) theta[0][l] = affine_ntk(p.affine, k[0][l], theta[0][l]);
      FOR_LANES(l) k[0][l] = affine_nngp(p.affine, k[0][l]);
    }
    if (p.function != 0) {
      const CellPlaces places = cell_places(p.cells, row);
      const long segment = cell_segment(p.cells, column, range.columns);
      const long t = column - segment * p.cells.segment;
      load_cells(a[0], rowVariances + places.row + segment * p.cells.rowSegment, p.cells.segment, t,
                 p.cells.rowSegment, p.cells.rowStep, lanes);
      load_cells(b[0], columnVariances + places.column + segment * p.cells.columnSegment,
                 p.cells.segment, t, p.cells.columnSegment, 1, lanes);
      switch (p.function) {
        DUAL(1, dual_rectifier(c, u, v, first, second, third, &s))
        DUAL(2, dual_erf(c, u, v, &s))
        DUAL(3, dual_gelu(c, u, v, &s))
        case 4:
          FOR_LANES(l) dual_waves(k[0][l], a[0][l], b[0][l], &k[0][l], &slope[0][l]);
          break;
        case 5:
          FOR_LANES(l) dual_waves(k[0][l], a[0][l], b[0][l], &slope[0][l], &k[0][l]);
          break;
        DUAL(6, dual_exp(c, u, v, &s))
        DUAL(7, dual_quadratic(c, u, v, &s))
        DUAL(8, dual_gaussian(c, u, v, &s))
        DUAL(9, dual_sign(c, u, v))
        DUAL(10, dual_normalization(c, u, v, first, &s))
      }
      // Nothing of Θ passes a sign, not even its NaN.
      if (p.hasNTK) {
        FOR_LANES(l) theta[0][l] = p.function == 9 ? R(0.0) : slope[0][l] * theta[0][l];
      }
    }
    store_strip(nngp + at, k[0], lanes);
    if (p.hasNTK) store_strip(ntk + at, theta[0], lanes);
  }
}
