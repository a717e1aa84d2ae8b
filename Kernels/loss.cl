// The loss of the model's output F = Σ_i y_i s^{−i}, its cotangents ȳ_i = (∂L/∂F) s^{−i}, the
// per-example loss and whether the largest output is the target's. One item per example, sums
// over the outputs in ascending order.
//   mse:            ½ Σ_o (F_o − t_o)²,               gradient factor·(F − t)
//   cross-entropy:  −Σ_o t_o (F_o − log Σ e^{F}),     gradient factor·(softmax(F)·Σt − t)
// `outputs` receives F.

#define LOSS_MSE 0

KERNEL7(loss, LossParameters, real, outputs, real, cotangent, real, losses, real, correct,
        const real, logits, const real, targets, const real, scale) {
  const real inverse = p.hasScale ? R(1.0) / scale[0] : R(1.0);
  const real factor = REAL(p.factor);
  FOR_EACH_ITEM(row) {
    GLOBAL const real *target = targets + row * p.outputs;
    GLOBAL real *out = outputs + row * p.outputs;
    real largest = R(0.0), largestTarget = R(0.0), targetSum = R(0.0);
    long at = 0, atTarget = 0;
    for (long o = 0; o < p.outputs; ++o) {
      real f = logits[row * p.outputs + o], power = R(1.0);
      for (long i = 1; i <= p.degree; ++i) {
        power = power * inverse;
        f = fma(logits[(i * p.rows + row) * p.outputs + o], power, f);
      }
      out[o] = f;
      if (o == 0 || f > largest) {
        largest = f;
        at = o;
      }
      if (o == 0 || target[o] > largestTarget) {
        largestTarget = target[o];
        atTarget = o;
      }
      targetSum = targetSum + target[o];
    }
    real sum = R(0.0);
    if (p.kind == LOSS_MSE) {
      for (long o = 0; o < p.outputs; ++o) {
        const real difference = out[o] - target[o];
        sum = fma(difference, difference, sum);
      }
      losses[row] = R(0.5) * sum;
    } else {
      real logarithm;
      for (long o = 0; o < p.outputs; ++o) sum = sum + real_exp(out[o] - largest);
      logarithm = real_log(sum);
      real total = R(0.0);
      for (long o = 0; o < p.outputs; ++o) {
        const real shifted = out[o] - largest;
        total = fma(target[o], shifted - logarithm, total);
      }
      losses[row] = -total;
    }
    correct[row] = at == atTarget ? R(1.0) : R(0.0);
    if (p.cotangentDegree > 0) {
      for (long o = 0; o < p.outputs; ++o) {
        real gradient;
        if (p.kind == LOSS_MSE) {
          gradient = factor * (out[o] - target[o]);
        } else {
          const real probability = real_exp(out[o] - largest) / sum;
          gradient = factor * fma(probability, targetSum, -target[o]);
        }
        if (p.cotangentFirst > 0) gradient = gradient * inverse;
        for (long i = 0; i < p.cotangentDegree; ++i) {
          cotangent[(i * p.rows + row) * p.outputs + o] = gradient;
          gradient = gradient * inverse;
        }
      }
    }
  }
}
