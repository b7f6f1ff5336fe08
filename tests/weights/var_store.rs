//! Weights from and to a libtorch model's variables.

use std::{collections::BTreeMap, env, fs, path::Path, process::Command};

use lenet::{
    Error, LeNet, Mnist,
    tch::{self, Device, Kind, Tensor, nn, nn::Init, nn::Module, no_grad},
    weights::{self, Array, StateDict},
};

use super::{FILES, TINY, assert_tiny, awkward, golden, tiny_value};

/// A model of the tiny network's shapes in which every value is 77.
fn tiny_model() -> nn::VarStore {
    let vs = nn::VarStore::new(Device::Cpu);
    for (name, shape) in TINY {
        let (layer, name) = name.split_once('.').unwrap();
        add(&vs, layer, name, shape);
    }
    vs
}

fn add(vs: &nn::VarStore, layer: &str, name: &str, shape: &[usize]) {
    let shape: Vec<_> = shape.iter().map(|&length| length as i64).collect();
    let _ = (vs.root() / layer).var(name, &shape, Init::Const(77.0));
}

/// Variables with these values.
fn model(weights: &StateDict) -> nn::VarStore {
    let vs = nn::VarStore::new(Device::Cpu);
    for (name, array) in weights.iter() {
        let (layer, name) = name.rsplit_once('.').unwrap();
        let path = layer.split('.').fold(vs.root(), |path, part| path / part);
        let _ = path.var_copy(name, &Tensor::try_from(array).unwrap());
    }
    vs
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    super::bits(&Array::try_from(tensor).unwrap())
}

fn model_bits(vs: &nn::VarStore) -> BTreeMap<String, Vec<u32>> {
    vs.variables().iter().map(|(name, tensor)| (name.clone(), bits(tensor))).collect()
}

/// Shows that loading a file that is refused leaves a model as it was.
#[track_caller]
pub fn assert_unchanged_by(bytes: &[u8]) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let mut vs = tiny_model();
    let before = model_bits(&vs);
    weights::load(&mut vs, file.path()).unwrap_err();
    assert_eq!(model_bits(&vs), before);
}

#[test]
fn a_model_loads_everything_that_pytorch_and_paddle_users_save() {
    for file in FILES.iter().flat_map(|(_, files)| *files) {
        let mut vs = tiny_model();
        weights::load(&mut vs, golden("weights").join(file)).unwrap();
        assert_tiny(&StateDict::from_var_store(&vs).unwrap(), file);
    }
    for file in ["lenet.pt", "lenet.pdparams"] {
        let mut vs = nn::VarStore::new(Device::Cpu);
        LeNet::new(&vs.root());
        let path = golden("weights").join(file);
        weights::load(&mut vs, &path).unwrap();
        let (loaded, read) =
            (StateDict::from_var_store(&vs).unwrap(), StateDict::read(path).unwrap());
        assert_eq!((loaded.len(), read.len()), (14, 14));
        assert!(loaded.iter().all(|(name, array)| read.get(name) == Some(array)), "{file}");
    }
}

#[test]
fn a_model_gives_and_takes_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let mut vs = model(&awkward());
    let before = model_bits(&vs);
    for (name, array) in awkward().iter() {
        assert_eq!(before[name], super::bits(array), "{name}");
    }
    for extension in ["safetensors", "pt", "npz", "pdparams"] {
        let path = folder.path().join("net").with_extension(extension);
        weights::save(&vs, &path).unwrap();
        for mut variable in vs.variables().into_values() {
            let _ = no_grad(|| variable.fill_(3.0));
        }
        weights::load(&mut vs, &path).unwrap();
        assert_eq!(model_bits(&vs), before, "{extension}");
    }
}

#[test]
fn a_tensor_that_is_no_row_major_f32_is_converted() {
    let tensor = Tensor::arange(6, (Kind::Double, Device::Cpu)).reshape([2, 3]).tr();
    let array = Array::try_from(&tensor).unwrap();
    assert_eq!((array.shape(), array.values()), (&[3, 2][..], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0][..]));
    assert_eq!(Tensor::try_from(&array).unwrap(), tensor.to_kind(Kind::Float));
    let error = Array::try_from(&tensor.to_kind(Kind::Int64)).unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
}

#[test]
fn a_model_is_saved_only_where_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let vs = tiny_model();
    let error = weights::save(&vs, folder.path().join("net.tflite")).unwrap_err();
    assert!(matches!(error, Error::UnknownForm { .. }), "{error}");
    let error = weights::save(&vs, folder.path().join("no/net.pt")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_order_is_the_models() {
    let folder = tempfile::tempdir().unwrap();
    let weights = StateDict::from_var_store(&tiny_model()).unwrap();
    assert_eq!(weights.names().collect::<Vec<_>>(), TINY.map(|(name, _)| name));
    let path = folder.path().join("net.pt");
    weights.write(&path).unwrap();
    assert_eq!(
        StateDict::read(&path).unwrap().names().collect::<Vec<_>>(),
        TINY.map(|(name, _)| name)
    );
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

    let partial = |shape: &[usize], bias: bool| {
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

/// Writes models, images and this crate's logits, which `tests/weights/run_onnx.py` compares with onnxruntime's.
#[test]
#[ignore = "needs onnxruntime: scripts/check-onnx"]
fn onnxruntime_gives_the_same_logits() {
    tch::set_num_threads(1); // as the other tests
    let python = env::var_os("LENET_ONNX_PYTHON").unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let images = Mnist::open(root.join("data/mnist")).unwrap().test.first(64).images();
    images.write_npy(folder.path().join("images.npy")).unwrap();
    for (name, file) in
        [("lenet", golden("weights/lenet.pt")), ("mnist", root.join("weights/mnist.safetensors"))]
    {
        let weights = StateDict::read(file).unwrap();
        weights.write(folder.path().join(name).with_extension("onnx")).unwrap();
        let mut vs = nn::VarStore::new(Device::Cpu);
        let net = LeNet::new(&vs.root());
        weights.load_into(&mut vs).unwrap();
        for n in [1, 64] {
            let batches = images.split(n, 0);
            let logits: Vec<_> =
                no_grad(|| batches.iter().map(|batch| net.forward(batch)).collect());
            let logits = Tensor::cat(&logits, 0);
            logits.write_npy(folder.path().join(format!("{name}-{n}.npy"))).unwrap();
        }
    }
    let script = root.join("tests/weights/run_onnx.py");
    let status = Command::new(python).arg(script).arg(folder.path()).status().unwrap();
    assert!(status.success(), "see above");
}
