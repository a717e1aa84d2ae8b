// T = E[φ(u) φ(v)] and T′ = E[φ′(u) φ′(v)] for (u, v) ~ N(0, [[a, c], [c, b]]): see DualFunction in
// the Compute module. Without branches, so that loops over them vectorise on the host.
//
// Products like ab − c² neither overflow nor underflow, because a, b and c are scaled by powers of
// two before: a₁ = a·2^−k, b₁ = b·2^−l with even k and l, c₁ = c/s with s = 2^((k+l)/2), so that
// a₁b₁ − c₁² = (ab − c²)/s². Scaling is exact and changes no other rounding. Both variances enter
// alike: exchanging them does not change a bit.

#define ONE_OVER_TWO_PI R(0x1.45f306dc9c883p-3)
#define TWO_OVER_PI R(0x1.45f306dc9c883p-1)
#define FOUR_OVER_PI R(0x1.45f306dc9c883p+0)

/// 2^(−k/2) for the largest even k with 2^k ≤ x; k = −126 (−1022) below. And its inverse.
FUNCTION real half_scale(real x) {
  const real positive = x > REAL_SMALLEST_NORMAL ? x : REAL_SMALLEST_NORMAL;
#ifdef REAL_IS_DOUBLE
  const long even = ((as_long(positive) >> 52) - 1l) | 1l;   // k + 1023
  return as_double(((3069l - even) >> 1) << 52);
#else
  const uint even = ((as_uint(positive) >> 23) - 1u) | 1u;   // k + 127
  return as_float(((381u - even) >> 1) << 23);
#endif
}
FUNCTION real inverse_power(real power) {
#ifdef REAL_IS_DOUBLE
  return as_double(0x7fe0000000000000l - as_long(power));
#else
  return as_float(0x7f000000u - as_uint(power));
#endif
}

/// What all functions start from.
typedef struct {
  real c, a, b;         ///< c₁, a₁, b₁
  real rowScale;        ///< 2^−k
  real columnScale;     ///< 2^−l
  real inverse;         ///< 1/s
  real determinant;     ///< a₁b₁ − c₁², not negative; exactly 0 for c = a = b
} GaussianForm;

/// k and l are those of max(x, floor) for x = a, b. With floor 0 nothing underflows, and where ab = 0
/// so is c, whatever rounding has left of it.
FUNCTION GaussianForm gaussian_form(real c, real a, real b, real floor) {
  GaussianForm form;
  const real row = half_scale(a > floor ? a : floor), column = half_scale(b > floor ? b : floor);
  form.rowScale = row * row;
  form.columnScale = column * column;
  form.inverse = row * column;
  form.a = (a < R(0.0) ? R(0.0) : a) * form.rowScale;
  form.b = (b < R(0.0) ? R(0.0) : b) * form.columnScale;
  const real root = sqrt(form.a * form.b);
  form.c = ((floor == R(0.0)) & (root == R(0.0))) ? R(0.0) : c * form.inverse;
  const real determinant = (root - form.c) * (root + form.c);
  form.determinant = determinant < R(0.0) ? R(0.0) : determinant;
  return form;
}

/// ρ = c/√(ab), in [−1, 1], and 0 where ab = 0.
FUNCTION real gaussian_correlation(real c, real a, real b) {
  const GaussianForm form = gaussian_form(c, a, b, R(0.0));
  const real root = sqrt(form.a * form.b);
  real rho = form.c / root;
  rho = rho > R(1.0) ? R(1.0) : rho;
  rho = rho < R(-1.0) ? R(-1.0) : rho;
  return root == R(0.0) ? R(0.0) : rho;
}

/// ½ − atan2(root, c)/2π for root ≥ 0, without cancellation where c < 0.
FUNCTION real positive_share(real root, real c) {
  const real angle = real_atan2(root, fabs(c));
  const real small = ONE_OVER_TWO_PI * angle;
  const real large = fma(-ONE_OVER_TWO_PI, angle, R(0.5));
  return c < R(0.0) ? small : large;
}

