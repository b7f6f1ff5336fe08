"""Prints the SHA-256 of the bytes of both MNIST sets after torchvision's Resize(32): the figures in tests/data.rs.

    python tests/golden/mnist_sha256.py        # needs torchvision; takes about 10 s
"""

import hashlib
import platform

import mnist
import numpy as np
import PIL
import torch
import torchvision
from torchvision.transforms import Resize, ToTensor

print(f"Python {platform.python_version()}, torchvision {torchvision.__version__}, Pillow {PIL.__version__}, NumPy {np.__version__}")
resize, to_tensor = Resize(32), ToTensor()
for part in ("train", "test"):
    sha256 = hashlib.sha256()
    raw = mnist.raw_images(part)
    for image in raw:
        resized = resize(PIL.Image.fromarray(image))
        pixels = np.asarray(resized)
        sha256.update(pixels.tobytes())
    # The other scripts do without torchvision: what they use instead is the same, on the last image at least.
    assert np.array_equal(pixels, mnist.resize(raw[-1:])[0])
    assert torch.equal(to_tensor(resized), torch.from_numpy(mnist.to_float(pixels[None])[0]))
    print(f"{part} {list(raw.shape[:1] + pixels.shape)} {sha256.hexdigest()}")
