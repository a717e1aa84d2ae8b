// The canonical reductions.
//
// Long ones: blocks of 65,536 elements; in a block 64 lanes, lane i mod 64 accumulating in
// ascending order; then the fixed tree 32, 16, …, 1. Block sums are reduced by the same rule.
// Two launches per level: (block, lane) partial sums, then one tree per block.

#define LANES_OF_BLOCK MACLAURIN_REDUCTION_LANES
#define BLOCK MACLAURIN_REDUCTION_BLOCK

// Rows are blocks, columns lanes.
KERNEL2(sum_lanes, ReductionParameters, real, partial, const real, x) {
  FOR_EACH_STRIP(row, lane, lanes) {
    const long first = row * BLOCK;
    const long end = first + BLOCK < p.count ? first + BLOCK : p.count;
    Coefficient sum[1];
    FOR_LANES(l) sum[0][l] = R(0.0);
    long i = first + lane;
    for (; i + LANES <= end; i += LANES_OF_BLOCK) {
      FOR_LANES(l) sum[0][l] = sum[0][l] + x[i + l];
    }
    FOR_LANES(l) {
      if (i + l < end) sum[0][l] = sum[0][l] + x[i + l];
    }
    store_strip(partial + row * LANES_OF_BLOCK + lane, sum[0], lanes);
  }
}

KERNEL2(sum_of_squares_lanes, ReductionParameters, real, partial, const real, x) {
  FOR_EACH_STRIP(row, lane, lanes) {
    const long first = row * BLOCK;
    const long end = first + BLOCK < p.count ? first + BLOCK : p.count;
    Coefficient sum[1];
    FOR_LANES(l) sum[0][l] = R(0.0);
    long i = first + lane;
    for (; i + LANES <= end; i += LANES_OF_BLOCK) {
      FOR_LANES(l) sum[0][l] = fma(x[i + l], x[i + l], sum[0][l]);
    }
    FOR_LANES(l) {
      if (i + l < end) sum[0][l] = fma(x[i + l], x[i + l], sum[0][l]);
    }
    store_strip(partial + row * LANES_OF_BLOCK + lane, sum[0], lanes);
  }
}

KERNEL2(reduction_tree, ReductionParameters, real, sums, const real, partial) {
  FOR_EACH_ITEM(block) {
    real sum[LANES_OF_BLOCK];
    for (int i = 0; i < LANES_OF_BLOCK; ++i) sum[i] = partial[block * LANES_OF_BLOCK + i];
    for (int half_ = LANES_OF_BLOCK / 2; half_ > 0; half_ /= 2) {
      for (int i = 0; i < half_; ++i) sum[i] = sum[i] + sum[i + half_];
    }
    sums[block] = sum[0];
  }
}

// Along the rows of a matrix, for bias gradients: the contraction's rule with plain additions. Launch
// rows are the chains of all batches. A matrix of one chain is done; others are folded afterwards.
KERNEL3(column_sums, ColumnSumsParameters, real, sums, const real, x, const real, scale) {
  real alpha = REAL(p.alpha);
  if (p.hasScale) alpha = alpha * scale[0];
  FOR_EACH_STRIP(row, column, lanes) {
    const long batch = row / p.chains, first = row % p.chains * MACLAURIN_CHAIN;
    const long end = first + MACLAURIN_CHAIN < p.rows ? first + MACLAURIN_CHAIN : p.rows;
    GLOBAL const real *from = x + batch * p.batchStride + column;
    Coefficient sum[1], value[1];
    FOR_LANES(l) sum[0][l] = R(0.0);
    for (long i = first; i < end; ++i) {
      load_strip(value[0], from + i * p.stride, lanes);
      FOR_LANES(l) sum[0][l] = sum[0][l] + value[0][l];
    }
    if (p.chains == 1) FOR_LANES(l) sum[0][l] = fma(alpha, sum[0][l], R(0.0));
    store_strip(sums + row * p.sumsStride + column, sum[0], lanes);
  }
}

// sums[row, j] = Σ_i α·chain[row, i, j], ascending, as fma(α, chain, sum).
KERNEL3(chain_fold, ChainFoldParameters, real, sums, const real, partial, const real, scale) {
  real alpha = REAL(p.alpha);
  if (p.hasScale) alpha = alpha * scale[0];
  FOR_EACH_STRIP(row, column, lanes) {
    Coefficient sum[2];
    FOR_LANES(l) sum[0][l] = R(0.0);
    for (long i = 0; i < p.chains; ++i) {
      load_strip(sum[1], partial + (row * p.chains + i) * p.columns + column, lanes);
      FOR_LANES(l) sum[0][l] = fma(alpha, sum[1][l], sum[0][l]);
    }
    store_strip(sums + row * p.sumsStride + column, sum[0], lanes);
  }
}
