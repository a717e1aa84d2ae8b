// Optimizer updates of a flat state (θ, or Δ of a Taylorized run). Every update is
// u = fl(−η·g), then fl(state + u): two roundings, never one fma, so that re-expanding after
// every step is gradient descent bit for bit.

// g ← clip·g + λ·θ, θ = center + state.
KERNEL4(regularize, RegularizeParameters, real, gradient, const real, state, const real, center,
        const real, clip) {
  const real decay = REAL(p.factor);
  const real factor = p.hasClip ? clip[0] : R(1.0);
  FOR_EACH_ITEM(i) {
    const real g = gradient[i] * factor;
    real parameter = state[i];
    if (p.hasCenter) parameter = center[i] + parameter;
    gradient[i] = fma(decay, parameter, g);
  }
}

// state ← state + rate·θ, θ = center + state (decoupled weight decay; rate = −ηλ).
KERNEL2(decay_state, RegularizeParameters, real, state, const real, center) {
  const real rate = REAL(p.factor);
  FOR_EACH_ITEM(i) {
    real parameter = state[i];
    if (p.hasCenter) parameter = center[i] + parameter;
    const real u = rate * parameter;
    state[i] = state[i] + u;
  }
}

KERNEL2(update_sgd, UpdateParameters, real, state, const real, gradient) {
  const real rate = REAL(p.rate);
  FOR_EACH_ITEM(i) {
    const real u = rate * gradient[i];
    state[i] = state[i] + u;
  }
}

// v ← μv + g, state ← state − ηv
KERNEL3(update_momentum, UpdateParameters, real, state, real, velocity, const real, gradient) {
  const real rate = REAL(p.rate), momentum = REAL(p.beta1);
  FOR_EACH_ITEM(i) {
    const real v = fma(momentum, velocity[i], gradient[i]);
    velocity[i] = v;
    const real u = rate * v;
    state[i] = state[i] + u;
  }
}

// m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², state ← state − η m̂/(√v̂ + ε)
KERNEL4(update_adam, UpdateParameters, real, state, real, first, real, second,
        const real, gradient) {
  const real rate = REAL(p.rate), beta1 = REAL(p.beta1), beta2 = REAL(p.beta2);
  const real complement1 = REAL(p.complement1), complement2 = REAL(p.complement2);
  const real correction1 = REAL(p.correction1), correction2 = REAL(p.correction2);
  const real epsilon = REAL(p.epsilon);
  FOR_EACH_ITEM(i) {
    const real g = gradient[i];
    const real g1 = complement1 * g, g2 = complement2 * g;
    const real m = fma(beta1, first[i], g1);
    const real g3 = g2 * g;
    const real v = fma(beta2, second[i], g3);
    first[i] = m;
    second[i] = v;
    const real denominator = sqrt(v / correction2) + epsilon;
    const real step = (m / correction1) / denominator;
    const real u = rate * step;
    state[i] = state[i] + u;
  }
}

// The same updates of a matrix whose row r is kept with a sign: what leaves is multiplied by
// now[r]·next[r] = ±1, exact, and so are first moments; second moments are not. Where wanted,
// parameters ← center + state in the same pass.

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
