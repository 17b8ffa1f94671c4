//! What must always hold. One predicate each, used by debug assertions, replay, tests and the
//! offline verification of a log.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::{
    api_key::KeyOwner,
    control_state::ControlState,
    history::History,
    id::{ApiKeyId, OrderId, PaymentId},
    idempotency::Subject,
    ledger::{Account, AccountKey, Balance, Ledger},
    merchant::Mode,
    money::{Amount, Currency},
    order::Share,
    payment::{
        AttemptState, Booked, Case, Matter, Operation, OperationKind, OperationState, Payment,
        PaymentState, Resolution,
    },
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
    /// The accounts are not the sums of what was booked for the payments.
    #[error("the accounts are not the sums of the payments' entries")]
    LedgerContradictsEntries,
    /// More is refunded, or may yet be, than was captured.
    #[error("payment {0} refunds more than was captured")]
    RefundExceedsCaptured(PaymentId),
    /// Two of confirmation, capture, void and reversal are unsettled at once.
    #[error("two operations on payment {0} are under way that exclude each other")]
    OperationsCollide(PaymentId),
    /// An idempotency key stands for something that does not exist.
    #[error("an idempotency key stands for {0:?}, which does not exist")]
    KeyWithoutSubject(Subject),
    /// The index of operations is not that of the payments.
    #[error("the index of operations is not that of the payments")]
    OperationsDiffer,
    /// An order does not stand where its payments say.
    #[error("order {0} does not stand where its payments say")]
    OrderContradictsPayments(OrderId),
    /// The list of open cases is not that of the payments.
    #[error("the list of open cases is not that of the payments")]
    CasesDiffer,
    /// The timers are not those of the payments.
    #[error("the timers are not those of the payments")]
    TimersDiffer,
    /// The list of unknown outcomes is not that of the payments.
    #[error("the list of unknown outcomes is not that of the payments")]
    UnknownDiffer,
    /// The list of finished payments is not that of the payments.
    #[error("the list of finished payments is not that of the payments")]
    FinishedDiffer,
    /// An order is not in memory, and a payment of it is.
    #[error("order {0} is not in memory, and a payment of it is")]
    OrderMissing(OrderId),
    /// The list of orders at rest is not that of the orders.
    #[error("the list of orders at rest is not that of the orders")]
    AtRestDiffer,
    /// A payment's history does not come to the payment.
    #[error("the history of payment {0} does not come to the payment")]
    HistoryDiffers(PaymentId),
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
    ledger_is_sum_of_entries(state)?;
    keys_have_subjects(state)?;
    operations_are_those_of_payments(state)?;
    orders_agree_with_payments(state)?;
    timers_are_those_of_payments(state)?;
    cases_are_those_of_payments(state)?;
    unknown_are_those_of_payments(state)?;
    finished_are_those_of_payments(state)?;
    at_rest_are_those_of_orders(state)
}

