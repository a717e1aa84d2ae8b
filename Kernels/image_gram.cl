// out[pair, cell] = α·Σ_c x1[i, c, p]·x2[j, c, p′], in chains of MACLAURIN_CHAIN channels.

KERNEL3(image_gram, ImageGramParameters, real, out, const real, x1, const real, x2) {
  const real alpha = REAL(p.alpha);
  const KernelCells cells = p.cells;
  FOR_EACH_STRIP(row, column, lanes) {
    const CellPlaces places = cell_places(cells, row);
    const long segment = cell_segment(cells, column, range.columns);
    const long t = column - segment * cells.segment;
    GLOBAL const real *from1 = x1 + (places.row + segment * cells.rowSegment) * p.rowElement;
    GLOBAL const real *from2 =
        x2 + (places.column + segment * cells.columnSegment) * p.columnElement;
    Coefficient sum[1], chain[1], a[1], b[1];
    FOR_LANES(l) sum[0][l] = R(0.0);
    for (long first = 0; first < p.channels; first += MACLAURIN_CHAIN) {
      const long end = p.channels - first < MACLAURIN_CHAIN ? p.channels : first + MACLAURIN_CHAIN;
      FOR_LANES(l) chain[0][l] = R(0.0);
      for (long c = first; c < end; ++c) {
        load_cells(a[0], from1 + c * p.channelStep, cells.segment, t,
                   cells.rowSegment * p.rowElement, cells.rowStep * p.rowElement, lanes);
        load_cells(b[0], from2 + c * p.channelStep, cells.segment, t,
                   cells.columnSegment * p.columnElement, p.columnElement, lanes);
        FOR_LANES(l) chain[0][l] = fma(a[0][l], b[0][l], chain[0][l]);
      }
      FOR_LANES(l) sum[0][l] = fma(alpha, chain[0][l], sum[0][l]);
    }
    store_strip(out + row * range.columns + column, sum[0], lanes);
  }
}
