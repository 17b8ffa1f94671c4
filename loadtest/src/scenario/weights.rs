//! Choices by weight.

use rand::RngExt;
use rand::rngs::StdRng;

/// Choices with the shares they are drawn by.
///
/// Invariant: at least one choice has a weight above zero.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weights<T> {
    choices: Vec<(T, f64)>,
    total: f64,
}

impl<T: Copy> Weights<T> {
    /// `None` where there is nothing to draw.
    pub(crate) fn new(choices: impl IntoIterator<Item = (T, f64)>) -> Option<Self> {
        let choices: Vec<_> = choices.into_iter().filter(|(_, weight)| *weight > 0.0).collect();
        let total = choices.iter().map(|(_, weight)| weight).sum();
        (!choices.is_empty()).then_some(Self { choices, total })
    }

    /// Each as often as the others; `choices` is not empty.
    pub(crate) fn equal(choices: &[T]) -> Self {
        Self::new(choices.iter().map(|&choice| (choice, 1.0))).expect("there is a choice")
    }

    /// Without those that are not wanted; `None` where nothing is left.
    pub(crate) fn only(&self, wanted: impl Fn(T) -> bool) -> Option<Self> {
        Self::new(self.choices.iter().copied().filter(|(choice, _)| wanted(*choice)))
    }

    pub(crate) fn draw(&self, random: &mut StdRng) -> T {
        let mut left = random.random::<f64>() * self.total;
        let mut drawn = self.choices[0].0;
        for &(choice, weight) in &self.choices {
            drawn = choice;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        drawn
    }

    /// Each choice with its share of all.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (T, f64)> {
        self.choices.iter().map(|&(choice, weight)| (choice, weight / self.total))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn each_is_drawn_by_its_share_and_nothing_without_one() {
        let weights = Weights::new([('a', 3.0), ('b', 0.0), ('c', 1.0)]).unwrap();
        let mut random = StdRng::seed_from_u64(7);
        let drawn: Vec<char> = (0..4_000).map(|_| weights.draw(&mut random)).collect();
        let count = |wanted| drawn.iter().filter(|&&one| one == wanted).count();
        assert!((2_850..3_150).contains(&count('a')));
        assert_eq!((count('b'), count('a') + count('c')), (0, 4_000));
        assert_eq!(weights.shares().collect::<Vec<_>>(), [('a', 0.75), ('c', 0.25)]);
        assert!(Weights::new([('a', 0.0)]).is_none());
    }
}