/// first = αβ, second = (β − α)², third = second/2π.
FUNCTION real dual_rectifier(real c, real a, real b, real first, real second, real third,
                             real *slope) {
  const GaussianForm form = gaussian_form(c, a, b, R(0.0));
  const real root = sqrt(form.determinant);
  *slope = fma(second, positive_share(root, form.c), first);
  const real unscaled = root * inverse_power(form.inverse);
  return fma(*slope, c, third * unscaled);
}

/// (1 + 2a + 2b + 4(ab − c²))/s², scaled for 1 and more.
FUNCTION real erf_determinant(const GaussianForm form) {
  const real sum = form.a * form.columnScale + form.b * form.rowScale;
  const real variances = R(2.0) * sum + form.rowScale * form.columnScale;
  return fma(R(4.0), form.determinant, variances);
}

FUNCTION real dual_erf(real c, real a, real b, real *slope) {
  const GaussianForm form = gaussian_form(c, a, b, R(1.0));
  const real root = sqrt(erf_determinant(form));
  *slope = FOUR_OVER_PI / root * form.inverse;
  return TWO_OVER_PI * real_atan2(R(2.0) * form.c, root);
}

FUNCTION real dual_gelu(real c, real a, real b, real *slope) {
  const GaussianForm form = gaussian_form(c, a, b, R(1.0));
  const real one = form.rowScale * form.columnScale;
  const real sum = form.a * form.columnScale + form.b * form.rowScale;
  const real product = (form.rowScale + form.a) * (form.columnScale + form.b);
  const real most = one + sum;
  const real square = most + form.determinant;
  const real root = sqrt(square);
  const real share = positive_share(root, form.c);
  const real bent = form.c * form.c / root;
  const real bend = fma(form.a * form.b, root, one * bent) / product;
  const real steep = one / square, flat = (R(2.0) * one + sum) / product;
  const real along = ONE_OVER_TWO_PI * (form.c / root);
  *slope = fma(along, steep + flat, share);
  const real unscaled = bend * inverse_power(form.inverse);
  return fma(c, share, ONE_OVER_TWO_PI * unscaled);
}

/// e^{−(a+b)/2} times sinh c and cosh c. |c| ≤ (a+b)/2, but for its rounding.
FUNCTION void dual_waves(real c, real a, real b, real *odd, real *even) {
  const real size = fabs(c);
  const real above = (size - a) + (size - b);
  const real scale = R(0.5) * real_exp(R(0.5) * (above > R(0.0) ? R(0.0) : above));
  const real difference = real_expm1(R(-2.0) * size);
  *odd = real_copysign(scale * difference, c);
  *even = scale * (R(2.0) + difference);
}

FUNCTION real dual_exp(real c, real a, real b, real *slope) {
  const real sum = (a + c) + (b + c);
  *slope = real_exp(R(0.5) * sum);
  return *slope;
}

FUNCTION real dual_quadratic(real c, real a, real b, real *slope) {
  *slope = R(4.0) * c;
  return fma(R(2.0) * c, c, a * b);
}

FUNCTION real dual_gaussian(real c, real a, real b, real *slope) {
  const GaussianForm form = gaussian_form(c, a, b, R(1.0));
  const real value = form.inverse / sqrt(erf_determinant(form));
  *slope = R(4.0) * (c * value * value * value);
  return value;
}

FUNCTION real dual_sign(real c, real a, real b) {
  const GaussianForm form = gaussian_form(c, a, b, R(0.0));
  const real root = sqrt(form.determinant), size = fabs(form.c);
  const int isFlat = size <= root;
  const real angle = TWO_OVER_PI * real_atan2(isFlat ? size : root, isFlat ? root : size);
  return real_copysign(isFlat ? angle : R(1.0) - angle, c);
}

FUNCTION real dual_normalization(real c, real a, real b, real epsilon, real *slope) {
  const GaussianForm form = gaussian_form(c, a + epsilon, b + epsilon, R(0.0));
  const real root = sqrt(form.a * form.b);
  *slope = root == R(0.0) ? R(0.0) : form.inverse / root;
  return root == R(0.0) ? R(0.0) : form.c / root;
}
