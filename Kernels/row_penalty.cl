// The penalty λ‖W‖_{2,4}^p on the rows of a matrix: n_r = ‖w_r‖², S = Σ_r n_r², penalty λS^{p/4}.

// Rows of the launch are rows of x, columns lanes: lane i mod 64 accumulates squares in ascending
// order, then the fixed tree 32, 16, …, 1.
KERNEL2(row_squares_lanes, RowSquaresParameters, real, partial, const real, x) {
  FOR_EACH_STRIP(row, lane, lanes) {
    const long end = (row + 1) * p.columns;
    Coefficient sum[1];
    FOR_LANES(l) sum[0][l] = R(0.0);
    long i = row * p.columns + lane;
    for (; i + LANES <= end; i += MACLAURIN_REDUCTION_LANES) {
      FOR_LANES(l) sum[0][l] = fma(x[i + l], x[i + l], sum[0][l]);
    }
    FOR_LANES(l) {
      if (i + l < end) sum[0][l] = fma(x[i + l], x[i + l], sum[0][l]);
    }
    store_strip(partial + row * MACLAURIN_REDUCTION_LANES + lane, sum[0], lanes);
  }
}

// squares[r] = tree(partial[r]) + bias[r]², the last by fma.
KERNEL3(row_squares_tree, RowSquaresParameters, real, squares, const real, partial,
        const real, bias) {
  FOR_EACH_ITEM(row) {
    real sum[MACLAURIN_REDUCTION_LANES];
    for (int i = 0; i < MACLAURIN_REDUCTION_LANES; ++i) {
      sum[i] = partial[row * MACLAURIN_REDUCTION_LANES + i];
    }
    for (int half_ = MACLAURIN_REDUCTION_LANES / 2; half_ > 0; half_ /= 2) {
      for (int i = 0; i < half_; ++i) sum[i] = sum[i] + sum[i + half_];
    }
    squares[row] = p.hasBias ? fma(bias[row], bias[row], sum[0]) : sum[0];
  }
}

/// s^{n/4} for n ≥ 0, by products and square roots.
FUNCTION real quarter_power(real s, long n) {
  const real root = sqrt(s);
  real result = R(1.0);
  for (long i = 0; i < n / 4; ++i) result = result * s;
  if (n & 2) result = result * root;
  if (n & 1) result = result * sqrt(root);
  return result;
}

// g ← g + pλ S^{p/4−1} n_r w: the gradient, 0 at W = 0.
KERNEL4(row_penalty, RowPenaltyParameters, real, gradient, const real, x, const real, squares,
        const real, total) {
  real factor = REAL(p.factor);
  const real s = total[0];
  if (p.quarters < 0) {
    factor = factor / quarter_power(s, -p.quarters);
  } else {
    factor = factor * quarter_power(s, p.quarters);
  }
  if (s == R(0.0)) factor = R(0.0);
  FOR_EACH_CELL(row, column) {
    const real c = factor * squares[row];
    const long i = row * range.columns + column;
    gradient[i] = fma(c, x[i], gradient[i]);
  }
}
