// The host family of the contraction, compiled for the host: packed panels and register blocks,
// one instance per instruction set and scalar type (source: contraction_host.cl).

#ifndef MACLAURIN_CONTRACTION_HOST_H
#define MACLAURIN_CONTRACTION_HOST_H

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

  /// One chain, depth ≤ MACLAURIN_CHAIN, for rows × columns outputs:
  ///   c ← fma(alpha, Σ_k a·b by fma in ascending k from +0, beta·c), with +0 for beta·c if
  ///   beta = 0 (c is then not read). c[i·cRow + j·cColumn].
  void (*addChain)(long rows, long columns, long depth, const void *a, long aPanelStride,
                   const void *b, long bPanelStride, void *c, long cRow, long cColumn,
                   double alpha, double beta);

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
