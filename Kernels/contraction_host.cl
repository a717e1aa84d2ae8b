// C <- alpha A B + beta C: the host family. One template, in the dialect: packing functions and a
// register block. OpenCL devices of type CPU build it as kernels (below); clang builds it once per
// instruction set and scalar type (contraction_host.c), which is why every name goes through
// INSTANCE() and why parameters are macros.
//
//   ELEMENT          float or double
//   VECTOR_WIDTH     elements of a vector
//   BLOCK_ROWS       rows of the register block: the width of A's panels
//   BLOCK_VECTORS    vectors of columns of the register block
//
// The canonical order: every output has chains of MACLAURIN_CHAIN products,
//   chain = +0; chain = fma(a, b, chain) for ascending k,
// folded in ascending order by c = fma(alpha, chain, c), where c starts from beta C (+0 if beta is
// 0, and then C is not read). The block keeps a whole chain in registers. Panels are padded with
// zero lanes along m and n, whose outputs are dropped; k is never padded.

#ifdef __OPENCL_VERSION__

#define ELEMENT real
#define INSTANCE(name) name
#define HELPER FUNCTION __attribute__((always_inline))
#define BLOCK_FUNCTION HELPER
#define PREFETCH_FOR_WRITE(address)
#define AHEAD int
#ifndef BLOCK_ROWS
#define BLOCK_ROWS 8
#endif
#ifndef BLOCK_VECTORS
#define BLOCK_VECTORS 2
#endif
#ifdef REAL_IS_DOUBLE
#define VECTOR_WIDTH 8
typedef double8 vector;
#define LOAD(address) vload8(0, address)
#define STORE(value, address) vstore8(value, 0, address)
#else
#define VECTOR_WIDTH 16
typedef float16 vector;
#define LOAD(address) vload16(0, address)
#define STORE(value, address) vstore16(value, 0, address)
#endif

#else

#define HELPER static inline __attribute__((always_inline)) TARGET
#define BLOCK_FUNCTION static __attribute__((noinline)) TARGET
#define PREFETCH_FOR_WRITE(address) __builtin_prefetch(address, 1)
#define AHEAD ContractionAhead *
typedef ELEMENT INSTANCE(vector) __attribute__((ext_vector_type(VECTOR_WIDTH)));
// Elements need not be aligned to vectors.
typedef ELEMENT INSTANCE(loose) __attribute__((
  ext_vector_type(VECTOR_WIDTH), aligned(sizeof(ELEMENT)), may_alias));
#define LOAD(address) (INSTANCE(vector))(*(const INSTANCE(loose) *)(address))
#define STORE(value, address) (*(INSTANCE(loose) *)(address) = (value))

#endif

#define VECTOR INSTANCE(vector)
#define BLOCK INSTANCE(block)
#define BLOCK_COLUMNS (BLOCK_VECTORS * VECTOR_WIDTH)

/// Transposes a square of vectors: each round rotates the index (row, column), written in binary,
/// by one bit to the right.
HELPER void INSTANCE(transpose)(VECTOR x[VECTOR_WIDTH]) {
  VECTOR y[VECTOR_WIDTH];
  #pragma unroll
  for (int round = 1; round < VECTOR_WIDTH; round *= 2) {
    #pragma unroll
    for (int i = 0; i < VECTOR_WIDTH / 2; ++i) {
      const VECTOR first = x[2 * i], second = x[2 * i + 1];
      y[i].lo = first.even;
      y[i].hi = second.even;
      y[i + VECTOR_WIDTH / 2].lo = first.odd;
      y[i + VECTOR_WIDTH / 2].hi = second.odd;
    }
    #pragma unroll
    for (int i = 0; i < VECTOR_WIDTH; ++i) x[i] = y[i];
  }
}

