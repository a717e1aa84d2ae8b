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
#include "softmax_curvature.cl"
#include "optimizer_update.cl"
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

#include "compositions.h"
