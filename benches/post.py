"""The post's own program in PyTorch, with the time that each epoch takes: what train_mnist is compared with.

    python benches/post.py [--epochs N] [--seed N] [--cached]        # needs torch and torchvision

--cached resizes each image once and not once an epoch: the same numbers, sooner. Its times are not the post's.

The network is tests/golden/reference.py; data/mnist is unpacked to where torchvision looks for it.
"""

import argparse
import gzip
import sys
import tempfile
import time
from pathlib import Path

import torch
import torchvision
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms import Compose, Resize, ToTensor

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "golden"))
from reference import LeNet  # noqa: E402


def datasets(root):
    """The post's training and test set, unpacked to an empty folder from which they are read into memory."""
    raw = Path(root) / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in (HERE.parent / "data" / "mnist").glob("*.gz"):
        (raw / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    transform = Compose([Resize(32), ToTensor()])
    return [torchvision.datasets.MNIST(root, train=train, transform=transform) for train in (True, False)]


def one_pass(net, loader, device, loss_function, optimizer=None):
    """The sum of the batches' mean losses and the right answers, each divided by the number of samples."""
    total_loss, correct = 0.0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        logits = net(images)
        loss = loss_function(logits, labels)
        if optimizer:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total_loss += loss.item()
        correct += (logits.argmax(1) == labels).sum().item()
    return total_loss / len(loader.dataset), correct / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cached", action="store_true")
    args = parser.parse_args()
    versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    print(f"{versions}, {torch.get_num_threads()} threads", file=sys.stderr)

    with tempfile.TemporaryDirectory() as root:
        train_data, test_data = datasets(root)
        if args.cached:
            train_data, test_data = list(train_data), list(test_data)
    print(f"train_data:{len(train_data)}, test_data:{len(test_data)}")

    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = LeNet().to(device)
    train_loader = DataLoader(train_data, batch_size=32, shuffle=True)
    test_loader = DataLoader(test_data, batch_size=32)
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for epoch in range(1, args.epochs + 1):
        print(f"epoch {epoch}")
        start = time.perf_counter()
        loss, accuracy = one_pass(net, train_loader, device, loss_function, optimizer)
        middle = time.perf_counter()
        print(f"Train Loss: {loss:.6f}, Acc: {accuracy:.6f}")
        with torch.no_grad():
            loss, accuracy = one_pass(net, test_loader, device, loss_function)
        print(f"Test Loss: {loss:.6f}, Acc: {accuracy:.6f}", flush=True)
        seconds = (middle - start, time.perf_counter() - middle)
        print("{:.1f} s, {:.0f} images/s; test set {:.1f} s".format(seconds[0], 60000 / seconds[0], seconds[1]), file=sys.stderr)
    print("End of the training")


if __name__ == "__main__":
    main()
