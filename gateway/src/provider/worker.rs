//! Runs the provider calls that the engine owes, and hands their outcomes back.
//!
//! Invariants: every call ends in exactly one outcome. One that runs out of time, panics or is cut
//! off by the end of the process is unknown, for it may have arrived. Nothing that somebody asked for
//! is sent once an inquiry that did not find it would be believed.
//!
//! Not here: retries, schedules and the choice of provider. The engine decides when to ask again.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tollgate_domain::{Effect, OperationKind, OperationOutcome, ProviderCall, ProviderOutcome};
use tollgate_engine::{CallOutcome, EffectSink, OwedCall};

use super::{
    Answer, Authorize, CallFailure, Capture, Clock, Confirm, Inquire, InquireOperation, Instrument,
    Provider, Providers, Refund, Reverse, Standing, Target, Void,
};

/// How long a call may take. Card networks answer or reverse within half a minute; what takes
/// longer is learnt sooner by an inquiry.
pub(crate) const DEFAULT_CALL_LIMIT: Duration = Duration::from_secs(30);

/// Calls of our own accord in flight at once; more wait for their turn. A restart asks about every
/// payment that has no outcome, a hundred thousand after a bad moment, and as many authorizations
/// may expire at once; no provider takes that many. At 50 ms each, 256 at once are about 5,000 a
/// second.
///
/// What comes from outside needs no such bound: admission bounds it.
const OWN_CALLS_AT_ONCE: usize = 256;

/// Runs calls: an immediate answer is passed on within [`EffectSink::run`], any other is waited
/// for in a task of its own.
pub(crate) struct ProviderWorker {
    providers: Providers,
    runtime: Handle,
    call_limit: Duration,
    /// One permit for each call of our own accord that may be in flight.
    turns: Arc<Semaphore>,
}

impl ProviderWorker {
    /// A worker that waits for answers on `runtime`, whose timers must be enabled, and for none
    /// longer than `call_limit`.
    #[must_use]
    pub(crate) fn new(providers: Providers, runtime: Handle, call_limit: Duration) -> Self {
        let turns = Arc::new(Semaphore::new(OWN_CALLS_AT_ONCE));
        Self { providers, runtime, call_limit, turns }
    }

    /// Makes the call. `answer` is called at most once, and dropped where the outcome is unknown
    /// because nothing is left that could say so. `clock` is the one that the call was begun by.
    fn make(
        &self,
        call: ProviderCall,
        instrument: Option<Instrument>,
        clock: Clock,
        answer: impl FnOnce(CallOutcome) + Send + 'static,
    ) {
        let Some(provider) = self.providers.get(call.provider).cloned() else {
            tracing::error!(provider = %call.provider, effect = ?call.effect, "no such provider");
            return answer(unreached(call.effect));
        };
        let (effect, is_our_own) = (call.effect, is_of_our_own_accord(&call));
        let begin = move || begin(&*provider, call, instrument, &clock);
        if !is_our_own {
            return self.pass_on(effect, begin(), None, answer);
        }
        // At once where there is room, and else when others have been answered; the time limit
        // begins with the call.
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            return self.pass_on(effect, begin(), Some(turn), answer);
        }
        let (turns, call_limit) = (Arc::clone(&self.turns), self.call_limit);
        self.runtime.spawn(async move {
            let turn = turns.acquire_owned().await.expect("nobody closes the semaphore");
            let outcome = end(effect, begin(), call_limit).await;
            drop(turn);
            answer(outcome);
        });
    }

    /// Hands the outcome on, now or when it comes, and gives the turn back then.
    fn pass_on(
        &self,
        effect: Effect,
        begun: Answer<CallOutcome>,
        turn: Option<OwnedSemaphorePermit>,
        answer: impl FnOnce(CallOutcome) + Send + 'static,
    ) {
        match begun {
            Answer::Now(outcome) => answer(outcome),
            Answer::Later(_) => {
                let call_limit = self.call_limit;
                self.runtime.spawn(async move {
                    let outcome = end(effect, begun, call_limit).await;
                    drop(turn);
                    answer(outcome);
                });
            }
        }
    }
}

