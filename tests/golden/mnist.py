"""Reads data/mnist for the other scripts here: what torchvision's MNIST with Resize(32) gives, needing only NumPy and Pillow."""

import gzip
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).resolve().parents[2] / "data" / "mnist"
NAMES = {"train": "train", "test": "t10k"}


def _idx(name: str, header: int, *shape: int) -> np.ndarray:
    with gzip.open(FOLDER / name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header).reshape(shape)


def raw_images(part: str) -> np.ndarray:
    """The images as the file has them: u8 [n, 28, 28], in file order."""
    return _idx(f"{NAMES[part]}-images-idx3-ubyte.gz", 16, -1, 28, 28)


def labels(part: str) -> np.ndarray:
    """i64 [n]"""
    return _idx(f"{NAMES[part]}-labels-idx1-ubyte.gz", 8, -1).astype(np.int64)


def resize(images: np.ndarray) -> np.ndarray:
    """u8 [n, 28, 28] -> u8 [n, 32, 32] with Pillow's bilinear resize, which torchvision's Resize(32) calls for images."""
    return np.stack([np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BILINEAR)) for image in images])


def to_float(pixels: np.ndarray) -> np.ndarray:
    """u8 [n, 32, 32] -> f32 [n, 1, 32, 32], as ToTensor does it: divided by 255 in f32."""
    return pixels[:, None].astype(np.float32) / np.float32(255)
