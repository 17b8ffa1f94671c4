//! What should be true of an operation.

use tollgate_domain::{Cause, OperationFailure, OperationId, OperationKind, Timestamp};

use super::{
    asking::Asking,
    expected::{Doubt, Told},
};

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) id: OperationId,
    pub(crate) act: Act,
    pub(crate) cause: Cause,
    pub(crate) doing: Doing,
    /// What of our fee a refund gives back while it stands, in minor units.
    pub(super) fee: i64,
    /// What its key tells for ever, once it has had a final answer.
    pub(super) first: Option<Told>,
}

/// What it does, amounts in minor units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    Confirm,
    Capture { minor_units: i64, release_rest: bool },
    Void,
    Reverse,
    Refund { minor_units: i64 },
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Doing {
    /// The call may be under way, after so many that were not sent.
    Open {
        tries: usize,
    },
    /// It was not sent, so many times, and is sent again.
    Waiting {
        tries: usize,
        due: Timestamp,
    },
    /// The provider answers later.
    Later(Asking),
    /// Nobody knows, so that we ask.
    Unsure(Asking),
    Done(Doubt),
    Failed(OperationFailure),
    /// A refund that was done and came back.
    Returned,
    /// Done after it had failed, beyond what was left.
    TooLate,
}

impl Act {
    pub(crate) fn of(kind: &OperationKind) -> Self {
        match kind {
            OperationKind::Confirmation => Self::Confirm,
            OperationKind::Capture { amount, release_rest } => {
                Self::Capture { minor_units: amount.minor_units(), release_rest: *release_rest }
            }
            OperationKind::Void => Self::Void,
            OperationKind::Reversal => Self::Reverse,
            OperationKind::Refund { amount, .. } => {
                Self::Refund { minor_units: amount.minor_units() }
            }
        }
    }

    pub(crate) fn is_refund(self) -> bool {
        matches!(self, Self::Refund { .. })
    }
}

impl Deed {
    pub(crate) fn new(id: OperationId, act: Act, cause: Cause) -> Self {
        Self { id, act, cause, doing: Doing::Open { tries: 0 }, fee: 0, first: None }
    }

    pub(crate) fn is_unsettled(&self) -> bool {
        match self.doing {
            Doing::Open { .. } | Doing::Waiting { .. } | Doing::Later(_) | Doing::Unsure(_) => true,
            Doing::Done(_) | Doing::Failed(_) | Doing::Returned | Doing::TooLate => false,
        }
    }

    /// Whether it and others that exclude it are still under way.
    pub(crate) fn excludes(&self) -> bool {
        self.is_unsettled() && !self.act.is_refund()
    }

    /// Whether whoever waits for it is answered.
    pub(crate) fn is_final(&self) -> bool {
        let accepted = self.act.is_refund() && matches!(self.doing, Doing::Later(_));
        accepted || !self.is_unsettled()
    }

    /// Whether only an inquiry can tell, after a restart.
    pub(crate) fn is_unresolved(&self) -> bool {
        matches!(self.doing, Doing::Open { .. } | Doing::Later(_) | Doing::Unsure(_))
    }

    pub(crate) fn due(&self) -> Option<Timestamp> {
        match self.doing {
            Doing::Waiting { due, .. } => Some(due),
            Doing::Later(asking) | Doing::Unsure(asking) | Doing::Done(Doubt::Asked(asking)) => {
                Some(asking.due)
            }
            Doing::Open { .. }
            | Doing::Done(Doubt::None | Doubt::Insisted)
            | Doing::Failed(_)
            | Doing::Returned
            | Doing::TooLate => None,
        }
    }

    /// How it is called where it is shown.
    pub(crate) fn word(&self) -> &'static str {
        match self.doing {
            Doing::Open { .. } | Doing::Waiting { .. } | Doing::Later(_) => "pending",
            Doing::Unsure(_) => "unknown",
            Doing::Done(_) | Doing::TooLate => "succeeded",
            Doing::Failed(_) | Doing::Returned => "failed",
        }
    }

    /// What of our fee it has given back.
    pub(super) fn fee_returned(&self) -> i64 {
        if matches!(self.doing, Doing::Done(_)) { self.fee } else { 0 }
    }

    /// What it returns, if it is a refund, in minor units.
    pub(crate) fn refund(&self) -> i64 {
        match self.act {
            Act::Refund { minor_units } => minor_units,
            Act::Confirm | Act::Capture { .. } | Act::Void | Act::Reverse => 0,
        }
    }
}
