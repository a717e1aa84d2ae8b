// Scalars of a training step that stay on the device. One item each.

/// floor(log2(x)) of a positive finite number, exact, and x·2^−that in `mantissa`.
FUNCTION int binary_exponent(real x, real *mantissa) {
#ifdef REAL_IS_DOUBLE
  int shift = 0;
  if (x < 0x1p-1000) { x = x * 0x1p200; shift = -200; }
  const long bits = as_long(x);
  *mantissa = as_double((bits & 0x000FFFFFFFFFFFFFL) | 0x3FF0000000000000L);
  return (int)((bits >> 52) & 0x7FF) - 1023 + shift;
#else
  int shift = 0;
  if (x < 0x1p-100f) { x = x * 0x1p48f; shift = -48; }
  const int bits = as_int(x);
  *mantissa = as_float((uint)((bits & 0x007FFFFF) | 0x3F800000));
  return ((bits >> 23) & 0xFF) - 127 + shift;
#endif
}

FUNCTION real real_power_of_two(int n) {
#ifdef REAL_IS_DOUBLE
  return as_double((long)(n + 1023) << 52);
#else
  return as_float((uint)(n + 127) << 23);
#endif
}

// s = 2^clamp(round(log2(‖θ0‖/‖Δ‖)), ±⌊96/k⌋), 1 while Δ = 0, from the squared norms;
// ±⌊960/k⌋ for the orders above MACLAURIN_ORDER, which only float64 has. The
// rounding needs the exponent of the quotient only: with ‖θ0‖²/‖Δ‖² = m·2^e, 1 ≤ m < 2,
// round((e + log2 m)/2) = ⌊(e+1)/2⌋.
KERNEL3(direction_scale, StepScalarsParameters, real, scale, const real, centerNorm,
        const real, displacementNorm) {
  FOR_EACH_ITEM(i) {
    const real a = centerNorm[i], b = displacementNorm[i];
    const real largest = R(0x1p120);
    int exponent = 0;
    if (a > R(0.0) && b > R(0.0) && a < largest && b < largest) {
      real ma, mb;
      int e = binary_exponent(a, &ma) - binary_exponent(b, &mb);
      if (ma < mb) e -= 1;
      exponent = (e + 1) >> 1;
      const int limit = (p.order > MACLAURIN_ORDER ? 960 : 96) / (int)p.order;
      if (exponent > limit) exponent = limit;
      if (exponent < -limit) exponent = -limit;
    }
    scale[i] = real_power_of_two(exponent);
  }
}

// norm = √squares, factor = min(1, c/norm)
KERNEL3(clip_factor, StepScalarsParameters, real, factor, real, norm, const real, squares) {
  const real limit = REAL(p.clipNorm);
  FOR_EACH_ITEM(i) {
    const real n = sqrt(squares[i]);
    norm[i] = n;
    const real f = limit / n;
    factor[i] = f < R(1.0) ? f : R(1.0);
  }
}
