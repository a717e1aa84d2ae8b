// Copies samples of matrices, element by element and bit for bit.

#ifdef REAL_IS_DOUBLE
typedef ulong Word;
#else
typedef uint Word;
#endif

// Up to EXTRACTION_PATCHES patches, one after the other: element [i, s, j] of patch q comes from
// starts[q][s] + i·outerStep[q] + j·innerStep[q] of source q.
KERNEL5(extraction, ExtractionParameters, Word, out, const Word, x0, const Word, x1,
        const Word, x2, const Word, x3) {
  FOR_EACH_ITEM(item) {
    int q = 0;
    while (item >= p.end[q]) ++q;
    // A patch has fewer than 2³² elements, and divisions of 32 bits are cheaper.
    const uint index = (uint)(q == 0 ? item : item - p.end[q - 1]);
    const uint cell = index / (uint)p.innerCount[q], j = index - cell * (uint)p.innerCount[q];
    const uint i = cell / (uint)p.startCount[q], s = cell - i * (uint)p.startCount[q];
    const long from = p.starts[q * EXTRACTION_STARTS + s] + i * p.outerStep[q] + j * p.innerStep[q];
    out[item] = q == 0 ? x0[from] : q == 1 ? x1[from] : q == 2 ? x2[from] : x3[from];
  }
}

// Elements starts[s] + rows[positions[s]]·stride.
KERNEL3(extraction_indirect, IndirectExtractionParameters, Word, out, const Word, x,
        const int, rows) {
  FOR_EACH_ITEM(s) { out[s] = x[p.starts[s] + (long)rows[p.positions[s]] * p.stride]; }
}
