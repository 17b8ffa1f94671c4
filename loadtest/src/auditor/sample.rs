//! Which keys are remembered where there are too many for all.

/// A share of all numbers, 1 in a power of two, that shrinks as it has to.
///
/// Invariant: what a smaller share takes, every larger one took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    seed: u64,
    most: usize,
    /// Numbers are taken whose hash ends in so many zeroes.
    halvings: u32,
}

impl Default for Sample {
    /// Takes everything.
    fn default() -> Self {
        Self::new(0, usize::MAX)
    }
}

impl Sample {
    pub(super) fn new(seed: u64, most: usize) -> Self {
        Self { seed, most: most.max(1), halvings: 0 }
    }

    pub(super) fn one_in(&self) -> u64 {
        1 << self.halvings
    }

    pub(super) fn is_full(&self, held: usize) -> bool {
        held > self.most && self.halvings < u64::BITS - 1
    }

    pub(super) fn is_everything(&self) -> bool {
        self.halvings == 0
    }

    pub(super) fn is_bounded(&self) -> bool {
        self.most < usize::MAX
    }

    pub(super) fn halve(&mut self) {
        self.halvings += 1;
    }

    pub(super) fn takes(&self, number: u64) -> bool {
        mixed(self.seed ^ number).trailing_zeros() >= self.halvings
    }
}

/// SplitMix64's last steps: neighbours come out far apart.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_halving_lets_half_of_the_rest_go_and_takes_up_nothing_else() {
        let mut sample = Sample::new(7, 10);
        let mut held: Vec<u64> = (0..100_000).collect();
        for halving in 1..=3_u32 {
            sample.halve();
            let next: Vec<u64> = (0..100_000).filter(|&number| sample.takes(number)).collect();
            assert!(next.iter().all(|number| held.binary_search(number).is_ok()));
            let expected = 100_000 >> halving;
            assert!(next.len().abs_diff(expected) < expected / 20, "{} of {expected}", next.len());
            held = next;
        }
        assert_eq!(sample.one_in(), 8);
    }

    #[test]
    fn without_a_bound_everything_is_taken() {
        let sample = Sample::default();
        assert!((0..1_000).all(|number| sample.takes(number)));
        assert!(!sample.is_full(1 << 40));
    }
}
