// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC'11), keyed by the
// seed; the counter holds the position in the stream, the tensor and the purpose. Four elements
// per counter, so any element can be drawn alone.
//
// Numbers are float32 in every scalar type, so that a float64 run starts from the same weights.

FUNCTION void philox(ulong seed, uint purpose, uint tensor, ulong block, uint *words) {
  uint c0 = (uint)block, c1 = (uint)(block >> 32), c2 = tensor, c3 = purpose;
  uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint high0 = mul_hi((uint)0xD2511F53u, c0), low0 = 0xD2511F53u * c0;
    const uint high1 = mul_hi((uint)0xCD9E8D57u, c2), low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/// The 23 high bits of a word, centred: an odd multiple of 2^−24, exact, never 0 or 1.
FUNCTION float philox_uniform(uint word) {
  return fma((float)(int)(word >> 9), 0x1p-23f, 0x1p-24f);
}
