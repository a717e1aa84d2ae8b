"""What the benchmark suites share: processes that take turns, the Pythons of peers, what a machine is."""

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(FOLDER)
# Where the pip lines of peers/requirements-*.txt put them.
PYTHONS = [os.path.join(ROOT, name, "bin", "python")
           for name in (".peers", ".peers-neural-tangents", ".peers-torch")]
PACKAGES = ["jax", "neural-tangents", "torch", "jet-for-pytorch", "gpytorch", "laplace-torch"]
# Between turns, so that idle threads of whoever had the turn before fall asleep.
PAUSE = 0.08
LARGEST_ERROR = 1e-4


class Rival:
    """A process that answers lines with lines of JSON."""

    def __init__(self, name, command):
        self.name, self.errors = name, tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.facts = None

    def ready(self):
        """Waits until everything is built."""
        self.facts = self.read()
        return self

    def ask(self, request):
        time.sleep(PAUSE)
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return self.read()

    def read(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.process.wait()
        self.errors.seek(0)
        text = self.errors.read().strip().splitlines() or ["without a word"]
        error = next((line for line in text if line.startswith("Error")), text[-1])
        raise RuntimeError(f"{self.name} ended: {error}")

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def pythons(given):
    """{package: (python, version)} of the peers that are installed: `given` is paths with colons between."""
    probe = (
        "import json, importlib.metadata as m\nfound = {}\n"
        f"for name in {PACKAGES}:\n try: found[name] = m.version(name)\n except Exception: pass\n"
        "print(json.dumps(found))")
    found = {}
    for python in given.split(":") if given else PYTHONS:
        if not os.path.exists(python):
            if given:
                print(f"There is no {python}.", file=sys.stderr)
            continue
        output = subprocess.run([python, "-c", probe], capture_output=True, text=True).stdout
        for name, version in json.loads(output or "{}").items():
            # The JAX that counts is the newest, PyTorch the one that has jets beside it.
            number = [int(part) if part.isdigit() else 0 for part in version.split("+")[0].split(".")]
            has_jet = name == "torch" and "jet-for-pytorch" in output
            if name not in found or (has_jet, number) > found[name][2]:
                found[name] = (python, version, (has_jet, number))
    return {name: entry[:2] for name, entry in found.items()}


HOW_TO_INSTALL = """No peers are installed, so only our side is measured. To install them:
  python3 -m venv .peers && .peers/bin/pip install -r Benchmarks/peers/requirements.txt
and what Benchmarks/peers/README.md says of neural-tangents and PyTorch; or name their Pythons: PEERS=a:b."""


def machine():
    """What a result was measured on."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            facts = dict(
                (part.strip() for part in line.split(":", 1)) for line in file if ":" in line)
        name = facts.get("model name", name)
        if "cpu family" in facts:
            name += f" (family {facts['cpu family']}, model {facts['model']})"
        flags = facts.get("flags", "").split()
        name += next((f", {text}" for flag, text in (("avx512f", "AVX-512"), ("avx2", "AVX2"))
                      if flag in flags), "")
    except OSError:
        pass
    return {
        "processor": name, "processors": len(os.sched_getaffinity(0)), "system": platform.platform()}


def date():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def version(binary):
    return subprocess.run([binary, "--version"], capture_output=True, text=True).stdout.strip()


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def table(rows):
    """Columns of text; the first is left-aligned."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                  for i, (cell, w) in enumerate(zip(row, widths))).rstrip() for row in rows)


def number(value, digits=2):
    return "" if value is None else f"{value:.{digits}f}"


class Goal:
    """A figure and its target: at least, or at most."""

    def __init__(self, name, value, target, at_most=False):
        self.name, self.value, self.target, self.at_most = name, value, target, at_most

    @property
    def is_met(self):
        return self.value <= self.target if self.at_most else self.value >= self.target

    def __str__(self):
        sign = "≤" if self.at_most else "≥"
        return f"{self.value:.3f} ({sign} {self.target:g}: {'ok' if self.is_met else 'MISSED'})"

    def json(self):
        return {
            "name": self.name, "value": self.value, "target": self.target,
            "at_most": self.at_most, "met": self.is_met}


def write(path, members):
    if not path:
        return
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as file:
        json.dump(members, file, indent=1)
        file.write("\n")
    print(f"\nwritten to {os.path.relpath(path)}")
