//! A time in which the simulator cannot be reached, by a payment's own wish.
//!
//! ```text
//!   "metadata": { "simulator": "down:500" }          from this payment on, for 500 ms
//!   "metadata": { "simulator": "down_calls:3" }      this payment, and the next three calls
//! ```
//!
//! Every call is refused, inquiries too, and of all payments: it is the provider that is down.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tollgate_domain::{Millis, Timestamp};

/// How long an outage lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lasting {
    /// So long.
    For(Millis),
    /// So many calls.
    Calls(u32),
}

/// Whether there is an outage.
#[derive(Debug, Default)]
pub(super) struct Outage {
    until: AtomicU64,
    calls: AtomicU32,
}

impl Outage {
    /// Begins one. One that is under way may become longer, and never shorter.
    pub(super) fn begin(&self, lasting: Lasting, now: Timestamp) {
        match lasting {
            Lasting::For(span) => {
                self.until.fetch_max(now.after(span).as_millis(), Ordering::Relaxed);
            }
            Lasting::Calls(calls) => {
                self.calls.fetch_max(calls, Ordering::Relaxed);
            }
        }
    }

    /// Whether a call that comes now is refused; counts it.
    pub(super) fn refuses(&self, now: impl FnOnce() -> Timestamp) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        if until > 0 && now().as_millis() < until {
            return true;
        }
        // Looked at before it is written to: there is hardly ever an outage.
        self.calls.load(Ordering::Relaxed) > 0
            && self
                .calls
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_ends() {
        let outage = Outage::default();
        let at = |millis| move || Timestamp::from_millis(millis);
        assert!(!outage.refuses(at(0)));
        outage.begin(Lasting::For(Millis(10)), Timestamp::from_millis(5));
        outage.begin(Lasting::For(Millis(1)), Timestamp::from_millis(5));
        assert_eq!([5, 14, 15].map(|now| outage.refuses(at(now))), [true, true, false]);
        outage.begin(Lasting::Calls(2), Timestamp::from_millis(20));
        assert_eq!([(); 3].map(|()| outage.refuses(at(20))), [true, true, false]);
    }
}
