//! Faults a test asks for, in a payment's metadata.
//!
//! ```text
//!   "metadata": { "simulator": "latency:200,timeout_after_approval" }
//! ```
//!
//! Words that mean nothing here are passed over: metadata is the merchant's.

use std::time::Duration;

use tollgate_domain::{Mode, PaymentIntent};

/// The metadata key that is looked at, for payments in test mode alone.
const KEY: &str = "simulator";

/// What goes wrong with a payment's authorization.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Faults {
    /// `latency:<ms>`: how long the answer takes, in place of the configured time. The decision
    /// is booked before.
    pub(super) latency: Option<Duration>,
    /// What is lost on the way; of several faults the one that comes first on the way.
    pub(super) loss: Option<Loss>,
    /// `pending`: an approval is put off.
    pub(super) pending: bool,
}

/// What is lost between gateway and provider, in the order of the way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Loss {
    /// `not_sent`, `down`: the request never leaves, and that is known.
    Connection,
    /// `timeout_before_approval`: the request is lost on its way.
    Request,
    /// `timeout_after_approval`: the decision is booked, its answer is lost.
    Answer,
}

impl Faults {
    /// The faults that the payment asks for.
    pub(super) fn of(intent: &PaymentIntent) -> Self {
        match intent.mode {
            Mode::Test => intent.metadata(KEY).map(Self::parse).unwrap_or_default(),
            Mode::Live => Self::default(),
        }
    }

    fn parse(text: &str) -> Self {
        let mut faults = Self::default();
        for word in text.split(',').map(str::trim) {
            match word {
                "not_sent" | "down" => faults.lose(Loss::Connection),
                "timeout_before_approval" => faults.lose(Loss::Request),
                "timeout_after_approval" => faults.lose(Loss::Answer),
                "pending" => faults.pending = true,
                other => {
                    let millis = other.strip_prefix("latency:").and_then(|ms| ms.parse().ok());
                    faults.latency = millis.map(Duration::from_millis).or(faults.latency);
                }
            }
        }
        faults
    }

    fn lose(&mut self, loss: Loss) {
        self.loss = Some(self.loss.map_or(loss, |earlier| earlier.min(loss)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_faults() {
        let none = Faults::default();
        let lost = |loss| Faults { loss: Some(loss), ..none };
        let late = |ms| Faults { latency: Some(Duration::from_millis(ms)), ..none };
        for (text, expected) in [
            ("", none),
            ("sunshine", none),
            ("not_sent", lost(Loss::Connection)),
            ("down", lost(Loss::Connection)),
            ("timeout_before_approval", lost(Loss::Request)),
            ("timeout_after_approval", lost(Loss::Answer)),
            ("pending", Faults { pending: true, ..none }),
            ("latency:250", late(250)),
            ("latency:soon", none),
            ("latency:250,latency:soon", late(250)),
            ("timeout_after_approval,not_sent", lost(Loss::Connection)),
            (
                "latency:5, pending ,timeout_after_approval",
                Faults { pending: true, loss: Some(Loss::Answer), ..late(5) },
            ),
        ] {
            assert_eq!(Faults::parse(text), expected, "{text}");
        }
    }
}