/// Whether nobody outside waits for the call, so that nothing bounds how many there are.
fn is_of_our_own_accord(call: &ProviderCall) -> bool {
    match call.effect {
        Effect::Authorize { .. } => false,
        Effect::Operate { .. } => {
            call.operation.as_ref().is_some_and(|order| !order.intent.cause.has_asker())
        }
        Effect::Inquire { .. } | Effect::InquireOperation { .. } => true,
    }
}

/// Begins the call. A panic of the provider's code must not take the engine's task with it.
fn begin(
    provider: &dyn Provider,
    call: ProviderCall,
    instrument: Option<Instrument>,
    clock: &Clock,
) -> Answer<CallOutcome> {
    let effect = call.effect;
    // Sound to go on: what the panic may have left half done lies behind the provider's own locks,
    // and its answer is not believed.
    let begun = catch_unwind(AssertUnwindSafe(|| dispatch(provider, call, instrument, clock)));
    begun.unwrap_or_else(|_panic| {
        tracing::error!(?effect, "the provider panicked; the outcome is unknown");
        Answer::Now(unknown(effect))
    })
}

fn dispatch(
    provider: &dyn Provider,
    call: ProviderCall,
    instrument: Option<Instrument>,
    clock: &Clock,
) -> Answer<CallOutcome> {
    // The time of asking counts, not that of the answer: a request that arrives in between is one
    // the provider did not know of when it looked.
    let past_horizon = is_past_horizon(provider, &call, clock);
    let ProviderCall { effect, intent, attempt, operation, .. } = call;
    match effect {
        Effect::Authorize { .. } => match instrument {
            // The method's secrets died with the process that took them: nothing was sent.
            None => Answer::Now(unreached(effect)),
            Some(_) if past_horizon => too_late(effect),
            Some(instrument) => provider
                .authorize(Authorize { intent, attempt, instrument })
                .map(CallOutcome::Attempt),
        },
        Effect::Inquire { .. } => provider
            .inquire(Inquire { intent, attempt })
            .map(move |standing| CallOutcome::Attempt(standing.into_outcome(past_horizon))),
        Effect::Operate { .. } => {
            let order = operation.expect("who is to operate is told what to do").intent;
            let horizon = provider.capabilities().inquiry_horizon;
            let not_after = match order.cause.has_asker() {
                true if past_horizon => return too_late(effect),
                true => order.started_at.after(horizon),
                // What we owe of ourselves is sent until it arrives, however late.
                false => clock().after(horizon),
            };
            let operation = order.id;
            let target = Target { intent, attempt, operation, not_after };
            operate(provider, target, &order.kind)
        }
        Effect::InquireOperation { .. } => {
            let operation = operation.expect("who is to inquire is told about what").intent.id;
            provider
                .inquire_operation(InquireOperation { intent, attempt, operation })
                .map(move |standing| CallOutcome::Operation(standing.into_outcome(past_horizon)))
        }
    }
}

fn operate(provider: &dyn Provider, target: Target, kind: &OperationKind) -> Answer<CallOutcome> {
    let answer = match *kind {
        OperationKind::Confirmation => return provider.confirm(Confirm { target }).map(confirmed),
        OperationKind::Capture { amount, release_rest } => {
            provider.capture(Capture { target, amount, release_rest })
        }
        OperationKind::Void => provider.void(Void { target }),
        OperationKind::Reversal => provider.reverse(Reverse { target }),
        OperationKind::Refund { amount, .. } => provider.refund(Refund { target, amount }),
    };
    answer.map(CallOutcome::Operation)
}

/// What a confirmation comes to: what is said of the attempt, and where nothing is said of it, what
/// became of the call.
fn confirmed(answer: Result<Standing, CallFailure>) -> CallOutcome {
    match answer {
        Ok(
            standing @ (Standing::Approved(_)
            | Standing::Declined(_)
            | Standing::ActionRequired { .. }
            | Standing::Pending),
            // It is in the books, so the horizon does not matter.
        ) => CallOutcome::Attempt(standing.into_outcome(false)),
        Ok(Standing::NotFound | Standing::Unknown) | Err(CallFailure::Unknown) => {
            CallOutcome::Operation(OperationOutcome::Unknown)
        }
        Err(CallFailure::NotSent) => CallOutcome::Operation(OperationOutcome::NotSent),
    }
}

