use super::{C3, LeNet1998Config, OutputUnits};
use crate::generator::Generator;

/// The tensors of a layer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    /// What their names begin with: `c1` for `c1.weight` and `c1.bias`.
    pub name: &'static str,
    /// The shape of the weight.
    pub shape: Vec<usize>,
    /// How many inputs the units have that a row of the weight belongs to, by its first index.
    pub fan_in: Vec<usize>,
    /// How many inputs the units have that a bias belongs to.
    pub bias_fan_in: Vec<usize>,
}

impl Layer {
    /// With as many inputs for all units.
    fn even(name: &'static str, shape: &[usize], fan_in: usize) -> Layer {
        let fan_in = vec![fan_in; shape[0]];
        Layer { name, shape: shape.into(), bias_fan_in: fan_in.clone(), fan_in }
    }

    /// The units of C3 have as many inputs as their map is connected to.
    fn c3(c3: C3) -> Layer {
        let bias_fan_in = c3.inputs().map(|maps| 25 * maps.len()).to_vec();
        let pairs = c3.inputs().into_iter().zip(&bias_fan_in);
        let by_pair = pairs.flat_map(|(maps, &fan_in)| vec![fan_in; maps.len()]);
        let (shape, fan_in) = match c3 {
            C3::Full => (vec![16, 6, 5, 5], bias_fan_in.clone()),
            C3::Partial => (vec![60, 5, 5], by_pair.collect()),
        };
        Layer { name: "c3", shape, fan_in, bias_fan_in }
    }
}

impl LeNet1998Config {
    /// The layers from C1 to F6, in the order of the variables.
    pub(crate) fn layers(&self) -> [Layer; 6] {
        [
            Layer::even("c1", &[6, 1, 5, 5], 25),
            Layer::even("s2", &[6], 4),
            Layer::c3(self.c3),
            Layer::even("s4", &[16], 4),
            Layer::even("c5", &[120, 16, 5, 5], 400),
            Layer::even("f6", &[84, 120], 120),
        ]
    }

    /// The output units, where they have parameters: the last variables.
    pub(crate) fn output_layer(&self) -> Option<Layer> {
        let output = || Layer::even("output", &[10, 84], 84);
        (self.output == OutputUnits::Linear).then(output)
    }

    fn all_layers(&self) -> impl Iterator<Item = Layer> {
        self.layers().into_iter().chain(self.output_layer())
    }

    /// The names and shapes of the variables, in their order.
    pub(crate) fn state_dict(&self) -> Vec<(String, Vec<usize>)> {
        let tensors = self.all_layers().flat_map(|layer| {
            let biases = layer.bias_fan_in.len();
            [("weight", layer.shape), ("bias", vec![biases])]
                .map(|(part, shape)| (format!("{}.{part}", layer.name), shape))
        });
        tensors.collect()
    }

    /// All parameters of a new network, in the order of the variables: layer by layer, weights before biases.
    pub(crate) fn parameters(&self, seed: u64) -> Vec<f32> {
        let mut generator = Generator::manual_seed(seed);
        let mut parameters = vec![];
        for layer in self.all_layers() {
            let row: usize = layer.shape[1..].iter().product();
            for (bounds, length) in [(layer.fan_in, row), (layer.bias_fan_in, 1)] {
                for fan_in in bounds {
                    let bound = self.init.of(fan_in as i64) as f32;
                    let draws = generator.uniform(length, -1.0, 1.0).into_iter();
                    parameters.extend(draws.map(|draw| draw * bound));
                }
            }
        }
        parameters
    }
}
