//! Faults a test asks for, in a payment's metadata.
//!
//! ```text
//!   "metadata": { "simulator": "latency:200,timeout_after_approval" }
//!   "metadata": { "simulator": "capture:timeout_after,refund:pending:500,refund:callback:late:50" }
//! ```
//!
//! A word is aimed at the authorization, or by a name before it at confirmations, captures, voids,
//! reversals or refunds. Words that mean nothing here are passed over: metadata is the merchant's.

use std::{str::FromStr, time::Duration};

use tollgate_domain::{Millis, Mode, OperationFailure, PaymentIntent};

use super::{ledger::Instruction, outage::Lasting};

/// The metadata key that is looked at, for payments in test mode alone.
pub(crate) const KEY: &str = "simulator";

/// What goes wrong with the calls for a payment, by their aim.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Faults([CallFaults; Aim::COUNT]);

/// What a fault is aimed at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Aim {
    Authorization,
    Confirmation,
    Capture,
    Void,
    Reversal,
    Refund,
}

/// What goes wrong with one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct CallFaults {
    /// `latency:<ms>`: how long the answer takes, in place of the configured time. The decision
    /// is booked before.
    pub(super) latency: Option<Duration>,
    /// What is lost on the way; of several faults the one that comes first on the way.
    pub(super) loss: Option<Loss>,
    /// `pending`, `pending:<ms>`: success is put off, for so long.
    pub(super) pending: Option<Millis>,
    /// `late:<ms>`: the answer is lost, and inquiries do not find the decision for so long.
    pub(super) late: Option<Millis>,
    /// `down:<ms>`, `down_calls:<n>`: this request never leaves, and nobody's does for so long.
    pub(super) outage: Option<Lasting>,
    /// `refused`, `authorization_expired`, `already_captured`, `account_closed`: an operation that
    /// the books would allow is refused for that reason.
    pub(super) refusal: Option<OperationFailure>,
    /// `fails_later`, `fails_later:<ms>`: a refund that has succeeded comes back after so long.
    pub(super) fails_later: Option<Millis>,
    /// How the decision is told by callback.
    pub(super) telling: Telling,
}

/// How a decision is told by callback. One that the answer to the call has told is told again only
/// where a word asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Telling {
    /// `callback`, and every word below but the last.
    pub(super) wanted: bool,
    /// `callback:duplicate`.
    pub(super) twice: bool,
    /// `callback:contradicting`: the opposite is told as well, afterwards.
    pub(super) contradicting: bool,
    /// `callback:late:<ms>`: so long after the decision.
    pub(super) late: Option<Millis>,
    /// `callback:none`: nothing is told, ever.
    pub(super) silent: bool,
}

/// What is lost between gateway and provider, in the order of the way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Loss {
    /// `not_sent`, `down`: the request never leaves, and that is known.
    Connection,
    /// `timeout_before`, `timeout_before_approval`: the request is lost on its way.
    Request,
    /// `timeout_after`, `timeout_after_approval`: the decision is booked, its answer is lost.
    Answer,
}

/// A word that names no fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("\"{0}\" is no fault of the simulator")]
pub struct UnknownFault(String);

/// How long `pending` puts success off: longer than the engine waits before its first inquiry, so
/// that more than one is seen. A refund that fails later does so after as long.
pub(super) const PENDING: Millis = Millis::from_seconds(1);

/// The longest a fault can last, and the most calls it can take: one merchant's test must not take
/// the simulator from the others for good. What asks for more asks for nothing.
const LONGEST: Millis = Millis::from_seconds(60);
const MOST_CALLS: u32 = 1_000;

impl Faults {
    /// The faults of one kind of call that the payment asks for; those of `usual` where it asks for
    /// none at all.
    pub(super) fn of(intent: &PaymentIntent, aim: Aim, usual: &Self) -> CallFaults {
        match intent.mode {
            Mode::Test => match intent.metadata(KEY) {
                Some(text) => Self::parse(text).at(aim),
                None => usual.at(aim),
            },
            Mode::Live => CallFaults::default(),
        }
    }

    fn at(&self, aim: Aim) -> CallFaults {
        self.0[aim as usize]
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
        let (aim, word) = Aim::split_off(word);
        self.0[aim as usize].add(aim, word)
    }
}

