"""Writes the 1,797 digits of other writers that scikit-learn has (UCI's optical digits, scanned at 8x8) as pictures, white on black:
for testing only. No weights are trained on them, and nothing is chosen by them.

    pip install pillow scikit-learn
    python reader/other_writers.py target/other-writers
    LENET_OTHER_WRITERS=target/other-writers scripts/reader compare
"""

import sys
from pathlib import Path

from PIL import Image
from sklearn.datasets import load_digits

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
digits = load_digits()
for number, (levels, digit) in enumerate(zip(digits.images, digits.target)):
    image = Image.new("L", (8, 8))
    image.putdata([round(255 * level / 16) for level in levels.flatten()])
    image.save(folder / f"{digit}-{number:04}.png")
