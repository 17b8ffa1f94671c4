//! What waits for a record to become durable: a reply, calls that are owed, a publication.

use tokio::sync::oneshot;
use tollgate_domain::{ControlEvent, Payment, Record};

use crate::{
    admission::Permit, control_request::ControlAnswer, effects::PreparedCall, engine::Answer,
    error::CommandError,
};

/// Rides through the log with its record, or behind the last record it rests on.
pub(crate) struct Completion<A> {
    pub(crate) reply: Option<Reply>,
    pub(crate) calls: Vec<PreparedCall<A>>,
    pub(crate) publication: Option<Record<ControlEvent>>,
    /// Given back once durable, where no call carries it on.
    pub(crate) permit: Option<Permit>,
}

/// Somebody who waits, and what he is told.
pub(crate) enum Reply {
    Payment(PaymentReply, Result<Box<Answer>, CommandError>),
    Read(oneshot::Sender<Result<Option<Box<Payment>>, CommandError>>, Option<Box<Payment>>),
    Control(ControlReply, Result<ControlAnswer, CommandError>),
}

pub(crate) type PaymentReply = oneshot::Sender<Result<Box<Answer>, CommandError>>;

pub(crate) type ControlReply = oneshot::Sender<Result<ControlAnswer, CommandError>>;

impl<A> Completion<A> {
    pub(crate) fn nothing() -> Self {
        Self { reply: None, calls: Vec::new(), publication: None, permit: None }
    }

    pub(crate) fn reply(reply: Reply, permit: Option<Permit>) -> Self {
        Self { reply: Some(reply), permit, ..Self::nothing() }
    }
}

impl Reply {
    /// What it rests on is durable. Nobody minds if the one who asked has gone.
    pub(crate) fn deliver(self) {
        match self {
            Self::Payment(sender, answer) => drop(sender.send(answer)),
            Self::Read(sender, payment) => drop(sender.send(Ok(payment))),
            Self::Control(sender, answer) => drop(sender.send(answer)),
        }
    }

    /// Whether what it rests on is durable is not known.
    pub(crate) fn fail(self) {
        match self {
            Self::Payment(sender, _answer) => drop(sender.send(Err(CommandError::Unknown))),
            Self::Read(sender, _payment) => drop(sender.send(Err(CommandError::Unknown))),
            Self::Control(sender, _answer) => drop(sender.send(Err(CommandError::Unknown))),
        }
    }
}
