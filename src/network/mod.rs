//! The post's network: its layers, and the arithmetic of their shapes.

mod formulas;
pub(crate) mod summary;

pub use formulas::{conv_output_size, conv_parameters, linear_parameters, pool_output_size};
pub use summary::{Summary, SummaryRow, summary};
