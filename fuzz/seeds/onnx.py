"""Writes fuzz/seeds/onnx/: the graphs of three models without the weights of convolutions and Linears, which the target adds, and
without what is passed over, so that the fuzzer gets small inputs.

    cargo run --release --example convert -- weights/mnist.safetensors own.onnx
    python3 fuzz/seeds/onnx.py own.onnx
"""

import gzip
import sys
from pathlib import Path

WEIGHTS = {f"{layer}.{what}" for layer in ["con_sam.0", "con_sam.4", "con_sam.8", "fc.0", "fc.2"] for what in ["weight", "bias"]}


def varint(message, at):
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if message[at - 1] < 0x80:
            return value, at


def fields(message):
    """Number, content and bytes of each field: varints, and what has a length."""
    at = 0
    while at < len(message):
        start, (key, at) = at, varint(message, at)
        value, at = varint(message, at)
        if key & 7 == 2:
            value, at = message[at : at + value], at + value
        yield key >> 3, value, message[start:at]


def field(number, content):
    length, size = len(content), b""
    while length >= 0x80:
        size, length = size + bytes([length & 0x7F | 0x80]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content


def only(message, numbers):
    return b"".join(whole for number, _, whole in fields(message) if number in numbers)


def reduced(graph):
    for number, content, whole in fields(graph):
        if number == 1:
            yield field(1, only(content, [1, 2, 4, 5, 7]))
        elif number == 5 and dict((n, c) for n, c, _ in fields(content))[8].decode() not in WEIGHTS:
            yield whole
        elif number in (11, 12):
            yield field(number, only(content, [1]))


def main():
    here = Path(__file__).parent
    golden = here.parent.parent / "tests/golden/weights"
    models = {"own": Path(sys.argv[1]).read_bytes()}
    models |= {name: gzip.decompress((golden / f"{name}.onnx.gz").read_bytes()) for name in ["export", "export_dynamo"]}
    for name, model in models.items():
        [graph] = [content for number, content, _ in fields(model) if number == 7]
        model = b"".join(whole for number, content, whole in fields(model) if number in (1, 2, 8))
        (here / "onnx" / name).write_bytes(bytes([len(model)]) + model + b"".join(reduced(graph)))


main()
