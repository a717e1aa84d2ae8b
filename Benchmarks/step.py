"""Training steps of Maclaurin and of its peers, taking turns on this machine's processors.

    python3 Benchmarks/step.py [--quick] [--batches 128,512] [--activations tanh,relu] [--orders full,1,2,3,4]
        [--rounds 5] [--peers PYTHON:PYTHON] [--methods grad,nested,jet,hand] [--out FILE.json]

The network is 784–2048×3–10 with softmax cross-entropy. Ours is a whole step (value, gradient, update by
SGD); a peer's is value and gradient. Every rival is a process that has built its steps and waits; it is
asked for one step at a time, with pauses in which idle threads fall asleep, and ours has a turn before and
behind each peer's. A ratio is the median over rounds of the peer's time over the mean of ours around it: of
paired times, since a machine's speed drifts. A peer's step whose loss is further than 1e-4 from float64's
is refused. How to install peers stands in Benchmarks/peers/README.md; this script itself needs no package.
"""

import argparse
import os
import sys

import rivals
from rivals import Goal, Rival, median, number

# JAX's four ways are the peers of the targets; the others are shown beside them.
TARGET_METHODS = ["grad", "nested", "jet", "hand"]
CONSTANT_METHODS = ["nested-constant", "jet-constant", "hand-constant"]
METHODS = TARGET_METHODS + ["neural-tangents", "torch", "torch-jvp", "torch-jet"]

# {batch: {(activation or None for both, order): (against the best, against nested)}}
TARGETS = {
    128: {
        (None, "full"): (1.0, None), (None, "1"): (1.0, 1.0),
        ("tanh", "2"): (1.1, 1.6), ("relu", "2"): (1.1, 1.2),
        ("tanh", "3"): (1.15, 2.6), ("relu", "3"): (1.15, 1.5),
        ("tanh", "4"): (1.2, 3.8), ("relu", "4"): (1.15, 1.6),
    },
    512: {
        (None, "full"): (1.0, None), (None, "1"): (1.0, 1.0),
        ("tanh", "2"): (1.05, 1.5), ("relu", "2"): (1.1, 1.2),
        ("tanh", "3"): (1.25, 2.6), ("relu", "3"): (1.2, 1.5),
        ("tanh", "4"): (1.4, 4.0), ("relu", "4"): (1.35, 1.8),
    },
}
PEAK_SHARE = {128: 0.8, 512: 0.85}
SCHOOLBOOK = {"3": 1.15, "4": 1.2}
# With the expansion's order 0 kept for the whole training set, batch 512.
CACHED = {"1": 1.15}


def products(order):
    """Contractions per layer of a step, forward, back and gradient together; 3 for the network."""
    return 3 * order + (3 if order <= 4 else 4 if order == 5 else 5)


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=os.path.join(rivals.ROOT, ".build/release/maclaurin"))
    parser.add_argument("--batches", default="128,512")
    parser.add_argument("--activations", default="tanh,relu")
    parser.add_argument("--orders", default="full,1,2,3,4", help="up to 8; peers are asked for orders up to 4")
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--hidden", type=int, default=3)
    parser.add_argument("--inputs", type=int, default=784)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="for everyone; 0: one per processor")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument(
        "--peers", default=os.environ.get("PEERS", ""),
        help="Pythons with colons between (default: PEERS, else .peers*/bin/python); none: ours alone")
    parser.add_argument("--no-variants", action="store_true",
                        help="leave out schoolbook products and the order-0 cache")
    parser.add_argument(
        "--constant-batch", action="store_true",
        help="JAX's expansions also with the batch compiled in; the faster of both counts")
    parser.add_argument("--quick", action="store_true",
                        help="two rounds, JAX and orders full, 1 and 3 only: about a minute")
    parser.add_argument("--out", help="JSON with everything that was measured")
    options = parser.parse_args()
    if options.quick:
        options.rounds = min(options.rounds, 2)
        options.methods = ",".join(TARGET_METHODS)
        if options.orders == "full,1,2,3,4":
            options.orders = "full,1,3"
    if options.constant_batch:
        options.methods += "," + ",".join(CONSTANT_METHODS)
    options.has_targets = (options.width, options.hidden, options.inputs) == (2048, 3, 784)
    return options


# ---- processes ----------------------------------------------------------------------------------


def ours(options, batch, activation, orders, name="maclaurin", *more):
    return Rival(name, [
        options.binary, "bench", "step", "--interactive", "--backend", "cpu", "--model",
        f"mlp:{options.width}x{options.hidden}", "--activation", activation, "--inputs",
        str(options.inputs), "--outputs", "10", "--batch-size", str(batch), "--threads",
        str(options.threads), "--orders", ",".join(orders), *more])


