#include "ComplexNetwork.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>

enum { largest = 64 };

/// One example's first layer along t, a + t d, and where the others' parameters begin.
typedef struct {
  const ComplexNetwork *network;
  double a[largest], d[largest];
  long second, third;
} Line;

static Line line_of(const ComplexNetwork *network, const double *x) {
  Line line = {.network = network};
  const long n = network->inputs, m = network->first;
  for (long j = 0; j < m; ++j) {
    line.a[j] = network->center[n * m + j];
    line.d[j] = network->displacement[n * m + j];
    for (long i = 0; i < n; ++i) {
      line.a[j] += network->center[j * n + i] * x[i];
      line.d[j] += network->displacement[j * n + i] * x[i];
    }
  }
  line.second = n * m + m;
  line.third = line.second + m * network->second + network->second;
  return line;
}

/// Row j of a later layer at t for its input u with slopes du: the value, and its derivative by t.
static double complex layer(const Line *line, long at, long inputs, long outputs, long j,
                            double complex t, const double complex *u, const double complex *du,
                            double complex *derivative) {
  const double *w = line->network->center + at, *v = line->network->displacement + at;
  const long bias = inputs * outputs + j;
  double complex sum = w[bias] + t * v[bias], slope = v[bias];
  for (long i = 0; i < inputs; ++i) {
    const double complex weight = w[j * inputs + i] + t * v[j * inputs + i];
    sum += weight * u[i];
    slope += weight * du[i] + v[j * inputs + i] * u[i];
  }
  *derivative = slope;
  return sum;
}

static void first_layer(const Line *line, double complex t, double complex *u, double complex *du) {
  for (long j = 0; j < line->network->first; ++j) {
    u[j] = ctanh(line->a[j] + t * line->d[j]);
    du[j] = (1 - u[j] * u[j]) * line->d[j];
  }
}

void complex_network_value(const ComplexNetwork *network, const double *x, double re, double im,
                           double *outputs) {
  const Line line = line_of(network, x);
  const double complex t = re + im * I;
  double complex u[largest], du[largest], y[largest], dy[largest], derivative;
  first_layer(&line, t, u, du);
  for (long j = 0; j < network->second; ++j) {
    y[j] = ctanh(layer(&line, line.second, network->first, network->second, j, t, u, du, dy));
    dy[j] = 0;
  }
  for (long j = 0; j < network->outputs; ++j) {
    const double complex z = layer(&line, line.third, network->second, network->outputs, j, t, y,
                                   dy, &derivative);
    outputs[j] = creal(z);
    outputs[network->outputs + j] = cimag(z);
  }
}

/// z_j of the second layer.
static double complex second_layer(const Line *line, long j, double complex t,
                                   double complex *derivative) {
  double complex u[largest], du[largest];
  first_layer(line, t, u, du);
  return layer(line, line->second, line->network->first, line->network->second, j, t, u, du,
               derivative);
}

/// arg cosh z.
static double phase(double complex z) {
  return atan2(tanh(creal(z)) * sin(cimag(z)), cos(cimag(z)));
}

/// The change of arg cosh z_j from φ to ψ on the circle, in steps below one radian.
static double turn(const Line *line, long j, double radius, double from, double to, double before,
                   double after, int depth) {
  double change = after - before;
  if (change > M_PI) change -= 2 * M_PI;
  if (change < -M_PI) change += 2 * M_PI;
  if ((fabs(change) < 0.5 && depth >= 2) || depth > 30) return change;
  const double middle = 0.5 * (from + to);
  double complex derivative;
  const double at = phase(second_layer(line, j, radius * cexp(middle * I), &derivative));
  return turn(line, j, radius, from, middle, before, at, depth + 1)
         + turn(line, j, radius, middle, to, at, after, depth + 1);
}

/// Zeros of cosh z_j in |t| < radius, where z_j is analytic. The function is real on the real axis,
/// so half the circle does.
static long zeros(const Line *line, long j, double radius) {
  enum { arcs = 64 };
  double sum = 0, before = 0;
  for (int i = 0; i <= arcs; ++i) {
    double complex derivative;
    const double angle = M_PI * i / arcs;
    const double at = phase(second_layer(line, j, radius * cexp(angle * I), &derivative));
    if (i > 0) sum += turn(line, j, radius, M_PI * (i - 1) / arcs, angle, before, at, 0);
    before = at;
  }
  return lround(sum / M_PI);
}

long complex_network_nearest(const ComplexNetwork *network, const double *x, long density,
                             double *re, double *im) {
  const Line line = line_of(network, x);
  double complex nearest = INFINITY;
  for (long j = 0; j < network->first; ++j) {
    for (int n = -4; n < 4; ++n) {
      const double complex t = (I * M_PI * (n + 0.5) - line.a[j]) / line.d[j];
      if (cabs(t) < cabs(nearest)) nearest = t;
    }
  }
  const double limit = cabs(nearest);
  for (long i = 1; i <= density * density; ++i) {
    const double radius = limit * (double)((i - 1) % density + 1) / (double)density;
    const double angle = M_PI * ((double)((i - 1) / density) + 0.5) / (double)density;
    for (long j = 0; j < network->second; ++j) {
      double complex t = radius * cexp(angle * I);
      if (cabs(t) > 1.5 * cabs(nearest)) continue;
      for (int step = 0; step < 40; ++step) {
        double complex derivative;
        const double complex z = second_layer(&line, j, t, &derivative);
        // cosh z / (sinh z z′)
        double complex move = 1 / (ctanh(z) * derivative);
        const double size = cabs(move);
        if (!(size < INFINITY)) break;
        if (size > 0.1 * limit) move *= 0.1 * limit / size;
        t -= move;
        if (cabs(t) > 1.5 * cabs(nearest)) break;
        if (size < 1e-13 * limit) {
          if (cabs(ccosh(z)) < 1e-9 && cabs(t) < cabs(nearest)) nearest = t;
          break;
        }
      }
    }
  }
  *re = creal(nearest);
  *im = fabs(cimag(nearest));
  long inside = 0;
  for (long j = 0; j < network->second; ++j) inside += zeros(&line, j, 0.99 * cabs(nearest));
  return inside;
}
