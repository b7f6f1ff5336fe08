use super::{LeNet1998Config, OutputUnits};
use crate::network::thousands;
use std::fmt;

/// The layers of a `LeNet1998` as the paper's section II.B counts them.
///
/// ```
/// use lenet::lenet_1998::LeNet1998Config;
///
/// let summary = LeNet1998Config::default().summary();
/// assert_eq!((summary.parameters(), summary.connections()), (60_000, 340_908));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeNet1998Summary {
    rows: Vec<LeNet1998Row>,
}

/// One layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeNet1998Row {
    /// The paper's name: `C1`, `S2`, `C3`, `S4`, `C5`, `F6`, `output`.
    pub layer: &'static str,
    /// Feature maps, or units where a map is a single one.
    pub maps: usize,
    /// Height and width of a map.
    pub size: usize,
    /// Numbers that are trained.
    pub parameters: usize,
    /// Links from a unit, or from the bias, to a unit. Those that share a parameter count each; a unit of S2 and S4 has five.
    pub connections: usize,
}

impl LeNet1998Config {
    /// The paper's table of the network.
    pub fn summary(&self) -> LeNet1998Summary {
        let mut rows = vec![];
        // A map's units share their parameters: one connection for each parameter and unit.
        let mut shared = |layer, maps, size, parameters| {
            let connections = parameters * size * size;
            rows.push(LeNet1998Row { layer, maps, size, parameters, connections });
        };
        let pairs: usize = self.c3.inputs().iter().map(|maps| maps.len()).sum();
        shared("C1", 6, 28, (25 + 1) * 6);
        shared("S2", 6, 14, 2 * 6);
        shared("C3", 16, 10, 25 * pairs + 16);
        shared("S4", 16, 5, 2 * 16);
        shared("C5", 120, 1, (16 * 25 + 1) * 120);
        shared("F6", 84, 1, (120 + 1) * 84);
        shared("output", 10, 1, (84 + 1) * 10);
        for row in &mut rows {
            match (row.layer, self.output) {
                // The one coefficient stands for four connections.
                ("S2" | "S4", _) => row.connections = row.maps * row.size * row.size * 5,
                // Its codes are fixed, and it has no bias.
                ("output", OutputUnits::Rbf) => (row.parameters, row.connections) = (0, 84 * 10),
                _ => (),
            }
        }
        LeNet1998Summary { rows }
    }
}

impl LeNet1998Summary {
    /// The layers, from C1 to the output.
    pub fn rows(&self) -> &[LeNet1998Row] {
        &self.rows
    }

    /// Numbers that are trained, in all layers.
    pub fn parameters(&self) -> usize {
        self.rows.iter().map(|row| row.parameters).sum()
    }

    /// Links, in all layers.
    pub fn connections(&self) -> usize {
        self.rows.iter().map(|row| row.connections).sum()
    }
}

impl fmt::Display for LeNet1998Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |layer: &str, maps: &str, parameters: usize, connections: usize| {
            let [parameters, connections] = [parameters, connections].map(|n| thousands(n as i64));
            format!("{layer:<8}{maps:>10}{parameters:>12}{connections:>13}")
        };
        let rule = "-".repeat(43);
        writeln!(
            f,
            "{:<8}{:>10}{:>12}{:>13}\n{rule}",
            "layer", "maps", "parameters", "connections"
        )?;
        for row in &self.rows {
            let maps = format!("{}@{1}x{1}", row.maps, row.size);
            writeln!(f, "{}", line(row.layer, &maps, row.parameters, row.connections))?;
        }
        writeln!(f, "{rule}\n{}", line("", "", self.parameters(), self.connections()))
    }
}