/// Packs one square of a panel whose lanes are contiguous along k: lanes `lane` ..< lane +
/// VECTOR_WIDTH, of which those below `lanes` exist. Where the panel ends inside the square, the
/// surplus of a store reaches into the next depth's lanes, which are yet to be written.
HELPER void INSTANCE(pack_square)(
  const int width, int lane, long lanes, GLOBAL const ELEMENT *source, long laneStride,
  GLOBAL ELEMENT *panel
) {
  VECTOR x[VECTOR_WIDTH];
  #pragma unroll
  for (int i = 0; i < VECTOR_WIDTH; ++i) {
    x[i] = (VECTOR)((ELEMENT)0);
    if (lane + i < width && lane + i < lanes) x[i] = LOAD(source + (lane + i) * laneStride);
  }
  INSTANCE(transpose)(x);
  #pragma unroll
  for (int i = 0; i < VECTOR_WIDTH; ++i) STORE(x[i], panel + i * width + lane);
}

/// Packs lanes 0 ..< lanes <= width of one panel, `depth` deep; missing lanes become zeros.
HELPER void INSTANCE(pack_panel)(
  const int width, long lanes, long depth, GLOBAL const ELEMENT *source, long laneStride,
  long depthStride, GLOBAL ELEMENT *panel
) {
  long k = 0;
  if (laneStride == 1 && lanes >= width) {
    for (; k < depth; ++k)
      for (int l = 0; l < width; ++l) panel[k * width + l] = source[k * depthStride + l];
  } else if (depthStride == 1) {
    // Last lanes first, and never the panel's last depth if there is a surplus: see pack_square.
    const int surplus = width % VECTOR_WIDTH != 0;
    for (; k + VECTOR_WIDTH + surplus <= depth; k += VECTOR_WIDTH)
      for (int lane = (width - 1) / VECTOR_WIDTH * VECTOR_WIDTH; lane >= 0; lane -= VECTOR_WIDTH)
        INSTANCE(pack_square)(width, lane, lanes, source + k, laneStride, panel + k * width);
  }
  for (; k < depth; ++k)
    for (int l = 0; l < width; ++l)
      panel[k * width + l] =
        l < lanes ? source[l * laneStride + k * depthStride] : (ELEMENT)0;
}

#ifndef __OPENCL_VERSION__

/// A few units of the next panel's work: cache lines are fetched, or whole rows of the panel copied.
HELPER void INSTANCE(go_ahead)(ContractionAhead *ahead) {
  if (ahead->left <= 0) return;
  long units = ahead->rate < ahead->left ? ahead->rate : ahead->left;
  ahead->left -= units;
  if (ahead->target) {
    const ELEMENT *source = ahead->source;
    ELEMENT *target = ahead->target;
    for (; units > 0; --units) {
      const ELEMENT *later = source + CONTRACTION_COPY_DISTANCE * ahead->stride;
      __builtin_prefetch(later);
      __builtin_prefetch(later + BLOCK_COLUMNS - 1);
      #pragma unroll
      for (int j = 0; j < BLOCK_VECTORS; ++j)
        STORE(LOAD(source + j * VECTOR_WIDTH), target + j * VECTOR_WIDTH);
      source += ahead->stride;
      target += BLOCK_COLUMNS;
    }
    ahead->source = source;
    ahead->target = target;
  } else {
    const char *line = ahead->source;
    for (; units > 0; --units) {
      __builtin_prefetch(line, 0, 2);
      line += CONTRACTION_LINE_BYTES;
      if (++ahead->line == ahead->lines) {
        ahead->line = 0;
        line += ahead->stride * (long)sizeof(ELEMENT) - ahead->lines * CONTRACTION_LINE_BYTES;
      }
    }
    ahead->source = line;
  }
}

#endif

