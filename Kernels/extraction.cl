// Copies samples of matrices, element by element and bit for bit.

#ifdef REAL_IS_DOUBLE
typedef ulong Word;
#else
typedef uint Word;
#endif

// Up to EXTRACTION_PATCHES patches, one after the other: element [i, s, j] of patch q comes from
// starts[q][s] + i·outerStep[q] + j·innerStep[q] of source q. Items are runs of EXTRACTION_RUN
// elements, so that divisions are rare.
KERNEL5(extraction, ExtractionParameters, Word, out, const Word, x0, const Word, x1,
        const Word, x2, const Word, x3) {
  FOR_EACH_ITEM(run) {
    const long begin = run * EXTRACTION_RUN;
    const long stop = begin + EXTRACTION_RUN < p.count ? begin + EXTRACTION_RUN : p.count;
    int q = 0;
    while (begin >= p.end[q]) ++q;
    const long index = q == 0 ? begin : begin - p.end[q - 1];
    const long cell = index / p.innerCount[q];
    long j = index - cell * p.innerCount[q], i = cell / p.startCount[q];
    long s = cell - i * p.startCount[q];
    for (long item = begin; item < stop; ++item) {
      const long from =
        p.starts[q * EXTRACTION_STARTS + s] + i * p.outerStep[q] + j * p.innerStep[q];
      out[item] = q == 0 ? x0[from] : q == 1 ? x1[from] : q == 2 ? x2[from] : x3[from];
      if (++j < p.innerCount[q]) continue;
      j = 0;
      if (++s < p.startCount[q]) continue;
      s = 0;
      ++i;
      if (item + 1 == p.end[q]) {
        i = 0;
        ++q;
      }
    }
  }
}

// Elements starts[s] + rows[positions[s]]·stride.
KERNEL3(extraction_indirect, IndirectExtractionParameters, Word, out, const Word, x,
        const int, rows) {
  FOR_EACH_ITEM(s) { out[s] = x[p.starts[s] + (long)rows[p.positions[s]] * p.stride]; }
}
