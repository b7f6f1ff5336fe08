"""Prints the SHA-256 of small sets as torchvision reads and resizes them: the figures in tests/sets.rs, which writes the same files.

    python tests/golden/sets_sha256.py        # needs torchvision
"""

import gzip
import hashlib
import struct
import tempfile
from pathlib import Path

import numpy as np
import PIL
import torchvision
from PIL import Image
from torchvision import datasets
from torchvision.transforms import Compose, Grayscale, Resize

print(f"torchvision {torchvision.__version__}, Pillow {PIL.__version__}, NumPy {np.__version__}")
root = Path(tempfile.mkdtemp())


def numbers(seed, n):
    """What images and pictures consist of: n bytes."""
    i = np.arange(n, dtype=np.uint64)
    return ((seed * 7919 + i * i * 31 + i * 7) % 251).astype(np.uint8)


def write(path, magic, sizes, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(">I", magic) + struct.pack(f">{len(sizes)}I", *sizes) + content)


def images(path, n, seed):
    write(path, 0x803, [n, 28, 28], numbers(seed, n * 784).tobytes())


def labels(path, n):
    write(path, 0x801, [n], bytes(i * 3 % 10 for i in range(n)))


def columns(path, n):
    rows = np.array([[i * 3 % 10, 4, 3000 + i, 7, 19, 256, i, 0] for i in range(n)])
    write(path, 0xC02, [n, 8], rows.astype(">i4").tobytes())


def digest(samples):
    pixels = b"".join(np.asarray(image).tobytes() for image, _ in samples)
    return hashlib.sha256(pixels).hexdigest(), [label for _, label in samples]


small = Resize(32)
for name, kind in [("FashionMNIST", datasets.FashionMNIST), ("KMNIST", datasets.KMNIST)]:
    for part, n, seed in [("train", 12, 1), ("t10k", 5, 2)]:
        images(root / name / "raw" / f"{part}-images-idx3-ubyte", n, seed)
        labels(root / name / "raw" / f"{part}-labels-idx1-ubyte", n)
    for train in (True, False):
        print(name, train, *digest(kind(root, train=train, transform=small)))
    print(kind.classes)

for part, n, seed in [("train", 12, 3), ("test", 5, 4)]:
    images(root / "EMNIST/raw" / f"emnist-digits-{part}-images-idx3-ubyte", n, seed)
    labels(root / "EMNIST/raw" / f"emnist-digits-{part}-labels-idx1-ubyte", n)
# torchvision leaves the images on their side.
upright = Compose([lambda image: image.transpose(Image.Transpose.TRANSPOSE), small])
for train in (True, False):
    print("EMNIST", train, *digest(datasets.EMNIST(root, "digits", train=train, transform=upright)))

for part, n, seed in [("train", 12, 5), ("test", 5, 6)]:
    images(root / "QMNIST/raw" / f"qmnist-{part}-images-idx3-ubyte", n, seed)
    columns(root / "QMNIST/raw" / f"qmnist-{part}-labels-idx2-int", n)
for train in (True, False):
    print("QMNIST", train, *digest(datasets.QMNIST(root, train=train, transform=small)))

# Pictures of many sizes, in folders whose names do not come in the order of their making.
sizes = [(1, 1), (5, 3), (31, 33), (64, 48), (100, 7), (28, 28), (333, 257), (32, 32), (7, 200), (40, 31), (33, 1), (16, 16)]
names = ["ten", "Two", "three", "four", "4", "six", "seven", "é", "nine", "a b"]
for i, (width, height) in enumerate(sizes):
    folder = root / "folder" / names[i % 10]
    folder = folder / "more" if i >= 10 else folder
    folder.mkdir(parents=True, exist_ok=True)
    if i % 2 == 0:
        pixels = numbers(i, width * height * 3).reshape(height, width, 3)
    else:
        pixels = numbers(i, width * height).reshape(height, width)
    Image.fromarray(pixels).save(folder / f"{i}.png")
(root / "folder/ten/notes.txt").write_text("no picture")


def by_rows_first(image):
    """Resize((32, 32)) of Pillow before 13, which goes over the columns first where a picture is much higher than wide."""
    bilinear = Image.Resampling.BILINEAR
    steps = image.resize((32, image.height), bilinear).resize((32, 32), bilinear)
    if image.height <= 32 or image.height <= image.width:
        assert np.array_equal(steps, Resize((32, 32))(image)), image.size
    return steps


set = datasets.ImageFolder(root / "folder", transform=Compose([Grayscale(), by_rows_first]))
print("ImageFolder", set.classes, *digest(set))
