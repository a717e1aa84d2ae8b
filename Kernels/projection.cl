// Products with a vector in double precision, and sums of squares on the way.
//
// Written with vectors, because compilers for CPU devices do not make any of loops inside of a
// work-item; on a GPU a vector is so many loads of neighbouring work-items' neighbours.

#define WIDTH PROJECTION_WIDTH
#ifdef __OPENCL_VERSION__
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
typedef double16 Wide;
#ifdef REAL_IS_DOUBLE
#define LOAD_WIDE(address) vload16(0, address)
#else
#define LOAD_WIDE(address) convert_double16(vload16(0, address))
#endif
#define LOAD_DOUBLES(address) vload16(0, address)
#define STORE_WIDE(value, address) vstore16(value, 0, address)
#else
typedef double Wide __attribute__((ext_vector_type(WIDTH)));
// Elements need not be aligned to vectors.
typedef double LooseDoubles __attribute__((
  ext_vector_type(WIDTH), aligned(sizeof(double)), may_alias));
typedef real LooseReals __attribute__((ext_vector_type(WIDTH), aligned(sizeof(real)), may_alias));
#define LOAD_WIDE(address) __builtin_convertvector(*(const LooseReals *)(address), Wide)
#define LOAD_DOUBLES(address) (Wide)(*(const LooseDoubles *)(address))
#define STORE_WIDE(value, address) (*(LooseDoubles *)(address) = (value))
#endif

// `count` < WIDTH elements and zeros behind them.
#define LOAD_SOME(LOAD, type, target, address, count)                      \
  {                                                                        \
    type some[WIDTH];                                                      \
    for (int l = 0; l < WIDTH; ++l) some[l] = l < (count) ? (address)[l] : (type)0; \
    target = LOAD(some);                                                   \
  }

// target ← Σ of a vector's elements.
#define SUM_WIDE(target, x)                                        \
  {                                                                \
    double some[WIDTH], total = 0.0;                               \
    STORE_WIDE(x, some);                                           \
    for (int l = 0; l < WIDTH; ++l) total = total + some[l];       \
    target = total;                                                \
  }

// y_i = Σ_j X_ij v_j. Items are rows of X. Two vectors of lanes: lane l sums the j ≡ l mod 2·WIDTH.
KERNEL4(projection_rows, ProjectionParameters, double, sums, double, squares, const real, x,
        const double, vector) {
  FOR_EACH_ITEM(row) {
    const long b = row / p.rows, i = row - b * p.rows;
    GLOBAL const real *from = x + b * p.batchStride + i * p.stride;
    GLOBAL const double *v = vector + b * p.vectorStride;
    Wide sum[2], square[2];
    for (int half_ = 0; half_ < 2; ++half_) {
      sum[half_] = (Wide)(0.0);
      square[half_] = (Wide)(0.0);
    }
    long j = 0;
    for (; j + 2 * WIDTH <= p.columns; j += 2 * WIDTH) {
      for (int half_ = 0; half_ < 2; ++half_) {
        const Wide e = LOAD_WIDE(from + j + half_ * WIDTH);
        sum[half_] = fma(e, LOAD_DOUBLES(v + j + half_ * WIDTH), sum[half_]);
        square[half_] = fma(e, e, square[half_]);
      }
    }
    for (int half_ = 0; half_ < 2; ++half_) {
      const long first = j + half_ * WIDTH, count = p.columns - first;
      if (count > 0) {
        Wide e, w;
        LOAD_SOME(LOAD_WIDE, real, e, from + first, count)
        LOAD_SOME(LOAD_DOUBLES, double, w, v + first, count)
        sum[half_] = fma(e, w, sum[half_]);
        square[half_] = fma(e, e, square[half_]);
      }
    }
    SUM_WIDE(sums[b * p.sumsStride + i], sum[0] + sum[1])
    SUM_WIDE(squares[b * p.sumsStride + i], square[0] + square[1])
  }
}

// y_j = Σ_i X_ij v_i. Launch rows are chunks of PROJECTION_CHUNK rows of X, columns groups of
// neighbouring columns; partial sums have p.width places per chunk, a multiple of WIDTH, and a plane
// of sums is followed by one of squares.
KERNEL3(projection_chunks, ProjectionParameters, double, partial, const real, x,
        const double, vector) {
  FOR_EACH_CELL(chunk, group) {
    const long b = chunk / p.parts, part = chunk - b * p.parts, column = group * WIDTH;
    const long first = part * PROJECTION_CHUNK;
    const long end = first + PROJECTION_CHUNK < p.rows ? first + PROJECTION_CHUNK : p.rows;
    const long count = p.columns - column;
    GLOBAL const real *from = x + b * p.batchStride + column;
    GLOBAL const double *v = vector + b * p.vectorStride;
    Wide sum = (Wide)(0.0), squares = (Wide)(0.0);
    for (long i = first; i < end; ++i) {
      Wide e;
      if (count >= WIDTH) {
        e = LOAD_WIDE(from + i * p.stride);
      } else {
        LOAD_SOME(LOAD_WIDE, real, e, from + i * p.stride, count)
      }
      sum = fma((Wide)(v[i]), e, sum);
      squares = fma(e, e, squares);
    }
    STORE_WIDE(sum, partial + chunk * p.width + column);
    STORE_WIDE(squares, partial + p.plane + chunk * p.width + column);
  }
}

// Σ of the chunks of each column. Launch rows are matrices, columns groups of columns.
KERNEL3(projection_fold_chunks, ProjectionParameters, double, sums, double, squares,
        const double, partial) {
  FOR_EACH_CELL(b, group) {
    const long column = group * WIDTH;
    GLOBAL const double *from = partial + b * p.parts * p.width + column;
    Wide sum = (Wide)(0.0), square = (Wide)(0.0);
    for (long part = 0; part < p.parts; ++part) {
      sum = sum + LOAD_DOUBLES(from + part * p.width);
      square = square + LOAD_DOUBLES(from + p.plane + part * p.width);
    }
    double some[2 * WIDTH];
    STORE_WIDE(sum, some);
    STORE_WIDE(square, some + WIDTH);
    for (int l = 0; l < WIDTH && column + l < p.columns; ++l) {
      sums[b * p.sumsStride + column + l] = some[l];
      squares[b * p.sumsStride + column + l] = some[WIDTH + l];
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
