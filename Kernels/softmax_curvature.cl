// The Hessian of the cross-entropy at the outputs F times tangents d, one item per tangent's row:
//   factor·Σt·(p ∘ d − p (pᵀd)),   p = softmax(F),
// sums over the outputs in ascending order. Rows of F repeat for every direction.

KERNEL4(softmax_curvature, SoftmaxCurvatureParameters, real, product, const real, outputs,
        const real, targets, const real, tangents) {
  const real factor = REAL(p.factor);
  FOR_EACH_ITEM(item) {
    const long row = item % p.rows;
    GLOBAL const real *f = outputs + row * p.outputs;
    GLOBAL const real *target = targets + row * p.outputs;
    GLOBAL const real *tangent = tangents + item * p.outputs;
    GLOBAL real *out = product + item * p.outputs;
    real largest = R(0.0), targetSum = R(0.0);
    for (long o = 0; o < p.outputs; ++o) {
      if (o == 0 || f[o] > largest) largest = f[o];
      targetSum = targetSum + target[o];
    }
    real sum = R(0.0), weighted = R(0.0);
    for (long o = 0; o < p.outputs; ++o) {
      const real power = real_exp(f[o] - largest);
      sum = sum + power;
      weighted = fma(power, tangent[o], weighted);
    }
    const real mean = weighted / sum;
    const real weight = factor * targetSum;
    for (long o = 0; o < p.outputs; ++o) {
      const real probability = real_exp(f[o] - largest) / sum;
      out[o] = weight * (probability * (tangent[o] - mean));
    }
  }
}
