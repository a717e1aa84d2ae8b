"""neural-tangents' taylor_expand on the CPU. A worker of Benchmarks/step.py (see worker.py).

The library itself on the last JAX with which it runs; its method, on a current JAX, is jax_step.py's
"nested".
"""

import worker

options = worker.options(["neural-tangents"])

import jax
import jax.numpy as jnp
import neural_tangents as nt

from jax_network import Network

problem = worker.Problem(options)
network = Network(problem, options)
center, parameters, x, y = network.center, network.parameters, network.x, network.y


def build(order):
    model = nt.taylor_expand(network, center, order) if order else network

    def loss(p, x, y):
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(model(p, x)) * y, -1))

    step = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(step(parameters, x, y))[0]


worker.serve(
    problem, {"neural-tangents": build},
    {"jax": jax.__version__, "neural_tangents": nt.__version__})
