//! ONNX: what is written, read here by a reader of its own; and by onnxruntime, with `scripts/check-onnx`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
};

use lenet::{
    Error, TrainConfig, Trainer,
    train::Device,
    weights::{Array, Form, StateDict},
};

use super::{assert_refused, awkward, bits, golden, tiny_value};

/// A message's fields: number and value, in the order of the file.
struct Fields<'a>(Vec<(u64, Value<'a>)>);

#[derive(Debug, PartialEq)]
enum Value<'a> {
    Int(u64),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    fn parse(mut bytes: &'a [u8]) -> Fields<'a> {
        let mut fields = vec![];
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let value = match (key & 7, varint(&mut bytes)) {
                (0, value) => Value::Int(value),
                (2, length) => Value::Bytes(bytes.split_off(..length as usize).unwrap()),
                (other, _) => panic!("wire type {other}"),
            };
            fields.push((key >> 3, value));
        }
        Fields(fields)
    }

    fn ints(&self, field: u64) -> Vec<u64> {
        let values = self.0.iter().filter(|(number, _)| *number == field);
        values
            .map(|(_, value)| match value {
                Value::Int(value) => *value,
                other => panic!("field {field} is {other:?}"),
            })
            .collect()
    }

    fn bytes(&self, field: u64) -> Vec<&'a [u8]> {
        let values = self.0.iter().filter(|(number, _)| *number == field);
        values
            .map(|(_, value)| match value {
                Value::Bytes(value) => *value,
                other => panic!("field {field} is {other:?}"),
            })
            .collect()
    }

    fn texts(&self, field: u64) -> Vec<&'a str> {
        self.bytes(field).into_iter().map(|bytes| str::from_utf8(bytes).unwrap()).collect()
    }

    fn messages(&self, field: u64) -> Vec<Fields<'a>> {
        self.bytes(field).into_iter().map(Fields::parse).collect()
    }

    /// The message that is there once.
    fn message(&self, field: u64) -> Fields<'a> {
        let [message] = &self.bytes(field)[..] else { panic!("field {field} is not there once") };
        Fields::parse(message)
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first().unwrap();
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
    }
    panic!("a varint that does not end");
}

/// A LeNet, some of whose values a careless copy would change.
fn awkward_lenet() -> StateDict {
    let patterns = [0x8000_0000, 1, 0x7f7f_ffff, 0xff80_0000, 0x7fc0_1234, 0x3f80_0001];
    let values = patterns.map(f32::from_bits).to_vec();
    with(Array::new(vec![6], values).unwrap(), "con_sam.2.weight")
}

/// A LeNet with this array under this name.
fn with(array: Array, name: &str) -> StateDict {
    let mut weights = StateDict::new();
    for (other, old) in StateDict::read(golden("weights/lenet.pt")).unwrap().iter() {
        let array = if other == name { &array } else { old };
        weights.insert(other, array.clone()).unwrap();
    }
    weights
}

/// The metadata in a file.
fn metadata(file: &[u8]) -> BTreeMap<String, String> {
    let entries = Fields::parse(file).messages(14);
    entries.iter().map(|entry| (entry.texts(1)[0].into(), entry.texts(2)[0].into())).collect()
}

#[test]
fn every_bit_of_every_weight_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.ONNX");
    let weights = awkward_lenet();
    weights.write(&path).unwrap();
    let file = fs::read(&path).unwrap();
    let graph = Fields::parse(&file).message(7);

    let initializers = graph.messages(5);
    let names: Vec<_> = initializers.iter().flat_map(|tensor| tensor.texts(8)).collect();
    assert_eq!(names, weights.names().collect::<Vec<_>>());
    for (tensor, (name, expected)) in initializers.iter().zip(weights.iter()) {
        assert_eq!(tensor.ints(2), [1], "{name} is not of floats");
        let mut shape: Vec<_> = expected.shape().iter().map(|&size| size as u64).collect();
        if name.starts_with("con_sam.2.") || name.starts_with("con_sam.6.") {
            shape.extend([1, 1]);
        }
        assert_eq!(tensor.ints(1), shape, "{name}");
        let values = tensor.bytes(9)[0].as_chunks().0.iter().map(|&b| u32::from_le_bytes(b));
        assert_eq!(values.collect::<Vec<_>>(), bits(expected), "{name}");
    }

    weights.write(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), file, "equal weights, another file");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file was left");
}

