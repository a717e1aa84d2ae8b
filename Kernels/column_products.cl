// sums[j] = α Σ_{i=1..d} Σ_rows a_i[row, j] b_{i−1}[row, j]: the contraction's rule, rows ascending
// by (i, row), products accumulated by fma in chains of MACLAURIN_CHAIN, chain sums folded by
// chain_fold. `a` is a cotangent's jet, `b` one with a coefficient 0.

// Rows are chains of all directions.
KERNEL3(column_products, ColumnProductsParameters, real, partial, const real, a, const real, b) {
  const long count = p.degree * p.block;
  FOR_EACH_STRIP(row, column, lanes) {
    const long v = row / p.chains, first = row % p.chains * MACLAURIN_CHAIN;
    const long end = first + MACLAURIN_CHAIN < count ? first + MACLAURIN_CHAIN : count;
    GLOBAL const real *left = a + v * p.leftCapacity * p.block * p.columns + column;
    GLOBAL const real *right = b + column;
    // From coefficient 1 on, a direction's own rows.
    GLOBAL const real *higher = right + v * p.rightCapacity * p.block * p.columns;
    Coefficient sum[3];
    FOR_LANES(l) sum[0][l] = R(0.0);
    for (long i = first; i < end; ++i) {
      load_strip(sum[1], left + i * p.columns, lanes);
      load_strip(sum[2], (i < p.block ? right : higher) + i * p.columns, lanes);
      FOR_LANES(l) sum[0][l] = fma(sum[1][l], sum[2][l], sum[0][l]);
    }
    store_strip(partial + row * p.columns + column, sum[0], lanes);
  }
}
