//! The questions of an audit: every key is asked again, every payment read, the provider's books
//! compared.
//!
//! Not here: what a right answer is. These modules ask, and wait for what is still open; the
//! [`Auditor`](crate::auditor::Auditor) judges.

mod keys;
mod ledger;

pub(crate) use keys::{ask, check_keys};
pub(crate) use ledger::{LedgerStart, LedgerSummary, compare_ledger};
