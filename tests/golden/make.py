"""Makes the golden files: the numbers of PyTorch and PaddlePaddle that tests/parity compares with this crate's.

    python tests/golden/make.py pytorch      # pytorch.safetensors; needs torch, NumPy, Pillow, safetensors
    python tests/golden/make.py paddle       # paddle.safetensors; needs paddlepaddle instead of torch

Seed 0, one thread, MNIST from data/mnist: made again with the same versions on the same kind of CPU, a file comes out the
same, byte for byte. What is in it, frameworks.py says. The batch is the first 16 test images; step i of the 100 takes the
training images 32i to 32i + 31, in file order.
"""

import os
import platform
import sys
from pathlib import Path

# Before anything that reads it: sums in one order only.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import mnist
import numpy as np
import PIL
from frameworks import FRAMEWORKS, batch, numbers, save, train, weights

BATCH, STEPS, BATCH_SIZE = 16, 100, 32

name = sys.argv[1] if len(sys.argv) == 2 else ""
if name not in FRAMEWORKS:
    sys.exit(f"usage: make.py {'|'.join(FRAMEWORKS)}")
framework = FRAMEWORKS[name](seed=0)

record = weights(framework) | batch("test", np.arange(BATCH))
record |= numbers(framework, record)
seen = slice(STEPS * BATCH_SIZE)
record["curve"] = train(framework, mnist.resize(mnist.raw_images("train")[seen]), mnist.labels("train")[seen], BATCH_SIZE)
record |= weights(framework, "final")

path = Path(__file__).with_name(f"{name}.safetensors")
save(record, path)
print(f"wrote {path.name}: {len(record)} tensors, {path.stat().st_size} bytes; loss {record['curve'][0]} to {record['curve'][-1]}")
print(f"Python {platform.python_version()}, {framework.version}, NumPy {np.__version__}, Pillow {PIL.__version__}, {platform.machine()}")
