// Our own elementary functions. In float32 they use only + − × fma, correctly rounded ÷ and √,
// integer operations and selects, without a branch or a table in memory: the same bits on every
// device, and loops over them vectorise on the host. In float64 they are the platform's, but for
// atan2.
//
// Conventions of the float32 part
// · NaN in, NaN out; ±0, ±inf and denormals are handled like any other value (no flushing).
// · A clamp is written so that NaN passes it; integers made from a NaN are then arbitrary, never
//   undefined (unsigned arithmetic, shift counts below 32), and meet a NaN again later.
// · No product is an operand of + or − (but where it is exact), so that even a compiler that
//   contracts a * b + c on its own would not change a bit.
// · "Polynomial error" is the relative error of the rounded coefficients against the function
//   itself, in exact arithmetic. "Worst" is the largest error found against double libm, in
//   units in the last place of the correctly rounded result, over every third bit pattern and
//   densely (2^26 more) for 2^-10 ≤ |x| < 2^8.
// · Coefficients: weighted minimax fits, rounded to float32 one at a time from the lowest
//   degree, the rest fitted again after each rounding.

#define FLOAT_INFINITY as_float(0x7f800000u)
#define FLOAT_NAN as_float(0x7fc00000u)
#define FLOAT_LARGEST 0x1.fffffep+127f
#define FLOAT_SMALLEST_NORMAL 0x1p-126f
#define FLOAT_EPSILON 0x1p-23f
#define FLOAT_PI 0x1.921fb6p+1f
#define FLOAT_LN2 0x1.62e43p-1f
#define FLOAT_SQRT_HALF 0x1.6a09e6p-1f
#define FLOAT_TWO_OVER_SQRT_PI 0x1.20dd76p+0f
#define FLOAT_ONE_OVER_SQRT_TWO_PI 0x1.988454p-2f

FUNCTION float float_abs(float x) { return fabs(x); }

FUNCTION float float_copysign(float magnitude, float sign) {
  return as_float((as_uint(magnitude) & 0x7fffffffu) | (as_uint(sign) & 0x80000000u));
}

// ---- The exponential and its relatives

#define ROUND_TO_INTEGER 0x1.8p+23f   // x + this − this rounds |x| < 2^22 to nearest, ties to even
#define LOG2_E 0x1.715476p+0f
#define LN2_HIGH 0x1.62e4p-1f         // 17 bits: n times it is exact
#define LN2_LOW 0x1.7f7d1cp-20f

// 2^n; n is a two's complement integer in −126 … 127.
FUNCTION float power_of_two(uint n) { return as_float((n + 127u) << 23); }

// m · 2^n for n in −252 … 254, rounded once if m · 2^⌊n/2⌋ is normal.
FUNCTION float scale_by_power(float m, uint n) {
  const uint half_n = (uint)((int)n >> 1);
  return m * power_of_two(half_n) * power_of_two(n - half_n);
}

// The integer nearest to x / ln 2 (two's complement), and the same as a float. |x| < 2^21.
FUNCTION uint nearest_power(float x, float *n) {
  const float t = fma(x, LOG2_E, ROUND_TO_INTEGER);
  *n = t - ROUND_TO_INTEGER;
  return as_uint(t) - as_uint(ROUND_TO_INTEGER);
}

// e^r − 1 for |r| ≤ ln 2 / 2 and a little: r + r² Q(r), Q of degree 4 with Q(0) = 1/2;
// polynomial error 2^-26.0 (of e^r: 2^-27.3).
FUNCTION float exp_minus_one_near_zero(float r) {
  float q = 0x1.6c560ap-10f;
  q = fma(q, r, 0x1.122612p-7f);
  q = fma(q, r, 0x1.5555bcp-5f);
  q = fma(q, r, 0x1.5554b4p-3f);
  q = fma(q, r, 0.5f);
  return fma(r * r, q, r);
}

