// z(t) ↦ (φ(z(t)), φ′(z(t))), coefficient by coefficient, value and slope together.
//
// Buffers: `z` holds the input coefficients and receives the slope's (in place, when slopes are
// wanted); `y` receives the value's. The layer's bias, if there is one, is added to the input
// first: b to coefficient 0 and s·Δb to coefficient 1, by one addition each.
//
// Recurrence for y′ = w(y, u) u′: y_n = (1/n) Σ_{i=1..n} i u_i w_{n−i}. On a device ACTIVATION
// and, up to MACLAURIN_ORDER, the degrees are compile-time constants, so that everything stays in
// registers; the host compiles one function per activation and loops over lanes.

#define ACTIVATION_IDENTITY 0
#define ACTIVATION_RELU 1
#define ACTIVATION_LEAKY_RELU 2
#define ACTIVATION_TANH 3
#define ACTIVATION_SIGMOID 4
#define ACTIVATION_EXP 5
#define ACTIVATION_ERF 6
#define ACTIVATION_SOFTPLUS 7
#define ACTIVATION_SIN 8
#define ACTIVATION_COS 9
#define ACTIVATION_SWISH 10
#define ACTIVATION_GELU 11
#define ACTIVATION_QUADRATIC 12
#define ACTIVATION_ABS 13
#define ACTIVATION_SIGN 14
#define ACTIVATION_GAUSSIAN 15
#define ACTIVATION_GELU_TANH 16

#ifdef __OPENCL_VERSION__
#define COMPOSITION_KERNEL jet_composition
#else
#undef INPUT_DEGREE
#undef OUTPUT_DEGREE
#undef SLOPE_DEGREE
#endif
#ifndef INPUT_DEGREE
#define INPUT_DEGREE ((int)p.inputDegree)
#define OUTPUT_DEGREE ((int)p.outputDegree)
#define SLOPE_DEGREE ((int)p.slopeDegree)
#endif

// The largest coefficient that the series below must reach.
#define LAST_DEGREE (OUTPUT_DEGREE > SLOPE_DEGREE ? OUTPUT_DEGREE : SLOPE_DEGREE)

