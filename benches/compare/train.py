"""Trains the post's network in PyTorch, as one who knows PyTorch would write it for speed: accuracy.py runs it.

    python benches/compare/train.py --epochs N --batch-size N --lr X --optimizer adamw --schedule one-cycle --seed N --threads N

The options are train_mnist's, and so are the initial weights, the order of the images, the pixels, and the line after each epoch.
"""

import argparse
import gzip
import sys
from pathlib import Path

import numpy
import torch
from torch.nn.functional import cross_entropy, interpolate

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "golden"))
import tuned  # noqa: E402


def read(part):
    """The images of a part of MNIST, `[n, 1, 32, 32]`, from 0 to 1, and their labels."""

    def numbers(kind, header):
        data = gzip.decompress((ROOT / "data" / "mnist" / f"{part}-{kind}-ubyte.gz").read_bytes())
        return torch.from_numpy(numpy.frombuffer(bytearray(data), numpy.uint8, offset=header))

    images = numbers("images-idx3", 16).view(-1, 1, 28, 28)
    images = interpolate(images, size=(32, 32), mode="bilinear", antialias=True)  # on bytes: Pillow's bits
    return images.float().div_(255), numbers("labels-idx1", 8).long()


def accuracy(net, images, labels):
    with torch.inference_mode():
        right = sum((net(x).argmax(1) == y).sum() for x, y in zip(images.split(1000), labels.split(1000)))
    return right.item() / len(labels)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--optimizer", choices=["adamw"], required=True)
    parser.add_argument("--schedule", choices=["one-cycle"], required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    images, labels = read("train")
    test_images, test_labels = read("t10k")

    torch.manual_seed(args.seed)
    net = tuned.LeNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=args.lr, fused=True)
    steps = args.epochs * -(-len(images) // args.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=steps)
    for epoch in range(args.epochs):
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1000 * args.seed + epoch))
        for batch in order.split(args.batch_size):
            loss = cross_entropy(net(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"Test Acc: {accuracy(net, test_images, test_labels):.6f}", flush=True)


main()