def workers(options, installed, batch, activation, orders):
    """The peers' processes, which build one after another."""
    wanted = options.methods.split(",")
    scripts = [
        ("jax", "jax_step.py", TARGET_METHODS + CONSTANT_METHODS),
        ("neural-tangents", "neural_tangents_step.py", ["neural-tangents"]),
        ("torch", "torch_step.py", ["torch", "torch-jvp", "torch-jet"])]
    started = []
    for package, script, methods in scripts:
        methods = [m for m in methods if m in wanted]
        if package not in installed or not methods or not orders:
            continue
        rival = Rival(package, [
            installed[package][0], os.path.join(rivals.FOLDER, "peers", script), "--inputs",
            str(options.inputs), "--width", str(options.width), "--hidden", str(options.hidden),
            "--batch", str(batch), "--activation", activation, "--orders", ",".join(orders),
            "--methods", ",".join(methods), "--threads", str(options.threads)])
        try:
            started.append(rival.ready())
        except RuntimeError as error:
            print(error, file=sys.stderr)
    return started


def variant(options, batch, activation, orders, name, *more):
    """Ours with other options; None where this version has no such."""
    try:
        return ours(options, batch, activation, orders, name, *more).ready()
    except RuntimeError as error:
        print(f"left out: {error}", file=sys.stderr)
        return None


# ---- measuring ----------------------------------------------------------------------------------


def measure(options, installed, batch, activation):
    """One batch size and activation: a list of results by order."""
    orders = options.orders.split(",")
    peers = workers(
        options, installed, batch, activation, [o for o in orders if o == "full" or int(o) <= 4])
    methods = {}
    refused = {order: {} for order in orders}
    for peer in peers:
        for step in peer.facts["steps"]:
            order, method = step["order"], step["method"]
            if "error" in step:
                refused[order][method] = step["error"]
            elif is_wrong(step["loss_error"]):
                refused[order][method] = wrong(step["loss_error"])
            else:
                methods.setdefault(order, []).append((peer, method))
    own = ours(options, batch, activation, list(dict.fromkeys(["full"] + orders))).ready()
    flops = {step["order"]: step["contraction_flops"] for step in own.facts["steps"]}
    schoolbook = cached = None
    if not options.no_variants:
        # Cheap to ask: without products to save there is nothing to compare.
        high = [order for order in orders if order not in ("full", "1")]
        if high:
            schoolbook = variant(
                options, batch, activation, high, "schoolbook", "--jet-products", "schoolbook")
        if "1" in orders:
            cached = variant(
                options, batch, activation, ["1"], "order-0 cache", "--order-zero-cache")
    plain = {step["order"]: step["contraction_flops"]
             for step in (schoolbook.facts["steps"] if schoolbook else [])}

    results = {order: {"ours": [], "peers": {}, "ratios": {}, "errors": {}, "shares": [],
                       "relative": [], "schoolbook": [], "cached": []} for order in orders}
    for round in range(options.rounds):
        for order in orders:
            result = results[order]

            def turn(rival=own, order=order):
                return rival.ask(order)["milliseconds"]

            full = turn(order="full") if order != "full" else None
            # The larger of two: a loop that was disturbed is no peak.
            peaks = [own.ask("peak")["peak_gflops"]]
            last = turn()
            result["ours"].append(last)
            peaks.append(own.ask("peak")["peak_gflops"])
            peak = max(filter(None, peaks), default=None)
            if peak:
                result["shares"].append(flops[order] / (1e6 * last) / peak)
            if full:
                result["relative"].append(last / full)

            def beside(others, collected):
                """Theirs over the mean of ours before and behind."""
                nonlocal last
                before, last = last, turn()
                result["ours"].append(last)
                collected.append(others / ((before + last) / 2))

            for peer, method in methods.get(order, []):
                if method in refused[order]:
                    continue
                answer = peer.ask(f"{order} {method}")
                if is_wrong(answer["loss_error"]):
                    refused[order][method] = wrong(answer["loss_error"])
                    continue
                result["errors"][method] = answer["loss_error"]
                result["peers"].setdefault(method, []).append(answer["milliseconds"])
                beside(answer["milliseconds"], result["ratios"].setdefault(method, []))
            if plain.get(order, flops[order]) != flops[order]:
                beside(turn(schoolbook), result["schoolbook"])
            if cached and order == "1":
                time = turn(cached)
                beside(time, result["cached"])
        print(f"  batch {batch}, {activation}: round {round + 1} of {options.rounds}",
              file=sys.stderr)
    facts = {peer.name: peer.facts["versions"] for peer in peers}
    threads = own.facts["threads"]
    for rival in [own, schoolbook, cached, *peers]:
        if rival:
            rival.close()
    summaries = [
        summary(options, batch, activation, order, results[order], refused[order], flops[order])
        for order in orders]
    return summaries, facts, threads


def is_wrong(error):
    return not isinstance(error, float) or not error <= rivals.LARGEST_ERROR


def wrong(error):
    text = "NaN" if error == "NaN" else f"off by {error:.1e}"
    return f"wrong loss ({text})"


