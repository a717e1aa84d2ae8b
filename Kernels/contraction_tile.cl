// The tile machinery of the device family, shared by contraction.cl and jet_contraction.cl
// (this text goes before either). OpenCL C only: the host family packs panels instead.
//
// A work-group computes TILE_M x TILE_N outputs, each work-item ITEM_M x ITEM_N of them. Tiles
// of both operands, TILE_K deep, go through local memory with k as the slow index.
//
// The canonical order: every output has chains of MACLAURIN_CHAIN products, each
//   chain = +0; chain = fma(a, b, chain) for ascending k,
// folded in ascending order into the output by c = fma(alpha, chain, c), where c starts from
// beta C (+0 when beta is 0, and then C is not read). k is never padded: a last, partial tile
// runs a shorter loop. Rows and columns past the edge repeat an edge row; nothing is stored.
//
// One accumulator set: every further chain costs a read and a write of C in global memory, 8 bytes
// per 2048 flops. A second set would need 64 further registers, which halves the work-groups that
// a multiprocessor holds, also for the many products that have one chain only.
// Registers of a work-item, large tiles: 64 accumulators, 16 for one slice of the tiles, 8 prefetched,
// 8 addresses (32 if loads are scalar), some 30 more. clang 15 and ptxas 12.9 for sm_90, no spills
// in any case:
//                                     float32, vectors   scalar      float64, vectors
//   128 x 128, items 8 x 8            126 to 128         143 to 165  224 to 244
//   64 x 64, items 4 x 8              95                 96 to 121
//   32 x 128 and 128 x 32             123 to 127         (not used)
//   16 x 64 and 64 x 16, items 4 x 4  96 to 103          151 to 168
// With B_COMBINED the first row is 128 to 130 (vectors; 128 suffice), 141 to 161 and 238. At 128
// registers a multiprocessor of 65,536 holds two groups of 256.
//
// Tuning (-D; every set gives the same bits):
//   TILE_M, TILE_N, TILE_K, ITEM_M, ITEM_N
//   A_TRANSPOSED   neighbours in m are closer in memory than neighbours in k
//   B_TRANSPOSED   neighbours in k are closer in memory than neighbours in n
//   A_VECTOR, B_VECTOR, C_VECTOR   the operand's elements are read (C's written, too) 16 bytes at
//                  a time: neighbours are adjacent, whole vectors lie in rows, rows are aligned
// The first two choose which work-item loads what, so that loads are coalesced: a row of TILE_K
// elements is a whole sector of 32 bytes, a row along m or n several lines.
//
// What else the text can be built for:
//   CHAIN_SUMS     chains are stored as they are, for a sum that follows (contraction.cl)
//   B_COMBINED     B may be B0 + factor B1, rounded once, combined on its way to local memory

#ifndef TILE_M
#define TILE_M 128
#endif
#ifndef TILE_N
#define TILE_N 128
#endif
// 32 bytes of k, which a row of either type is read in; both tiles then fit in 32 KB.
#ifndef TILE_K
#ifdef REAL_IS_DOUBLE
#define TILE_K 4
#else
#define TILE_K 8
#endif
#endif
#ifndef ITEM_M
#define ITEM_M 8
#endif
#ifndef ITEM_N
#define ITEM_N 8
#endif

// A work-item's outputs come in runs of WIDTH (16 bytes, one local read), and the runs of one
// work-item lie a whole row of work-items apart, so that the reads of neighbours are adjacent.
#ifdef REAL_IS_DOUBLE
#define WIDTH 2
typedef double2 fragment;
#else
#define WIDTH 4
typedef float4 fragment;
#endif

