//! Mistakes that can be switched on, one at a time, to see whether the tests that should notice do:
//! the mutation suite of `tollgate-simulation`.
//!
//! Invariant: without the feature `planted-faults` none can be, and every question about it is
//! answered by the compiler.
//!
//! Not here: the mistakes. Each stands where it could have been made, behind `is_planted`.

#[cfg(feature = "planted-faults")]
use std::cell::Cell;

/// A mistake of the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlantedFault {
    /// What needs no record does not wait for those before it.
    ReleasedEarly,
    /// A record's events are replayed last to first.
    ReplayedBackwards,
    /// A snapshot lacks the last record of a shard that it stands for.
    SnapshotOffByOne,
    /// A payment comes back as the archive had it when somebody looked, whatever happened since.
    RecalledAsItOnceLeft,
    /// The same of an order.
    OrderRecalledAsItOnceLeft,
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
