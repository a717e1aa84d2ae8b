"""What the peers' processes have in common: the problem, its loss in float64, and taking turns.

A peer builds its steps once, prints one line of JSON when it is ready, then answers each line of stdin,
"ORDER METHOD", with one timed step. Between requests it waits in read() and computes nothing, so that
`Benchmarks/step.py` can let rivals take turns. A step is value and gradient of the mean softmax
cross-entropy; it has no update of the parameters (Maclaurin's has).

Every answer has the relative error of the step's loss against float64: a time counts only with a right
loss.
"""

import argparse
import json
import math
import os
import platform
import sys
import time

# A short step follows one that wakes threads and warms caches, as Maclaurin's does.
SHORT = 0.2


def options(methods):
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=784)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--hidden", type=int, default=3)
    parser.add_argument("--outputs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--activation", default="tanh", choices=["relu", "tanh"])
    parser.add_argument("--orders", default="full,1,2,3,4")
    parser.add_argument("--methods", default=",".join(methods))
    parser.add_argument("--threads", type=int, default=0, help="0: one for each processor")
    chosen = parser.parse_args()
    if chosen.threads:
        # Before any library starts its threads; it may count the processors that it is given.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = str(chosen.threads)
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[: chosen.threads])
    return chosen


class Problem:
    """A network at θ, the center θ0 of its expansion near by, and a batch, all float32 NumPy arrays."""

    def __init__(self, options):
        import numpy as np

        self.np, self.options = np, options
        sizes = [options.inputs] + [options.width] * options.hidden + [options.outputs]
        self.last = len(sizes) - 2
        self.center = self.draw(0, sizes)
        step = self.draw(1, sizes)
        self.parameters = [
            (w + np.float32(0.01) * d, b) for (w, b), (d, _) in zip(self.center, step)]
        random = np.random.default_rng(2)
        shape = options.batch, options.inputs
        self.x = random.standard_normal(shape).astype(np.float32)
        classes = random.integers(0, options.outputs, options.batch)
        self.y = np.eye(options.outputs, dtype=np.float32)[classes]

    def draw(self, seed, sizes):
        np, random = self.np, self.np.random.default_rng(seed)
        return [
            (random.standard_normal((m, n)).astype(np.float32) / np.float32(math.sqrt(m)),
             np.zeros(n, np.float32))
            for m, n in zip(sizes, sizes[1:])]

    def jets(self, center, parameters, x, order, lib):
        """Schoolbook Taylor coefficients of the outputs, stacked by rows: two products per layer.

        What a careful user would write by hand; lib is NumPy or a library that looks like it.
        """
        batch, series = x.shape[0], [x]
        for i, ((w0, b0), (w, b)) in enumerate(zip(center, parameters)):
            dw, db, count = w - w0, b - b0, len(series)
            stacked = lib.concatenate(series, 0)
            u, m = (stacked @ w0).reshape(count, batch, -1), min(count, order)
            v = (stacked[: m * batch] @ dw).reshape(m, batch, -1) if m else None
            z = [u[0] + b0]
            for j in range(1, m + 1):
                term = v[j - 1] + (u[j] if j < count else 0)
                z.append(term + db if j == 1 else term)
            if i == self.last:
                return z
            if self.options.activation == "relu":
                gate = z[0] > 0
                series = [gate * c for c in z]
                continue
            # y = tanh u, w = 1 - y²: n y_n = Σ_q q u_q w_{n−q}
            z = z + [lib.zeros_like(z[0])] * (order + 1 - len(z))
            y = [lib.tanh(z[0])]
            slope = [1 - y[0] * y[0]]
            for n in range(1, order + 1):
                y.append(sum(q * z[q] * slope[n - q] for q in range(1, n + 1)) / n)
                slope.append(-sum(y[q] * y[n - q] for q in range(n + 1)))
            series = y

    def loss(self, order):
        """The mean cross-entropy in float64; order 0 is the network itself."""
        np = self.np

        def double(pairs):
            return [(w.astype(np.float64), b.astype(np.float64)) for w, b in pairs]

        own = double(self.parameters)
        center = double(self.center) if order else own
        outputs = sum(self.jets(center, own, self.x.astype(np.float64), order, np))
        top = outputs.max(1, keepdims=True)
        logs = outputs - top - np.log(np.exp(outputs - top).sum(1, keepdims=True))
        return float(-np.mean(np.sum(logs * self.y, 1)))


def serve(problem, methods, versions):
    """Builds the steps and answers requests.

    - methods: {name: build}. build(order) (0 for the network itself) returns a function without arguments
      that does one step, waits for it and returns its loss; None where it does not do this order.
    """
    options, steps, reports, durations = problem.options, {}, [], {}
    wanted = options.methods.split(",")

    def timed(step):
        start = time.perf_counter()
        loss = step()
        return float(loss), time.perf_counter() - start

    def error(loss, right):
        value = abs(loss - right) / abs(right)
        return value if math.isfinite(value) else "NaN"

    right = {}
    for name in options.orders.split(","):
        order = 0 if name == "full" else int(name)
        for method in [m for m in methods if m in wanted]:
            report = {"order": name, "method": method}
            try:
                step = methods[method](order)
                if step is None:
                    continue
                loss, seconds = timed(step)
                if name not in right:
                    right[name] = problem.loss(order)
                steps[name, method] = step
                durations[name, method] = timed(step)[1]
                report |= {"first_call_s": round(seconds, 2), "loss_error": error(loss, right[name])}
            except Exception as failure:  # what a library cannot do is a result, too
                text = str(failure).strip().splitlines()
                report["error"] = f"{type(failure).__name__}: {text[0][:160] if text else ''}"
            reports.append(report)
    answer({
        "ready": True, "steps": reports, "threads": options.threads or os.cpu_count(),
        "versions": {"python": platform.python_version(), "numpy": problem.np.__version__, **versions},
    })
    for line in sys.stdin:
        key = tuple(line.split())
        if key not in steps:
            sys.exit(f"no step {line.strip()!r}; there are {sorted(steps)}")
        if durations[key] < SHORT:
            steps[key]()
        loss, durations[key] = timed(steps[key])
        answer({
            "order": key[0], "method": key[1], "milliseconds": 1e3 * durations[key],
            "loss_error": error(loss, right[key[0]]),
        })


def answer(members):
    print(json.dumps(members), flush=True)
