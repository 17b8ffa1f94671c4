//! Mistakes that can be switched on, one at a time, to see whether the tests that should notice do:
//! the mutation suite of `tollgate-simulation`.
//!
//! Invariant: without the feature `planted-faults` none can be, and every question about it is
//! answered by the compiler.
//!
//! Not here: the mistakes. Each stands where it could have been made, behind `is_planted`.

#[cfg(feature = "planted-faults")]
use std::cell::Cell;

/// A mistake of the domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlantedFault {
    /// A repeated key is answered whatever request it comes with.
    FingerprintNotCompared,
    /// A payment that changes after its first final answer forgets that answer.
    FirstAnswerForgotten,
    /// A key is forgotten although its payment may yet succeed.
    OpenKeyForgotten,
    /// A late approval books money that was only reserved.
    LateApprovalOverbooked,
    /// A refund may be as large as if no other were under way.
    OpenRefundsNotCounted,
    /// What is due is done a millisecond late.
    ExpiryOffByOne,
    /// After a restart, a call that may have been made is made once more.
    AuthorizedAgain,
}

#[cfg(feature = "planted-faults")]
thread_local! {
    /// Of this thread, for a simulation has but one, and others run beside it.
    static PLANTED: Cell<Option<PlantedFault>> = const { Cell::new(None) };
}

/// Makes this mistake in this thread from now on, and no other.
#[cfg(feature = "planted-faults")]
pub fn plant(fault: Option<PlantedFault>) {
    PLANTED.set(fault);
}

/// Whether this mistake is to be made.
#[cfg(feature = "planted-faults")]
pub(crate) fn is_planted(fault: PlantedFault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Never.
#[cfg(not(feature = "planted-faults"))]
#[inline]
pub(crate) const fn is_planted(_fault: PlantedFault) -> bool {
    false
}
