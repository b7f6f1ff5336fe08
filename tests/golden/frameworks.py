"""PyTorch and PaddlePaddle behind one small interface, and the numbers of theirs that are compared with this crate's.

They come as a record, a dict of NumPy arrays whose names say what each is:

    weights.NAME                 the weights that all the rest starts from
    batch.images, batch.labels   u8 [n, 32, 32] as Resize(32) gives them, i64 [n]
    stages.NAME                  C1, S2, C3, S4, C5 [n, 120], F6: each after its tanh; output: the logits
    loss, gradients.NAME         of the batch's mean cross-entropy
    curve, final.NAME            of Adam at 1e-3: each step's loss, before the step is taken; the weights after the last

NAME is a name of the state_dict, and the layout is PyTorch's. Paddle keeps a Linear's weight as [in, out], so it is
transposed on its way out, and so is its gradient.
"""

import mnist
import numpy as np

Arrays = dict[str, np.ndarray]

# The position of each stage's last layer, counted through con_sam and fc.
STAGES = {1: "C1", 3: "S2", 5: "C3", 7: "S4", 10: "C5", 12: "F6", 13: "output"}


class PyTorch:
    def __init__(self, seed: int):
        import torch
        from reference import LeNet

        torch.manual_seed(seed)
        self.version = f"torch {torch.__version__}"
        self.net = LeNet()
        self.tensor = torch.from_numpy
        self.cross_entropy = torch.nn.functional.cross_entropy
        self.adam = torch.optim.Adam(self.net.parameters(), lr=1e-3)
        self.clear_gradients = self.adam.zero_grad

    def array(self, tensor) -> np.ndarray:
        return tensor.detach().numpy().copy()

    def parameter(self, tensor) -> np.ndarray:
        """A parameter or its gradient, in PyTorch's layout."""
        return self.array(tensor)


class Paddle(PyTorch):
    def __init__(self, seed: int):
        import paddle
        from reference_paddle import LeNet

        paddle.seed(seed)
        self.version = f"paddle {paddle.__version__}"
        self.net = LeNet()
        self.tensor = paddle.to_tensor
        self.cross_entropy = paddle.nn.functional.cross_entropy
        self.adam = paddle.optimizer.Adam(1e-3, parameters=self.net.parameters())
        self.clear_gradients = self.adam.clear_grad

    def parameter(self, tensor) -> np.ndarray:
        array = self.array(tensor)
        # Of the parameters, only the weights of Linear have two dimensions.
        return np.ascontiguousarray(array.T) if array.ndim == 2 else array


FRAMEWORKS = {"pytorch": PyTorch, "paddle": Paddle}


def weights(framework: PyTorch, prefix: str = "weights") -> Arrays:
    return {f"{prefix}.{name}": framework.parameter(value) for name, value in framework.net.named_parameters()}


def batch(part: str, indices) -> Arrays:
    return {"batch.images": mnist.resize(mnist.raw_images(part)[indices]), "batch.labels": mnist.labels(part)[indices]}


def numbers(framework: PyTorch, record: Arrays) -> Arrays:
    """The record's batch through the net, there and back: stages, loss and gradients."""
    stages = {}
    x = framework.tensor(mnist.to_float(record["batch.images"]))
    for position, layer in enumerate([*framework.net.con_sam.children(), *framework.net.fc.children()]):
        x = layer(x)
        if position in STAGES:
            stages[f"stages.{STAGES[position]}"] = framework.array(x)
    loss = framework.cross_entropy(x, framework.tensor(record["batch.labels"]))
    framework.clear_gradients()
    loss.backward()
    gradients = {f"gradients.{name}": framework.parameter(p.grad) for name, p in framework.net.named_parameters()}
    return stages | {"loss": framework.array(loss).reshape(1)} | gradients


def train(framework: PyTorch, pixels: np.ndarray, labels: np.ndarray, batch_size: int) -> np.ndarray:
    """Adam at 1e-3 over the images in the order given, the partial last batch too: each step's loss, f32 [steps]."""
    losses = []
    for start in range(0, len(pixels), batch_size):
        images = framework.tensor(mnist.to_float(pixels[start : start + batch_size]))
        loss = framework.cross_entropy(framework.net(images), framework.tensor(labels[start : start + batch_size]))
        framework.clear_gradients()
        loss.backward()
        framework.adam.step()
        losses.append(framework.array(loss).item())
    return np.array(losses, np.float32)


def save(record: Arrays, path):
    """Writes what the Rust side reads. As safetensors, since neither framework needs to be asked about it."""
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in record.items()}, path)
