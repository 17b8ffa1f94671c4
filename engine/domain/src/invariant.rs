//! What must always hold. One predicate each, used by debug assertions, replay, tests and the
//! offline verification of a log.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::{
    api_key::KeyOwner,
    control_state::ControlState,
    id::{ApiKeyId, PaymentId},
    ledger::{Account, AccountKey},
    merchant::Mode,
    money::Currency,
    payment::{AttemptState, CaptureMode, Payment, PaymentState},
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
    /// An account does not stand where the payments say.
    #[error("{account:?}: the ledger says {ledger} minor units, the payments {payments}")]
    LedgerContradictsPayments {
        /// The account.
        account: AccountKey,
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
    /// The list of unknown outcomes is not that of the payments.
    #[error("the list of unknown outcomes is not that of the payments")]
    UnknownDiffer,
    /// A key belongs to a merchant that does not exist.
    #[error("key {0} belongs to a merchant that does not exist")]
    KeyWithoutMerchant(ApiKeyId),
    /// A key does not stand where its digest, its owner or its rotation says.
    #[error("key {0} does not stand where its digest, owner or rotation says")]
    KeyMisplaced(ApiKeyId),
}

/// All invariants of a shard. Takes time in proportion to its payments.
///
/// # Errors
/// A violation, if there is any.
pub fn shard(state: &ShardState) -> Result<(), Violation> {
    state.payments().try_for_each(payment)?;
    ledger_balances(state)?;
    ledger_agrees_with_payments(state)?;
    keys_have_payments(state)?;
    timers_are_those_of_payments(state)?;
    unknown_are_those_of_payments(state)
}

/// All invariants of the control shard. Takes time in proportion to its keys.
///
/// # Errors
/// A violation, if there is any.
pub fn control(state: &ControlState) -> Result<(), Violation> {
    for key in state.keys() {
        if let KeyOwner::Merchant(merchant) = key.owner()
            && state.merchant(merchant).is_none()
        {
            return Err(Violation::KeyWithoutMerchant(key.id));
        }
        let by_hash = state.key_of_hash(&key.hash).map(|found| found.id);
        let by_owner = state.keys_of(key.owner()).any(|found| found.id == key.id);
        // A successor may be dead and forgotten before the key whose place it took.
        let succeeded = key
            .successor
            .and_then(|successor| state.key(successor))
            .is_none_or(|successor| successor.kind == key.kind);
        if by_hash != Some(key.id) || !by_owner || !succeeded {
            return Err(Violation::KeyMisplaced(key.id));
        }
    }
    Ok(())
}

/// The invariants of one payment at rest, as every record leaves it.
///
/// # Errors
/// The first violation found.
pub fn payment(payment: &Payment) -> Result<(), Violation> {
    payment_between_events(payment)?;
    let approved = payment.approved_attempt().is_some();
    let expected = match payment.state() {
        PaymentState::Review { .. }
        | PaymentState::Authorized { .. }
        | PaymentState::PartiallyCaptured { .. }
        | PaymentState::Completed { .. }
        | PaymentState::Reversed { .. } => Some(true),
        PaymentState::Processing
        | PaymentState::RequiresAction { .. }
        | PaymentState::Unknown { .. }
        | PaymentState::Failed { .. } => Some(false),
        // Funds may have been held and let go again.
        PaymentState::Voided { .. } | PaymentState::Expired { .. } => None,
    };
    if expected.is_some_and(|expected| expected != approved) {
        return Err(Violation::StateContradictsAttempts(payment.id()));
    }
    Ok(())
}

/// What holds even between two events of one record.
///
/// # Errors
/// The first violation found.
pub fn payment_between_events(payment: &Payment) -> Result<(), Violation> {
    if payment.amount_captured() > payment.intent().money.amount {
        return Err(Violation::CaptureExceedsAuthorized(payment.id()));
    }
    let approvals = payment
        .attempts()
        .iter()
        .filter(|attempt| matches!(attempt.state, AttemptState::Approved { .. }))
        .count();
    if approvals > 1 {
        return Err(Violation::ApprovedTwice(payment.id()));
    }
    Ok(())
}

/// Debits equal credits, per mode and currency.
fn ledger_balances(state: &ShardState) -> Result<(), Violation> {
    for ((mode, currency), difference) in state.ledger().imbalances() {
        if difference != 0 {
            return Err(Violation::LedgerOutOfBalance { mode, currency, difference });
        }
    }
    Ok(())
}

/// Every account stands where the payments say: captures at merchants, fees and providers, late
/// approvals at exceptions and providers. Movements to come (refunds, settlement) add to this.
fn ledger_agrees_with_payments(state: &ShardState) -> Result<(), Violation> {
    let mut expected = FxHashMap::<AccountKey, i128>::default();
    for payment in state.payments() {
        let intent = payment.intent();
        let mut credit = |account, amount: i128| {
            let key = AccountKey { mode: intent.mode, currency: intent.money.currency, account };
            let sum = expected.entry(key).or_default();
            *sum = sum.saturating_add(amount);
        };
        for attempt in payment.attempts() {
            let receivable = Account::ProviderReceivable(attempt.provider);
            if let AttemptState::Approved { .. } = attempt.state {
                let captured = i128::from(payment.amount_captured().minor_units());
                let fee = i128::from(payment.state().fee().minor_units());
                credit(receivable, captured.saturating_neg());
                credit(Account::MerchantPayable(intent.merchant), captured.saturating_sub(fee));
                credit(Account::Fees, fee);
            }
            if let (AttemptState::ApprovedLate { .. }, CaptureMode::Automatic) =
                (&attempt.state, intent.capture)
            {
                let taken = i128::from(intent.money.amount.minor_units());
                credit(receivable, taken.saturating_neg());
                credit(Account::Exceptions, taken);
            }
        }
    }
    for (account, balance) in state.ledger().sorted() {
        let payments = expected.remove(&account).unwrap_or_default();
        let ledger = balance.net_credit();
        if ledger != payments {
            return Err(Violation::LedgerContradictsPayments { account, ledger, payments });
        }
    }
    let unbooked = expected.into_iter().find(|(_account, payments)| *payments != 0);
    unbooked.map_or(Ok(()), |(account, payments)| {
        Err(Violation::LedgerContradictsPayments { account, ledger: 0, payments })
    })
}

fn keys_have_payments(state: &ShardState) -> Result<(), Violation> {
    let orphan = state.idempotency().payments().find(|payment| state.payment(*payment).is_none());
    orphan.map_or(Ok(()), |payment| Err(Violation::KeyWithoutPayment(payment)))
}

fn timers_are_those_of_payments(state: &ShardState) -> Result<(), Violation> {
    let agree = lists_are_equal(state, state.timers(), Payment::due_at);
    if agree { Ok(()) } else { Err(Violation::TimersDiffer) }
}

fn unknown_are_those_of_payments(state: &ShardState) -> Result<(), Violation> {
    let agree = lists_are_equal(state, state.unknown(), Payment::unknown_since);
    if agree { Ok(()) } else { Err(Violation::UnknownDiffer) }
}

/// Whether `list` holds the time of each payment that has one, and nothing else.
fn lists_are_equal(
    state: &ShardState,
    list: &BTreeSet<(Timestamp, PaymentId)>,
    time: impl Fn(&Payment) -> Option<Timestamp>,
) -> bool {
    let mut timed = state.payments().filter_map(|payment| Some((time(payment)?, payment.id())));
    let count = timed
        .try_fold(0_usize, |count, entry| list.contains(&entry).then(|| count.saturating_add(1)));
    count == Some(list.len())
}