#define ITEMS_M (TILE_M / ITEM_M)
#define ITEMS_N (TILE_N / ITEM_N)
#define GROUP_ITEMS (ITEMS_M * ITEMS_N)
// Elements of one load, and loads of a work-item for each tile.
#ifdef A_VECTOR
#define A_RUN WIDTH
#else
#define A_RUN 1
#endif
#ifdef B_VECTOR
#define B_RUN WIDTH
#else
#define B_RUN 1
#endif
#define A_LOADS (TILE_M * TILE_K / (GROUP_ITEMS * A_RUN))
#define B_LOADS (TILE_N * TILE_K / (GROUP_ITEMS * B_RUN))
// One run of padding: stores of neighbours in k then go to different banks. A warp that stores the
// elements of vectors along k has 16 neighbours in m at two places 4 apart in k: rows of 4 (mod 32)
// banks put those 16 banks apart, so that all 32 differ; vectors along m or n are adjacent.
#define A_PITCH (TILE_M + WIDTH)
#define B_PITCH (TILE_N + WIDTH)
// 32 neighbouring work-items form a block of 4 x 8 (or 8 x 4), which reads less than a row of 32
// would: 12 different runs per slice of 8 x 8 outputs, each for several work-items at once.
#if ITEMS_N % 8
#define BLOCK_N 4
#else
#define BLOCK_N 8
#endif
#define BLOCK_M (32 / BLOCK_N)

// Tiles divide into items, those into runs, the items form blocks and load the same number of
// elements each, and a chain ends at the end of a tile.
#if TILE_M % ITEM_M || TILE_N % ITEM_N || ITEM_M % WIDTH || ITEM_N % WIDTH || TILE_K % WIDTH \
  || ITEMS_M % BLOCK_M || ITEMS_N % BLOCK_N || (TILE_M * TILE_K) % (GROUP_ITEMS * A_RUN) \
  || (TILE_N * TILE_K) % (GROUP_ITEMS * B_RUN) || MACLAURIN_CHAIN % TILE_K
#error "impossible tiles"
#endif

// The place in its tile of the first element of load l.
#define A_ELEMENT(l) ((item + (l) * GROUP_ITEMS) * A_RUN)
#define B_ELEMENT(l) ((item + (l) * GROUP_ITEMS) * B_RUN)
#ifdef A_TRANSPOSED
#define A_M(l) (A_ELEMENT(l) % TILE_M)
#define A_K(l) (A_ELEMENT(l) / TILE_M)
#else
#define A_M(l) (A_ELEMENT(l) / TILE_K)
#define A_K(l) (A_ELEMENT(l) % TILE_K)
#endif
#ifdef B_TRANSPOSED
#define B_N(l) (B_ELEMENT(l) / TILE_K)
#define B_K(l) (B_ELEMENT(l) % TILE_K)
#else
#define B_N(l) (B_ELEMENT(l) % TILE_N)
#define B_K(l) (B_ELEMENT(l) / TILE_N)
#endif
// Rows (columns) of a load.
#if defined(A_VECTOR) && defined(A_TRANSPOSED)
#define A_ROWS WIDTH
#else
#define A_ROWS 1
#endif
#if defined(B_VECTOR) && !defined(B_TRANSPOSED)
#define B_COLUMNS WIDTH
#else
#define B_COLUMNS 1
#endif

#ifdef A_VECTOR
typedef fragment aLoad;
#else
typedef real aLoad;
#endif
#ifdef B_VECTOR
typedef fragment bLoad;
#else
typedef real bLoad;
#endif

// The tiles have two buffers each, so that one barrier per step is enough.
#define DECLARE_TILES \
  __local fragment aTiles[2 * TILE_K * A_PITCH / WIDTH]; \
  __local fragment bTiles[2 * TILE_K * B_PITCH / WIDTH]; \
  __local TileFold fold
#define TILE_KERNEL __kernel __attribute__((reqd_work_group_size(GROUP_ITEMS, 1, 1)))
#define TILE_FUNCTION FUNCTION __attribute__((always_inline))

/// The outputs of one work-group: rows row ..< rows and columns column ..< columns, cut to a tile.
typedef struct {
  long row, column;     // the tile's first
  long rows, columns;   // of the whole matrix
  long rowStride, columnStride;
  real beta;
} TileOutput;

/// One product term: output rows begin ..< end receive alpha times their chains; row r of them
/// multiplies row r of A if r < shared, else row r + base.
typedef struct {
  long begin, end, shared, base;
  long aRow, aColumn, bRow, bColumn, depth;
  real alpha;
#ifdef B_COMBINED
  int isCombined;
  real factor;
#endif
} TileTerm;

/// What a fold needs. It waits in local memory: held privately, the addresses that follow from it
/// would be computed before the main loop and stay in registers (all 255, and spills).
typedef struct {
  TileOutput output;
  long begin, end;
  real alpha;
} TileFold;

