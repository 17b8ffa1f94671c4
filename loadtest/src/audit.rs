//! The questions of an audit: every key is asked again, every payment and refund read with what was
//! booked for it, the provider's books and our own compared, the event feed read to its end.
//!
//! Not here: what a right answer is. These modules ask, and wait for what is still open; the
//! [`Auditor`](crate::auditor::Auditor) judges.

mod events;
mod keys;
mod ledger;

pub(crate) use events::{EventReader, check_events};
pub(crate) use keys::{ask, ask_deed, ask_shop_order, check_keys};
pub(crate) use ledger::{LedgerStart, LedgerSummary, compare_ledger};
