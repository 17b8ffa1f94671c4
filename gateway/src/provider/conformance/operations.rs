//! The part of the suite about what follows an attempt: confirmations, captures, voids, reversals and
//! refunds.

use std::sync::Arc;

use tollgate_domain::{
    Amount, AttemptId, CaptureMode, Millis, OperationFailure, OperationId, OperationOutcome,
    PaymentId, PaymentIntent, ProviderOutcome, ShardId,
};

use super::{Call, CallFault, Customer, NOW, Subject, attempt};
use crate::provider::{
    Authorize, CallFailure, Capture, Confirm, Inquire, InquireOperation, OperationStanding, Refund,
    Reverse, Standing, Target, Void,
};

/// All of a payment of the suite, in minor units.
const ALL: i64 = 10_000;

/// The operations that move funds.
const FUNDS: [Call; 4] = [Call::Capture, Call::Void, Call::Reverse, Call::Refund];

pub(super) async fn suite<S: Subject>(fresh: impl Fn() -> S) {
    an_operation_sent_twice_is_carried_out_once(&fresh()).await;
    an_unknown_operation_is_not_found(&fresh()).await;
    parts_never_exceed_the_whole(&fresh()).await;
    what_does_not_fit_the_funds_is_refused_for_good(&fresh()).await;
    a_confirmation_tells_of_the_attempt(&fresh()).await;
    who_is_called_off_cannot_approve(&fresh()).await;
    who_has_approved_is_not_called_off(&fresh()).await;
    operations_fail_in_every_way(&fresh()).await;
    confirmations_fail_in_every_way(&fresh()).await;
}

/// A payment at the provider, and what is done to it.
struct Story<'a, S> {
    subject: &'a S,
    intent: Arc<PaymentIntent>,
    attempt: AttemptId,
}

impl<'a, S: Subject> Story<'a, S> {
    /// Authorizes payment number `number`; its funds are ready for `call`.
    async fn begin(subject: &'a S, number: u64, customer: Customer, call: Call) -> Self {
        Self::begin_with(subject, number, customer, call, Vec::new()).await
    }

    async fn begin_with(
        subject: &'a S,
        number: u64,
        customer: Customer,
        call: Call,
        metadata: Vec<(String, String)>,
    ) -> Self {
        let Customer { method, instrument } = customer;
        let id = PaymentId::from_u128(number.into());
        let metadata: Vec<(&str, &str)> =
            metadata.iter().map(|(key, value)| (&**key, &**value)).collect();
        let mut intent = super::intent(id, method, &metadata);
        Arc::make_mut(&mut intent).capture = match call {
            Call::Capture | Call::Void => CaptureMode::Manual,
            Call::Confirm | Call::Reverse | Call::Refund => CaptureMode::Automatic,
        };
        let story = Self { subject, intent, attempt: attempt(number) };
        let (intent, attempt) = (Arc::clone(&story.intent), story.attempt);
        let request = Authorize { intent, attempt, instrument };
        let outcome = subject.provider().authorize(request).wait().await;
        assert!(
            matches!(
                outcome,
                ProviderOutcome::Approved(_) | ProviderOutcome::ActionRequired { .. }
            ),
            "{outcome:?}"
        );
        story
    }

    fn target(&self, operation: OperationId) -> Target {
        Target {
            intent: Arc::clone(&self.intent),
            attempt: self.attempt,
            operation,
            not_after: NOW.after(Millis::from_seconds(2)),
        }
    }

    async fn operate(&self, number: u64, call: Call, minor: i64) -> OperationOutcome {
        let target = self.target(operation(number));
        let (provider, amount) = (self.subject.provider(), minor_units(minor));
        let answer = match call {
            Call::Confirm => unreachable!("a confirmation has another answer"),
            Call::Capture => provider.capture(Capture { target, amount, release_rest: false }),
            Call::Void => provider.void(Void { target }),
            Call::Reverse => provider.reverse(Reverse { target }),
            Call::Refund => provider.refund(Refund { target, amount }),
        };
        answer.wait().await
    }

