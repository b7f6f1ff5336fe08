use rand_mt::Mt;

/// The order of an epoch: 0 to `n - 1`, shuffled. Equal to
///
/// ```python
/// torch.randperm(n, generator=torch.Generator().manual_seed(seed))
/// ```
///
/// so that PyTorch can go through the images in the same order. Source: `randperm_cpu` in ATen, whose generator is the
/// 32-bit Mersenne twister, seeded with the low 32 bits.
pub(crate) fn permutation(n: usize, seed: u64) -> Vec<i64> {
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
    use sha2::{Digest, Sha256};

    /// tests/golden/initial.py wrote these down.
    #[test]
    fn orders_are_pytorch_s() {
        let golden = include_str!("../tests/golden/initial.txt");
        let mut seeds = 0;
        for line in golden.lines().filter(|line| line.starts_with("randperm")) {
            let fields: Vec<_> = line.split(' ').collect();
            let order = permutation(60_000, fields[1].parse().unwrap());
            let first: Vec<_> = order[..10].iter().map(i64::to_string).collect();
            assert_eq!(first, fields[2..12]);
            let bytes: Vec<u8> = order.iter().flat_map(|index| index.to_le_bytes()).collect();
            let digest = Sha256::digest(&bytes);
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(digest, fields[12], "seed {}", fields[1]);
            seeds += 1;
        }
        assert_eq!(seeds, 3);
    }

    #[test]
    fn small_sets_are_permuted_too() {
        for n in [0, 1, 2, 7] {
            let mut order = permutation(n, 7);
            order.sort_unstable();
            assert_eq!(order, (0..n as i64).collect::<Vec<_>>());
        }
    }
}
