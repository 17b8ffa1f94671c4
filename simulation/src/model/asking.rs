//! When a provider must be asked next: each time after a longer wait.

use tollgate_domain::{Policy, Timestamp};

/// How often it was asked, and when it is next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Asking {
    pub(crate) asked: usize,
    pub(crate) due: Timestamp,
}

impl Asking {
    /// Nobody was asked yet; somebody is, after the first wait.
    pub(crate) fn first(now: Timestamp, policy: &Policy) -> Self {
        Self { asked: 0, due: after(0, now, policy) }
    }

    /// Somebody is asked now.
    pub(crate) fn ask(&mut self, now: Timestamp, policy: &Policy) {
        self.asked += 1;
        self.due = after(self.asked, now, policy);
    }
}

/// When what was done `times` times is done again.
pub(crate) fn after(times: usize, now: Timestamp, policy: &Policy) -> Timestamp {
    let last = policy.inquiry_delays.len() - 1;
    now.after(policy.inquiry_delays[times.min(last)])
}
