use super::{
    activations::{Activations, LINE, line},
    convolution, dense,
    output::Output,
    squash::Squash,
    sub_sampling,
    weights::Weights,
};

/// The derivatives of the criterion by what the squash of each unit is applied to: first derivatives, or second ones.
///
/// Second ones are those of Gauss and Newton, diagonal: they go the same way back, through the squares of the weights and of the
/// squash's derivatives, and meet the squares of the inputs. Source: the paper's appendix C.
#[derive(Debug, Clone)]
pub(super) struct Deltas {
    c1: [[[f32; 8]; 28]; 28],
    s2: [[[f32; 8]; 14]; 14],
    s2_lines: [[f32; LINE]; 14],
    c3: [[[f32; 16]; 10]; 10],
    s4: [[[f32; 16]; 5]; 5],
    c5: [f32; 120],
    f6: [f32; 84],
    /// By the logits.
    pub output: [f32; 10],
}

/// A kernel's row of 5 pixels of 6 maps, rounded up to whole vectors.
const WIDE: usize = 32;

impl Deltas {
    pub fn zeros() -> Box<Deltas> {
        Box::new(Deltas {
            c1: [[[0.0; 8]; 28]; 28],
            s2: [[[0.0; 8]; 14]; 14],
            s2_lines: [[0.0; LINE]; 14],
            c3: [[[0.0; 16]; 10]; 10],
            s4: [[[0.0; 16]; 5]; 5],
            c5: [0.0; 120],
            f6: [0.0; 84],
            output: [0.0; 10],
        })
    }

    /// From [`output`](Deltas::output) back to C1.
    #[inline(always)]
    pub fn first<const FMA: bool>(
        &mut self,
        values: &Activations,
        weights: &Weights,
        squash: Squash,
        output: &Output,
    ) {
        output.backward::<FMA>(&values.f6, &weights.output, &self.output, &mut self.f6);
        self.backward::<FMA, false>(values, weights, squash);
    }

    /// From the second derivatives at the output back to C1; `squares` are those of the weights.
    #[inline(always)]
    pub fn second<const FMA: bool>(
        &mut self,
        values: &Activations,
        squares: &Weights,
        squash: Squash,
        output: &Output,
    ) {
        output.backward_second::<FMA>(&squares.output, &self.output, &mut self.f6);
        self.backward::<FMA, true>(values, squares, squash);
    }

    /// From the derivatives by the outputs of F6.
    #[inline(always)]
    fn backward<const FMA: bool, const SQUARED: bool>(
        &mut self,
        values: &Activations,
        weights: &Weights,
        squash: Squash,
    ) {
        let through = |deltas: &mut [f32], values: &[f32]| {
            for (delta, value) in deltas.iter_mut().zip(values) {
                *delta *= squash.factor::<FMA, SQUARED>(*value);
            }
        };
        through(&mut self.f6, &values.f6);
        dense::backward::<FMA, 120, 84>(&weights.f6, &self.f6, &mut self.c5);
        through(&mut self.c5, &values.c5);
        let mut s4 = [0.0; 400];
        dense::backward::<FMA, 400, 120>(&weights.c5, &self.c5, &mut s4);
        through(&mut s4, line(&values.s4));
        self.s4.as_flattened_mut().as_flattened_mut().copy_from_slice(&s4);

        let (before, after) = (&mut self.c3, &self.s4);
        sub_sampling::backward::<FMA, SQUARED, 16, 10, 5>(
            &weights.s4,
            after,
            squash,
            &values.c3,
            before,
        );
        let lines = &mut self.s2_lines;
        convolution::backward::<FMA, WIDE, LINE, 14, 150, 16, 10>(&weights.c3, &self.c3, lines);
        for (pixels, line) in self.s2.iter_mut().zip(&self.s2_lines) {
            let (places, _) = line.as_chunks::<6>();
            for ([maps @ .., _, _], place) in pixels.iter_mut().zip(places) {
                *maps = *place;
            }
        }
        through(
            self.s2.as_flattened_mut().as_flattened_mut(),
            values.s2.as_flattened().as_flattened(),
        );
        let (before, after) = (&mut self.c1, &self.s2);
        sub_sampling::backward::<FMA, SQUARED, 8, 28, 14>(
            &weights.s2,
            after,
            squash,
            &values.c1,
            before,
        );
    }

    /// Subtracts from each number of `target` the derivative by that parameter, times its rate. For second derivatives `inputs`
    /// are squares.
    #[inline(always)]
    pub fn descend<const FMA: bool>(
        &self,
        inputs: &Activations,
        target: &mut Weights,
        rates: &Weights,
        output: &Output,
    ) {
        convolution::descend::<FMA, 5, 32, 32, 25, 8, 28>(
            &mut target.c1,
            &rates.c1,
            &inputs.image,
            &self.c1,
        );
        sub_sampling::descend::<FMA, 8, 14>(
            &mut target.s2,
            &rates.s2,
            &inputs.s2_windows,
            &self.s2,
        );
        convolution::descend::<FMA, 5, LINE, 14, 150, 16, 10>(
            &mut target.c3,
            &rates.c3,
            &inputs.s2_lines,
            &self.c3,
        );
        sub_sampling::descend::<FMA, 16, 5>(
            &mut target.s4,
            &rates.s4,
            &inputs.s4_windows,
            &self.s4,
        );
        dense::descend::<FMA, 400, 120>(&mut target.c5, &rates.c5, line(&inputs.s4), &self.c5);
        dense::descend::<FMA, 120, 84>(&mut target.f6, &rates.f6, &inputs.c5, &self.f6);
        if output.is_trained() {
            dense::descend::<FMA, 84, 10>(
                &mut target.output,
                &rates.output,
                &inputs.f6,
                &self.output,
            );
        }
    }
}
