//! Weights in and out: what PyTorch, NumPy, safetensors and Paddle wrote, what is written here, and what is refused.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lenet::{
    Error,
    weights::{Array, Form, StateDict},
};
use safetensors::SafeTensors;

#[path = "weights/corpus.rs"]
mod corpus;
#[path = "weights/damage.rs"]
mod damage;
#[path = "weights/onnx.rs"]
mod onnx;
#[path = "weights/pickles.rs"]
mod pickles;
#[cfg(feature = "torch")]
#[path = "weights/var_store.rs"]
mod var_store;
#[path = "weights/zips.rs"]
mod zips;

/// The tiny network of tests/golden/make_weights.py.
const TINY: [(&str, &[usize]); 4] = [
    ("conv.weight", &[2, 1, 3, 3]),
    ("conv.bias", &[2]),
    ("fc.weight", &[3, 4]),
    ("fc.bias", &[3]),
];

/// The file of every form that the tests of damage start from: the smallest that hold the tiny network.
const ONE_OF_EACH: [&str; 6] = [
    "state_dict.pt",
    "legacy.pt",
    "savez.npz",
    "metadata.safetensors",
    "protocol_2.pdparams",
    "protocol_4.pdparams",
];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn golden_bytes(name: &str) -> Vec<u8> {
    fs::read(golden("weights").join(name)).unwrap()
}

/// Element `i` of tensor `k`, as the script has it.
fn tiny_value(k: usize, i: usize) -> f32 {
    (i as f32 + 1.0 - 5.0 * k as f32) / 8.0
}

fn bits(array: &Array) -> Vec<u32> {
    array.values().iter().map(|value| value.to_bits()).collect()
}

#[track_caller]
fn assert_tiny(weights: &StateDict, file: &str) {
    assert_eq!(weights.len(), TINY.len(), "{file}");
    for (k, (name, shape)) in TINY.into_iter().enumerate() {
        let array = weights.get(name).unwrap_or_else(|| panic!("{file}: no {name}"));
        assert_eq!(array.shape(), shape, "{file}: {name}");
        let count = array.values().len();
        let expected: Vec<_> = (0..count).map(|i| tiny_value(k, i).to_bits()).collect();
        assert_eq!(bits(array), expected, "{file}: {name}");
    }
}

/// The message of the refusal; with libtorch also shows that a model is as it was after it.
#[track_caller]
fn refusal(bytes: &[u8]) -> String {
    let message = match StateDict::from_bytes(bytes) {
        Ok(weights) => panic!("taken: {:?}", weights.names().collect::<Vec<_>>()),
        Err(error @ (Error::Malformed { .. } | Error::UnknownForm { .. })) => error.to_string(),
        Err(other) => panic!("another kind of error: {other}"),
    };
    #[cfg(feature = "torch")]
    var_store::assert_unchanged_by(bytes);
    message
}

#[track_caller]
fn assert_refused(bytes: &[u8], why: &str) {
    let message = refusal(bytes);
    assert!(message.contains(why), "{message:?} does not say {why:?}");
}

/// What PyTorch, Paddle, NumPy and safetensors wrote: each holds the tiny network.
const FILES: [(Form, &[&str]); 4] = [
    (
        Form::Torch,
        &[
            "state_dict.pt",
            "protocol_4.pt",
            "legacy.pt",
            "dict.pt",
            "parameters.pt",
            "data_parallel.pt",
            "compiled.pt",
            "checkpoint_model.pt",
            "checkpoint_state_dict.pt",
            "checkpoint_model_state_dict.pt",
            "f64.pt",
            "f16.pt",
            "bf16.pt",
            "shared.pt",
            "shared_legacy.pt",
            "strided.pt",
            "no_crc.pt",
        ],
    ),
    (
        Form::Paddle,
        &[
            "protocol_2.pdparams",
            "protocol_3.pdparams",
            "protocol_4.pdparams",
            "checkpoint_2.pdparams",
            "checkpoint_3.pdparams",
            "checkpoint_4.pdparams",
            "numpy_1_protocol_2.pdparams",
            "numpy_1_protocol_4.pdparams",
            "bf16.pdparams",
            "protocol_5.pdparams",
            "protocol_5_fortran.pdparams",
            "protocol_5_axes.pdparams",
            "big_endian.pdparams",
            "big_endian_f64.pdparams",
        ],
    ),
    (
        Form::Npz,
        &["savez.npz", "compressed.npz", "mixed.npz", "big_endian.npz", "big_endian_fortran.npz"],
    ),
    (
        Form::Safetensors,
        &["metadata.safetensors", "mixed.safetensors", "data_parallel.safetensors"],
    ),
];

