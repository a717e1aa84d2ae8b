// The host family of the contraction, compiled for the host: packed panels and register blocks,
// one instance per instruction set and scalar type (source: contraction_host.cl).

#ifndef MACLAURIN_CONTRACTION_HOST_H
#define MACLAURIN_CONTRACTION_HOST_H

/// Between two looks at the work on the next panel lie that many products of a chain.
#define CONTRACTION_AHEAD_DEPTH 32
/// A row to be copied is fetched that many rows before.
#define CONTRACTION_COPY_DISTANCE 24
#define CONTRACTION_LINE_BYTES 64

/// Work on the next panel of B that is done, a few units at a time, while one is multiplied, so that
/// memory is waited for by nobody.
///
/// With a target: whole rows of the panel (its width of elements, contiguous) are copied, `left` of
/// them, `stride` elements apart in the source. Without: `left` cache lines are fetched, in runs of
/// `lines`, whose beginnings lie `stride` elements apart.
typedef struct {
  const void *source;
  void *target;
  long stride, lines, line;
  long left, rate;
} ContractionAhead;

/// Where the outputs of a chain go: c[i·row + j·column]; or, with a state, what would go there
/// changes the state instead, by state ← fl(state + fl(rate·c)).
typedef struct {
  void *c;
  long row, column;
  void *state;
  long stateRow, stateColumn;
  double rate;
} ContractionTarget;

/// One instance: the functions that share a register block of `rows` × `columns` outputs.
///
/// A packed operand consists of panels: panel p holds lanes (rows of A or columns of B)
/// p·width ..< (p+1)·width, element (lane l, depth k) at k·width + l. The last panel's missing
/// lanes are zeros, which only ever reach outputs that are dropped; the depth is never padded.
typedef struct {
  const char *instructionSet;
  long elementBytes;
  long rows, columns;   ///< the widths of A's and of B's panels

  /// Packs `lanes` × `depth` elements into panels of `width` (rows or columns) lanes that lie
  /// `panelStride` elements apart; source element (l, k) is source[l·laneStride + k·depthStride].
  void (*pack)(long width, long lanes, long depth, const void *source, long laneStride,
               long depthStride, void *panels, long panelStride);

  /// One chain, depth ≤ MACLAURIN_CHAIN, for `rows` rows and the `columns` of one panel of B:
  ///   c ← fma(alpha, Σ_k a·b by fma in ascending k from +0, beta·c), with +0 for beta·c if
  ///   beta = 0 (c is then not read).
  void (*addChain)(long rows, long columns, long depth, const void *a, long aPanelStride,
                   const void *b, const ContractionTarget *target, double alpha, double beta,
                   ContractionAhead *ahead);

  /// Copies what is left of `ahead`.
  void (*finishCopy)(ContractionAhead *ahead);

  /// Elements of two packed panels: target ← fma(factor, displacement, center); `count` is a multiple
  /// of `columns`.
  void (*combine)(long count, const void *center, const void *displacement, double factor,
                  void *target);

  /// c ← beta·c, or +0 if beta = 0: the contraction with k = 0.
  void (*scale)(long rows, long columns, void *c, long cRow, long cColumn, double beta);
} ContractionInstance;

/// Number `index` of the instances for elements of that size (4 or 8) that this processor can
/// run, the fastest first; null past the last one. All give the same bits.
const ContractionInstance *contraction_instance(long elementBytes, int index);

/// The processor's hint inside a loop that waits for another thread.
static inline void contraction_spin_hint(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#endif
