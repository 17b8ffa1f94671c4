//! A promise of the gateway found broken: which one, on which key, and what was seen.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// How many violations are kept in full; one bug can break every key, and the first ones tell
/// enough. All of them are counted.
const KEPT_IN_FULL: usize = 200;

/// One broken promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub kind: ViolationKind,
    /// The idempotency key, where the finding belongs to one.
    pub key: Option<String>,
    /// The payment, where one is known.
    pub payment: Option<String>,
    pub details: String,
}

/// Which promise was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationKind {
    /// A final answer came back with another status or other bytes.
    AnswerChanged,
    /// A final answer came back without `Idempotent-Replayed: true`.
    ReplayNotMarked,
    /// Two answers to one key named different payments.
    KeyNamesTwoPayments,
    /// Two keys were answered with the same payment.
    PaymentOfTwoKeys,
    /// An acknowledged payment cannot be read any more.
    PaymentLost,
    /// A payment has another amount or currency than was asked for, or took or gave back another
    /// amount than its outcome says.
    PaymentDiffers,
    /// A payment or refund reads another status than was answered.
    StatusChanged,
    /// A customer's decision, as the provider tells it, is not the one that was made first.
    DecisionChanged,
    /// Another request under a used key was not refused with `idempotency_key_reused`.
    ReuseNotRefused,
    /// A request that must be refused was taken.
    InvalidAccepted,
    /// An answer that the contract does not allow here.
    UnexpectedAnswer,
    /// A key had no final answer within the deadline.
    Unresolved,
    /// A payment has more than one approved attempt at the provider.
    ChargedTwice,
    /// A completed payment has no approved attempt at the provider.
    CompletedWithoutCharge,
    /// The provider approved another amount or currency than was asked for.
    ChargeDiffers,
    /// A failed payment still has an approved attempt at the provider.
    FailedButCharged,
    /// The provider approved an attempt of a payment that no key ever named.
    ChargeWithoutPayment,
    /// An operation was answered as done, and the provider has not done it.
    NotDone,
    /// The provider has done more to a payment than was answered as done: something twice, or what
    /// was answered as not done.
    DoneTwice,
    /// The provider moved another sum for a payment than its answers say.
    MoneyDiffers,
    /// A refund that was acknowledged cannot be read any more.
    OperationLost,
    /// An answer to an operation speaks of another amount, refund or payment.
    OperationDiffers,
    /// Two keys were answered with the same refund.
    OperationOfTwoKeys,
    /// An order that was acknowledged cannot be read any more.
    OrderLost,
    /// An order reads another amount than was asked for, or is paid otherwise than by its payments.
    OrderDiffers,
    /// An order is paid more than its amount.
    OrderOverpaid,
    /// The answers and the provider's books differ in sum.
    SumMismatch,
    /// Our own books do not balance, or do not have what the provider moved.
    BooksDiffer,
    /// A movement stands in our own books more than once.
    PostedTwice,
    /// What was acknowledged has no event in the feed, or a number is missing there.
    EventMissing,
    /// An event was told twice, or after a later one of its payment.
    EventRepeated,
    /// The feed could not be read to its end.
    FeedUnreadable,
    /// The provider's ledger, or our own books, could not be read to their end.
    LedgerUnreadable,
    /// The server ended although nobody stopped it.
    ServerDied,
    /// The server was not ready again within the deadline.
    NotReadyAgain,
    /// Syncs of the disk failed and the server did not end with exit code 1: it may have taken for
    /// durable what is not.
    LostSyncIgnored,
    /// The disk fell below what is to be kept free, and payments were still taken in.
    LowDiskIgnored,
    /// The server did not end with exit code 0 in time when asked to.
    UncleanStop,
    /// The load never led to a completed payment, so the audit shows nothing.
    NothingProved,
}