/// Whether a "no such thing" of now would be believed.
fn is_past_horizon(provider: &dyn Provider, call: &ProviderCall, clock: &Clock) -> bool {
    clock() >= call.started_at.after(provider.capabilities().inquiry_horizon)
}

/// An inquiry may have been told by now that there is no such attempt or operation, and have been
/// believed: sent now, it would move money for what has failed.
fn too_late(effect: Effect) -> Answer<CallOutcome> {
    tracing::warn!(?effect, "the call's turn came too late; it is not sent");
    Answer::Now(unreached(effect))
}

/// What a call comes to that nothing was sent of.
fn unreached(effect: Effect) -> CallOutcome {
    match effect {
        Effect::Authorize { .. } => CallOutcome::Attempt(ProviderOutcome::NotSent),
        Effect::Operate { .. } => CallOutcome::Operation(OperationOutcome::NotSent),
        Effect::Inquire { .. } | Effect::InquireOperation { .. } => unknown(effect),
    }
}

fn unknown(effect: Effect) -> CallOutcome {
    match effect {
        Effect::Authorize { .. } | Effect::Inquire { .. } => {
            CallOutcome::Attempt(ProviderOutcome::Unknown)
        }
        Effect::Operate { .. } | Effect::InquireOperation { .. } => {
            CallOutcome::Operation(OperationOutcome::Unknown)
        }
    }
}

/// Waits for the answer, but no longer than `limit`; what did not come is unknown.
async fn end(effect: Effect, begun: Answer<CallOutcome>, limit: Duration) -> CallOutcome {
    tokio::time::timeout(limit, begun.wait()).await.unwrap_or_else(|_elapsed| {
        tracing::warn!(?effect, ?limit, "the provider's answer is overdue");
        unknown(effect)
    })
}

impl EffectSink<Instrument> for ProviderWorker {
    fn run(&self, mut owed: OwedCall<Instrument>) {
        let instrument = owed.take_attachment();
        let call = owed.call().clone();
        // The shards' own time: that of the wall may have jumped, and a jump must not make anybody
        // believe that an attempt never arrived.
        let shards = owed.clock();
        let clock: Clock = Arc::new(move || shards.time());
        // A task that panics or is dropped drops `owed` with it, which reports the unknown outcome.
        self.make(call, instrument, clock, move |outcome| owed.answer(outcome));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    };

    use tokio::sync::oneshot;
    use tollgate_domain::{
        Amount, AttemptId, Cause, DeclineCode, Millis, OperationCall, OperationFailure,
        OperationId, OperationIntent, PaymentId, ProviderId, Timestamp,
    };

    use super::*;
    use crate::provider::{
        Capabilities, OperationStanding, conformance,
        customer_account::{
            AskBalance, Balance, HolderName, Known, LinkToken, LinkWallet, LookUpVpa,
        },
        simulator::capabilities,
    };

    const STARTED: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const HORIZON: Millis = Millis(2_000);
    const LIMIT: Duration = Duration::from_secs(30);

    /// Answers with what the test says, after as long as it says, and counts who waits.
    #[derive(Clone)]
    struct Scripted {
        id: ProviderId,
        delay: Duration,
        panics: bool,
        /// Panics before anything is asked.
        is_shattered: bool,
        standing: Standing,
        confirmed: Result<Standing, CallFailure>,
        operation: OperationStanding,
        /// Moved on by the horizon with each question.
        clock: Option<Arc<AtomicU64>>,
        asking: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
    }