    async fn confirm(&self, number: u64) -> Result<Standing, CallFailure> {
        let target = self.target(operation(number));
        self.subject.provider().confirm(Confirm { target }).wait().await
    }

    async fn inquire(&self) -> Standing {
        let (intent, attempt) = (Arc::clone(&self.intent), self.attempt);
        self.subject.provider().inquire(Inquire { intent, attempt }).wait().await
    }

    async fn inquire_operation(&self, number: u64) -> OperationStanding {
        let (intent, attempt) = (Arc::clone(&self.intent), self.attempt);
        let request = InquireOperation { intent, attempt, operation: operation(number) };
        self.subject.provider().inquire_operation(request).wait().await
    }

    fn paid(&self) -> i64 {
        self.subject.paid(self.attempt)
    }
}

/// Operation number `number`, minted at [`NOW`].
fn operation(number: u64) -> OperationId {
    OperationId::new(NOW, ShardId(1), number)
}

fn minor_units(minor: i64) -> Amount {
    if minor == 0 { Amount::ZERO } else { Amount::from_minor_units(minor).unwrap() }
}

/// Every rail's customer who is approved, with the method's name.
fn customers<S: Subject>(subject: &S) -> Vec<(&'static str, Customer)> {
    subject.approved().into_iter().map(|customer| (customer.rail(), customer)).collect()
}

async fn an_operation_sent_twice_is_carried_out_once<S: Subject>(subject: &S) {
    let mut number = 0;
    for call in FUNDS {
        for (rail, customer) in customers(subject) {
            number += 1;
            let case = format!("{call:?}, {rail}");
            let story = Story::begin(subject, number, customer, call).await;
            let first = story.operate(number, call, 60).await;
            assert!(matches!(first, OperationOutcome::Succeeded(_)), "{case}: {first:?}");
            assert_eq!(story.operate(number, call, 60).await, first, "{case}");
            let standing = story.inquire_operation(number).await;
            assert_eq!(standing.into_outcome(true), first, "{case}");
            assert_eq!(subject.operations(operation(number)), 1, "{case}");
            let paid = match call {
                Call::Confirm => unreachable!("it moves no funds"),
                Call::Capture => 60,
                Call::Void | Call::Reverse => 0,
                Call::Refund => ALL - 60,
            };
            assert_eq!(story.paid(), paid, "{case}");
            // What was approved stays so, whatever is done to the funds.
            assert!(matches!(story.inquire().await, Standing::Approved(_)), "{case}");
        }
    }
}

async fn an_unknown_operation_is_not_found<S: Subject>(subject: &S) {
    for (number, call) in (1..).zip(FUNDS) {
        let customer = subject.approved().swap_remove(0);
        let story = Story::begin(subject, number, customer, call).await;
        assert_eq!(story.inquire_operation(number).await, OperationStanding::NotFound, "{call:?}");
        assert_eq!(subject.operations(operation(number)), 0, "{call:?}");
        // Having been asked about does not keep an operation from being made.
        let outcome = story.operate(number, call, 60).await;
        assert!(matches!(outcome, OperationOutcome::Succeeded(_)), "{call:?}: {outcome:?}");
    }
}

async fn parts_never_exceed_the_whole<S: Subject>(subject: &S) {
    let refused = OperationOutcome::Failed(OperationFailure::Refused);
    for (number, call) in [(1, Call::Capture), (2, Call::Refund)] {
        let customer = subject.approved().swap_remove(0);
        let story = Story::begin(subject, number, customer, call).await;
        let mut outcomes = Vec::new();
        for part in 0..4 {
            outcomes.push(story.operate(10 * number + part, call, 4_000).await);
        }
        let [first, second, third, fourth] = &outcomes[..] else { panic!("four parts") };
        let (OperationOutcome::Succeeded(first), OperationOutcome::Succeeded(second)) =
            (first, second)
        else {
            panic!("{call:?}: {outcomes:?}");
        };
        assert_ne!(first.external_id, second.external_id, "each has a receipt of its own");
        assert_eq!([third, fourth], [&refused; 2], "{call:?}");
        let rest = story.operate(10 * number + 5, call, 2_000).await;
        assert!(matches!(rest, OperationOutcome::Succeeded(_)), "{call:?}: {rest:?}");
        assert_eq!(story.paid(), if call == Call::Capture { ALL } else { 0 });
    }
}

