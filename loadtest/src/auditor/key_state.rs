//! Where one key stands, whatever was asked for under it.
//!
//! Invariant: a key only moves from unanswered over accepted to final or to rejected. A final answer
//! stands, byte for byte.

use super::{HeldBody, Moment, Sample, Tally};
use crate::answer::Answer;
use crate::violation::ViolationKind;

/// What is known of the answer: `N` is what it names, `E` what became of what was asked for.
#[derive(Debug, Clone)]
pub(super) enum KeyState<N, E> {
    /// Sent, perhaps received; no answer arrived whole.
    Unanswered,
    /// 202 arrived: it was begun, its end is open.
    Accepted { named: N },
    /// Refused by the rules: nothing was begun.
    Rejected,
    /// The answer that must never change again.
    Final { named: N, status: u16, body: HeldBody, end: E },
}

/// How an answer is heard.
pub(super) struct Hearing<'a> {
    moment: Moment,
    /// Only a digest of the answer is kept.
    bounded: bool,
    tally: &'a mut Tally,
}

impl<'a> Hearing<'a> {
    pub(super) fn new(moment: Moment, sample: &Sample, tally: &'a mut Tally) -> Self {
        Self { moment, bounded: sample.is_bounded(), tally }
    }
}

/// What an answer is to its key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The first of its kind: the key has moved.
    First,
    /// What was known.
    Again,
    Broken(ViolationKind, String),
}

impl<N, E: Copy> KeyState<N, E> {
    pub(super) fn named(&self) -> Option<&N> {
        match self {
            Self::Unanswered | Self::Rejected => None,
            Self::Accepted { named } | Self::Final { named, .. } => Some(named),
        }
    }

    /// What became of it, by the last word.
    pub(super) fn end(&self) -> Option<E> {
        match self {
            Self::Unanswered | Self::Accepted { .. } | Self::Rejected => None,
            Self::Final { end, .. } => Some(*end),
        }
    }

    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Final { .. })
    }

    pub(super) fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected)
    }

    /// Lets go of the bytes of a final answer.
    pub(super) fn release_body(&mut self) {
        if let Self::Final { body, .. } = self {
            body.release();
        }
    }

    pub(super) fn hear_final(
        &mut self,
        answer: Answer,
        (named, end): (N, E),
        hearing: Hearing<'_>,
    ) -> Heard {
        let Hearing { moment, bounded, tally } = hearing;
        match (&*self, moment) {
            (Self::Final { status, body, .. }, _) => {
                tally.replays_checked += 1;
                let difference = match *status == answer.status {
                    true => body.difference(&answer.body),
                    false => Some(format!("the status was {status}")),
                };
                return match difference {
                    Some(difference) => {
                        let details = format!("{difference}; now {}", answer.quote());
                        Heard::Broken(ViolationKind::AnswerChanged, details)
                    }
                    None if !answer.replayed => {
                        Heard::Broken(ViolationKind::ReplayNotMarked, answer.quote())
                    }
                    None => Heard::Again,
                };
            }
            (Self::Rejected, _) => return changed("was rejected", &answer),
            (Self::Unanswered, Moment::Load) => tally.acknowledged += 1,
            (Self::Unanswered, Moment::Audit) => tally.unanswered_resolved += 1,
            (Self::Accepted { .. }, Moment::Audit) => tally.accepted_resolved += 1,
            (Self::Accepted { .. }, Moment::Load) => {}
        }
        let mut body = HeldBody::whole(answer.body);
        if bounded {
            body.release();
        }
        *self = Self::Final { named, status: answer.status, body, end };
        Heard::First
    }

    pub(super) fn hear_accepted(
        &mut self,
        answer: &Answer,
        named: N,
        hearing: Hearing<'_>,
    ) -> Heard {
        match self {
            Self::Final { .. } | Self::Rejected => changed("was final", answer),
            Self::Accepted { .. } => Heard::Again,
            Self::Unanswered => {
                if hearing.moment == Moment::Load {
                    hearing.tally.acknowledged += 1;
                }
                *self = Self::Accepted { named };
                Heard::First
            }
        }
    }

    pub(super) fn hear_rejected(&mut self, answer: &Answer, hearing: Hearing<'_>) -> Heard {
        match self {
            Self::Unanswered => {
                hearing.tally.rejected += 1;
                *self = Self::Rejected;
                Heard::First
            }
            Self::Rejected => Heard::Again,
            Self::Accepted { .. } | Self::Final { .. } => changed("was begun", answer),
        }
    }
}

fn changed(before: &str, answer: &Answer) -> Heard {
    Heard::Broken(ViolationKind::AnswerChanged, format!("{before}, now {}", answer.quote()))
}