KERNEL5(COMPOSITION_KERNEL, JetCompositionParameters, real, z, real, y, const real, bias,
        const real, biasDisplacement, const real, scale) {
  const real biasFactor = REAL(p.biasFactor);
  const real direction = p.hasScale ? scale[0] : R(1.0);
  FOR_EACH_STRIP(row, column, lanes) {
    const long cell = row * p.columns + column, coefficient = p.block * p.columns;
    for (long v = 0; v < p.directions; ++v) {
      // u: input, f: value, g: slope; w, q: what the recurrences need besides.
      Coefficient u[COEFFICIENTS], f[COEFFICIENTS], g[COEFFICIENTS];
      Coefficient w[COEFFICIENTS], q[COEFFICIENTS];
      // With several directions coefficient 0 of `z` is overwritten after the last one.
      load_strip(u[0], z + cell, lanes);
      for (int i = 1; i <= INPUT_DEGREE; ++i) {
        const long block = 1 + v * p.inputCapacity + (i - 1);
        load_strip(u[i], z + block * coefficient + cell, lanes);
      }
      if (p.hasBias) {
        load_strip(w[0], bias + column, lanes);
        FOR_LANES(l) {
          const real b = biasFactor * w[0][l];
          u[0][l] = u[0][l] + b;
        }
      }
      if (p.hasBiasDisplacement) {
        load_strip(w[0], biasDisplacement + v * p.biasStride + column, lanes);
        FOR_LANES(l) {
          const real b = (biasFactor * direction) * w[0][l];
          u[1][l] = u[1][l] + b;
        }
      }

#if ACTIVATION == ACTIVATION_IDENTITY
      FOR_LANES(l) g[0][l] = R(1.0);
      for (int n = 0; n <= OUTPUT_DEGREE; ++n) FOR_LANES(l) f[n][l] = u[n][l];
      for (int n = 1; n <= SLOPE_DEGREE; ++n) FOR_LANES(l) g[n][l] = R(0.0);

#elif ACTIVATION == ACTIVATION_RELU || ACTIVATION == ACTIVATION_LEAKY_RELU
#if ACTIVATION == ACTIVATION_RELU
#define NEGATIVE_SLOPE R(0.0)
#else
#define NEGATIVE_SLOPE R(0.01)
#endif
      FOR_LANES(l) g[0][l] = u[0][l] <= R(0.0) ? NEGATIVE_SLOPE : R(1.0);
      for (int n = 0; n <= OUTPUT_DEGREE; ++n) {
        FOR_LANES(l) {
#if ACTIVATION == ACTIVATION_RELU
          f[n][l] = u[0][l] <= R(0.0) ? R(0.0) : u[n][l];
#else
          f[n][l] = u[0][l] <= R(0.0) ? NEGATIVE_SLOPE * u[n][l] : u[n][l];
#endif
        }
      }
      for (int n = 1; n <= SLOPE_DEGREE; ++n) FOR_LANES(l) g[n][l] = R(0.0);
#undef NEGATIVE_SLOPE

#elif ACTIVATION == ACTIVATION_TANH
      // w = 1 − y²
      FOR_LANES(l) {
        f[0][l] = real_tanh(u[0][l]);
        g[0][l] = fma(-f[0][l], f[0][l], R(1.0));
      }
      for (int n = 1; n <= LAST_DEGREE; ++n) {
        series_integral(f[n], u, g, n, INPUT_DEGREE);
        series_product(q[0], f, f, n, 0, n);
        FOR_LANES(l) g[n][l] = -q[0][l];
      }

#elif ACTIVATION == ACTIVATION_SIGMOID || ACTIVATION == ACTIVATION_SOFTPLUS \
    || ACTIVATION == ACTIVATION_SWISH
      // w = σ(u), q = σ − σ²: σ′ = q u′
      FOR_LANES(l) {
        w[0][l] = real_sigmoid(u[0][l]);
        q[0][l] = w[0][l] * real_sigmoid(-u[0][l]);
      }
      for (int n = 1; n <= LAST_DEGREE; ++n) {
        Coefficient square;
        series_integral(w[n], u, q, n, INPUT_DEGREE);
        series_product(square, w, w, n, 0, n);
        FOR_LANES(l) q[n][l] = w[n][l] - square[l];
      }
#if ACTIVATION == ACTIVATION_SIGMOID
      for (int n = 0; n <= LAST_DEGREE; ++n) {
        FOR_LANES(l) {
          f[n][l] = w[n][l];
          g[n][l] = q[n][l];
        }
      }
#elif ACTIVATION == ACTIVATION_SOFTPLUS
      FOR_LANES(l) {
        f[0][l] = real_softplus(u[0][l]);
        g[0][l] = w[0][l];
      }
      for (int n = 1; n <= LAST_DEGREE; ++n) {
        series_integral(f[n], u, w, n, INPUT_DEGREE);
        FOR_LANES(l) g[n][l] = w[n][l];
      }
#else
      // y = u σ, slope = σ + u q
      for (int n = 0; n <= LAST_DEGREE; ++n) {
        const int last = n < INPUT_DEGREE ? n : INPUT_DEGREE;
        Coefficient product;
        series_product(f[n], u, w, n, 0, last);
        series_product(product, u, q, n, 0, last);
        FOR_LANES(l) g[n][l] = w[n][l] + product[l];
      }
#endif

#elif ACTIVATION == ACTIVATION_EXP
      FOR_LANES(l) g[0][l] = f[0][l] = real_exp(u[0][l]);
      for (int n = 1; n <= LAST_DEGREE; ++n) {
        series_integral(f[n], u, f, n, INPUT_DEGREE);
        FOR_LANES(l) g[n][l] = f[n][l];
      }

#elif ACTIVATION == ACTIVATION_ERF || ACTIVATION == ACTIVATION_GELU
      // q = −u² (−u²/2 for gelu), w = e^q: w′ = w q′
      for (int n = 0; n <= LAST_DEGREE; ++n) {
        const int last = n < INPUT_DEGREE ? n : INPUT_DEGREE;
        series_product(q[n], u, u, n, n - last, last);
        FOR_LANES(l) {
#if ACTIVATION == ACTIVATION_ERF
          q[n][l] = -q[n][l];
#else
          q[n][l] = R(-0.5) * q[n][l];
#endif
        }
      }
      // e^{−u²} with the rounding error of u² put back: e^{q}(1 + δ).
      FOR_LANES(l) {
#if ACTIVATION == ACTIVATION_ERF
        const real error = fma(-u[0][l], u[0][l], -q[0][l]);
        const real factor = REAL_TWO_OVER_SQRT_PI;
#else
        const real half_ = R(0.5) * u[0][l];
        const real error = fma(-half_, u[0][l], -q[0][l]);
        const real factor = REAL_ONE_OVER_SQRT_TWO_PI;
#endif
        const real exponential = real_exp(q[0][l]);
        const real corrected = exponential > R(0.0) ? fma(exponential, error, exponential) : exponential;
        w[0][l] = factor * corrected;
      }
      for (int n = 1; n <= LAST_DEGREE; ++n) series_integral(w[n], q, w, n, LAST_DEGREE);
#if ACTIVATION == ACTIVATION_ERF
      FOR_LANES(l) {
        f[0][l] = real_erf(u[0][l]);
        g[0][l] = w[0][l];
      }
      for (int n = 1; n <= LAST_DEGREE; ++n) {
        series_integral(f[n], u, w, n, INPUT_DEGREE);
        FOR_LANES(l) g[n][l] = w[n][l];
      }
#else
      // Φ in q (its old content is used up), y = u Φ, slope = Φ + u w
      FOR_LANES(l) q[0][l] = R(0.5) * real_erfc(-REAL_SQRT_HALF * u[0][l]);
      for (int n = 1; n <= LAST_DEGREE; ++n) series_integral(q[n], u, w, n, INPUT_DEGREE);
      for (int n = 0; n <= LAST_DEGREE; ++n) {
        const int last = n < INPUT_DEGREE ? n : INPUT_DEGREE;
        Coefficient product;
        series_product(f[n], u, q, n, 0, last);
        series_product(product, u, w, n, 0, last);
        FOR_LANES(l) g[n][l] = q[n][l] + product[l];
      }
#endif

#elif ACTIVATION == ACTIVATION_SIN || ACTIVATION == ACTIVATION_COS
      // w = sin u, q = cos u: sin′ = cos u′, cos′ = −sin u′
      FOR_LANES(l) {
        w[0][l] = real_sin(u[0][l]);
        q[0][l] = real_cos(u[0][l]);
      }
      for (int n = 1; n <= LAST_DEGREE; ++n) {
        series_integral(w[n], u, q, n, INPUT_DEGREE);
        series_integral(q[n], u, w, n, INPUT_DEGREE);
        FOR_LANES(l) q[n][l] = -q[n][l];
      }
      for (int n = 0; n <= LAST_DEGREE; ++n) {
        FOR_LANES(l) {
#if ACTIVATION == ACTIVATION_SIN
          f[n][l] = w[n][l];
          g[n][l] = q[n][l];
#else
          f[n][l] = q[n][l];
          g[n][l] = -w[n][l];
#endif
        }
      }

#elif ACTIVATION == ACTIVATION_QUADRATIC
      for (int n = 0; n <= LAST_DEGREE; ++n) {
        const int last = n < INPUT_DEGREE ? n : INPUT_DEGREE;
        series_product(f[n], u, u, n, n - last, last);
        FOR_LANES(l) g[n][l] = n <= INPUT_DEGREE ? R(2.0) * u[n][l] : R(0.0);
      }

#elif ACTIVATION == ACTIVATION_ABS
      // ±u by the sign of u_0, 0 where that is 0; NaN as if positive
      FOR_LANES(l) g[0][l] = u[0][l] < R(0.0) ? R(-1.0) : u[0][l] == R(0.0) ? R(0.0) : R(1.0);
      for (int n = 0; n <= OUTPUT_DEGREE; ++n) {
        FOR_LANES(l) {
          f[n][l] = u[0][l] < R(0.0) ? -u[n][l] : u[0][l] == R(0.0) ? R(0.0) : u[n][l];
        }
      }
      for (int n = 1; n <= SLOPE_DEGREE; ++n) FOR_LANES(l) g[n][l] = R(0.0);

#elif ACTIVATION == ACTIVATION_SIGN
      FOR_LANES(l) {
        const real positive = u[0][l] > R(0.0) ? R(1.0) : u[0][l] == R(0.0) ? R(0.0) : u[0][l];
        f[0][l] = u[0][l] < R(0.0) ? R(-1.0) : positive;
        g[0][l] = R(0.0);
      }
      for (int n = 1; n <= OUTPUT_DEGREE; ++n) FOR_LANES(l) f[n][l] = R(0.0);
      for (int n = 1; n <= SLOPE_DEGREE; ++n) FOR_LANES(l) g[n][l] = R(0.0);

#elif ACTIVATION == ACTIVATION_GAUSSIAN
      // q = −u², y = e^q with the rounding error of q_0 put back: y′ = y q′, slope = −2 u y
      for (int n = 0; n <= LAST_DEGREE; ++n) {
        const int last = n < INPUT_DEGREE ? n : INPUT_DEGREE;
        series_product(q[n], u, u, n, n - last, last);
        FOR_LANES(l) q[n][l] = -q[n][l];
      }
      FOR_LANES(l) {
        const real error = fma(-u[0][l], u[0][l], -q[0][l]);
        const real exponential = real_exp(q[0][l]);
        f[0][l] = exponential > R(0.0) ? fma(exponential, error, exponential) : exponential;
      }
      for (int n = 1; n <= LAST_DEGREE; ++n) series_integral(f[n], q, f, n, LAST_DEGREE);
      for (int n = 0; n <= LAST_DEGREE; ++n) {
        const int last = n < INPUT_DEGREE ? n : INPUT_DEGREE;
        series_product(g[n], u, f, n, 0, last);
        FOR_LANES(l) g[n][l] = R(-2.0) * g[n][l];
      }

#elif ACTIVATION == ACTIVATION_GELU_TANH
      // v = u, cut off where σ is 0 or 1 to the last bit so that v³ is finite; w = v³,
      // f = P = κ(v + a v³), g = v P′ = κ(v + 3a v³), κ = 2√(2/π)
      Coefficient whole;
      FOR_LANES(l) {
        whole[l] = u[0][l];
        const real below = whole[l] > R(64.0) ? R(64.0) : whole[l];
        u[0][l] = below < R(-64.0) ? R(-64.0) : below;
      }
      for (int n = 0; n <= LAST_DEGREE; ++n) {
        const int last = n < INPUT_DEGREE ? n : INPUT_DEGREE;
        series_product(q[n], u, u, n, n - last, last);
        series_product(w[n], u, q, n, 0, last);
        FOR_LANES(l) {
          const real v = n <= INPUT_DEGREE ? u[n][l] : R(0.0);
          const real inner = fma(R(0.044715), w[n][l], v);
          const real outer = fma(R(0.134145), w[n][l], v);
          f[n][l] = R(1.5957691216057308) * inner;
          g[n][l] = R(1.5957691216057308) * outer;
        }
      }
      // w = σ(P), q = σ − σ²: σ′ = q P′
      FOR_LANES(l) {
        u[0][l] = whole[l];
        w[0][l] = real_sigmoid(f[0][l]);
        q[0][l] = w[0][l] * real_sigmoid(-f[0][l]);
      }
      for (int n = 1; n <= LAST_DEGREE; ++n) {
        Coefficient square;
        series_integral(w[n], f, q, n, LAST_DEGREE);
        series_product(square, w, w, n, 0, n);
        FOR_LANES(l) q[n][l] = w[n][l] - square[l];
      }
      // y = u σ, slope = σ + v P′ q, downwards, so that v P′ is there as long as it is read
      for (int n = LAST_DEGREE; n >= 0; --n) {
        const int last = n < INPUT_DEGREE ? n : INPUT_DEGREE;
        Coefficient product;
        series_product(f[n], u, w, n, 0, last);
        series_product(product, g, q, n, 0, n);
        FOR_LANES(l) g[n][l] = w[n][l] + product[l];
      }
#endif

      if (v == 0) store_strip(y + cell, f[0], lanes);
      for (int i = 1; i <= OUTPUT_DEGREE; ++i) {
        const long block = 1 + v * p.outputCapacity + (i - 1);
        store_strip(y + block * coefficient + cell, f[i], lanes);
      }
      if (SLOPE_DEGREE >= 0 && v == p.directions - 1) store_strip(z + cell, g[0], lanes);
      for (int i = 1; i <= SLOPE_DEGREE; ++i) {
        const long block = 1 + v * p.slopeCapacity + (i - 1);
        store_strip(z + block * coefficient + cell, g[i], lanes);
      }
    }
  }
}

#undef COMPOSITION_KERNEL
#undef ACTIVATION
