//! Which secret the callbacks of a merchant's payments are signed with, and its customers' returns.
//!
//! The secrets themselves are derived, outside the log, from a merchant, a mode and a number: the state
//! knows the number, and a rotation is the next one.

use crate::timestamp::{Millis, Timestamp};

/// The numbers of a merchant's secrets in a mode.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct CallbackSecret {
    number: u32,
    /// Until when the one before is good as well.
    previous_until: Option<Timestamp>,
}

impl CallbackSecret {
    /// How long the one before is good beside a new one.
    pub(crate) const OVERLAP: Millis = Millis::from_seconds(86_400);

    /// The number of the one that is good now, from 0 on.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Until when the one before is good as well; `None` where it never was another.
    #[must_use]
    pub fn previous_until(&self) -> Option<Timestamp> {
        self.previous_until
    }

    /// The number of the one before, while it is good.
    #[must_use]
    pub fn previous(&self, now: Timestamp) -> Option<u32> {
        self.previous_until.filter(|until| *until > now)?;
        self.number.checked_sub(1)
    }

    pub(crate) fn rotate(&mut self, previous_until: Timestamp) {
        self.number = self.number.saturating_add(1);
        self.previous_until = Some(previous_until);
    }
}
