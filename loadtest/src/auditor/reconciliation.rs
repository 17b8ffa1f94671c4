//! The provider's books against the answers: what was taken and given back, and should have been.
//!
//! Each payment has at most one approval, each deed that is done stands there once, nothing else
//! does, and what was moved for a payment is what its answers say. What no last word was heard of
//! makes a range of that.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::customers::Certainty;
use super::deeds::{DeedRecord, returns_refunds};
use super::expected::{Expected, Span};
use super::our_books::Moved;
use super::provider_books::{Approval, EntryKind, EntryState, LedgerEntry, ProviderAccount, Sums};
use super::{Auditor, OurBooks, RecordId};
use crate::audit::LedgerSummary;
use crate::deed::DeedKind;
use crate::deed_answer::DeedEnd;
use crate::order::{Capture, PaymentOrder};
use crate::violation::{Violation, ViolationKind};

/// The provider's books, gathered page by page.
#[derive(Debug, Default)]
pub(crate) struct Reconciliation {
    /// Of payments that a remembered key names.
    named: HashMap<Arc<str>, ProviderAccount>,
    /// Of all others that hold an approval, by a hash of the payment.
    others: HashMap<u64, Others>,
    others_moved: Sums,
    entries: u64,
}

/// What stands there of a payment that no remembered key names.
#[derive(Debug, Default)]
struct Others {
    /// Approvals less those that were undone.
    live: i32,
    /// Payment and approval in full, as far as they are needed to be told.
    told: Vec<(String, Approval)>,
}

/// So many approvals of payments without a key are kept in full; one bug can bring many.
const TOLD: usize = 1_000;

impl Reconciliation {
    pub(crate) fn summary(&self) -> LedgerSummary {
        let unnamed = self.others.values().filter(|others| others.live > 0).count();
        LedgerSummary { entries: self.entries, unnamed: unnamed as u64 }
    }

    pub(crate) fn add(&mut self, entry: LedgerEntry, auditor: &Auditor) {
        self.entries += 1;
        if let Some((payment, _owner)) = auditor.owners.get_key_value(entry.payment_id.as_str()) {
            self.named.entry(Arc::clone(payment)).or_default().add(entry);
            return;
        }
        self.others_moved.add(&entry.currency, i128::from(entry.moved_minor));
        let hash = hash(&entry.payment_id);
        if !auditor.sample.takes(hash) {
            return;
        }
        let LedgerEntry { attempt_id, payment_id, amount_minor, currency, .. } = entry;
        match (entry.kind, entry.state) {
            (EntryKind::Attempt, EntryState::Approved) => {
                let told = self.others.len() < TOLD;
                let others = self.others.entry(hash).or_default();
                others.live += 1;
                if told || others.live > 1 {
                    let approval = Approval { attempt_id, amount_minor, currency };
                    others.told.push((payment_id, approval));
                }
            }
            (EntryKind::Void | EntryKind::Reversal, EntryState::Succeeded) => {
                self.others.entry(hash).or_default().live -= 1
            }
            _ => {}
        }
    }

    /// What does not fit between the provider's books, the auditor's answers, and our own books
    /// where they are given.
    pub(super) fn findings(mut self, auditor: &Auditor, ours: Option<&OurBooks>) -> Vec<Violation> {
        let mut findings = Vec::new();
        let mut owed = OwedSums::default();
        let mut moved = Moved::default();
        let none = ProviderAccount::default();
        for id in auditor.remembered() {
            let record = &auditor.records[&id];
            let Some(payment) = record.payment() else { continue };
            let order = record.order;
            let account = self.named.remove(&**payment);
            let account = account.as_ref().unwrap_or(&none);
            moved.add(&order, account.moved);
            let live = account.live();
            let mut find = |kind, details| {
                let (key, payment) = (Some(order.key()), Some(payment.to_string()));
                findings.push(Violation { kind, key, payment, details });
            };
            if live.len() > 1 {
                find(ViolationKind::ChargedTwice, list(live.iter().copied()));
            }
            // Without an outcome it is reported as unresolved already, and belongs to no sum.
            let Some(expected) = auditor.expected(id) else { continue };
            check_approval(&order, &expected, account, &mut find);
            check_deeds(auditor, id, &order, account, &mut find);
            let beyond = i128::from(expected.contradicted());
            moved.contradicted.add(order.currency.code(), beyond);
            let span = expected.moved();
            let fits = i64::try_from(account.moved).is_ok_and(|moved| span.contains(moved));
            if !fits {
                let Span { least, most } = span;
                let details = format!("moved {}, answered {least} to {most}", account.moved);
                find(ViolationKind::MoneyDiffers, details);
            }
            owed.add(order.currency.code(), span, account.moved);
        }
        // Where others pay too, or keys were let go, what no key names may be theirs.
        let alone = !auditor.shared && auditor.sample.is_everything();
        if alone {
            owed.moved.add_sums(&self.others_moved);
        }
        findings.extend(unnamed(self.others, alone));
        findings.extend(owed.mismatches());
        moved.in_all.add_sums(&self.others_moved);
        findings.extend(ours.iter().flat_map(|ours| ours.findings(alone.then_some(&moved))));
        findings
    }
}