/// The work-item's place among the work-items of its group: x the column, y the row.
TILE_FUNCTION uint2 item_place(void) {
  const uint item = get_local_id(0), lane = item % (BLOCK_M * BLOCK_N);
  const uint block = item / (BLOCK_M * BLOCK_N);
  return (uint2)(lane % BLOCK_N + block % (ITEMS_N / BLOCK_N) * BLOCK_N,
                 lane / BLOCK_N + block / (ITEMS_N / BLOCK_N) * BLOCK_M);
}

TILE_FUNCTION void start_chains(real chain[ITEM_M][ITEM_N]) {
  #pragma unroll
  for (int i = 0; i < ITEM_M; ++i) {
    #pragma unroll
    for (int j = 0; j < ITEM_N; ++j) chain[i][j] = R(0.0);
  }
}

#ifdef CHAIN_SUMS
/// Stores one chain of every output: the only one of this launch.
TILE_FUNCTION void fold_chain(
  GLOBAL real *c, __local const TileFold *fold, real chain[ITEM_M][ITEM_N], int isFirst
) {
  const TileOutput output = fold->output;
  const uint2 place = item_place();
  #pragma unroll
  for (int i = 0; i < ITEM_M; ++i) {
    const long row = output.row + (i / WIDTH * ITEMS_M + place.y) * WIDTH + i % WIDTH;
    if (row < output.rows) {
      #pragma unroll
      for (int j = 0; j < ITEM_N; ++j) {
        const long column = output.column + (j / WIDTH * ITEMS_N + place.x) * WIDTH + j % WIDTH;
        if (column < output.columns) c[row * output.rowStride + column] = chain[i][j];
      }
    }
  }
}
#else
/// Folds one chain of every output into rows begin ..< end. The first fold of a tile also starts
/// its other rows, from beta C or +0; later ones leave those alone: adding alpha 0 to them could
/// turn -0 into +0 and, with an infinite alpha, anything into NaN.
TILE_FUNCTION void fold_chain(
  GLOBAL real *c, __local const TileFold *fold, real chain[ITEM_M][ITEM_N], int isFirst
) {
  const TileOutput output = fold->output;
  const long begin = fold->begin, end = fold->end;
  const real alpha = fold->alpha;
  const uint2 place = item_place();
  const int reads = !isFirst || output.beta != R(0.0);
  const real beta = isFirst ? output.beta : R(1.0);
  #pragma unroll
  for (int i = 0; i < ITEM_M; ++i) {
    const long row = output.row + (i / WIDTH * ITEMS_M + place.y) * WIDTH + i % WIDTH;
    const int isActive = begin <= row && row < end;
    if (row < output.rows && (isFirst || isActive)) {
#ifdef C_VECTOR
      #pragma unroll
      for (int j = 0; j < ITEM_N; j += WIDTH) {
        const long column = output.column + (j / WIDTH * ITEMS_N + place.x) * WIDTH;
        if (column < output.columns) {
          GLOBAL fragment *at = (GLOBAL fragment *)(c + row * output.rowStride + column);
          union { fragment run; real x[WIDTH]; } sum;
          sum.run = (fragment)(R(0.0));
          if (reads) sum.run = beta * *at;
          if (isActive) {
            #pragma unroll
            for (int l = 0; l < WIDTH; ++l) sum.x[l] = fma(alpha, chain[i][j + l], sum.x[l]);
          }
          *at = sum.run;
        }
      }
#else
      #pragma unroll
      for (int j = 0; j < ITEM_N; ++j) {
        const long column = output.column + (j / WIDTH * ITEMS_N + place.x) * WIDTH + j % WIDTH;
        if (column < output.columns) {
          GLOBAL real *at = c + row * output.rowStride + column * output.columnStride;
          real sum = R(0.0);
          if (reads) sum = beta * *at;
          if (isActive) sum = fma(alpha, chain[i][j], sum);
          *at = sum;
        }
      }
#endif
    }
  }
}
#endif

