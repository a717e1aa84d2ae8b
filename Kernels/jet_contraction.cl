// The schoolbook product of a jet with a parameter jet of degree 1, all coefficients and all
// directions in one launch: the device family, whose machinery and tuning macros are in
// contraction_tile.cl (that text goes before this one). B_TRANSPOSED belongs to the forward
// product (weights are stored [out, in]), not to the adjoint.
//
// Forward:  y_0 = alpha x_0 W0^T,
//           y_i = alpha x_i W0^T + alpha s x_(i-1) D^T     for i = 1 ... outputDegree;
// adjoint:  x_i = alpha y_i W0 + alpha s y_(i+1) D         for i = 1 ... outputDegree,
// a term only where its source coefficient exists; s = scale[0], D the direction's displacement.
// With isZeroGiven y_0 is there already and is not written.
// The bits are those of two contractions: W0's chains are added first, then the displacement's
// to rows that W0 started, or from +0 where W0 has no term.
//
// Rows: the outputs of direction 0 begin with coefficient 0 (forward; shared by all directions),
// those of the others, and where y_0 is given, with coefficient 1. So the rows of a direction are contiguous in either
// matrix, and a term reads its rows at a fixed distance from those that it adds to. The exception
// is y_1 where its rows come first, which reads the shared x_0.
//
// Loading a tile of x_i once, for y_i with W0 and for y_(i+1) with D, would keep these bits if i
// descended, all chains of W0 being in y_(i+1) before the first of D comes. It gains nothing: two sets
// of 8 x 4 accumulators are as many as one of 8 x 8, and a group then loads 128 + 64 + 64 elements for
// each k, as many as now for as many products: it is this tile with [W0 | D] for B. Two sets of 8 x 8
// would save a quarter of the loads but need some 210 registers, one group per multiprocessor instead
// of two. And a group would have to do all coefficients in turn, which leaves 1/(k + 1) of the groups.
//
// Launch: local (GROUP_ITEMS, 1, 1); groups (column tiles, row tiles, directions), the row tiles
// counted for direction 0; the others have less work, or none, in the last ones. n, block >= 1.
// Without hasDisplacement or hasScale, those two may be any buffers.

TILE_KERNEL void jet_contraction(
  const JetContractionParameters p, GLOBAL const real *restrict x,
  GLOBAL const real *restrict weight, GLOBAL const real *restrict displacement,
  GLOBAL real *restrict y, GLOBAL const real *restrict scale
) {
  DECLARE_TILES;
  const long direction = get_group_id(2);
  const long hasCoefficient0 = !p.isAdjoint;                           // in x and y
  const long first =                                                   // coefficient of row 0
    hasCoefficient0 && direction == 0 && !p.isZeroGiven ? 0 : 1;
  const long before = hasCoefficient0 && first == 1 ? p.block : 0;     // rows of coefficient 0
  const long xBase = before + direction * p.inputCapacity * p.block;
  const long yBase = before + direction * p.outputCapacity * p.block;

  TileOutput output;
  output.row = (long)get_group_id(1) * TILE_M;
  output.column = (long)get_group_id(0) * TILE_N;
  output.rows = (p.outputDegree + 1 - first) * p.block;
  output.columns = p.n;
  output.rowStride = p.outputRow;
  output.columnStride = 1;
  output.beta = R(0.0);

  x += p.inputOffset;
  weight += p.weightOffset;
  displacement += p.displacementOffset + direction * p.displacementStride;
  y += p.outputOffset + yBase * p.outputRow;

  // Uniform in the group, like everything that decides whether a barrier is reached.
  if (output.row < output.rows) {
    const long tileEnd = output.row + TILE_M < output.rows ? output.row + TILE_M : output.rows;
    int isFirst = 1;
    #pragma unroll 1
    for (int t = 0; t < (p.hasDisplacement ? 2 : 1); ++t) {
      // The displacement's source coefficient lies one below (forward) or above (adjoint).
      const long shift = t == 0 ? 0 : p.isAdjoint ? 1 : -1;
      TileTerm term;
      term.begin = t == 0 ? 0 : (1 - first) * p.block;
      term.end = (p.inputDegree - shift + 1 - first) * p.block;
      if (term.end > output.rows) term.end = output.rows;
      term.shared = shift < 0 ? before : 0;
      term.base = xBase + shift * p.block;
      term.aRow = p.inputRow;
      term.aColumn = 1;
      term.bRow = p.weightRow;
      term.bColumn = p.weightColumn;
      term.depth = p.k;
      term.alpha = REAL(p.alpha);
      if (t == 1 && p.hasScale) term.alpha *= scale[p.scaleOffset];
      if (term.begin < tileEnd && output.row < term.end && term.begin < term.end) {
        GLOBAL const real *w = t == 0 ? weight : displacement;
        isFirst = add_term(x, w, w, y, output, term, isFirst, aTiles, bTiles, &fold);
      }
    }
    if (isFirst) start_tile(y, output);
  }
}
