"""Posteriors of linearized networks by maclaurin, laplace-torch and GPyTorch, side by side.

    python3 -m venv .peers
    .peers/bin/pip install torch laplace-torch gpytorch safetensors
    .peers/bin/python Benchmarks/adaptation.py [--cases diabetes,wide,digits] [--out FOLDER]

PyTorch trains a network on one part of the data; the posterior is that of its linear expansion after
another part. On `diabetes` all rivals compute the same posterior in float64 with the same prior and
noise, and the largest differences of standard deviations and means are printed beside the times. `wide`
is the same with a network of three million parameters, in float32. `digits` is classification: classes
5 to 9 with ten labels each, after training on classes 0 to 4.

Times: ours is the whole process, its start and its files included; theirs begins with the network in
memory and ends with the predictions, imports apart. NLL is the mean negative log predictive density of
the test part, with the noise.
"""

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")
PRIOR, NOISE = 0.3, 0.5


# ---- data and networks --------------------------------------------------------------------------


def diabetes(path):
    table = np.genfromtxt(path, delimiter=",", skip_header=1)
    x, y = table[:, :-1], table[:, -1:]
    old = x[:, 0] > np.median(x[:, 0])
    x, y = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    # Trained on the older half, adapted to the younger.
    young = np.flatnonzero(~old)
    return (x[old], y[old]), (x[young[:120]], y[young[:120]]), (x[young[120:]], y[young[120:]])


def waves(count, features, seed):
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((count, features))
    direction = draw.standard_normal((features, 2)) / math.sqrt(features)
    z = x @ direction
    return x, np.sin(2 * z[:, :1]) + 0.5 * z[:, 1:] + 0.1 * draw.standard_normal((count, 1))


def build(torch, features, widths, outputs, activation):
    layers, last = [], features
    for width in widths:
        layers += [torch.nn.Linear(last, width), activation()]
        last = width
    return torch.nn.Sequential(*layers, torch.nn.Linear(last, outputs))


def train(torch, model, x, y, loss, steps, rate):
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()


def write_network(torch, model, folder, features, name):
    from safetensors.torch import save_file

    layers, tensors = [], {}
    for index, layer in enumerate(model):
        if isinstance(layer, torch.nn.Linear):
            layers.append({"dense": {"units": layer.out_features}})
            tensors[f"layers.{index}.weight"] = layer.weight.detach().contiguous()
            tensors[f"layers.{index}.bias"] = layer.bias.detach().contiguous()
        else:
            layers.append(name)
    with open(f"{folder}/network.json", "w") as file:
        json.dump({"input": [features], "layers": layers}, file)
    save_file(tensors, f"{folder}/parameters.safetensors")


# ---- the rivals ---------------------------------------------------------------------------------


def maclaurin(binary, folder, arrays, options):
    for name, values in arrays.items():
        np.save(f"{folder}/{name}.npy", np.ascontiguousarray(values))
    command = [
        binary, "gp", "--network", f"{folder}/network.json",
        "--parameters", f"{folder}/parameters.safetensors", "--inputs", f"{folder}/x.npy",
        "--targets", f"{folder}/y.npy", "--test-inputs", f"{folder}/xt.npy",
        "--test-targets", f"{folder}/yt.npy", "--mean", f"{folder}/mean.npy",
        "--variance", f"{folder}/variance.npy", "--json", "--quiet", *options,
    ]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        sys.exit(f"maclaurin failed: {' '.join(command)}")
    return (
        np.load(f"{folder}/mean.npy").reshape(-1), np.load(f"{folder}/variance.npy").reshape(-1),
        seconds, usage.ru_maxrss / 1024, json.loads(output))


