//! Weights in and out: what PyTorch, NumPy, safetensors and Paddle wrote, what is written here, and what is refused.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use lenet::{
    Error, LeNet,
    tch::{Device, Kind, Tensor, nn, nn::Init, no_grad},
    weights::{self, Form, StateDict},
};
use safetensors::SafeTensors;

#[path = "weights/damage.rs"]
mod damage;
#[path = "weights/onnx.rs"]
mod onnx;
#[path = "weights/pickles.rs"]
mod pickles;
#[path = "weights/zips.rs"]
mod zips;

/// The tiny network of tests/golden/make_weights.py.
const TINY: [(&str, &[i64]); 4] = [
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

/// A model of the tiny network's shapes in which every value is 77.
fn tiny_model() -> nn::VarStore {
    let vs = nn::VarStore::new(Device::Cpu);
    for (name, shape) in TINY {
        let (layer, name) = name.split_once('.').unwrap();
        add(&vs, layer, name, shape);
    }
    vs
}

fn add(vs: &nn::VarStore, layer: &str, name: &str, shape: &[i64]) {
    let _ = (vs.root() / layer).var(name, shape, Init::Const(77.0));
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    let values: Vec<f32> = tensor.detach().reshape([-1]).try_into().unwrap();
    values.into_iter().map(f32::to_bits).collect()
}

fn model_bits(vs: &nn::VarStore) -> BTreeMap<String, Vec<u32>> {
    vs.variables().iter().map(|(name, tensor)| (name.clone(), bits(tensor))).collect()
}

#[track_caller]
fn assert_tiny(weights: &StateDict, file: &str) {
    assert_eq!(weights.len(), TINY.len(), "{file}");
    for (k, (name, shape)) in TINY.into_iter().enumerate() {
        let tensor = weights.get(name).unwrap_or_else(|| panic!("{file}: no {name}"));
        assert_eq!(
            (tensor.kind(), tensor.size().as_slice()),
            (Kind::Float, shape),
            "{file}: {name}"
        );
        let expected: Vec<_> = (0..tensor.numel()).map(|i| tiny_value(k, i).to_bits()).collect();
        assert_eq!(bits(tensor), expected, "{file}: {name}");
    }
}

/// The message of the refusal; and shows that a model is as it was after it.
#[track_caller]
fn refusal(bytes: &[u8]) -> String {
    let message = match StateDict::from_bytes(bytes) {
        Ok(weights) => panic!("taken: {:?}", weights.names().collect::<Vec<_>>()),
        Err(error @ (Error::Malformed { .. } | Error::UnknownForm { .. })) => error.to_string(),
        Err(other) => panic!("another kind of error: {other}"),
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let mut vs = tiny_model();
    let before = model_bits(&vs);
    weights::load(&mut vs, file.path()).unwrap_err();
    assert_eq!(model_bits(&vs), before);
    message
}

#[track_caller]
fn assert_refused(bytes: &[u8], why: &str) {
    let message = refusal(bytes);
    assert!(message.contains(why), "{message:?} does not say {why:?}");
}

#[test]
fn everything_that_pytorch_and_paddle_users_save_opens() {
    let torch = [
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
    ];
    let paddle = [
        "protocol_2.pdparams",
        "protocol_3.pdparams",
        "protocol_4.pdparams",
        "checkpoint_2.pdparams",
        "checkpoint_3.pdparams",
        "checkpoint_4.pdparams",
        "numpy_1_protocol_2.pdparams",
        "numpy_1_protocol_4.pdparams",
    ];
    let groups: [(Form, &[&str]); 4] = [
        (Form::Torch, &torch),
        (Form::Paddle, &paddle),
        (Form::Npz, &["savez.npz", "compressed.npz", "mixed.npz"]),
        (Form::Safetensors, &["metadata.safetensors", "mixed.safetensors"]),
    ];
    for (form, files) in groups {
        for file in files {
            let weights = StateDict::read(golden("weights").join(file)).unwrap();
            assert_eq!(weights.form(), Some(form), "{file}");
            assert_tiny(&weights, file);
            let mut vs = tiny_model();
            weights::load(&mut vs, golden("weights").join(file)).unwrap();
            assert_tiny(&StateDict::from_var_store(&vs).unwrap(), file);
        }
    }
}

#[test]
fn what_is_not_floating_point_weights_is_refused_by_name() {
    for (file, why) in [
        ("integers.pt", "batches: dtype Long"),
        ("integers.npz", "batches.npy: dtype <i8"),
        ("integers.safetensors", "batches: dtype I64"),
        ("bf16.pdparams", "Paddle saves bfloat16 so"),
        ("big_endian.npz", "big-endian"),
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
        let mut vs = nn::VarStore::new(Device::Cpu);
        LeNet::new(&vs.root());
        weights::load(&mut vs, golden("weights").join(file)).unwrap();
        for (name, variable) in vs.variables() {
            let expected = record.tensor(&format!("weights.{name}")).unwrap();
            let expected = expected.data().as_chunks().0.iter().map(|&b| u32::from_le_bytes(b));
            assert_eq!(bits(&variable), expected.collect::<Vec<_>>(), "{file}: {name}");
        }
    }
}

/// Values that a careless copy would change.
fn awkward() -> nn::VarStore {
    let vs = nn::VarStore::new(Device::Cpu);
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
    let values = Tensor::from_slice(&patterns.map(f32::from_bits));
    let root = vs.root();
    let _ = (&root / "fc").var_copy("weight", &values.reshape([2, 4]));
    let _ = (&root / "fc").var_copy("bias", &values);
    let _ = (&root / "square").var_copy("weight", &values.get(7).reshape([1, 1]));
    let _ = (&root / "conv").var_copy("weight", &values.reshape([2, 1, 2, 2]));
    let _ = (&root / "scale").var_copy("weight", &values.get(6));
    let _ =
        (&root / "empty").var_copy("weight", &Tensor::zeros([0, 3], (Kind::Float, Device::Cpu)));
    vs
}

#[test]
fn each_form_gives_back_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let mut vs = awkward();
    let before = model_bits(&vs);
    for extension in ["safetensors", "pt", "pth", "bin", "npz", "pdparams", "PT"] {
        let path = folder.path().join("net").with_extension(extension);
        weights::save(&vs, &path).unwrap();
        let first = fs::read(&path).unwrap();
        for mut variable in vs.variables().into_values() {
            let _ = no_grad(|| variable.fill_(3.0));
        }
        weights::load(&mut vs, &path).unwrap();
        assert_eq!(model_bits(&vs), before, "{extension}");
        weights::save(&vs, &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), first, "{extension}: equal weights, another file");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 7, "a temporary file was left");
}

