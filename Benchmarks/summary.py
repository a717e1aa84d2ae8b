"""A table in Markdown of what suites measured.

    python3 Benchmarks/summary.py step.json [contraction.json] [--into README.md]

Prints the figures of the files and their machine, versions and date; or puts them into a page, where each
file's stand between the lines "<!-- summary of SUITE -->" and "<!-- end of summary -->".
"""

import contextlib
import io
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


def text(result):
    """What is said of one file."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        {"step": steps, "contraction": contractions}[result["suite"]](result)
        machine = result["machine"]
        print(
            f"\nMeasured {result['date'][:10]} on {machine['processor']}, {result['threads']} threads, "
            f"maclaurin {result['maclaurin']}.")
    return output.getvalue()


def main():
    paths, page = sys.argv[1:], None
    if "--into" in paths[:-1]:
        index = paths.index("--into")
        page = paths[index + 1]
        del paths[index: index + 2]
    if not paths:
        sys.exit(__doc__.strip())
    texts = {}
    for path in paths:
        with open(path) as file:
            result = json.load(file)
        texts[result["suite"]] = text(result)
    if not page:
        return print("\n".join(texts.values()), end="")
    with open(page) as file:
        content = file.read()
    for suite, words in texts.items():
        opening, closing = f"<!-- summary of {suite} -->\n", "<!-- end of summary -->\n"
        before, found, rest = content.partition(opening)
        if not found or closing not in rest:
            sys.exit(f"{page} has no place for {suite}: the lines {opening.strip()} and {closing.strip()}")
        content = before + opening + "\n" + words + "\n" + closing + rest.partition(closing)[2]
    with open(page, "w") as file:
        file.write(content)


if __name__ == "__main__":
    main()
