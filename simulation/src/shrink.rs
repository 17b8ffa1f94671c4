//! Makes a failing story short, by leaving out what it does not need (delta debugging).
//!
//! Deterministic: the same story shrinks to the same.

use crate::{runner::play, step::Step, story::Story};

/// Plays at most: a story of some hundred steps needs some five hundred, at a millisecond each.
const MOST_PLAYS: usize = 3_000;

/// The story with as few steps as still fail, one by one and in growing pieces.
#[must_use]
pub fn shrink(story: &Story) -> Story {
    let mut plays = 0;
    let shortest = shrink_steps(&story.steps, &mut |steps| {
        plays += 1;
        plays <= MOST_PLAYS && play(&story.with_steps(steps.to_vec())).is_err()
    });
    story.with_steps(shortest)
}

fn shrink_steps(steps: &[Step], fails: &mut dyn FnMut(&[Step]) -> bool) -> Vec<Step> {
    let mut steps = steps.to_vec();
    let mut piece = steps.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        let mut shorter = false;
        while at < steps.len() {
            let end = (at + piece).min(steps.len());
            let without: Vec<Step> = [&steps[..at], &steps[end..]].concat();
            if fails(&without) {
                steps = without;
                shorter = true;
            } else {
                at = end;
            }
        }
        // What was needed before may not be any more, once something else is gone.
        if !shorter || piece > 1 {
            piece /= 2;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failure_does_not_need_is_left_out() {
        let steps: Vec<Step> = (0..97).map(Step::Read).collect();
        let needed = [Step::Read(13), Step::Read(14), Step::Read(70)];
        let mut fails = |steps: &[Step]| needed.iter().all(|needed| steps.contains(needed));
        assert_eq!(shrink_steps(&steps, &mut fails), needed);
    }
}
