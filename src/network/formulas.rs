//! The size and parameter formulas of the post.

/// The height or width of a convolution's output: `(input - kernel + 2 padding) / stride + 1`, rounded down.
///
/// ```
/// assert_eq!(lenet::conv_output_size(32, 5, 0, 1), 28); // C1
/// assert_eq!(lenet::conv_output_size(14, 5, 0, 1), 10); // C3
/// assert_eq!(lenet::conv_output_size(5, 5, 0, 1), 1); // C5
/// ```
///
/// # Panics
///
/// Where `stride` is 0.
pub fn conv_output_size(input: i64, kernel: i64, padding: i64, stride: i64) -> i64 {
    (input - kernel + 2 * padding).div_euclid(stride) + 1
}

/// The height or width of a pooling layer's output; the formula is the convolution's.
///
/// ```
/// assert_eq!(lenet::pool_output_size(28, 2, 0, 2), 14); // S2
/// assert_eq!(lenet::pool_output_size(10, 2, 0, 2), 5); // S4
/// ```
///
/// # Panics
///
/// Where `stride` is 0.
pub fn pool_output_size(input: i64, kernel: i64, padding: i64, stride: i64) -> i64 {
    conv_output_size(input, kernel, padding, stride)
}

/// The number of parameters of a convolution with a square kernel: for each output channel a kernel for each input
/// channel, and a bias.
///
/// ```
/// assert_eq!(lenet::conv_parameters(1, 6, 5), 156); // C1
/// assert_eq!(lenet::conv_parameters(6, 16, 5), 2_416); // C3
/// assert_eq!(lenet::conv_parameters(16, 120, 5), 48_120); // C5
/// ```
pub fn conv_parameters(in_channels: i64, out_channels: i64, kernel: i64) -> i64 {
    (in_channels * kernel * kernel + 1) * out_channels
}

/// The number of parameters of a linear layer: for each output a weight for each input, and a bias.
///
/// ```
/// assert_eq!(lenet::linear_parameters(120, 84), 10_164); // F6
/// assert_eq!(lenet::linear_parameters(84, 10), 850); // output
/// ```
pub fn linear_parameters(in_features: i64, out_features: i64) -> i64 {
    (in_features + 1) * out_features
}
