//! What must always hold. One predicate each, used by debug assertions, replay, tests and the
//! offline verification of a log.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    id::PaymentId,
    merchant::Mode,
    money::Currency,
    payment::{AttemptState, Payment, PaymentState},
    shard_state::ShardState,
    timestamp::Timestamp,
};

/// An invariant that does not hold.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Violation {
    /// More was captured than was authorized.
    #[error("payment {0} has captured more than was authorized")]
    CaptureExceedsAuthorized(PaymentId),
    /// Two attempts of one payment were approved while it waited.
    #[error("payment {0} was approved twice")]
    ApprovedTwice(PaymentId),
    /// A paid payment has no approval, or an unpaid one has.
    #[error("payment {0} does not stand where its attempts say")]
    StateContradictsAttempts(PaymentId),
    /// Debits and credits differ.
    #[error("{mode:?} {currency:?} is out of balance by {difference} minor units")]
    LedgerOutOfBalance {
        /// In which world.
        mode: Mode,
        /// In which currency.
        currency: Currency,
        /// Debits less credits.
        difference: i128,
    },
    /// The ledger's captures are not those of the payments.
    #[error("{mode:?} {currency:?}: merchants are credited {ledger}, payments captured {payments}")]
    LedgerContradictsPayments {
        /// In which world.
        mode: Mode,
        /// In which currency.
        currency: Currency,
        /// What the ledger says, in minor units.
        ledger: i128,
        /// What the payments say, in minor units.
        payments: i128,
    },
    /// An idempotency key stands for a payment that does not exist.
    #[error("an idempotency key stands for payment {0}, which does not exist")]
    KeyWithoutPayment(PaymentId),
    /// The timers are not those of the payments.
    #[error("the timers are not those of the payments")]
    TimersDiffer,
}

/// All invariants of a shard. Takes time in proportion to its payments.
///
/// # Errors
/// The first violation found.
pub fn shard(state: &ShardState) -> Result<(), Violation> {
    let payments = state.payments_sorted();
    payments.iter().try_for_each(|found| payment(found))?;
    ledger_balances(state)?;
    ledger_agrees_with_payments(state, &payments)?;
    keys_have_payments(state)?;
    timers_are_those_of_payments(state, &payments)
}

/// The invariants of one payment.
///
/// # Errors
/// The first violation found.
pub fn payment(payment: &Payment) -> Result<(), Violation> {
    let id = payment.id();
    if payment.amount_captured() > payment.intent().money.amount {
        return Err(Violation::CaptureExceedsAuthorized(id));
    }
    let approvals = payment
        .attempts()
        .iter()
        .filter(|attempt| matches!(attempt.state, AttemptState::Approved { .. }))
        .count();
    if approvals > 1 {
        return Err(Violation::ApprovedTwice(id));
    }
    let approval_expected = match payment.state() {
        PaymentState::Review { .. }
        | PaymentState::Authorized { .. }
        | PaymentState::PartiallyCaptured { .. }
        | PaymentState::Completed { .. }
        | PaymentState::Reversed { .. } => Some(true),
        PaymentState::RequiresAction { .. }
        | PaymentState::Unknown { .. }
        | PaymentState::Failed { .. } => Some(false),
        // Between an approval and what it moves, and where funds were held and let go again.
        PaymentState::Processing | PaymentState::Voided { .. } | PaymentState::Expired { .. } => {
            None
        }
    };
    let between_events = payment.state().awaits_outcome() && approvals == 1;
    match approval_expected {
        Some(expected) if expected != (approvals == 1) && !between_events => {
            Err(Violation::StateContradictsAttempts(id))
        }
        Some(_) | None => Ok(()),
    }
}

/// Debits equal credits, per mode and currency.
fn ledger_balances(state: &ShardState) -> Result<(), Violation> {
    let mut differences = BTreeMap::<(Mode, Currency), i128>::new();
    for (key, balance) in state.ledger().sorted() {
        let difference = differences.entry((key.mode, key.currency)).or_default();
        *difference = difference.saturating_sub(balance.net_credit());
    }
    for ((mode, currency), difference) in differences {
        if difference != 0 {
            return Err(Violation::LedgerOutOfBalance { mode, currency, difference });
        }
    }
    Ok(())
}

/// What merchants and fees were credited is what payments captured.
fn ledger_agrees_with_payments(state: &ShardState, payments: &[&Payment]) -> Result<(), Violation> {
    use crate::ledger::Account;
    let mut sums = BTreeMap::<(Mode, Currency), (i128, i128)>::new();
    for payment in payments {
        let intent = payment.intent();
        let (_ledger, captured) = sums.entry((intent.mode, intent.money.currency)).or_default();
        *captured = captured.saturating_add(i128::from(payment.amount_captured().minor_units()));
    }
    for (key, balance) in state.ledger().sorted() {
        if let Account::MerchantPayable(_) | Account::Fees = key.account {
            let (ledger, _captured) = sums.entry((key.mode, key.currency)).or_default();
            *ledger = ledger.saturating_add(balance.net_credit());
        }
    }
    for ((mode, currency), (ledger, payments)) in sums {
        if ledger != payments {
            return Err(Violation::LedgerContradictsPayments { mode, currency, ledger, payments });
        }
    }
    Ok(())
}

fn keys_have_payments(state: &ShardState) -> Result<(), Violation> {
    for (entry, _created_at) in state.idempotency().sorted() {
        if state.payment(entry.payment).is_none() {
            return Err(Violation::KeyWithoutPayment(entry.payment));
        }
    }
    Ok(())
}

fn timers_are_those_of_payments(
    state: &ShardState,
    payments: &[&Payment],
) -> Result<(), Violation> {
    let expected: BTreeSet<(Timestamp, PaymentId)> = payments
        .iter()
        .filter_map(|payment| payment.due_at().map(|due_at| (due_at, payment.id())))
        .collect();
    if *state.timers() == expected { Ok(()) } else { Err(Violation::TimersDiffer) }
}
