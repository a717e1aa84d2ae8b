// C <- alpha A B + beta C for a batch of matrices: the device family, whose machinery and tuning
// macros are in contraction_tile.cl (that text goes before this one).
//
// The matrices are given by strides, so a transposition is an exchange of two strides; the product
// alpha scale[0] is rounded once.
//
// contraction: one work-group computes all chains of its outputs. Launch: local
// (GROUP_ITEMS, 1, 1); groups (column tiles, row tiles, batch). m, n >= 1; k may be 0. Without
// hasScale, scale may be any buffer.
//
// With CHAIN_SUMS, for few outputs with long sums, work-groups share a tile: each computes one of
// the chains and leaves its sum in a workspace, [batch, chains, m, n]; then every output folds its
// chains in ascending order, as contraction does:
//   contraction_chains: groups (column tiles, row tiles, batch * chains), otherwise as above;
//   contraction_fold: one work-item per output; groups (any number, 1, batch).
// k is then the products of this launch, the last chain's perhaps fewer; k >= 1. Where there are
// more chains than workspace, pairs of launches follow one another, from the second on with beta 1.

#ifndef CHAIN_SUMS

TILE_KERNEL void contraction(
  const ContractionParameters p, GLOBAL const real *restrict a, GLOBAL const real *restrict b,
  GLOBAL real *restrict c, GLOBAL const real *restrict scale
) {
  DECLARE_TILES;
  const long batch = get_group_id(2);
  TileOutput output;
  output.row = (long)get_group_id(1) * TILE_M;
  output.column = (long)get_group_id(0) * TILE_N;
  output.rows = p.m;
  output.columns = p.n;
  output.rowStride = p.cRow;
  output.columnStride = p.cColumn;
  output.beta = REAL(p.beta);

  TileTerm term;
  term.begin = 0;
  term.end = p.m;
  term.shared = 0;
  term.base = 0;
  term.aRow = p.aRow;
  term.aColumn = p.aColumn;
  term.bRow = p.bRow;
  term.bColumn = p.bColumn;
  term.depth = p.k;
  term.alpha = REAL(p.alpha);
  if (p.hasScale) term.alpha *= scale[p.scaleOffset];

  a += p.aOffset + batch * p.aBatch;
  b += p.bOffset + batch * p.bBatch;
  c += p.cOffset + batch * p.cBatch;
  if (add_term(a, b, b, c, output, term, 1, aTiles, bTiles, &fold)) start_tile(c, output);
}

#else

TILE_KERNEL void contraction_chains(
  const ContractionParameters p, GLOBAL const real *restrict a, GLOBAL const real *restrict b,
  GLOBAL real *restrict sums
) {
  DECLARE_TILES;
  const long batch = get_group_id(2) / p.chains, number = get_group_id(2) % p.chains;
  const long first = number * MACLAURIN_CHAIN;
  TileOutput output;
  output.row = (long)get_group_id(1) * TILE_M;
  output.column = (long)get_group_id(0) * TILE_N;
  output.rows = p.m;
  output.columns = p.n;
  output.rowStride = p.n;
  output.columnStride = 1;
  output.beta = R(0.0);

  TileTerm term;
  term.begin = 0;
  term.end = p.m;
  term.shared = 0;
  term.base = 0;
  term.aRow = p.aRow;
  term.aColumn = p.aColumn;
  term.bRow = p.bRow;
  term.bColumn = p.bColumn;
  term.depth = p.k - first < MACLAURIN_CHAIN ? p.k - first : MACLAURIN_CHAIN;
  term.alpha = R(1.0);

  a += p.aOffset + batch * p.aBatch + first * p.aColumn;
  b += p.bOffset + batch * p.bBatch + first * p.bRow;
  add_term(
    a, b, b, sums + (long)get_group_id(2) * p.m * p.n, output, term, 1, aTiles, bTiles, &fold);
}

// Sums that are read together, since each is one trip to memory and none waits for another.
#define FOLD_LOADS 16

__kernel void contraction_fold(
  const ContractionParameters p, GLOBAL const real *restrict sums, GLOBAL real *restrict c,
  GLOBAL const real *restrict scale
) {
  const long i = get_global_id(0), batch = get_group_id(2), plane = p.m * p.n;
  if (i >= plane) return;
  real alpha = REAL(p.alpha);
  if (p.hasScale) alpha *= scale[p.scaleOffset];
  const real beta = REAL(p.beta);
  c += p.cOffset + batch * p.cBatch + i / p.n * p.cRow + i % p.n * p.cColumn;
  sums += batch * p.chains * plane + i;
  real sum = R(0.0);
  if (beta != R(0.0)) sum = beta * *c;
  long number = 0;
  for (; number + FOLD_LOADS <= p.chains; number += FOLD_LOADS) {
    real chain[FOLD_LOADS];
    #pragma unroll
    for (int l = 0; l < FOLD_LOADS; ++l) chain[l] = sums[(number + l) * plane];
    #pragma unroll
    for (int l = 0; l < FOLD_LOADS; ++l) sum = fma(alpha, chain[l], sum);
  }
  for (; number < p.chains; ++number) sum = fma(alpha, sums[number * plane], sum);
  *c = sum;
}

#endif
