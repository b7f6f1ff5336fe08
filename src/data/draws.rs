/// Random numbers that follow from what they are for, not from what was drawn before: so that a run can go on from anywhere.
///
/// Source: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Debug)]
pub(crate) struct Draws(u64);

impl Draws {
    /// Those for these numbers: a seed, an image, a pass.
    pub fn new<const N: usize>(purpose: [u64; N]) -> Draws {
        let mut draws = Draws(0);
        for number in purpose {
            draws.0 = draws.next() ^ number;
        }
        draws
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from -`bound` to `bound`.
    pub fn within(&mut self, bound: f64) -> f64 {
        let share = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        (2.0 * share - 1.0) * bound
    }

    /// A whole number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Draws;

    /// The first numbers from the state 0, as the method's authors' program prints them.
    #[test]
    fn it_is_splitmix64() {
        let mut draws = Draws(0);
        let first = [draws.next(), draws.next(), draws.next()];
        assert_eq!(first, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    #[test]
    fn numbers_fill_their_range_and_differ_by_purpose() {
        let mut seen = [0; 10];
        for seed in 0..10_000 {
            let mut draws = Draws::new([seed, 3]);
            seen[draws.below(10)] += 1;
            assert!(draws.within(2.0).abs() <= 2.0);
        }
        // 1,000 each, give or take five deviations.
        assert!(seen.iter().all(|&count| (850..1150).contains(&count)), "{seen:?}");
        assert_ne!(Draws::new([1, 2]).next(), Draws::new([2, 1]).next());
    }
}
