//! A provider that takes back what it said.

use super::Schedule;

/// How far a contradiction has been looked into. What the provider said first stands meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Contradiction {
    /// It is asked once more.
    Asked(Schedule),
    /// It insists; a case for the operators is open.
    Insisted,
}

impl Contradiction {
    /// When it is asked again, while it is asked.
    #[must_use]
    pub const fn schedule(&self) -> Option<&Schedule> {
        match self {
            Self::Asked(schedule) => Some(schedule),
            Self::Insisted => None,
        }
    }
}
