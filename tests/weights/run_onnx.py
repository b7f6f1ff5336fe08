"""Runs the models of tests/weights/var_store.rs in onnxruntime: `python run_onnx.py DIR`.

Checks each with ONNX's own checker and shape inference, and compares its logits with those that this crate computed.
"""

import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime
from onnx import numpy_helper

# Both sides compute in f32, adding in another order and with another approximation of tanh, so that the two differ by a
# few of the last place, 1.2e-7 of the largest logit, times what seven layers make of it.
TOLERANCE = 2e-6
PERTURBATION = 1e-3

folder = Path(sys.argv[1])
images = numpy.load(folder / "images.npy")


def run(model, n):
    """The logits of all images, n at a time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    batches = numpy.split(images, len(images) // n)
    return numpy.concatenate([session.run(["logits"], {"images": batch})[0] for batch in batches])


def difference(model, name, n):
    """The largest difference of a logit, relative to the largest logit."""
    expected = numpy.load(folder / f"{name}-{n}.npy")
    logits = run(model, n)
    assert logits.shape == expected.shape == (len(images), 10) and logits.dtype == expected.dtype == numpy.float32
    return numpy.abs(logits - expected).max() / numpy.abs(expected).max()


print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}; {len(images)} test images of MNIST")
print(f"differences are relative to the largest logit; {TOLERANCE:.0e} is allowed")
failed = False
for path in sorted(folder.glob("*.onnx")):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    shapes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in inferred.graph.value_info
    }
    for name, maps in [("con_sam.0", [6, 28, 28]), ("con_sam.2", [6, 14, 14]), ("con_sam.4", [16, 10, 10]),
                       ("con_sam.6", [16, 5, 5]), ("con_sam.8", [120, 1, 1]), ("con_sam.10", [120]), ("fc.0", [84])]:
        assert shapes[name] == ["n", *maps], f"{name} is inferred to be {shapes[name]}"

    for n in (1, 64):
        found = difference(model, path.stem, n)
        largest = numpy.abs(numpy.load(folder / f"{path.stem}-{n}.npy")).max()
        print(f"{path.stem}, batch {n}: {found:.1e} ({found * largest:.1e} of {largest:.2f})")
        failed |= not found <= TOLERANCE

    # One value of each tensor off by a little is noticed.
    smallest = numpy.inf
    for weight in model.graph.initializer:
        original = weight.raw_data
        values = numpy_helper.to_array(weight).copy()
        values.flat[values.size // 2] += PERTURBATION
        weight.raw_data = values.tobytes()
        found = difference(model, path.stem, 64)
        failed |= not found > TOLERANCE
        smallest = min(smallest, found)
        weight.raw_data = original
    print(f"{path.stem}, one weight off by {PERTURBATION:.0e}, each tensor in turn: at least {smallest:.1e}")

sys.exit(failed)
