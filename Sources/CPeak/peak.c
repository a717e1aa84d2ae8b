#include "CPeak.h"

#include <pthread.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// Independent chains: more than latency (4 or 5 cycles) times units (2) of any current processor.
enum { chains = 12, rounds = 4096 };

typedef float Vector4 __attribute__((vector_size(16)));
typedef float Vector8 __attribute__((vector_size(32)));
typedef float Vector16 __attribute__((vector_size(64)));

// One burst: chains·rounds vector operations. The empty statement keeps each in its register.
#define BURST(name, VECTOR, CONSTRAINT, ATTRIBUTES) \
  ATTRIBUTES static void name(void) { \
    VECTOR sum[chains], factor = (VECTOR){0} + 0.5f; \
    for (int i = 0; i < chains; ++i) sum[i] = factor; \
    for (int round = 0; round < rounds; ++round) { \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < chains; ++i) { \
        sum[i] = __builtin_elementwise_fma(sum[i], factor, factor); \
        __asm__ volatile("" : CONSTRAINT(sum[i])); \
      } \
    } \
  }

#if defined(__x86_64__)
BURST(burst16, Vector16, "+v", __attribute__((target("arch=x86-64-v4"), min_vector_width(512))))
BURST(burst8, Vector8, "+x", __attribute__((target("arch=x86-64-v3"))))
#elif defined(__aarch64__)
BURST(burst4, Vector4, "+w", )
#endif

static void (*burst(int *width))(void) {
#if defined(__x86_64__)
  *width = 16;
  if (__builtin_cpu_supports("x86-64-v4")) return burst16;
  *width = 8;
  if (__builtin_cpu_supports("x86-64-v3")) return burst8;
#elif defined(__aarch64__)
  *width = 4;
  return burst4;
#endif
  return 0;
}

typedef struct {
  void (*burst)(void);
  double end;
  double bursts;
} Work;

static void *work(void *context) {
  Work *work = context;
  do {
    for (int i = 0; i < 16; ++i) work->burst();
    work->bursts += 16;
  } while (now() < work->end);
  return 0;
}

double processor_peak(int threads, double seconds) {
  enum { most = 1024 };
  static pthread_t others[most];
  static Work works[most];
  int width = 0;
  void (*const function)(void) = burst(&width);
  if (!function || threads < 1 || threads > most) return 0;
  const double start = now();
  int started = 1;
  for (int i = 0; i < threads; ++i) works[i] = (Work){function, start + seconds, 0};
  while (started < threads && !pthread_create(&others[started], 0, work, &works[started])) ++started;
  work(&works[0]);
  double bursts = works[0].bursts;
  for (int i = 1; i < started; ++i) {
    pthread_join(others[i], 0);
    bursts += works[i].bursts;
  }
  if (started < threads) return 0;
  return bursts * 2.0 * chains * rounds * width / (now() - start);
}