/// chain[i][j] += sum over k of a(i, k) b(k, j), for the first `rows` rows of the block, by fma in
/// ascending k. Constant `rows` and full unrolling keep the chains in registers.
HELPER void INSTANCE(extend_chain)(
  const int rows, long depth, GLOBAL const ELEMENT *a, GLOBAL const ELEMENT *b,
  VECTOR chain[BLOCK_ROWS][BLOCK_VECTORS]
) {
  #pragma nounroll
  for (long k = 0; k < depth; ++k) {
    VECTOR right[BLOCK_VECTORS];
    #pragma unroll
    for (int j = 0; j < BLOCK_VECTORS; ++j)
      right[j] = LOAD(b + k * BLOCK_COLUMNS + j * VECTOR_WIDTH);
    #pragma unroll
    for (int i = 0; i < rows; ++i) {
      const VECTOR left = (VECTOR)(a[k * BLOCK_ROWS + i]);
      #pragma unroll
      for (int j = 0; j < BLOCK_VECTORS; ++j) chain[i][j] = fma(left, right[j], chain[i][j]);
    }
  }
}

/// The register block: chain[i][j] = sum over k of a(i, k) b(k, j).
HELPER void INSTANCE(run_chain)(
  const int rows, long depth, GLOBAL const ELEMENT *a, GLOBAL const ELEMENT *b, AHEAD ahead,
  VECTOR chain[BLOCK_ROWS][BLOCK_VECTORS]
) {
  #pragma unroll
  for (int i = 0; i < rows; ++i) {
    #pragma unroll
    for (int j = 0; j < BLOCK_VECTORS; ++j) chain[i][j] = (VECTOR)((ELEMENT)0);
  }
#ifdef __OPENCL_VERSION__
  INSTANCE(extend_chain)(rows, depth, a, b, chain);
#else
  for (long k = 0; k < depth; k += CONTRACTION_AHEAD_DEPTH) {
    const long part = depth - k < CONTRACTION_AHEAD_DEPTH ? depth - k : CONTRACTION_AHEAD_DEPTH;
    INSTANCE(go_ahead)(ahead);
    INSTANCE(extend_chain)(rows, part, a + k * BLOCK_ROWS, b + k * BLOCK_COLUMNS, chain);
  }
#endif
}

/// One register block of outputs: at most BLOCK_ROWS rows and BLOCK_COLUMNS columns of C, one
/// chain, the panels that it comes from (at the chain's first product).
typedef struct {
  long rows, columns, depth;
  GLOBAL const ELEMENT *a, *b;
  GLOBAL ELEMENT *c;
  long cRow, cColumn;
  ELEMENT alpha, beta;
#ifndef __OPENCL_VERSION__
  ELEMENT *state;   // not null: instead of c, state <- state + rate c
  long stateRow, stateColumn;
  ELEMENT rate;
#endif
} BLOCK;

#ifdef __OPENCL_VERSION__
#define CHANGES_STATE(block) 0
#else
#define CHANGES_STATE(block) ((block).state != 0)
#endif

/// Folds the chains of a whole row of the block, which is its row number `row`, into C: `hasOld`, whether
/// beta is not 0; `changesState`, whether the state takes the place of C.
HELPER void INSTANCE(fold_row)(
  const int hasOld, const int changesState, const BLOCK block, const VECTOR chain[BLOCK_VECTORS],
  long row
) {
  GLOBAL ELEMENT *c = block.c + row * block.cRow;
  #pragma unroll
  for (int j = 0; j < BLOCK_VECTORS; ++j) {
    VECTOR old = (VECTOR)((ELEMENT)0);
    if (hasOld) old = block.beta * LOAD(c + j * VECTOR_WIDTH);
    const VECTOR value = fma((VECTOR)(block.alpha), chain[j], old);
#ifndef __OPENCL_VERSION__
    if (changesState) {
      ELEMENT *state = block.state + row * block.stateRow + j * VECTOR_WIDTH;
      const VECTOR change = block.rate * value;
      STORE(LOAD(state) + change, state);
      continue;
    }
#endif
    STORE(value, c + j * VECTOR_WIDTH);
  }
}

