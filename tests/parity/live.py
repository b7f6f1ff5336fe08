"""One framework's half of scripts/parity, which see: reads the weights that this crate wrote, and writes its own.

    python live.py pytorch|paddle EXCHANGE SEED

EXCHANGE/lenet/weights.*      what the Rust half wrote, every form
EXCHANGE/NAME/read/*          for each of them that the framework reads: what it makes of it, a record (see frameworks.py)
EXCHANGE/NAME/weights/*       fresh random weights, in every form in which the framework's users save them
EXCHANGE/NAME/record          what the framework computes with those, with 64 test images and a whole epoch
"""

import sys
from pathlib import Path

import numpy as np
from frameworks import FRAMEWORKS, Arrays, Paddle, PyTorch, batch, mnist, numbers, save, train, weights

IMAGES, STEPS, BATCH_SIZE = 64, 100, 32


def pytorch_reads(framework: PyTorch, path: Path):
    import safetensors.torch
    import torch

    if path.suffix == ".npz":
        state = {name: torch.from_numpy(array) for name, array in np.load(path).items()}
    elif path.suffix == ".safetensors":
        state = safetensors.torch.load_file(path)
    else:
        state = torch.load(path, weights_only=True)
    framework.net.load_state_dict(state)  # strict: names and shapes have to be the net's


def paddle_reads(framework: Paddle, path: Path):
    import paddle

    missing, unexpected = framework.net.set_state_dict(paddle.load(str(path)))
    assert not missing and not unexpected, f"{path.name}: missing {missing}, unexpected {unexpected}"


def pytorch_writes(framework: PyTorch, folder: Path):
    import safetensors.torch
    import torch

    state = framework.net.state_dict()
    torch.save(state, folder / "state_dict.pt")
    torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(dict(state), folder / "plain_dict.bin")
    torch.save({"model": state, "epoch": 3}, folder / "nested.pt")
    torch.save(torch.nn.DataParallel(framework.net).state_dict(), folder / "data_parallel.pt")
    torch.save({name: value.double() for name, value in state.items()}, folder / "double.pt")
    safetensors.torch.save_file(state, folder / "state_dict.safetensors")
    np.savez(folder / "state_dict.npz", **{name: value.numpy() for name, value in state.items()})


def paddle_writes(framework: Paddle, folder: Path):
    import paddle

    state = framework.net.state_dict()
    paddle.save(state, str(folder / "state_dict.pdparams"))
    paddle.save(state, str(folder / "protocol_2.pdparams"), protocol=2)
    paddle.save({"model": state, "epoch": 3}, str(folder / "nested.pdparams"))


def pytorch_checkpoint(framework: PyTorch, path: Path):
    """As PyTorch's tutorials save one, with the optimizer's moments in it."""
    import torch

    net, adam = framework.net.state_dict(), framework.adam.state_dict()
    torch.save({"epoch": 1, "model_state_dict": net, "optimizer_state_dict": adam, "loss": 0.5}, path)


READS = {"pytorch": (pytorch_reads, [".safetensors", ".pt", ".pth", ".bin", ".npz"]), "paddle": (paddle_reads, [".pdparams"])}
WRITES = {"pytorch": pytorch_writes, "paddle": paddle_writes}


def main():
    name, exchange, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    folder = exchange / name
    (folder / "weights").mkdir(parents=True)
    (folder / "read").mkdir()
    random = np.random.default_rng(seed)
    images: Arrays = batch("test", random.choice(10000, IMAGES, replace=False))
    framework = FRAMEWORKS[name](seed)
    print(f"{framework.version}, Python {sys.version.split()[0]}, NumPy {np.__version__}", flush=True)

    print("  writes fresh weights, and computes with them", flush=True)
    WRITES[name](framework, folder / "weights")
    record = weights(framework) | images
    record |= numbers(framework, record)

    print("  trains for an epoch", flush=True)
    record["order"] = random.permutation(60000)
    pixels, labels = mnist.resize(mnist.raw_images("train"))[record["order"]], mnist.labels("train")[record["order"]]
    seen = STEPS * BATCH_SIZE
    first = train(framework, pixels[:seen], labels[:seen], BATCH_SIZE)
    record |= weights(framework, "final")
    if name == "pytorch":
        pytorch_checkpoint(framework, folder / "checkpoint.pt")
    record["curve"] = np.concatenate([first, train(framework, pixels[seen:], labels[seen:], BATCH_SIZE)])
    save(record, folder / "record")

    read, suffixes = READS[name]
    for suffix in suffixes:
        path = exchange / "lenet" / f"weights{suffix}"
        print(f"  reads {path.name}", flush=True)
        read(framework, path)
        record = weights(framework) | images
        save(record | numbers(framework, record), folder / "read" / path.name)


main()
