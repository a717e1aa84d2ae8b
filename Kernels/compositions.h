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
#define ACTIVATION 13
#define COMPOSITION_KERNEL jet_composition_abs
#include "jet_composition.cl"
#define ACTIVATION 14
#define COMPOSITION_KERNEL jet_composition_sign
#include "jet_composition.cl"
#define ACTIVATION 15
#define COMPOSITION_KERNEL jet_composition_gaussian
#include "jet_composition.cl"
#define ACTIVATION 16
#define COMPOSITION_KERNEL jet_composition_gelu_tanh
#include "jet_composition.cl"
