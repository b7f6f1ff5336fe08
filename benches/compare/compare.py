"""Measures this crate beside what people would use instead, taking turns, and prints one table. scripts/compare calls it.

Each contestant runs in a process of its own, which waits while another is measured. A round measures every contestant once;
what is printed is the median of the rounds, and the lowest and highest.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from pathlib import Path

from machine import Bystanders, processor, refuse_if_busy

# Name in the table, worker, name there.
FUSED = ("lenet, fused", "lenet", "fused")
LIBTORCH = ("lenet, libtorch", "lenet", "libtorch")
POST = ("PyTorch, the post's loop", "pytorch", "post")
IN_MEMORY = ("PyTorch, data in memory", "pytorch", "in memory")
TUNED = ("PyTorch, tuned", "pytorch", "tuned")
COMPILED = ("PyTorch, tuned and compiled", "pytorch", "compiled")
PADDLE = ("PaddlePaddle, data in memory", "paddle", "in memory")
ONNXRUNTIME = ("onnxruntime", "onnxruntime", "session")
OURS = (FUSED, LIBTORCH)

OTHERS = (IN_MEMORY, TUNED, COMPILED, PADDLE)
# Task, batch size, contestants.
ROWS = [
    ("train", 32, (*OURS, POST, *OTHERS)),
    ("train", 256, (*OURS, *OTHERS)),
    ("forward", 1, (*OURS, *OTHERS, ONNXRUNTIME)),
    ("forward", 32, (*OURS, *OTHERS, ONNXRUNTIME)),
    ("forward", 256, (*OURS, *OTHERS, ONNXRUNTIME)),
    ("epoch", 32, (*OURS, POST)),
]
QUICK = (*OURS, TUNED, ONNXRUNTIME)
QUICK_ROWS = [(*row, [it for it in contestants if it in QUICK]) for *row, contestants in ROWS if row[0] != "epoch"]
TITLES = {
    "train": "Training step (forward, backward, Adam)",
    "forward": "Forward",
    "epoch": "Epoch of the post's recipe, test set included",
}
# Multiplications and additions an image in convolutions and linear layers: 416,520 multiply-adds forward; backward twice
# as many, but for the gradient of the input, which nobody needs.
FLOP = {"forward": 2 * 416_520, "train": 2 * (3 * 416_520 - 117_600)}
FLOP["epoch"] = FLOP["train"] + FLOP["forward"] / 6
# Hyperbolic tangents an image, of which the backward pass computes none.
TANH = {"forward": 8_084, "train": 8_084, "epoch": 8_084 * (1 + 1 / 6)}

# A virtual machine's cores are at times less than cores: two of them one of the host's. What is measured while the multiply-add
# peak is below this share of the highest is measured again, so many times at most.
WHOLE, TRIES, QUICK_TRIES = 0.9, 6, 2


class Worker:
    def __init__(self, command, environment):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"compare: {' '.join(self.process.args)} ended without an answer to {request}: see above")
        return json.loads(answer)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="fewer contestants and rounds, shorter measurements")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="for each measurement")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()))
    parser.add_argument("--busy", action="store_true", help="measure although other programs are at work")
    parser.add_argument("--svg", type=Path, help="draw the table, too")
    parser.add_argument("--worker", nargs=2, action="append", metavar=("NAME", "COMMAND"), required=True)
    parser.add_argument("--path", nargs=2, action="append", metavar=("NAME", "PYTHONPATH"), default=[])
    args = parser.parse_args()
    rows, tries = (QUICK_ROWS, QUICK_TRIES) if args.quick else (ROWS, TRIES)
    rounds = args.rounds or (3 if args.quick else 5)
    seconds = args.seconds or (0.5 if args.quick else 1.0)

    if not args.busy:
        refuse_if_busy()

    paths = dict(args.path)
    workers = {}
    for name, command in args.worker:
        environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}
        if name in paths:
            environment["PYTHONPATH"] = paths[name]
        workers[name] = Worker(command.split(), environment)

    rates, peaks, tanhs, versions, memory, again = {}, [], [], {}, {}, 0
    # None is measured before all have loaded.
    first = {it[1]: (it[2], task, batch) for task, batch, contestants in rows for it in contestants}
    for name, (inner, task, batch) in first.items():
        workers[name].ask(contestant=inner, task=task, batch=batch, seconds=0.01)
    bystanders = Bystanders([os.getpid(), *(worker.process.pid for worker in workers.values())])
    for round_ in range(rounds):
        for task, batch, contestants in rows:
            order = list(contestants)
            random.Random(round_).shuffle(order)
            for contestant in order:
                print(f"round {round_ + 1}/{rounds}: {task} {batch}, {contestant[0]}", file=sys.stderr)
                _, name, inner = contestant
                for _ in range(tries):
                    answer = workers[name].ask(contestant=inner, task=task, batch=batch, seconds=seconds)
                    limit = workers["lenet"].ask(contestant="fused", task="limit", batch=1, seconds=0.3)
                    peaks.append(limit["gflops"])
                    tanhs.append(limit["tanh_per_second"])
                    if peaks[-1] >= WHOLE * max(peaks):
                        break
                    again += 1
                rates.setdefault((task, batch, contestant), []).append(answer["images_per_second"])
                versions[name], memory[name] = answer["version"], answer["peak_mb"]
    share = bystanders.share()

    peak, tanh = statistics.median(peaks), statistics.median(tanhs)
    if args.quick:
        print("The quick table (--quick): fewer programs, rounds and seconds than the whole one, so that it is good for a first look.")
    print(f"{processor()}, {args.threads} threads; {', '.join(versions.values())}. {rounds} rounds, taking turns; images a")
    print(f"second, median (lowest to highest). Other programs used {share:.0%} of the machine. Multiply-add peak, measured in")
    print(f"between: {peak:.0f} GFLOP/s ({min(peaks):.0f} to {max(peaks):.0f}); {again} measurements were taken again, since it was")
    print(f"below {WHOLE:.0%} of the highest right after them. The limit is the multiply-adds at this peak, and the tanh at {tanh / 1e9:.1f} G/s,")
    print("which a loop in registers computes.")
    for task, batch, contestants in rows:
        print(f"\n**{TITLES[task]}, batch {batch}**\n")
        print("| | images/s | | to the best of the others | of the peak | of the limit with tanh |\n|---|---|---|---|---|---|")
        medians = {contestant: statistics.median(rates[task, batch, contestant]) for contestant in contestants}
        best = max(rate for contestant, rate in medians.items() if contestant not in OURS)
        for contestant, median in sorted(medians.items(), key=lambda item: -item[1]):
            low, high = min(rates[task, batch, contestant]), max(rates[task, batch, contestant])
            of_peak = median * FLOP[task] / peak / 1e9
            of_limit = of_peak + median * TANH[task] / tanh
            print(f"| {contestant[0]} | {median:,.0f} | {low:,.0f} to {high:,.0f} | {median / best:.2f} | {of_peak:.1%} | {of_limit:.1%} |")
    print("\nPeak memory of the processes, MB: " + ", ".join(f"{name} {mb:,.0f}" for name, mb in memory.items()) + ".")
    if args.svg:
        args.svg.write_text(picture(rates))


def picture(rates):
    """Bars, one panel for each of these rows."""
    shown = [("train", 32), ("train", 256), ("forward", 32), ("forward", 256)]
    width, label, bar = 760, 230, 20
    lines, y = [], 10
    for task, batch in shown:
        medians = {it[2]: statistics.median(measured) for it, measured in rates.items() if it[:2] == (task, batch)}
        longest = max(medians.values())
        y += 22
        lines.append(f'<text class="title" x="0" y="{y}">{TITLES[task]}, batch {batch}: images a second</text>')
        y += 10
        for contestant, median in sorted(medians.items(), key=lambda item: -item[1]):
            length = max(2, (width - label - 90) * median / longest)
            kind = "ours" if contestant in OURS else "other"
            lines.append(f'<text x="{label - 8}" y="{y + 15}" text-anchor="end">{contestant[0]}</text>')
            lines.append(f'<rect class="{kind}" x="{label}" y="{y + 2}" width="{length:.0f}" height="{bar - 4}" rx="2"/>')
            lines.append(f'<text x="{label + length + 6:.0f}" y="{y + 15}">{median:,.0f}</text>')
            y += bar
        y += 14
    body = "\n  ".join(lines)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" role="img" aria-label="Images a second of lenet and others">
  <style>
    text {{ font: 13px system-ui, sans-serif; fill: #24292f }} .title {{ font-weight: 600; font-size: 14px }}
    .ours {{ fill: #0072b2 }} .other {{ fill: #8c959f }}
    @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} .ours {{ fill: #56b4e9 }} .other {{ fill: #6e7681 }} }}
  </style>
  {body}
</svg>
"""


main()