#[test]
fn the_order_is_the_models_and_metadata_stays() {
    let folder = tempfile::tempdir().unwrap();
    let weights = StateDict::from_var_store(&tiny_model()).unwrap();
    assert_eq!(weights.names().collect::<Vec<_>>(), TINY.map(|(name, _)| name));
    let path = folder.path().join("net.pt");
    weights.write(&path).unwrap();
    assert_eq!(
        StateDict::read(&path).unwrap().names().collect::<Vec<_>>(),
        TINY.map(|(name, _)| name)
    );

    let path = folder.path().join("net.safetensors");
    weights
        .with_metadata("accuracy", "98.4 %")
        .with_metadata("data", "MNIST")
        .write(&path)
        .unwrap();
    let read = StateDict::read(&path).unwrap();
    assert_eq!(read.metadata["accuracy"], "98.4 %");
    assert_eq!(read.metadata.len(), 2);
    let theirs = StateDict::read(golden("weights/metadata.safetensors")).unwrap();
    assert_eq!(theirs.metadata["trained on"], "MNIST");
}

#[test]
fn a_mismatch_lists_everything_and_changes_nothing() {
    let mut vs = tiny_model();
    add(&vs, "extra", "scale", &[1]);
    let before = model_bits(&vs);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.pt");
    let other = nn::VarStore::new(Device::Cpu);
    add(&other, "conv", "weight", &[2, 1, 3, 3]);
    add(&other, "fc", "weight", &[4, 3]);
    add(&other, "fc", "bias", &[1, 3]);
    add(&other, "head", "bias", &[3]);
    weights::save(&other, &path).unwrap();

    let Err(Error::StateDict(mismatch)) = weights::load(&mut vs, &path) else { panic!("taken") };
    assert_eq!(mismatch.path, path);
    assert_eq!(mismatch.missing, ["conv.bias", "extra.scale"]);
    assert_eq!(mismatch.unexpected, ["head.bias"]);
    let unfit = |name: &str, expected: &str, got: &str| (name.into(), expected.into(), got.into());
    assert_eq!(
        mismatch.unfit,
        [unfit("fc.bias", "[3]", "[1, 3]"), unfit("fc.weight", "[3, 4]", "[4, 3]")]
    );
    assert_eq!(model_bits(&vs), before);
    let message = Error::StateDict(mismatch).to_string();
    for part in [
        "missing: conv.bias, extra.scale",
        "unexpected: head.bias",
        "fc.weight: expected [3, 4], got [4, 3]",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn each_kind_of_mismatch_is_enough() {
    let file = golden("weights/state_dict.pt");
    let refused = |change: fn(&nn::VarStore)| {
        let mut vs = tiny_model();
        change(&vs);
        let before = model_bits(&vs);
        let Err(Error::StateDict(mismatch)) = weights::load(&mut vs, &file) else {
            panic!("taken")
        };
        assert_eq!(model_bits(&vs), before);
        [mismatch.missing.len(), mismatch.unexpected.len(), mismatch.unfit.len()]
    };
    assert_eq!(refused(|vs| add(vs, "extra", "scale", &[1])), [1, 0, 0]);

    let partial = |shape: &[i64], bias: bool| {
        let vs = nn::VarStore::new(Device::Cpu);
        add(&vs, "conv", "weight", &[2, 1, 3, 3]);
        add(&vs, "conv", "bias", &[2]);
        add(&vs, "fc", "weight", shape);
        if bias {
            add(&vs, "fc", "bias", &[3]);
        }
        vs
    };
    for (mut vs, lists) in [(partial(&[3, 4], false), [0, 1, 0]), (partial(&[12], true), [0, 0, 1])]
    {
        let before = model_bits(&vs);
        let Err(Error::StateDict(mismatch)) = weights::load(&mut vs, &file) else {
            panic!("taken: {lists:?}")
        };
        assert_eq!(
            [mismatch.missing.len(), mismatch.unexpected.len(), mismatch.unfit.len()],
            lists
        );
        assert_eq!(model_bits(&vs), before);
    }
}

#[test]
fn loading_writes_into_the_variables_memory() {
    let mut vs = tiny_model();
    let flat = Tensor::full([35], 77.0, (Kind::Float, Device::Cpu));
    let mut start = 0;
    for mut variable in vs.trainable_variables() {
        let length = variable.numel() as i64;
        let view = flat.narrow(0, start, length).view_as(&variable);
        variable.set_data(&view);
        start += length;
    }
    weights::load(&mut vs, golden("weights/state_dict.pt")).unwrap();
    let expected: Vec<_> = [18, 2, 12, 3]
        .into_iter()
        .enumerate()
        .flat_map(|(k, count)| (0..count).map(move |i| tiny_value(k, i).to_bits()))
        .collect();
    assert_eq!(bits(&flat), expected);
    assert!(vs.trainable_variables().iter().all(Tensor::requires_grad));
}

#[test]
fn a_model_in_another_type_takes_and_gives_f32() {
    let mut vs = tiny_model();
    vs.double();
    weights::load(&mut vs, golden("weights/bf16.pt")).unwrap();
    assert!(vs.variables().values().all(|variable| variable.kind() == Kind::Double));
    assert_tiny(&StateDict::from_var_store(&vs).unwrap(), "f64 model");

    let vs = nn::VarStore::new(Device::Cpu);
    let _ = vs.root().add("steps", Tensor::from_slice(&[1_i64]), false);
    assert!(matches!(StateDict::from_var_store(&vs), Err(Error::Invalid { .. })));
}

#[test]
fn nan_and_infinities_are_told_and_an_f64_beyond_f32_is_refused() {
    let weights = StateDict::from_var_store(&awkward()).unwrap();
    let found = weights.non_finite().unwrap();
    let found: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.nan, f.infinite)).collect();
    assert_eq!(found, [("fc.weight", 1, 2), ("fc.bias", 1, 2), ("conv.weight", 1, 2)]);

    let file = |value: f64| {
        let header = br#"{"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#;
        [&(header.len() as u64).to_le_bytes(), &header[..], &value.to_le_bytes()].concat()
    };
    assert_refused(&file(1e300), "x: a finite f64 value is too large for f32");
    assert_eq!(
        StateDict::from_bytes(&file(f64::INFINITY)).unwrap().non_finite().unwrap()[0].infinite,
        1
    );
    assert_eq!(
        StateDict::from_bytes(&file(0.1)).unwrap().get("x").unwrap().double_value(&[0]),
        f64::from(0.1_f32)
    );
}

#[test]
fn a_write_that_cannot_be_done_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let vs = tiny_model();
    for name in ["net", "net.tflite", "net.pt.bak", ".pt"] {
        assert!(matches!(
            weights::save(&vs, folder.path().join(name)),
            Err(Error::UnknownForm { .. })
        ));
    }
    assert!(matches!(weights::save(&vs, folder.path().join("no/net.pt")), Err(Error::Io { .. })));
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
    let mut vs = tiny_model();
    for path in ["/dev/zero", "/", "/nonexistent"] {
        assert!(
            matches!(weights::load(&mut vs, path), Err(Error::Io { action: "read", .. })),
            "{path}"
        );
    }
}