    impl Scripted {
        fn answer<T: Send + 'static>(&self, answer: T) -> Answer<T> {
            let (delay, panics) = (self.delay, self.panics);
            if let Some(clock) = &self.clock {
                clock.fetch_add(HORIZON.0, Ordering::Relaxed);
            }
            if delay.is_zero() {
                assert!(!panics, "as scripted");
                return Answer::Now(answer);
            }
            let asking = self.asking.fetch_add(1, Ordering::Relaxed) + 1;
            self.most.fetch_max(asking, Ordering::Relaxed);
            let asked = Arc::clone(&self.asking);
            Answer::later(async move {
                tokio::time::sleep(delay).await;
                asked.fetch_sub(1, Ordering::Relaxed);
                assert!(!panics, "as scripted");
                answer
            })
        }

        /// What an operation comes to tells which it was.
        fn operate(&self, reason: OperationFailure) -> Answer<OperationOutcome> {
            self.answer(OperationOutcome::Failed(reason))
        }
    }

    impl Provider for Scripted {
        fn id(&self) -> ProviderId {
            self.id
        }

        fn capabilities(&self) -> Capabilities {
            assert!(!self.is_shattered, "as scripted");
            capabilities(HORIZON)
        }

        fn authorize(&self, _request: Authorize) -> Answer<ProviderOutcome> {
            self.answer(ProviderOutcome::Declined(DeclineCode::LostCard))
        }

        fn confirm(&self, _request: Confirm) -> Answer<Result<Standing, CallFailure>> {
            self.answer(self.confirmed.clone())
        }

        fn capture(&self, request: Capture) -> Answer<OperationOutcome> {
            assert_eq!((request.amount, request.release_rest), (amount(), true));
            self.operate(OperationFailure::AlreadyCaptured)
        }

        fn void(&self, _request: Void) -> Answer<OperationOutcome> {
            self.operate(OperationFailure::AuthorizationExpired)
        }

        fn reverse(&self, _request: Reverse) -> Answer<OperationOutcome> {
            self.operate(OperationFailure::Refused)
        }

        fn refund(&self, request: Refund) -> Answer<OperationOutcome> {
            assert_eq!(request.amount, amount());
            self.operate(OperationFailure::AccountClosed)
        }

        fn inquire(&self, _request: Inquire) -> Answer<Standing> {
            self.answer(self.standing.clone())
        }

        fn inquire_operation(&self, _request: InquireOperation) -> Answer<OperationStanding> {
            self.answer(self.operation.clone())
        }

        fn look_up_vpa(&self, _request: LookUpVpa) -> Answer<Known<HolderName>> {
            unreachable!("the worker asks about no account")
        }

        fn balance(&self, _request: AskBalance) -> Answer<Known<Balance>> {
            unreachable!("the worker asks about no account")
        }

        fn link_wallet(&self, _request: LinkWallet) -> Answer<Known<LinkToken>> {
            unreachable!("the worker asks about no account")
        }
    }

    fn scripted() -> Scripted {
        Scripted {
            id: ProviderId::SIMULATOR,
            delay: Duration::ZERO,
            panics: false,
            is_shattered: false,
            standing: Standing::Pending,
            confirmed: Ok(Standing::Pending),
            operation: OperationStanding::Pending,
            clock: None,
            asking: Arc::default(),
            most: Arc::default(),
        }
    }

    fn amount() -> Amount {
        Amount::from_minor_units(60).unwrap()
    }

    /// What a call of the tests is.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Kind {
        Authorize,
        Inquire,
        Operate,
        InquireOperation,
    }

    const KINDS: [Kind; 4] =
        [Kind::Authorize, Kind::Inquire, Kind::Operate, Kind::InquireOperation];

    fn call(kind: Kind) -> ProviderCall {
        operating(kind, OperationKind::Void, Cause::Merchant)
    }

    fn operating(kind: Kind, operation_kind: OperationKind, cause: Cause) -> ProviderCall {
        let (payment, attempt) = (PaymentId::from_u128(1), AttemptId::from_u128(2));
        let id = OperationId::from_u128(3);
        let operation = OperationCall {
            intent: Arc::new(OperationIntent {
                id,
                attempt,
                kind: operation_kind,
                cause,
                started_at: STARTED,
            }),
            external_id: None,
        };
        let (effect, operation) = match kind {
            Kind::Authorize => (Effect::Authorize { payment, attempt }, None),
            Kind::Inquire => (Effect::Inquire { payment, attempt }, None),
            Kind::Operate => (Effect::Operate { payment, operation: id }, Some(operation)),
            Kind::InquireOperation => {
                (Effect::InquireOperation { payment, operation: id }, Some(operation))
            }
        };
        ProviderCall {
            effect,
            provider: ProviderId::SIMULATOR,
            intent: conformance::intent(payment, conformance::card_facts(), &[]),
            attempt,
            operation,
            started_at: STARTED,
        }
    }

    /// Runs one call at `now`. `None` if the answer was dropped, which the engine takes as unknown.
    async fn run(provider: Scripted, call: ProviderCall, now: Timestamp) -> Option<CallOutcome> {
        let instrument = matches!(call.effect, Effect::Authorize { .. }).then(conformance::card);
        run_with(provider, call, instrument, Arc::new(move || now)).await
    }

    async fn run_with(
        provider: Scripted,
        call: ProviderCall,
        instrument: Option<Instrument>,
        clock: Clock,
    ) -> Option<CallOutcome> {
        let providers = Providers::new([Arc::new(provider) as Arc<dyn Provider>]);
        let worker = ProviderWorker::new(providers, Handle::current(), LIMIT);
        let (sender, receiver) = oneshot::channel();
        worker
            .make(call, instrument, clock, |outcome| sender.send(outcome).expect("the test waits"));
        receiver.await.ok()
    }

    async fn run_kind(provider: Scripted, kind: Kind) -> Option<CallOutcome> {
        run(provider, call(kind), STARTED).await
    }

    fn attempt(outcome: ProviderOutcome) -> Option<CallOutcome> {
        Some(CallOutcome::Attempt(outcome))
    }

    fn operation(outcome: OperationOutcome) -> Option<CallOutcome> {
        Some(CallOutcome::Operation(outcome))
    }

    fn failed(reason: OperationFailure) -> Option<CallOutcome> {
        operation(OperationOutcome::Failed(reason))
    }

    /// What [`scripted`] answers to a call.
    fn answered(kind: Kind) -> Option<CallOutcome> {
        match kind {
            Kind::Authorize => attempt(ProviderOutcome::Declined(DeclineCode::LostCard)),
            Kind::Inquire => attempt(ProviderOutcome::Pending),
            Kind::Operate => failed(OperationFailure::AuthorizationExpired),
            Kind::InquireOperation => operation(OperationOutcome::Pending),
        }
    }

    fn not_known(kind: Kind) -> Option<CallOutcome> {
        match kind {
            Kind::Authorize | Kind::Inquire => attempt(ProviderOutcome::Unknown),
            Kind::Operate | Kind::InquireOperation => operation(OperationOutcome::Unknown),
        }
    }

    fn not_sent(kind: Kind) -> Option<CallOutcome> {
        match kind {
            Kind::Authorize => attempt(ProviderOutcome::NotSent),
            Kind::Operate => operation(OperationOutcome::NotSent),
            Kind::Inquire | Kind::InquireOperation => not_known(kind),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_come_at_once_or_later() {
        for kind in KINDS {
            assert_eq!(run_kind(scripted(), kind).await, answered(kind), "{kind:?}");
            let late = Scripted { delay: LIMIT - Duration::from_millis(1), ..scripted() };
            assert_eq!(run_kind(late, kind).await, answered(kind), "{kind:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_overdue_answer_is_unknown() {
        for kind in KINDS {
            let overdue = Scripted { delay: LIMIT + Duration::from_millis(1), ..scripted() };
            assert_eq!(run_kind(overdue, kind).await, not_known(kind), "{kind:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_unknown() {
        for kind in KINDS {
            let at_once = Scripted { panics: true, ..scripted() };
            assert_eq!(run_kind(at_once, kind).await, not_known(kind), "{kind:?}");
            let later = Scripted { panics: true, delay: Duration::from_millis(1), ..scripted() };
            assert_eq!(run_kind(later, kind).await, None, "{kind:?}");
            let before = Scripted { is_shattered: true, ..scripted() };
            assert_eq!(run_kind(before, kind).await, not_known(kind), "{kind:?}");
        }
    }

    #[tokio::test]
    async fn without_an_instrument_or_a_provider_nothing_is_sent() {
        let clock: Clock = Arc::new(|| STARTED);
        let without = run_with(scripted(), call(Kind::Authorize), None, clock).await;
        assert_eq!(without, not_sent(Kind::Authorize));

        let nobody = ProviderId::new("nobody").unwrap();
        for kind in KINDS {
            let to_nobody = ProviderCall { provider: nobody, ..call(kind) };
            assert_eq!(run(scripted(), to_nobody, STARTED).await, not_sent(kind), "{kind:?}");
        }
    }

    #[tokio::test]
    async fn each_operation_is_a_call_of_its_own() {
        let capture = OperationKind::Capture { amount: amount(), release_rest: true };
        let refund = OperationKind::Refund { amount: amount(), reason: None, metadata: Vec::new() };
        for (kind, expected) in [
            (OperationKind::Confirmation, attempt(ProviderOutcome::Pending)),
            (capture, failed(OperationFailure::AlreadyCaptured)),
            (OperationKind::Void, failed(OperationFailure::AuthorizationExpired)),
            (OperationKind::Reversal, failed(OperationFailure::Refused)),
            (refund, failed(OperationFailure::AccountClosed)),
        ] {
            let case = format!("{kind:?}");
            let call = operating(Kind::Operate, kind, Cause::Merchant);
            assert_eq!(run(scripted(), call, STARTED).await, expected, "{case}");
        }
    }

    #[tokio::test]
    async fn a_confirmation_that_says_nothing_of_the_attempt_is_an_outcome_of_its_own() {
        let declined = Standing::Declined(DeclineCode::LostCard);
        for (confirmed, expected) in [
            (Ok(declined), attempt(ProviderOutcome::Declined(DeclineCode::LostCard))),
            (Ok(Standing::NotFound), operation(OperationOutcome::Unknown)),
            (Ok(Standing::Unknown), operation(OperationOutcome::Unknown)),
            (Err(CallFailure::Unknown), operation(OperationOutcome::Unknown)),
            (Err(CallFailure::NotSent), operation(OperationOutcome::NotSent)),
        ] {
            let provider = Scripted { confirmed, ..scripted() };
            let call = operating(Kind::Operate, OperationKind::Confirmation, Cause::Merchant);
            assert_eq!(run(provider, call, STARTED).await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_horizon_counts_from_the_beginning_to_the_asking() {
        let nothing = || Scripted {
            standing: Standing::NotFound,
            operation: OperationStanding::NotFound,
            ..scripted()
        };
        let slow = || Scripted { delay: Duration::from_secs(5), ..nothing() };
        let at_horizon = STARTED.after(HORIZON);
        for (provider, now, past_horizon) in [
            (nothing(), at_horizon.before(Millis(1)), false),
            (nothing(), at_horizon, true),
            // The answer comes past the horizon, the question did not.
            (slow(), at_horizon.before(Millis(1)), false),
            // A clock that went back.
            (nothing(), STARTED.before(HORIZON), false),
        ] {
            let outcome = run(provider.clone(), call(Kind::Inquire), now).await;
            let expected = attempt(ProviderOutcome::NotFound { past_horizon });
            assert_eq!(outcome, expected, "{now:?}");
            let outcome = run(provider, call(Kind::InquireOperation), now).await;
            let expected = operation(OperationOutcome::NotFound { past_horizon });
            assert_eq!(outcome, expected, "{now:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_is_read_before_asking() {
        let now = Arc::new(AtomicU64::new(STARTED.as_millis()));
        let provider =
            Scripted { standing: Standing::NotFound, clock: Some(Arc::clone(&now)), ..scripted() };
        let clock: Clock = Arc::new(move || Timestamp::from_millis(now.load(Ordering::Relaxed)));
        let outcome = run_with(provider, call(Kind::Inquire), None, clock).await;
        assert_eq!(outcome, attempt(ProviderOutcome::NotFound { past_horizon: false }));
    }

    #[tokio::test]
    async fn what_somebody_asked_for_is_not_sent_too_late() {
        let at_horizon = STARTED.after(HORIZON);
        for (now, is_sent) in [
            (at_horizon.before(Millis(1)), true),
            (at_horizon, false),
            (at_horizon.after(Millis(1)), false),
        ] {
            // A panic would tell that it was sent after all.
            let provider = Scripted { panics: !is_sent, ..scripted() };
            for kind in [Kind::Authorize, Kind::Operate] {
                let expected = if is_sent { answered(kind) } else { not_sent(kind) };
                let outcome = run(provider.clone(), call(kind), now).await;
                assert_eq!(outcome, expected, "{kind:?} {now:?}");
            }
        }
    }

    /// Nobody would ask again, so that it is sent until it arrives.
    #[tokio::test]
    async fn what_we_owe_of_ourselves_is_sent_however_late() {
        for cause in Cause::ALL {
            let call = operating(Kind::Operate, OperationKind::Void, cause);
            let outcome = run(scripted(), call, STARTED.after(HORIZON)).await;
            let expected = match cause {
                Cause::Merchant | Cause::Cancellation | Cause::Review => not_sent(Kind::Operate),
                Cause::Expiry | Cause::LateApproval => answered(Kind::Operate),
            };
            assert_eq!(outcome, expected, "{cause:?}");
        }
    }

    /// A thousand inquiries and releases after a restart: they go out 256 at a time, each has its
    /// whole time limit from its own turn on, and what it finds is judged by the time of its turn.
    #[tokio::test(start_paused = true)]
    async fn what_is_of_our_own_accord_waits_for_its_turn() {
        let provider = Scripted {
            delay: LIMIT - Duration::from_millis(1),
            standing: Standing::NotFound,
            ..scripted()
        };
        let (asking, most) = (Arc::clone(&provider.asking), Arc::clone(&provider.most));
        let quick = ProviderId::new("quick").unwrap();
        let providers = Providers::new([
            Arc::new(provider) as Arc<dyn Provider>,
            Arc::new(Scripted { id: quick, ..scripted() }),
        ]);
        let begun = tokio::time::Instant::now();
        let clock: Clock = Arc::new(move || {
            let millis = u64::try_from(begun.elapsed().as_millis()).expect("a short test");
            STARTED.after(Millis(millis))
        });
        let worker = ProviderWorker::new(providers, Handle::current(), LIMIT);
        let make = |call, instrument, clock| {
            let (sender, receiver) = oneshot::channel();
            worker.make(call, instrument, clock, |outcome| sender.send(outcome).expect("awaited"));
            receiver
        };
        let mut answers = Vec::new();
        for place in 0..1_000 {
            let call = match place % 2 {
                0 => call(Kind::Inquire),
                _ => operating(Kind::Operate, OperationKind::Void, Cause::Expiry),
            };
            answers.push(make(call, None, Arc::clone(&clock)));
        }
        // Others are not held up.
        for kind in [Kind::Authorize, Kind::Operate] {
            let instrument = (kind == Kind::Authorize).then(conformance::card);
            let call = ProviderCall { provider: quick, ..call(kind) };
            assert_eq!(make(call, instrument, Arc::clone(&clock)).await.ok(), answered(kind));
        }
        for (place, answer) in answers.into_iter().enumerate() {
            let past_horizon = place >= OWN_CALLS_AT_ONCE;
            let expected = match place % 2 {
                0 => attempt(ProviderOutcome::NotFound { past_horizon }),
                _ => answered(Kind::Operate),
            };
            assert_eq!(answer.await.ok(), expected, "{place}");
        }
        assert_eq!(most.load(Ordering::Relaxed), OWN_CALLS_AT_ONCE);
        assert_eq!(asking.load(Ordering::Relaxed), 0);
        // Four rounds, one after another.
        assert_eq!(begun.elapsed().as_secs(), 4 * LIMIT.as_secs() - 1);
    }
}
