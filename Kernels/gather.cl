// out[i, j] = x[rows[i], j]

KERNEL3(gather, GatherParameters, real, out, const real, x, const int, rows) {
  FOR_EACH_CELL(i, j) { out[i * p.columns + j] = x[(long)rows[i] * p.stride + j]; }
}
