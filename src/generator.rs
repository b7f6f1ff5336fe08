use crate::cephes;
use rand_mt::Mt;
use std::f64::consts::PI;

/// PyTorch's random numbers on a CPU: those of a `torch.Generator` after `manual_seed`, bit for bit.
///
/// The generator is the 32-bit Mersenne twister, seeded with the low 32 bits. Every machine draws the same numbers. PyTorch's own
/// normal values depend on the CPU, in the last bits: these are those of an x86-64 CPU with AVX2 or AVX-512.
///
/// Sources: `CPUGeneratorImpl`, `TransformationHelper.h`, `DistributionsHelper.h`, `DistributionTemplates.h` and
/// `randperm_cpu` in ATen.
#[derive(Debug)]
pub(crate) struct Generator {
    twister: Mt,
    /// The second of two normal values that were drawn together.
    kept: Option<f64>,
}

/// From this many values on PyTorch draws normal values by blocks of as many.
const BLOCK: usize = 16;

impl Generator {
    /// `torch.Generator().manual_seed(seed)`
    pub fn manual_seed(seed: u64) -> Generator {
        Generator { twister: Mt::new(seed as u32), kept: None }
    }

    /// `torch.empty(length).uniform_(from, to)`
    pub fn uniform(&mut self, length: usize, from: f32, to: f32) -> Vec<f32> {
        (0..length).map(|_| self.uniform_f32(from, to)).collect()
    }

    /// `torch.randn(length)`
    pub fn normal(&mut self, length: usize) -> Vec<f32> {
        if length < BLOCK {
            return (0..length).map(|_| self.normal_f64() as f32).collect();
        }
        let mut values = self.uniform(length, 0.0, 1.0);
        let (blocks, rest) = values.as_chunks_mut::<BLOCK>();
        blocks.iter_mut().for_each(normal_block);
        if !rest.is_empty() {
            // The last block is drawn anew, together with some of the one before it.
            let mut block = [0.0; BLOCK];
            block.fill_with(|| self.uniform_f32(0.0, 1.0));
            normal_block(&mut block);
            values[length - BLOCK..].copy_from_slice(&block);
        }
        values
    }

    /// `torch.randperm(n)`: 0 to `n - 1`, shuffled.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<_> = (0..n).collect();
        for i in 0..n.saturating_sub(1) {
            let other = i + self.twister.next_u32() as usize % (n - i);
            order.swap(i, other);
        }
        order
    }

    /// 24 random bits.
    fn uniform_f32(&mut self, from: f32, to: f32) -> f32 {
        let share = f64::from(self.twister.next_u32() & ((1 << 24) - 1)) / f64::from(1 << 24);
        (share * f64::from(to - from) + f64::from(from)) as f32
    }

    /// 53 random bits, from 0 to below 1.
    fn uniform_f64(&mut self) -> f64 {
        let [high, low] = [self.twister.next_u32(), self.twister.next_u32()].map(u64::from);
        ((high << 32 | low) & ((1 << 53) - 1)) as f64 / (1u64 << 53) as f64
    }

    /// Box and Muller's: two values from two.
    fn normal_f64(&mut self) -> f64 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        let (first, second) = (self.uniform_f64(), self.uniform_f64());
        let radius = (-2.0 * libm::log1p(-second)).sqrt();
        let angle = 2.0 * PI * first;
        self.kept = Some(radius * libm::sin(angle));
        radius * libm::cos(angle)
    }
}

/// Sixteen normal values from as many even ones, by Box and Muller's method in `f32`.
fn normal_block(values: &mut [f32; BLOCK]) {
    let (first, second) = values.split_at_mut(BLOCK / 2);
    for (first, second) in first.iter_mut().zip(second) {
        let radius = (-2.0 * cephes::ln(1.0 - *first)).sqrt();
        let (sin, cos) = cephes::sin_cos(2.0 * PI as f32 * *second);
        (*first, *second) = (radius * cos, radius * sin);
    }
}

#[cfg(test)]
mod tests {
    use super::Generator;
    use crate::network::{Init, LAYERS};
    use sha2::{Digest, Sha256};

    /// tests/golden/initial.py wrote these.
    const GOLDEN: &str = include_str!("../tests/golden/initial.txt");

    fn sha256(bytes: Vec<u8>) -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn orders_are_pytorch_s() {
        let mut seeds = 0;
        for line in GOLDEN.lines().filter(|line| line.starts_with("randperm")) {
            let fields: Vec<_> = line.split(' ').collect();
            let seed = fields[1].parse().unwrap();
            let order = Generator::manual_seed(seed).permutation(60_000);
            let first: Vec<_> = order[..10].iter().map(usize::to_string).collect();
            assert_eq!(first, fields[2..12]);
            let bytes = order.iter().flat_map(|&index| (index as i64).to_le_bytes());
            assert_eq!(sha256(bytes.collect()), fields[12], "seed {seed}");
            seeds += 1;
        }
        assert_eq!(seeds, 3);
    }

    #[test]
    fn small_sets_are_permuted_too() {
        for n in [0, 1, 2, 7] {
            let mut order = Generator::manual_seed(7).permutation(n);
            order.sort_unstable();
            assert_eq!(order, (0..n).collect::<Vec<_>>());
        }
    }

    /// Every tensor of the seeds in the golden file, by its SHA-256.
    #[test]
    fn initial_values_are_pytorch_s_bit_for_bit() {
        let mut tensors = 0;
        for line in GOLDEN.lines().filter(|line| line.starts_with("init ")) {
            let fields: Vec<_> = line.split(' ').collect();
            let seed = fields[1].parse().unwrap();
            let values = Init::PyTorch.parameters(seed);
            let range = match fields[2].rsplit_once('.') {
                None => 0..values.len(), // all of them
                Some((key, part)) => {
                    let layer = LAYERS.iter().find(|layer| layer.key == key).unwrap();
                    if part == "weight" { layer.weight() } else { layer.bias() }
                }
            };
            let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
            assert_eq!(sha256(bytes(&values[range.clone()])), *fields.last().unwrap(), "{line}");
            // One value that is off by a bit is seen.
            let mut wrong = values[range].to_vec();
            wrong[0] = f32::from_bits(wrong[0].to_bits() ^ 1);
            assert_ne!(sha256(bytes(&wrong)), *fields.last().unwrap());
            tensors += 1;
        }
        assert_eq!(tensors, 3 * (14 + 1));
    }
}
