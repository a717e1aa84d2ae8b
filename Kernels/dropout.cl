// x ← x/(1 − p) where an element is kept, +0 where it is dropped, in place. Element e is dropped if
// word e mod 4 of block ⌊e/4⌋ of the step's stream is below p·2^32. Items are blocks.

KERNEL1(dropout, DropoutParameters, real, x) {
  const real factor = REAL(p.factor);
  FOR_EACH_ITEM(block) {
    uint words[4];
    philox(p.seed, (uint)p.purpose, (uint)p.tensor, (ulong)(p.firstBlock + block), words);
    for (int i = 0; i < 4; ++i) {
      const long element = block * 4 + i;
      if (element < p.count) {
        x[element] = words[i] < (uint)p.threshold ? R(0.0) : factor * x[element];
      }
    }
  }
}
