"""Reads a report's event files with TensorBoard and compares them with its metrics.jsonl: `python read_events.py DIR`."""

import json
import sys
from pathlib import Path

import numpy
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

NAMES = {
    "loss/train": "train_loss",
    "loss/validation": "validation_loss",
    "loss/test": "test_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/validation": "validation_accuracy",
    "accuracy/test": "test_accuracy",
    "speed/images_per_second": "images_per_second",
    "learning_rate": "learning_rate",
}

folder = Path(sys.argv[1])
epochs = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
events.Reload()

# TensorBoard's scalars are single precision.
expected = {
    tag: [(epoch["epoch"], epoch["unix_time"], float(numpy.float32(epoch[name]))) for epoch in epochs if epoch[name] is not None]
    for tag, name in NAMES.items()
}
expected = {tag: scalars for tag, scalars in expected.items() if scalars}
found = {
    tag: [(scalar.step, scalar.wall_time, scalar.value) for scalar in events.Scalars(tag)]
    for tag in events.Tags()["scalars"]
}
assert found == expected, f"TensorBoard reads {found}, metrics.jsonl has {expected}"
print(f"{len(epochs)} epochs, {sum(map(len, found.values()))} scalars agree")
