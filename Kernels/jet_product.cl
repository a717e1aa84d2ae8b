// Products of truncated power series, elementwise.

// c(t) = a(t) b(t) mod t^{degree+1}: c_n = Σ_i a_i b_{n−i}, ascending i.
KERNEL3(jet_product, JetProductParameters, real, c, const real, a, const real, b) {
  FOR_EACH_STRIP(row, column, lanes) {
    const long cell = row * p.columns + column, coefficient = p.block * p.columns;
    for (long v = 0; v < p.directions; ++v) {
      for (long n = 0; n <= p.outputDegree; ++n) {
        Coefficient sum[3];
        const long first = n > p.rightDegree ? n - p.rightDegree : 0;
        const long last = n < p.leftDegree ? n : p.leftDegree;
        FOR_LANES(l) sum[0][l] = R(0.0);
        for (long i = first; i <= last; ++i) {
          const long left = i == 0 ? 0 : 1 + v * p.leftCapacity + (i - 1);
          const long right = n == i ? 0 : 1 + v * p.rightCapacity + (n - i - 1);
          load_strip(sum[1], a + left * coefficient + cell, lanes);
          load_strip(sum[2], b + right * coefficient + cell, lanes);
          if (i == first) {
            FOR_LANES(l) sum[0][l] = sum[1][l] * sum[2][l];
          } else {
            FOR_LANES(l) sum[0][l] = fma(sum[1][l], sum[2][l], sum[0][l]);
          }
        }
        const long block = n == 0 ? 0 : 1 + v * p.outputCapacity + (n - 1);
        if (n > 0 || v == 0) store_strip(c + block * coefficient + cell, sum[0], lanes);
      }
    }
  }
}

// The same for index-reversed cotangents, stored un-reversed and updated in place:
// z̄_i = Σ_{j=i..d} s_{j−i} ȳ_j, i = 1…outputDegree, d the degree of ȳ. Left is the slope s;
// right is the cotangent, whose row blocks begin at coefficient 1. Ascending i, so that every
// ȳ_j is read before it is overwritten.
KERNEL2(jet_product_adjoint, JetProductParameters, real, cotangent, const real, slope) {
  FOR_EACH_STRIP(row, column, lanes) {
    const long cell = row * p.columns + column, coefficient = p.block * p.columns;
    for (long v = 0; v < p.directions; ++v) {
      for (long i = 1; i <= p.outputDegree; ++i) {
        Coefficient sum[3];
        const long last = i + p.leftDegree < p.rightDegree ? i + p.leftDegree : p.rightDegree;
        for (long j = i; j <= last; ++j) {
          const long left = j == i ? 0 : 1 + v * p.leftCapacity + (j - i - 1);
          const long right = v * p.rightCapacity + (j - 1);
          load_strip(sum[1], slope + left * coefficient + cell, lanes);
          load_strip(sum[2], cotangent + right * coefficient + cell, lanes);
          if (j == i) {
            FOR_LANES(l) sum[0][l] = sum[1][l] * sum[2][l];
          } else {
            FOR_LANES(l) sum[0][l] = fma(sum[1][l], sum[2][l], sum[0][l]);
          }
        }
        const long block = v * p.rightCapacity + (i - 1);
        store_strip(cotangent + block * coefficient + cell, sum[0], lanes);
      }
    }
  }
}
