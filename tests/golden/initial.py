"""Writes down what PyTorch draws for the post's network and for shuffling, seed by seed.

    python tests/golden/initial.py > tests/golden/initial.txt        # needs torch, NumPy and safetensors

initial.txt: for each seed and tensor the first and the last value and the SHA-256 of the bytes (f32, little-endian), then
of all tensors in state_dict order; and of randperm(60000) the first ten and the SHA-256 (i64, little-endian).
initial_seed0.safetensors: every value that seed 0 draws.

U(a, b) comes out the same everywhere. N(0, 1) goes through log and cos, in SIMD from 16 numbers on: con_sam.6 may differ
in the last bits on another kind of CPU.
"""

import hashlib
import platform
from pathlib import Path

import numpy as np
import torch
from reference import LeNet
from safetensors.torch import save_file

capability = torch.backends.cpu.get_cpu_capability()
print(f"# Python {platform.python_version()}, torch {torch.__version__}, NumPy {np.__version__}, {capability}")

for seed in range(3):
    torch.manual_seed(seed)
    state = LeNet().state_dict()
    whole = hashlib.sha256()
    for name, tensor in state.items():
        values = tensor.numpy().astype("<f4").ravel()
        whole.update(values.tobytes())
        print("init", seed, name, values[0], values[-1], hashlib.sha256(values.tobytes()).hexdigest())
    print("init", seed, "all", whole.hexdigest())
    if seed == 0:
        save_file(dict(state), Path(__file__).with_name("initial_seed0.safetensors"))

for seed in (0, 1, 12345):
    order = torch.randperm(60000, generator=torch.Generator().manual_seed(seed)).numpy().astype("<i8")
    print("randperm", seed, *order[:10], hashlib.sha256(order.tobytes()).hexdigest())
