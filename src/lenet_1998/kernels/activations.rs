use super::weights::Weights;
use super::{convolution, dense, output::Output, squash::Squash, sub_sampling};

/// The values of the network's units for one image.
#[derive(Debug, Clone)]
pub(super) struct Activations {
    pub image: [[f32; 32]; 32],
    pub c1: [[[f32; 8]; 28]; 28],
    /// The sums of C1's windows, which S2's coefficients are multiplied with.
    pub s2_windows: [[[f32; 8]; 14]; 14],
    pub s2: [[[f32; 8]; 14]; 14],
    /// S2 without the lanes that are no maps: pixel by pixel the six of it, and room for [`WIDE`](super::deltas::WIDE) more
    /// at the last.
    pub s2_lines: [[f32; LINE]; 14],
    pub c3: [[[f32; 16]; 10]; 10],
    pub s4_windows: [[[f32; 16]; 5]; 5],
    pub s4: [[[f32; 16]; 5]; 5],
    pub c5: [f32; 120],
    pub f6: [f32; 84],
    pub logits: [f32; 10],
}

/// 14 pixels of 6 maps, rounded up to whole vectors.
pub(super) const LINE: usize = 88;

impl Activations {
    pub fn zeros() -> Box<Activations> {
        Box::new(Activations {
            image: [[0.0; 32]; 32],
            c1: [[[0.0; 8]; 28]; 28],
            s2_windows: [[[0.0; 8]; 14]; 14],
            s2: [[[0.0; 8]; 14]; 14],
            s2_lines: [[0.0; LINE]; 14],
            c3: [[[0.0; 16]; 10]; 10],
            s4_windows: [[[0.0; 16]; 5]; 5],
            s4: [[[0.0; 16]; 5]; 5],
            c5: [0.0; 120],
            f6: [0.0; 84],
            logits: [0.0; 10],
        })
    }

    /// What comes of the image.
    #[inline(always)]
    pub fn forward<const FMA: bool>(&mut self, weights: &Weights, squash: Squash, output: &Output) {
        convolution::forward::<FMA, 7, 32, 32, 25, 8, 28>(&self.image, &weights.c1, &mut self.c1);
        squash.apply::<FMA>(self.c1.as_flattened_mut().as_flattened_mut());

        let (windows, sums) = (&mut self.s2_windows, &mut self.s2);
        sub_sampling::forward::<FMA, 8, 28, 14>(&self.c1, &weights.s2, windows, sums);
        squash.apply::<FMA>(self.s2.as_flattened_mut().as_flattened_mut());
        for (line, pixels) in self.s2_lines.iter_mut().zip(&self.s2) {
            let (places, _) = line.as_chunks_mut::<6>();
            for (place, [maps @ .., _, _]) in places.iter_mut().zip(pixels) {
                *place = *maps;
            }
        }

        let lines = &self.s2_lines;
        convolution::forward::<FMA, 5, LINE, 14, 150, 16, 10>(lines, &weights.c3, &mut self.c3);
        squash.apply::<FMA>(self.c3.as_flattened_mut().as_flattened_mut());

        let (windows, sums) = (&mut self.s4_windows, &mut self.s4);
        sub_sampling::forward::<FMA, 16, 10, 5>(&self.c3, &weights.s4, windows, sums);
        squash.apply::<FMA>(self.s4.as_flattened_mut().as_flattened_mut());

        dense::forward::<FMA, 400, 120>(line(&self.s4), &weights.c5, &mut self.c5);
        squash.apply::<FMA>(&mut self.c5);
        dense::forward::<FMA, 120, 84>(&self.c5, &weights.f6, &mut self.f6);
        squash.apply::<FMA>(&mut self.f6);
        output.forward::<FMA>(&self.f6, &weights.output, &mut self.logits);
    }

    /// The squares of what weights are multiplied with; the rest is as it was.
    #[inline(always)]
    pub fn square_inputs(&mut self) {
        let inputs = [
            self.image.as_flattened_mut(),
            self.s2_windows.as_flattened_mut().as_flattened_mut(),
            self.s2_lines.as_flattened_mut(),
            self.s4_windows.as_flattened_mut().as_flattened_mut(),
            self.s4.as_flattened_mut().as_flattened_mut(),
            &mut self.c5,
            &mut self.f6,
        ];
        for value in inputs.into_iter().flatten() {
            *value = *value * *value;
        }
    }
}

/// S4 as C5 sees it, whose kernels are as large as its maps.
#[inline(always)]
pub(super) fn line(s4: &[[[f32; 16]; 5]; 5]) -> &[f32; 400] {
    // Always there: the lengths are equal.
    s4.as_flattened().as_flattened().first_chunk().unwrap_or(&[0.0; 400])
}