/// That a payment was charged as its outcome says.
fn check_approval(
    order: &PaymentOrder,
    expected: &Expected,
    account: &ProviderAccount,
    find: &mut impl FnMut(ViolationKind, String),
) {
    let live = account.live();
    let is_approved = match expected.approval() {
        Certainty::No if !live.is_empty() => {
            return find(ViolationKind::FailedButCharged, list(live));
        }
        Certainty::No => return,
        Certainty::Perhaps => false,
        Certainty::Yes => true,
    };
    if is_approved && account.approvals.is_empty() {
        let details = "the provider has no approved attempt".to_owned();
        find(ViolationKind::CompletedWithoutCharge, details);
    } else if is_approved && live.is_empty() && !expected.may_be_undone() {
        let details = "the provider has undone its approval".to_owned();
        find(ViolationKind::CompletedWithoutCharge, details);
    }
    for approval in account.approvals.iter().filter(|approval| !approval.fits(order)) {
        let (amount, code) = (order.amount_minor, order.currency.code());
        let details = format!("asked for {amount} {code}, approved {}", list([approval]));
        find(ViolationKind::ChargeDiffers, details);
    }
}

/// That what was answered as done stands there once, and nothing beyond.
fn check_deeds(
    auditor: &Auditor,
    id: RecordId,
    order: &PaymentOrder,
    account: &ProviderAccount,
    find: &mut impl FnMut(ViolationKind, String),
) {
    for kind in [EntryKind::Capture, EntryKind::Void, EntryKind::Reversal, EntryKind::Refund] {
        let mut theirs = account.done(kind);
        // A refund that is to come back may have done so already.
        let comes_back = kind == EntryKind::Refund && returns_refunds(order);
        let (mut done, mut open) = (Vec::new(), Vec::new());
        let same = |deed: &&DeedRecord| entry_kind(deed.deed.kind, order) == Some(kind);
        for deed in auditor.deeds_of(id).filter(same) {
            let amount = match deed.deed.kind {
                DeedKind::Capture { amount_minor, .. } | DeedKind::Refund { amount_minor } => {
                    Some(amount_minor)
                }
                // Of these the provider tells how much there was to let go or to undo.
                DeedKind::Approval => Some(order.amount_minor),
                DeedKind::Confirmation
                | DeedKind::Cancellation
                | DeedKind::Rejection
                | DeedKind::Void
                | DeedKind::Reversal => None,
            };
            match deed.end() {
                Some(DeedEnd::Undone) => {}
                Some(DeedEnd::Done) if !comes_back => done.push(amount),
                Some(DeedEnd::Done | DeedEnd::Pending) | None => open.push(amount),
            }
        }
        for amount in done {
            if !take(&mut theirs, amount) {
                let amount = amount.map(|amount| format!(" of {amount}")).unwrap_or_default();
                let details = format!("{kind:?}{amount}, the provider has {theirs:?} more");
                find(ViolationKind::NotDone, details);
            }
        }
        for amount in open {
            take(&mut theirs, amount);
        }
        // What nobody asked for any more is let go of by the gateway itself.
        if !theirs.is_empty() && kind != EntryKind::Void && !is_own_reversal(kind, auditor, id) {
            find(ViolationKind::DoneTwice, format!("{kind:?} of {theirs:?} beyond the answers"));
        }
    }
}