/// What is done first; what is asked for then; why it is refused.
async fn what_does_not_fit_the_funds_is_refused_for_good<S: Subject>(subject: &S) {
    use OperationFailure::{AlreadyCaptured, AuthorizationExpired, Refused};
    let table = [
        (Call::Capture, (Call::Capture, ALL), (Call::Void, 0), AlreadyCaptured),
        (Call::Capture, (Call::Capture, ALL), (Call::Capture, 1), AlreadyCaptured),
        (Call::Void, (Call::Void, 0), (Call::Capture, 1), AuthorizationExpired),
        (Call::Void, (Call::Void, 0), (Call::Refund, 1), Refused),
        (Call::Void, (Call::Capture, 1), (Call::Refund, 2), Refused),
        (Call::Reverse, (Call::Reverse, 0), (Call::Refund, 1), Refused),
        (Call::Reverse, (Call::Reverse, 0), (Call::Reverse, 0), Refused),
        (Call::Refund, (Call::Refund, 1), (Call::Reverse, 0), Refused),
        (Call::Refund, (Call::Refund, ALL), (Call::Refund, 1), Refused),
    ];
    for (number, (ready_for, first, second, reason)) in (1..).zip(table) {
        let case = format!("{second:?} after {first:?}");
        let customer = subject.approved().swap_remove(0);
        let story = Story::begin(subject, number, customer, ready_for).await;
        let outcome = story.operate(2 * number, first.0, first.1).await;
        assert!(matches!(outcome, OperationOutcome::Succeeded(_)), "{case}: {outcome:?}");
        let paid = story.paid();
        let again = 2 * number + 1;
        for _time in 0..2 {
            let outcome = story.operate(again, second.0, second.1).await;
            assert_eq!(outcome, OperationOutcome::Failed(reason), "{case}");
        }
        assert_eq!(story.inquire_operation(again).await, OperationStanding::Failed(reason));
        assert_eq!(subject.operations(operation(again)), 1, "{case}");
        assert_eq!(story.paid(), paid, "{case}");
    }
}

async fn a_confirmation_tells_of_the_attempt<S: Subject>(subject: &S) {
    let twice = subject.acting().into_iter().zip(subject.acting());
    for (pair, (one, other)) in (0..).zip(twice) {
        for (approves, customer) in [(true, one), (false, other)] {
            let number = 2 * pair + u64::from(approves) + 1;
            let rail = customer.rail();
            let story = Story::begin(subject, number, customer, Call::Confirm).await;
            let before = story.confirm(number).await;
            assert!(matches!(before, Ok(Standing::ActionRequired { .. })), "{rail}: {before:?}");
            assert_eq!(story.paid(), 0, "{rail}");
            subject.act(story.attempt, approves);
            let standing = story.confirm(number).await;
            let found = matches!(standing, Ok(Standing::Approved(_)));
            let declined = matches!(standing, Ok(Standing::Declined(_)));
            assert_eq!((found, declined), (approves, !approves), "{rail}: {standing:?}");
            assert_eq!(Ok(story.inquire().await), standing, "{rail}");
            assert_eq!(story.paid(), if approves { ALL } else { 0 }, "{rail}");
        }
    }
}

