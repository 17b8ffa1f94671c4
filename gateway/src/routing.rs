//! Which provider serves a payment.
//!
//! Invariant: live money never goes to the simulator, and test money goes nowhere else.
//!
//! Not here: providers for live mode; none is configured.

use tollgate_domain::{Mode, ProviderId};

/// The provider for payments of this mode; `None` where there is none.
pub(crate) fn provider_for(mode: Mode) -> Option<ProviderId> {
    match mode {
        Mode::Test => Some(ProviderId::SIMULATOR),
        Mode::Live => None,
    }
}
