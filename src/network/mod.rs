//! The post's network as a table: its layers, the arithmetic of their shapes, and its initial values.

mod formulas;
mod init;
mod layers;
mod summary;

pub use formulas::{conv_output_size, conv_parameters, linear_parameters, pool_output_size};
#[cfg(feature = "torch")]
pub(crate) use init::Draw;
pub use init::Init;
pub(crate) use layers::state_dict;
pub use layers::{INPUT_SIDE, KERNEL, LAYERS, Layer, LayerKind, PARAMETERS, WINDOW};
pub(crate) use summary::thousands;
pub use summary::{Summary, SummaryRow, summary};