/// The same for a row that is cut off by C's edge, or whose elements are not contiguous.
HELPER void INSTANCE(fold_partial_row)(
  const BLOCK block, const VECTOR chain[BLOCK_VECTORS], long row
) {
  ELEMENT values[BLOCK_COLUMNS];
  #pragma unroll
  for (int j = 0; j < BLOCK_VECTORS; ++j) STORE(chain[j], values + j * VECTOR_WIDTH);
  for (long j = 0; j < block.columns; ++j) {
    GLOBAL ELEMENT *element = block.c + row * block.cRow + j * block.cColumn;
    ELEMENT old = (ELEMENT)0;
    if (block.beta != (ELEMENT)0) old = block.beta * *element;
    const ELEMENT value = fma(block.alpha, values[j], old);
#ifndef __OPENCL_VERSION__
    if (block.state) {
      ELEMENT *state = block.state + row * block.stateRow + j * block.stateColumn;
      const ELEMENT change = block.rate * value;
      *state = *state + change;
      continue;
    }
#endif
    *element = value;
  }
}

/// Runs a block's chains for `computed` >= block.rows rows and folds those that exist.
HELPER void INSTANCE(add_block)(const int computed, const BLOCK block, AHEAD ahead) {
  // C arrives from memory while the chains run.
  for (long i = 0; i < block.rows; ++i) {
    PREFETCH_FOR_WRITE(block.c + i * block.cRow);
    PREFETCH_FOR_WRITE(block.c + i * block.cRow + (block.columns - 1) * block.cColumn);
#ifndef __OPENCL_VERSION__
    if (block.state) {
      PREFETCH_FOR_WRITE(block.state + i * block.stateRow);
      PREFETCH_FOR_WRITE(block.state + i * block.stateRow + (block.columns - 1) * block.stateColumn);
    }
#endif
  }
  VECTOR chain[BLOCK_ROWS][BLOCK_VECTORS];
  INSTANCE(run_chain)(computed, block.depth, block.a, block.b, ahead, chain);
  const int hasOld = block.beta != (ELEMENT)0, changesState = CHANGES_STATE(block);
  int whole = block.columns == BLOCK_COLUMNS && block.cColumn == 1;
#ifndef __OPENCL_VERSION__
  whole = whole && (!changesState || block.stateColumn == 1);
  // Most blocks, without branches between their rows.
  if (whole && !changesState && block.rows == computed) {
    if (hasOld) {
      #pragma unroll
      for (int i = 0; i < computed; ++i) INSTANCE(fold_row)(1, 0, block, chain[i], i);
    } else {
      #pragma unroll
      for (int i = 0; i < computed; ++i) INSTANCE(fold_row)(0, 0, block, chain[i], i);
    }
    return;
  }
#endif
  #pragma unroll
  for (int i = 0; i < computed; ++i) {
    if (i < block.rows) {
      if (whole) INSTANCE(fold_row)(hasOld, changesState, block, chain[i], i);
      else INSTANCE(fold_partial_row)(block, chain[i], i);
    }
  }
}

// Blocks with few rows: variants that compute no more than needed. Separate functions, so that
// each has the registers for itself.
#define BLOCK_VARIANT(computed) \
  BLOCK_FUNCTION void INSTANCE(add_block_##computed)(const BLOCK block, AHEAD ahead) { \
    INSTANCE(add_block)(computed, block, ahead); \
  }
BLOCK_FUNCTION void INSTANCE(add_block_whole)(const BLOCK block, AHEAD ahead) {
  INSTANCE(add_block)(BLOCK_ROWS, block, ahead);
}
BLOCK_VARIANT(1)
BLOCK_VARIANT(2)
BLOCK_VARIANT(4)
#if BLOCK_ROWS > 8
BLOCK_VARIANT(8)
#endif

HELPER void INSTANCE(add_rows)(const BLOCK block, AHEAD ahead) {
  if (block.rows == 1) INSTANCE(add_block_1)(block, ahead);
  else if (block.rows == 2) INSTANCE(add_block_2)(block, ahead);
  else if (block.rows <= 4) INSTANCE(add_block_4)(block, ahead);
#if BLOCK_ROWS > 8
  else if (block.rows <= 8) INSTANCE(add_block_8)(block, ahead);
#endif
  else INSTANCE(add_block_whole)(block, ahead);
}

