// Truncated power series, one per lane: u[i][l] is coefficient i of lane l. Every function
// works on coefficient n for all lanes, so that the host vectorises over lanes and a device's
// compiler unrolls over n.

// The arrays' length. Programs for longer series define it; the host's are in host_float64_long.c.
#ifndef MAXIMUM_ORDER
#define MAXIMUM_ORDER MACLAURIN_ORDER
#endif
#define COEFFICIENTS (MAXIMUM_ORDER + 1)
typedef real Coefficient[LANES];

/// out = Σ_{i=first..last} a_i b_{n−i}, ascending i.
FUNCTION void series_product(real *out, Coefficient *a, Coefficient *b, int n, int first, int last) {
  if (first > last) {
    FOR_LANES(l) out[l] = R(0.0);
    return;
  }
  FOR_LANES(l) out[l] = a[first][l] * b[n - first][l];
  for (int i = first + 1; i <= last; ++i) {
    FOR_LANES(l) out[l] = fma(a[i][l], b[n - i][l], out[l]);
  }
}

/// Coefficient n ≥ 1 of y with y′ = w u′: y_n = (1/n) Σ_{i=1..min(n,degree)} i u_i w_{n−i}.
FUNCTION void series_integral(real *y, Coefficient *u, Coefficient *w, int n, int degree) {
  const int last = n < degree ? n : degree;
  if (last < 1) {
    FOR_LANES(l) y[l] = R(0.0);
    return;
  }
  FOR_LANES(l) y[l] = u[1][l] * w[n - 1][l];
  for (int i = 2; i <= last; ++i) {
    FOR_LANES(l) {
      const real iu = (real)i * u[i][l];
      y[l] = fma(iu, w[n - i][l], y[l]);
    }
  }
  if (n > 1) {
    FOR_LANES(l) y[l] = y[l] / (real)n;
  }
}
