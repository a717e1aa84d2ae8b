"""The benchmark's network and numbers in JAX, for the workers that run on it."""

import jax.numpy as jnp


class Network:
    """`center`, `parameters`: pairs of weights and biases; `x`, `y`: the batch."""

    def __init__(self, problem, options):
        arrays = lambda pairs: [(jnp.asarray(w), jnp.asarray(b)) for w, b in pairs]
        self.center, self.parameters = arrays(problem.center), arrays(problem.parameters)
        self.x, self.y = jnp.asarray(problem.x), jnp.asarray(problem.y)
        self.activation = {"relu": lambda z: jnp.maximum(z, 0.0), "tanh": jnp.tanh}[options.activation]
        self.last = problem.last

    def __call__(self, parameters, x):
        for i, (w, b) in enumerate(parameters):
            x = x @ w + b
            if i < self.last:
                x = self.activation(x)
        return x
