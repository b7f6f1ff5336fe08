"""Measures how long programs take from their start to a share of right answers on MNIST's test set. scripts/compare calls it.

Each run is a process of its own, given the same recipe and a seed. It prints a line after each epoch, `Test … Acc: 0.98…`; the
time is that of this line. With each seed the programs take turns.
"""

import argparse
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from machine import processor, refuse_if_busy

# Chosen on MNIST's last 5,000 training images: see docs/performance.md.
RECIPE = "--epochs 8 --batch-size 32 --lr 0.003 --optimizer adamw --schedule one-cycle"
BARS = (0.985, 0.99)


def run(command, environment):
    """The seconds from the start to each bar, and the epochs: infinity where it is not reached."""
    reached, epoch = {}, 0
    with tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment, text=True)
        with process:
            for line in process.stdout:
                if not (found := re.match(r"Test .*Acc: ([0-9.]+)$", line)):
                    continue
                epoch += 1
                for bar in BARS:
                    if float(found[1]) >= bar:
                        reached.setdefault(bar, (time.perf_counter() - start, epoch))
                if len(reached) == len(BARS):
                    process.kill()
                    break
        if len(reached) < len(BARS) and (process.returncode or not epoch):
            errors.seek(0)
            sys.exit(f"compare: {' '.join(command)} ended with {process.returncode} after {epoch} epochs:\n{errors.read()}")
    return {bar: reached.get(bar, (math.inf, math.inf)) for bar in BARS}


def shown(seconds):
    return f"{seconds:.1f} s" if math.isfinite(seconds) else "never"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--busy", action="store_true", help="measure although other programs are at work")
    parser.add_argument("--program", nargs=3, action="append", metavar=("NAME", "COMMAND", "PYTHONPATH"), required=True)
    args = parser.parse_args()
    if not args.busy:
        refuse_if_busy()

    results = {name: [] for name, *_ in args.program}
    for seed in range(args.seeds):
        for name, command, path in args.program if seed % 2 == 0 else args.program[::-1]:
            print(f"seed {seed}, {name}", file=sys.stderr)
            environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads), "PYTHONPATH": path}
            options = f"{RECIPE} --seed {seed} --threads {args.threads}"
            results[name].append(run(f"{command} {options}".split(), environment))

    print(f"{processor()}, {args.threads} threads. From the start of the process to the line of the first epoch that reaches the share")
    print(f"of right answers on the test set, over {args.seeds} seeds; a seed that never does counts as the slowest.")
    print(f"The recipe: `{RECIPE}`.\n")
    print("| | test accuracy | seeds that reach it | median | lowest | highest | epochs, median |\n|---|---|---|---|---|---|---|")
    for bar in BARS:
        for name, runs in results.items():
            seconds, epochs = zip(*(reached[bar] for reached in runs))
            count = sum(map(math.isfinite, seconds))
            figures = [shown(figure(seconds)) for figure in (statistics.median, min, max)]
            epochs = statistics.median(epochs)
            epochs = f"{epochs:g}" if math.isfinite(epochs) else "never"
            print(f"| {name} | {bar:.1%} | {count} of {args.seeds} | {' | '.join(figures)} | {epochs} |")


main()
