// The updates of optimizer_update.cl, of a matrix whose row r is kept with a sign: what leaves is
// multiplied by now[r]·next[r] = ±1, exact, and so are first moments; second moments are not. Where
// wanted, parameters ← center + state in the same pass.

KERNEL6(update_sgd_signed, UpdateParameters, real, state, real, parameters, const real, gradient,
        const real, center, const real, now, const real, next) {
  const real rate = REAL(p.rate);
  FOR_EACH_CELL(row, column) {
    const real flip = now[row] * next[row];
    const long i = row * range.columns + column;
    const real u = rate * gradient[i];
    const real moved = flip * (state[i] + u);
    state[i] = moved;
    if (p.hasParameters) parameters[i] = center[i] + moved;
  }
}

KERNEL7(update_momentum_signed, UpdateParameters, real, state, real, velocity, real, parameters,
        const real, gradient, const real, center, const real, now, const real, next) {
  const real rate = REAL(p.rate), momentum = REAL(p.beta1);
  FOR_EACH_CELL(row, column) {
    const real flip = now[row] * next[row];
    const long i = row * range.columns + column;
    const real v = fma(momentum, velocity[i], gradient[i]);
    velocity[i] = flip * v;
    const real u = rate * v;
    const real moved = flip * (state[i] + u);
    state[i] = moved;
    if (p.hasParameters) parameters[i] = center[i] + moved;
  }
}

KERNEL8(update_adam_signed, UpdateParameters, real, state, real, first, real, second,
        real, parameters, const real, gradient, const real, center, const real, now,
        const real, next) {
  const real rate = REAL(p.rate), beta1 = REAL(p.beta1), beta2 = REAL(p.beta2);
  const real complement1 = REAL(p.complement1), complement2 = REAL(p.complement2);
  const real correction1 = REAL(p.correction1), correction2 = REAL(p.correction2);
  const real epsilon = REAL(p.epsilon);
  FOR_EACH_CELL(row, column) {
    const real flip = now[row] * next[row];
    const long i = row * range.columns + column;
    const real g = gradient[i];
    const real g1 = complement1 * g, g2 = complement2 * g;
    const real m = fma(beta1, first[i], g1);
    const real g3 = g2 * g;
    const real v = fma(beta2, second[i], g3);
    first[i] = flip * m;
    second[i] = v;
    const real denominator = sqrt(v / correction2) + epsilon;
    const real step = (m / correction1) / denominator;
    const real u = rate * step;
    const real moved = flip * (state[i] + u);
    state[i] = moved;
    if (p.hasParameters) parameters[i] = center[i] + moved;
  }
}
