//! An ONNX model: how long its fields beside the graph are (a byte), these fields, and the graph. The weights of convolutions
//! and Linears, which are too large for a fuzzer to handle, are added: as one number each, and where the graph passes with those
//! as they have to be. All of them each time would take a hundred times as long.
#![no_main]

mod read;

use lenet::{
    network::{LAYERS, LayerKind},
    weights::StateDict,
};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static NUMBERS: LazyLock<Vec<u8>> = LazyLock::new(|| initializers(|_| vec![]));
static WEIGHTS: LazyLock<Vec<u8>> = LazyLock::new(|| initializers(|shape| shape));

/// `GraphProto { initializer }`, with these shapes in place of a LeNet's.
fn initializers(stated: fn(Vec<usize>) -> Vec<usize>) -> Vec<u8> {
    let mut initializers = vec![];
    for layer in LAYERS {
        if matches!(layer.kind, LayerKind::DownSample { .. }) {
            continue; // each export has them in another shape
        }
        for (name, shape) in layer.tensors() {
            let shape = stated(shape);
            let numbers = vec![0; 4 * shape.iter().product::<usize>()];
            let mut tensor: Vec<u8> =
                shape.iter().flat_map(|&length| [0x08, length as u8]).collect();
            tensor.extend([0x10, 1]);
            tensor.extend([field(8, name.as_bytes()), field(9, &numbers)].concat());
            initializers.extend(field(5, &tensor));
        }
    }
    initializers
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    [&bytes, content].concat()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&beside, bytes)) = bytes.split_first() else { return };
    let Some((beside, graph)) = bytes.split_at_checked(beside.into()) else { return };
    let model = |weights: &[u8]| [beside, &field(7, &[graph, weights].concat())].concat();
    match StateDict::from_bytes(&model(&NUMBERS)) {
        // The graph was followed to its end; what differs are the shapes.
        Err(error) if error.to_string().contains("no LeNet: ") => read::read(&model(&WEIGHTS)),
        _ => {}
    }
});
