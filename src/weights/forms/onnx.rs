//! ONNX, which holds a network with its weights: LeNet's graph, for onnxruntime and other runtimes. Written only.
//!
//! Reading would mean to take the weights out of a graph that may compute something else with them. Field numbers are
//! those of `onnx/onnx.proto`.

use super::{
    super::StateDict,
    checksum::CHECKSUM,
    fault::{Fault, Parsed},
};
use crate::protobuf::Message;

/// ONNX 1.12's, of 2022: new enough for each operator's present meaning, old enough for runtimes in use.
const OPSET: i64 = 17;
const IR_VERSION: i64 = 8;

/// The graph's input, `[n, 1, 32, 32]`, and output, `[n, 10]`.
const IMAGES: &str = "images";
const LOGITS: &str = "logits";

const DOC: &str = "LeNet-5. images: float32 [n, 1, 32, 32], from 0 (background) to 1 (ink). logits: float32 [n, 10], one \
                   for each digit, before softmax. n is free. The weights are named as in PyTorch's state_dict; \
                   DownSample's are [channels, 1, 1].";

/// [`LeNet`](crate::LeNet)'s layers in the order of its `forward`, under the names that they have as PyTorch modules; each
/// layer's output has that name in the graph.
const LAYERS: [(&str, Layer); 14] = [
    ("con_sam.0", Layer::Conv([6, 1])), // C1: 6@28x28
    ("con_sam.1", Layer::Tanh),
    ("con_sam.2", Layer::DownSample(6)), // S2: 6@14x14
    ("con_sam.3", Layer::Tanh),
    ("con_sam.4", Layer::Conv([16, 6])), // C3: 16@10x10
    ("con_sam.5", Layer::Tanh),
    ("con_sam.6", Layer::DownSample(16)), // S4: 16@5x5
    ("con_sam.7", Layer::Tanh),
    ("con_sam.8", Layer::Conv([120, 16])), // C5: 120@1x1
    ("con_sam.9", Layer::Tanh),
    ("con_sam.10", Layer::Flatten),
    ("fc.0", Layer::Linear([84, 120])), // F6
    ("fc.1", Layer::Tanh),
    ("fc.2", Layer::Linear([10, 84])),
];

#[derive(Clone, Copy)]
enum Layer {
    /// `[out, in]` channels, 5×5.
    Conv([usize; 2]),
    /// Channels.
    DownSample(usize),
    /// `[out, in]` features.
    Linear([usize; 2]),
    Tanh,
    Flatten,
}

impl Layer {
    /// What the layer's tensors are called after its name, and their shapes.
    fn parameters(self) -> Vec<(&'static str, Vec<usize>)> {
        match self {
            Layer::Conv([out, input]) => {
                vec![("weight", vec![out, input, 5, 5]), ("bias", vec![out])]
            }
            Layer::DownSample(channels) => {
                vec![("weight", vec![channels]), ("bias", vec![channels])]
            }
            Layer::Linear([out, input]) => vec![("weight", vec![out, input]), ("bias", vec![out])],
            Layer::Tanh | Layer::Flatten => vec![],
        }
    }

    /// The nodes that make `output` of `input`.
    fn nodes(self, name: &str, input: &str, output: &str) -> Vec<Message> {
        let weight = format!("{name}.weight");
        let bias = format!("{name}.bias");
        match self {
            Layer::Conv(_) => {
                let kernel = ints("kernel_shape", &[5, 5]);
                vec![node("Conv", &[input, &weight, &bias], output).message(5, kernel)]
            }
            Layer::DownSample(_) => {
                let pooled = format!("{name}.pooled");
                let scaled = format!("{name}.scaled");
                let window = [ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
                vec![
                    node("AveragePool", &[input], &pooled).messages(5, window),
                    node("Mul", &[&pooled, &weight], &scaled),
                    node("Add", &[&scaled, &bias], output),
                ]
            }
            Layer::Linear(_) => {
                let transposed = int("transB", 1);
                vec![node("Gemm", &[input, &weight, &bias], output).message(5, transposed)]
            }
            Layer::Tanh => vec![node("Tanh", &[input], output)],
            Layer::Flatten => vec![node("Flatten", &[input], output)],
        }
    }

    /// The shape that a tensor has in the file: ONNX broadcasts from the last axis, so that a value for each channel needs
    /// two more.
    fn stored(self, shape: &[usize]) -> Vec<usize> {
        match self {
            Layer::DownSample(channels) => vec![channels, 1, 1],
            _ => shape.to_vec(),
        }
    }
}

/// Whether `bytes` begin like a model: the version of the form, then the key of the next of `ModelProto`'s fields that is
/// there, `producer_name` to `opset_import`.
pub(super) fn is_model(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, 1..=0x7f, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42, ..])
}

/// `ModelProto { ir_version, producer_name, producer_version, doc_string, graph, opset_import, metadata_props }`.
pub(super) fn write(weights: &StateDict) -> Parsed<Vec<u8>> {
    // A checkpoint's checksum is of the file that it was read from.
    let metadata = weights.metadata.iter().filter(|(key, _)| *key != CHECKSUM);
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

/// `GraphProto { node, name, initializer, input, output }`.
fn graph(weights: &StateDict) -> Parsed<Message> {
    let mut nodes = vec![];
    let mut initializers = vec![];
    let mut expected = vec![];
    let mut input = IMAGES;
    for (name, layer) in LAYERS {
        let output = if name == "fc.2" { LOGITS } else { name };
        nodes.extend(layer.nodes(name, input, output));
        input = output;
        for (part, shape) in layer.parameters() {
            let name = format!("{name}.{part}");
            if let Some(array) = weights.get(&name) {
                initializers.push(initializer(&name, &layer.stored(&shape), &array.to_bytes()));
            }
            expected.push((name, shape));
        }
    }
    let mismatch = weights.mismatch(&expected);
    if !mismatch.is_empty() {
        let differences = mismatch.differences().join("; ");
        return Err(Fault(format!(
            "what is no LeNet, the one network that is written as ONNX: {differences}"
        )));
    }
    let graph = Message::default().messages(1, nodes).text(2, "LeNet").messages(5, initializers);
    Ok(graph.message(11, value(IMAGES, &[1, 32, 32])).message(12, value(LOGITS, &[10])))
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
