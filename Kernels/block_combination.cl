// out_r = (Σ_t factor_t x_source(t))/divisor, r = 0 … rows − 1: blocks of `step` elements. A strip of
// the columns is combined for all rows before the next one, so that its sources are read once.

KERNEL2(block_combination, BlockCombinationParameters, real, out, const real, x) {
  FOR_EACH_STRIP(row, column, lanes) {
    const long cell = row * p.columns + column;
    real sum[2][LANES];
    for (long r = 0; r < p.rows; ++r) {
      for (long t = 0; t < p.count[r]; ++t) {
        const long source = p.sources[r] >> (8 * t) & 255;
        const real factor = R(0.125) * (real)(signed char)(p.factors[r] >> (8 * t));
        load_strip(sum[1], x + source * p.step + cell, lanes);
        if (t == 0) {
          FOR_LANES(l) sum[0][l] = factor * sum[1][l];
        } else {
          FOR_LANES(l) sum[0][l] = fma(factor, sum[1][l], sum[0][l]);
        }
      }
      if (p.divisor[r] != 1) {
        const real divisor = (real)p.divisor[r];
        FOR_LANES(l) sum[0][l] = sum[0][l] / divisor;
      }
      store_strip(out + r * p.step + cell, sum[0], lanes);
    }
  }
}
