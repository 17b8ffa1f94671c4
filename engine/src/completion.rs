//! What waits for a record to become durable: a reply, calls that are owed, a publication, those who
//! observe.

use tokio::sync::oneshot;
use tollgate_domain::{ControlEvent, Payment, Record, StateHash};

use crate::{
    admission::Permit, archive::Departures, control_request::ControlAnswer,
    durable_record::DurableRecord, effects::PreparedCall, engine::OrderAnswer, error::CommandError,
    shard::PaymentReply,
};

/// Rides through the log with its record, or behind the last record it rests on. `A` is what a
/// call needs and the log must never see, `R` somebody who waits and what he is told.
pub struct Completion<A, R = Reply> {
    /// Who is told what.
    pub reply: Option<R>,
    /// The calls that are owed.
    pub calls: Vec<PreparedCall<A>>,
    /// What everybody may read from now on.
    pub publication: Option<Record<ControlEvent>>,
    /// What observers are shown, where there are any.
    pub observation: Option<DurableRecord>,
    /// What the archive is given.
    pub departures: Option<Departures>,
    /// Given back once durable, where no call carries it on.
    pub permit: Option<Permit>,
}

/// Somebody who waits, and what he is told.
pub enum Reply {
    Payment(PaymentSender, PaymentReply),
    Order(OrderSender, Result<OrderAnswer, CommandError>),
    Report(ReportSender, Result<(), CommandError>),
    Read(oneshot::Sender<Result<Option<Box<Payment>>, CommandError>>, Option<Box<Payment>>),
    Query(Told),
    Control(ControlReply, Result<ControlAnswer, CommandError>),
    /// To whom everything before had to be sealed.
    Sealed(oneshot::Sender<()>),
    /// To whoever compares a shard with its records.
    Hash(HashSender, (u64, StateHash)),
}

pub(crate) type HashSender = oneshot::Sender<(u64, StateHash)>;

pub(crate) type PaymentSender = oneshot::Sender<PaymentReply>;

pub(crate) type OrderSender = oneshot::Sender<Result<OrderAnswer, CommandError>>;

pub(crate) type ReportSender = oneshot::Sender<Result<(), CommandError>>;

/// What a query has found, on its way to the one who asked: sent once what it rests on is durable,
/// dropped where that will never be known.
pub(crate) type Told = Box<dyn FnOnce() + Send>;

pub(crate) type ControlReply = oneshot::Sender<Result<ControlAnswer, CommandError>>;

impl<A, R> Completion<A, R> {
    /// A reply alone.
    pub fn reply(reply: R, permit: Option<Permit>) -> Self {
        Self { reply: Some(reply), ..Self::quiet(permit) }
    }

    /// Nothing waits but who gave the permit.
    pub fn quiet(permit: Option<Permit>) -> Self {
        Self {
            reply: None,
            calls: Vec::new(),
            publication: None,
            observation: None,
            departures: None,
            permit,
        }
    }
}

impl Reply {
    /// What it rests on is durable. Nobody minds if the one who asked has gone.
    pub(crate) fn deliver(self) {
        match self {
            Self::Payment(sender, answer) => drop(sender.send(answer)),
            Self::Order(sender, answer) => drop(sender.send(answer)),
            Self::Report(sender, answer) => drop(sender.send(answer)),
            Self::Read(sender, payment) => drop(sender.send(Ok(payment))),
            Self::Query(told) => told(),
            Self::Control(sender, answer) => drop(sender.send(answer)),
            Self::Sealed(sender) => drop(sender.send(())),
            Self::Hash(sender, hash) => drop(sender.send(hash)),
        }
    }

    /// Whether what it rests on is durable is not known.
    pub(crate) fn fail(self) {
        match self {
            Self::Payment(sender, _answer) => drop(sender.send(Err(CommandError::Unknown))),
            Self::Order(sender, _answer) => drop(sender.send(Err(CommandError::Unknown))),
            Self::Report(sender, _answer) => drop(sender.send(Err(CommandError::Unknown))),
            Self::Read(sender, _payment) => drop(sender.send(Err(CommandError::Unknown))),
            Self::Query(told) => drop(told),
            Self::Control(sender, _answer) => drop(sender.send(Err(CommandError::Unknown))),
            // Who waits is told by the sender's end.
            Self::Sealed(_) | Self::Hash(..) => {}
        }
    }
}
