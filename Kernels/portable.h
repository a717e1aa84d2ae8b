// Every portable kernel source, for the host compilation of one scalar type.

#include "include/parameters.h"

#include "dialect.cl"
#include "functions.cl"
#include "series.cl"

#include "linear_combination.cl"
#include "reduction.cl"
#include "gather.cl"
#include "unfold.cl"
#include "loss.cl"
#include "optimizer_update.cl"
#include "row_scaling.cl"
#include "row_penalty.cl"
#include "philox.cl"
#include "random_fill.cl"
#include "dropout.cl"
#include "image_gather.cl"
#include "step_scalars.cl"
#include "jet_product.cl"
#include "pooling.cl"
#include "layer_norm.cl"
#include "layer_affine.cl"
#include "column_products.cl"
#include "extraction.cl"
#include "projection.cl"

// One composition per activation (the numbers are defined in jet_composition.cl).
#define ACTIVATION 0
#define COMPOSITION_KERNEL jet_composition_identity
#include "jet_composition.cl"
#define ACTIVATION 1
#define COMPOSITION_KERNEL jet_composition_relu
#include "jet_composition.cl"
#define ACTIVATION 2
#define COMPOSITION_KERNEL jet_composition_leaky_relu
#include "jet_composition.cl"
#define ACTIVATION 3
#define COMPOSITION_KERNEL jet_composition_tanh
#include "jet_composition.cl"
#define ACTIVATION 4
#define COMPOSITION_KERNEL jet_composition_sigmoid
#include "jet_composition.cl"
#define ACTIVATION 5
#define COMPOSITION_KERNEL jet_composition_exp
#include "jet_composition.cl"
#define ACTIVATION 6
#define COMPOSITION_KERNEL jet_composition_erf
#include "jet_composition.cl"
#define ACTIVATION 7
#define COMPOSITION_KERNEL jet_composition_softplus
#include "jet_composition.cl"
#define ACTIVATION 8
#define COMPOSITION_KERNEL jet_composition_sin
#include "jet_composition.cl"
#define ACTIVATION 9
#define COMPOSITION_KERNEL jet_composition_cos
#include "jet_composition.cl"
#define ACTIVATION 10
#define COMPOSITION_KERNEL jet_composition_swish
#include "jet_composition.cl"
#define ACTIVATION 11
#define COMPOSITION_KERNEL jet_composition_gelu
#include "jet_composition.cl"
#define ACTIVATION 12
#define COMPOSITION_KERNEL jet_composition_quadratic
#include "jet_composition.cl"
