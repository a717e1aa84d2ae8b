"""Tangent kernels of maclaurin and of neural-tangents, side by side on this machine's processors.

    python3 -m venv .peers
    .peers/bin/pip install "jax==0.4.25" "jaxlib==0.4.25" "numpy<2" "scipy<1.13" neural-tangents==0.6.5
    .peers/bin/python Benchmarks/kernels.py [--cases dense-relu,mlp] [--best] [--out FOLDER]

(jax 0.4.25 is the last on which neural-tangents' structured derivatives run.) For every case and
every round, one process of each rival computes the same float32 kernel of the same inputs, and for
finite width of the same parameters, several times after a first one that does not count (it
compiles). A time is the median of its process; a ratio is the median over rounds of theirs / ours.
Memory is a process's peak resident size, everything included. The kernels are compared, too: a time
counts only with the right result.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np


def dense(units, **more):
    return {"dense": {"units": units, "weight_std": 1.5, "bias_std": 0.1, **more}}


def conv(channels, padding="same"):
    return {
        "conv": {
            "channels": channels, "kernel": 3, "padding": padding, "weight_std": 1.5,
            "bias_std": 0.1,
        }
    }


def mlp(width, activation, outputs):
    return [layer for _ in range(3) for layer in (dense(width), activation)] + [dense(outputs)]


def convolutions(channels, count, end, outputs, padding="same"):
    layers = [layer for _ in range(count) for layer in (conv(channels, padding), "relu")]
    return layers + [end, dense(outputs)]


BLOCK = {"residual": {"main": ["relu", conv(32), "relu", conv(32)]}}
# name: width, input shape, layers, examples, neural-tangents' methods (the first is its best)
CASES = {
    "dense-relu": ("infinite", [784], mlp(512, "relu", 1), 2000, ["kernel_fn"]),
    "dense-erf": ("infinite", [784], mlp(512, "erf", 1), 2000, ["kernel_fn"]),
    "conv-gap": (
        "infinite", [3, 16, 16], convolutions(32, 3, "global_avg_pool", 1), 8, ["kernel_fn"]),
    "conv-flatten": (
        "infinite", [3, 16, 16], convolutions(32, 3, "flatten", 1), 64, ["kernel_fn"]),
    "mlp": (
        "finite", [784], mlp(2048, "relu", 10), 64,
        ["STRUCTURED_DERIVATIVES", "NTK_VECTOR_PRODUCTS", "JACOBIAN_CONTRACTION"]),
    "cnn": (
        "finite", [3, 32, 32], convolutions(64, 4, "global_avg_pool", 10, "valid"), 16,
        ["STRUCTURED_DERIVATIVES", "JACOBIAN_CONTRACTION"]),
    "resnet": (
        "finite", [3, 32, 32],
        [conv(32), BLOCK, BLOCK, BLOCK, "relu", "global_avg_pool", dense(10)], 16,
        ["STRUCTURED_DERIVATIVES", "JACOBIAN_CONTRACTION"]),
}


# ---- neural-tangents, in a process of its own --------------------------------------------------


def read_safetensors(path):
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        values = np.frombuffer(data[first:last], {"F32": np.float32, "F64": np.float64}[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"]).astype(np.float32)
    return tensors


def stax_network(layers):
    from neural_tangents import stax

    def layer(description):
        if isinstance(description, str):
            return {
                "relu": stax.Relu, "erf": stax.Erf, "flatten": stax.Flatten,
                "global_avg_pool": stax.GlobalAvgPool,
            }[description]()
        (kind, options), = description.items()
        std = {"W_std": options["weight_std"], "b_std": options["bias_std"]}
        if kind == "dense":
            return stax.Dense(options["units"], parameterization="ntk", **std)
        return stax.Conv(
            options["channels"], (3, 3), padding=options["padding"].upper(),
            parameterization="ntk", **std)

    return stax.serial(*[layer(description) for description in layers])


def finite_network(layers):
    """f(parameters, x) in plain JAX, images as [batch, height, width, channels]."""
    import jax
    from jax import lax
    import jax.numpy as jnp

    def run(layers, parameters, prefix, x):
        for index, layer in enumerate(layers):
            if layer == "relu":
                x = jax.nn.relu(x)
            elif layer == "global_avg_pool":
                x = x.mean((1, 2))
            elif "residual" in layer:
                x = x + run(layer["residual"]["main"], parameters, f"{prefix}{index}.main.", x)
            else:
                weight, bias = (parameters[f"{prefix}{index}.{name}"] for name in ("weight", "bias"))
                if "dense" in layer:
                    x = jnp.dot(x, weight)
                else:
                    x = lax.conv_general_dilated(
                        x, weight, (1, 1), layer["conv"]["padding"].upper(),
                        dimension_numbers=("NHWC", "HWIO", "NHWC"))
                x = x + bias
        return x

    return lambda parameters, x: run(layers, parameters, "layers.", x)


def rival(case, method, inputs, parameters, output, repeats):
    import jax
    import neural_tangents as nt

    width, shape, layers, _, _ = CASES[case]
    x = np.load(inputs)
    if len(shape) == 3:
        x = np.moveaxis(x.reshape(-1, *shape), 1, 3)
    if width == "infinite":
        _, _, kernel_fn = stax_network(layers)
        kernel = jax.jit(lambda x: kernel_fn(x, None, "ntk"))
        arguments = (jax.device_put(x),)
    else:
        tensors = {
            name: np.moveaxis(value, (0, 1), (-1, -2)) for name, value in
            ((n, v if v.ndim > 1 else v[:, None]) for n, v in read_safetensors(parameters).items())
        }
        tensors = {
            name: jax.device_put(value[0] if name.endswith("bias") else np.ascontiguousarray(value))
            for name, value in tensors.items()
        }
        kernel_fn = nt.empirical_ntk_fn(
            finite_network(layers), trace_axes=(-1,), vmap_axes=0,
            implementation=getattr(nt.NtkImplementation, method))
        kernel = jax.jit(lambda x, p: kernel_fn(x, None, p))
        arguments = (jax.device_put(x), tensors)
    result = kernel(*arguments).block_until_ready()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        kernel(*arguments).block_until_ready()
        seconds.append(time.perf_counter() - start)
        if sum(seconds) > 20:
            break
    np.save(output, np.asarray(result))
    print(json.dumps({"seconds": statistics.median(seconds)}))


# ---- the comparison ----------------------------------------------------------------------------


def measured(command):
    """The last JSON object on stdout, and the peak resident bytes."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        return None, 0
    return json.loads(text[text.index("{"):]), usage.ru_maxrss * 1024