def laplace(torch, model, structure, x, y, xt, prior, noise, chosen=False):
    from laplace import Laplace

    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=256)
    start = time.perf_counter()
    posterior = Laplace(
        model, "regression", subset_of_weights="all", hessian_structure=structure,
        sigma_noise=noise, prior_precision=1 / prior**2)
    posterior.fit(loader)
    if chosen:
        log_prior = torch.zeros(1, requires_grad=True)
        log_noise = torch.tensor([math.log(noise)], requires_grad=True)
        optimizer = torch.optim.Adam([log_prior, log_noise], lr=1e-1)
        for _ in range(100):
            optimizer.zero_grad()
            (-posterior.log_marginal_likelihood(log_prior.exp(), log_noise.exp())).backward()
            optimizer.step()
    mean, variance = posterior(xt, pred_type="glm")
    seconds = time.perf_counter() - start
    return mean.detach().numpy().reshape(-1), variance.detach().numpy().reshape(-1), seconds


def gpytorch(torch, model, x, y, xt, prior, noise, chunk=256, chosen=False):
    """The process whose kernel is J Jᵀ, made from explicit Jacobians, some examples at a time."""
    import gpytorch as gp

    start = time.perf_counter()
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def output(p, x):
        return torch.func.functional_call(model, p, (x.unsqueeze(0),)).squeeze()

    def jacobian(x):
        rows = torch.func.vmap(torch.func.jacrev(output), (None, 0))(parameters, x)
        return torch.cat([r.reshape(len(x), -1) for r in rows.values()], 1)

    everything = torch.cat([x, xt])
    parts = everything.split(chunk)
    size = len(everything)
    kernel = torch.empty(size, size)
    for i, a in enumerate(parts):
        left = jacobian(a)
        for j in range(i, len(parts)):
            block = left @ (left if i == j else jacobian(parts[j])).T
            rows, columns = slice(i * chunk, i * chunk + len(a)), slice(
                j * chunk, j * chunk + len(parts[j]))
            kernel[rows, columns] = block
            kernel[columns, rows] = block.T
    with torch.no_grad():
        mean = model(everything).reshape(-1)

    class Known(gp.kernels.Kernel):
        has_lengthscale = False

        def forward(self, a, b, diag=False, **_):
            i, j = a.reshape(-1).long(), b.reshape(-1).long()
            return kernel[i, j] if diag else kernel[i][:, j]

    class Process(gp.models.ExactGP):
        def __init__(self, indices, targets, likelihood):
            super().__init__(indices, targets, likelihood)
            self.kernel = gp.kernels.ScaleKernel(Known())

        def forward(self, i):
            return gp.distributions.MultivariateNormal(mean[i.reshape(-1).long()], self.kernel(i))

    likelihood = gp.likelihoods.GaussianLikelihood(
        noise_constraint=gp.constraints.Positive())
    train_rows = torch.arange(len(x)).reshape(-1, 1).to(kernel.dtype)
    process = Process(train_rows, y.reshape(-1), likelihood)
    process.kernel.outputscale, likelihood.noise = prior**2, noise**2
    if chosen:
        process.train(), likelihood.train()
        optimizer = torch.optim.Adam(process.parameters(), lr=0.1)
        evidence = gp.mlls.ExactMarginalLogLikelihood(likelihood, process)
        for _ in range(100):
            optimizer.zero_grad()
            (-evidence(process(train_rows), y.reshape(-1))).backward()
            optimizer.step()
    process.eval(), likelihood.eval()
    rows = torch.arange(len(x), size).reshape(-1, 1).to(kernel.dtype)
    with torch.no_grad():
        prediction = process(rows)
        result = prediction.mean.numpy(), prediction.variance.numpy()
    return *result, time.perf_counter() - start, likelihood.noise.sqrt().item()


# ---- cases --------------------------------------------------------------------------------------


def nll(mean, variance, y, noise):
    total = variance + noise**2
    return float(np.mean(0.5 * (np.log(2 * np.pi * total) + (y.reshape(-1) - mean) ** 2 / total)))