/// c = beta c, or +0 if beta is 0.
HELPER void INSTANCE(scale_elements)(
  long rows, long columns, GLOBAL ELEMENT *c, long cRow, long cColumn, ELEMENT beta
) {
  for (long i = 0; i < rows; ++i)
    for (long j = 0; j < columns; ++j) {
      GLOBAL ELEMENT *element = c + i * cRow + j * cColumn;
      if (beta == (ELEMENT)0) *element = (ELEMENT)0;
      else *element *= beta;
    }
}

#ifdef __OPENCL_VERSION__

// Kernel functions, in work-groups of one work-item. The packed operands lie in one workspace
// buffer, each once per matrix of the batch, or just once if its batch stride is 0:
//   A at aPacked, (m rounded up to BLOCK_ROWS) * k elements per matrix
//   B at bPacked, (n rounded up to BLOCK_COLUMNS) * k elements per matrix
// Launches (global sizes; every division rounds up; if k is 0 only the last):
//   contraction_pack_a    k / CONTRACTION_PACKING_DEPTH, m / BLOCK_ROWS, matrices of A
//   contraction_pack_b    k / CONTRACTION_PACKING_DEPTH, n / BLOCK_COLUMNS, matrices of B
//   contraction_multiply  with panels = m / BLOCK_ROWS:
//                         min(panels, CONTRACTION_GROUP_PANELS), n / BLOCK_COLUMNS,
//                         batch * (panels / CONTRACTION_GROUP_PANELS)
// Where A has at most CONTRACTION_GROUP_PANELS panels, instead of the last two:
//   contraction_stream    any number of streams, at most batch * (n / BLOCK_COLUMNS)
// which keeps no more of the packed B than a chain of one panel per stream, at bPacked.
// BLOCK_ROWS = 8 and BLOCK_VECTORS = 2 suit 32 registers of 512 bits; 6 and 1 suit 16 of 256 bits.

#define PANELS(lanes, width) (((lanes) + (width) - 1) / (width))

/// Part get_global_id(0) of the depth of panel get_global_id(1), matrix get_global_id(2).
FUNCTION void pack_part(
  const int width, long lanes, long depth, GLOBAL const real *source, long laneStride,
  long depthStride, GLOBAL real *packed
) {
  const long k = get_global_id(0) * CONTRACTION_PACKING_DEPTH;
  const long lane = get_global_id(1) * width;
  const long matrix = get_global_id(2) * PANELS(lanes, width) * width * depth;
  if (k < depth && lane < lanes)
    pack_panel(
      width, min(lanes - lane, (long)width), min(depth - k, (long)CONTRACTION_PACKING_DEPTH),
      source + lane * laneStride + k * depthStride, laneStride, depthStride,
      packed + matrix + lane * depth + k * width);
}

__kernel void contraction_pack_a(
  const ContractionParameters p, GLOBAL const real *restrict a, GLOBAL real *restrict workspace
) {
  pack_part(
    BLOCK_ROWS, p.m, p.k, a + p.aOffset + get_global_id(2) * p.aBatch, p.aRow, p.aColumn,
    workspace + p.aPacked);
}

__kernel void contraction_pack_b(
  const ContractionParameters p, GLOBAL const real *restrict b, GLOBAL real *restrict workspace
) {
  pack_part(
    BLOCK_COLUMNS, p.n, p.k, b + p.bOffset + get_global_id(2) * p.bBatch, p.bColumn, p.bRow,
    workspace + p.bPacked);
}

/// The block of outputs at (row, column) of a matrix, with its panel of A and without one of B.
FUNCTION BLOCK output_block(
  const ContractionParameters p, long matrix, long row, long column, GLOBAL const real *packedA,
  GLOBAL real *c, GLOBAL const real *scale
) {
  BLOCK block;
  const long aMatrix = p.aBatch ? matrix * PANELS(p.m, BLOCK_ROWS) * BLOCK_ROWS : 0;
  block.a = packedA + (aMatrix + row) * p.k;
  block.c = c + p.cOffset + matrix * p.cBatch + row * p.cRow + column * p.cColumn;
  block.cRow = p.cRow;
  block.cColumn = p.cColumn;
  block.rows = min(p.m - row, (long)BLOCK_ROWS);
  block.columns = min(p.n - column, (long)BLOCK_COLUMNS);
  block.alpha = REAL(p.alpha);
  if (p.hasScale) block.alpha *= scale[p.scaleOffset];
  block.beta = REAL(p.beta);
  return block;
}

