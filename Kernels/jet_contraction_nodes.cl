// The products of an interpolated jet product (JetProductPlan in the Compute module), those of all
// nodes in one launch: the device family, whose machinery and tuning macros are in contraction_tile.cl
// (that text goes before this one, built for B_COMBINED). B_TRANSPOSED belongs to the forward product.
//
//   P_u = alpha E_u G_u    G_0 = W0, G_u = W0 + u s D (rounded once), G_inf = D with alpha s for alpha,
//
// s = scale[0]. No G_u is ever in global memory: where a tile of it is needed, W0's and D's elements
// are read and combined on their way to local memory, one fma for each 2 TILE_M flops. That reads
// twice the weights' bytes; a tile of 128 x 128 then loads 3/2 as much as a plain one, against a whole
// pass over W0, D and G_u, 12 bytes for each weight, that would make G_u.
//
// Rows: values has the products of a node one below the other, node by node; the inputs of a node are
// contiguous too, in `evaluated` or, where a coefficient is alone at its node, where it lies in x.
//
// Launch: local (GROUP_ITEMS, 1, 1); groups (column tiles, row tiles, nodes), the row tiles counted
// for the node that has most rows. n, k and rows >= 1. Without hasScale, scale may be any buffer.

TILE_KERNEL void jet_contraction_nodes(
  const JetNodesParameters p, GLOBAL const real *restrict x, GLOBAL const real *restrict evaluated,
  GLOBAL const real *restrict weight, GLOBAL const real *restrict displacement,
  GLOBAL real *restrict values, GLOBAL const real *restrict scale
) {
  DECLARE_TILES;
  const long node = get_group_id(2), kind = p.kind[node];
  TileOutput output;
  output.row = (long)get_group_id(1) * TILE_M;
  output.column = (long)get_group_id(0) * TILE_N;
  output.rows = p.rows[node];
  output.columns = p.n;
  output.rowStride = p.n;
  output.columnStride = 1;
  output.beta = R(0.0);

  const real s = p.hasScale ? scale[p.scaleOffset] : R(1.0);
  TileTerm term;
  term.begin = 0;
  term.end = output.rows;
  term.shared = 0;
  term.base = 0;
  term.aRow = p.k;
  term.aColumn = 1;
  term.bRow = p.weightRow;
  term.bColumn = p.weightColumn;
  term.depth = p.k;
  term.alpha = REAL(p.alpha);
  if (kind == JET_NODE_DISPLACEMENT && p.hasScale) term.alpha *= s;
  term.isCombined = kind == JET_NODE_COMBINED;
  term.factor = REAL(p.u[node]) * s;

  GLOBAL const real *a = (p.isEvaluated[node] ? evaluated : x) + p.inputOffset[node];
  displacement += p.displacementOffset;
  weight = kind == JET_NODE_DISPLACEMENT ? displacement : weight + p.weightOffset;
  values += p.valueRow[node] * p.n;
  // Uniform in the group.
  if (output.row < output.rows) {
    add_term(a, weight, displacement, values, output, term, 1, aTiles, bTiles, &fold);
  }
}
