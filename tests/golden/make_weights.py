"""Makes tests/golden/weights/: files of weights as PyTorch, NumPy, safetensors and PaddlePaddle write them.

    python tests/golden/make_weights.py pytorch      # needs torch, NumPy, safetensors
    python tests/golden/make_weights.py paddle       # needs paddlepaddle, NumPy
    python tests/golden/make_weights.py onnx         # needs torch, onnxscript, NumPy
    python tests/golden/make_weights.py numpy        # needs NumPy, safetensors

All but four hold one tiny network, whose values are eighths of small integers: exact in every floating-point type, so that
the tests can say what each file must come to. Two others are the whole LeNet of seed 0, as in pytorch.safetensors
and paddle.safetensors beside this script. The two of ONNX, which are gzipped, are what torch.onnx.export writes of the
whole LeNet by the older and by the newer way, with values as regular as the tiny network's.
"""

import os
import pickle
import platform
import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).with_name("weights")

SHAPES = {"conv.weight": (2, 1, 3, 3), "conv.bias": (2,), "fc.weight": (3, 4), "fc.bias": (3,)}


def values(position: int, shape: tuple[int, ...]) -> np.ndarray:
    """Element i of tensor k is (i + 1 - 5k) / 8; tests/weights.rs has the same line."""
    count = int(np.prod(shape))
    return ((np.arange(count) + 1 - 5 * position) / 8).astype(np.float32).reshape(shape)


ARRAYS = {name: values(position, shape) for position, (name, shape) in enumerate(SHAPES.items())}


def pytorch():
    import safetensors
    import torch
    from reference import LeNet
    from safetensors.torch import save_file
    from torch import nn

    class Tiny(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)
            self.fc = nn.Linear(4, 3)

        def forward(self, x):
            return self.fc(x)

    def save(name, saved, **options):
        torch.save(saved, FOLDER / name, **options)

    torch.manual_seed(0)
    save("lenet.pt", LeNet().state_dict())

    net = Tiny()
    tensors = {name: torch.from_numpy(array) for name, array in ARRAYS.items()}
    net.load_state_dict(tensors)
    state_dict = net.state_dict()
    assert list(state_dict) == list(SHAPES) and hasattr(state_dict, "_metadata")

    save("state_dict.pt", state_dict)
    save("protocol_4.pt", state_dict, pickle_protocol=4)
    save("legacy.pt", state_dict, _use_new_zipfile_serialization=False)
    save("dict.pt", tensors)
    save("parameters.pt", dict(net.named_parameters()))
    save("data_parallel.pt", nn.DataParallel(net).state_dict())
    save("compiled.pt", torch.compile(net).state_dict())

    adam = torch.optim.Adam(net.parameters())
    frozen = {name: tensor.clone() for name, tensor in state_dict.items()}
    sum(parameter.sum() for parameter in net.parameters()).backward()
    adam.step()
    for key in ("model", "state_dict", "model_state_dict"):
        save(f"checkpoint_{key}.pt", {key: frozen, "optimizer": adam.state_dict(), "epoch": 3, "accuracy": 0.98})

    for name, dtype in {"f64": torch.float64, "f16": torch.float16, "bf16": torch.bfloat16}.items():
        save(f"{name}.pt", {name: tensor.to(dtype) for name, tensor in tensors.items()})
    flat = torch.cat([torch.full((3,), 9.0)] + [tensor.flatten() for tensor in tensors.values()])
    views, start = {}, 3
    for name, shape in SHAPES.items():
        views[name] = flat[start : start + tensors[name].numel()].view(shape)
        start += tensors[name].numel()
    save("shared.pt", views)
    save("shared_legacy.pt", views, _use_new_zipfile_serialization=False)
    strided = dict(tensors)
    strided["fc.weight"] = tensors["fc.weight"].T.contiguous().T
    strided["conv.weight"] = tensors["conv.weight"].repeat(1, 2, 1, 1).to(memory_format=torch.channels_last)[:, :1]
    strided["fc.bias"] = tensors["fc.bias"].repeat_interleave(2)[::2]
    assert not any(strided[name].is_contiguous() for name in ("fc.weight", "conv.weight", "fc.bias"))
    save("strided.pt", strided)
    save("integers.pt", tensors | {"batches": torch.tensor(7)})
    save("whole_module.pt", net.fc)
    torch.serialization.set_crc32_options(False)
    save("no_crc.pt", tensors)
    torch.serialization.set_crc32_options(True)
    torch.jit.script(net).save(FOLDER / "torchscript.pt")

    save_file(tensors, FOLDER / "metadata.safetensors", {"format": "pt", "trained on": "MNIST"})
    mixed = [torch.float16, torch.bfloat16, torch.float64, torch.float32]
    save_file({name: t.to(d) for (name, t), d in zip(tensors.items(), mixed)}, FOLDER / "mixed.safetensors")
    save_file(tensors | {"batches": torch.tensor(7)}, FOLDER / "integers.safetensors")

    np.savez(FOLDER / "savez.npz", **ARRAYS)
    np.savez_compressed(FOLDER / "compressed.npz", **ARRAYS)
    types = [np.float16, np.float64, np.float32, np.float64]
    np.savez(FOLDER / "mixed.npz", **{n: np.asfortranarray(a.astype(t)) for (n, a), t in zip(ARRAYS.items(), types)})
    np.savez(FOLDER / "integers.npz", **ARRAYS, batches=np.int64(7))
    np.savez(FOLDER / "big_endian.npz", **{name: array.astype(">f4") for name, array in ARRAYS.items()})
    np.savez(FOLDER / "objects.npz", **ARRAYS, objects=np.array([{}], dtype=object))
    return f"torch {torch.__version__}, safetensors {safetensors.__version__}"


