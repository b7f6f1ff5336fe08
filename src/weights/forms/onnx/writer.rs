//! LeNet's graph and weights as a model.

use super::super::{
    super::{Array, StateDict},
    fault::{Fault, Parsed},
};
use crate::{
    network::{self, KERNEL, LAYERS, Layer, LayerKind, WINDOW},
    protobuf::Message,
};

/// ONNX 1.12's, of 2022: new enough for each operator's present meaning, old enough for runtimes in use.
const OPSET: i64 = 17;
const IR_VERSION: i64 = 8;

/// The graph's input, `[n, 1, 32, 32]`, and output, `[n, 10]`.
const IMAGES: &str = "images";
const LOGITS: &str = "logits";

const DOC: &str = "LeNet-5. images: float32 [n, 1, 32, 32], from 0 (background) to 1 (ink). logits: float32 [n, 10], one \
                   for each digit, before softmax. n is free. The weights are named as in PyTorch's state_dict; \
                   DownSample's are [channels, 1, 1].";

/// `ModelProto { ir_version, producer_name, producer_version, doc_string, graph, opset_import, metadata_props }`.
pub(in super::super) fn write(weights: &StateDict) -> Parsed<Vec<u8>> {
    let metadata = weights.metadata.iter();
    let metadata = metadata.map(|(key, value)| Message::default().text(1, key).text(2, value));
    let model = Message::default()
        .int(1, IR_VERSION)
        .text(2, env!("CARGO_PKG_NAME"))
        .text(3, env!("CARGO_PKG_VERSION"))
        .text(6, DOC)
        .message(7, graph(weights)?)
        .message(8, Message::default().int(2, OPSET))
        .messages(14, metadata);
    Ok(model.into_bytes())
}

/// `GraphProto { node, name, initializer, input, output }`. Each node's output has the name that PyTorch's module has.
fn graph(weights: &StateDict) -> Parsed<Message> {
    let expected = network::state_dict();
    let mismatch = weights.mismatch(&expected);
    if !mismatch.is_empty() {
        let differences = mismatch.differences().join("; ");
        return Err(Fault(format!(
            "what is no LeNet, the one network that is written as ONNX: {differences}"
        )));
    }
    let mut nodes = vec![];
    let mut initializers = vec![];
    let mut input = IMAGES.to_owned();
    for layer in &LAYERS {
        let output = if layer.tanh { layer.key } else { LOGITS };
        nodes.extend(layer_nodes(layer, &input, output));
        input = output.into();
        let becomes_vector = layer.side == 1 && layer.input_side > 1;
        let followers = [("Tanh", layer.tanh), ("Flatten", becomes_vector)];
        for ((operator, _), place) in followers.into_iter().filter(|(_, there)| *there).zip(1..) {
            let output = module_after(layer.key, place);
            nodes.push(node(operator, &[&input], &output));
            input = output;
        }
        for (name, shape) in layer.tensors() {
            let bytes = weights.get(&name).map(Array::to_bytes).unwrap_or_default();
            initializers.push(initializer(&name, &stored(layer, shape), &bytes));
        }
    }
    let graph = Message::default().messages(1, nodes).text(2, "LeNet").messages(5, initializers);
    Ok(graph.message(11, value(IMAGES, &[1, 32, 32])).message(12, value(LOGITS, &[10])))
}

/// The nodes that make `output` of `input`, without the layer's tanh.
fn layer_nodes(layer: &Layer, input: &str, output: &str) -> Vec<Message> {
    let key = layer.key;
    let (weight, bias) = (format!("{key}.weight"), format!("{key}.bias"));
    match layer.kind {
        LayerKind::Convolution { .. } => {
            let kernel = ints("kernel_shape", &[KERNEL as i64; 2]);
            vec![node("Conv", &[input, &weight, &bias], output).message(5, kernel)]
        }
        LayerKind::DownSample { .. } => {
            let (pooled, scaled) = (format!("{key}.pooled"), format!("{key}.scaled"));
            let window = ["kernel_shape", "strides"].map(|name| ints(name, &[WINDOW as i64; 2]));
            vec![
                node("AveragePool", &[input], &pooled).messages(5, window),
                node("Mul", &[&pooled, &weight], &scaled),
                node("Add", &[&scaled, &bias], output),
            ]
        }
        LayerKind::Linear { .. } => {
            let transposed = int("transB", 1);
            vec![node("Gemm", &[input, &weight, &bias], output).message(5, transposed)]
        }
    }
}

/// The module `place` behind the one of this name in its `Sequential`: `con_sam.1` behind `con_sam.0`.
fn module_after(key: &str, place: usize) -> String {
    let (sequential, index) = key.split_once('.').unwrap_or((key, "0"));
    let index: usize = index.parse().unwrap_or_default();
    format!("{sequential}.{}", index + place)
}

/// The shape that a tensor has in the file: ONNX broadcasts from the last axis, so that a value for each channel needs two more.
fn stored(layer: &Layer, shape: Vec<usize>) -> Vec<usize> {
    match layer.kind {
        LayerKind::DownSample { channels } => vec![channels, 1, 1],
        _ => shape,
    }
}

/// `NodeProto { input, output, name, op_type }`; field 5 are its attributes.
fn node(operator: &str, inputs: &[&str], output: &str) -> Message {
    let node = inputs.iter().fold(Message::default(), |node, input| node.text(1, input));
    node.text(2, output).text(3, output).text(4, operator)
}

/// `AttributeProto { name, i, type }`.
fn int(name: &str, value: i64) -> Message {
    Message::default().text(1, name).int(3, value).int(20, 2)
}

/// `AttributeProto { name, ints, type }`.
fn ints(name: &str, values: &[i64]) -> Message {
    Message::default().text(1, name).ints(8, values).int(20, 7)
}

/// `TensorProto { dims, data_type, name, raw_data }`, of floats.
fn initializer(name: &str, shape: &[usize], data: &[u8]) -> Message {
    let shape: Vec<_> = shape.iter().map(|&length| length as i64).collect();
    Message::default().ints(1, &shape).int(2, FLOAT).text(8, name).bytes(9, data)
}

/// `ValueInfoProto { name, type }`: floats, any number of `shape`.
fn value(name: &str, shape: &[i64]) -> Message {
    let batch = Message::default().text(2, "n");
    let sizes = shape.iter().map(|&size| Message::default().int(1, size));
    let shape = Message::default().message(1, batch).messages(1, sizes);
    let tensor = Message::default().int(1, FLOAT).message(2, shape);
    Message::default().text(1, name).message(2, Message::default().message(1, tensor))
}

/// `TensorProto.DataType`.
const FLOAT: i64 = 1;