/// chain += A slice x B slice for one k, from local memory.
TILE_FUNCTION void multiply_slice(
  real chain[ITEM_M][ITEM_N], __local const fragment *aSlice, __local const fragment *bSlice,
  uint2 place
) {
  union { fragment runs[ITEM_M / WIDTH]; real x[ITEM_M]; } a;
  union { fragment runs[ITEM_N / WIDTH]; real x[ITEM_N]; } b;
  #pragma unroll
  for (int i = 0; i < ITEM_M / WIDTH; ++i) a.runs[i] = aSlice[i * ITEMS_M + place.y];
  #pragma unroll
  for (int j = 0; j < ITEM_N / WIDTH; ++j) b.runs[j] = bSlice[j * ITEMS_N + place.x];
  #pragma unroll
  for (int i = 0; i < ITEM_M; ++i) {
    #pragma unroll
    for (int j = 0; j < ITEM_N; ++j) chain[i][j] = fma(a.x[i], b.x[j], chain[i][j]);
  }
}

#ifdef A_VECTOR
#define LOAD_A(at) (*(GLOBAL const fragment *)(a + (at)))
#else
#define LOAD_A(at) a[at]
#endif
#ifdef B_VECTOR
#define LOAD_B(b, at) (*(GLOBAL const fragment *)((b) + (at)))
#else
#define LOAD_B(b, at) (b)[at]
#endif

/// Puts one load into a tile: `x` is the first element of load l at depth k and lane m or n.
TILE_FUNCTION void store_a(__local fragment *tile, uint k, uint m, aLoad x) {
#if defined(A_VECTOR) && defined(A_TRANSPOSED)
  tile[(k * A_PITCH + m) / WIDTH] = x;
#elif defined(A_VECTOR)
  union { fragment run; real x[WIDTH]; } each;
  each.run = x;
  #pragma unroll
  for (int i = 0; i < WIDTH; ++i) ((__local real *)tile)[(k + i) * A_PITCH + m] = each.x[i];
#else
  ((__local real *)tile)[k * A_PITCH + m] = x;
#endif
}

TILE_FUNCTION void store_b(__local fragment *tile, uint k, uint n, bLoad x) {
#if defined(B_VECTOR) && !defined(B_TRANSPOSED)
  tile[(k * B_PITCH + n) / WIDTH] = x;
#elif defined(B_VECTOR)
  union { fragment run; real x[WIDTH]; } each;
  each.run = x;
  #pragma unroll
  for (int i = 0; i < WIDTH; ++i) ((__local real *)tile)[(k + i) * B_PITCH + n] = each.x[i];
#else
  ((__local real *)tile)[k * B_PITCH + n] = x;
#endif
}