// e^x − 1 = 2^n (1 + result) − 1, with n an integer and |result| < 1/2.
FUNCTION float exp_parts(float x, uint *n) {
  float power;
  *n = nearest_power(x, &power);
  float r = fma(power, -LN2_HIGH, x);
  r = fma(power, -LN2_LOW, r);
  return exp_minus_one_near_zero(r);
}

// e^x. Worst 1.04 ulp. Overflows to +inf above 88.72284, is +0 below −103.97208.
FUNCTION float float_exp(float x) {
  x = x > 89.0f ? 89.0f : x;
  x = x < -105.0f ? -105.0f : x;
  uint n;
  const float p = exp_parts(x, &n);
  return scale_by_power(1.0f + p, n);
}

// e^x − 1 = 2 (2^(n−1) p + (2^(n−1) − 1/2)), in which only the last sum and p are rounded.
// Worst 1.54 ulp.
FUNCTION float float_expm1(float x) {
  float c = x > 89.0f ? 89.0f : x;
  c = c < -20.0f ? -20.0f : c;
  uint n;
  const float p = exp_parts(c, &n);
  const float s = power_of_two(n - 1u);
  const float y = fma(s, p, s - 0.5f) * 2.0f;
  return float_abs(x) < 0x1p-26f ? x : y;
}

// tanh x, for a = |x|: below 0.55 a + a³ T(a²), T of degree 4 (polynomial error 2^-29.7); beyond,
// 1 − 2 / (e^2a + 1), which is 1 from 9.02 on. Worst 1.35 ulp.
FUNCTION float float_tanh(float x) {
  float a = float_abs(x);
  a = a > 10.0f ? 10.0f : a;
  const float z = a * a;
  float q = -0x1.99565ep-8f;
  q = fma(q, z, 0x1.58ec78p-6f);
  q = fma(q, z, -0x1.b91f20p-5f);
  q = fma(q, z, 0x1.110cf0p-3f);
  q = fma(q, z, -0x1.55554ap-2f);
  const float near = fma(a * z, q, a);
  uint n;
  const float p = exp_parts(2.0f * a, &n);
  const float s = power_of_two(n);
  const float far = 1.0f - 2.0f / fma(s, p, s + 1.0f);
  return float_copysign(a < 0.55f ? near : far, x);
}

