// The portable kernels for the host, float32.

#include "portable.h"

void maclaurin_philox(ulong seed, uint purpose, uint tensor, ulong block, uint words[4]);
void maclaurin_philox(ulong seed, uint purpose, uint tensor, ulong block, uint words[4]) {
  philox(seed, purpose, tensor, block, words);
}
