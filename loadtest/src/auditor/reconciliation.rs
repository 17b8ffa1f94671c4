//! The provider's ledger against the answers: who was charged, and should have been.
//!
//! Only approvals count: an entry that was declined, voided or reversed holds nobody's money.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::Deserialize;

use super::{Auditor, KeyState};
use crate::audit::LedgerSummary;
use crate::order::PaymentOrder;
use crate::violation::{Violation, ViolationKind};

/// A page of `GET /simulator/ledger`.
#[derive(Debug, Deserialize)]
pub(crate) struct LedgerPage {
    pub(crate) data: Vec<LedgerEntry>,
    pub(crate) has_more: bool,
    pub(crate) next: Option<u64>,
}

/// One attempt as the provider knows it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct LedgerEntry {
    pub(crate) attempt_id: String,
    pub(crate) payment_id: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) state: EntryState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EntryState {
    Approved,
    Declined,
    Pending,
    Voided,
    Reversed,
    /// Of operations on what was approved, which are no charges.
    Succeeded,
    Failed,
    Returned,
}

/// The provider's approvals, gathered page by page.
#[derive(Debug, Default)]
pub(crate) struct Reconciliation {
    /// Of payments that a remembered key names.
    approved: HashMap<Arc<str>, Vec<Approval>>,
    /// Of all others, by a hash of the payment.
    others: HashMap<u64, Others>,
    others_sum: Sums,
    entries: u64,
}

#[derive(Debug)]
struct Approval {
    attempt_id: String,
    amount_minor: i64,
    currency: String,
}

/// The approvals of a payment that no remembered key names.
#[derive(Debug, Default)]
struct Others {
    count: u32,
    /// Payment and approval in full, as far as they are needed to be told.
    told: Vec<(String, Approval)>,
}

/// So many approvals of payments without a key are kept in full; one bug can bring many.
const TOLD: usize = 1_000;

impl Reconciliation {
    pub(crate) fn summary(&self) -> LedgerSummary {
        LedgerSummary { entries: self.entries, unnamed: self.others.len() as u64 }
    }

    pub(crate) fn add(&mut self, entry: LedgerEntry, auditor: &Auditor) {
        self.entries += 1;
        let LedgerEntry { attempt_id, payment_id, amount_minor, currency, state } = entry;
        match state {
            EntryState::Approved => {}
            EntryState::Declined
            | EntryState::Pending
            | EntryState::Voided
            | EntryState::Reversed
            | EntryState::Succeeded
            | EntryState::Failed
            | EntryState::Returned => return,
        }
        let approval = Approval { attempt_id, amount_minor, currency };
        if let Some((payment, _owner)) = auditor.owners.get_key_value(payment_id.as_str()) {
            self.approved.entry(Arc::clone(payment)).or_default().push(approval);
            return;
        }
        self.others_sum.add(&approval.currency, approval.amount_minor);
        let hash = hash(&payment_id);
        if auditor.sample.takes(hash) {
            let told = self.others.len() < TOLD;
            let others = self.others.entry(hash).or_default();
            others.count += 1;
            if told || others.count > 1 {
                others.told.push((payment_id, approval));
            }
        }
    }

    /// What does not fit between the approvals and the auditor's answers.
    pub(super) fn findings(mut self, auditor: &Auditor) -> Vec<Violation> {
        let mut findings = Vec::new();
        let (mut owed, mut approved) = (Sums::default(), Sums::default());
        for id in auditor.remembered() {
            let record = &auditor.records[&id];
            let (payment, outcome) = match &record.state {
                KeyState::Unanswered => continue,
                KeyState::Accepted { payment } => (payment, None),
                KeyState::Final { payment, outcome, .. } => (payment, Some(*outcome)),
            };
            let order = record.order;
            let approvals = self.approved.remove(&**payment).unwrap_or_default();
            let mut find = |kind, details| {
                let (key, payment) = (Some(order.key()), Some(payment.to_string()));
                findings.push(Violation { kind, key, payment, details });
            };
            if approvals.len() > 1 {
                find(ViolationKind::ChargedTwice, list(&approvals));
            }
            // Without an outcome it is reported as unresolved already, and belongs to no sum.
            let Some(outcome) = outcome else { continue };
            approved.add_all(&approvals);
            if outcome.is_approved() {
                owed.add(order.currency.code(), order.amount_minor);
                if approvals.is_empty() {
                    let details = "the provider has no approved attempt".to_owned();
                    find(ViolationKind::CompletedWithoutCharge, details);
                }
                for approval in approvals.iter().filter(|approval| !approval.fits(&order)) {
                    let (amount, code) = (order.amount_minor, order.currency.code());
                    let seen = list(std::slice::from_ref(approval));
                    let details = format!("asked for {amount} {code}, approved {seen}");
                    find(ViolationKind::ChargeDiffers, details);
                }
            } else if !approvals.is_empty() {
                find(ViolationKind::FailedButCharged, list(&approvals));
            }
        }
        // Where others pay too, or keys were let go, what no key names may be theirs.
        let alone = !auditor.shared && auditor.sample.is_everything();
        if alone {
            approved.add_sums(&self.others_sum);
        }
        findings.extend(unnamed(self.others, alone));
        findings.extend(owed.mismatches(&approved));
        findings
    }
}

