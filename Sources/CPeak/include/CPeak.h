// The processor's speed at fused multiply-adds in registers: what no contraction can exceed.

#ifndef MACLAURIN_CPEAK_H
#define MACLAURIN_CPEAK_H

/// Floating-point operations per second of `threads` threads that do nothing but independent
/// float32 fused multiply-adds (two operations each) for about `seconds`, with the widest vectors
/// the processor has. 0 if the threads cannot be started, or where no vector FMA is known.
double processor_peak(int threads, double seconds);

#endif
