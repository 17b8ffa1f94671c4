//! Something about a payment that a person has to decide: what a provider reports against our
//! bounds, or against its own word.

use crate::{
    id::{AttemptId, CaseId, OperationId},
    money::Amount,
    timestamp::Timestamp,
};

/// One case.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Case {
    /// Its id.
    pub id: CaseId,
    /// What it is about.
    pub matter: Matter,
    /// How much of the exceptions account it accounts for while it is open: positive where a
    /// provider owes money to somebody, negative where it paid out what was not to be paid.
    pub booked: Booked,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What became of it.
    pub resolution: Option<(Resolution, Timestamp)>,
}

/// What a case is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Matter {
    /// An attempt was approved after its payment had ended.
    LateApproval(AttemptId),
    /// A provider denies an attempt that it approved, and insists.
    ApprovalDenied(AttemptId),
    /// A provider denies an operation that it had done, and insists.
    OperationDenied(OperationId),
    /// A provider did what had failed before, beyond what is left.
    OperationLate(OperationId),
}

/// What a case has put on the exceptions account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Booked {
    /// Nothing.
    Nothing,
    /// Money that the provider holds and no payment accounts for.
    Received(Amount),
    /// Money that the provider has paid out and no refund accounts for.
    PaidOut(Amount),
}

/// How a case was closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Resolution {
    /// The money went back to the customer, or the reservation was let go.
    Returned,
    /// The money is the merchant's, or is the merchant's loss.
    Assigned,
    /// The provider stands by what it said first.
    Withdrawn,
    /// An operator looked at it, and nothing is to be booked.
    Dismissed,
}

impl Case {
    /// Whether somebody still has to decide.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.resolution.is_none()
    }
}

impl Matter {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LateApproval(_) => "late_approval",
            Self::ApprovalDenied(_) => "approval_denied",
            Self::OperationDenied(_) => "operation_denied",
            Self::OperationLate(_) => "operation_late",
        }
    }
}

impl Resolution {
    /// Every resolution, in the order of [`Resolution::code`].
    pub const ALL: [Self; 4] = [Self::Returned, Self::Assigned, Self::Withdrawn, Self::Dismissed];

    /// The number in stored records. Invariant: never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Returned => 0,
            Self::Assigned => 1,
            Self::Withdrawn => 2,
            Self::Dismissed => 3,
        }
    }

    /// The resolution of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|resolution| resolution.code() == code)
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::Assigned => "assigned",
            Self::Withdrawn => "withdrawn",
            Self::Dismissed => "dismissed",
        }
    }
}
