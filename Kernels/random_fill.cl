// Fills with random numbers, see philox.cl.

#define DISTRIBUTION_NORMAL 0
#define DISTRIBUTION_UNIFORM 1

// Items are blocks of four elements.
KERNEL1(random_fill, RandomFillParameters, real, out) {
  const float factor = as_float((uint)p.factor);
  FOR_EACH_ITEM(block) {
    uint words[4];
    float values[4];
    philox(p.seed, (uint)p.purpose, (uint)p.tensor, (ulong)(p.firstBlock + block), words);
    for (int i = 0; i < 4; ++i) {
      if (p.distribution == DISTRIBUTION_NORMAL) {
        // Box–Muller on words (0, 1) and (2, 3): √(−2 log u)·(cos, sin)(2πv)
        const float u = philox_uniform(words[i & 2]), v = philox_uniform(words[i | 1]);
        const float radius = sqrt(-2.0f * float_log(u));
        const float angle = 6.28318530717958647692f * v;
        values[i] = radius * ((i & 1) ? float_sin(angle) : float_cos(angle));
      } else if (p.distribution == DISTRIBUTION_UNIFORM) {
        values[i] = philox_uniform(words[i]);
      } else {
        values[i] = (words[i] >> 31) ? -1.0f : 1.0f;
      }
    }
    for (int i = 0; i < 4; ++i) {
      if (block * 4 + i < p.count) out[block * 4 + i] = (real)(factor * values[i]);
    }
  }
}
