"""neural-tangents' taylor_expand on the CPU. A worker of Benchmarks/step.py (see worker.py).

The library itself on the last JAX with which it runs; its method, on a current JAX, is jax_step.py's
"nested".
"""

import worker

options = worker.options(["neural-tangents"])

import jax
import jax.numpy as jnp
import neural_tangents as nt

problem = worker.Problem(options)
arrays = lambda pairs: [(jnp.asarray(w), jnp.asarray(b)) for w, b in pairs]
center, parameters = arrays(problem.center), arrays(problem.parameters)
x, y = jnp.asarray(problem.x), jnp.asarray(problem.y)
activation = {"relu": lambda z: jnp.maximum(z, 0.0), "tanh": jnp.tanh}[options.activation]


def network(p, x):
    for i, (w, b) in enumerate(p):
        x = x @ w + b
        if i < problem.last:
            x = activation(x)
    return x


def build(order):
    model = nt.taylor_expand(network, center, order) if order else network

    def loss(p, x, y):
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(model(p, x)) * y, -1))

    step = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(step(parameters, x, y))[0]


worker.serve(
    problem, {"neural-tangents": build},
    {"jax": jax.__version__, "neural_tangents": nt.__version__})
