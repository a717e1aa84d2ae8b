// out[i, j] = x[i, j], x[j, i], or x[max(i, j), min(i, j)]; the steps of x say which of the first two.

KERNEL2(matrix_copy, MatrixCopyParameters, real, out, const real, x) {
  FOR_EACH_CELL(row, column) {
    const int swaps = p.isMirrored && column > row;
    const long i = swaps ? column : row, j = swaps ? row : column;
    out[row * p.stride + column] = x[i * p.rowStep + j * p.columnStep];
  }
}
