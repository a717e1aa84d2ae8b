// z(t) = y(t) γ(t) + β(t), column by column, with γ(t) = c (γ0 + t s Δγ) and β(t) alike.

KERNEL8(layer_affine, LayerAffineParameters, real, z, const real, y, const real, gain,
        const real, gainDisplacement, const real, gainScale, const real, bias,
        const real, biasDisplacement, const real, biasScale) {
  const real gainFactor = REAL(p.gainFactor), biasFactor = REAL(p.biasFactor);
  const real gainDirection = gainFactor * (p.hasGainScale ? gainScale[0] : R(1.0));
  const real biasDirection = biasFactor * (p.hasBiasScale ? biasScale[0] : R(1.0));
  FOR_EACH_STRIP(row, column, lanes) {
    const long cell = row * p.columns + column, coefficient = p.block * p.columns;
    for (long v = 0; v < p.directions; ++v) {
      // γ0, Δγ, this coefficient of y and the one before, z, β.
      Coefficient g[2], u[2], out[2];
      load_strip(g[0], gain + column, lanes);
      FOR_LANES(l) g[0][l] = gainFactor * g[0][l];
      if (p.hasGainDisplacement) {
        load_strip(g[1], gainDisplacement + v * p.gainStride + column, lanes);
        FOR_LANES(l) g[1][l] = gainDirection * g[1][l];
      }
      for (long n = 0; n <= p.outputDegree; ++n) {
        FOR_LANES(l) out[0][l] = R(0.0);
        if (n <= p.inputDegree) {
          const long block = n == 0 ? 0 : 1 + v * p.inputCapacity + (n - 1);
          load_strip(u[0], y + block * coefficient + cell, lanes);
          FOR_LANES(l) out[0][l] = g[0][l] * u[0][l];
        }
        if (p.hasGainDisplacement && n > 0 && n <= p.inputDegree + 1) {
          FOR_LANES(l) out[0][l] = fma(g[1][l], u[1][l], out[0][l]);
        }
        FOR_LANES(l) u[1][l] = u[0][l];
        if (n == 0 && p.hasBias) {
          load_strip(out[1], bias + column, lanes);
          FOR_LANES(l) {
            const real b = biasFactor * out[1][l];
            out[0][l] = out[0][l] + b;
          }
        }
        if (n == 1 && p.hasBiasDisplacement) {
          load_strip(out[1], biasDisplacement + v * p.biasStride + column, lanes);
          FOR_LANES(l) {
            const real b = biasDirection * out[1][l];
            out[0][l] = out[0][l] + b;
          }
        }
        const long block = n == 0 ? 0 : 1 + v * p.outputCapacity + (n - 1);
        if (n > 0 || v == 0) store_strip(z + block * coefficient + cell, out[0], lanes);
      }
    }
  }
}

// ȳ_i = γ0 z̄_i + s Δγ z̄_{i+1}, in place, i = 1…inputDegree; ascending, so that every z̄ is read
// before it is overwritten.
KERNEL4(layer_affine_adjoint, LayerAffineParameters, real, cotangent, const real, gain,
        const real, gainDisplacement, const real, gainScale) {
  const real gainFactor = REAL(p.gainFactor);
  const real gainDirection = gainFactor * (p.hasGainScale ? gainScale[0] : R(1.0));
  FOR_EACH_STRIP(row, column, lanes) {
    const long coefficient = p.block * p.columns;
    for (long v = 0; v < p.directions; ++v) {
      GLOBAL real *own =
          cotangent + v * p.outputCapacity * coefficient + row * p.columns + column;
      Coefficient g[2], u[2];
      load_strip(g[0], gain + column, lanes);
      FOR_LANES(l) g[0][l] = gainFactor * g[0][l];
      if (p.hasGainDisplacement) {
        load_strip(g[1], gainDisplacement + v * p.gainStride + column, lanes);
        FOR_LANES(l) g[1][l] = gainDirection * g[1][l];
      }
      for (long i = 0; i < p.inputDegree; ++i) {
        load_strip(u[0], own + i * coefficient, lanes);
        FOR_LANES(l) u[0][l] = g[0][l] * u[0][l];
        if (p.hasGainDisplacement && i + 1 < p.outputDegree) {
          load_strip(u[1], own + (i + 1) * coefficient, lanes);
          FOR_LANES(l) u[0][l] = fma(g[1][l], u[1][l], u[0][l]);
        }
        store_strip(own + i * coefficient, u[0], lanes);
      }
    }
  }
}
