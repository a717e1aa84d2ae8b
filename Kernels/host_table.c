// Finds the host compilation of a portable kernel function by name.

#include <string.h>

#include "Kernels.h"

/// Those that keep whole series: for longer ones they are compiled a second time, in float64.
#define SERIES_FUNCTIONS(F) \
  F(layer_norm) \
  F(layer_norm_adjoint) \
  F(jet_composition_identity) \
  F(jet_composition_relu) \
  F(jet_composition_leaky_relu) \
  F(jet_composition_tanh) \
  F(jet_composition_sigmoid) \
  F(jet_composition_exp) \
  F(jet_composition_erf) \
  F(jet_composition_softplus) \
  F(jet_composition_sin) \
  F(jet_composition_cos) \
  F(jet_composition_swish) \
  F(jet_composition_gelu) \
  F(jet_composition_quadratic) \
  F(jet_composition_abs) \
  F(jet_composition_sign) \
  F(jet_composition_gaussian) \
  F(jet_composition_gelu_tanh)

#define FUNCTIONS(F) \
  SERIES_FUNCTIONS(F) \
  F(linear_combination) \
  F(scaled_copy) \
  F(fill) \
  F(sum_lanes) \
  F(sum_of_squares_lanes) \
  F(reduction_tree) \
  F(column_sums) \
  F(chain_fold) \
  F(gather) \
  F(matrix_copy) \
  F(unfold) \
  F(fold) \
  F(transposition) \
  F(accumulate) \
  F(loss) \
  F(softmax_curvature) \
  F(update) \
  F(row_scaling) \
  F(row_scaling_in_place) \
  F(row_squares_lanes) \
  F(row_squares_tree) \
  F(row_penalty) \
  F(random_fill) \
  F(image_gather) \
  F(direction_scale) \
  F(clip_factor) \
  F(jet_product) \
  F(jet_product_adjoint) \
  F(block_combination) \
  F(ray_weights) \
  F(average_pool) \
  F(average_pool_adjoint) \
  F(max_pool) \
  F(max_pool_adjoint) \
  F(layer_affine) \
  F(layer_affine_adjoint) \
  F(column_products) \
  F(dropout) \
  F(dual_activation) \
  F(dual_series) \
  F(window_sum) \
  F(window_sum_cells) \
  F(image_gram) \
  F(extraction) \
  F(extraction_indirect) \
  F(projection_rows) \
  F(projection_chunks) \
  F(projection_fold_chunks) \
  F(projection_residual)

#define DECLARE(name)                                                              \
  void name##_float32(const LaunchRange *, const void *, void *const *);           \
  void name##_float64(const LaunchRange *, const void *, void *const *);
FUNCTIONS(DECLARE)

#define DECLARE_LONG(name) \
  void name##_long_float64(const LaunchRange *, const void *, void *const *);
SERIES_FUNCTIONS(DECLARE_LONG)

#define ENTRY(name) {#name, {name##_float32, name##_float64}},
#define ENTRY_LONG(name) {#name "_long", {0, name##_long_float64}},
static const struct {
  const char *name;
  MaclaurinHostFunction functions[2];
} table[] = {FUNCTIONS(ENTRY) SERIES_FUNCTIONS(ENTRY_LONG)};

MaclaurinHostFunction maclaurin_host_function(const char *name, int isDouble) {
  for (unsigned long i = 0; i < sizeof table / sizeof *table; ++i) {
    if (strcmp(table[i].name, name) == 0) return table[i].functions[isDouble != 0];
  }
  return 0;
}
