"""A table in Markdown of what suites measured.

    python3 Benchmarks/summary.py step.json [contraction.json]

Prints the figures of the files and their machine, versions and date; for README.md and docs/performance.md.
"""

import json
import sys


def name(line):
    order, activation = line["order"], line["activation"]
    return f"{'the network' if order == 'full' else 'order ' + order}, {activation}"


def ratio(value):
    return "" if value is None else f"{value:.2f}"


def percent(value):
    return "" if value is None else f"{100 * value:.0f} %"


def print_table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("|:--" + "|--:" * (len(header) - 1) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def steps(result):
    batches = list(dict.fromkeys(line["batch"] for line in result["steps"]))
    lines = {(name(line), line["batch"]): line for line in result["steps"]}
    header = [""]
    for batch in batches:
        header += [f"batch {batch}: ms", "best peer", "nested", "of FMA peak"]
    rows = []
    for key in dict.fromkeys(name(line) for line in result["steps"]):
        row = [key]
        for batch in batches:
            line = lines.get((key, batch))
            if not line:
                row += ["", "", "", ""]
                continue
            best = f"{ratio(line['best_ratio'])} ({line['best']})" if line["best"] else ""
            row += [
                f"{line['milliseconds']:.0f}" if line["milliseconds"] >= 100
                else f"{line['milliseconds']:.3g}", best, ratio(line["nested_ratio"]),
                percent(line["fma_peak_share"])]
        rows.append(row)
    print_table(header, rows)
    network = result["network"]
    versions = ", ".join(dict.fromkeys(
        f"{library} {version}" for facts in result["versions"].values()
        for library, version in facts.items() if library not in ("python", "numpy")))
    shape = f"{network['inputs']}–{network['width']}×{network['hidden']}–{network['outputs']}"
    print(
        f"\nA step of {shape} with softmax cross-entropy; ratios are the peer's time over ours, medians of"
        f" {result['rounds']} rounds in turns. {versions}.")


def contractions(result):
    def shape(entry):
        suffix = " Bᵀ" if entry["transpose_b"] else ""
        return f"{entry['m']}×{entry['n']}×{entry['k']}{suffix}{', B kept' if entry['kept'] else ''}"

    print_table(
        ["m×n×k", "back end", "GFLOP/s", "OpenBLAS", "ratio", "of FMA peak"],
        [[shape(e), e["backend"], f"{e['gflops']:.0f}",
          "" if e["openblas_gflops"] is None else f"{e['openblas_gflops']:.0f}", ratio(e["ratio"]),
          percent(e["fma_peak_share"])] for e in result["contractions"]])


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.strip())
    for index, path in enumerate(sys.argv[1:]):
        with open(path) as file:
            result = json.load(file)
        if index:
            print()
        {"step": steps, "contraction": contractions}[result["suite"]](result)
        machine = result["machine"]
        print(
            f"\nMeasured {result['date'][:10]} on {machine['processor']}, {result['threads']} threads, "
            f"maclaurin {result['maclaurin']}.")


if __name__ == "__main__":
    main()