def table(title, header, rows):
    print(f"\n{title}\n\n| {' | '.join(header)} |\n|:{'|'.join(['---'] * len(header))}|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def regression(torch, binary, case, data):
    double = case == "diabetes"
    torch.set_default_dtype(torch.float64 if double else torch.float32)
    torch.manual_seed(1)
    if double:
        source, adapt, test = diabetes(data)
        widths, steps = [50, 50], 300
    else:
        source, adapt, test = (waves(1000, 20, 1), waves(400, 20, 2), waves(100, 20, 3))
        widths, steps = [1024, 1024, 1024], 100
    dtype = torch.get_default_dtype()
    tensors = [[torch.tensor(a, dtype=dtype) for a in part] for part in (source, adapt, test)]
    (xs, ys), (x, y), (xt, yt) = tensors
    model = build(torch, x.shape[1], widths, 1, torch.nn.Tanh)
    train(torch, model, xs, ys, torch.nn.functional.mse_loss, steps, 1e-3)
    prior = PRIOR if double else PRIOR / 10
    results, rows = {}, []
    with tempfile.TemporaryDirectory() as folder:
        write_network(torch, model, folder, x.shape[1], "tanh")
        arrays = {"x": x.numpy(), "y": y.numpy(), "xt": xt.numpy(), "yt": yt.numpy()}
        kind = "float64" if double else "float32"
        given = ["--prior-std", repr(prior), "--noise-std", repr(NOISE), "--dtype", kind]
        # In parameter space there is a solve for every test output.
        for solver in ["exact", "cg"] + (["parameter-space"] if double else []):
            mean, variance, seconds, memory, report = maclaurin(
                binary, folder, arrays, [*given, "--solver", solver])
            results[f"maclaurin, {solver}"] = (mean, variance, seconds, NOISE)
        mean, variance, seconds, memory, report = maclaurin(
            binary, folder, arrays, ["--dtype", kind, "--solver", "exact"])
        results["maclaurin, exact, σp and σ chosen"] = (
            mean, variance, seconds, report["noise_std"])
    mean, variance, seconds, _ = gpytorch(torch, model, x, y, xt, prior, NOISE)
    results["GPyTorch"] = (mean, variance, seconds, NOISE)
    mean, variance, seconds, chosen = gpytorch(
        torch, model, x, y, xt, prior, NOISE, chosen=True)
    results["GPyTorch, σp and σ chosen"] = (mean, variance, seconds, chosen)
    for structure in (["full"] if double else []) + ["kron", "diag"]:
        mean, variance, seconds = laplace(torch, model, structure, x, y, xt, prior, NOISE)
        results[f"laplace-torch, {structure}"] = (mean, variance, seconds, NOISE)
    reference = results["maclaurin, exact"]
    for name, (mean, variance, seconds, noise) in results.items():
        same = "chosen" not in name
        error = np.abs(np.sqrt(variance) / np.sqrt(reference[1]) - 1).max() if same else math.nan
        shift = np.abs(mean - reference[0]).max() if same else math.nan
        rows.append([
            name, f"{seconds:.2f}", f"{nll(mean, variance, test[1], noise):.4f}",
            f"{error:.1e}" if same else "", f"{shift:.1e}" if same else ""])
    before = results["laplace-torch, kron"][0] * 0 + model(xt).detach().numpy().reshape(-1)
    rmse = lambda values: float(np.sqrt(np.mean((values - test[1].reshape(-1)) ** 2)))
    table(
        f"{case}: {len(x)} examples, {sum(p.numel() for p in model.parameters())} parameters, "
        f"{kind}; RMSE of the network {rmse(before):.4f}, after adaptation {rmse(reference[0]):.4f}",
        ["method", "seconds", "NLL", "largest relative difference of σ", "of means"], rows)


def digits(torch, binary, folder):
    """Fine-tuning and laplace-torch on classes 5 to 9, with the network that maclaurin trained."""
    from laplace import Laplace
    from safetensors.torch import load_file

    torch.set_default_dtype(torch.float32)
    torch.manual_seed(0)
    images = np.load(f"{folder}/digits-images.npy").reshape(-1, 64) / 16
    labels = np.load(f"{folder}/digits-labels.npy")
    test = np.arange(len(labels)) % 5 == 0
    rows = []
    with tempfile.TemporaryDirectory() as work:
        run = f"{work}/run"
        subprocess.run(
            [binary, "train", "--data", "digits", "--classes", "0,1,2,3,4", "--model", "mlp:64x2",
             "--activation", "tanh", "--order", "full", "--optimizer", "adam", "--lr", "0.001",
             "--epochs", "30", "--out", run, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        start = time.perf_counter()
        done = subprocess.run(
            [binary, "adapt", "--parameters", run, "--data", "digits", "--classes", "5,6,7,8,9",
             "--train-size", "50", "--prior-mean", "zero", "--json", "--quiet"],
            check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        for method in json.loads(done.stdout)["methods"]:
            if method["method"] != "network as it is":
                rows.append([
                    f"maclaurin adapt, {method['method']}", f"{seconds:.2f}",
                    f"{method['accuracy']:.3f}", f"{method['nll']:.3f}"])
        tensors = load_file(f"{run}/final.safetensors")
    keep = (labels >= 5)
    draw = np.random.default_rng(0)
    train_rows = draw.permutation(np.flatnonzero(keep & ~test))[:50]
    test_rows = np.flatnonzero(keep & test)
    x, y = torch.tensor(images[train_rows]).float(), torch.tensor(labels[train_rows] - 5).long()
    xt, yt = torch.tensor(images[test_rows]).float(), torch.tensor(labels[test_rows] - 5).long()
    model = build(torch, 64, [64, 64], 5, torch.nn.Tanh)
    for index in (0, 2, 4):
        model[index].weight.data = tensors[f"layers.{index}.weight"]
        model[index].bias.data = tensors[f"layers.{index}.bias"]
    start = time.perf_counter()
    train(torch, model, x, y, torch.nn.functional.cross_entropy, 300, 1e-3)
    tuned = time.perf_counter() - start

    def measure(name, probabilities, seconds):
        picked = probabilities[torch.arange(len(yt)), yt]
        rows.append([
            name, f"{seconds:.2f}", f"{(probabilities.argmax(1) == yt).float().mean():.3f}",
            f"{-picked.log().mean():.3f}"])

    measure("fine-tuning, 300 steps of Adam", model(xt).softmax(1).detach(), tuned)
    for subset, structure in [("all", "kron"), ("last_layer", "full")]:
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=50)
        start = time.perf_counter()
        posterior = Laplace(
            model, "classification", subset_of_weights=subset, hessian_structure=structure)
        posterior.fit(loader)
        posterior.optimize_prior_precision(method="marglik")
        probabilities = posterior(xt, link_approx="probit").detach()
        measure(
            f"fine-tuning, then laplace-torch ({subset}, {structure})", probabilities,
            tuned + time.perf_counter() - start)
    table("digits 5 to 9, 50 labels", ["method", "seconds", "accuracy", "NLL"], rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=".build/release/maclaurin")
    parser.add_argument("--cases", default="diabetes,wide,digits")
    parser.add_argument("--diabetes", default="docs/examples/diabetes.csv")
    parser.add_argument("--digits", default="Sources/CDigits")
    arguments = parser.parse_args()
    import torch

    versions = {name: __import__(name).__version__ for name in ("torch", "gpytorch")}
    print(f"{versions}, laplace-torch", end=" ")
    from importlib.metadata import version

    print(version("laplace-torch"), f"threads {torch.get_num_threads()}")
    for case in arguments.cases.split(","):
        if case == "digits":
            digits(torch, arguments.binary, arguments.digits)
        else:
            regression(torch, arguments.binary, case, arguments.diabetes)


if __name__ == "__main__":
    main()
