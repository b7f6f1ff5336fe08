use super::{KERNEL, LAYERS, LayerKind, WINDOW, conv_output_size, pool_output_size};
use crate::{Error, Result};
use std::fmt;

/// The table of a `LeNet`'s layers: what `torchsummary.summary(net, (1, 32, 32))` prints.
///
/// ```
/// println!("{}", lenet::summary([1, 32, 32]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    rows: Vec<SummaryRow>,
}

/// One layer. Shapes are those of one image, without the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryRow {
    /// PyTorch's class name: `Conv2d`, `Tanh`, `AvgPool2d`, `DownSample`, `Flatten`, `Linear`.
    pub layer: &'static str,
    /// What goes in: `[channels, height, width]` or `[features]`.
    pub input_shape: Vec<i64>,
    /// What comes out.
    pub output_shape: Vec<i64>,
    /// How many parameters the layer has.
    pub parameters: i64,
}

/// The layers of a `LeNet` for an input of `[channels, height, width]`: [`Summary::new`] for an input that is known to fit.
///
/// # Panics
///
/// Where `Summary::new` gives an error.
pub fn summary(input: [i64; 3]) -> Summary {
    match Summary::new(input) {
        Ok(summary) => summary,
        Err(error) => panic!("{error}"),
    }
}

fn table(input: [i64; 3]) -> Summary {
    let mut table = Summary { rows: vec![] };
    let mut shape = input.to_vec();
    let mut add = |layer, output_shape: Vec<i64>, parameters| {
        let input_shape = std::mem::replace(&mut shape, output_shape.clone());
        table.rows.push(SummaryRow { layer, input_shape, output_shape, parameters });
    };
    let [_, mut h, mut w] = input;
    let (kernel, window) = (KERNEL as i64, WINDOW as i64);
    for layer in &LAYERS {
        let (maps, parameters) = (layer.maps() as i64, layer.parameters() as i64);
        match layer.kind {
            LayerKind::Convolution { .. } => {
                [h, w] = [h, w].map(|side| conv_output_size(side, kernel, 0, 1));
                add("Conv2d", vec![maps, h, w], parameters);
            }
            LayerKind::DownSample { .. } => {
                [h, w] = [h, w].map(|side| pool_output_size(side, window, 0, window));
                add("AvgPool2d", vec![maps, h, w], 0);
                add("DownSample", vec![maps, h, w], parameters);
            }
            LayerKind::Linear { .. } => add("Linear", vec![maps], parameters),
        }
        let shape = match layer.kind {
            LayerKind::Linear { .. } => vec![maps],
            _ => vec![maps, h, w],
        };
        if layer.tanh {
            add("Tanh", shape, 0);
        }
        // From maps of one pixel to numbers.
        if layer.side == 1 && layer.input_side > 1 {
            add("Flatten", vec![maps], 0);
        }
    }
    table
}

impl Summary {
    /// The layers of a `LeNet` for an input of `[channels, height, width]`.
    ///
    /// ```
    /// use lenet::Summary;
    ///
    /// assert_eq!(Summary::new([1, 32, 32])?.parameters(), 61_750);
    /// assert!(Summary::new([3, 224, 224]).is_err());
    /// # Ok::<(), lenet::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where the network takes no such input. It takes one channel, and a height and width from 32 (what
    /// it is made for) to 35: with these C5 sees each image once, as its 120 outputs need.
    pub fn new(input: [i64; 3]) -> Result<Summary> {
        let [channels, height, width] = input;
        if channels != 1 || !(32..=35).contains(&height) || !(32..=35).contains(&width) {
            let expected = "1 channel, and a height and width from 32 to 35";
            return Err(Error::invalid("input", expected, format!("{input:?}")));
        }
        Ok(table(input))
    }

    /// The layers, in the order in which they run. The average pooling within a `DownSample` has a row of its own, before
    /// the `DownSample`'s.
    pub fn rows(&self) -> &[SummaryRow] {
        &self.rows
    }

