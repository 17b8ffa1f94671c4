//! A page of the simulator's ledger as an answer shows it.

use serde::Serialize;
use tollgate_domain::{AttemptId, OperationFailure, OperationId, PaymentId};

use super::id_text::IdText;
use crate::provider::simulator::{Decided, Fact, Fate, Instruction, LedgerEntry, LedgerPage};

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
    operation_id: Option<IdText<OperationId>>,
    payment_id: IdText<PaymentId>,
    kind: &'static str,
    amount_minor: i64,
    currency: &'static str,
    state: &'static str,
    reason: Option<&'static str>,
    /// What it took from the customer; negative where it went back to him.
    moved_minor: i64,
    calls: u32,
}

/// What an entry tells beside its numbers.
struct Told {
    operation: Option<OperationId>,
    kind: &'static str,
    state: &'static str,
    reason: Option<&'static str>,
    moves: Moves,
}

/// Which way an entry's amount went.
enum Moves {
    FromCustomer,
    ToCustomer,
    Nowhere,
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
        let Told { operation, kind, state, reason, moves } = match entry.fact {
            Fact::Attempt { decided, merchant: _ } => Told::of_attempt(decided),
            Fact::Operation { operation, instruction, fate } => {
                Told::of_operation(operation, instruction, fate)
            }
        };
        let amount_minor = entry.money.amount.minor_units();
        Self {
            attempt_id: IdText(entry.attempt_id),
            operation_id: operation.map(IdText),
            payment_id: IdText(entry.payment_id),
            kind,
            amount_minor,
            currency: entry.money.currency.code(),
            state,
            reason,
            moved_minor: match moves {
                Moves::FromCustomer => amount_minor,
                Moves::ToCustomer => -amount_minor,
                Moves::Nowhere => 0,
            },
            calls: entry.calls,
        }
    }
}

impl Told {
    fn of_attempt(decided: Decided) -> Self {
        let (state, reason, moves) = match decided {
            Decided::Approved => ("approved", None, Moves::FromCustomer),
            Decided::Reserved => ("approved", None, Moves::Nowhere),
            Decided::Declined(code) => ("declined", Some(code.as_str()), Moves::Nowhere),
            // Nothing is charged yet: an entry of its own follows once that is decided.
            Decided::ActionRequired | Decided::Pending => ("pending", None, Moves::Nowhere),
        };
        Self { operation: None, kind: "attempt", state, reason, moves }
    }

    fn of_operation(operation: OperationId, instruction: Instruction, fate: Fate) -> Self {
        let kind = match instruction {
            Instruction::Capture | Instruction::FinalCapture => "capture",
            Instruction::Void => "void",
            Instruction::Reverse => "reversal",
            Instruction::Refund => "refund",
        };
        let (state, reason, moves) = match (fate, instruction) {
            (Fate::Succeeded, Instruction::Capture | Instruction::FinalCapture) => {
                ("succeeded", None, Moves::FromCustomer)
            }
            (Fate::Succeeded, Instruction::Reverse | Instruction::Refund) => {
                ("succeeded", None, Moves::ToCustomer)
            }
            (Fate::Succeeded, Instruction::Void) => ("succeeded", None, Moves::Nowhere),
            (Fate::Pending, _) => ("pending", None, Moves::Nowhere),
            (Fate::Failed(reason), _) => ("failed", Some(reason.as_str()), Moves::Nowhere),
            (Fate::Returned, _) => {
                let reason = OperationFailure::AccountClosed.as_str();
                ("returned", Some(reason), Moves::FromCustomer)
            }
        };
        Self { operation: Some(operation), kind, state, reason, moves }
    }
}
