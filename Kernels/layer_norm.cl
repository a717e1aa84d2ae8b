// Layer normalization of jets, row by row: with c = x − mean(x), v = mean(c²) + ε and r = 1/√v,
// all power series, y = c·r. One item per row and direction.
//
// A sum over columns: chains of MACLAURIN_CHAIN from +0 in ascending order by plain additions,
// chain sums added in ascending order; a mean is such a sum divided by the number of columns. What
// is summed of products is rounded as series_product does it. On a device the degrees up to
// MACLAURIN_ORDER are compile-time constants; else they come from the parameters.

#ifndef __OPENCL_VERSION__
#undef INPUT_DEGREE
#undef OUTPUT_DEGREE
#endif
#ifndef INPUT_DEGREE
#define INPUT_DEGREE ((int)p.inputDegree)
#define OUTPUT_DEGREE ((int)p.outputDegree)
#endif

// The highest coefficient of v that is not zero, or is of interest.
#define VARIANCE_DEGREE (2 * INPUT_DEGREE < OUTPUT_DEGREE ? 2 * INPUT_DEGREE : OUTPUT_DEGREE)
#define LANES_LEFT(column, end) ((end) - (column) < LANES ? (int)((end) - (column)) : LANES)

/// sum + x[0] + x[1] + …, from left to right.
FUNCTION real add_lanes(real sum, const real *x, int lanes) {
  for (int l = 0; l < lanes; ++l) sum = sum + x[l];
  return sum;
}

KERNEL3(layer_norm, LayerNormParameters, real, y, real, inverse, const real, x) {
  const real count = (real)p.columns;
  FOR_EACH_ITEM(item) {
    const long v = item / p.block, row = item % p.block;
    real mean[COEFFICIENTS], variance[COEFFICIENTS], r[COEFFICIENTS], chain[COEFFICIENTS];
    Coefficient u[COEFFICIENTS], product;
    // Where the coefficients' rows begin: higher ones `size` apart.
    const long size = p.block * p.columns;
    GLOBAL const real *first = x + row * p.columns;
    GLOBAL const real *higher = first + v * p.inputCapacity * size;

    for (int n = 0; n <= INPUT_DEGREE; ++n) mean[n] = R(0.0);
    for (long start = 0; start < p.columns; start += MACLAURIN_CHAIN) {
      const long end = start + MACLAURIN_CHAIN < p.columns ? start + MACLAURIN_CHAIN : p.columns;
      for (int n = 0; n <= INPUT_DEGREE; ++n) chain[n] = R(0.0);
      for (long column = start; column < end; column += LANES) {
        const int lanes = LANES_LEFT(column, end);
        for (int n = 0; n <= INPUT_DEGREE; ++n) {
          load_strip(product, (n == 0 ? first : higher + n * size) + column, lanes);
          chain[n] = add_lanes(chain[n], product, lanes);
        }
      }
      for (int n = 0; n <= INPUT_DEGREE; ++n) mean[n] = mean[n] + chain[n];
    }
    for (int n = 0; n <= INPUT_DEGREE; ++n) mean[n] = mean[n] / count;

    for (int n = 0; n <= VARIANCE_DEGREE; ++n) variance[n] = R(0.0);
    for (long start = 0; start < p.columns; start += MACLAURIN_CHAIN) {
      const long end = start + MACLAURIN_CHAIN < p.columns ? start + MACLAURIN_CHAIN : p.columns;
      for (int n = 0; n <= VARIANCE_DEGREE; ++n) chain[n] = R(0.0);
      for (long column = start; column < end; column += LANES) {
        const int lanes = LANES_LEFT(column, end);
        for (int n = 0; n <= INPUT_DEGREE; ++n) {
          load_strip(u[n], (n == 0 ? first : higher + n * size) + column, lanes);
          FOR_LANES(l) u[n][l] = u[n][l] - mean[n];
        }
        for (int n = 0; n <= VARIANCE_DEGREE; ++n) {
          const int last = n < INPUT_DEGREE ? n : INPUT_DEGREE;
          series_product(product, u, u, n, n - last, last);
          chain[n] = add_lanes(chain[n], product, lanes);
        }
      }
      for (int n = 0; n <= VARIANCE_DEGREE; ++n) variance[n] = variance[n] + chain[n];
    }
    for (int n = 0; n <= VARIANCE_DEGREE; ++n) variance[n] = variance[n] / count;
    variance[0] = variance[0] + REAL(p.epsilon);

    // n v_0 r_n = Σ_{i=1..n} (i/2 − n) v_i r_{n−i}
    r[0] = R(1.0) / sqrt(variance[0]);
    for (int n = 1; n <= OUTPUT_DEGREE; ++n) {
      const int last = n < VARIANCE_DEGREE ? n : VARIANCE_DEGREE;
      real sum = R(0.0);
      for (int i = 1; i <= last; ++i) {
        const real weight = R(0.5) * (real)i - (real)n;
        const real factor = weight * variance[i];
        sum = i == 1 ? factor * r[n - 1] : fma(factor, r[n - i], sum);
      }
      const real divisor = (real)n * variance[0];
      r[n] = sum / divisor;
    }
    for (int n = v == 0 ? 0 : 1; n <= p.inverseDegree; ++n) {
      const long block = n == 0 ? 0 : 1 + v * p.inverseCapacity + (n - 1);
      inverse[block * p.block + row] = r[n];
    }

    for (long column = 0; column < p.columns; column += LANES) {
      const int lanes = LANES_LEFT(column, p.columns);
      for (int n = 0; n <= INPUT_DEGREE; ++n) {
        load_strip(u[n], (n == 0 ? first : higher + n * size) + column, lanes);
        FOR_LANES(l) u[n][l] = u[n][l] - mean[n];
      }
      for (int n = 0; n <= OUTPUT_DEGREE; ++n) {
        const int last = n < INPUT_DEGREE ? n : INPUT_DEGREE;
        FOR_LANES(l) product[l] = u[0][l] * r[n];
        for (int i = 1; i <= last; ++i) {
          FOR_LANES(l) product[l] = fma(u[i][l], r[n - i], product[l]);
        }
        const long block = n == 0 ? 0 : 1 + v * p.outputCapacity + (n - 1);
        if (n > 0 || v == 0) {
          store_strip(y + block * size + row * p.columns + column, product, lanes);
        }
      }
    }
  }
}

