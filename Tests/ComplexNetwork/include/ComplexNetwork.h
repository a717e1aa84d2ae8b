// A network with two tanh layers along a complex line, for tests.

#ifndef COMPLEX_NETWORK_H
#define COMPLEX_NETWORK_H

/// Sizes, and the flat parameters θ0 and Δ: for each of the three dense layers its weights
/// [outputs, inputs] and then its biases.
typedef struct {
  long inputs, first, second, outputs;
  const double *center, *displacement;
} ComplexNetwork;

/// f(x; θ0 + tΔ) at t = re + i·im: real parts, then imaginary parts.
void complex_network_value(const ComplexNetwork *network, const double *x, double re, double im,
                           double *outputs);

/// The singularity of t ↦ f(x; θ0 + tΔ) that is nearest to 0, in the upper half plane: a hidden
/// pre-activation is iπ/2 + iπn there. By Newton's method from `density`² starts, and for the first
/// layer explicitly. Returns how many singularities lie within 0.99 of its modulus, by the argument
/// principle: 0 proves that it is the nearest one, to 1 %.
long complex_network_nearest(const ComplexNetwork *network, const double *x, long density,
                             double *re, double *im);

#endif