impl ViolationKind {
    /// The name used in the text and in the JSON report.
    pub fn name(self) -> &'static str {
        match self {
            Self::AnswerChanged => "answer_changed",
            Self::ReplayNotMarked => "replay_not_marked",
            Self::KeyNamesTwoPayments => "key_names_two_payments",
            Self::PaymentOfTwoKeys => "payment_of_two_keys",
            Self::PaymentLost => "payment_lost",
            Self::PaymentDiffers => "payment_differs",
            Self::StatusChanged => "status_changed",
            Self::DecisionChanged => "decision_changed",
            Self::ReuseNotRefused => "reuse_not_refused",
            Self::InvalidAccepted => "invalid_accepted",
            Self::UnexpectedAnswer => "unexpected_answer",
            Self::Unresolved => "unresolved",
            Self::ChargedTwice => "charged_twice",
            Self::CompletedWithoutCharge => "completed_without_charge",
            Self::ChargeDiffers => "charge_differs",
            Self::FailedButCharged => "failed_but_charged",
            Self::ChargeWithoutPayment => "charge_without_payment",
            Self::NotDone => "not_done",
            Self::DoneTwice => "done_twice",
            Self::MoneyDiffers => "money_differs",
            Self::OperationLost => "operation_lost",
            Self::OperationDiffers => "operation_differs",
            Self::OperationOfTwoKeys => "operation_of_two_keys",
            Self::OrderLost => "order_lost",
            Self::OrderDiffers => "order_differs",
            Self::OrderOverpaid => "order_overpaid",
            Self::SumMismatch => "sum_mismatch",
            Self::BooksDiffer => "books_differ",
            Self::PostedTwice => "posted_twice",
            Self::EventMissing => "event_missing",
            Self::EventRepeated => "event_repeated",
            Self::FeedUnreadable => "feed_unreadable",
            Self::LedgerUnreadable => "ledger_unreadable",
            Self::ServerDied => "server_died",
            Self::NotReadyAgain => "not_ready_again",
            Self::LostSyncIgnored => "lost_sync_ignored",
            Self::LowDiskIgnored => "low_disk_ignored",
            Self::UncleanStop => "unclean_stop",
            Self::NothingProved => "nothing_proved",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.name())?;
        if let Some(key) = &self.key {
            write!(f, " key {key}")?;
        }
        if let Some(payment) = &self.payment {
            write!(f, " payment {payment}")?;
        }
        write!(f, ": {}", self.details)
    }
}

/// All findings of a run: the first ones in full, every one in the counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Violations {
    first: Vec<Violation>,
    counts: BTreeMap<ViolationKind, u64>,
}

impl Violations {
    pub(crate) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    pub(crate) fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    pub(crate) fn first(&self) -> &[Violation] {
        &self.first
    }

    pub(crate) fn counts(&self) -> &BTreeMap<ViolationKind, u64> {
        &self.counts
    }

    pub(crate) fn push(&mut self, violation: Violation) {
        *self.counts.entry(violation.kind).or_default() += 1;
        if self.first.len() < KEPT_IN_FULL {
            self.first.push(violation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_and_the_json_name_a_kind_alike() {
        for kind in [
            ViolationKind::AnswerChanged,
            ViolationKind::KeyNamesTwoPayments,
            ViolationKind::ChargedTwice,
            ViolationKind::OperationOfTwoKeys,
            ViolationKind::EventMissing,
            ViolationKind::NothingProved,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn every_violation_is_counted_though_only_the_first_are_kept() {
        let mut violations = Violations::default();
        for number in 0..KEPT_IN_FULL + 5 {
            violations.push(Violation {
                kind: ViolationKind::PaymentLost,
                key: None,
                payment: None,
                details: number.to_string(),
            });
        }
        assert_eq!(violations.first().len(), KEPT_IN_FULL);
        assert_eq!(violations.counts()[&ViolationKind::PaymentLost], 205);
    }

    #[test]
    fn a_violation_names_key_payment_and_details() {
        let violation = Violation {
            kind: ViolationKind::PaymentLost,
            key: Some("load-r1-c2-n3".to_owned()),
            payment: Some("pay_1".to_owned()),
            details: "404".to_owned(),
        };
        assert_eq!(violation.to_string(), "payment_lost key load-r1-c2-n3 payment pay_1: 404");
    }
}
