"""Writes down, byte for byte, what torchsummary and paddle.summary print for the post's network.

    python tests/golden/summary.py pytorch      # needs torch and torchsummary
    python tests/golden/summary.py paddle       # needs paddle
"""

import contextlib
import io
import platform
import sys
from pathlib import Path

framework = sys.argv[1]
printed = io.StringIO()
if framework == "pytorch":
    import importlib.metadata

    import torch
    from reference import LeNet
    from torchsummary import summary

    versions = f"torch {torch.__version__}, torchsummary {importlib.metadata.version('torchsummary')}"
    with contextlib.redirect_stdout(printed):
        summary(LeNet(), (1, 32, 32), device="cpu")
elif framework == "paddle":
    import paddle
    from reference_paddle import LeNet

    versions = f"paddle {paddle.__version__}"
    net = LeNet()
    with contextlib.redirect_stdout(printed):
        paddle.summary(net, (1, 1, 32, 32))
else:
    sys.exit(f"unknown framework {framework}: pytorch or paddle")

path = Path(__file__).with_name(f"summary_{framework}.txt")
path.write_text(printed.getvalue())
print(f"wrote {path.name} with Python {platform.python_version()}, {versions}")