#[test]
fn everything_that_pytorch_and_paddle_users_save_opens() {
    for (form, files) in FILES {
        for file in files {
            let weights = StateDict::read(golden("weights").join(file)).unwrap();
            assert_eq!(weights.form(), Some(form), "{file}");
            assert_tiny(&weights, file);
        }
    }
}

#[test]
fn what_is_not_floating_point_weights_is_refused_by_name() {
    for (file, why) in [
        ("integers.pt", "batches: dtype Long"),
        ("integers.npz", "batches.npy: dtype <i8"),
        ("integers.safetensors", "batches: dtype I64"),
        ("objects.npz", "dtype |O"),
        ("whole_module.pt", "it asks for torch.nn.modules.linear.Linear"),
        ("torchscript.pt", "torch.save(net.state_dict(), path)"),
    ] {
        assert_refused(&golden_bytes(file), why);
    }
}

#[test]
fn the_form_is_told_from_the_content_alone() {
    let file = tempfile::Builder::new().suffix(".safetensors").tempfile().unwrap();
    fs::write(file.path(), golden_bytes("legacy.pt")).unwrap();
    assert_eq!(StateDict::read(file.path()).unwrap().form(), Some(Form::Torch));
    for (bytes, got) in
        [(&b""[..], "it is empty"), (b"<!DOCTYPE html>", "<!DOCTYP"), (b"\x1f\x8b", "\\x1f\\x8b")]
    {
        assert!(matches!(StateDict::from_bytes(bytes), Err(Error::UnknownForm { .. })));
        assert_refused(bytes, got);
    }
}

#[test]
fn whole_networks_are_those_of_the_parity_files_bit_for_bit() {
    for (file, record) in
        [("lenet.pt", "pytorch.safetensors"), ("lenet.pdparams", "paddle.safetensors")]
    {
        let record = fs::read(golden(record)).unwrap();
        let record = SafeTensors::deserialize(&record).unwrap();
        let weights = StateDict::read(golden("weights").join(file)).unwrap();
        assert_eq!(weights.len(), 14);
        for (name, array) in weights.iter() {
            let expected = record.tensor(&format!("weights.{name}")).unwrap();
            assert_eq!(array.shape(), expected.shape(), "{file}: {name}");
            let expected = expected.data().as_chunks().0.iter().map(|&b| u32::from_le_bytes(b));
            assert_eq!(bits(array), expected.collect::<Vec<_>>(), "{file}: {name}");
        }
    }
}

/// Values that a careless copy would change.
fn awkward() -> StateDict {
    let patterns = [
        0x8000_0000, // -0
        0x0000_0001, // the smallest denormal
        0x7f7f_ffff, // the largest number
        0x7f80_0000, // infinity
        0xff80_0000, // -infinity
        0x7fc0_1234, // a NaN with a payload
        0x3f80_0001, // 1 + 2^-23
        0xc2f6_e979, // -123.456
    ];
    let values = patterns.map(f32::from_bits);
    let mut weights = StateDict::new();
    for (name, shape, values) in [
        ("fc.weight", &[2, 4][..], &values[..]),
        ("fc.bias", &[8], &values),
        ("square.weight", &[1, 1], &values[7..]),
        ("conv.weight", &[2, 1, 2, 2], &values),
        ("scale.weight", &[], &values[6..7]),
        ("empty.weight", &[0, 3], &[]),
    ] {
        weights.insert(name, Array::new(shape.into(), values.into()).unwrap()).unwrap();
    }
    weights
}

#[test]
fn each_form_gives_back_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let weights = awkward();
    for extension in ["safetensors", "pt", "pth", "bin", "npz", "pdparams", "PT"] {
        let path = folder.path().join("net").with_extension(extension);
        weights.write(&path).unwrap();
        let first = fs::read(&path).unwrap();
        let read = StateDict::read(&path).unwrap();
        assert_eq!(read.len(), weights.len(), "{extension}");
        for (name, array) in weights.iter() {
            let read = read.get(name).unwrap();
            assert_eq!(read.shape(), array.shape(), "{extension}: {name}");
            assert_eq!(bits(read), bits(array), "{extension}: {name}");
        }
        weights.write(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), first, "{extension}: equal weights, another file");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 7, "a temporary file was left");
}

#[test]
fn metadata_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let weights = awkward().with_metadata("accuracy", "98.4 %").with_metadata("data", "MNIST");
    weights.write(&path).unwrap();
    let read = StateDict::read(&path).unwrap();
    assert_eq!(read.metadata["accuracy"], "98.4 %");
    assert_eq!(read.metadata.len(), 2);
    let theirs = StateDict::read(golden("weights/metadata.safetensors")).unwrap();
    assert_eq!(theirs.metadata["trained on"], "MNIST");
}

