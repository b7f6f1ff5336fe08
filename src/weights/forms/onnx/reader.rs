//! The weights of a graph that computes a LeNet.
//!
//! The graph is followed from its input to its output. Each node has to be the network's next operation, on what the one
//! before it gave, with the attributes that a LeNet has; so the weights are told by where they are used, not by their names,
//! and nothing is taken out of a graph that computes something else. The post's `DownSample` goes over its channels in a
//! loop, which an export unrolls: each channel is gathered, multiplied and added to by numbers, and all are put together.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use super::super::{
    super::{Array, StateDict},
    dtype::{Dtype, Element, checked_shape, not_floating},
    fault::{Fault, Parsed},
};
use crate::{
    network::{self, KERNEL, LAYERS, Layer, LayerKind, WINDOW},
    protobuf::{Field, Fields},
};

/// The versions of the operators that have the attributes and inputs checked here.
const OPSETS: std::ops::RangeInclusive<i64> = 13..=26;

/// One operation of the network.
#[derive(Clone, Copy)]
enum Operation {
    Convolve(&'static Layer),
    Pool,
    Scale(&'static Layer),
    Shift(&'static Layer),
    Tanh,
    Flatten,
    Multiply(&'static Layer),
}

/// The network's operations, in order.
fn operations() -> Vec<Operation> {
    let mut operations = vec![];
    for layer in &LAYERS {
        match layer.kind {
            LayerKind::Convolution { .. } => operations.push(Operation::Convolve(layer)),
            LayerKind::DownSample { .. } => {
                let scaled = [Operation::Scale(layer), Operation::Shift(layer)];
                operations.extend([&[Operation::Pool][..], &scaled].concat());
            }
            LayerKind::Linear { .. } => operations.push(Operation::Multiply(layer)),
        }
        if layer.tanh {
            operations.push(Operation::Tanh);
        }
        if layer.side == 1 && layer.input_side > 1 {
            operations.push(Operation::Flatten);
        }
    }
    operations
}

/// What a name in the graph stands for.
#[derive(Clone)]
enum Value {
    /// Numbers that the file has.
    Constant(Rc<Constant>),
    /// What the network's first operations, so many of them, make of the images.
    Maps(usize),
    /// One channel of that, and whether it still has an axis for the channels.
    Channel { done: usize, channel: usize, axis: bool },
}

enum Constant {
    Numbers(Array),
    Integers { shape: Vec<usize>, values: Vec<i64> },
}

pub(in super::super) fn read(bytes: &[u8]) -> Parsed<StateDict> {
    let mut weights = StateDict::default();
    let mut graph = None;
    for field in Fields::of(bytes) {
        match field? {
            (7, Field::Bytes(bytes)) if graph.is_none() => graph = Some(bytes),
            (8, Field::Bytes(opset)) => check_opset(opset)?,
            (14, Field::Bytes(entry)) => {
                let (key, value) = (text(entry, 1)?, text(entry, 2)?);
                if weights.metadata.insert(key.into(), value.into()).is_some() {
                    return Err(format!("two entries of metadata are named {key:?}").into());
                }
            }
            (number @ (7 | 20 | 25), _) => {
                return Err(format!("field {number} of the model is not a LeNet's").into());
            }
            _ => {}
        }
    }
    Graph::read(graph.ok_or("there is no graph in it")?, &mut weights)?;
    let mismatch = weights.mismatch(&network::state_dict());
    match mismatch.is_empty() {
        true => Ok(weights),
        false => Err(Fault(format!("no LeNet: {}", mismatch.differences().join("; ")))),
    }
}

fn check_opset(opset: &[u8]) -> Parsed<()> {
    let version = ints(opset, 2)?.pop().unwrap_or_default();
    if text(opset, 1)?.is_empty() && !OPSETS.contains(&version) {
        return Err(format!("opset {version}; read are {OPSETS:?}").into());
    }
    Ok(())
}

struct Graph<'a, 'w> {
    operations: Vec<Operation>,
    values: HashMap<&'a str, Value>,
    /// The scales and shifts of single channels, by the tensor's name.
    channels: BTreeMap<String, Vec<Option<f32>>>,
    weights: &'w mut StateDict,
}

impl<'a> Graph<'a, '_> {
    fn read(bytes: &'a [u8], weights: &mut StateDict) -> Parsed<()> {
        let mut graph = Graph {
            operations: operations(),
            values: HashMap::new(),
            channels: BTreeMap::new(),
            weights,
        };
        let (mut nodes, mut inputs, mut outputs) = (vec![], vec![], vec![]);
        for field in Fields::of(bytes) {
            match field? {
                (1, Field::Bytes(node)) => nodes.push(node),
                (5, Field::Bytes(tensor)) => {
                    let value = Value::Constant(Rc::new(constant(tensor)?));
                    graph.define(text(tensor, 8)?, value)?;
                }
                (11, Field::Bytes(input)) => inputs.push(text(input, 1)?),
                (12, Field::Bytes(output)) => outputs.push(text(output, 1)?),
                (15, _) => return Err("a sparse initializer, which a LeNet has not".into()),
                _ => {}
            }
        }
        // Old exports list the initializers as inputs, too.
        inputs.retain(|name| !graph.values.contains_key(name));
        let ([images], [logits]) = (&inputs[..], &outputs[..]) else {
            return Err("the graph has not one input and one output".into());
        };
        graph.define(images, Value::Maps(0))?;
        for node in nodes {
            let node = Node::parse(node)?;
            graph.node(&node).map_err(|fault| fault.at(format_args!("node {}", node.output)))?;
        }
        match graph.values.get(logits) {
            Some(&Value::Maps(done)) if done == graph.operations.len() => graph.join_channels(),
            _ => Err(format!("the output {logits} is not what a LeNet gives").into()),
        }
    }

    fn define(&mut self, name: &'a str, value: Value) -> Parsed<()> {
        match self.values.insert(name, value) {
            None => Ok(()),
            Some(_) => Err(format!("two values are named {name}").into()),
        }
    }

    /// Follows one node: what it gives, from what its inputs are.
    fn node(&mut self, node: &Node<'a>) -> Parsed<()> {
        let mut inputs = vec![];
        for name in &node.inputs {
            let value = self.values.get(name).ok_or_else(|| format!("there is no value {name}"))?;
            inputs.push(value.clone());
        }
        let value = match (node.operator, inputs.as_slice()) {
            ("Constant", []) => {
                let tensor = node.attributes.iter().find(|attribute| attribute.name == "value");
                let tensor =
                    tensor.and_then(|attribute| attribute.tensor).ok_or("it has no value")?;
                Value::Constant(Rc::new(constant(tensor)?))
            }
            ("Identity", [value]) => value.clone(),
            ("Gather", [Value::Maps(done), Value::Constant(index)]) => {
                node.check(&[("axis", 1)], &["axis"])?;
                match (self.operations.get(*done), &**index) {
                    (Some(Operation::Scale(_)), Constant::Integers { shape, values })
                        if shape.is_empty() =>
                    {
                        let channel = values.first().and_then(|&channel| channel.try_into().ok());
                        let channel = channel.ok_or("a channel below 0")?;
                        Value::Channel { done: *done, channel, axis: false }
                    }
                    _ => return Err("a channel is taken where no DownSample is".into()),
                }
            }
            (
                "Mul" | "Add",
                [value, Value::Constant(constant)] | [Value::Constant(constant), value],
            ) => {
                node.check(&[], &[])?;
                self.scale(node.operator, value, constant)?
            }
            (
                "Unsqueeze",
                &[Value::Channel { done, channel, axis: false }, Value::Constant(ref axes)],
            ) if matches!(&**axes, Constant::Integers { values, .. } if values == &[1]) => {
                node.check(&[], &[])?;
                Value::Channel { done, channel, axis: true }
            }
            ("Concat", [Value::Channel { done, .. }, ..]) => {
                node.check(&[("axis", 1)], &["axis"])?;
                let channels = match done
                    .checked_sub(1)
                    .and_then(|shift| self.operations.get(shift))
                {
                    Some(Operation::Shift(layer)) => layer.maps(),
                    _ => return Err("channels are put together where no DownSample ends".into()),
                };
                let in_order = inputs.iter().zip(0..).all(|(input, number)| {
                    let &Value::Channel { done: other, channel, axis } = input else {
                        return false;
                    };
                    (other, channel, axis) == (*done, number, true)
                });
                if !in_order || inputs.len() != channels {
                    return Err(format!("it has not the {channels} channels in order").into());
                }
                Value::Maps(*done)
            }
            (_, [Value::Maps(done), constants @ ..]) => {
                let operation = self.operations.get(*done).copied();
                self.operation(node, operation, constants)?;
                Value::Maps(done + 1)
            }
            (operator, _) => {
                return Err(format!("{operator} is not a LeNet's, or not there").into());
            }
        };
        self.define(node.output, value)
    }

    /// Checks a node that is a whole operation of the network, and takes its weights.
    fn operation(
        &mut self,
        node: &Node<'_>,
        operation: Option<Operation>,
        constants: &[Value],
    ) -> Parsed<()> {
        let (kernel, window) = (KERNEL as i64, WINDOW as i64);
        match (operation, node.operator, constants) {
            (Some(Operation::Convolve(layer)), "Conv", [weight, bias]) => {
                let plain = [("strides", 1), ("dilations", 1), ("group", 1), ("pads", 0)];
                node.check(&[&plain[..], &[("kernel_shape", kernel)]].concat(), &[])?;
                self.take(layer, "weight", weight, false)?;
                self.take(layer, "bias", bias, false)
            }
            (Some(Operation::Pool), "AveragePool", []) => {
                let windows = [("kernel_shape", window), ("strides", window)];
                let plain = [("dilations", 1), ("pads", 0), ("ceil_mode", 0)];
                let irrelevant = [("count_include_pad", 1)]; // nothing is padded
                node.check(
                    &[&windows[..], &plain, &irrelevant].concat(),
                    &["kernel_shape", "strides"],
                )
            }
            (Some(Operation::Tanh), "Tanh", []) => node.check(&[], &[]),
            (Some(Operation::Flatten), "Flatten", []) => node.check(&[("axis", 1)], &[]),
            (Some(Operation::Flatten), "Reshape", [Value::Constant(shape)]) => {
                node.check(&[("allowzero", 1)], &[])?;
                match &**shape {
                    // The images, and C5's outputs.
                    Constant::Integers { values, .. } if matches!(values[..], [_, 120]) => Ok(()),
                    _ => Err("it is not to vectors of 120".into()),
                }
            }
            (Some(Operation::Multiply(layer)), "Gemm", [weight, bias]) => {
                let transposed = node.int("transB");
                node.check(&[("transA", 0), ("transB", transposed)], &[])?;
                self.take(layer, "weight", weight, transposed == 0)?;
                self.take(layer, "bias", bias, false)
            }
            (_, operator, _) => Err(format!("{operator} is not what follows in a LeNet").into()),
        }
    }

    fn take(&mut self, layer: &Layer, what: &str, value: &Value, transpose: bool) -> Parsed<()> {
        let Value::Constant(constant) = value else {
            return Err(format!("its {what} is computed").into());
        };
        let Constant::Numbers(array) = &**constant else {
            return Err(format!("its {what} is of integers").into());
        };
        let array = if transpose { array.transposed() } else { array.clone() };
        Ok(self.weights.insert(format!("{}.{what}", layer.key), array)?)
    }

    /// `Mul` and `Add` of a `DownSample`: of all channels, or of one.
    fn scale(&mut self, operator: &str, value: &Value, constant: &Constant) -> Parsed<Value> {
        let Constant::Numbers(array) = constant else { return Err("by integers".into()) };
        let done = match value {
            Value::Maps(done) | Value::Channel { done, axis: false, .. } => *done,
            _ => return Err("of what is no channel".into()),
        };
        let (layer, what) = match (self.operations.get(done), operator) {
            (Some(Operation::Scale(layer)), "Mul") => (layer, "weight"),
            (Some(Operation::Shift(layer)), "Add") => (layer, "bias"),
            _ => return Err("it is not what follows in a LeNet".into()),
        };
        let (name, channels) = (format!("{}.{what}", layer.key), layer.maps());
        match *value {
            Value::Channel { channel, .. } => {
                let numbers = self.channels.entry(name).or_insert_with(|| vec![None; channels]);
                let place = numbers.get_mut(channel).ok_or("a channel that is not there")?;
                match array.values() {
                    &[number] if place.is_none() => *place = Some(number),
                    _ => return Err("not by one number, once".into()),
                }
                Ok(Value::Channel { done: done + 1, channel, axis: false })
            }
            _ => {
                let shape = array.shape();
                if ![&[channels, 1, 1][..], &[1, channels, 1, 1]].contains(&shape) {
                    return Err(format!("by {shape:?}, not by one number for each channel").into());
                }
                let array = Array::new(vec![channels], array.values().to_vec())?;
                self.weights.insert(name, array)?;
                Ok(Value::Maps(done + 1))
            }
        }
    }

    /// Makes tensors of the numbers of single channels.
    fn join_channels(&mut self) -> Parsed<()> {
        for (name, numbers) in std::mem::take(&mut self.channels) {
            let numbers: Option<Vec<_>> = numbers.into_iter().collect();
            let numbers = numbers.ok_or_else(|| format!("{name} has not all channels"))?;
            self.weights.insert(name, Array::new(vec![numbers.len()], numbers)?)?;
        }
        Ok(())
    }
}

/// `NodeProto { input, output, op_type, attribute, domain }`.
struct Node<'a> {
    operator: &'a str,
    inputs: Vec<&'a str>,
    output: &'a str,
    attributes: Vec<Attribute<'a>>,
}

/// `AttributeProto { name, f, i, s, t, ints }`.
#[derive(Default)]
struct Attribute<'a> {
    name: &'a str,
    ints: Vec<i64>,
    float: Option<f32>,
    text: Option<&'a [u8]>,
    tensor: Option<&'a [u8]>,
}

impl<'a> Node<'a> {
    fn parse(bytes: &'a [u8]) -> Parsed<Node<'a>> {
        let mut inputs = vec![];
        let mut attributes = vec![];
        let mut outputs = 0;
        for field in Fields::of(bytes) {
            match field? {
                (1, Field::Bytes(name)) => inputs.push(utf8(name)?),
                (2, _) => outputs += 1,
                (5, Field::Bytes(attribute)) => attributes.push(Attribute::parse(attribute)?),
                _ => {}
            }
        }
        let output = text(bytes, 2)?;
        if outputs != 1 || !["", "ai.onnx"].contains(&text(bytes, 7)?) {
            return Err(format!("node {output} has not one output, or is not ONNX's own").into());
        }
        Ok(Node { operator: text(bytes, 4)?, inputs, output, attributes })
    }

    /// An integer attribute; 0 where it is not there.
    fn int(&self, name: &str) -> i64 {
        let mut found = self.attributes.iter().filter(|attribute| attribute.name == name);
        found.next().and_then(|attribute| attribute.ints.first().copied()).unwrap_or_default()
    }

    /// Whether all attributes are known, and have these values; and `needed` are there.
    fn check(&self, known: &[(&str, i64)], needed: &[&str]) -> Parsed<()> {
        for Attribute { name, ints, float, text, .. } in &self.attributes {
            let expected = known.iter().find(|(known, _)| known == name);
            let as_lenet = match (expected, *name) {
                (Some((_, value)), _) => !ints.is_empty() && ints.iter().all(|int| int == value),
                (None, "auto_pad") => *text == Some(b"NOTSET"),
                (None, "alpha" | "beta") => *float == Some(1.0),
                _ => false,
            };
            if !as_lenet {
                return Err(format!("{}'s {name} is not a LeNet's", self.operator).into());
            }
        }
        match needed.iter().find(|name| self.attributes.iter().all(|other| other.name != **name)) {
            None => Ok(()),
            Some(name) => Err(format!("{} without {name}", self.operator).into()),
        }
    }
}

impl<'a> Attribute<'a> {
    fn parse(bytes: &'a [u8]) -> Parsed<Attribute<'a>> {
        let mut attribute = Attribute { name: text(bytes, 1)?, ..Attribute::default() };
        attribute.ints = [ints(bytes, 3)?, ints(bytes, 8)?].concat();
        for field in Fields::of(bytes) {
            match field? {
                (2, Field::Fixed32(bits)) => attribute.float = Some(f32::from_bits(bits)),
                (4, Field::Bytes(text)) => attribute.text = Some(text),
                (5, Field::Bytes(tensor)) => attribute.tensor = Some(tensor),
                _ => {}
            }
        }
        Ok(attribute)
    }
}

/// `TensorProto { dims, data_type, float_data, int64_data, name, raw_data, external_data, data_location }`.
fn constant(bytes: &[u8]) -> Parsed<Constant> {
    let (mut raw, mut floats, mut location) = (None, None, 0);
    for field in Fields::of(bytes) {
        match field? {
            (4, Field::Bytes(packed)) => floats = Some(packed),
            (9, Field::Bytes(bytes)) => raw = Some(bytes),
            (14, Field::Int(value)) => location = value,
            _ => {}
        }
    }
    let name = text(bytes, 8)?;
    if location != 0 {
        return Err(format!(
            "{name} is in another file: export the model with torch.onnx.export(…, external_data=False)"
        )
        .into());
    }
    let shape = checked_shape(&ints(bytes, 1)?)?;
    let dtype = match ints(bytes, 2)?.as_slice() {
        [1] => Dtype::F32,
        [10] => Dtype::F16,
        [11] => Dtype::F64,
        [16] => Dtype::BF16,
        [7] => {
            let values = match raw {
                Some(raw) => raw.as_chunks().0.iter().map(|&le| i64::from_le_bytes(le)).collect(),
                None => ints(bytes, 7)?,
            };
            let as_stated = raw.is_none_or(|raw| raw.len() == 8 * values.len());
            if !as_stated || shape.iter().product::<usize>() != values.len() {
                return Err(format!("{name}: shape {shape:?} for {} integers", values.len()).into());
            }
            return Ok(Constant::Integers { shape, values });
        }
        other => return Err(not_floating(&format!("{other:?} of ONNX")).at(name)),
    };
    let data = raw.or(floats.filter(|_| dtype == Dtype::F32)).unwrap_or_default();
    let array = Element::little_endian(dtype).array(data, shape);
    Ok(Constant::Numbers(array.map_err(|fault| fault.at(name))?))
}

/// The last string in this field, or an empty one.
fn text(message: &[u8], number: u64) -> Parsed<&str> {
    let mut text = "";
    for field in Fields::of(message) {
        match field? {
            (found, Field::Bytes(bytes)) if found == number => text = utf8(bytes)?,
            _ => {}
        }
    }
    Ok(text)
}

fn utf8(bytes: &[u8]) -> Parsed<&str> {
    str::from_utf8(bytes).map_err(|_| "a name is not UTF-8".into())
}

/// All integers in this field, packed or not.
fn ints(message: &[u8], number: u64) -> Parsed<Vec<i64>> {
    let mut ints = vec![];
    for field in Fields::of(message) {
        match field? {
            (found, Field::Int(value)) if found == number => ints.push(value as i64),
            (found, Field::Bytes(packed)) if found == number => {
                let mut fields = Fields::of(packed);
                while !fields.is_empty() {
                    ints.push(fields.varint()? as i64);
                }
            }
            _ => {}
        }
    }
    Ok(ints)
}