def paddle():
    import paddle
    from paddle import nn
    from reference_paddle import LeNet

    class Tiny(nn.Layer):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2D(1, 2, 3)
            self.fc = nn.Linear(4, 3)

    def save(name, saved, protocol=4):
        paddle.save(saved, str(FOLDER / name), protocol)

    paddle.seed(0)
    save("lenet.pdparams", LeNet().state_dict())

    net = Tiny()
    tensors = {name: paddle.to_tensor(array.T if name == "fc.weight" else array) for name, array in ARRAYS.items()}
    net.set_state_dict(tensors)
    state_dict = net.state_dict()
    assert list(state_dict) == list(SHAPES)
    checkpoint = {"model": state_dict, "epoch": 3, "accuracy": 0.98}
    for protocol in (2, 3, 4):
        save(f"protocol_{protocol}.pdparams", state_dict, protocol)
        save(f"checkpoint_{protocol}.pdparams", checkpoint, protocol)
    save("bf16.pdparams", {name: tensor.astype("bfloat16") for name, tensor in state_dict.items()})

    # NumPy 1's name of the same function, which NumPy 2 keeps for the files that have it.
    reconstruct = np._core.multiarray._reconstruct

    class NumPy1(pickle._Pickler):
        def save_global(self, obj, name=None):
            if obj is not reconstruct:
                return super().save_global(obj, name)
            if self.proto >= 4:
                self.save("numpy.core.multiarray")
                self.save("_reconstruct")
                self.write(pickle.STACK_GLOBAL)
            else:
                self.write(pickle.GLOBAL + b"numpy.core.multiarray\n_reconstruct\n")
            self.memoize(obj)

        dispatch = dict(pickle._Pickler.dispatch)
        dispatch[type(reconstruct)] = save_global

    arrays = {name: np.array(tensor) for name, tensor in state_dict.items()}
    names = {name: tensor.name for name, tensor in state_dict.items()}
    for protocol in (2, 4):
        path = FOLDER / f"numpy_1_protocol_{protocol}.pdparams"
        with open(path, "wb") as file:
            NumPy1(file, protocol).dump(arrays | {"StructuredToParameterName@@": names})
        assert b"numpy.core.multiarray" in path.read_bytes()
        assert paddle.load(str(path)).keys() == arrays.keys()
    return f"paddle {paddle.__version__}"


def onnx():
    import gzip
    import io

    import torch
    from reference import LeNet

    net = LeNet()
    with torch.no_grad():
        for k, parameter in enumerate(net.parameters()):
            parameter.copy_(torch.from_numpy(values(k, parameter.shape) % 8))
    images = torch.zeros(1, 1, 32, 32)
    old, new = io.BytesIO(), io.BytesIO()
    torch.onnx.export(net, (images,), old, dynamo=False, dynamic_axes={"input.1": {0: "n"}})
    torch.onnx.export(net, (images,), dynamo=True, external_data=False).save(new)
    for name, file in (("export.onnx.gz", old), ("export_dynamo.onnx.gz", new)):
        (FOLDER / name).write_bytes(gzip.compress(file.getvalue(), mtime=0))
    return f"torch {torch.__version__}"


def numpy():
    """What users pickle and save by themselves of what Paddle and NumPy hold."""
    from safetensors.numpy import save_file

    def pdparams(name, change):
        arrays = {key: change(array.T if key == "fc.weight" else array) for key, array in ARRAYS.items()}
        (FOLDER / name).write_bytes(pickle.dumps(arrays, 5 if "5" in name else 4))

    pdparams("protocol_5.pdparams", np.ascontiguousarray)
    pdparams("protocol_5_fortran.pdparams", np.asfortranarray)
    axes = {4: (0, 2, 1, 3), 2: (1, 0), 1: (0,)}
    pdparams("protocol_5_axes.pdparams", lambda a: np.ascontiguousarray(a.transpose(axes[a.ndim])).transpose(axes[a.ndim]))
    pdparams("big_endian.pdparams", lambda array: array.astype(">f4"))
    pdparams("big_endian_f64.pdparams", lambda array: np.asfortranarray(array.astype(">f8")))
    np.savez(FOLDER / "big_endian_fortran.npz", **{key: np.asfortranarray(a.astype(">f8")) for key, a in ARRAYS.items()})
    save_file({f"module.{key}": array for key, array in ARRAYS.items()}, FOLDER / "data_parallel.safetensors")
    return "safetensors"


MAKERS = {"pytorch": pytorch, "paddle": paddle, "onnx": onnx, "numpy": numpy}

if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in MAKERS:
        sys.exit(f"usage: make_weights.py {'|'.join(MAKERS)}")
    FOLDER.mkdir(exist_ok=True)
    version = MAKERS[name]()
    size = sum(entry.stat().st_size for entry in os.scandir(FOLDER))
    print(f"{FOLDER.name}/: {size} bytes in all")
    print(f"Python {platform.python_version()}, {version}, NumPy {np.__version__}, {platform.machine()}")
