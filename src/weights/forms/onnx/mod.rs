//! ONNX, which holds a network with its weights: LeNet's graph, for onnxruntime and other runtimes.
//!
//! It is written as one node for each operation. It is read where the graph computes a LeNet: as it is written here, and as
//! `torch.onnx.export` writes the post's network. Field numbers are those of `onnx/onnx.proto`.

mod reader;
mod writer;

pub(super) use reader::read;
pub(super) use writer::write;

/// Whether `bytes` begin like a model: the version of the form, then the key of the next of `ModelProto`'s fields that is
/// there, `producer_name` to `opset_import`.
pub(super) fn is_model(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, 1..=0x7f, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42, ..])
}
