//! When a provider is asked again about something that is not settled.

use crate::timestamp::Timestamp;

/// How often it was asked, and when it is next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Schedule {
    /// How many inquiries were made.
    pub inquiries: u16,
    /// When the next is due.
    pub inquire_at: Timestamp,
}

impl Schedule {
    /// Nobody was asked yet; at `inquire_at` somebody is.
    #[must_use]
    pub const fn first(inquire_at: Timestamp) -> Self {
        Self { inquiries: 0, inquire_at }
    }

    /// An inquiry was made; the next is due at `next`.
    pub(super) fn count(&mut self, next: Timestamp) {
        self.inquiries = self.inquiries.saturating_add(1);
        self.inquire_at = next;
    }
}