/// Every payment in memory is what its history comes to. Takes several times as long as [`shard`].
///
/// # Errors
/// A violation, if there is any.
pub fn histories(state: &ShardState) -> Result<(), Violation> {
    for payment in state.payments() {
        let id = payment.id();
        let again = state.history(id).map(History::payment);
        if again.as_ref() != Some(payment) {
            return Err(Violation::HistoryDiffers(id));
        }
    }
    Ok(())
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
    // Between two events the funds of a capture have moved, and the capture itself not yet.
    if let Some(open) = payment.exclusive_operation()
        && let OperationKind::Capture { amount, .. } = open.intent.kind
        && amount > payment.state().held()
    {
        return Err(Violation::CaptureExceedsAuthorized(payment.id()));
    }
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
    let (id, authorized) = (payment.id(), payment.intent().money.amount);
    let captured = payment.amount_captured();
    let taken_or_held = captured.checked_add(payment.state().held());
    if taken_or_held.is_none_or(|sum| sum > authorized) {
        return Err(Violation::CaptureExceedsAuthorized(id));
    }
    let refunds = payment.amount_refunded().checked_add(payment.amount_refunding());
    if refunds.is_none_or(|sum| sum > captured) {
        return Err(Violation::RefundExceedsCaptured(id));
    }
    let exclusive = payment
        .operations()
        .iter()
        .filter(|operation| operation.intent.kind.is_exclusive() && operation.is_unsettled());
    if exclusive.count() > 1 {
        return Err(Violation::OperationsCollide(id));
    }
    let approvals = payment
        .attempts()
        .iter()
        .filter(|attempt| matches!(attempt.state, AttemptState::Approved { .. }))
        .count();
    if approvals > 1 {
        return Err(Violation::ApprovedTwice(id));
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

/// Every account stands where the payments say: captures and refunds at merchants, fees and
/// providers, open cases at exceptions. Movements to come (settlement, disputes) add to this. What
/// payments that have left memory have booked is in sums.
fn ledger_agrees_with_payments(state: &ShardState) -> Result<(), Violation> {
    let departed = state.departed_ledger().sorted().into_iter();
    let mut expected: FxHashMap<AccountKey, i128> =
        departed.map(|(account, balance)| (account, balance.net_credit())).collect();
    for payment in state.payments() {
        let intent = payment.intent();
        let mut credit = |account, amount: i128| {
            let key = AccountKey { mode: intent.mode, currency: intent.money.currency, account };
            let sum = expected.entry(key).or_default();
            *sum = sum.saturating_add(amount);
        };
        expect_captures(payment, &mut credit);
        payment.operations().iter().for_each(|operation| {
            expect_refund(payment, operation, &mut credit);
        });
        payment.cases().iter().for_each(|case| expect_case(payment, case, &mut credit));
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

/// Every account is the sum of what was booked for the payments, debits and credits alike.
fn ledger_is_sum_of_entries(state: &ShardState) -> Result<(), Violation> {
    let mut booked = Ledger::default();
    for (account, balance) in state.departed_ledger().sorted() {
        booked.restore(account, balance);
    }
    for payment in state.payments() {
        let intent = payment.intent();
        for entry in payment.entries() {
            booked.post(intent.mode, intent.money.currency, &entry.movement);
        }
    }
    // An account of payments that have come back since stands at nothing among those of the others.
    let touched = |ledger: &Ledger| {
        let mut accounts = ledger.sorted();
        accounts.retain(|(_account, balance)| *balance != Balance::default());
        accounts
    };
    let agree = touched(&booked) == touched(state.ledger());
    if agree { Ok(()) } else { Err(Violation::LedgerContradictsEntries) }
}

fn expect_captures(payment: &Payment, credit: &mut impl FnMut(Account, i128)) {
    let Some(approved) = payment.approved_attempt() else { return };
    let captured = units(payment.amount_captured());
    let fee = units(payment.state().fee());
    credit(Account::ProviderReceivable(approved.provider), captured.saturating_neg());
    credit(Account::MerchantPayable(payment.intent().merchant), captured.saturating_sub(fee));
    credit(Account::Fees, fee);
}

fn expect_refund(payment: &Payment, operation: &Operation, credit: &mut impl FnMut(Account, i128)) {
    let OperationKind::Refund { amount, .. } = operation.intent.kind else { return };
    let Some(attempt) = payment.attempt(operation.intent.attempt) else { return };
    let (merchant, amount) = (payment.intent().merchant, units(amount));
    match operation.state {
        OperationState::Open { .. }
        | OperationState::Waiting(_)
        | OperationState::Pending(_)
        | OperationState::Unknown { .. } => {
            credit(Account::MerchantPayable(merchant), amount.saturating_neg());
            credit(Account::RefundsPending(merchant), amount);
        }
        OperationState::Succeeded { fee_returned, .. } => {
            let fee = units(fee_returned);
            credit(Account::MerchantPayable(merchant), fee.saturating_sub(amount));
            credit(Account::Fees, fee.saturating_neg());
            credit(Account::ProviderReceivable(attempt.provider), amount);
        }
        OperationState::Failed { .. }
        | OperationState::Returned { .. }
        // Its case says where the money is.
        | OperationState::SucceededLate { .. } => {}
    }
}

fn expect_case(payment: &Payment, case: &Case, credit: &mut impl FnMut(Account, i128)) {
    let attempt = match case.matter {
        Matter::LateApproval(attempt) | Matter::ApprovalDenied(attempt) => Some(attempt),
        Matter::OperationDenied(operation) | Matter::OperationLate(operation) => {
            payment.operation(operation).map(|operation| operation.intent.attempt)
        }
    };
    let Some(attempt) = attempt.and_then(|attempt| payment.attempt(attempt)) else { return };
    // Positive where the provider has more than it ought to.
    let amount = match case.booked {
        Booked::Nothing => return,
        Booked::Received(amount) => units(amount),
        Booked::PaidOut(amount) => units(amount).saturating_neg(),
    };
    let owner = match case.resolution {
        Some((Resolution::Returned, _at)) => return,
        Some((Resolution::Assigned, _at)) => Account::MerchantPayable(payment.intent().merchant),
        Some((Resolution::Withdrawn | Resolution::Dismissed, _)) | None => Account::Exceptions,
    };
    credit(Account::ProviderReceivable(attempt.provider), amount.saturating_neg());
    credit(owner, amount);
}

fn units(amount: Amount) -> i128 {
    i128::from(amount.minor_units())
}

/// Every key stands for something that is there, as far as nothing has left.
fn keys_have_subjects(state: &ShardState) -> Result<(), Violation> {
    if state.departed_count() > 0 || state.departed_orders() > 0 {
        return Ok(());
    }
    let orphan = state.idempotency().subjects().find(|subject| match subject {
        Subject::Payment(payment) | Subject::Review(payment) => state.payment(*payment).is_none(),
        Subject::Operation(operation) => state.payment_of(*operation).is_none(),
        Subject::Order(order) => state.order(*order).is_none(),
    });
    orphan.map_or(Ok(()), |subject| Err(Violation::KeyWithoutSubject(subject)))
}

/// Every operation is found under its id, and nothing else is.
fn operations_are_those_of_payments(state: &ShardState) -> Result<(), Violation> {
    let mut of_payments = state.payments().flat_map(|payment| {
        payment.operations().iter().map(|operation| (operation.id(), payment.id()))
    });
    let count = of_payments.try_fold(0_usize, |count, (operation, payment)| {
        let found = state.operations().get(&operation) == Some(&payment);
        found.then(|| count.saturating_add(1))
    });
    let agree = count == Some(state.operations().len());
    if agree { Ok(()) } else { Err(Violation::OperationsDiffer) }
}

/// Every order stands where its payments say, and is in memory where one of them is.
fn orders_agree_with_payments(state: &ShardState) -> Result<(), Violation> {
    let mut expected = FxHashMap::<OrderId, (u32, i128, i128)>::default();
    for payment in state.payments() {
        let Some(order) = payment.intent().order else { continue };
        let share = Share::of(payment);
        let (attempts, paid, reserved) = expected.entry(order).or_default();
        *attempts = attempts.saturating_add(1);
        *paid = paid.saturating_add(units(share.paid()));
        *reserved = reserved.saturating_add(units(share.reserved()));
        if state.order(order).is_none() {
            return Err(Violation::OrderMissing(order));
        }
    }
    state.orders().try_for_each(|order| {
        let is = (order.attempts(), units(order.paid()), units(order.reserved()));
        let (attempts, paid, reserved) = expected.get(&order.id()).copied().unwrap_or_default();
        let departed = order.departed();
        let attempts = attempts.saturating_add(departed.attempts);
        let ought = (attempts, paid.saturating_add(units(departed.paid)), reserved);
        if is == ought { Ok(()) } else { Err(Violation::OrderContradictsPayments(order.id())) }
    })
}

fn timers_are_those_of_payments(state: &ShardState) -> Result<(), Violation> {
    let agree = lists_are_equal(state, state.timers(), Payment::due_at);
    if agree { Ok(()) } else { Err(Violation::TimersDiffer) }
}

fn cases_are_those_of_payments(state: &ShardState) -> Result<(), Violation> {
    let agree = lists_are_equal(state, state.cases(), Payment::case_since);
    if agree { Ok(()) } else { Err(Violation::CasesDiffer) }
}

fn unknown_are_those_of_payments(state: &ShardState) -> Result<(), Violation> {
    let agree = lists_are_equal(state, state.unknown(), Payment::unknown_since);
    if agree { Ok(()) } else { Err(Violation::UnknownDiffer) }
}

fn finished_are_those_of_payments(state: &ShardState) -> Result<(), Violation> {
    let list: BTreeSet<_> = state.finished().collect();
    let finished_since = |payment: &Payment| {
        let leaves = state.history(payment.id()).is_some_and(History::fits);
        (leaves && !payment.is_unsettled()).then(|| payment.updated_at())
    };
    let agree = lists_are_equal(state, &list, finished_since);
    if agree { Ok(()) } else { Err(Violation::FinishedDiffer) }
}

fn at_rest_are_those_of_orders(state: &ShardState) -> Result<(), Violation> {
    let list: BTreeSet<_> = state.orders_at_rest().collect();
    let mut at_rest = state.orders().filter_map(|order| Some((order.at_rest_since()?, order.id())));
    let count = at_rest
        .try_fold(0_usize, |count, entry| list.contains(&entry).then(|| count.saturating_add(1)));
    let agree = count == Some(list.len());
    if agree { Ok(()) } else { Err(Violation::AtRestDiffer) }
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
