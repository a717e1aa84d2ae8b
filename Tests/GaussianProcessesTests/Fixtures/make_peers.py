"""Posteriors of one small problem by GPyTorch and laplace-torch, for PeerPosteriorTests.

    python3 -m venv .peers && .peers/bin/pip install torch laplace-torch gpytorch safetensors
    .peers/bin/python Tests/GaussianProcessesTests/Fixtures/make_peers.py

A network 5-8-6-1 with tanh at random parameters, 24 examples, 10 test points, float64. GPyTorch: the
exact process with the kernel of the explicit Jacobian, its mean and covariance, and its log marginal
likelihood. laplace-torch: the full Gauss-Newton posterior's variances.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../Benchmarks"))

import gpytorch as gp
import torch
from adaptation import build, gpytorch, laplace
from safetensors.torch import save_file

PRIOR, NOISE = 0.7, 0.2

torch.set_default_dtype(torch.float64)
torch.manual_seed(3)
model = build(torch, 5, [8, 6], 1, torch.nn.Tanh)
x, xt = torch.randn(24, 5), torch.randn(10, 5)
y = torch.sin(x.sum(1, keepdim=True)) + 0.1 * torch.randn(24, 1)

mean, variance, _, _ = gpytorch(torch, model, x, y, xt, PRIOR, NOISE)
_, full, _ = laplace(torch, model, "full", x, y, xt, PRIOR, NOISE)

parameters = {name: p.detach() for name, p in model.named_parameters()}


def output(p, x):
    return torch.func.functional_call(model, p, (x.unsqueeze(0),)).squeeze()


rows = torch.func.vmap(torch.func.jacrev(output), (None, 0))(parameters, x)
jacobian = torch.cat([r.reshape(len(x), -1) for r in rows.values()], 1)
marginal = gp.distributions.MultivariateNormal(
    model(x).reshape(-1).detach(), PRIOR**2 * jacobian @ jacobian.T + NOISE**2 * torch.eye(len(x)))

tensors = {
    "x": x, "y": y, "x_test": xt, "prior_std": torch.tensor([PRIOR]),
    "noise_std": torch.tensor([NOISE]), "gpytorch.mean": torch.tensor(mean),
    "gpytorch.variance": torch.tensor(variance), "laplace.variance": torch.tensor(full),
    "gpytorch.log_marginal_likelihood": marginal.log_prob(y.reshape(-1)).reshape(1),
}
for index in (0, 2, 4):
    tensors[f"layers.{index}.weight"] = model[index].weight.detach()
    tensors[f"layers.{index}.bias"] = model[index].bias.detach()
save_file(
    {name: t.contiguous() for name, t in tensors.items()},
    os.path.join(os.path.dirname(__file__), "peers.safetensors"))
