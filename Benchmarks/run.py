"""The benchmark suites with their peers.

    python3 Benchmarks/run.py SUITE… [--quick] [--out FOLDER] [--binary PATH]

  step         training steps beside JAX, neural-tangents and PyTorch (step.py)
  contraction  contractions beside OpenBLAS, on the CPU path and under PoCL
  kernel       tangent kernels beside neural-tangents (kernels.py)
  gp           posteriors beside GPyTorch and laplace-torch (adaptation.py)
  all          all four

A suite prints its table with targets and writes SUITE.json to FOLDER (default .build/bench), with machine,
versions and date; `summary.py` makes a table in Markdown of them. Peers are found in .peers*/bin/python or
named by PEERS, Pythons with colons between; Benchmarks/peers/README.md says how to install them. A suite
whose peers are missing says so and measures our side where that says something.
"""

import argparse
import json
import os
import subprocess
import sys

import rivals
from rivals import Goal, number

SIZES = ["512,512,512", "1024,1024,1024", "2048,2048,2048", "4096,4096,4096", "128,2048,2048,tb"]
KEPT = "128,2048,2048,tb,kept"
SUITES = ["step", "contraction", "kernel", "gp"]


def bench(binary, *arguments):
    done = subprocess.run([binary, *arguments, "--json", "--quiet"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join([binary, *arguments])} ended with {done.returncode}")
    return json.loads(done.stdout)


def contraction(options):
    def measured(backend, sizes, repeats):
        return bench(options.binary, "bench", "contraction", "--backend", backend, "--repeats",
                     str(repeats), "--sizes", *sizes)

    def target(entry, backend):
        if backend != "cpu":
            return 0.8
        if entry["m"] == entry["n"]:
            return 1.05
        return 1.25 if entry["kept"] else 1.15

    repeats = 3 if options.quick else 15
    sizes = [size for size in SIZES if not (options.quick and size.startswith("4096"))]
    runs = [("cpu", measured("cpu", [*sizes, KEPT], repeats))]
    devices = bench(options.binary, "devices").get("devices", [])
    pocl = [d["backend"] for d in devices if d.get("type") == "cpu" and "opencl" in d["backend"]]
    if pocl:
        runs.append((pocl[0], measured(pocl[0], sizes, repeats)))
    rows = [["m×n×k", "backend", "GFLOP/s", "OpenBLAS", "ratio", "of FMA peak"]]
    entries = []
    for backend, result in runs:
        for entry in result["contractions"]:
            entry["backend"] = backend
            shape = f"{entry['m']}×{entry['n']}×{entry['k']}"
            shape += (" Bᵀ" if entry["transpose_b"] else "") + (" kept" if entry["kept"] else "")
            goal = None
            if entry["ratio"] is not None:
                goal = Goal("OpenBLAS", entry["ratio"], target(entry, backend))
            entry["goals"] = [goal.json()] if goal else []
            rows.append([
                shape, backend, number(entry["gflops"], 1), number(entry["openblas_gflops"], 1),
                str(goal or ""), number(entry["fma_peak_share"])])
            entries.append(entry)
    print(f"\ncontractions\n\n{rivals.table(rows)}")
    rivals.write(os.path.join(options.out, "contraction.json"), {
        "suite": "contraction", "date": rivals.date(), "machine": rivals.machine(),
        "maclaurin": rivals.version(options.binary), "threads": runs[0][1]["threads"],
        "repeats": repeats, "contractions": entries})


def script(name, package, *arguments):
    """A suite that is a script for its peers' Python."""
    installed = rivals.pythons(os.environ.get("PEERS", ""))
    if package not in installed:
        print(f"\n{name}: {package} is not installed; see Benchmarks/peers/README.md")
        return 0
    path = os.path.join(rivals.FOLDER, name)
    return subprocess.run([installed[package][0], path, *arguments]).returncode


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="+", choices=SUITES + ["all"], metavar="SUITE")
    parser.add_argument("--binary", default=os.path.join(rivals.ROOT, ".build/release/maclaurin"))
    parser.add_argument("--out", default=os.path.join(rivals.ROOT, ".build/bench"))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.binary = os.path.abspath(options.binary)
    suites = SUITES if "all" in options.suites else options.suites
    quick = ["--quick"] if options.quick else []
    status = 0
    for suite in suites:
        if suite == "contraction":
            contraction(options)
        elif suite == "step":
            status |= subprocess.run([
                sys.executable, os.path.join(rivals.FOLDER, "step.py"), "--binary", options.binary,
                "--out", os.path.join(options.out, "step.json"), *quick]).returncode
        elif suite == "kernel":
            status |= script("kernels.py", "neural-tangents", "--maclaurin", options.binary,
                             "--out", options.out)
        else:
            status |= script("adaptation.py", "laplace-torch", "--binary", options.binary)
    sys.exit(status)


if __name__ == "__main__":
    main()
