use tch::{Tensor, no_grad_guard};

/// Scales `gradients` down so that their norm is `max_norm` at most, and gives the norm that they had (`f32` `[]`, on
/// their device). As `torch.nn.utils.clip_grad_norm_`, of tensors that lie one after the other and have `sizes` numbers
/// each: its norm is that of the tensors' norms, which rounds otherwise than the norm of all numbers at once.
///
/// `g = g · min(1, max_norm / (norm + 1e-6))`
pub(super) fn clip_grad_norm(gradients: &mut Tensor, sizes: &[i64], max_norm: f64) -> Tensor {
    let _no_grad = no_grad_guard();
    let norms: Vec<_> = gradients.split_with_sizes(sizes, 0).iter().map(Tensor::norm).collect();
    let norm = Tensor::stack(&norms, 0).norm();
    // A number divided by a tensor is a reciprocal and a product in PyTorch.
    let factor = ((&norm + 1e-6).reciprocal() * max_norm).clamp_max(1.0);
    let _ = gradients.g_mul_(&factor);
    norm
}

#[cfg(test)]
mod tests {
    use super::clip_grad_norm;
    use crate::train::golden::Golden;
    use tch::{Kind, Tensor};

    const SIZES: [i64; 3] = [40, 20, 7];

    /// The norms' sums of squares are added up in an order that depends on the CPU's vectors: a relative error of a few
    /// times 2⁻²⁴, 6e-8, at most. All else is exact.
    fn close(got: &Tensor, expected: &Tensor) -> bool {
        got.allclose(expected, 5e-7, 0.0, false)
    }

    #[test]
    fn clipped_gradients_are_pytorch_s() {
        let golden = Golden::open();
        for (name, max_norm, clips) in [("at_1", 1.0, 17), ("at_2", 2.0, 6), ("at_100", 100.0, 0)] {
            let expected = golden.tensor(&format!("clipped.{name}"));
            let norms = golden.tensor(&format!("norms.{name}"));
            let mut clipped = 0;
            for (i, gradients) in golden.tensor("gradients").unbind(0).into_iter().enumerate() {
                let i = i as i64;
                let mut got = gradients.copy();
                let norm = clip_grad_norm(&mut got, &SIZES, max_norm);
                assert!(close(&got, &expected.get(i)), "{name}, step {i}");
                assert!(close(&norm, &norms.get(i)), "{name}, step {i}");
                clipped += usize::from(got != gradients);

                // Off by 1e-3, it is seen.
                let mut wrong = gradients.copy();
                let _ = clip_grad_norm(&mut wrong, &SIZES, max_norm * 0.999);
                assert_eq!(close(&wrong, &expected.get(i)), got == gradients && wrong == got);
                assert!(!close(&(norm * 1.001), &norms.get(i)));
            }
            assert_eq!(clipped, clips, "{name}");
        }
    }

    #[test]
    fn a_long_vector_has_its_norm() {
        let mut gradients = Tensor::full([67], 3.0, (Kind::Float, tch::Device::Cpu));
        let norm = clip_grad_norm(&mut gradients, &SIZES, 1.0).double_value(&[]);
        assert!((norm - 3.0 * 67f64.sqrt()).abs() < 1e-5, "{norm}");
        assert!((gradients.square().sum(Kind::Double).double_value(&[]) - 1.0).abs() < 1e-6);
    }
}
