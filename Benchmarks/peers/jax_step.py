"""JAX on the CPU, four ways. A worker of Benchmarks/step.py (see worker.py).

  grad    the network itself;
  nested  the expansion by nested forward derivatives, neural-tangents' method;
  jet     the expansion by jax.experimental.jet (relu as maximum(x, 0), or jet fails);
  hand    schoolbook jets written by hand: coefficients stacked, two products per layer.

Steps are jitted; the parameters and the batch are their arguments, the center is a constant. With
"-constant" behind a name the batch is a constant, too, as where a step is compiled for one batch alone: the
compiler then computes much of what depends on the center and the batch only (their coefficients 0) itself,
once, which no training with more than one batch can have. (Seen in its cost analysis, JAX 0.10.1, batch 128,
order 2, tanh: 26.2 GFLOP by jet become 21.1.)
"""

import worker

options = worker.options(
    ["grad", "nested", "jet", "hand", "nested-constant", "jet-constant", "hand-constant"])

import jax
import jax.numpy as jnp
from jax.experimental import jet

from jax_network import Network

problem = worker.Problem(options)
network = Network(problem, options)
center, parameters, x, y = network.center, network.parameters, network.x, network.y


def nested(order):
    def model(p, x):
        direction = jax.tree_util.tree_map(lambda u, v: u - v, p, center)
        g = lambda q: network(q, x)
        outputs, factorial = g(center), 1.0
        for j in range(1, order + 1):
            g = (lambda h: lambda q: jax.jvp(h, (q,), (direction,))[1])(g)
            factorial *= j
            outputs = outputs + g(center) / factorial
        return outputs

    return model


def taylor_mode(order):
    def model(p, x):
        flat0, tree = jax.tree_util.tree_flatten(center)
        flat, _ = jax.tree_util.tree_flatten(p)
        series = [[u - v] + [jnp.zeros_like(u)] * (order - 1) for u, v in zip(flat, flat0)]
        outputs, coefficients = jet.jet(
            lambda *q: network(jax.tree_util.tree_unflatten(tree, q), x), flat0, series)
        factorial = 1.0
        for j, c in enumerate(coefficients, 1):
            factorial *= j
            outputs = outputs + c / factorial
        return outputs

    return model


def build(model, is_constant=False):
    def loss(p, x, y):
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(model(p, x)) * y, -1))

    if is_constant:
        constant = jax.jit(jax.value_and_grad(lambda p: loss(p, x, y)))
        return lambda: jax.block_until_ready(constant(parameters))[0]
    step = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(step(parameters, x, y))[0]


def by_hand(order):
    return lambda p, x: sum(problem.jets(center, p, x, order, jnp))


methods = {"grad": lambda order: None if order else build(network)}
for name, make in {"nested": nested, "jet": taylor_mode, "hand": by_hand}.items():
    for suffix in ("", "-constant"):
        methods[name + suffix] = (
            lambda order, make=make, suffix=suffix: build(make(order), bool(suffix))
            if order else None)
worker.serve(problem, methods, {"jax": jax.__version__})
