use crate::lenet_1998::{LeNet1998Config, OutputUnits};

/// The parameters of a layer, or a number for each of them. The units of one place in neighbouring maps come last.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layer<const IN: usize, const OUT: usize> {
    pub weight: [[f32; OUT]; IN],
    pub bias: [f32; OUT],
}

/// The parameters of the network, or a number for each of them: a rate, a second derivative.
///
/// C1 and S2 have two lanes more than maps, to fill a vector, and C3 has all 96 pairs of maps. What is there beyond the network
/// is 0, and stays so by a rate of 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weights {
    /// From 5 rows of 5 pixels.
    pub c1: Layer<25, 8>,
    pub s2: Layer<1, 8>,
    /// From 5 rows of 5 pixels of 6 maps.
    pub c3: Layer<150, 16>,
    pub s4: Layer<1, 16>,
    /// From 5 rows of 5 pixels of 16 maps.
    pub c5: Layer<400, 120>,
    pub f6: Layer<120, 84>,
    /// Of linear output units.
    pub output: Layer<84, 10>,
}

impl<const IN: usize, const OUT: usize> Layer<IN, OUT> {
    const fn filled(value: f32) -> Layer<IN, OUT> {
        Layer { weight: [[value; OUT]; IN], bias: [value; OUT] }
    }

    fn slices_mut(&mut self) -> [&mut [f32]; 2] {
        [self.weight.as_flattened_mut(), &mut self.bias]
    }

    /// Visits the parameters as the `state_dict` has them: by output map, input map, row and column, then the biases.
    fn visit(
        &mut self,
        out_maps: usize,
        in_maps: usize,
        connected: impl Fn(usize, usize) -> bool,
        visit: &mut impl FnMut(&mut f32),
    ) {
        for out in 0..out_maps {
            for map in (0..in_maps).filter(|&map| connected(out, map)) {
                for pixel in 0..IN / in_maps {
                    visit(&mut self.weight[pixel * in_maps + map][out]);
                }
            }
        }
        self.bias[..out_maps].iter_mut().for_each(visit);
    }
}

impl Weights {
    /// The same number for each.
    pub fn filled(value: f32) -> Box<Weights> {
        Box::new(Weights {
            c1: Layer::filled(value),
            s2: Layer::filled(value),
            c3: Layer::filled(value),
            s4: Layer::filled(value),
            c5: Layer::filled(value),
            f6: Layer::filled(value),
            output: Layer::filled(value),
        })
    }

    /// From the numbers of the network's parameters, in the order of its variables.
    pub fn from_flat(flat: &[f32], config: &LeNet1998Config) -> Box<Weights> {
        let mut weights = Weights::filled(0.0);
        let mut numbers = flat.iter();
        weights.visit(config, |value| *value = numbers.next().copied().unwrap_or_default());
        weights
    }

    /// The numbers of the network's parameters, in the order of its variables.
    pub fn to_flat(&self, config: &LeNet1998Config) -> Vec<f32> {
        let mut flat = vec![];
        self.clone().visit(config, |value| flat.push(*value));
        flat
    }

    /// Visits the numbers that are parameters of the network, in the order of its variables.
    fn visit(&mut self, config: &LeNet1998Config, mut visit: impl FnMut(&mut f32)) {
        let all = |_, _| true;
        let c3 = config.c3.inputs();
        self.c1.visit(6, 1, all, &mut visit);
        self.s2.visit(6, 1, all, &mut visit);
        self.c3.visit(16, 6, |out, map| c3[out].contains(&map), &mut visit);
        self.s4.visit(16, 1, all, &mut visit);
        self.c5.visit(120, 16, all, &mut visit);
        self.f6.visit(84, 1, all, &mut visit);
        if config.output == OutputUnits::Linear {
            self.output.visit(10, 1, all, &mut visit);
        }
    }

    /// `f` of each number.
    pub fn map(&self, f: impl Fn(f32) -> f32) -> Box<Weights> {
        let mut mapped = Box::new(self.clone());
        for numbers in mapped.slices_mut() {
            numbers.iter_mut().for_each(|number| *number = f(*number));
        }
        mapped
    }

    fn slices_mut(&mut self) -> [&mut [f32]; 14] {
        let Weights { c1, s2, c3, s4, c5, f6, output } = self;
        let [[a, b], [c, d], [e, f], [g, h]] =
            [c1.slices_mut(), s2.slices_mut(), c3.slices_mut(), s4.slices_mut()];
        let [[i, j], [k, l], [m, n]] = [c5.slices_mut(), f6.slices_mut(), output.slices_mut()];
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n]
    }
}
