//! A page of the simulator's ledger as an answer shows it.

use serde::Serialize;
use tollgate_domain::{AttemptId, PaymentId};

use super::id_text::IdText;
use crate::provider::simulator::{Decided, LedgerEntry, LedgerPage};

/// A page, to be serialized.
#[derive(Serialize)]
pub(crate) struct LedgerPageBody {
    data: Vec<EntryBody>,
    has_more: bool,
    /// The cursor of the page that follows.
    next: Option<u64>,
}

#[derive(Serialize)]
struct EntryBody {
    attempt_id: IdText<AttemptId>,
    payment_id: IdText<PaymentId>,
    amount_minor: i64,
    currency: &'static str,
    state: &'static str,
    calls: u32,
}

impl LedgerPageBody {
    pub(crate) fn of(page: &LedgerPage) -> Self {
        Self {
            data: page.entries.iter().map(EntryBody::of).collect(),
            has_more: page.has_more,
            next: page.entries.last().filter(|_| page.has_more).map(|entry| entry.index),
        }
    }
}

impl EntryBody {
    fn of(entry: &LedgerEntry) -> Self {
        let state = match entry.decided {
            Decided::Approved => "approved",
            Decided::Declined(_) => "declined",
            // Nothing is charged yet: an entry of its own follows once that is decided.
            Decided::ActionRequired | Decided::Pending => "pending",
        };
        Self {
            attempt_id: IdText(entry.attempt_id),
            payment_id: IdText(entry.payment_id),
            amount_minor: entry.money.amount.minor_units(),
            currency: entry.money.currency.code(),
            state,
            calls: entry.calls,
        }
    }
}