    /// The number of parameters of all layers: 61,750.
    pub fn parameters(&self) -> i64 {
        self.rows.iter().map(|row| row.parameters).sum()
    }

    /// The table as `paddle.summary(net, (1, 1, 32, 32))` prints it.
    pub fn paddle(&self) -> impl fmt::Display + '_ {
        Paddle(self)
    }

    /// The lines below both tables.
    fn write_totals(&self, f: &mut fmt::Formatter<'_>, width: usize) -> fmt::Result {
        let numbers = |shape: &[i64]| shape.iter().product::<i64>();
        let megabytes = |numbers: i64| numbers as f64 * 4.0 / (1024.0 * 1024.0);
        let input = self.rows.first().map_or(0, |row| numbers(&row.input_shape));
        let outputs: i64 = self.rows.iter().map(|row| numbers(&row.output_shape)).sum();
        // Twice: once for the values, once for their gradients.
        let (input, passes) = (megabytes(input), megabytes(2 * outputs));
        let parameters = megabytes(self.parameters());
        let rule = "-".repeat(width);
        writeln!(f, "{}", "=".repeat(width))?;
        writeln!(f, "Total params: {}", thousands(self.parameters()))?;
        writeln!(f, "Trainable params: {}", thousands(self.parameters()))?;
        writeln!(f, "Non-trainable params: 0")?;
        writeln!(f, "{rule}")?;
        writeln!(f, "Input size (MB): {input:.2}")?;
        writeln!(f, "Forward/backward pass size (MB): {passes:.2}")?;
        writeln!(f, "Params size (MB): {parameters:.2}")?;
        writeln!(f, "Estimated Total Size (MB): {:.2}", input + passes + parameters)?;
        writeln!(f, "{rule}")
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDTH: usize = 64;
        writeln!(f, "{}", "-".repeat(WIDTH))?;
        writeln!(f, "{:>20}  {:>25} {:>15}", "Layer (type)", "Output Shape", "Param #")?;
        writeln!(f, "{}", "=".repeat(WIDTH))?;
        for (row, number) in self.rows.iter().zip(1..) {
            let layer = format!("{}-{number}", row.layer);
            let shape = with_batch(-1, &row.output_shape);
            writeln!(f, "{layer:>20}  {shape:>25} {:>15}", thousands(row.parameters))?;
        }
        self.write_totals(f, WIDTH)
    }
}

struct Paddle<'a>(&'a Summary);

impl fmt::Display for Paddle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDTH: usize = 75;
        let line = |layer: &str, input: &str, output: &str, parameters: &str| {
            format!("{layer:^15} {input:^20} {output:^20} {parameters:^15}")
        };
        writeln!(f, "{}", "-".repeat(WIDTH))?;
        writeln!(f, "{}", line("Layer (type)", "Input Shape", "Output Shape", "Param #"))?;
        writeln!(f, "{}", "=".repeat(WIDTH))?;
        let rows = &self.0.rows;
        for (i, row) in rows.iter().enumerate() {
            // Paddle counts each class by itself, and gives a DownSample the input that its average pooling has.
            let number = rows[..=i].iter().filter(|other| other.layer == row.layer).count();
            let input = if row.layer == "DownSample" { &rows[i - 1] } else { row };
            let layer = format!("{}-{number}", row.layer.replace("2d", "2D"));
            let input = format!("[{}]", with_batch(1, &input.input_shape));
            let output = with_batch(1, &row.output_shape);
            writeln!(f, "{}", line(&layer, &input, &output, &thousands(row.parameters)))?;
        }
        self.0.write_totals(f, WIDTH)?;
        writeln!(f)
    }
}

/// `[batch, 6, 28, 28]`, as Python writes it.
fn with_batch(batch: i64, shape: &[i64]) -> String {
    let shape: Vec<_> = [&[batch], shape].concat().iter().map(i64::to_string).collect();
    format!("[{}]", shape.join(", "))
}

/// `61,750`.
pub(crate) fn thousands(number: i64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}