/// All chains of one block of outputs. The row panels are visited in groups, so that a group of A's
/// panels stays in the last cache while it meets every panel of B: row panel get_global_id(0) of its
/// group, column panel get_global_id(1); get_global_id(2) is matrix * groups + group.
__kernel void contraction_multiply(
  const ContractionParameters p, GLOBAL const real *restrict workspace, GLOBAL real *restrict c,
  GLOBAL const real *restrict scale
) {
  const long groups = PANELS(PANELS(p.m, BLOCK_ROWS), CONTRACTION_GROUP_PANELS);
  const long matrix = get_global_id(2) / groups, group = get_global_id(2) % groups;
  const long row = (group * CONTRACTION_GROUP_PANELS + get_global_id(0)) * BLOCK_ROWS;
  const long column = get_global_id(1) * BLOCK_COLUMNS;
  if (row >= p.m || column >= p.n) return;
  BLOCK block = output_block(p, matrix, row, column, workspace + p.aPacked, c, scale);
  const long bMatrix = p.bBatch ? matrix * PANELS(p.n, BLOCK_COLUMNS) * BLOCK_COLUMNS : 0;
  block.b = workspace + p.bPacked + (bMatrix + column) * p.k;
  if (p.k == 0)
    scale_elements(block.rows, block.columns, block.c, p.cRow, p.cColumn, block.beta);
  for (long k = 0; k < p.k; k += MACLAURIN_CHAIN) {
    block.depth = min(p.k - k, (long)MACLAURIN_CHAIN);
    add_rows(block, 0);
    block.a += MACLAURIN_CHAIN * BLOCK_ROWS;
    block.b += MACLAURIN_CHAIN * BLOCK_COLUMNS;
    block.beta = R(1.0);
  }
}

/// Whole columns of blocks: packs a chain of B's panel and multiplies all of A's panels with it
/// while it is in the nearest caches. The columns of all matrices are dealt out in turn; each
/// work-item is a stream, which packs to the same place every time.
__kernel void contraction_stream(
  const ContractionParameters p, GLOBAL const real *restrict b, GLOBAL real *restrict workspace,
  GLOBAL real *restrict c, GLOBAL const real *restrict scale
) {
  const long columnPanels = PANELS(p.n, BLOCK_COLUMNS);
  const long depth = min(p.k, (long)MACLAURIN_CHAIN);
  GLOBAL real *place = workspace + p.bPacked + get_global_id(0) * depth * BLOCK_COLUMNS;
  for (long task = get_global_id(0); task < p.batch * columnPanels; task += get_global_size(0)) {
    const long matrix = task / columnPanels, column = task % columnPanels * BLOCK_COLUMNS;
    GLOBAL const real *source = b + p.bOffset + matrix * p.bBatch + column * p.bColumn;
    for (long k = 0; k < p.k; k += MACLAURIN_CHAIN) {
      const long part = min(p.k - k, (long)MACLAURIN_CHAIN);
      pack_panel(
        BLOCK_COLUMNS, min(p.n - column, (long)BLOCK_COLUMNS), part, source + k * p.bRow,
        p.bColumn, p.bRow, place);
      for (long row = 0; row < p.m; row += BLOCK_ROWS) {
        BLOCK block = output_block(p, matrix, row, column, workspace + p.aPacked, c, scale);
        block.a += k * BLOCK_ROWS;
        block.b = place;
        block.depth = part;
        if (k > 0) block.beta = R(1.0);
        add_rows(block, 0);
      }
    }
  }
}

#else