def compare(name, options, folder):
    width, shape, layers, examples, methods = CASES[name]
    methods = methods[:1] if options.best else methods
    network, inputs, parameters, ours = (
        os.path.join(folder, f"{name}{end}") for end in (".json", ".npy", ".safetensors", "-ours.npy"))
    parameterization = "ntk" if width == "infinite" else "standard"
    with open(network, "w") as file:
        json.dump({"input": shape, "parameterization": parameterization, "layers": layers}, file)
    generator = np.random.default_rng(0)
    np.save(inputs, generator.standard_normal((examples, int(np.prod(shape)))).astype(np.float32))
    common = ["--network", network, "--inputs", inputs, "--kind", "ntk", "--width", width]
    common += ["--dtype", "float32", "--backend", options.backend]
    if width == "finite":
        subprocess.run(
            [options.maclaurin, "init", "--model", network, "--seed", "0", "--output", parameters,
             "--quiet"], check=True, stdout=subprocess.DEVNULL)
        common += ["--parameters", parameters]
    subprocess.run(
        [options.maclaurin, "kernel", *common, "--output", ours, "--quiet"], check=True,
        stdout=subprocess.DEVNULL)
    command = [options.maclaurin, "bench", "kernel", *common]
    command += ["--repeats", str(options.repeats), "--json", "--quiet"]
    rows = {method: [] for method in methods}
    times = []
    for round_ in range(options.rounds):
        mine, my_memory = measured(command)
        mine = mine["kernels"][0]["milliseconds"] / 1000
        times.append((mine, my_memory))
        for number, method in enumerate(methods):
            # Rivals that are slower by orders of magnitude run once.
            if number > 0 and round_ > 0:
                continue
            theirs = os.path.join(folder, f"{name}-{method}.npy")
            found, memory = measured(
                [sys.executable, __file__, "--rival", name, method, inputs, parameters, theirs,
                 str(options.repeats)])
            if found is None:
                continue
            a, b = np.load(ours), np.load(theirs)
            error = float(np.linalg.norm(a - b) / np.linalg.norm(b))
            rows[method].append((found["seconds"], mine, memory, error))
    result = {
        "case": name, "examples": examples, "seconds": statistics.median(t for t, _ in times),
        "peak_bytes": max(m for _, m in times), "rivals": [],
    }
    for method, row in rows.items():
        if not row:
            result["rivals"].append({"method": method, "failed": True})
            continue
        result["rivals"].append({
            "method": method, "seconds": statistics.median(r[0] for r in row),
            "ratio": statistics.median(r[0] / r[1] for r in row),
            "peak_bytes": max(r[2] for r in row), "error": max(r[3] for r in row),
        })
    return result


def show(result):
    for rival_ in result["rivals"]:
        if rival_.get("failed"):
            print(f"{result['case']:13} {rival_['method']:23} failed", flush=True)
            continue
        memory = rival_["peak_bytes"] / result["peak_bytes"]
        print(
            f"{result['case']:13} {rival_['method']:23} ours {result['seconds'] * 1e3:9.1f} ms, "
            f"theirs {rival_['seconds'] * 1e3:9.1f} ms, ratio {rival_['ratio']:7.2f}; memory "
            f"{result['peak_bytes'] / 1e6:6.0f} MB and {rival_['peak_bytes'] / 1e6:6.0f} MB, ratio "
            f"{memory:5.1f}; relative difference {rival_['error']:.1e}", flush=True)


def main():
    if sys.argv[1:2] == ["--rival"]:
        case, method, inputs, parameters, output, repeats = sys.argv[2:]
        rival(case, method, inputs, parameters, output, int(repeats))
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--maclaurin", default=".build/release/maclaurin")
    parser.add_argument("--backend", default="openblas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--best", action="store_true", help="only the method of theirs listed first")
    parser.add_argument("--out", help="folder for kernels.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = []
        for name in options.cases.split(","):
            if name not in CASES:
                sys.exit(f"there is no case {name}; the cases are {', '.join(CASES)}")
            results.append(compare(name, options, folder))
            show(results[-1])
    if options.out:
        os.makedirs(options.out, exist_ok=True)
        with open(os.path.join(options.out, "kernels.json"), "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
