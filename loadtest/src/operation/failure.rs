//! Why a request is no success, in the words of the report.

use std::borrow::Cow;

use crate::connection::Silence;

/// Why a request is no success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It was due, and could not be sent in time.
    NotSent,
    NoConnection,
    BrokeOff,
    TimedOut,
    NotHttp,
    /// 429 or 503: not taken in.
    Refused(u16),
    /// 202 where the outcome was waited for.
    StillProcessing,
    /// A final answer with another outcome than was asked for.
    Outcome(&'static str),
    /// A status that does not belong here.
    Status(u16),
    /// The auditor has the details.
    Broken,
}

impl Failure {
    pub(super) fn of_silence(silence: &Silence) -> Self {
        match silence {
            Silence::NoConnection(_) => Self::NoConnection,
            Silence::BrokeOff(_) => Self::BrokeOff,
            Silence::TimedOut(_) => Self::TimedOut,
            Silence::NotHttp(_) => Self::NotHttp,
            Silence::OutcomeUnknown => Self::Status(500),
        }
    }

    /// The kind, as reports name it.
    pub(crate) fn kind(self) -> Cow<'static, str> {
        match self {
            Self::NotSent => "not_sent_in_time".into(),
            Self::NoConnection => "no_connection".into(),
            Self::BrokeOff => "connection_broke_off".into(),
            Self::TimedOut => "timed_out".into(),
            Self::NotHttp => "not_http".into(),
            Self::Refused(status) => format!("refused_{status}").into(),
            Self::StillProcessing => "still_processing".into(),
            Self::Outcome(outcome) => format!("outcome_{outcome}").into(),
            Self::Status(status) => format!("status_{status}").into(),
            Self::Broken => "promise_broken".into(),
        }
    }
}