/// The gateway itself undoes approvals of payments that had failed or were called off by then.
fn is_own_reversal(kind: EntryKind, auditor: &Auditor, id: RecordId) -> bool {
    let may = auditor.expected(id).is_none_or(|expected| expected.may_undo_itself());
    kind == EntryKind::Reversal && may
}

/// What the provider is asked to do, if it moves anything.
fn entry_kind(kind: DeedKind, order: &PaymentOrder) -> Option<EntryKind> {
    match kind {
        DeedKind::Confirmation => None,
        DeedKind::Approval if order.capture == Capture::Manual => None,
        DeedKind::Approval | DeedKind::Capture { .. } => Some(EntryKind::Capture),
        DeedKind::Cancellation | DeedKind::Rejection | DeedKind::Void => Some(EntryKind::Void),
        DeedKind::Reversal => Some(EntryKind::Reversal),
        DeedKind::Refund { .. } => Some(EntryKind::Refund),
    }
}

/// Takes one of that amount, or any where none is given.
fn take(amounts: &mut Vec<i64>, amount: Option<i64>) -> bool {
    let fits = |one: &i64| amount.is_none_or(|amount| amount == *one);
    let found = amounts.iter().position(fits);
    found.map(|place| amounts.swap_remove(place)).is_some()
}

impl Approval {
    fn fits(&self, order: &PaymentOrder) -> bool {
        self.amount_minor == order.amount_minor && self.currency == order.currency.code()
    }
}

impl Moved {
    fn add(&mut self, order: &PaymentOrder, moved: i128) {
        let code = order.currency.code();
        self.in_all.add(code, moved);
        let place = order.merchant as usize;
        if self.by_merchant.len() <= place {
            self.by_merchant.resize_with(place + 1, Sums::default);
        }
        self.by_merchant[place].add(code, moved);
    }
}

/// By currency, what answers say that was moved, and what was.
#[derive(Debug, Default)]
struct OwedSums {
    least: Sums,
    most: Sums,
    moved: Sums,
}

impl OwedSums {
    fn add(&mut self, currency: &str, span: Span, moved: i128) {
        self.least.add(currency, span.least.into());
        self.most.add(currency, span.most.into());
        self.moved.add(currency, moved);
    }

    fn mismatches(&self) -> Vec<Violation> {
        let currencies: BTreeSet<&String> =
            self.most.currencies().chain(self.moved.currencies()).collect();
        currencies
            .into_iter()
            .filter_map(|currency| {
                let (least, most) = (self.least.of(currency), self.most.of(currency));
                let moved = self.moved.of(currency);
                let details = format!("{currency}: answered {least} to {most}, moved {moved}");
                let kind = ViolationKind::SumMismatch;
                let fits = (least..=most).contains(&moved);
                (!fits).then_some(Violation { kind, key: None, payment: None, details })
            })
            .collect()
    }
}

/// Approvals of payments that no remembered key names. Two of one payment are always one too many;
/// one alone is a finding only where every payment has to have a key.
fn unnamed(others: HashMap<u64, Others>, alone: bool) -> Vec<Violation> {
    let least = if alone { 1 } else { 2 };
    let mut left: Vec<_> = others.into_values().filter(|others| others.live >= least).collect();
    left.sort_by(|one, other| one.told.first().map(payment).cmp(&other.told.first().map(payment)));
    left.into_iter()
        .map(|Others { live, told }| {
            let (kind, details) = match live {
                1 => (ViolationKind::ChargeWithoutPayment, String::new()),
                _ => (ViolationKind::ChargedTwice, format!("{live} approvals: ")),
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

fn list<'a>(approvals: impl IntoIterator<Item = &'a Approval>) -> String {
    let shown: Vec<String> = approvals
        .into_iter()
        .map(|entry| format!("{} {} {}", entry.attempt_id, entry.amount_minor, entry.currency))
        .collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests;