#[test]
fn the_graph_is_lenets_from_images_to_logits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    awkward_lenet().write(&path).unwrap();
    let file = fs::read(&path).unwrap();
    let model = Fields::parse(&file);
    assert_eq!(model.ints(1), [8], "ir_version");
    assert_eq!(model.texts(2), ["lenet"]);
    assert_eq!(model.texts(3), [env!("CARGO_PKG_VERSION")]);
    assert!(model.texts(6)[0].contains("[n, 1, 32, 32]"));
    assert_eq!(model.message(8).ints(2), [17], "opset");

    let graph = model.message(7);
    let shape = |field| {
        let value = graph.message(field);
        let tensor = value.message(2).message(1);
        assert_eq!(tensor.ints(1), [1], "not floats");
        let sizes = tensor.message(2).messages(1);
        let sizes = sizes.iter().map(|size| match size.texts(2)[..] {
            [batch] => batch.to_owned(),
            _ => size.ints(1)[0].to_string(),
        });
        (value.texts(1)[0].to_owned(), sizes.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(shape(11), ("images".into(), "n 1 32 32".into()));
    assert_eq!(shape(12), ("logits".into(), "n 10".into()));

    // Each node takes what the one before gives, then weights, of which none is left over.
    let nodes = graph.messages(1);
    let operators: Vec<_> = nodes.iter().flat_map(|node| node.texts(4)).collect();
    let layer = ["Conv", "Tanh", "AveragePool", "Mul", "Add", "Tanh"];
    let last = ["Conv", "Tanh", "Flatten", "Gemm", "Tanh", "Gemm"];
    assert_eq!(operators, [layer, layer, last].concat());
    let mut unused: BTreeSet<_> = graph.messages(5).iter().flat_map(|t| t.texts(8)).collect();
    let mut value = "images";
    for node in &nodes {
        let inputs = node.texts(1);
        assert_eq!(inputs[0], value);
        assert!(inputs[1..].iter().all(|weight| unused.remove(weight)), "{inputs:?}");
        value = node.texts(2)[0];
    }
    assert_eq!((value, unused.len()), ("logits", 0));
}

#[test]
fn what_is_no_lenet_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    fs::write(&path, "what was there").unwrap();
    let refusal = |weights: &StateDict| match weights.write(&path) {
        Err(error @ Error::Invalid { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let message = refusal(&awkward());
    for part in ["net.onnx", "missing: con_sam.0.bias, con_sam.0.weight", "unexpected: fc.weight"] {
        assert!(message.contains(part), "{message}");
    }

    // One shape of 14.
    let message = refusal(&with(Array::new(vec![84, 10], vec![0.0; 840]).unwrap(), "fc.2.weight"));
    assert!(message.ends_with(": fc.2.weight: expected [10, 84], got [84, 10]"), "{message}");

    assert_eq!(fs::read(&path).unwrap(), b"what was there");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_is_written_is_read_with_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pt");
    let onnx = folder.path().join("net.onnx");
    let weights = awkward_lenet().with_metadata("gürteltier", "½ \"\n");
    weights.write(&onnx).unwrap();
    fs::rename(onnx, &path).unwrap();
    let read = StateDict::read(&path).unwrap();
    assert_eq!((read.form(), read.len()), (Some(Form::Onnx), 14));
    assert_eq!(read.metadata, weights.metadata);
    for (name, array) in weights.iter() {
        assert_eq!(read.get(name).unwrap().shape(), array.shape(), "{name}");
        assert_eq!(bits(read.get(name).unwrap()), bits(array), "{name}");
    }
}

/// What `torch.onnx.export` wrote, by the older and by the newer way.
fn exports() -> [Vec<u8>; 2] {
    ["export.onnx.gz", "export_dynamo.onnx.gz"].map(|name| {
        let mut bytes = vec![];
        let file = fs::File::open(golden("weights").join(name)).unwrap();
        flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
        bytes
    })
}

#[test]
fn what_torch_exports_of_the_posts_network_is_read() {
    for export in exports() {
        let weights = StateDict::from_bytes(&export).unwrap();
        weights.check_lenet().unwrap();
        for (k, (name, expected)) in awkward_lenet().iter().enumerate() {
            let array = weights.get(name).unwrap();
            assert_eq!(array.shape(), expected.shape(), "{name}");
            let count = array.values().len();
            let values: Vec<_> = (0..count).map(|i| tiny_value(k, i).rem_euclid(8.0)).collect();
            assert_eq!(array.values(), values, "{name}");
        }
    }
    // A file that only begins so.
    assert_eq!(Form::of_bytes(b"\x08\x08\x12\x07pytorch"), Some(Form::Onnx));
    assert_eq!(Form::of_bytes(b"\x08\x08"), None);
    assert_refused(b"\x08\x08\x12\x07pytorch", "there is no graph in it");
}

/// The file with this in place of that, which is as long.
fn replaced(file: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let start = file.windows(from.len()).position(|window| window == from);
    let start = start.unwrap_or_else(|| panic!("no {}", from.escape_ascii()));
    [&file[..start], to, &file[start + from.len()..]].concat()
}

#[test]
fn a_graph_that_computes_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    awkward_lenet().write(&path).unwrap();
    let own = fs::read(&path).unwrap();
    let [old, new] = exports();
    for (file, from, to, why) in [
        (&own, &b"\x22\x04Tanh"[..], &b"\x22\x04Relu"[..], "Relu is not what follows"),
        (&own, b"AveragePool", b"GlobalPool!", "GlobalPool! is not what follows"),
        (&own, b"kernel_shape@\x02@\x02", b"kernel_shape@\x02@\x03", "AveragePool's kernel_shape"),
        (&own, b"strides@\x02@\x02", b"strides@\x01@\x02", "AveragePool's strides"),
        (&own, b"transB\x18\x01", b"transB\x18\x00", "expected"),
        (
            &own,
            b"B\x0econ_sam.2.bias",
            b"B\x0econ_sam.6.bias",
            "two values are named con_sam.6.bias",
        ),
        (&own, b"\x0a\x09con_sam.1\x12", b"\x0a\x09con_sam.5\x12", "no value con_sam.5"),
        (&own, b"B\x02\x10\x11", b"B\x02\x10\x05", "opset 5"),
        (&old, b"strides@\x01@\x01", b"strides@\x01@\x02", "Conv's strides"),
        (&old, b"dilations@\x01@\x01", b"dilations@\x02@\x02", "Conv's dilations"),
        (&old, b"\x0a\x04axis\x18\x01", b"\x0a\x04axis\x18\x02", "Gather's axis"),
        (&old, b"alpha\x15\0\0\x80?", b"alpha\x15\0\0\0@", "Gemm's alpha"),
        (&new, b"group\x18\x01", b"group\x18\x02", "Conv's group"),
    ] {
        assert_refused(&replaced(file, from, to), why);
    }
}

#[test]
fn a_damaged_model_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    awkward_lenet().write(&path).unwrap();
    let own = fs::read(&path).unwrap();
    let [old, new] = exports();
    for file in [own, old, new] {
        for length in (0..file.len()).step_by(9_973) {
            assert!(StateDict::from_bytes(&file[..length]).is_err(), "{length} bytes");
        }
        let mut damaged = file.clone();
        for position in (0..file.len()).step_by(4_999) {
            for changed in [file[position] ^ 1, file[position] ^ 0x80, 0, 0xff] {
                damaged[position] = changed;
                if let Ok(weights) = StateDict::from_bytes(&damaged) {
                    weights.check_lenet().unwrap();
                }
            }
            damaged[position] = file[position];
        }
    }
}

#[test]
fn a_checkpoint_written_as_onnx_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let [checkpoint, path] = ["run.safetensors", "net.onnx"].map(|name| folder.path().join(name));
    let config = TrainConfig { device: Device::Cpu, ..TrainConfig::pytorch() };
    Trainer::new(config).unwrap().save_checkpoint(&checkpoint).unwrap();
    let file = fs::read(&checkpoint).unwrap();
    for key in ["lenet.sha256", "lenet.checkpoint"] {
        assert!(file.windows(key.len()).any(|window| window == key.as_bytes()));
    }
    let weights = StateDict::read(&checkpoint).unwrap().with_metadata("gürteltier", "½ \"\n");
    weights.write(&path).unwrap();
    let found = metadata(&fs::read(&path).unwrap());
    assert_eq!(found, weights.metadata);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["gürteltier", "lenet", "libtorch", "network"]);
}
