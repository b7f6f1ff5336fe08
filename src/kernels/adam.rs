use super::{
    pool::Pool,
    vector::{Kernel, Vector},
};

/// A step of Adam or AdamW: PyTorch's operations on each number in turn, in its order and rounded where it rounds, but in one
/// go, so that each number is read and written once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Adam {
    /// What AdamW multiplies the parameters by first: `1 - lr weight_decay`.
    pub shrink: Option<f32>,
    /// How much of the parameters is added to the gradient.
    pub weight_decay: Option<f32>,
    /// `1 - β₁`.
    pub first_rate: f32,
    /// `β₂`.
    pub second_decay: f32,
    /// `1 - β₂`.
    pub second_rate: f32,
    /// `-lr / (1 - β₁ᵗ)`.
    pub step: f32,
    /// `√(1 - β₂ᵗ)`.
    pub second_correction: f32,
    /// What keeps the division from running away.
    pub eps: f32,
}

/// What a step changes, and the gradients: equally long.
#[derive(Debug)]
struct Moved<'a> {
    adam: Adam,
    parameters: &'a mut [f32],
    gradients: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Adam {
    /// Steps with all threads of the pool. `first` and `second` are Adam's moments. Where the lengths differ, what is too long
    /// is left alone.
    pub fn step(
        self,
        pool: &mut Pool,
        parameters: &mut [f32],
        gradients: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let length = pool.share_of(parameters.len());
        let mut parts: Vec<_> = parameters
            .chunks_mut(length)
            .zip(gradients.chunks(length))
            .zip(first.chunks_mut(length).zip(second.chunks_mut(length)))
            .map(|((parameters, gradients), (first, second))| {
                (self, parameters, gradients, first, second)
            })
            .collect();
        let instructions = pool.instructions();
        pool.each(&mut parts, |(adam, parameters, gradients, first, second)| {
            let adam = *adam;
            instructions.run(Moved { adam, parameters, gradients, first, second });
        });
    }
}

impl<V: Vector> Kernel<V> for Moved<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let adam = self.adam;
        let first_rate = V::splat(adam.first_rate);
        for at in (0..self.parameters.len()).step_by(V::LANES) {
            let mut parameter = V::load_part(self.parameters, at);
            let mut gradient = V::load_part(self.gradients, at);
            let mut first = V::load_part(self.first, at);
            let mut second = V::load_part(self.second, at);

            if let Some(shrink) = adam.shrink {
                parameter = parameter * V::splat(shrink);
            }
            if let Some(decay) = adam.weight_decay {
                gradient = parameter.mul_add(V::splat(decay), gradient);
            }
            // torch.lerp goes from the nearer end.
            first = if adam.first_rate.abs() < 0.5 {
                (gradient - first).mul_add(first_rate, first)
            } else {
                (gradient - first).mul_add(first_rate - V::splat(1.0), gradient)
            };
            second = second * V::splat(adam.second_decay);
            second = (gradient * V::splat(adam.second_rate)).mul_add(gradient, second);
            let root = second.sqrt() / V::splat(adam.second_correction);
            let step = first * V::splat(adam.step) / (root + V::splat(adam.eps));
            parameter = parameter + step;

            parameter.store_part(self.parameters, at);
            first.store_part(self.first, at);
            second.store_part(self.second, at);
        }
    }
}
