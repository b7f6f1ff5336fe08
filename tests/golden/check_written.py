"""Opens files of weights that this crate wrote with what they were written for, and compares them with an original.

    python tests/golden/check_written.py ORIGINAL.safetensors WRITTEN...

Each WRITTEN is opened by its extension: .pt by torch.load(weights_only=True), strictly into the reference's LeNet; .npz by
numpy.load; .safetensors by safetensors; .pdparams by paddle.load and set_state_dict. Names, shapes and every bit have to
agree. Needs NumPy, safetensors, and torch or paddlepaddle for their own forms. Exits with 1 if anything differs.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

Arrays = dict[str, np.ndarray]


def open_torch(path: Path) -> Arrays:
    import torch
    from reference import LeNet

    tensors = torch.load(path, weights_only=True)
    mapped = torch.load(path, weights_only=True, mmap=True)
    assert all(torch.equal(tensor, mapped[name]) for name, tensor in tensors.items()), "mmap=True differs"
    net = LeNet()
    net.load_state_dict(tensors, strict=True)
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


def open_paddle(path: Path) -> Arrays:
    import paddle
    from reference_paddle import LeNet

    net = LeNet()
    with warnings.catch_warnings():
        # set_state_dict only warns of what it skips.
        warnings.simplefilter("error")
        missing, unexpected = net.set_state_dict(paddle.load(str(path)))
    assert not missing and not unexpected, f"missing {missing}, unexpected {unexpected}"
    arrays = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    return {name: array.T if name.endswith(".weight") and array.ndim == 2 else array for name, array in arrays.items()}


def open_npz(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


OPENERS = {".pt": open_torch, ".pth": open_torch, ".bin": open_torch, ".pdparams": open_paddle, ".npz": open_npz, ".safetensors": load_file}


def differences(original: Arrays, written: Arrays) -> list[str]:
    """What is not the same, in words; empty if nothing."""
    found = [f"{name} is in only one" for name in original.keys() ^ written.keys()]
    for name in original.keys() & written.keys():
        ours, theirs = written[name], original[name]
        if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            found.append(f"{name}: {ours.dtype} {ours.shape}, not {theirs.dtype} {theirs.shape}")
        elif ours.tobytes() != theirs.tobytes():
            found.append(f"{name}: {np.sum(ours != theirs)} of {ours.size} values differ")
    return found


def check(original: Path, written: Path) -> list[str]:
    return differences(load_file(original), OPENERS[written.suffix](written))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    failed = False
    for path in map(Path, sys.argv[2:]):
        found = check(Path(sys.argv[1]), path)
        failed |= bool(found)
        print(f"{path.name}: {'; '.join(found) or 'the same, bit for bit'}")
    sys.exit(failed)