// What the host driver calls; see contraction_host.h.

static TARGET void INSTANCE(pack)(
  long width, long lanes, long depth, const void *source, long laneStride, long depthStride,
  void *panels, long panelStride
) {
  // Contiguous lanes: a few depths of all panels at a time, whose rows of the source then stay in
  // the first cache and in the page table's fast entries. Contiguous depths: panel by panel.
  const long part = depthStride == 1 ? depth : 16;
  for (long k = 0; k < depth; k += part)
    for (long lane = 0; lane < lanes; lane += width) {
      const ELEMENT *from = (const ELEMENT *)source + lane * laneStride + k * depthStride;
      ELEMENT *panel = (ELEMENT *)panels + lane / width * panelStride + k * width;
      const long partLanes = lanes - lane < width ? lanes - lane : width;
      const long partDepth = depth - k < part ? depth - k : part;
      // Constant widths, so that the loops over lanes vectorise.
      if (width == BLOCK_ROWS)
        INSTANCE(pack_panel)(
          BLOCK_ROWS, partLanes, partDepth, from, laneStride, depthStride, panel);
      else
        INSTANCE(pack_panel)(
          BLOCK_COLUMNS, partLanes, partDepth, from, laneStride, depthStride, panel);
    }
}

static TARGET void INSTANCE(add_chain)(
  long rows, long columns, long depth, const void *a, long aPanelStride, const void *b,
  const ContractionTarget *target, double alpha, double beta, ContractionAhead *ahead
) {
  BLOCK block = {.depth = depth, .b = b, .columns = columns, .cRow = target->row,
                 .cColumn = target->column, .alpha = (ELEMENT)alpha, .beta = (ELEMENT)beta,
                 .stateRow = target->stateRow, .stateColumn = target->stateColumn,
                 .rate = (ELEMENT)target->rate};
  for (long row = 0; row < rows; row += BLOCK_ROWS) {
    block.a = (const ELEMENT *)a + row / BLOCK_ROWS * aPanelStride;
    block.rows = rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS;
    block.c = (ELEMENT *)target->c + row * target->row;
    if (target->state) block.state = (ELEMENT *)target->state + row * target->stateRow;
    INSTANCE(add_rows)(block, ahead);
  }
}

/// What is left of a panel that was to be copied meanwhile.
static TARGET void INSTANCE(finish_copy)(ContractionAhead *ahead) {
  ahead->rate = ahead->left;
  INSTANCE(go_ahead)(ahead);
}

static TARGET void INSTANCE(combine)(
  long count, const void *center, const void *displacement, double factor, void *target
) {
  for (long i = 0; i + VECTOR_WIDTH <= count; i += VECTOR_WIDTH)
    STORE(
      fma((VECTOR)((ELEMENT)factor), LOAD((const ELEMENT *)displacement + i),
          LOAD((const ELEMENT *)center + i)),
      (ELEMENT *)target + i);
}

static TARGET void INSTANCE(scale)(
  long rows, long columns, void *c, long cRow, long cColumn, double beta
) {
  INSTANCE(scale_elements)(rows, columns, c, cRow, cColumn, (ELEMENT)beta);
}

static const ContractionInstance INSTANCE(instance) = {
  INSTRUCTION_SET, sizeof(ELEMENT), BLOCK_ROWS, BLOCK_COLUMNS,
  INSTANCE(pack), INSTANCE(add_chain), INSTANCE(finish_copy), INSTANCE(combine),
  INSTANCE(scale),
};

// The next instance defines its own.
#undef ELEMENT
#undef INSTANCE
#undef INSTRUCTION_SET
#undef TARGET
#undef VECTOR_WIDTH
#undef BLOCK_ROWS
#undef BLOCK_VECTORS
#undef VECTOR
#undef BLOCK
#undef BLOCK_COLUMNS
#undef BLOCK_VARIANT
#undef HELPER
#undef BLOCK_FUNCTION
#undef PREFETCH_FOR_WRITE
#undef AHEAD
#undef LOAD
#undef STORE

#endif