async fn who_is_called_off_cannot_approve<S: Subject>(subject: &S) {
    for (number, customer) in (1..).zip(subject.acting()) {
        let rail = customer.rail();
        let story = Story::begin(subject, number, customer, Call::Confirm).await;
        let outcome = story.operate(number, Call::Void, 0).await;
        assert!(matches!(outcome, OperationOutcome::Succeeded(_)), "{rail}: {outcome:?}");
        subject.act(story.attempt, true);
        assert!(matches!(story.inquire().await, Standing::Declined(_)), "{rail}");
        assert_eq!(story.paid(), 0, "{rail}");
    }
}

async fn who_has_approved_is_not_called_off<S: Subject>(subject: &S) {
    for (number, customer) in (1..).zip(subject.acting()) {
        let rail = customer.rail();
        let story = Story::begin(subject, number, customer, Call::Confirm).await;
        subject.act(story.attempt, true);
        let outcome = story.operate(number, Call::Void, 0).await;
        let expected = OperationOutcome::Failed(OperationFailure::AlreadyCaptured);
        assert_eq!(outcome, expected, "{rail}");
        let outcome = story.operate(100 + number, Call::Reverse, 0).await;
        assert!(matches!(outcome, OperationOutcome::Succeeded(_)), "{rail}: {outcome:?}");
        assert_eq!(story.paid(), 0, "{rail}");
    }
}

async fn operations_fail_in_every_way<S: Subject>(subject: &S) {
    let mut number = 0;
    for call in FUNDS {
        for fault in [
            CallFault::NotSent,
            CallFault::LostRequest,
            CallFault::LostAnswer,
            CallFault::Pending,
            CallFault::Refused,
        ] {
            number += 1;
            let case = format!("{call:?}, {fault:?}");
            let customer = subject.approved().swap_remove(0);
            let metadata = subject.failing(call, fault);
            let story = Story::begin_with(subject, number, customer, call, metadata).await;
            let paid = story.paid();
            let refused = OperationFailure::Refused;
            let (expected, decisions) = match fault {
                CallFault::NotSent => (OperationOutcome::NotSent, 0),
                CallFault::LostRequest => (OperationOutcome::Unknown, 0),
                CallFault::LostAnswer => (OperationOutcome::Unknown, 1),
                CallFault::Pending => (OperationOutcome::Pending, 1),
                CallFault::Refused => (OperationOutcome::Failed(refused), 1),
            };
            for _time in 0..2 {
                assert_eq!(story.operate(number, call, 60).await, expected, "{case}");
            }
            assert_eq!(subject.operations(operation(number)), decisions, "{case}");
            let standing = story.inquire_operation(number).await;
            let is_right = match fault {
                CallFault::NotSent | CallFault::LostRequest => {
                    standing == OperationStanding::NotFound
                }
                CallFault::LostAnswer => matches!(standing, OperationStanding::Succeeded(_)),
                CallFault::Pending => standing == OperationStanding::Pending,
                CallFault::Refused => standing == OperationStanding::Failed(refused),
            };
            assert!(is_right, "{case}: {standing:?}");
            let is_done = fault == CallFault::LostAnswer && call != Call::Void;
            assert_eq!(story.paid() != paid, is_done, "{case}");
        }
    }
}

async fn confirmations_fail_in_every_way<S: Subject>(subject: &S) {
    for (number, (fault, expected)) in (1..).zip([
        (CallFault::NotSent, CallFailure::NotSent),
        (CallFault::LostRequest, CallFailure::Unknown),
        (CallFault::LostAnswer, CallFailure::Unknown),
    ]) {
        let customer = subject.acting().swap_remove(0);
        let metadata = subject.failing(Call::Confirm, fault);
        let story = Story::begin_with(subject, number, customer, Call::Confirm, metadata).await;
        subject.act(story.attempt, true);
        assert_eq!(story.confirm(number).await, Err(expected), "{fault:?}");
        assert!(matches!(story.inquire().await, Standing::Approved(_)), "{fault:?}");
    }
}
