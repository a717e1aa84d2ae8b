// Products with a vector in double precision, and sums of squares on the way: two passes each,
// partial sums and their sum, over p.batch matrices. A plane of sums is followed by one of squares.

#ifdef __OPENCL_VERSION__
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif

// y_i = Σ_j X_ij v_j. Launch rows are rows of X, columns the 64 lanes: lane l sums j ≡ l mod 64.
KERNEL3(projection_lanes, ProjectionParameters, double, partial, const real, x,
        const double, vector) {
  FOR_EACH_STRIP(row, lane, lanes) {
    const long b = row / p.rows, i = row - b * p.rows;
    GLOBAL const real *from = x + b * p.batchStride + i * p.stride;
    GLOBAL const double *v = vector + b * p.vectorStride;
    double sum[LANES], squares[LANES];
    FOR_LANES(l) {
      sum[l] = 0.0;
      squares[l] = 0.0;
    }
    long j = lane;
    for (; j + LANES <= p.columns; j += PROJECTION_LANES) {
      FOR_LANES(l) {
        const double e = (double)from[j + l];
        sum[l] = fma(e, v[j + l], sum[l]);
        squares[l] = fma(e, e, squares[l]);
      }
    }
    for (int l = 0; l < LANES; ++l) {
      if (j + l < p.columns) {
        const double e = (double)from[j + l];
        sum[l] = fma(e, v[j + l], sum[l]);
        squares[l] = fma(e, e, squares[l]);
      }
    }
    for (int l = 0; l < lanes; ++l) {
      partial[row * PROJECTION_LANES + lane + l] = sum[l];
      partial[p.plane + row * PROJECTION_LANES + lane + l] = squares[l];
    }
  }
}

// y_j = Σ_i X_ij v_i. Launch rows are chunks of PROJECTION_CHUNK rows of X.
KERNEL3(projection_chunks, ProjectionParameters, double, partial, const real, x,
        const double, vector) {
  FOR_EACH_STRIP(chunk, column, lanes) {
    const long b = chunk / p.parts, part = chunk - b * p.parts;
    const long first = part * PROJECTION_CHUNK;
    const long end = first + PROJECTION_CHUNK < p.rows ? first + PROJECTION_CHUNK : p.rows;
    GLOBAL const real *from = x + b * p.batchStride + column;
    GLOBAL const double *v = vector + b * p.vectorStride;
    double sum[LANES], squares[LANES];
    real value[LANES];
    FOR_LANES(l) {
      sum[l] = 0.0;
      squares[l] = 0.0;
    }
    for (long i = first; i < end; ++i) {
      const double weight = v[i];
      load_strip(value, from + i * p.stride, lanes);
      FOR_LANES(l) {
        const double e = (double)value[l];
        sum[l] = fma(e, weight, sum[l]);
        squares[l] = fma(e, e, squares[l]);
      }
    }
    for (int l = 0; l < lanes; ++l) {
      partial[chunk * p.columns + column + l] = sum[l];
      partial[p.plane + chunk * p.columns + column + l] = squares[l];
    }
  }
}

// Σ of the lanes of each row.
KERNEL3(projection_fold_lanes, ProjectionParameters, double, sums, double, squares,
        const double, partial) {
  FOR_EACH_ITEM(row) {
    const long b = row / p.rows, i = row - b * p.rows;
    GLOBAL const double *from = partial + row * PROJECTION_LANES;
    double sum = 0.0, square = 0.0;
    for (int lane = 0; lane < PROJECTION_LANES; ++lane) {
      sum = sum + from[lane];
      square = square + from[p.plane + lane];
    }
    sums[b * p.sumsStride + i] = sum;
    squares[b * p.sumsStride + i] = square;
  }
}

// Σ of the chunks of each column. Launch rows are matrices.
KERNEL3(projection_fold_chunks, ProjectionParameters, double, sums, double, squares,
        const double, partial) {
  FOR_EACH_STRIP(b, column, lanes) {
    GLOBAL const double *from = partial + b * p.parts * p.columns + column;
    double sum[LANES], square[LANES];
    FOR_LANES(l) {
      sum[l] = 0.0;
      square[l] = 0.0;
    }
    for (long part = 0; part < p.parts; ++part) {
      for (int l = 0; l < lanes; ++l) {
        sum[l] = sum[l] + from[part * p.columns + l];
        square[l] = square[l] + from[p.plane + part * p.columns + l];
      }
    }
    for (int l = 0; l < lanes; ++l) {
      sums[b * p.sumsStride + column + l] = sum[l];
      squares[b * p.sumsStride + column + l] = square[l];
    }
  }
}

// d_i ← d_i − α p_i, τ_i ← τ_i + c|α|√(q_i F). Launch rows are matrices.
KERNEL6(projection_residual, ResidualParameters, double, residual, double, tolerance,
        const double, sums, const double, squares, const double, norm, const real, scale) {
  double factor = as_double(p.factor);
  if (p.hasScale) factor = factor * (double)scale[0];
  const double coefficient = as_double(p.coefficient) * fabs(factor);
  FOR_EACH_CELL(b, i) {
    const long to = b * p.residualStride + i, from = b * p.sumsStride + i;
    const double size = sqrt(squares[from] * norm[b * p.normStride]);
    residual[to] = fma(-factor, sums[from], residual[to]);
    tolerance[to] = fma(coefficient, size, p.accumulates ? tolerance[to] : 0.0);
  }
}
