// out = W0 + u·s·Δ, rounded once; out is contiguous.

KERNEL4(ray_weights, RayWeightsParameters, real, out, const real, center,
        const real, displacement, const real, scale) {
  const real step = REAL(p.u) * (p.hasScale ? scale[0] : R(1.0));
  FOR_EACH_CELL(row, column) {
    const real moved = displacement[row * p.displacementStride + column];
    const real start = center[row * p.centerStride + column];
    out[row * range.columns + column] = fma(step, moved, start);
  }
}