impl Approval {
    fn fits(&self, order: &PaymentOrder) -> bool {
        self.amount_minor == order.amount_minor && self.currency == order.currency.code()
    }
}

/// Sums by currency; 128 bits, so that a run of any length fits.
#[derive(Debug, Default)]
struct Sums(BTreeMap<String, i128>);

impl Sums {
    fn add(&mut self, currency: &str, amount_minor: i64) {
        *self.0.entry(currency.to_owned()).or_default() += i128::from(amount_minor);
    }

    fn add_all(&mut self, approvals: &[Approval]) {
        for approval in approvals {
            self.add(&approval.currency, approval.amount_minor);
        }
    }

    fn add_sums(&mut self, others: &Self) {
        for (currency, sum) in &others.0 {
            *self.0.entry(currency.clone()).or_default() += sum;
        }
    }

    fn of(&self, currency: &str) -> i128 {
        self.0.get(currency).copied().unwrap_or(0)
    }

    /// Where these sums of approved payments differ from those of the approvals.
    fn mismatches(&self, approved: &Self) -> Vec<Violation> {
        let currencies: BTreeSet<&String> = self.0.keys().chain(approved.0.keys()).collect();
        currencies
            .into_iter()
            .filter(|currency| self.of(currency) != approved.of(currency))
            .map(|currency| {
                let (completed, approved) = (self.of(currency), approved.of(currency));
                let details = format!("{currency}: completed {completed}, approved {approved}");
                Violation { kind: ViolationKind::SumMismatch, key: None, payment: None, details }
            })
            .collect()
    }
}

/// Approvals of payments that no remembered key names. Two of one payment are always one too many;
/// one alone is a finding only where every payment has to have a key.
fn unnamed(others: HashMap<u64, Others>, alone: bool) -> Vec<Violation> {
    let mut left: Vec<_> =
        others.into_values().filter(|others| alone || others.count > 1).collect();
    left.sort_by(|one, other| one.told.first().map(payment).cmp(&other.told.first().map(payment)));
    left.into_iter()
        .map(|Others { count, told }| {
            let (kind, details) = match count {
                1 => (ViolationKind::ChargeWithoutPayment, String::new()),
                _ => (ViolationKind::ChargedTwice, format!("{count} approvals: ")),
            };
            let of = told.first().map(|(payment, _)| payment.clone());
            let told: Vec<Approval> = told.into_iter().map(|(_, approval)| approval).collect();
            Violation { kind, key: None, payment: of, details: details + &list(&told) }
        })
        .collect()
}

fn payment((payment, _approval): &(String, Approval)) -> &str {
    payment
}

/// 64 bits guard against accidents, which is all there is to guard against.
fn hash(payment: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    payment.hash(&mut hasher);
    hasher.finish()
}

