"""PyTorch on the CPU, three ways. A worker of Benchmarks/step.py (see worker.py).

  torch       the network itself, by autograd;
  torch-jvp   the expansion by nested torch.func.jvp, and its gradient by autograd;
  torch-jet   the expansion by jet-for-pytorch, where it is installed, and its gradient by autograd.
"""

from importlib.metadata import PackageNotFoundError, version

import worker

options = worker.options(["torch", "torch-jvp", "torch-jet"])

import torch

try:
    jet_version = version("jet-for-pytorch")
except PackageNotFoundError:
    jet_version = None

torch.set_num_threads(options.threads or torch.get_num_threads())
problem = worker.Problem(options)
flat = lambda pairs: tuple(torch.tensor(a) for pair in pairs for a in pair)
center, parameters = flat(problem.center), flat(problem.parameters)
for p in parameters:
    p.requires_grad_()
x, y = torch.tensor(problem.x), torch.tensor(problem.y)
activation = {"relu": torch.relu, "tanh": torch.tanh}[options.activation]


def network(*p):
    z = x
    for i in range(problem.last + 1):
        z = z @ p[2 * i] + p[2 * i + 1]
        if i < problem.last:
            z = activation(z)
    return z


def nested(order):
    def model():
        direction = tuple(p - c for p, c in zip(parameters, center))
        g = network
        outputs, factorial = g(*center), 1.0
        for j in range(1, order + 1):
            g = (lambda h: lambda *q: torch.func.jvp(h, q, direction)[1])(g)
            factorial *= j
            outputs = outputs + g(*center) / factorial
        return outputs

    return model


def taylor_mode(order):
    from jet import jet

    expansion = jet(network, center)

    def model():
        series = [
            (c, p - c) + (torch.zeros_like(c),) * (order - 1) for p, c in zip(parameters, center)]
        coefficients = expansion(*series)
        outputs, factorial = coefficients[0], 1.0
        for j in range(1, order + 1):
            factorial *= j
            outputs = outputs + coefficients[j] / factorial
        return outputs

    return model


def build(model):
    def step():
        loss = -(torch.log_softmax(model(), -1) * y).sum(-1).mean()
        torch.autograd.grad(loss, parameters)
        return loss.item()

    return step


methods = {
    "torch": lambda order: None if order else build(lambda: network(*parameters)),
    "torch-jvp": lambda order: build(nested(order)) if order else None,
}
versions = {"torch": torch.__version__}
if jet_version:
    methods["torch-jet"] = lambda order: build(taylor_mode(order)) if order else None
    versions["jet-for-pytorch"] = jet_version
worker.serve(problem, methods, versions)
