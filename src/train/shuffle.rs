use rand_mt::Mt;

/// The order of an epoch: 0 to `n - 1`, shuffled. Equal to
///
/// ```python
/// torch.randperm(n, generator=torch.Generator().manual_seed(seed))
/// ```
///
/// so that PyTorch can go through the images in the same order. Source: `randperm_cpu` in ATen, whose generator is the
/// 32-bit Mersenne twister, seeded with the low 32 bits.
pub(super) fn permutation(n: usize, seed: u64) -> Vec<i64> {
    let mut generator = Mt::new(seed as u32);
    let mut order: Vec<_> = (0..n as i64).collect();
    for i in 0..n.saturating_sub(1) {
        let other = i + generator.next_u32() as usize % (n - i);
        order.swap(i, other);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::permutation;

    #[test]
    fn is_a_permutation() {
        for n in [0, 1, 2, 1000] {
            let mut order = permutation(n, 7);
            order.sort_unstable();
            assert_eq!(order, (0..n as i64).collect::<Vec<_>>());
        }
    }
}