// 1 / (1 + e^−x), for x < 0 as e^x / (1 + e^x): nothing overflows, and small results keep their
// relative accuracy. Worst 2.41 ulp.
FUNCTION float float_sigmoid(float x) {
  float a = -float_abs(x);
  a = a < -105.0f ? -105.0f : a;
  uint n;
  const float p = exp_parts(a, &n);
  const float e = scale_by_power(1.0f + p, n);
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

// ---- The logarithm and its relatives

// log(1 + f) for √½ ≤ 1 + f ≤ √2: f − f²/2 + f³ P(f), P of degree 7; polynomial error 2^-27.3.
FUNCTION float log_near_one(float f) {
  float q = -0x1.38c974p-4f;
  q = fma(q, f, 0x1.055eaep-3f);
  q = fma(q, f, -0x1.0d8246p-3f);
  q = fma(q, f, 0x1.22d930p-3f);
  q = fma(q, f, -0x1.54728ap-3f);
  q = fma(q, f, 0x1.99a01cp-3f);
  q = fma(q, f, -0x1.000226p-2f);
  q = fma(q, f, 0x1.555554p-2f);
  q = fma(q, f, -0.5f);
  return fma(f * f, q, f);
}

// n ln 2 + log(1 + f)
FUNCTION float log_from_parts(float n, float f) {
  return fma(n, LN2_HIGH, fma(n, LN2_LOW, log_near_one(f)));
}

// The bits of m · 2^n (normal, positive), less those of √½: shifted right by 23 they are n, and
// masked with EXPONENT_BITS n · 2^23, for the n that puts m in √½ ≤ m < √2.
#define SQRT_HALF_BITS 0x3f3504f3u
#define EXPONENT_BITS 0xff800000u

// log x. Worst 0.94 ulp. log ±0 = −inf; NaN below.
FUNCTION float float_log(float x) {
  const float u = x < 0x1p-126f ? x * 0x1p+23f : x;
  const float shift = x < 0x1p-126f ? -23.0f : 0.0f;
  const uint d = as_uint(u) - SQRT_HALF_BITS;
  const float n = (float)((int)d >> 23) + shift;
  const float m = as_float(as_uint(u) - (d & EXPONENT_BITS));
  float y = log_from_parts(n, m - 1.0f);
  y = x < FLOAT_INFINITY ? y : x;
  y = x < 0.0f ? FLOAT_NAN : y;
  return x == 0.0f ? -FLOAT_INFINITY : y;
}

// log(1 + x) = n ln 2 + log(1 + f), 1 + f = (1 + x) 2^−n: n comes from the rounded 1 + x, and
// f = 2^−n x + (2^−n − 1) is rounded once. Worst 1.48 ulp.
FUNCTION float float_log1p(float x) {
  const uint d = as_uint(1.0f + x) - SQRT_HALF_BITS;
  const float n = (float)((int)d >> 23);
  const float s = as_float(0x40800000u - (d & EXPONENT_BITS)) * 0.25f;   // 2^−n, denormal at 128
  float y = log_from_parts(n, fma(s, x, s - 1.0f));
  y = x < FLOAT_INFINITY ? y : x;
  y = x < -1.0f ? FLOAT_NAN : y;
  y = x == -1.0f ? -FLOAT_INFINITY : y;
  return float_abs(x) < 0x1p-26f ? x : y;
}

// log(1 + e^x) = max(x, 0) + log(1 + e^−|x|), where 0 < e^−|x| ≤ 1 needs n = 0 or 1 only.
// Worst 1.71 ulp.
FUNCTION float float_softplus(float x) {
  float a = -float_abs(x);
  a = a < -105.0f ? -105.0f : a;
  uint k;
  const float p = exp_parts(a, &k);
  const float e = scale_by_power(1.0f + p, k);
  const float halved = fma(0.5f, e, -0.5f);
  const float f = e > 0.41421356f ? halved : e;
  const float n = e > 0.41421356f ? 1.0f : 0.0f;
  return (x > 0.0f ? x : 0.0f) + log_from_parts(n, f);
}

// ---- The error function

// erf a for 0 ≤ a ≤ 0.9: a + a P(a²), P of degree 5; polynomial error 2^-26.1.
FUNCTION float erf_near_zero(float a) {
  const float z = a * a;
  float q = -0x1.3d52c4p-11f;
  q = fma(q, z, 0x1.47f3e0p-8f);
  q = fma(q, z, -0x1.b6a74cp-6f);
  q = fma(q, z, 0x1.ce1c18p-4f);
  q = fma(q, z, -0x1.8126eep-2f);
  q = fma(q, z, 0x1.06eba6p-3f);
  return fma(a, q, a);
}

// erf x: near zero as above, beyond 0.9 as 1 − e^−h(|x|), h of degree 6 (polynomial error
// 2^-29.2 of erf), which is 1 from 3.84 on. Worst 0.99 ulp.
FUNCTION float float_erf(float x) {
  float a = float_abs(x);
  a = a > 3.93f ? 3.93f : a;
  float h = -0x1.9d85fep-13f;
  h = fma(h, a, 0x1.908176p-9f);
  h = fma(h, a, -0x1.6cfcf2p-6f);
  h = fma(h, a, 0x1.aa2318p-4f);
  h = fma(h, a, 0x1.462cb2p-1f);
  h = fma(h, a, 0x1.20b432p+0f);
  h = fma(h, a, 0x1.743bdcp-13f);
  uint n;
  const float p = exp_parts(-h, &n);
  const float s = power_of_two(n);
  const float far = fma(-s, p, 1.0f - s);
  return float_copysign(a < 0.9f ? erf_near_zero(a) : far, x);
}

// erfc x = 1 − erf x for |x| < 0.45. Beyond, for a = |x|, erfc a = e^−a² G / (1 + 2a), where
// G = erfcx(a) (1 + 2a) is 5/4 + a polynomial of degree 9 in t = (a − 5/2) / (a + 5/2)
// (polynomial error 2^-29.5 up to a = 10.2), and 2 − that for x < 0. a², e^−a², G, 1 + 2a and the
// quotient carry their rounding errors along, as the functions' relative error would otherwise
// exceed 2 ulp. Worst 1.37 ulp; +0 above 10.0546.
FUNCTION float float_erfc(float x) {
  float a = float_abs(x);
  const float near = 1.0f - float_copysign(erf_near_zero(a > 1.0f ? 1.0f : a), x);
  a = a > 10.5f ? 10.5f : a;

  const float square = a * a;
  const float square_low = fma(a, a, -square);
  float power;
  const uint n = nearest_power(-square, &power);
  float r = fma(power, -LN2_HIGH, -square);
  r = fma(power, -LN2_LOW, r) - square_low;
  const float p = exp_minus_one_near_zero(r);
  const float e = 1.0f + p;
  const float e_low = p - (e - 1.0f);

  const float t = (a - 2.5f) / (a + 2.5f);
  float c = 0x1.1946b8p-11f;
  c = fma(c, t, 0x1.afcc64p-12f);
  c = fma(c, t, -0x1.1d11e2p-8f);
  c = fma(c, t, 0x1.f65404p-11f);
  c = fma(c, t, 0x1.0c55d2p-5f);
  c = fma(c, t, -0x1.a5c476p-4f);
  c = fma(c, t, 0x1.42d3acp-3f);
  c = fma(c, t, -0x1.959a96p-4f);
  c = fma(c, t, -0x1.f52c60p-4f);
  c = fma(c, t, 0x1.e637b4p-7f);
  const float g = 1.25f + c;
  const float g_low = c - (g - 1.25f);

  const float twice = 2.0f * a;
  const float larger = twice > 1.0f ? twice : 1.0f;
  const float smaller = twice > 1.0f ? 1.0f : twice;
  const float d = larger + smaller;
  const float d_low = smaller - (d - larger);

  const float product = e * g;
  const float product_low = fma(e, g_low, fma(e_low, g, fma(e, g, -product)));
  const float inverse = 1.0f / d;
  const float quotient = product * inverse;
  const float rest = fma(-quotient, d_low, fma(-quotient, d, product) + product_low);
  const float tail = scale_by_power(fma(rest, inverse, quotient), n);
  const float far = x < 0.0f ? 2.0f - tail : tail;
  return float_abs(x) < 0.45f ? near : far;
}

// ---- Trigonometric functions

// |x| = (4k + q) π/2 + r with q in 0 … 3 and |r| ≤ π/4; the result is r.
//
// |x| = m 2^e with integers m < 2^24 and e. The bits of 2/π that weigh 4 or more after the
// multiplication by |x| are multiples of 4 quarter turns and are left out; the 96 bits after
// them, times m, modulo 2^96, are the product's 2 integer bits and 94 bits of its fraction. The
// upper 64 are kept: no float32 from 1/2 on lies nearer than 2^-29.9 quarter turns to a multiple
// of one, so at least 30 correct bits remain. Below 1/2, r = |x| itself. inf and NaN give NaN.
FUNCTION float quarter_turns(float x, uint *q) {
  const uint magnitude = as_uint(x) & 0x7fffffffu;
  const uint m = (magnitude & 0x007fffffu) | 0x00800000u;
  const uint start = (magnitude >> 23) - 120u;   // in the bits 32 zeros, then 2/π
  const uint word = start >> 5, shift = start & 31u;

  // 8 words of that sequence; words word … word + 3 are wanted, word ≤ 4 (any, below 1/2).
  const uint t1 = 0xa2f9836eu, t2 = 0x4e441529u, t3 = 0xfc2757d1u, t4 = 0xf534ddc0u;
  const uint t5 = 0xdb629599u, t6 = 0x3c439041u, t7 = 0xfe5163abu;
  const int by4 = (word & 4u) != 0u, by2 = (word & 2u) != 0u, by1 = (word & 1u) != 0u;
  const uint a0 = by4 ? t4 : 0u, a1 = by4 ? t5 : t1, a2 = by4 ? t6 : t2, a3 = by4 ? t7 : t3;
  const uint b0 = by2 ? a2 : a0, b1 = by2 ? a3 : a1, b2 = by2 ? t4 : a2, b3 = by2 ? t5 : a3;
  const uint b4 = by2 ? t6 : t4;
  const uint c0 = by1 ? b1 : b0, c1 = by1 ? b2 : b1, c2 = by1 ? b3 : b2, c3 = by1 ? b4 : b3;
  const uint w0 = (c0 << shift) | ((c1 >> 1) >> (31u - shift));
  const uint w1 = (c1 << shift) | ((c2 >> 1) >> (31u - shift));
  const uint w2 = (c2 << shift) | ((c3 >> 1) >> (31u - shift));

  const uint p1 = m * w1;
  const uint low = p1 + mul_hi(m, w2);
  const uint high = m * w0 + mul_hi(m, w1) + (low < p1 ? 1u : 0u);

  // The nearest integer; what remains, in two's complement, then as a magnitude (its one's
  // complement if negative: 2^-62 off).
  const uint nearest = (high + 0x20000000u) >> 30;
  const uint rest = high - (nearest << 30);
  const uint sign = rest & 0x80000000u;
  const uint flip = sign != 0u ? 0xffffffffu : 0u;
  const uint upper = rest ^ flip, lower = low ^ flip;

  // Its upper 24 bits are exact as a float, its next 31 are rounded: r = (π/2) (f + g).
  const float f = (float)(int)(upper & 0xffffffc0u);
  const float g = (float)(int)(((upper & 0x3fu) << 25) | (lower >> 7));
  const float g_r = g * 0x1.921fb6p-55f;
  const float r = fma(f, 0x1.921fb6p-30f, fma(f, -0x1.777a5cp-55f, g_r));

  const int direct = magnitude < 0x3f000000u;
  *q = direct ? 0u : nearest & 3u;
  const float reduced = direct ? as_float(magnitude) : as_float(as_uint(r) ^ sign);
  return magnitude < 0x7f800000u ? reduced : FLOAT_NAN;
}

// sin r for |r| ≤ π/4: r + r³ S(r²), S of degree 2; polynomial error 2^-27.9.
FUNCTION float sin_near_zero(float r) {
  const float z = r * r;
  float q = -0x1.9953p-13f;
  q = fma(q, z, 0x1.110776p-7f);
  q = fma(q, z, -0x1.555546p-3f);
  return fma(r * z, q, r);
}

// cos r for |r| ≤ π/4: 1 − r²/2 + r⁴ C(r²), C of degree 2; polynomial error 2^-33.0.
FUNCTION float cos_near_zero(float r) {
  const float z = r * r;
  float q = 0x1.99e904p-16f;
  q = fma(q, z, -0x1.6c0c2ap-10f);
  q = fma(q, z, 0x1.55554ap-5f);
  q = fma(q, z, -0.5f);
  return fma(q, z, 1.0f);
}

// sin x, any finite x. Worst 1.54 ulp. NaN at ±inf.
FUNCTION float float_sin(float x) {
  uint q;
  const float r = quarter_turns(x, &q);
  const float y = (q & 1u) != 0u ? cos_near_zero(r) : sin_near_zero(r);
  return as_float(as_uint(y) ^ (q << 30 & 0x80000000u) ^ (as_uint(x) & 0x80000000u));
}

// cos x, any finite x. Worst 1.54 ulp. NaN at ±inf.
FUNCTION float float_cos(float x) {
  uint q;
  const float r = quarter_turns(x, &q);
  const float y = (q & 1u) != 0u ? sin_near_zero(r) : cos_near_zero(r);
  return as_float(as_uint(y) ^ ((q + 1u) << 30 & 0x80000000u));
}

// The angle of the point (x, y), in −π … π, with C's conventions at zeros and infinities. For
// t = smaller / larger of |x|, |y|: atan t = t + t³ A(t²), A of degree 8; polynomial error
// 2^-28.5; then reflected into its octant. Worst 1.48 ulp (3·10^8 pairs).
FUNCTION float float_atan2(float y, float x) {
  const float a = float_abs(x), b = float_abs(y);
  const int steep = b > a, left = (as_uint(x) & 0x80000000u) != 0u;
  const float larger = steep ? b : a, smaller = steep ? a : b;
  float t = smaller / larger;
  t = smaller == larger ? 1.0f : t;   // both infinite
  t = larger == 0.0f ? 0.0f : t;

  const float z = t * t;
  float q = -0x1.d4984ap-10f;
  q = fma(q, z, 0x1.64c1cep-7f);
  q = fma(q, z, -0x1.fdfc1cp-6f);
  q = fma(q, z, 0x1.da5ed4p-5f);
  q = fma(q, z, -0x1.58155ep-4f);
  q = fma(q, z, 0x1.c08f64p-4f);
  q = fma(q, z, -0x1.2420b6p-3f);
  q = fma(q, z, 0x1.9991e6p-3f);
  q = fma(q, z, -0x1.55553ep-2f);
  const float octant = fma(t * z, q, t);

  const float turned = steep != left ? -octant : octant;
  const float base = steep ? 0x1.921fb6p+0f : left ? 0x1.921fb6p+1f : 0.0f;
  const float base_low = steep ? -0x1.777a5cp-25f : left ? -0x1.777a5cp-24f : 0.0f;
  const float angle = float_copysign(base + (turned + base_low), y);
  return ((x != x) | (y != y)) ? FLOAT_NAN : angle;
}

// ---- The same names for the scalar type of the program: real_exp and so on

#ifndef REAL_IS_DOUBLE

#define REAL_INFINITY FLOAT_INFINITY
#define REAL_NAN FLOAT_NAN
#define REAL_LARGEST FLOAT_LARGEST
#define REAL_SMALLEST_NORMAL FLOAT_SMALLEST_NORMAL
#define REAL_EPSILON FLOAT_EPSILON
#define REAL_PI FLOAT_PI
#define REAL_LN2 FLOAT_LN2
#define REAL_SQRT_HALF FLOAT_SQRT_HALF
#define REAL_TWO_OVER_SQRT_PI FLOAT_TWO_OVER_SQRT_PI
#define REAL_ONE_OVER_SQRT_TWO_PI FLOAT_ONE_OVER_SQRT_TWO_PI
#define real_copysign float_copysign
#define real_exp float_exp
#define real_expm1 float_expm1
#define real_tanh float_tanh
#define real_sigmoid float_sigmoid
#define real_log float_log
#define real_log1p float_log1p
#define real_softplus float_softplus
#define real_erf float_erf
#define real_erfc float_erfc
#define real_sin float_sin
#define real_cos float_cos
#define real_atan2 float_atan2

#else

#define REAL_INFINITY as_double(0x7ff0000000000000l)
#define REAL_NAN as_double(0x7ff8000000000000l)
#define REAL_LARGEST 0x1.fffffffffffffp+1023
#define REAL_SMALLEST_NORMAL 0x1p-1022
#define REAL_EPSILON 0x1p-52
#define REAL_PI 0x1.921fb54442d18p+1
#define REAL_LN2 0x1.62e42fefa39efp-1
#define REAL_SQRT_HALF 0x1.6a09e667f3bcdp-1
#define REAL_TWO_OVER_SQRT_PI 0x1.20dd750429b6dp+0
#define REAL_ONE_OVER_SQRT_TWO_PI 0x1.9884533d43651p-2

#ifdef __OPENCL_VERSION__
#define PLATFORM(name) name
#else
#define PLATFORM(name) __builtin_##name
#endif
FUNCTION real real_copysign(real magnitude, real sign) {
  return PLATFORM(copysign)(magnitude, sign);
}
FUNCTION real real_exp(real x) { return PLATFORM(exp)(x); }
FUNCTION real real_expm1(real x) { return PLATFORM(expm1)(x); }
FUNCTION real real_log(real x) { return PLATFORM(log)(x); }
FUNCTION real real_log1p(real x) { return PLATFORM(log1p)(x); }
FUNCTION real real_tanh(real x) { return PLATFORM(tanh)(x); }
FUNCTION real real_erf(real x) { return PLATFORM(erf)(x); }
FUNCTION real real_erfc(real x) { return PLATFORM(erfc)(x); }
FUNCTION real real_sin(real x) { return PLATFORM(sin)(x); }
FUNCTION real real_cos(real x) { return PLATFORM(cos)(x); }

// float_atan2 in double precision, so that loops over it vectorise and give the same bits everywhere:
// A of degree 19, polynomial error 2^-55.8. Worst 1.52 ulp (10^7 pairs).
FUNCTION real real_atan2(real y, real x) {
  const real a = fabs(x), b = fabs(y);
  const int steep = b > a, left = as_long(x) < 0;
  const real larger = steep ? b : a, smaller = steep ? a : b;
  real t = smaller / larger;
  t = smaller == larger ? 1.0 : t;   // both infinite
  t = larger == 0.0 ? 0.0 : t;

  const real z = t * t;
  real q = 0x1.af3c2aae078f9p-17;
  q = fma(q, z, -0x1.37417a1376f1cp-13);
  q = fma(q, z, 0x1.aac07ec0cc1fbp-11);
  q = fma(q, z, -0x1.73a83b9860591p-9);
  q = fma(q, z, 0x1.d14dfd9d85a23p-8);
  q = fma(q, z, -0x1.c2ff51fdfd16cp-7);
  q = fma(q, z, 0x1.65cb8622058a2p-6);
  q = fma(q, z, -0x1.e7f86ec5a95ebp-6);
  q = fma(q, z, 0x1.2b8aa9f506f5cp-5);
  q = fma(q, z, -0x1.5952abd1e9b9ep-5);
  q = fma(q, z, 0x1.82bb6365a8f4dp-5);
  q = fma(q, z, -0x1.ae55096997cb9p-5);
  q = fma(q, z, 0x1.e1b97f3da4f64p-5);
  q = fma(q, z, -0x1.110e21d2aa6f8p-4);
  q = fma(q, z, 0x1.3b1360a94707cp-4);
  q = fma(q, z, -0x1.745d112838a0ep-4);
  q = fma(q, z, 0x1.c71c7177f1d86p-4);
  q = fma(q, z, -0x1.249249235b8ddp-3);
  q = fma(q, z, 0x1.9999999994b2ap-3);
  q = fma(q, z, -0x1.555555555551dp-2);
  const real octant = fma(t * z, q, t);

  const real turned = steep != left ? -octant : octant;
  const real base = steep ? 0x1.921fb54442d18p+0 : left ? REAL_PI : 0.0;
  const real base_low = steep ? 0x1.1a62633145c07p-54 : left ? 0x1.1a62633145c07p-53 : 0.0;
  const real angle = real_copysign(base + (turned + base_low), y);
  return ((x != x) | (y != y)) ? REAL_NAN : angle;
}

FUNCTION real real_sigmoid(real x) {
  const real e = real_exp(-fabs(x));
  return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

FUNCTION real real_softplus(real x) {
  return (x > 0.0 ? x : 0.0) + real_log1p(real_exp(-fabs(x)));
}

#endif

// The larger and the smaller of two: NaN if either is; the first of equals (so of +0 and −0).
FUNCTION real real_max(real a, real b) { return ((b > a) | (b != b)) ? b : a; }
FUNCTION real real_min(real a, real b) { return ((b < a) | (b != b)) ? b : a; }