/// Adds one product term to a tile. Every work-item of the group must call it, with the same
/// arguments; begin < end. Returns whether the tile's first fold is still to come. `b1` is B1 of a
/// combined B, which lies like B.
TILE_FUNCTION int add_term(
  GLOBAL const real *a, GLOBAL const real *b, GLOBAL const real *b1, GLOBAL real *c,
  const TileOutput output, const TileTerm term, int isFirst, __local fragment *aTiles,
  __local fragment *bTiles, __local TileFold *fold
) {
  const uint item = get_local_id(0);
  const uint2 place = item_place();

  // The first barrier below comes before its first use.
  if (item == 0) {
    fold->output = output;
    fold->begin = term.begin;
    fold->end = term.end;
    fold->alpha = term.alpha;
  }

  // Where this work-item's elements of the first tile lie. Rows to which the term adds nothing,
  // and those past an edge, repeat one to which it does.
  long aAt[A_LOADS], bAt[B_LOADS];
  #pragma unroll
  for (int l = 0; l < A_LOADS; ++l) {
    long row = output.row + A_M(l);
    row = row < term.begin ? term.begin : row < term.end ? row : term.end - A_ROWS;
    row += row < term.shared ? 0 : term.base;
    aAt[l] = row * term.aRow + A_K(l) * term.aColumn;
  }
  #pragma unroll
  for (int l = 0; l < B_LOADS; ++l) {
    const long column = output.column + B_N(l);
    bAt[l] = (column < output.columns ? column : output.columns - B_COLUMNS) * term.bColumn
      + B_K(l) * term.bRow;
  }

  real chain[ITEM_M][ITEM_N];
  start_chains(chain);

  // Step k multiplies the tile that begins at k while the next one is on its way; the step before
  // the first only fetches. A barrier ends each step, the last one too, so that a further term
  // may overwrite the tiles.
  for (long k = -TILE_K; k < term.depth; k += TILE_K) {
    const long left = term.depth - k - TILE_K;   // products after this step
    const uint buffer = (uint)(k / TILE_K) & 1, other = buffer ^ 1;
    aLoad aNext[A_LOADS];
    bLoad bNext[B_LOADS];
#ifdef B_COMBINED
    bLoad bOther[B_LOADS];
#endif
    if (left > 0) {
      const uint depth = left < TILE_K ? left : TILE_K;
      #pragma unroll
      for (int l = 0; l < A_LOADS; ++l) {
        aNext[l] = A_K(l) < depth ? LOAD_A(aAt[l]) : (aLoad)(R(0.0));
      }
      #pragma unroll
      for (int l = 0; l < B_LOADS; ++l) {
        bNext[l] = B_K(l) < depth ? LOAD_B(b, bAt[l]) : (bLoad)(R(0.0));
      }
#ifdef B_COMBINED
      if (term.isCombined) {
        #pragma unroll
        for (int l = 0; l < B_LOADS; ++l) {
          bOther[l] = B_K(l) < depth ? LOAD_B(b1, bAt[l]) : (bLoad)(R(0.0));
        }
        b1 += TILE_K * term.bRow;
      }
#endif
      a += TILE_K * term.aColumn;
      b += TILE_K * term.bRow;
    }
    if (k >= 0) {
      __local const fragment *aSlice = aTiles + buffer * (TILE_K * A_PITCH / WIDTH);
      __local const fragment *bSlice = bTiles + buffer * (TILE_K * B_PITCH / WIDTH);
      if (left >= 0) {
        #pragma unroll
        for (int s = 0; s < TILE_K; ++s) {
          multiply_slice(
            chain, aSlice + s * (A_PITCH / WIDTH), bSlice + s * (B_PITCH / WIDTH), place);
        }
      } else {
        #pragma unroll 1
        for (int s = 0; s < TILE_K + left; ++s) {
          multiply_slice(
            chain, aSlice + s * (A_PITCH / WIDTH), bSlice + s * (B_PITCH / WIDTH), place);
        }
      }
      if (left <= 0 || (k + TILE_K) % MACLAURIN_CHAIN == 0) {
        fold_chain(c, fold, chain, isFirst);
        isFirst = 0;
        start_chains(chain);
      }
    }
    if (left > 0) {
      __local fragment *aTile = aTiles + other * (TILE_K * A_PITCH / WIDTH);
      __local fragment *bTile = bTiles + other * (TILE_K * B_PITCH / WIDTH);
      #pragma unroll
      for (int l = 0; l < A_LOADS; ++l) store_a(aTile, A_K(l), A_M(l), aNext[l]);
#ifdef B_COMBINED
      if (term.isCombined) {
        #pragma unroll
        for (int l = 0; l < B_LOADS; ++l) {
          bNext[l] = fma((bLoad)(term.factor), bOther[l], bNext[l]);
        }
      }
#endif
      #pragma unroll
      for (int l = 0; l < B_LOADS; ++l) store_b(bTile, B_K(l), B_N(l), bNext[l]);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  return isFirst;
}

/// Starts a tile to which no term added anything: beta C, or +0. Not a fold of nothing: unrolled,
/// with a constant to store, PoCL 3.1 (LLVM 14) dropped a row's check and wrote past the end.
TILE_FUNCTION void start_tile(GLOBAL real *c, const TileOutput output) {
  const uint2 place = item_place();
  for (int i = 0; i < ITEM_M; ++i) {
    const long row = output.row + (i / WIDTH * ITEMS_M + place.y) * WIDTH + i % WIDTH;
    for (int j = 0; j < ITEM_N; ++j) {
      const long column = output.column + (j / WIDTH * ITEMS_N + place.x) * WIDTH + j % WIDTH;
      if (row < output.rows && column < output.columns) {
        GLOBAL real *at = c + row * output.rowStride + column * output.columnStride;
        *at = output.beta == R(0.0) ? R(0.0) : output.beta * *at;
      }
    }
  }
}
