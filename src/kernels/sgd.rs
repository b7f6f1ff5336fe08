use super::{
    pool::Pool,
    vector::{Kernel, Vector},
};

/// A step of gradient descent: PyTorch's operations on each number in turn, in its order and rounded where it rounds, but in
/// one go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sgd {
    /// `-lr`.
    pub step: f32,
    /// How much of the parameters is added to the gradient.
    pub weight_decay: Option<f32>,
    /// What is done with the buffer, where there is one.
    pub momentum: Option<Momentum>,
}

/// How a step uses the momentum's buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Momentum {
    /// How much of the buffer stays.
    pub decay: f32,
    /// `1 - dampening`: how much of the gradient comes to it.
    pub rate: f32,
    /// Whether this is the first step, at which the buffer becomes the gradient.
    pub first: bool,
    /// Nesterov's.
    pub nesterov: bool,
}

#[derive(Debug)]
struct Moved<'a> {
    sgd: Sgd,
    parameters: &'a mut [f32],
    gradients: &'a [f32],
    buffer: &'a mut [f32],
}

impl Sgd {
    /// Steps with all threads of the pool. `buffer` is the momentum's, or empty without momentum.
    pub fn step(
        self,
        pool: &mut Pool,
        parameters: &mut [f32],
        gradients: &[f32],
        buffer: &mut [f32],
    ) {
        let length = pool.share_of(parameters.len());
        // Without a buffer each part has an empty one.
        let buffers = buffer.chunks_mut(length).chain(std::iter::repeat_with(Default::default));
        let mut parts: Vec<_> =
            parameters.chunks_mut(length).zip(gradients.chunks(length)).zip(buffers).collect();
        let instructions = pool.instructions();
        pool.each(&mut parts, |((parameters, gradients), buffer)| {
            instructions.run(Moved { sgd: self, parameters, gradients, buffer });
        });
    }
}

impl<V: Vector> Kernel<V> for Moved<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let sgd = self.sgd;
        for at in (0..self.parameters.len()).step_by(V::LANES) {
            let parameter = V::load_part(self.parameters, at);
            let mut update = V::load_part(self.gradients, at);
            if let Some(decay) = sgd.weight_decay {
                update = parameter.mul_add(V::splat(decay), update);
            }
            if let Some(momentum) = sgd.momentum {
                let decay = V::splat(momentum.decay);
                let mut buffer = update;
                if !momentum.first {
                    buffer = V::load_part(self.buffer, at) * decay;
                    buffer = update.mul_add(V::splat(momentum.rate), buffer);
                }
                buffer.store_part(self.buffer, at);
                update = if momentum.nesterov { buffer.mul_add(decay, update) } else { buffer };
            }
            update.mul_add(V::splat(sgd.step), parameter).store_part(self.parameters, at);
        }
    }
}
