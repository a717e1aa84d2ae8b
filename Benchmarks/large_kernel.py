"""A kernel larger than its memory limit, killed twice and resumed, against the unbroken one.

    python3 Benchmarks/large_kernel.py MACLAURIN FOLDER [ROWS]

MACLAURIN is a release build. FOLDER needs room for two kernels, 2·8·ROWS² bytes (6.4 GB for 20,000
rows, the default). Inputs are made up, 64 features; the network is infinitely wide (relu, three
hidden layers), in float64, under --memory-limit 1GiB. Prints the plan, times and peak resident
memory, and exits with 1 unless both files are the same, byte for byte. Needs numpy.
"""

import filecmp
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np


def finished_tiles(output):
    try:
        with open(output + ".journal", "rb") as file:
            return max(0, file.read().count(b"\n") - 1)
    except FileNotFoundError:
        return 0


def run(command, output, kill_after=None):
    """Runs to the end, or kills once so many more tiles are finished."""
    start, before = time.time(), finished_tiles(output)
    process = subprocess.Popen(command + ["--output", output, "--quiet"], stdout=subprocess.DEVNULL)
    if kill_after is not None:
        while process.poll() is None and finished_tiles(output) < before + kill_after:
            time.sleep(0.02)
        if process.poll() is not None:
            sys.exit("the kernel was finished before it could be killed; take more rows")
        process.send_signal(signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    if kill_after is None and status != 0:
        sys.exit(f"{output} failed with status {status}")
    what = "whole" if kill_after is None else f"killed with {finished_tiles(output)} tiles finished"
    print(f"{output}: {what}, {time.time() - start:.1f} s, {usage.ru_maxrss / 1024:.0f} MiB", flush=True)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    program, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
    rows = int(sys.argv[3]) if len(sys.argv) == 4 else 20_000
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    np.save("x.npy", np.random.default_rng(0).standard_normal((rows, 64)))
    dense = {"units": 512, "weight_std": 1.5, "bias_std": 0.1}
    layers = [layer for _ in range(3) for layer in ({"dense": dense}, "relu")] + [{"dense": dense}]
    with open("network.json", "w") as file:
        json.dump({"input": [64], "parameterization": "ntk", "layers": layers}, file)
    command = [program, "kernel", "--network", "network.json", "--inputs", "x.npy"]
    command += ["--memory-limit", "1GiB", "--backend", "openblas"]
    plan = subprocess.run(
        command + ["--output", "whole.npy", "--plan", "--json"], check=True, capture_output=True)
    plan = json.loads(plan.stdout)
    print("plan:", {name: plan[name] for name in ("tiles", "bytes", "peak_bytes", "estimated_seconds")})
    share = max(1, plan["tiles"] // 3)
    run(command, "whole.npy")
    run(command, "broken.npy", kill_after=share)
    run(command + ["--resume"], "broken.npy", kill_after=share)
    run(command + ["--resume"], "broken.npy")
    same = filecmp.cmp("whole.npy", "broken.npy", shallow=False)
    print("the same, byte for byte" if same else "DIFFERENT")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