fn list(approvals: &[Approval]) -> String {
    let shown: Vec<String> = approvals
        .iter()
        .map(|entry| format!("{} {} {}", entry.attempt_id, entry.amount_minor, entry.currency))
        .collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{authorized, completed, failed, kinds, order, say};
    use super::*;

    fn entry(payment: &str, attempt: &str, state: EntryState) -> LedgerEntry {
        LedgerEntry {
            attempt_id: attempt.to_owned(),
            payment_id: payment.to_owned(),
            amount_minor: 10_000,
            currency: "INR".to_owned(),
            state,
        }
    }

    /// One completed and one failed payment, and the ledger given.
    fn reconcile(entries: Vec<LedgerEntry>) -> Vec<ViolationKind> {
        let mut auditor = Auditor::default();
        let (paid, declined) = (auditor.intend(order(0)), auditor.intend(order(1)));
        say(&mut auditor, paid, completed("pay_0"));
        say(&mut auditor, declined, failed("pay_1"));
        let mut reconciliation = Reconciliation::default();
        for entry in entries {
            reconciliation.add(entry, &auditor);
        }
        let findings = auditor.compare(reconciliation);
        auditor.conclude(findings);
        kinds(&auditor)
    }

    fn honest() -> Vec<LedgerEntry> {
        vec![
            entry("pay_0", "att_0", EntryState::Approved),
            entry("pay_0", "att_1", EntryState::Reversed),
            entry("pay_1", "att_2", EntryState::Declined),
            entry("pay_1", "att_3", EntryState::Voided),
            entry("pay_9", "att_4", EntryState::Declined),
        ]
    }

    #[test]
    fn an_honest_ledger_has_no_finding() {
        assert_eq!(reconcile(honest()), []);
    }

    #[test]
    fn a_double_approval_is_found() {
        let mut entries = honest();
        entries.push(entry("pay_0", "att_5", EntryState::Approved));
        let expected = [ViolationKind::ChargedTwice, ViolationKind::SumMismatch];
        assert_eq!(reconcile(entries), expected);
    }

    #[test]
    fn a_failed_payment_that_was_charged_is_found() {
        let mut entries = honest();
        entries.push(entry("pay_1", "att_5", EntryState::Approved));
        let expected = [ViolationKind::FailedButCharged, ViolationKind::SumMismatch];
        assert_eq!(reconcile(entries), expected);
    }

    #[test]
    fn a_completed_payment_without_charge_is_found() {
        let entries = honest().split_off(1);
        let expected = [ViolationKind::CompletedWithoutCharge, ViolationKind::SumMismatch];
        assert_eq!(reconcile(entries), expected);
    }

    #[test]
    fn another_amount_or_currency_is_found() {
        let mut entries = honest();
        entries[0].amount_minor += 1;
        let expected = [ViolationKind::ChargeDiffers, ViolationKind::SumMismatch];
        assert_eq!(reconcile(entries), expected);

        let mut entries = honest();
        entries[0].currency = "USD".to_owned();
        let expected =
            [ViolationKind::ChargeDiffers, ViolationKind::SumMismatch, ViolationKind::SumMismatch];
        assert_eq!(reconcile(entries), expected);
    }

    #[test]
    fn a_charge_that_belongs_to_no_key_is_found() {
        let mut entries = honest();
        entries.push(entry("pay_7", "att_7", EntryState::Approved));
        let expected = [ViolationKind::ChargeWithoutPayment, ViolationKind::SumMismatch];
        assert_eq!(reconcile(entries), expected);
    }

    #[test]
    fn differing_sums_are_found_by_currency() {
        let (mut completed, mut approved) = (Sums::default(), Sums::default());
        completed.add("INR", 300);
        completed.add("JPY", 5);
        approved.add("INR", 100);
        approved.add("INR", 200);
        approved.add("JPY", 6);
        approved.add("USD", 1);
        let details: Vec<String> =
            completed.mismatches(&approved).into_iter().map(|found| found.details).collect();
        assert_eq!(details, ["JPY: completed 5, approved 6", "USD: completed 0, approved 1"]);
    }

    #[test]
    fn a_run_without_a_completed_payment_proves_nothing() {
        let mut auditor = Auditor::default();
        let declined = auditor.intend(order(0));
        say(&mut auditor, declined, failed("pay_1"));
        let findings = auditor.compare(Reconciliation::default());
        auditor.conclude(findings);
        assert_eq!(kinds(&auditor), [ViolationKind::NothingProved]);
    }

    #[test]
    fn a_ledger_page_is_read_as_the_server_writes_it() {
        let page: LedgerPage = serde_json::from_str(
            r#"{"data":[{"attempt_id":"att_1","payment_id":"pay_0","amount_minor":10000,
                "currency":"INR","state":"approved","calls":1}],"has_more":true,"next":17}"#,
        )
        .unwrap();
        assert_eq!(page.data, [entry("pay_0", "att_1", EntryState::Approved)]);
        assert_eq!((page.has_more, page.next), (true, Some(17)));
    }

    #[test]
    fn an_authorized_payment_is_approved_once_as_well() {
        for (approvals, expected) in [
            (0, vec![ViolationKind::CompletedWithoutCharge, ViolationKind::SumMismatch]),
            (1, vec![]),
            (2, vec![ViolationKind::ChargedTwice, ViolationKind::SumMismatch]),
        ] {
            let mut auditor = Auditor::default();
            let id = auditor.intend(order(0));
            say(&mut auditor, id, authorized("pay_0"));
            let mut reconciliation = Reconciliation::default();
            for attempt in 0..approvals {
                let attempt = format!("att_{attempt}");
                reconciliation.add(entry("pay_0", &attempt, EntryState::Approved), &auditor);
            }
            let found = auditor.compare(reconciliation);
            let found: Vec<ViolationKind> = found.iter().map(|found| found.kind).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn where_others_pay_too_only_their_double_charges_are_findings() {
        let mut auditor = Auditor::default().among_others();
        let paid = auditor.intend(order(0));
        say(&mut auditor, paid, completed("pay_0"));
        let mut reconciliation = Reconciliation::default();
        for (payment, attempt) in
            [("pay_0", "att_0"), ("pay_7", "att_7"), ("pay_8", "att_8"), ("pay_8", "att_9")]
        {
            reconciliation.add(entry(payment, attempt, EntryState::Approved), &auditor);
        }
        assert_eq!(reconciliation.summary(), LedgerSummary { entries: 4, unnamed: 2 });
        let findings = auditor.compare(reconciliation);
        auditor.conclude(findings);
        assert_eq!(kinds(&auditor), [ViolationKind::ChargedTwice]);
        assert_eq!(auditor.violations().first()[0].payment.as_deref(), Some("pay_8"));
    }
}
