// C <- alpha A B + beta C for a batch of matrices: the device family, whose machinery and tuning
// macros are in contraction_tile.cl (that text goes before this one).
//
// The matrices are given by strides, so a transposition is an exchange of two strides; the product
// alpha scale[0] is rounded once.
//
// Launch: local (GROUP_ITEMS, 1, 1); groups (column tiles, row tiles, batch). m, n >= 1; k may be
// 0. Without hasScale, scale may be any buffer.

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
  if (add_term(a, b, c, output, term, 1, aTiles, bTiles, &fold)) start_tile(c, output);
}