impl Aim {
    const COUNT: usize = 6;

    /// What a fault of that instruction is aimed by.
    pub(super) fn at(instruction: Instruction) -> Self {
        match instruction {
            Instruction::Capture | Instruction::FinalCapture => Self::Capture,
            Instruction::Void => Self::Void,
            Instruction::Reverse => Self::Reversal,
            Instruction::Refund => Self::Refund,
        }
    }

    fn split_off(word: &str) -> (Self, &str) {
        let Some((name, rest)) = word.split_once(':') else { return (Self::Authorization, word) };
        match name {
            "confirm" => (Self::Confirmation, rest),
            "capture" => (Self::Capture, rest),
            "void" => (Self::Void, rest),
            "reverse" => (Self::Reversal, rest),
            "refund" => (Self::Refund, rest),
            _ => (Self::Authorization, word),
        }
    }
}

impl CallFaults {
    /// Takes a word; false if it names no fault of that kind of call.
    fn add(&mut self, aim: Aim, word: &str) -> bool {
        let (name, number) = match word.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (word, None),
        };
        let millis = number.and_then(millis);
        match (name, number, millis) {
            ("not_sent" | "down", None, _) => self.lose(Loss::Connection),
            ("timeout_before" | "timeout_before_approval", None, _) => self.lose(Loss::Request),
            ("timeout_after" | "timeout_after_approval", None, _) => self.lose(Loss::Answer),
            ("pending", None, _) => self.pending = Some(PENDING),
            ("pending", _, Some(millis)) => self.pending = Some(millis),
            ("latency", _, Some(millis)) => self.latency = Some(Duration::from_millis(millis.0)),
            ("late", _, Some(millis)) => {
                self.lose(Loss::Answer);
                self.late = Some(millis);
            }
            ("down", _, Some(millis)) => self.go_down(Lasting::For(millis)),
            ("down_calls", Some(calls), _) => match calls.parse() {
                Ok(calls) if calls <= MOST_CALLS => self.go_down(Lasting::Calls(calls)),
                Ok(_) | Err(_) => return false,
            },
            ("callback", how, _) => return self.telling.add(how),
            ("fails_later", None, _) if aim == Aim::Refund => self.fails_later = Some(PENDING),
            ("fails_later", _, Some(millis)) if aim == Aim::Refund => {
                self.fails_later = Some(millis);
            }
            (reason, None, _) => match (aim, refusal(reason)) {
                (Aim::Capture | Aim::Void | Aim::Reversal | Aim::Refund, Some(reason)) => {
                    self.refusal = Some(reason);
                }
                (_, None) | (Aim::Authorization | Aim::Confirmation, Some(_)) => return false,
            },
            (_, Some(_), _) => return false,
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

impl Telling {
    fn add(&mut self, how: Option<&str>) -> bool {
        let (name, number) = match how.map(|how| how.split_once(':').unwrap_or((how, ""))) {
            None => {
                self.wanted = true;
                return true;
            }
            Some(named) => named,
        };
        match (name, number, millis(number)) {
            ("none", "", _) => {
                self.silent = true;
                return true;
            }
            ("duplicate", "", _) => self.twice = true,
            ("contradicting", "", _) => self.contradicting = true,
            ("late", _, Some(millis)) => self.late = Some(millis),
            _ => return false,
        }
        self.wanted = true;
        true
    }
}

fn refusal(word: &str) -> Option<OperationFailure> {
    let reasons = [
        OperationFailure::Refused,
        OperationFailure::AuthorizationExpired,
        OperationFailure::AlreadyCaptured,
        OperationFailure::AccountClosed,
    ];
    reasons.into_iter().find(|reason| reason.as_str() == word)
}

fn millis(text: &str) -> Option<Millis> {
    text.parse().ok().map(Millis).filter(|millis| *millis <= LONGEST)
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
        let none = CallFaults::default();
        let lost = |loss| CallFaults { loss: Some(loss), ..none };
        let late = |ms| CallFaults { latency: Some(Duration::from_millis(ms)), ..none };
        for (text, expected) in [
            ("", none),
            ("sunshine", none),
            ("not_sent", lost(Loss::Connection)),
            ("down", lost(Loss::Connection)),
            ("timeout_before_approval", lost(Loss::Request)),
            ("timeout_after_approval", lost(Loss::Answer)),
            ("pending", CallFaults { pending: Some(PENDING), ..none }),
            ("pending:50", CallFaults { pending: Some(Millis(50)), ..none }),
            ("late:70", CallFaults { late: Some(Millis(70)), ..lost(Loss::Answer) }),
            (
                "down:80",
                CallFaults { outage: Some(Lasting::For(Millis(80))), ..lost(Loss::Connection) },
            ),
            (
                "down_calls:3",
                CallFaults { outage: Some(Lasting::Calls(3)), ..lost(Loss::Connection) },
            ),
            ("down_calls:many", none),
            ("latency:250", late(250)),
            ("latency:soon", none),
            ("latency:250,latency:soon", late(250)),
            ("timeout_after_approval,not_sent", lost(Loss::Connection)),
            (
                "latency:5, pending ,timeout_after_approval",
                CallFaults { pending: Some(PENDING), loss: Some(Loss::Answer), ..late(5) },
            ),
            ("capture:not_sent,refused,fails_later", none),
        ] {
            assert_eq!(Faults::parse(text).at(Aim::Authorization), expected, "{text}");
        }
    }

    #[test]
    fn words_are_aimed() {
        let none = CallFaults::default();
        let names = [
            ("confirm", Aim::Confirmation),
            ("capture", Aim::Capture),
            ("void", Aim::Void),
            ("reverse", Aim::Reversal),
            ("refund", Aim::Refund),
        ];
        for (name, aim) in names {
            let faults = Faults::parse(&format!("latency:9,{name}:timeout_after,{name}:latency:5"));
            let expected = CallFaults {
                latency: Some(Duration::from_millis(5)),
                loss: Some(Loss::Answer),
                ..none
            };
            assert_eq!(faults.at(aim), expected, "{name}");
            for other in names.into_iter().filter(|(other, _aim)| *other != name) {
                assert_eq!(faults.at(other.1), none, "{name} is not {}", other.0);
            }
        }
        let refused = |reason| CallFaults { refusal: Some(reason), ..none };
        for (text, aim, expected) in [
            ("capture:refused", Aim::Capture, refused(OperationFailure::Refused)),
            (
                "void:authorization_expired",
                Aim::Void,
                refused(OperationFailure::AuthorizationExpired),
            ),
            ("confirm:refused", Aim::Confirmation, none),
            (
                "refund:fails_later:30",
                Aim::Refund,
                CallFaults { fails_later: Some(Millis(30)), ..none },
            ),
            ("capture:fails_later", Aim::Capture, none),
        ] {
            assert_eq!(Faults::parse(text).at(aim), expected, "{text}");
        }
    }

    #[test]
    fn callbacks_have_faults_of_their_own() {
        let wanted = Telling { wanted: true, ..Telling::default() };
        for (text, expected) in [
            ("callback", wanted),
            ("callback:duplicate", Telling { twice: true, ..wanted }),
            ("callback:contradicting", Telling { contradicting: true, ..wanted }),
            ("callback:late:40", Telling { late: Some(Millis(40)), ..wanted }),
            ("callback:none", Telling { silent: true, ..Telling::default() }),
            ("callback:late,callback:never", Telling::default()),
        ] {
            assert_eq!(Faults::parse(text).at(Aim::Authorization).telling, expected, "{text}");
            let aimed = text.split(',').map(|word| format!("refund:{word}")).collect::<Vec<_>>();
            let faults = Faults::parse(&aimed.join(","));
            assert_eq!(faults.at(Aim::Refund).telling, expected, "{text}");
        }
    }

    #[test]
    fn an_operators_words_must_mean_something() {
        assert_eq!("".parse(), Ok(Faults::default()));
        assert_eq!("pending, latency:5".parse(), Ok(Faults::parse("pending,latency:5")));
        assert_eq!("refund:refused".parse(), Ok(Faults::parse("refund:refused")));
        for wrong in [
            "sunshine",
            "latency:soon",
            "latency",
            "not_sent:5",
            "down_calls:-1",
            "refused",
            "capture",
            "capture:fails_later",
            "sale:not_sent",
            "callback:never",
        ] {
            assert_eq!(wrong.parse::<Faults>(), Err(UnknownFault(wrong.to_owned())));
        }
    }
}
