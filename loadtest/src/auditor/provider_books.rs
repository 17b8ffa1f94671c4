//! The provider's books as they are read, and what they come to for one payment.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A page of `GET /simulator/ledger`.
#[derive(Debug, Deserialize)]
pub(crate) struct LedgerPage {
    pub(crate) data: Vec<LedgerEntry>,
    pub(crate) has_more: bool,
    pub(crate) next: Option<u64>,
}

/// One decision of the provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct LedgerEntry {
    pub(crate) attempt_id: String,
    /// `None` where it was decided on the attempt itself.
    pub(crate) operation_id: Option<String>,
    pub(crate) payment_id: String,
    pub(crate) kind: EntryKind,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) state: EntryState,
    /// What it took from the customer; negative where it went back to him.
    pub(crate) moved_minor: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EntryKind {
    Attempt,
    Capture,
    Void,
    Reversal,
    Refund,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EntryState {
    Approved,
    Declined,
    Pending,
    Succeeded,
    Failed,
    /// A refund that had succeeded and came back.
    Returned,
}

impl LedgerEntry {
    /// What tells it from every other entry of its attempt.
    pub(crate) fn place(&self) -> (String, Option<String>, &'static str) {
        let state = match self.state {
            EntryState::Approved => "approved",
            EntryState::Declined => "declined",
            EntryState::Pending => "pending",
            EntryState::Succeeded => "succeeded",
            EntryState::Failed => "failed",
            EntryState::Returned => "returned",
        };
        (self.attempt_id.clone(), self.operation_id.clone(), state)
    }
}

/// What the provider did for one payment.
#[derive(Debug, Default)]
pub(super) struct ProviderAccount {
    pub(super) approvals: Vec<Approval>,
    pub(super) operations: Vec<Operated>,
    /// What it took from the customer in all.
    pub(super) moved: i128,
}

/// An attempt that it approved.
#[derive(Debug, Clone)]
pub(super) struct Approval {
    pub(super) attempt_id: String,
    pub(super) amount_minor: i64,
    pub(super) currency: String,
}

/// Something that it did to the funds of an attempt.
#[derive(Debug)]
pub(super) struct Operated {
    attempt_id: String,
    operation_id: Option<String>,
    pub(super) kind: EntryKind,
    pub(super) amount_minor: i64,
    /// It came back.
    pub(super) returned: bool,
}

impl ProviderAccount {
    pub(super) fn add(&mut self, entry: LedgerEntry) {
        let LedgerEntry { attempt_id, operation_id, kind, amount_minor, currency, state, .. } =
            entry;
        self.moved += i128::from(entry.moved_minor);
        match (kind, state) {
            (EntryKind::Attempt, EntryState::Approved) => {
                self.approvals.push(Approval { attempt_id, amount_minor, currency });
            }
            (_, EntryState::Succeeded) => self.operations.push(Operated {
                attempt_id,
                operation_id,
                kind,
                amount_minor,
                returned: false,
            }),
            (_, EntryState::Returned) => {
                let same = |one: &&mut Operated| one.operation_id == operation_id && !one.returned;
                if let Some(operated) = self.operations.iter_mut().find(same) {
                    operated.returned = true;
                }
            }
            (
                _,
                EntryState::Approved
                | EntryState::Declined
                | EntryState::Pending
                | EntryState::Failed,
            ) => {}
        }
    }

    /// Approvals that were not let go of or undone again.
    pub(super) fn live(&self) -> Vec<&Approval> {
        let undone = |approval: &&Approval| {
            self.operations.iter().any(|one| {
                one.attempt_id == approval.attempt_id
                    && match one.kind {
                        // What was captured before the rest was let go of stays.
                        EntryKind::Void => !self.has_captures_of(&approval.attempt_id),
                        EntryKind::Reversal => true,
                        EntryKind::Attempt | EntryKind::Capture | EntryKind::Refund => false,
                    }
            })
        };
        self.approvals.iter().filter(|approval| !undone(approval)).collect()
    }

    fn has_captures_of(&self, attempt: &str) -> bool {
        let is_capture = |one: &Operated| one.kind == EntryKind::Capture;
        self.operations.iter().any(|one| is_capture(one) && one.attempt_id == attempt)
    }

    /// The amounts of what stands of that kind.
    pub(super) fn done(&self, kind: EntryKind) -> Vec<i64> {
        let stands = |one: &&Operated| one.kind == kind && !one.returned;
        self.operations.iter().filter(stands).map(|one| one.amount_minor).collect()
    }
}

/// Sums by currency; 128 bits, so that a run of any length fits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sums(BTreeMap<String, i128>);

impl Sums {
    pub(crate) fn add(&mut self, currency: &str, minor: i128) {
        *self.0.entry(currency.to_owned()).or_default() += minor;
    }

    pub(crate) fn add_sums(&mut self, others: &Self) {
        for (currency, sum) in &others.0 {
            self.add(currency, *sum);
        }
    }

    pub(crate) fn of(&self, currency: &str) -> i128 {
        self.0.get(currency).copied().unwrap_or(0)
    }

    pub(crate) fn currencies(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }
}
