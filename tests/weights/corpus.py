"""Writes two corpora of files of weights: unusual but valid ones, and damaged ones.

    python tests/weights/corpus.py FOLDER SEED VALID DAMAGED

Python's pickle and zipfile, NumPy and safetensors write them; PyTorch's and Paddle's classes are imitated, so that neither is
needed. Each file holds the tiny network of tests/golden/make_weights.py. A damaged one is a valid one in which one thing is
wrong that a reader can see: a size, a count, an offset, a version, a type, a checksum. The file's name says which.
"""

import collections
import io
import json
import pickle
import random
import struct
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save as save_safetensors

SHAPES = {"conv.weight": (2, 1, 3, 3), "conv.bias": (2,), "fc.weight": (3, 4), "fc.bias": (3,)}


def values(position, shape):
    """Element i of tensor k is (i + 1 - 5k) / 8; tests/weights.rs has the same line."""
    return ((np.arange(int(np.prod(shape))) + 1 - 5 * position) / 8).astype(np.float32).reshape(shape)


ARRAYS = {name: values(position, shape) for position, (name, shape) in enumerate(SHAPES.items())}
PREFIXES = ["", "", "", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."]
NESTING = ["model", "state_dict", "model_state_dict"]


# PyTorch's names, as far as a pickle needs them.
def module(name):
    made = sys.modules[name] = types.ModuleType(name)
    return made


torch, torch_utils = module("torch"), module("torch._utils")
torch._utils = torch_utils


def function(owner, name):
    def made(*arguments):
        raise AssertionError

    made.__module__, made.__qualname__, made.__name__ = owner.__name__, name, name
    setattr(owner, name, made)
    return made


REBUILD, OLD_REBUILD = function(torch_utils, "_rebuild_tensor_v2"), function(torch_utils, "_rebuild_tensor")
PARAMETER = function(torch_utils, "_rebuild_parameter")
STORAGES = {name: function(torch, f"{name}Storage") for name in ("Half", "BFloat16", "Float", "Double", "Long", "Byte")}


class Storage:
    def __init__(self, kind, array):
        self.kind, self.count = kind, array.size
        self.bytes = array.astype(array.dtype.newbyteorder("<")).tobytes()
        self.item = array.dtype.itemsize


class Called:
    """What pickles as a call of `function(*arguments)` and, where there is one, a state."""

    def __init__(self, function, *arguments, state=None):
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.parts


class Old2(dict):
    """An OrderedDict as Python 2 pickles it."""

    def __reduce_ex__(self, protocol):
        return collections.OrderedDict, ([[key, value] for key, value in self.items()],)


class Pickler(pickle._Pickler):
    """Python's own in Python: names storages, and has hooks for what is to be wrong."""

    dispatch = dict(pickle._Pickler.dispatch)

    def __init__(self, file, protocol, keys=None, numpy_1=False, item=None):
        super().__init__(file, protocol)
        self.keys, self.numpy_1, self.item = keys, numpy_1, item

    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        item = self.item or (lambda item: item)
        return item(("storage", STORAGES[obj.kind], self.keys.setdefault(id(obj), (str(len(self.keys)), obj))[0], "cpu", obj.count))

    def save_global(self, obj, name=None):
        if self.numpy_1 and getattr(obj, "__module__", "").startswith("numpy._core"):
            module = obj.__module__.replace("numpy._core", "numpy.core")
            if self.proto >= 4:
                self.save(module)
                self.save(obj.__name__)
                self.write(pickle.STACK_GLOBAL)
            else:
                self.write(pickle.GLOBAL + f"{module}\n{obj.__name__}\n".encode())
            return self.memoize(obj)
        return super().save_global(obj, name)

    dispatch[types.FunctionType] = save_global
    dispatch[types.BuiltinFunctionType] = save_global
    dispatch[type(np._core.multiarray._reconstruct)] = save_global


class Maker:
    def __init__(self, random):
        self.random = random

    def pick(self, *options):
        return self.random.choice(options)

    def chance(self, share=0.5):
        return self.random.random() < share

    def names(self, arrays):
        prefix = self.pick(*PREFIXES)
        return {prefix + name: array for name, array in arrays.items()}

    # torch.save ------------------------------------------------------------------------------------------------------
    def stored(self, array):
        """A type that has all values, and the array of it."""
        kind = self.pick("Half", "BFloat16", "Float", "Float", "Double")
        if kind == "BFloat16":
            return kind, (array.astype("<f4").view(np.uint32) >> 16).astype(np.uint16)
        return kind, array.astype({"Half": "f2", "Float": "f4", "Double": "f8"}[kind])

    def tensor(self, array, wrong=None):
        wrong = wrong or {}
        kind, array = self.stored(array)
        way = self.pick("plain", "plain", "offset", "permuted", "spread")
        offset, strides, flat = 0, [s // array.itemsize for s in np.ascontiguousarray(array).strides], array.ravel()
        if way == "offset":
            offset = self.random.randrange(1, 5)
            flat = np.concatenate([np.zeros(offset, array.dtype), flat, np.zeros(self.random.randrange(3), array.dtype)])
        elif way == "permuted":
            axes = self.random.sample(range(array.ndim), array.ndim)
            moved = np.ascontiguousarray(array.transpose(axes))
            strides = [0] * array.ndim
            for axis, stride in zip(axes, moved.strides):
                strides[axis] = stride // moved.itemsize
            flat = moved.ravel()
        elif way == "spread":
            flat, strides = np.repeat(flat, 2), [2 * stride for stride in strides]
        storage = Storage(kind, flat)
        storage.count += wrong.get("count", 0)
        shape = tuple(wrong.get("shape", array.shape))
        strides = tuple(wrong.get("strides", strides))
        view = [storage, offset + wrong.get("offset", 0), shape, strides]
        hooks = collections.OrderedDict()
        if self.chance(0.15) and not wrong:
            return Called(OLD_REBUILD, *view)
        view += [wrong.get("gradient", self.chance()), wrong.get("hooks", hooks)]
        made = Called(REBUILD, *view[: wrong.get("arguments", 6)], state=wrong.get("state"))
        return Called(PARAMETER, made, True, hooks) if self.chance(0.2) and not wrong else made

    def torch_object(self, wrong):
        names = self.names(ARRAYS)
        victim = self.random.choice(list(names))
        tensors = {name: self.tensor(array, wrong.get("tensor") if name == victim else None) for name, array in names.items()}
        if "key" in wrong:
            tensors = {wrong["key"](name) if name == victim else name: tensor for name, tensor in tensors.items()}
        way = wrong.get("dict") or self.pick("dict", "ordered", "old")
        if way == "dict":
            tensors = Called(dict_of_items, tensors, state=wrong["attributes"]) if "attributes" in wrong else tensors
        elif way == "ordered":
            tensors = collections.OrderedDict(tensors)
            tensors._metadata = collections.OrderedDict({"": {"version": 1}, "conv": {"version": 1}})
            if "attributes" in wrong:
                tensors = Called(collections.OrderedDict, state=wrong["attributes"])
        else:
            tensors = Old2(tensors)
        if self.chance(0.4):
            steps = Storage("Long", np.arange(3))
            step = Called(REBUILD, steps, 1, (), (), False, collections.OrderedDict())
            state = {0: {"step": step, "exp_avg": self.tensor(ARRAYS["fc.bias"])}}
            around = {"epoch": 3, "accuracy": self.pick(0.5, np.float64(0.5), np.float32(0.5), None)}
            around["optimizer"] = {"state": state, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.99), "params": [0]}]}
            return {self.pick(*NESTING): tensors, **around}
        return tensors

    def pickled(self, obj, protocol, **options):
        file = io.BytesIO()
        Pickler(file, protocol, **options).dump(obj)
        return file.getvalue()

    def torch_zip(self, wrong):
        keys, endian = {}, self.pick(b"little", b"little", b"big", None)
        numpy_1 = self.chance(0.3)
        data = self.pickled(self.torch_object(wrong), self.pick(2, 2, 3, 4, 5), keys=keys, item=wrong.get("item"), numpy_1=numpy_1)
        root = self.pick("archive/", "net/", "a b/", "")
        entries = {"data.pkl": wrong.get("pickle", lambda it: it)(data)}
        if endian:
            entries["byteorder"] = endian
        if self.chance(0.7):
            entries["version"] = b"3\n"
        if self.chance():
            entries |= {".format_version": b"1", ".storage_alignment": self.pick(b"64", b"48", b"4096"), ".data/serialization_id": b"0" * 40}
        for key, storage in keys.values():
            content = storage.bytes
            if endian == b"big":
                content = np.frombuffer(content, f"u{storage.item}").byteswap().tobytes()
            entries[f"data/{key}"] = content
        entries = wrong.get("entries", lambda it: it)(entries)
        return self.zip({root + name: content for name, content in entries.items()}, folders=True)

    def legacy(self, wrong):
        keys, protocol = {}, self.pick(2, 2, 3, 4)

        def item(item):
            item = (*item, None)
            return wrong["item"](item) if "item" in wrong else item

        obj = self.pickled(self.torch_object(wrong), protocol, keys=keys, item=item)
        sizes = {"short": 2, "int": 4, "long": 4}
        system = {"protocol_version": 1001, "little_endian": self.chance(0.7), "type_sizes": sizes}
        wrong.get("system", lambda it: None)(system)
        parts = [pickle.dumps(it, protocol) for it in (wrong.get("magic", 0x1950A86A20F9469CFC6C), wrong.get("version", 1001), system)]
        storages = list(keys.values())
        self.random.shuffle(storages)
        listed = [key for key, _ in storages]
        wrong.get("listed", lambda it: None)(listed)
        out = b"".join(parts) + wrong.get("pickle", lambda it: it)(obj) + pickle.dumps(listed, protocol)
        for _, storage in storages:
            out += struct.pack("<q", len(storage.bytes) // storage.item + wrong.get("storage", 0)) + storage.bytes
            wrong.pop("storage", None)
        return out

    # zip -------------------------------------------------------------------------------------------------------------
    def zip(self, entries, folders=False):
        names = list(entries)
        if self.chance():
            self.random.shuffle(names)
        file = io.BytesIO()
        target = Unseekable(file) if self.chance(0.3) else file
        with zipfile.ZipFile(target, "w") as archive:
            if folders and self.chance(0.3):
                for folder in sorted({name[: name.rindex("/") + 1] for name in names if "/" in name}):
                    archive.writestr(zipfile.ZipInfo(folder), b"")
            for name in names:
                info = zipfile.ZipInfo(name, (2020, 2, self.random.randrange(1, 28), 1, 2, 4))
                info.compress_type = self.pick(zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
                if self.chance(0.3):
                    info.extra = struct.pack("<HH", 0x4246, 5) + b"ZZZZZ"
                with archive.open(info, "w", force_zip64=self.chance(0.3)) as entry:
                    entry.write(entries[name])
            if self.chance(0.2):
                archive.comment = b"a comment"
        return file.getvalue()

    # NumPy -----------------------------------------------------------------------------------------------------------
    def numpy_array(self, array):
        array = array.astype(self.pick("<f2", "<f4", "<f4", ">f4", "<f8", ">f8", ">f2"))
        return self.pick(np.ascontiguousarray, np.asfortranarray)(array)

    def npz(self, wrong):
        entries = {}
        names = self.names(ARRAYS)
        victim = self.random.choice(list(names))
        for name, array in names.items():
            file = io.BytesIO()
            np.lib.format.write_array(file, self.numpy_array(array), version=self.pick((1, 0), (1, 0), (2, 0), (3, 0)))
            content = file.getvalue()
            entries[f"{name}.npy"] = wrong["npy"](content) if "npy" in wrong and name == victim else content
        return self.zip(entries)

    # Paddle ----------------------------------------------------------------------------------------------------------
    def pdparams(self, wrong):
        protocol = wrong.get("protocol") or self.pick(2, 3, 4, 5)
        arrays = {}
        names = self.names(ARRAYS)
        victim = self.random.choice(list(names))
        for name, array in names.items():
            array = array.T if name.endswith("fc.weight") else array
            if self.chance(0.15):
                array = (np.ascontiguousarray(array).view(np.uint32) >> 16).astype(self.pick("<u2", ">u2"))
            else:
                array = self.numpy_array(array)
            if self.chance(0.2) and array.ndim == 4:
                array = np.ascontiguousarray(array.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3)
            if "array" in wrong and name == victim:
                array = wrong["array"](array, protocol)
            arrays[name] = array
        if "key" in wrong:
            arrays = {wrong["key"](name) if name == victim else name: array for name, array in arrays.items()}
        numpy_1 = self.chance(0.3)
        obj = arrays
        if self.chance(0.3) and "table" not in wrong:
            obj = {name: tuple_of(name, array) for name, array in arrays.items()}
            obj = {self.pick(*NESTING): obj, "epoch": 3, "accuracy": self.pick(0.5, np.float64(0.5)), "lr": [0.1, None, True]}
            obj["moments"] = {"steps": np.arange(3), "flags": np.array([True, False])}
        elif self.chance(0.7) or "table" in wrong:
            obj = obj | {"StructuredToParameterName@@": wrong.get("table", {name: f"w_{i}" for i, name in enumerate(arrays)})}
        return wrong.get("pickle", lambda it: it)(self.pickled(obj, protocol, numpy_1=numpy_1))

    # safetensors -----------------------------------------------------------------------------------------------------
    def safetensors(self, wrong):
        arrays = {name: np.ascontiguousarray(array.astype(self.pick("f2", "f4", "f8"))) for name, array in self.names(ARRAYS).items()}
        return save_safetensors(arrays, self.pick(None, {"format": "pt", "trained on": "MNIST"}))


def tuple_of(name, array):
    return Called(tuple, (name, array))


def dict_of_items():
    raise AssertionError


class Unseekable:
    def __init__(self, file):
        self.write, self.flush = file.write, file.flush


FORMS = ["torch_zip", "legacy", "npz", "pdparams", "safetensors"]


# What is wrong ===========================================================================================================
def sizes_of(field):
    top = 256**field - 1
    return {0, 1, top, top - 1, top // 2}


def zip_faults(maker, good):
    """One field of one record of an archive, changed to what is not so."""
    archive = zipfile.ZipFile(io.BytesIO(good))
    infos = archive.infolist()
    end = good.rindex(b"PK\5\6")
    zip64 = good[end - 20 : end - 16] == b"PK\6\7"
    fields = [(end + at, size, name) for at, size, name in [
        (4, 2, "end disk"), (6, 2, "end directory disk"), (8, 2, "end entries here"), (10, 2, "end entries"),
        (12, 4, "end directory size"), (16, 4, "end directory offset"), (20, 2, "end comment length")]]
    record = archive.start_dir
    info = maker.random.choice(infos)
    for other in infos:
        if other is info:
            break
        name, extra, comment = struct.unpack("<HHH", good[record + 28 : record + 34])
        record += 46 + name + extra + comment
    fields += [(record + at, size, f"directory {name}") for at, size, name in [
        (6, 2, "version"), (8, 2, "flags"), (10, 2, "method"), (16, 4, "crc"), (20, 4, "packed size"), (24, 4, "size"),
        (28, 2, "name length"), (30, 2, "extra length"), (32, 2, "comment length"), (34, 2, "disk"), (42, 4, "offset")]]
    local = info.header_offset
    described = info.flag_bits & 8
    fields += [(local + at, size, f"local {name}") for at, size, name in [
        (4, 2, "version"), (6, 2, "flags"), (8, 2, "method"), (14, 4, "crc"), (18, 4, "packed size"), (22, 4, "size"),
        (26, 2, "name length"), (28, 2, "extra length")]]
    name, extra = struct.unpack("<HH", good[local + 26 : local + 30])
    for where, length in ((local + 30 + name, extra),):
        at = where
        while at < where + length:
            fields.append((at + 2, 2, "local extra field length"))
            at += 4 + struct.unpack("<H", good[at + 2 : at + 4])[0]
    if described:
        behind = local + 30 + name + extra + info.compress_size
        fields += [(behind + 4, 4, "descriptor crc"), (behind + 8, 4, "descriptor packed size"), (behind + 12, 4, "descriptor size")]
    if info.file_size and maker.chance(0.05):
        crcs = [local + 14, record + 16, *([behind + 4] if described else [])]
        bad = bytearray(good)
        for at in crcs:
            bad[at : at + 4] = bytes(4)
        return "entry-crc-0", bytes(bad)
    at, size, name = maker.random.choice(fields)
    old = int.from_bytes(good[at : at + size], "little")
    choices = sizes_of(size) | {old + 1, old - 1, old + 2**(8 * size - 1), old ^ 1 << maker.random.randrange(8 * size)}
    choices = {choice % 256**size for choice in choices} - {old}
    if "version" in name:
        choices = {99, 255, 0xFFFF, 46, 63, 1} - {old}
    if "flags" in name:
        choices = {old ^ bit for bit in (1, 8, 0x20, 0x40, 0x2000)}
    if name.startswith("local") and described and name.split(" ", 1)[1] in ("crc", "packed size", "size"):
        choices -= {0}
    if zip64 and name.startswith("end "):
        choices -= {256**size - 1}
    if name in ("directory disk",):
        choices -= {0}
    new = maker.random.choice(sorted(choices))
    bad = good[:at] + new.to_bytes(size, "little") + good[at + size :]
    return name.replace(" ", "-"), bad


def npy_fault(maker):
    def swap(old, new):
        return lambda it: it.replace(old, new, 1)

    def shape(it):
        start = it.index(b"'shape': (") + 10
        digit = bytes([it[start]])
        return it[:start] + bytes([digit[0] + 1 if digit < b"9" else ord("1")]) + it[start + 1 :]

    return maker.pick(
        ("npy-magic", swap(b"\x93NUMPY", b"\x93NUMPX")),
        ("npy-version", lambda it: it[:6] + maker.pick(b"\4", b"\0", b"\xff") + it[7:]),
        ("npy-header-length", lambda it: it[:8] + bytes([it[8] ^ 1]) + it[9:]),
        ("npy-shape", shape),
        ("npy-huge-shape", lambda it: it.replace(b"'shape': (", b"'shape': (1099511627776, ", 1)),
        ("npy-cut", lambda it: it[: -maker.random.randrange(1, 5)]),
        ("npy-more", lambda it: it + b"\0" * maker.random.randrange(1, 5)),
        ("npy-type", lambda it: it.replace(b"f4", b"i4").replace(b"f8", b"i8").replace(b"f2", b"i2")),
    )


def tensor_fault(maker):
    return maker.pick(
        ("tensor-state-dict", {"state": {"x": 1}}),
        ("tensor-state-tuple", {"state": (1, (2**40,), None)}),
        ("tensor-state-bytes", {"state": b"x" * maker.random.randrange(1, 5000)}),
        ("tensor-count-more", {"count": maker.random.randrange(1, 9)}),
        ("tensor-count-less", {"count": -1}),
        ("tensor-count-huge", {"count": 2**40}),
        ("tensor-shape", {"shape": (2**20, 3)}),
        ("tensor-huge-shape", {"shape": (2**40,), "strides": (1,)}),
        ("tensor-offset", {"offset": 2**20}),
        ("tensor-negative-offset", {"offset": -9}),
        ("tensor-strides", {"strides": (2**30,) * 3}),
        ("tensor-arguments", {"arguments": maker.random.randrange(1, 6)}),
        ("tensor-gradient", {"gradient": "yes"}),
        ("tensor-hooks", {"hooks": None}),
    )


def array_fault(maker):
    reconstruct, dtype = np._core.multiarray._reconstruct, np.dtype

    def called(array, arguments=None, state=None, kind=None, kind_state=None):
        name = array.dtype.str[1:]
        kind = Called(dtype, *(kind or (name, False, True)), state=kind_state or (3, "<", None, None, None, -1, -1, 0))
        arguments = arguments or (np.ndarray, (0,), b"b")
        full = [1, array.shape, kind, False, array.astype(array.dtype.newbyteorder("<")).tobytes()]
        for at, value in (state or {}).items():
            full[at] = value(full[at]) if callable(value) else value
        return Called(reconstruct, *arguments, state=tuple(full[: (state or {}).get("length", 5)]))

    name, options = maker.pick(
        ("array-claims-shape", {"arguments": (np.ndarray, (2**40,), b"b")}),
        ("array-claims-one", {"arguments": (np.ndarray, (1,), b"b")}),
        ("array-claims-type", {"arguments": (np.ndarray, (0,), b"f8")}),
        ("array-claims-nothing", {"arguments": (np.ndarray, (0,))}),
        ("array-version", {"state": {0: maker.pick(0, 2, 2**40)}}),
        ("array-shape", {"state": {1: lambda it: (it[0] + 1, *it[1:])}}),
        ("array-huge-shape", {"state": {1: lambda it: (2**40, *it)}}),
        ("array-negative-shape", {"state": {1: lambda it: (-1, *it)}}),
        ("array-order", {"state": {3: 2}}),
        ("array-cut", {"state": {4: lambda it: it[:-1]}}),
        ("array-more", {"state": {4: lambda it: it + b"\0"}}),
        ("array-text", {"state": {4: "elements"}}),
        ("dtype-size", {"kind_state": (3, "<", None, None, None, maker.pick(0, 1, 2**31, 2**40), -1, 0)}),
        ("dtype-alignment", {"kind_state": (3, "<", None, None, None, -1, 2**31, 0)}),
        ("dtype-flags", {"kind_state": (3, "<", None, None, None, -1, -1, 63)}),
        ("dtype-version", {"kind_state": (maker.pick(4, 9, 2**40), "<", None, None, None, -1, -1, 0)}),
        ("dtype-order", {"kind_state": (3, "?", None, None, None, -1, -1, 0)}),
        ("dtype-fields", {"kind_state": (3, "<", None, ("a",), None, -1, -1, 0)}),
        ("dtype-name", {"kind": (maker.pick("f16", "i4", "O8", "f99"), False, True)}),
        ("dtype-copy", {"kind": ("f4", False, 7)}),
    )
    return name, {"array": lambda array, protocol: called(array, **options), "protocol": maker.pick(3, 4)}


def fault(maker, form):
    """A name and what makes a file of this form wrong, or a change of its bytes."""
    as_bytes = ("key-bytes", {"key": lambda name: name.encode()})
    pickles = [
        as_bytes,
        ("key-number", {"key": lambda name: 7}),
        ("pickle-cut", {"pickle": lambda it: it[: maker.random.randrange(2, len(it))]}),
        ("pickle-more", {"pickle": lambda it: it + maker.pick(b"\0", b".", it)}),
        ("pickle-protocol", {"pickle": lambda it: it[:1] + maker.pick(b"\0", b"\1", b"\6", b"\xff") + it[2:]}),
        # Instructions of protocol 4 in what says that it is older.
        ("pickle-older", {"pickle": lambda it: it[:1] + (maker.pick(b"\2", b"\3") if it[1] >= 4 else b"\1") + it[2:]}),
    ]
    ids = [
        ("id-key-bytes", {"item": lambda item: (*item[:2], item[2].encode(), *item[3:])}),
        ("id-device-bytes", {"item": lambda item: (*item[:3], b"cpu", *item[4:])}),
        ("id-kind-bytes", {"item": lambda item: (b"storage", *item[1:])}),
        ("id-count", {"item": lambda item: (*item[:4], item[4] + 1, *item[5:])}),
        ("id-count-text", {"item": lambda item: (*item[:4], str(item[4]), *item[5:])}),
        ("id-long", {"item": lambda item: (*item, None, None)}),
        ("id-short", {"item": lambda item: item[:4]}),
        ("id-class", {"item": lambda item: (item[0], "FloatStorage", *item[2:])}),
    ]
    tensors = [(name, {"tensor": wrong}) for name, wrong in [tensor_fault(maker) for _ in range(14)]]
    dicts = [
        ("attributes", {"dict": "ordered", "attributes": maker.pick((1, 2), b"x" * 999, 7, [1])}),
    ]
    if form == "torch_zip":
        def lose(it):
            return {name: content for name, content in it.items() if name != "data/0"}

        entries = [
            ("record-version", {"entries": lambda it: it | {"version": maker.pick(b"0\n", b"11\n", b"x", b"4294967296\n")}}),
            ("record-format", {"entries": lambda it: it | {".format_version": maker.pick(b"0", b"2", b"")}}),
            ("record-alignment", {"entries": lambda it: it | {".storage_alignment": maker.pick(b"0", b"65600", b"")}}),
            ("record-order", {"entries": lambda it: it | {"byteorder": maker.pick(b"", b"middle", b"Little")}}),
            ("record-storage-long", {"entries": lambda it: it | {"data/0": it["data/0"] + b"\0"}}),
            ("record-storage-short", {"entries": lambda it: it | {"data/0": it["data/0"][:-1]}}),
            ("record-storage-none", {"entries": lose}),
            ("record-storage-more", {"entries": lambda it: it | {"data/99": b"\0\0\0\0"}}),
        ]
        return maker.random.choice(pickles + ids + tensors + dicts + 2 * entries + 20 * ["zip"])
    if form == "legacy":
        def size(system):
            system["type_sizes"][maker.pick("short", "int", "long")] = 3

        legacy = [
            ("magic", {"magic": 0x1950A86A20F9469CFC6D}),
            ("version", {"version": maker.pick(1000, 1002, 2**40)}),
            ("system-version", {"system": lambda it: it.update(protocol_version=1000)}),
            ("system-order", {"system": lambda it: it.update(little_endian=1)}),
            ("system-sizes", {"system": size}),
            ("listed-twice", {"listed": lambda it: it.append(it[0])}),
            ("listed-other", {"listed": lambda it: it.append("99")}),
            ("listed-less", {"listed": lambda it: it.pop()}),
            ("listed-bytes", {"listed": lambda it: it.__setitem__(0, it[0].encode())}),
            ("storage-count", {"storage": maker.pick(1, -1, 2**40)}),
        ]
        return maker.random.choice(pickles[:3] + ids + tensors + dicts + 2 * legacy + ["bytes"])
    if form == "npz":
        name, change = npy_fault(maker)
        return maker.random.choice([(name, {"npy": change}), "zip"])
    if form == "pdparams":
        table = ("table", {"table": maker.pick({"fc.bias": b"w"}, {b"fc.bias": "w"}, 7, ["w"])})
        return maker.random.choice(pickles + [array_fault(maker) for _ in range(12)] + [table, "bytes"])
    return "safetensors"


def safetensors_fault(maker, good):
    length = struct.unpack("<Q", good[:8])[0]
    header, data = good[8 : 8 + length].decode(), good[8 + length :]

    without = json.dumps({name: tensor for name, tensor in json.loads(header).items() if name != "__metadata__"})

    def built(header, data=data, length=None):
        return struct.pack("<Q", len(header) if length is None else length) + header.encode() + data

    return maker.pick(
        ("header-length", built(header, length=maker.pick(len(header) - 9, len(header) + 1, 2**40, 2**63))),
        ("offset", built(header.replace('"data_offsets":[0,', '"data_offsets":[4,', 1))),
        ("shape", built(header.replace('"shape":[', '"shape":[7,', 1))),
        ("type", built(header.replace('"F', '"I', 1))),
        ("width", built(header.replace("F64", "F99").replace("F32", "F99").replace("F16", "F99"))),
        ("cut", built(header, data[:-1])),
        ("more", built(header, data + b"\0")),
        ("twice", built(header.rstrip()[:-1] + "," + header.rstrip()[1:])),
        ("metadata-twice", built('{"__metadata__":{},"__metadata__":{},' + without[1:])),
        ("metadata-key-twice", built('{"__metadata__":{"a":"1","a":"' + maker.pick("1", "2") + '"},' + without[1:])),
        ("json", built(header.replace(":", ";", 1))),
        ("checksum", built(header.rstrip()[:-1] + ',"__metadata__":{"lenet.sha256":"' + "0" * 64 + '"}}' if "__metadata__" not in header
                           else header.replace("__metadata__\":{", "__metadata__\":{\"lenet.sha256\":\"" + "0" * 64 + '",', 1))),
    )


def damaged(maker, form):
    if maker.chance(0.08):
        good = getattr(maker, form)({})
        name, bad = maker.pick(
            ("cut", good[: maker.random.randrange(0, len(good))]),
            ("more", good + bytes(maker.random.randrange(1, 40))),
            ("before", bytes(maker.random.randrange(1, 40)) + good),
            ("twice", good + good),
        )
        return name, bad
    wrong = fault(maker, form)
    if wrong == "zip":
        name, bad = zip_faults(maker, getattr(maker, form)({}))
    elif wrong == "safetensors":
        name, bad = safetensors_fault(maker, maker.safetensors({}))
    elif wrong == "bytes":
        good = getattr(maker, form)({})
        name, bad = "cut", good[:-1]
    else:
        name, options = wrong
        bad = getattr(maker, form)(options)
    return name, bad


def main(folder, seed, valid, broken):
    folder = Path(folder)
    maker = Maker(random.Random(int(seed)))
    for kind, count in (("valid", int(valid)), ("damaged", int(broken))):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            form = FORMS[number % len(FORMS)]
            name, content = ("good", getattr(maker, form)({})) if kind == "valid" else damaged(maker, form)
            (folder / kind / f"{number:05}-{form}-{name}").write_bytes(content)
    print(f"seed {seed}: {valid} valid and {broken} damaged files, NumPy {np.__version__}")


if __name__ == "__main__":
    main(*sys.argv[1:])
