// One step of an optimizer on a flat state (θ, or Δ of a Taylorized run), with everything that a step
// does to gradient and state in the same pass over memory. In this order, every product, sum and fma
// rounded once:
//   g ← clip·g                                   where the gradient is clipped
//   g ← fma(λ, θ, g)  or  state ← state − ηλ·θ   weight decay, θ = center + state
//   g ← noise + g
//   sgd:       s = g
//   momentum:  v ← fma(μ, v, g), s = v
//   adam:      m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², s = m̂/(√v̂ + ε)
//   state ← flip·(state − ηs), two roundings, never one fma, so that re-expanding after every step is
//   gradient descent bit for bit; parameters ← center + state
// flip = now·next = ±1 of a row that is kept with a sign; v of momentum and m of adam are multiplied
// by it too.
//
// Launch rows are blocks of the vector, with signs its rows, and columns their elements. Where the
// squares' sum is wanted, rows are the blocks and columns the lanes of the canonical reduction, and its
// first level is left in `partial`.

#define UPDATE_MOMENTUM 1
#define UPDATE_ADAM 2
#define DECAY_GRADIENT 1
#define DECAY_STATE 2
#define UPDATE_LANES MACLAURIN_REDUCTION_LANES

// What is taken at once: element l of a part is PART(l) from its first one. On a device, where RULE,
// SIGNS, SUM and SQUARES are constants of the program (compilers that vectorise over work-items need to
// know which buffers are written), a part of a sum is the lane's next elements on GPUs, so that their
// loads overlap, and else one element.
#ifdef __OPENCL_VERSION__
#define UPDATE_RULE RULE
#define HAS_SIGNS SIGNS
#define WANTS_SUM SUM
#define WANTS_SQUARES SQUARES
#ifndef UPDATE_PART
#if defined(__NV_CL_C_VERSION) || defined(__AMDGCN__)
#define UPDATE_PART 8
#else
#define UPDATE_PART 1
#endif
#endif
#if SQUARES
#define PART_SIZE UPDATE_PART
#else
#define PART_SIZE 1
#endif
#define PART(l) ((l) * UPDATE_LANES)
#define PART_SUM(l) 0
#define PART_STEP (PART_SIZE * UPDATE_LANES)
#define FOR_PART(l) for (int l = 0; l < PART_SIZE; ++l)
#else
#define UPDATE_RULE p.rule
#define HAS_SIGNS p.hasSigns
#define WANTS_SUM p.hasParameters
#define WANTS_SQUARES p.hasSquares
#define PART_SIZE LANES
#define PART(l) (l)
#define PART_SUM(l) l
#define PART_STEP UPDATE_LANES
#define FOR_PART(l) FOR_LANES(l)
#endif
typedef real Part[PART_SIZE];

FUNCTION void load_part(real *x, GLOBAL const real *from, long left) {
  if (PART_SIZE == 1 || PART(PART_SIZE - 1) < left) {
    FOR_PART(l) x[l] = from[PART(l)];
  } else {
    FOR_PART(l) x[l] = PART(l) < left ? from[PART(l)] : R(0.0);
  }
}

FUNCTION void store_part(GLOBAL real *to, const real *x, long left) {
  if (PART_SIZE == 1 || PART(PART_SIZE - 1) < left) {
    FOR_PART(l) to[PART(l)] = x[l];
  } else {
    for (int l = 0; l < PART_SIZE; ++l) {
      if (PART(l) < left) to[PART(l)] = x[l];
    }
  }
}

KERNEL11(update, UpdateParameters, real, state, real, first, real, second, real, parameters,
         real, partial, const real, gradient, const real, center, const real, clip,
         const real, noise, const real, now, const real, next) {
  const real rate = REAL(p.rate), decay = REAL(p.decay);
  const real beta1 = REAL(p.beta1), beta2 = REAL(p.beta2), momentum = beta1;
  const real complement1 = REAL(p.complement1), complement2 = REAL(p.complement2);
  const real correction1 = REAL(p.correction1), correction2 = REAL(p.correction2);
  const real epsilon = REAL(p.epsilon);
  const real clipping = clip[0], factor = p.hasClip ? clipping : R(1.0);
  FOR_EACH_STRIP(row, lane, lanes) {
    const long begin = row * p.block + lane;
    const long end = (row + 1) * p.block < p.count ? (row + 1) * p.block : p.count;
    const real flip = HAS_SIGNS ? now[row] * next[row] : R(1.0);
    Coefficient squares[1];
    FOR_LANES(l) squares[0][l] = R(0.0);
    // As many rounds for every lane, as compilers that vectorise over work-items want it.
    const long rounds = WANTS_SQUARES ? MACLAURIN_REDUCTION_BLOCK : PART_STEP;
    for (long done = 0; done < rounds; done += PART_STEP) {
      const long i = begin + done, left = end - i;
      // A part of one element is there as a whole, or not at all.
      if (PART_SIZE > 1 || left > 0) {
        Part x, g, c, t, moment;   // t: θ, noise, v or m, parameters
        load_part(x, state + i, left);
        load_part(g, gradient + i, left);
        if (p.hasClip) FOR_PART(l) g[l] = g[l] * factor;
        if (p.hasCenter) load_part(c, center + i, left);
        if (p.decays != 0) {
          if (p.hasCenter) {
            FOR_PART(l) t[l] = c[l] + x[l];
          } else {
            FOR_PART(l) t[l] = x[l];
          }
          if (p.decays == DECAY_GRADIENT) {
            FOR_PART(l) g[l] = fma(decay, t[l], g[l]);
          } else {
            FOR_PART(l) {
              const real u = decay * t[l];
              x[l] = x[l] + u;
            }
          }
        }
        if (p.hasNoise) {
          load_part(t, noise + i, left);
          FOR_PART(l) g[l] = t[l] + g[l];
        }
        if (UPDATE_RULE == UPDATE_MOMENTUM) {
          load_part(t, first + i, left);
          FOR_PART(l) {
            g[l] = fma(momentum, t[l], g[l]);
            t[l] = flip * g[l];
          }
          store_part(first + i, t, left);
        } else if (UPDATE_RULE == UPDATE_ADAM) {
          load_part(t, first + i, left);
          load_part(moment, second + i, left);
          FOR_PART(l) {
            const real g1 = complement1 * g[l], g2 = complement2 * g[l];
            const real m = fma(beta1, t[l], g1);
            const real g3 = g2 * g[l];
            const real v = fma(beta2, moment[l], g3);
            t[l] = flip * m;
            moment[l] = v;
            const real denominator = sqrt(v / correction2) + epsilon;
            g[l] = (m / correction1) / denominator;
          }
          store_part(first + i, t, left);
          store_part(second + i, moment, left);
        }
        FOR_PART(l) {
          const real u = rate * g[l];
          x[l] = flip * (x[l] + u);
        }
        store_part(state + i, x, left);
        if (WANTS_SUM) {
          FOR_PART(l) t[l] = c[l] + x[l];
          store_part(parameters + i, t, left);
        }
        if (WANTS_SQUARES) {
          FOR_PART(l) {
            const real sum = squares[0][PART_SUM(l)];
            squares[0][PART_SUM(l)] = PART(l) < left ? fma(x[l], x[l], sum) : sum;
          }
        }
      }
    }
    if (WANTS_SQUARES) store_strip(partial + row * UPDATE_LANES + lane, squares[0], lanes);
  }
}

#undef UPDATE_RULE
#undef HAS_SIGNS
#undef WANTS_SUM
#undef WANTS_SQUARES
#undef PART_SIZE
#undef PART
#undef PART_SUM
#undef PART_STEP
#undef FOR_PART
