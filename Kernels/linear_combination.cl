// out = a·x + b·y, elementwise: fma(b, y, a·x). With a = b = 1 one addition.

KERNEL3(linear_combination, LinearCombinationParameters, real, out, const real, x, const real, y) {
  const real a = REAL(p.a), b = REAL(p.b);
  FOR_EACH_ITEM(i) {
    const real ax = a * x[i];
    out[i] = fma(b, y[i], ax);
  }
}

// The same in place, y being out.
KERNEL2(accumulate, LinearCombinationParameters, real, out, const real, x) {
  const real a = REAL(p.a), b = REAL(p.b);
  FOR_EACH_ITEM(i) {
    const real ax = a * x[i];
    out[i] = fma(b, out[i], ax);
  }
}

KERNEL2(scaled_copy, LinearCombinationParameters, real, out, const real, x) {
  const real a = REAL(p.a);
  FOR_EACH_ITEM(i) { out[i] = a * x[i]; }
}

KERNEL1(fill, FillParameters, real, out) {
  const real value = REAL(p.value);
  FOR_EACH_ITEM(i) { out[i] = value; }
}
