"""Runs what compare.py asks for, in one framework: a JSON object a line on stdin, the answer on stdout.

    python benches/compare/worker.py pytorch|paddle|onnxruntime MODEL.onnx THREADS

A request names a contestant, a task (train, forward, epoch) and a batch size, and how long to go on. Data is in memory before
the clock starts; the first steps are not counted.
"""

import gzip
import json
import os
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "golden"), str(ROOT / "benches")]
WARM_UP = 0.3  # seconds


def timed(step, images_a_step, seconds):
    """Images a second of step(), repeated for so many seconds."""
    end = time.perf_counter() + WARM_UP
    while time.perf_counter() < end:
        step()
    steps, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        step()
        steps += 1
    return steps * images_a_step / passed


def batches(images, labels, size):
    """Batches of this size, over and over, without copying."""
    start = 0
    while True:
        if start + size > len(images):
            start = 0
        yield images[start : start + size], labels[start : start + size]
        start += size


class PyTorch:
    def __init__(self, threads):
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.version = f"PyTorch {torch.__version__}"
        self.train_set, self.test_set = None, None

    def load(self):
        """The post's datasets, and the training images in memory."""
        if self.train_set is None:
            import tempfile

            import post

            with tempfile.TemporaryDirectory() as root:
                self.train_set, self.test_set = post.datasets(root)
            first = [self.train_set[i] for i in range(2048)]
            self.images = self.torch.stack([image for image, _ in first])
            self.labels = self.torch.tensor([label for _, label in first])

    def net(self, contestant):
        """The network and its optimizer."""
        import reference
        import tuned

        torch = self.torch
        if contestant in ("post", "in memory"):
            net = reference.LeNet()
            return net, torch.optim.Adam(net.parameters(), lr=1e-3)
        net = tuned.LeNet().to(memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
        return (torch.compile(net) if contestant == "compiled" else net), optimizer

    def step(self, contestant, size, loader=None):
        net, optimizer = self.net(contestant)
        loss_function = self.torch.nn.CrossEntropyLoss()

        def step():
            images, labels = next(source)
            loss = loss_function(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if loader:
                loss.item()

        source = forever(loader) if loader else batches(self.images, self.labels, size)
        return step

    def train(self, contestant, size, seconds):
        self.load()
        loader = None
        if contestant == "post":
            loader = self.torch.utils.data.DataLoader(self.train_set, batch_size=size, shuffle=True)
        return timed(self.step(contestant, size, loader), size, seconds)

    def forward(self, contestant, size, seconds):
        self.load()
        net, _ = self.net(contestant)
        net.eval()
        source = batches(self.images, self.labels, size)
        with self.torch.inference_mode():
            return timed(lambda: net(next(source)[0]), size, seconds)

    def epoch(self, contestant, size, seconds):
        """The post's own loop: training and test set once, from the files' images on."""
        import post

        self.load()
        net, optimizer = self.net("post")
        load = self.torch.utils.data.DataLoader
        device, loss_function = self.torch.device("cpu"), self.torch.nn.CrossEntropyLoss()
        start = time.perf_counter()
        post.one_pass(net, load(self.train_set, size, shuffle=True), device, loss_function, optimizer)
        with self.torch.no_grad():
            post.one_pass(net, load(self.test_set, size), device, loss_function)
        return len(self.train_set) / (time.perf_counter() - start)


def forever(loader):
    while True:
        yield from loader


class Paddle:
    def __init__(self, threads):
        os.environ["OMP_NUM_THREADS"] = str(threads)
        import paddle
        import reference_paddle

        paddle.set_device("cpu")
        self.paddle, self.reference = paddle, reference_paddle
        self.version = f"PaddlePaddle {paddle.__version__}"
        images, labels = mnist()
        self.images, self.labels = paddle.to_tensor(images), paddle.to_tensor(labels)

    def train(self, contestant, size, seconds):
        net = self.reference.LeNet()
        optimizer = self.paddle.optimizer.Adam(1e-3, parameters=net.parameters())
        loss_function = self.paddle.nn.CrossEntropyLoss()
        source = batches(self.images, self.labels, size)

        def step():
            images, labels = next(source)
            loss_function(net(images), labels).backward()
            optimizer.step()
            optimizer.clear_grad()

        return timed(step, size, seconds)

    def forward(self, contestant, size, seconds):
        net = self.reference.LeNet()
        net.eval()
        source = batches(self.images, self.labels, size)
        with self.paddle.no_grad():
            return timed(lambda: net(next(source)[0]), size, seconds)


class OnnxRuntime:
    def __init__(self, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(sys.argv[2], options, providers=["CPUExecutionProvider"])
        self.version = f"onnxruntime {onnxruntime.__version__}"
        self.images, self.labels = mnist()

    def forward(self, contestant, size, seconds):
        name = self.session.get_inputs()[0].name
        source = batches(self.images, self.labels, size)
        return timed(lambda: self.session.run(None, {name: next(source)[0]}), size, seconds)


def mnist():
    """2,048 training images, in the middle of 32x32 pixels, and their labels."""
    import numpy

    def read(name):
        return gzip.decompress((ROOT / "data" / "mnist" / name).read_bytes())

    pixels = numpy.frombuffer(read("train-images-idx3-ubyte.gz"), numpy.uint8, offset=16)
    images = numpy.zeros((2048, 1, 32, 32), numpy.float32)
    images[:, 0, 2:30, 2:30] = pixels.reshape(-1, 28, 28)[:2048] / numpy.float32(255)
    labels = numpy.frombuffer(read("train-labels-idx1-ubyte.gz"), numpy.uint8, offset=8)
    return images, labels[:2048].astype(numpy.int64)


def main():
    framework = {"pytorch": PyTorch, "paddle": Paddle, "onnxruntime": OnnxRuntime}[sys.argv[1]](int(sys.argv[3]))
    # What a framework prints must not be taken for an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        task = getattr(framework, request["task"])
        rate = task(request["contestant"], request["batch"], request["seconds"])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answer = {"images_per_second": rate, "peak_mb": peak, "version": framework.version}
        print(json.dumps(answer), file=answers, flush=True)


main()