/// A safetensors file of numbers under these names.
fn safetensors_of(names: &[&str], metadata: &str) -> Vec<u8> {
    let entries = names.iter().enumerate().map(|(i, name)| {
        let (start, end) = (4 * i, 4 * i + 4);
        format!(r#""{name}":{{"dtype":"F32","shape":[],"data_offsets":[{start},{end}]}}"#)
    });
    let header = format!("{{{metadata}{}}}", entries.collect::<Vec<_>>().join(","));
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; 4 * names.len()]].concat()
}

/// Tensors named `optimizer.…` are weights like any others, but in a checkpoint; and a checkpoint has a checksum.
#[test]
fn only_a_checkpoint_has_tensors_beside_the_weights() {
    let names = ["fc.weight", "optimizer.exp_avg"];
    let read = StateDict::from_bytes(&safetensors_of(&names, "")).unwrap();
    assert_eq!(read.names().collect::<Vec<_>>(), names);
    let unsealed = r#""__metadata__":{"lenet.checkpoint":"{}"},"#;
    assert_refused(&safetensors_of(&names, unsealed), "a checkpoint without a checksum");
    let wrong = format!(r#""__metadata__":{{"lenet.sha256":"{}"}},"#, "0".repeat(64));
    assert_refused(&safetensors_of(&names, &wrong), "its checksum is wrong");
    let folder = tempfile::tempdir().unwrap();
    for key in ["lenet.checkpoint", "lenet.sha256"] {
        let weights = awkward().with_metadata(key, "");
        let error = weights.write(folder.path().join("net.safetensors")).unwrap_err();
        assert!(
            error.to_string().contains(&format!("only a checkpoint has, got {key}")),
            "{error}"
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_wrapping_a_model_puts_before_all_names_is_taken_away_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    for prefix in ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."] {
        let mut wrapped = StateDict::new();
        for (name, array) in awkward().iter() {
            wrapped.insert(format!("{prefix}{name}"), array.clone()).unwrap();
        }
        for extension in ["safetensors", "pt", "npz", "pdparams"] {
            let path = folder.path().join("net").with_extension(extension);
            wrapped.write(&path).unwrap();
            let read = StateDict::read(&path).unwrap();
            assert_eq!(read.len(), awkward().len());
            for (name, array) in awkward().iter() {
                let read =
                    read.get(name).unwrap_or_else(|| panic!("{prefix}{name} in {extension}"));
                assert_eq!(bits(read), bits(array), "{prefix}{name} in {extension}");
            }
        }
    }
    // Some of them are not all.
    let names = ["module.fc.weight", "fc.bias"];
    let read = StateDict::from_bytes(&safetensors_of(&names, "")).unwrap();
    assert_eq!(read.names().collect::<Vec<_>>(), names);
}

#[test]
fn nan_and_infinities_are_told_and_an_f64_beyond_f32_is_refused() {
    let found = awkward().non_finite();
    let found: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.nan, f.infinite)).collect();
    assert_eq!(found, [("fc.weight", 1, 2), ("fc.bias", 1, 2), ("conv.weight", 1, 2)]);

    let file = |value: f64| {
        let header = br#"{"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#;
        [&(header.len() as u64).to_le_bytes(), &header[..], &value.to_le_bytes()].concat()
    };
    assert_refused(&file(1e300), "x: a finite f64 value is too large for f32");
    let infinite = StateDict::from_bytes(&file(f64::INFINITY)).unwrap();
    assert_eq!(infinite.non_finite()[0].infinite, 1);
    assert_eq!(StateDict::from_bytes(&file(0.1)).unwrap().get("x").unwrap().values(), [0.1]);
}

#[test]
fn a_write_that_cannot_be_done_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let weights = awkward();
    for name in ["net", "net.tflite", "net.pt.bak", ".pt"] {
        let error = weights.write(folder.path().join(name)).unwrap_err();
        assert!(matches!(error, Error::UnknownForm { .. }), "{error}");
    }
    let error = weights.write(folder.path().join("no/net.pt")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    // A name that an archive cannot hold.
    let name = "../escape";
    let header = format!(r#"{{"{name}":{{"dtype":"F32","shape":[],"data_offsets":[0,4]}}}}"#);
    let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 4]].concat();
    let weights = StateDict::from_bytes(&bytes).unwrap();
    assert!(matches!(weights.write(folder.path().join("net.npz")), Err(Error::Invalid { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_no_file_is_not_read() {
    for path in ["/dev/zero", "/", "/nonexistent"] {
        let error = StateDict::read(path).unwrap_err();
        assert!(matches!(error, Error::Io { action: "read", .. }), "{path}: {error}");
    }
}
