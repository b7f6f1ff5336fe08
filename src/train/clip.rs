use std::ops::Range;

/// Scales `gradients` down so that their norm is `max_norm` at most, and gives the norm that they had. As
/// PyTorch's `clip_grad_norm_`, of tensors that lie at `tensors`: its norm is that of the tensors' norms.
///
/// `g = g · min(1, max_norm / (norm + 1e-6))`
pub(super) fn clip_grad_norm(
    gradients: &mut [f32],
    tensors: impl Iterator<Item = Range<usize>>,
    max_norm: f64,
) -> f32 {
    let squares = |numbers: &[f32]| numbers.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
    let norms: Vec<_> = tensors.map(|range| squares(&gradients[range]).sqrt() as f32).collect();
    let norm = squares(&norms).sqrt() as f32;
    // A number divided by a tensor is a reciprocal and a product in PyTorch.
    let factor = ((norm + 1e-6).recip() * max_norm as f32).min(1.0);
    gradients.iter_mut().for_each(|gradient| *gradient *= factor);
    norm
}

#[cfg(test)]
mod tests {
    use super::clip_grad_norm;
    use crate::train::golden::Golden;
    use std::ops::Range;

    const TENSORS: [Range<usize>; 3] = [0..40, 40..60, 60..67];

    /// PyTorch adds up the squares in f32, in an order that depends on the CPU's vectors: a relative error of a few times
    /// 2⁻²⁴, 6e-8, at most. All else is exact.
    fn close(got: &[f32], expected: &[f32]) -> bool {
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 5e-7 * b.abs();
        got.len() == expected.len() && got.iter().zip(expected).all(near)
    }

    #[test]
    fn clipped_gradients_are_pytorch_s() {
        let golden = Golden::open();
        for (name, max_norm, clips) in [("at_1", 1.0, 17), ("at_2", 2.0, 6), ("at_100", 100.0, 0)] {
            let expected = golden.rows(&format!("clipped.{name}"));
            let norms = golden.floats(&format!("norms.{name}"));
            let mut clipped = 0;
            for (i, gradients) in golden.rows("gradients").into_iter().enumerate() {
                let mut got = gradients.clone();
                let norm = clip_grad_norm(&mut got, TENSORS.into_iter(), max_norm);
                assert!(close(&got, &expected[i]), "{name}, step {i}");
                assert!(close(&[norm], &norms[i..=i]), "{name}, step {i}");
                clipped += usize::from(got != gradients);

                // Off by 1e-3, it is seen.
                let mut wrong = gradients.clone();
                clip_grad_norm(&mut wrong, TENSORS.into_iter(), max_norm * 0.999);
                assert_eq!(close(&wrong, &expected[i]), got == gradients && wrong == got);
                assert!(!close(&[norm * 1.001], &norms[i..=i]));
            }
            assert_eq!(clipped, clips, "{name}");
        }
    }

    #[test]
    fn a_long_vector_has_its_norm() {
        let mut gradients = [3.0; 67];
        let norm = f64::from(clip_grad_norm(&mut gradients, TENSORS.into_iter(), 1.0));
        assert!((norm - 3.0 * 67f64.sqrt()).abs() < 1e-5, "{norm}");
        let length = gradients.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
        assert!((length - 1.0).abs() < 1e-6);
    }
}
