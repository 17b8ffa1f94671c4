//! What somebody should have to decide about a payment.

use tollgate_domain::{Matter, Resolution};

/// A case, and how much of the exceptions account it should account for: minor units, positive where
/// the provider holds what is nobody's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExpectedCase {
    pub(crate) matter: Matter,
    pub(crate) booked: i64,
    pub(crate) resolution: Option<Resolution>,
}

impl ExpectedCase {
    pub(crate) fn is_open(&self) -> bool {
        self.resolution.is_none()
    }

    /// What the provider paid out and nobody has got back.
    pub(crate) fn paid_out(&self) -> i64 {
        if self.resolution == Some(Resolution::Returned) { 0 } else { (-self.booked).max(0) }
    }

    /// What stands on the exceptions account, and what has become the merchant's.
    pub(crate) fn accounts(&self) -> (i64, i64) {
        match self.resolution {
            Some(Resolution::Returned) => (0, 0),
            Some(Resolution::Assigned) => (0, self.booked),
            Some(Resolution::Withdrawn | Resolution::Dismissed) | None => (self.booked, 0),
        }
    }
}
