// The kernel sources' text, for the OpenCL program builder.

#include "Kernels.h"

#define SOURCES(SOURCE) \
  SOURCE(parameters) \
  SOURCE(dialect) \
  SOURCE(functions) \
  SOURCE(series) \
  SOURCE(linear_combination) \
  SOURCE(reduction) \
  SOURCE(gather) \
  SOURCE(matrix_copy) \
  SOURCE(unfold) \
  SOURCE(loss) \
  SOURCE(softmax_curvature) \
  SOURCE(optimizer_update) \
  SOURCE(row_scaling) \
  SOURCE(row_penalty) \
  SOURCE(philox) \
  SOURCE(random_fill) \
  SOURCE(dropout) \
  SOURCE(image_gather) \
  SOURCE(step_scalars) \
  SOURCE(jet_composition) \
  SOURCE(jet_product) \
  SOURCE(block_combination) \
  SOURCE(ray_weights) \
  SOURCE(pooling) \
  SOURCE(layer_norm) \
  SOURCE(layer_affine) \
  SOURCE(column_products) \
  SOURCE(kernel_cells) \
  SOURCE(dual_function) \
  SOURCE(dual_activation) \
  SOURCE(dual_series) \
  SOURCE(window_sum) \
  SOURCE(image_gram) \
  SOURCE(extraction) \
  SOURCE(projection) \
  SOURCE(contraction_host) \
  SOURCE(contraction_tile) \
  SOURCE(contraction) \
  SOURCE(jet_contraction) \
  SOURCE(jet_contraction_nodes)

static const char parameters_text[] = {
#embed "include/parameters.h"
};
static const char dialect_text[] = {
#embed "dialect.cl"
};
static const char functions_text[] = {
#embed "functions.cl"
};
static const char series_text[] = {
#embed "series.cl"
};
static const char linear_combination_text[] = {
#embed "linear_combination.cl"
};
static const char reduction_text[] = {
#embed "reduction.cl"
};
static const char gather_text[] = {
#embed "gather.cl"
};
static const char matrix_copy_text[] = {
#embed "matrix_copy.cl"
};
static const char unfold_text[] = {
#embed "unfold.cl"
};
static const char loss_text[] = {
#embed "loss.cl"
};
static const char softmax_curvature_text[] = {
#embed "softmax_curvature.cl"
};
static const char optimizer_update_text[] = {
#embed "optimizer_update.cl"
};
static const char row_scaling_text[] = {
#embed "row_scaling.cl"
};
static const char row_penalty_text[] = {
#embed "row_penalty.cl"
};
static const char philox_text[] = {
#embed "philox.cl"
};
static const char image_gather_text[] = {
#embed "image_gather.cl"
};
static const char random_fill_text[] = {
#embed "random_fill.cl"
};
static const char dropout_text[] = {
#embed "dropout.cl"
};
static const char step_scalars_text[] = {
#embed "step_scalars.cl"
};
static const char jet_composition_text[] = {
#embed "jet_composition.cl"
};
static const char jet_product_text[] = {
#embed "jet_product.cl"
};
static const char block_combination_text[] = {
#embed "block_combination.cl"
};
static const char ray_weights_text[] = {
#embed "ray_weights.cl"
};
static const char pooling_text[] = {
#embed "pooling.cl"
};
static const char layer_norm_text[] = {
#embed "layer_norm.cl"
};
static const char layer_affine_text[] = {
#embed "layer_affine.cl"
};
static const char column_products_text[] = {
#embed "column_products.cl"
};
static const char kernel_cells_text[] = {
#embed "kernel_cells.cl"
};
static const char dual_function_text[] = {
#embed "dual_function.cl"
};
static const char dual_activation_text[] = {
#embed "dual_activation.cl"
};
static const char dual_series_text[] = {
#embed "dual_series.cl"
};
static const char window_sum_text[] = {
#embed "window_sum.cl"
};
static const char image_gram_text[] = {
#embed "image_gram.cl"
};
static const char extraction_text[] = {
#embed "extraction.cl"
};
static const char projection_text[] = {
#embed "projection.cl"
};
static const char contraction_host_text[] = {
#embed "contraction_host.cl"
};
static const char contraction_tile_text[] = {
#embed "contraction_tile.cl"
};
static const char contraction_text[] = {
#embed "contraction.cl"
};
static const char jet_contraction_text[] = {
#embed "jet_contraction.cl"
};
static const char jet_contraction_nodes_text[] = {
#embed "jet_contraction_nodes.cl"
};

#define ENTRY(name) {#name, name##_text, sizeof name##_text},
static const MaclaurinSource sources[] = {SOURCES(ENTRY)};

MaclaurinSource maclaurin_source(int index) {
  const MaclaurinSource none = {0, 0, 0};
  return index < (int)(sizeof sources / sizeof *sources) ? sources[index] : none;
}
