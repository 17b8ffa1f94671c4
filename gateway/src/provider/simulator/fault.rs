//! Faults a test asks for, in a payment's metadata.
//!
//! ```text
//!   "metadata": { "simulator": "latency:200,timeout_after_approval" }
//! ```
//!
//! Words that mean nothing here are passed over: metadata is the merchant's.

use std::{str::FromStr, time::Duration};

use tollgate_domain::{Millis, Mode, PaymentIntent};

use super::outage::Lasting;

/// The metadata key that is looked at, for payments in test mode alone.
pub(crate) const KEY: &str = "simulator";

/// What goes wrong with a payment's authorization.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Faults {
    /// `latency:<ms>`: how long the answer takes, in place of the configured time. The decision
    /// is booked before.
    pub(super) latency: Option<Duration>,
    /// What is lost on the way; of several faults the one that comes first on the way.
    pub(super) loss: Option<Loss>,
    /// `pending`, `pending:<ms>`: an approval is put off, for so long.
    pub(super) pending: Option<Millis>,
    /// `late:<ms>`: the answer is lost, and inquiries do not find the decision for so long.
    pub(super) late: Option<Millis>,
    /// `down:<ms>`, `down_calls:<n>`: this request never leaves, and nobody's does for so long.
    pub(super) outage: Option<Lasting>,
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

/// A word that names no fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("\"{0}\" is no fault of the simulator")]
pub struct UnknownFault(String);

/// How long `pending` puts an approval off: longer than the engine waits before its first inquiry,
/// so that more than one is seen.
pub(super) const PENDING: Millis = Millis::from_seconds(1);

/// The longest a fault can last, and the most calls it can take: one merchant's test must not take
/// the simulator from the others for good. What asks for more asks for nothing.
const LONGEST: Millis = Millis::from_seconds(60);
const MOST_CALLS: u32 = 1_000;

impl Faults {
    /// The faults that the payment asks for; those of `usual` where it asks for none.
    pub(super) fn of(intent: &PaymentIntent, usual: Self) -> Self {
        match intent.mode {
            Mode::Test => intent.metadata(KEY).map_or(usual, Self::parse),
            Mode::Live => Self::default(),
        }
    }

    fn parse(text: &str) -> Self {
        let mut faults = Self::default();
        for word in words(text) {
            faults.add(word);
        }
        faults
    }

    /// Takes a word; false if it names no fault.
    fn add(&mut self, word: &str) -> bool {
        let (name, number) = match word.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (word, None),
        };
        let millis = number.and_then(|number| number.parse().ok()).filter(|ms| *ms <= LONGEST.0);
        match (name, number, millis) {
            ("not_sent" | "down", None, _) => self.lose(Loss::Connection),
            ("timeout_before_approval", None, _) => self.lose(Loss::Request),
            ("timeout_after_approval", None, _) => self.lose(Loss::Answer),
            ("pending", None, _) => self.pending = Some(PENDING),
            ("pending", _, Some(millis)) => self.pending = Some(Millis(millis)),
            ("latency", _, Some(millis)) => self.latency = Some(Duration::from_millis(millis)),
            ("late", _, Some(millis)) => {
                self.lose(Loss::Answer);
                self.late = Some(Millis(millis));
            }
            ("down", _, Some(millis)) => self.go_down(Lasting::For(Millis(millis))),
            ("down_calls", Some(calls), _) => match calls.parse() {
                Ok(calls) if calls <= MOST_CALLS => self.go_down(Lasting::Calls(calls)),
                Ok(_) | Err(_) => return false,
            },
            _ => return false,
        }
        true
    }

    fn go_down(&mut self, lasting: Lasting) {
        self.lose(Loss::Connection);
        self.outage = Some(lasting);
    }

    fn lose(&mut self, loss: Loss) {
        self.loss = Some(self.loss.map_or(loss, |earlier| earlier.min(loss)));
    }
}

/// For an operator, whose words all have to mean something.
impl FromStr for Faults {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let mut faults = Self::default();
        match words(text).find(|word| !faults.add(word)) {
            Some(unknown) => Err(UnknownFault(unknown.to_owned())),
            None => Ok(faults),
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
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
            ("pending", Faults { pending: Some(PENDING), ..none }),
            ("pending:50", Faults { pending: Some(Millis(50)), ..none }),
            ("late:70", Faults { late: Some(Millis(70)), ..lost(Loss::Answer) }),
            (
                "down:80",
                Faults { outage: Some(Lasting::For(Millis(80))), ..lost(Loss::Connection) },
            ),
            ("down_calls:3", Faults { outage: Some(Lasting::Calls(3)), ..lost(Loss::Connection) }),
            ("down_calls:many", none),
            ("latency:250", late(250)),
            ("latency:soon", none),
            ("latency:250,latency:soon", late(250)),
            ("timeout_after_approval,not_sent", lost(Loss::Connection)),
            (
                "latency:5, pending ,timeout_after_approval",
                Faults { pending: Some(PENDING), loss: Some(Loss::Answer), ..late(5) },
            ),
        ] {
            assert_eq!(Faults::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn an_operators_words_must_mean_something() {
        assert_eq!("".parse(), Ok(Faults::default()));
        assert_eq!("pending, latency:5".parse(), Ok(Faults::parse("pending,latency:5")));
        for wrong in ["sunshine", "latency:soon", "latency", "not_sent:5", "down_calls:-1"] {
            assert_eq!(wrong.parse::<Faults>(), Err(UnknownFault(wrong.to_owned())));
        }
    }
}