// In place: with m̄_i = mean(ȳ_i), g_i = mean(Σ_{j≥i} y_{j−i} ȳ_j) and
// w_i = ȳ_i − m̄_i − Σ_{j≥i} y_{j−i} g_j, x̄_i = Σ_{j≥i} r_{j−i} w_j; j to the degree of ȳ.
KERNEL3(layer_norm_adjoint, LayerNormParameters, real, cotangent, const real, y,
        const real, inverse) {
  const real count = (real)p.columns;
  FOR_EACH_ITEM(item) {
    const long v = item / p.block, row = item % p.block;
    // Index i − 1 stands for coefficient i.
    real mean[COEFFICIENTS], dot[COEFFICIENTS], r[COEFFICIENTS];
    real meanChain[COEFFICIENTS], dotChain[COEFFICIENTS];
    Coefficient u[COEFFICIENTS], w[COEFFICIENTS], product;
    const long size = p.block * p.columns;
    GLOBAL const real *first = y + row * p.columns;
    GLOBAL const real *higher = first + v * p.valueCapacity * size;
    GLOBAL real *own = cotangent + v * p.outputCapacity * size + row * p.columns;

    for (int i = 0; i < OUTPUT_DEGREE; ++i) {
      mean[i] = R(0.0);
      dot[i] = R(0.0);
      r[i] = inverse[(i == 0 ? 0 : v * p.inverseCapacity + i) * p.block + row];
    }
    for (long start = 0; start < p.columns; start += MACLAURIN_CHAIN) {
      const long end = start + MACLAURIN_CHAIN < p.columns ? start + MACLAURIN_CHAIN : p.columns;
      for (int i = 0; i < OUTPUT_DEGREE; ++i) {
        meanChain[i] = R(0.0);
        dotChain[i] = R(0.0);
      }
      for (long column = start; column < end; column += LANES) {
        const int lanes = LANES_LEFT(column, end);
        for (int i = 0; i < OUTPUT_DEGREE; ++i) {
          load_strip(u[i], (i == 0 ? first : higher + i * size) + column, lanes);
          load_strip(w[i], own + i * size + column, lanes);
        }
        for (int i = 0; i < OUTPUT_DEGREE; ++i) {
          meanChain[i] = add_lanes(meanChain[i], w[i], lanes);
          FOR_LANES(l) product[l] = u[0][l] * w[i][l];
          for (int j = i + 1; j < OUTPUT_DEGREE; ++j) {
            FOR_LANES(l) product[l] = fma(u[j - i][l], w[j][l], product[l]);
          }
          dotChain[i] = add_lanes(dotChain[i], product, lanes);
        }
      }
      for (int i = 0; i < OUTPUT_DEGREE; ++i) {
        mean[i] = mean[i] + meanChain[i];
        dot[i] = dot[i] + dotChain[i];
      }
    }
    for (int i = 0; i < OUTPUT_DEGREE; ++i) {
      mean[i] = mean[i] / count;
      dot[i] = dot[i] / count;
    }

    for (long column = 0; column < p.columns; column += LANES) {
      const int lanes = LANES_LEFT(column, p.columns);
      for (int i = 0; i < OUTPUT_DEGREE; ++i) {
        load_strip(u[i], (i == 0 ? first : higher + i * size) + column, lanes);
        load_strip(w[i], own + i * size + column, lanes);
      }
      for (int i = 0; i < OUTPUT_DEGREE; ++i) {
        FOR_LANES(l) w[i][l] = w[i][l] - mean[i];
        for (int j = i; j < OUTPUT_DEGREE; ++j) {
          FOR_LANES(l) w[i][l] = fma(-u[j - i][l], dot[j], w[i][l]);
        }
      }
      for (int i = 0; i < INPUT_DEGREE; ++i) {
        FOR_LANES(l) product[l] = r[0] * w[i][l];
        for (int j = i + 1; j < OUTPUT_DEGREE; ++j) {
          FOR_LANES(l) product[l] = fma(r[j - i], w[j][l], product[l]);
        }
        store_strip(own + i * size + column, product, lanes);
      }
    }
  }
}

#undef VARIANCE_DEGREE
#undef LANES_LEFT