def summary(options, batch, activation, order, result, refused, flops):
    ratios = {method: median(values) for method, values in result["ratios"].items()
              if method not in refused}
    targets = [m for m in TARGET_METHODS + CONSTANT_METHODS if m in ratios]
    best = min(targets, key=ratios.get) if targets else None
    cached = median(result["cached"])
    line = {
        "batch": batch, "activation": activation, "order": order,
        "milliseconds": median(result["ours"]), "contraction_flops": flops,
        "fma_peak_share": median(result["shares"]), "relative_time": median(result["relative"]),
        "schoolbook_ratio": median(result["schoolbook"]),
        # Time with the cache over the time without.
        "cache_time": cached,
        "peers": {
            method: {
                "milliseconds": median(values), "ratio": ratios.get(method),
                "loss_error": result["errors"].get(method)}
            for method, values in result["peers"].items() if method not in refused},
        "refused": refused, "best": best, "best_ratio": ratios.get(best),
        "nested_ratio": min(
            (ratios[m] for m in ("nested", "nested-constant") if m in ratios), default=None),
    }
    line["goals"] = [goal.json() for goal in goals(options, line)]
    return line


def goals(options, line):
    """What the figures of a line should be, where that is said."""
    batch, activation, order = line["batch"], line["activation"], line["order"]
    if not options.has_targets:
        return []
    targets = TARGETS.get(batch, {})
    best, nested = targets.get((activation, order)) or targets.get((None, order)) or (None, None)
    found = []

    def add(name, value, target, at_most=False):
        if value is not None and target is not None:
            found.append(Goal(name, value, target, at_most))

    add("best", line["best_ratio"], best)
    add("nested", line["nested_ratio"], nested)
    add("of FMA peak", line["fma_peak_share"],
        PEAK_SHARE.get(batch) if order in ("full", "1", "2", "3", "4") else None)
    if order not in ("full", "1") and activation == "tanh" and batch == 512:
        add("relative to full", line["relative_time"], products(int(order)) / 3 * 1.15, True)
    if batch == 512:
        add("schoolbook", line["schoolbook_ratio"], SCHOOLBOOK.get(order, 0.98))
        if line["cache_time"] and line["best_ratio"]:
            add("best, with the cache", line["best_ratio"] / line["cache_time"], CACHED.get(order))
    elif line["schoolbook_ratio"]:
        add("schoolbook", line["schoolbook_ratio"], 0.98)
    return found


# ---- report -------------------------------------------------------------------------------------


def report(lines, methods):
    shown = {}
    for line in lines:
        shown.setdefault((line["batch"], line["activation"]), []).append(line)
    for (batch, activation), lines in shown.items():
        def goal(line, name, otherwise=None):
            found = [g for g in line["goals"] if g["name"] == name]
            if found:
                g = found[0]
                return str(Goal(g["name"], g["value"], g["target"], g["at_most"]))
            return number(otherwise, 3)

        rows = [["order", "ours, ms", "best peer", "ms", "best / ours", "nested / ours",
                 "of FMA peak", "time / full", "schoolbook / ours", "best / ours with cache"]]
        for line in lines:
            best = line["best"]
            cached = line["cache_time"] and line["best_ratio"]
            rows.append([
                line["order"], number(line["milliseconds"]), best or "",
                number(line["peers"][best]["milliseconds"]) if best else "",
                goal(line, "best", line["best_ratio"]), goal(line, "nested", line["nested_ratio"]),
                goal(line, "of FMA peak", line["fma_peak_share"]),
                goal(line, "relative to full", line["relative_time"]),
                goal(line, "schoolbook", line["schoolbook_ratio"]),
                goal(line, "best, with the cache",
                     line["best_ratio"] / line["cache_time"] if cached else None)])
        print(f"\nbatch {batch}, {activation}\n\n{rivals.table(rows)}")
        present = [m for m in methods
                   if any(m in line["peers"] or m in line["refused"] for line in lines)]
        if present:
            rows = [["every peer: ms (peer / ours)"] + present]
            for line in lines:
                cells = []
                for method in present:
                    peer = line["peers"].get(method)
                    refused = line["refused"].get(method)
                    cells.append(
                        f"{peer['milliseconds']:.1f} ({peer['ratio']:.2f})" if peer
                        else "refused" if refused else "")
                rows.append([line["order"]] + cells)
            print(f"\n{rivals.table(rows)}")
        for line in lines:
            for method, why in line["refused"].items():
                print(f"refused: {method}, order {line['order']}: {why}")


def main():
    options = parse()
    installed = {} if options.peers == "none" else rivals.pythons(options.peers)
    if not installed and options.peers != "none":
        print(rivals.HOW_TO_INSTALL, file=sys.stderr)
    lines, versions, threads = [], {}, None
    for batch in (int(text) for text in options.batches.split(",")):
        for activation in options.activations.split(","):
            some, facts, threads = measure(options, installed, batch, activation)
            lines += some
            versions |= facts
    report(lines, METHODS + CONSTANT_METHODS)
    goals = [goal for line in lines for goal in line["goals"]]
    missed = [goal for goal in goals if not goal["met"]]
    if goals:
        print(f"\n{len(goals) - len(missed)} of {len(goals)} targets met")
    rivals.write(options.out, {
        "suite": "step", "date": rivals.date(), "machine": rivals.machine(),
        "maclaurin": rivals.version(options.binary), "threads": threads, "versions": versions,
        "rounds": options.rounds,
        "network": {"inputs": options.inputs, "width": options.width, "hidden": options.hidden,
                    "outputs": 10}, "steps": lines})


if __name__ == "__main__":
    main()
