#!/usr/bin/env python3
"""Collects the rows of a run of bench/gpu_all.sh, and prints its closing table. Standard library only.

usage: table.py OUT RESULTS.csv DATE REV CARD DRIVER CUDA [SECTION=STATUS...]

OUT/rows.csv has the rows without the first five columns, as bench/networks and bench/peer_torch.py write them; they
are added to RESULTS.csv with those and with the percentage of the card's own ceiling. A row is never replaced. Beside it
latest.svg is drawn: seconds of 28 steps for each program, and the kernels' shares of our step.
"""
import csv
import pathlib
import sys

COLUMNS = ("date rev card driver cuda impl precision width height t_pos t_neg branches steps component n median_ms p10_ms "
           "p90_ms tflop gbytes tflops gbps pct_ceiling peak_mib rel_l2 cosine note").split()


def number(text):
    try:
        return float(text)
    except ValueError:
        return 0.0


def read(path, first):
    rows = []
    if path.exists():
        for cells in csv.reader(path.open()):
            cells = cells[:len(COLUMNS) - 6] + [";".join(cells[len(COLUMNS) - 6:])]
            rows.append(dict(zip(COLUMNS, first + cells)))
    return rows


def ceilings(rows):
    """{precision or unit: TFLOP/s, GB/s} as measured in this run."""
    return {row["component"].removeprefix("ceiling "): max(number(row["tflops"]), number(row["gbps"]))
            for row in rows if row["component"].startswith("ceiling ")}


def show(rows, of):
    steps = [row for row in rows if row["component"] in ("step", "step again") and number(row["branches"]) == 2]
    if not steps:
        print("no step was timed")
        return
    usual = steps[0]
    same = [row for row in steps if all(row[key] == usual[key] for key in ("width", "height", "t_pos", "t_neg"))]
    cos = {(row["impl"], row["precision"]): row["cosine"] for row in rows if row["component"] == "step vs torch f32"}
    print(f"one guided step, {usual['width']}x{usual['height']}, text {usual['t_pos']} + {usual['t_neg']}:")
    print(f"{'':28}{'ms/step':>9}{'TF/s':>8}{'%ceiling':>10}{'28 steps':>10}{'peak MiB':>10}{'cos vs fp32':>13}")
    for row in same:
        name = f"{row['impl']} {row['precision']}" + (" (again)" if row["component"] == "step again" else "")
        ms = number(row["median_ms"])
        print(f"{name:28}{ms:9.2f}{number(row['tflops']):8.3g}{row['pct_ceiling'] or '-':>10}{28 * ms / 1e3:9.2f}s"
              f"{row['peak_mib'] or '-':>10}{cos.get((row['impl'], row['precision']), '') or '-':>13}")
    print("kernels of a newbie step (each waited for, launch included):")
    for row in rows:
        if row["note"].startswith("kernel"):
            print(f"  {row['component']:24}{1e3 * number(row['median_ms']):10.1f} us{number(row['tflops']):8.3g} TF/s"
                  f"{row['pct_ceiling'] or '-':>7} %  x{row['steps']}")
    for name in ("gemma", "jina", "vae", "load", "picture", "repeat"):
        for row in rows:
            if row["component"] == name:
                size = f" {row['width']}x{row['height']}" if number(row["width"]) else ""
                steps_ = f" {row['steps']} steps" if number(row["steps"]) else ""
                print(f"{row['impl']} {row['precision']} {name}{size}{steps_}: {number(row['median_ms']):.1f} ms {row['note']}")
    for row in rows:
        if " vs " in row["component"]:
            print(f"{row['impl']} {row['precision']} {row['component']}: cosine {row['cosine']}, relative L2 {row['rel_l2']}")
    print("ceilings: " + ", ".join(f"{name} {value:.1f}" for name, value in of.items()))


def bars(items, title, unit, top):
    """SVG lines of one group of bars; items are (name, value), and the next free row."""
    lines, longest = [f'<text x="10" y="{top}" font-weight="bold">{title}</text>'], max((v for _, v in items), default=0) or 1
    for i, (name, value) in enumerate(items):
        y = top + 22 + 20 * i
        lines.append(f'<text x="10" y="{y}">{name}</text>'
                     f'<rect x="220" y="{y - 11}" width="{300 * value / longest:.1f}" height="14" fill="#4878a8"/>'
                     f'<text x="{228 + 300 * value / longest:.1f}" y="{y}">{value:.2f} {unit}</text>')
    return lines, top + 40 + 20 * len(items)


def draw(path, rows, first):
    usual = next((row for row in rows if row["component"] == "step"), None)
    if not usual:
        return
    same = [row for row in rows if row["component"] == "step" and all(
        row[key] == usual[key] for key in ("width", "height", "t_pos", "t_neg", "branches"))]
    seconds = [(f"{row['impl']} {row['precision']}", 28 * number(row["median_ms"]) / 1e3) for row in same]
    kernels = [(row["component"], number(row["median_ms"]) * number(row["steps"])) for row in rows
               if row["note"].startswith("kernel") and row["precision"] == usual["precision"]]
    total = sum(ms for _, ms in kernels) or 1
    shares = sorted(((name, 100 * ms / total) for name, ms in kernels), key=lambda item: -item[1])[:10]
    lines, end = bars(seconds, f"28 steps, {usual['width']}x{usual['height']}, {first[2]}, {first[0]}", "s", 24)
    more, end = bars(shares, "shares of our step", "%", end)
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{end}" font-family="sans-serif" '
                    f'font-size="13"><rect width="640" height="{end}" fill="white"/>\n' + "\n".join(lines + more) + "\n</svg>\n")


def main():
    out, results, first = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:8]
    rows = read(out / "rows.csv", first)
    of = ceilings(rows)
    for row in rows:
        top = of.get({"auto": "bf16"}.get(row["precision"], row["precision"]) + " TF/s")
        if top and number(row["tflops"]):
            row["pct_ceiling"] = f"{100 * number(row['tflops']) / top:.1f}"
    new = not results.exists()
    with results.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerows(rows)
    draw(results.parent / "latest.svg", rows, first)
    print(f"{first[2]}, driver {first[3]}, CUDA {first[4]}, {first[0]}, {first[1]}; {len(rows)} rows")
    show(rows, of)
    print("sections: " + "  ".join(sys.argv[8:]))


if __name__ == "__main__":
    main()
