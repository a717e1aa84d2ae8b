// out[r, j] = (α·f)·x[r, j], f = first[r], or fl(first[r]·second[r]), or 1/√(that + ε); by column, j in place of r.

KERNEL4(row_scaling, RowScalingParameters, real, out, const real, x, const real, first,
        const real, second) {
  const real alpha = REAL(p.alpha), epsilon = REAL(p.epsilon);
  FOR_EACH_CELL(row, column) {
    const long at = p.byColumn ? column : row, i = row * range.columns + column;
    const real product = p.hasSecond ? first[at] * second[at] : first[at];
    const real f = p.isInverseRoot ? R(1.0) / sqrt(product + epsilon) : product;
    const real scaled = alpha * f;
    out[i] = scaled * x[i];
  }
}

// The same with x in out.
KERNEL3(row_scaling_in_place, RowScalingParameters, real, out, const real, first,
        const real, second) {
  const real alpha = REAL(p.alpha), epsilon = REAL(p.epsilon);
  FOR_EACH_CELL(row, column) {
    const long at = p.byColumn ? column : row, i = row * range.columns + column;
    const real product = p.hasSecond ? first[at] * second[at] : first[at];
    const real f = p.isInverseRoot ? R(1.0) / sqrt(product + epsilon) : product;
    const real scaled = alpha * f;
    out[i] = scaled * out[i];
  }
}
