// The host family of the contraction for this processor: contraction_host.cl, once per instruction
// set and scalar type. Attributes choose the instruction set, so that one build serves every
// processor; fma is correctly rounded in all of them, so that all give the same bits.

#include "contraction_host.h"
#include "parameters.h"
#include "dialect.cl"

#if defined(__x86_64__)

// 12 × 32 floats: 24 chains and 2 vectors of B in the 32 registers of 512 bits.
#define TARGET __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))
#define INSTRUCTION_SET "x86-64-v4"
#define INSTANCE(name) contraction_##name##_v4_float32
#define ELEMENT float
#define VECTOR_WIDTH 16
#define BLOCK_ROWS 12
#define BLOCK_VECTORS 2
#include "contraction_host.cl"

#define TARGET __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))
#define INSTRUCTION_SET "x86-64-v4"
#define INSTANCE(name) contraction_##name##_v4_float64
#define ELEMENT double
#define VECTOR_WIDTH 8
#define BLOCK_ROWS 12
#define BLOCK_VECTORS 2
#include "contraction_host.cl"

// 6 × 16 floats: 12 chains, 2 vectors of B and 2 of A in the 16 registers of 256 bits.
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define INSTRUCTION_SET "x86-64-v3"
#define INSTANCE(name) contraction_##name##_v3_float32
#define ELEMENT float
#define VECTOR_WIDTH 8
#define BLOCK_ROWS 6
#define BLOCK_VECTORS 2
#include "contraction_host.cl"

#define TARGET __attribute__((target("arch=x86-64-v3")))
#define INSTRUCTION_SET "x86-64-v3"
#define INSTANCE(name) contraction_##name##_v3_float64
#define ELEMENT double
#define VECTOR_WIDTH 4
#define BLOCK_ROWS 6
#define BLOCK_VECTORS 2
#include "contraction_host.cl"

#endif

// Anything else: 8 × 8 floats, 16 chains in the 32 NEON registers of 128 bits.
#define TARGET
#define INSTRUCTION_SET "portable"
#define INSTANCE(name) contraction_##name##_portable_float32
#define ELEMENT float
#define VECTOR_WIDTH 4
#define BLOCK_ROWS 8
#define BLOCK_VECTORS 2
#include "contraction_host.cl"

#define TARGET
#define INSTRUCTION_SET "portable"
#define INSTANCE(name) contraction_##name##_portable_float64
#define ELEMENT double
#define VECTOR_WIDTH 2
#define BLOCK_ROWS 8
#define BLOCK_VECTORS 2
#include "contraction_host.cl"

const ContractionInstance *contraction_instance(long elementBytes, int index) {
  const ContractionInstance *runnable[4] = {0};
  const int isDouble = elementBytes == sizeof(double);
  int count = 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v4"))
    runnable[count++] =
      isDouble ? &contraction_instance_v4_float64 : &contraction_instance_v4_float32;
  if (__builtin_cpu_supports("x86-64-v3"))
    runnable[count++] =
      isDouble ? &contraction_instance_v3_float64 : &contraction_instance_v3_float32;
#endif
  runnable[count++] =
    isDouble ? &contraction_instance_portable_float64 : &contraction_instance_portable_float32;
  return index >= 0 && index < count ? runnable[index] : 0;
}
