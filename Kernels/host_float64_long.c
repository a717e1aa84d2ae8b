// The kernels that keep whole power series, for the host, float64, orders above MACLAURIN_ORDER. Fewer
// lanes, so that the series of a strip stay in the nearest cache.

#define REAL_IS_DOUBLE
#define LONG_SERIES
#define LANES 16

#include "include/parameters.h"

#define MAXIMUM_ORDER MACLAURIN_LONG_ORDER

#include "dialect.cl"
#include "functions.cl"
#include "series.cl"

#include "layer_norm.cl"

#include "compositions.h"
