//! Runs the provider calls that the engine owes, and hands their outcomes back.
//!
//! Invariants: every call ends in exactly one outcome. One that runs out of time, panics or is cut
//! off by the end of the process is unknown, for it may have arrived. No authorization is sent once
//! an inquiry that did not find it would be believed.
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
use tollgate_domain::{AttemptId, Effect, ProviderCall, ProviderOutcome};
use tollgate_engine::{CallOutcome, EffectSink, OwedCall};

use super::{Answer, Authorize, Clock, Inquire, Instrument, Provider, Providers};

/// How long a call may take. Card networks answer or reverse within half a minute; what takes
/// longer is learnt sooner by an inquiry.
pub(crate) const DEFAULT_CALL_LIMIT: Duration = Duration::from_secs(30);

/// Inquiries in flight at once; more wait for their turn. A restart asks about every payment that
/// has no outcome, a hundred thousand after a bad moment, and no provider takes that many at once.
/// At 50 ms each, 256 at once ask about 5,000 a second.
///
/// Authorizations need no such bound: they come from outside, and admission bounds them.
const INQUIRIES_AT_ONCE: usize = 256;

/// Runs calls: an immediate answer is passed on within [`EffectSink::run`], any other is waited
/// for in a task of its own.
pub(crate) struct ProviderWorker {
    providers: Providers,
    runtime: Handle,
    call_limit: Duration,
    /// One permit for each inquiry that may be in flight.
    turns: Arc<Semaphore>,
}

impl ProviderWorker {
    /// A worker that waits for answers on `runtime`, whose timers must be enabled, and for none
    /// longer than `call_limit`.
    #[must_use]
    pub(crate) fn new(providers: Providers, runtime: Handle, call_limit: Duration) -> Self {
        let turns = Arc::new(Semaphore::new(INQUIRIES_AT_ONCE));
        Self { providers, runtime, call_limit, turns }
    }

    /// Makes the call. `answer` is called at most once, and dropped where the outcome is unknown
    /// because nothing is left that could say so. `clock` is the one that the call was begun by.
    fn make(
        &self,
        call: ProviderCall,
        instrument: Option<Instrument>,
        clock: Clock,
        answer: impl FnOnce(ProviderOutcome) + Send + 'static,
    ) {
        let provider = self.providers.get(call.provider);
        if provider.is_none() {
            tracing::error!(provider = %call.provider, attempt = %call.attempt, "no such provider");
        }
        match call.effect {
            Effect::Authorize { .. } => match (provider, instrument) {
                (Some(provider), Some(instrument)) => {
                    self.authorize(&**provider, call, instrument, &clock, answer)
                }
                // The method's secrets died with the process that took it, or nobody is there to
                // send them to: either way nothing was sent.
                (None, _) | (Some(_), None) => answer(ProviderOutcome::NotSent),
            },
            Effect::Inquire { .. } => match provider {
                Some(provider) => self.inquire(Arc::clone(provider), call, clock, answer),
                None => answer(ProviderOutcome::Unknown),
            },
            Effect::Operate { .. } | Effect::InquireOperation { .. } => drop(answer),
        }
    }

    fn authorize(
        &self,
        provider: &dyn Provider,
        call: ProviderCall,
        instrument: Instrument,
        clock: &Clock,
        answer: impl FnOnce(ProviderOutcome) + Send + 'static,
    ) {
        let attempt = call.attempt;
        let begun = begin(attempt, || {
            if is_past_horizon(provider, &call, clock) {
                // An inquiry may have been told by now that there is no such attempt, and have
                // been believed: sent now, it would charge for a payment that has failed.
                tracing::warn!(%attempt, "the authorization's turn came too late; it is not sent");
                return Answer::Now(ProviderOutcome::NotSent);
            }
            provider.authorize(Authorize { intent: call.intent, attempt, instrument })
        });
        self.pass_on(attempt, begun, None, answer);
    }

    /// Asks at once where there is room, and else when others have been answered; the time limit
    /// begins with the asking.
    fn inquire(
        &self,
        provider: Arc<dyn Provider>,
        call: ProviderCall,
        clock: Clock,
        answer: impl FnOnce(ProviderOutcome) + Send + 'static,
    ) {
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            let attempt = call.attempt;
            let begun = begin_inquiry(&*provider, call, &clock);
            return self.pass_on(attempt, begun, Some(turn), answer);
        }
        let (turns, call_limit) = (Arc::clone(&self.turns), self.call_limit);
        self.runtime.spawn(async move {
            let turn = turns.acquire_owned().await.expect("nobody closes the semaphore");
            let attempt = call.attempt;
            let begun = begin_inquiry(&*provider, call, &clock);
            let outcome = end(attempt, begun, call_limit).await;
            drop(turn);
            answer(outcome);
        });
    }

    /// Hands the outcome on, now or when it comes, and gives the turn back then.
    fn pass_on(
        &self,
        attempt: AttemptId,
        begun: Option<Answer<ProviderOutcome>>,
        turn: Option<OwnedSemaphorePermit>,
        answer: impl FnOnce(ProviderOutcome) + Send + 'static,
    ) {
        match begun {
            Some(Answer::Now(outcome)) => answer(outcome),
            None => answer(ProviderOutcome::Unknown),
            Some(Answer::Later(_)) => {
                let call_limit = self.call_limit;
                self.runtime.spawn(async move {
                    let outcome = end(attempt, begun, call_limit).await;
                    drop(turn);
                    answer(outcome);
                });
            }
        }
    }
}

/// Begins an inquiry; its answer is what the provider's means for the attempt.
fn begin_inquiry(
    provider: &dyn Provider,
    call: ProviderCall,
    clock: &Clock,
) -> Option<Answer<ProviderOutcome>> {
    begin(call.attempt, || {
        // The time of asking counts, not that of the answer: a request that arrives in between is
        // one the provider did not know of when it looked.
        let past_horizon = is_past_horizon(provider, &call, clock);
        match provider.inquire(Inquire { intent: call.intent, attempt: call.attempt }) {
            Answer::Now(standing) => Answer::Now(standing.into_outcome(past_horizon)),
            Answer::Later(standing) => {
                Answer::later(async move { standing.await.into_outcome(past_horizon) })
            }
        }
    })
}

/// Whether a "no such attempt" of now would be believed.
fn is_past_horizon(provider: &dyn Provider, call: &ProviderCall, clock: &Clock) -> bool {
    clock() >= call.started_at.after(provider.capabilities().inquiry_horizon)
}

/// Begins the call; `None` if the provider's code panicked, which must not take the engine's task
/// with it.
fn begin(
    attempt: AttemptId,
    call: impl FnOnce() -> Answer<ProviderOutcome>,
) -> Option<Answer<ProviderOutcome>> {
    // Sound to go on: what the panic may have left half done lies behind the provider's own locks,
    // and its answer is not believed.
    let begun = catch_unwind(AssertUnwindSafe(call)).ok();
    if begun.is_none() {
        tracing::error!(%attempt, "the provider panicked; the outcome is unknown");
    }
    begun
}

/// Waits for the answer, but no longer than `limit`; what did not come is unknown.
async fn end(
    attempt: AttemptId,
    begun: Option<Answer<ProviderOutcome>>,
    limit: Duration,
) -> ProviderOutcome {
    let Some(begun) = begun else { return ProviderOutcome::Unknown };
    tokio::time::timeout(limit, begun.wait()).await.unwrap_or_else(|_elapsed| {
        tracing::warn!(%attempt, ?limit, "the provider's answer is overdue");
        ProviderOutcome::Unknown
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
        self.make(call, instrument, clock, move |outcome| {
            owed.answer(CallOutcome::Attempt(outcome))
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    };

    use tokio::sync::oneshot;
    use tollgate_domain::{DeclineCode, Millis, PaymentId, ProviderId, Timestamp};

    use super::*;
    use crate::provider::{Capabilities, Standing, conformance};

    const STARTED: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const HORIZON: Millis = Millis(2_000);
    const LIMIT: Duration = Duration::from_secs(30);

    /// Answers with what the test says, after as long as it says.
    struct Scripted {
        delay: Duration,
        panics: bool,
        standing: Standing,
    }

    impl Scripted {
        fn answer<T: Send + 'static>(&self, answer: T) -> Answer<T> {
            let (delay, panics) = (self.delay, self.panics);
            if delay.is_zero() {
                assert!(!panics, "as scripted");
                return Answer::Now(answer);
            }
            Answer::later(async move {
                tokio::time::sleep(delay).await;
                assert!(!panics, "as scripted");
                answer
            })
        }
    }

    impl Provider for Scripted {
        fn id(&self) -> ProviderId {
            ProviderId::SIMULATOR
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities { inquiry_horizon: HORIZON, methods: &["card"] }
        }

        fn authorize(&self, _request: Authorize) -> Answer<ProviderOutcome> {
            self.answer(ProviderOutcome::Declined(DeclineCode::LostCard))
        }

        fn inquire(&self, _request: Inquire) -> Answer<Standing> {
            self.answer(self.standing.clone())
        }
    }

    fn scripted() -> Scripted {
        Scripted { delay: Duration::ZERO, panics: false, standing: Standing::Pending }
    }

    fn call(inquiry: bool) -> ProviderCall {
        let (payment, attempt) = (PaymentId::from_u128(1), AttemptId::from_u128(2));
        ProviderCall {
            effect: match inquiry {
                true => Effect::Inquire { payment, attempt },
                false => Effect::Authorize { payment, attempt },
            },
            provider: ProviderId::SIMULATOR,
            intent: conformance::intent(payment, conformance::card_facts(), &[]),
            attempt,
            started_at: STARTED,
        }
    }

    /// Runs one call at `now`. `None` if the answer was dropped, which the engine takes as unknown.
    async fn run(
        provider: Scripted,
        call: ProviderCall,
        instrument: Option<Instrument>,
        now: Timestamp,
    ) -> Option<ProviderOutcome> {
        let providers = Providers::new([Arc::new(provider) as Arc<dyn Provider>]);
        let clock: Clock = Arc::new(move || now);
        let worker = ProviderWorker::new(providers, Handle::current(), LIMIT);
        let (sender, receiver) = oneshot::channel();
        worker
            .make(call, instrument, clock, |outcome| sender.send(outcome).expect("the test waits"));
        receiver.await.ok()
    }

    async fn authorize(provider: Scripted) -> Option<ProviderOutcome> {
        run(provider, call(false), Some(conformance::card()), STARTED).await
    }

    const DECLINED: Option<ProviderOutcome> =
        Some(ProviderOutcome::Declined(DeclineCode::LostCard));

    #[tokio::test(start_paused = true)]
    async fn answers_come_at_once_or_later() {
        assert_eq!(authorize(scripted()).await, DECLINED);
        let late = Scripted { delay: LIMIT - Duration::from_millis(1), ..scripted() };
        assert_eq!(authorize(late).await, DECLINED);
    }

    #[tokio::test(start_paused = true)]
    async fn an_overdue_answer_is_unknown() {
        let overdue = Scripted { delay: LIMIT + Duration::from_millis(1), ..scripted() };
        assert_eq!(authorize(overdue).await, Some(ProviderOutcome::Unknown));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_unknown() {
        let at_once = Scripted { panics: true, ..scripted() };
        assert_eq!(authorize(at_once).await, Some(ProviderOutcome::Unknown));
        let later = Scripted { panics: true, delay: Duration::from_millis(1), ..scripted() };
        assert_eq!(authorize(later).await, None);
    }

    #[tokio::test]
    async fn without_an_instrument_or_a_provider_nothing_is_sent() {
        let without = run(scripted(), call(false), None, STARTED).await;
        assert_eq!(without, Some(ProviderOutcome::NotSent));

        let nobody = ProviderId::new("nobody").unwrap();
        let to_nobody = |inquiry| ProviderCall { provider: nobody, ..call(inquiry) };
        let instrument = Some(conformance::card());
        let not_sent = run(scripted(), to_nobody(false), instrument, STARTED).await;
        assert_eq!(not_sent, Some(ProviderOutcome::NotSent));
        let unknown = run(scripted(), to_nobody(true), None, STARTED).await;
        assert_eq!(unknown, Some(ProviderOutcome::Unknown));
    }

    #[tokio::test(start_paused = true)]
    async fn the_horizon_counts_from_the_attempt_to_the_asking() {
        let nothing = || Scripted { standing: Standing::NotFound, ..scripted() };
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
            let outcome = run(provider, call(true), None, now).await;
            assert_eq!(outcome, Some(ProviderOutcome::NotFound { past_horizon }), "{now:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_is_read_before_asking() {
        /// Moves the clock while it is asked.
        struct Slow(Arc<AtomicU64>);
        impl Provider for Slow {
            fn id(&self) -> ProviderId {
                ProviderId::SIMULATOR
            }
            fn capabilities(&self) -> Capabilities {
                Capabilities { inquiry_horizon: HORIZON, methods: &["card"] }
            }
            fn authorize(&self, _request: Authorize) -> Answer<ProviderOutcome> {
                Answer::Now(ProviderOutcome::NotSent)
            }
            fn inquire(&self, _request: Inquire) -> Answer<Standing> {
                self.0.fetch_add(HORIZON.0, Ordering::Relaxed);
                Answer::Now(Standing::NotFound)
            }
        }
        let now = Arc::new(AtomicU64::new(STARTED.as_millis()));
        let providers = Providers::new([Arc::new(Slow(now.clone())) as Arc<dyn Provider>]);
        let clock: Clock = Arc::new(move || Timestamp::from_millis(now.load(Ordering::Relaxed)));
        let worker = ProviderWorker::new(providers, Handle::current(), LIMIT);
        let (sender, receiver) = oneshot::channel();
        worker.make(call(true), None, clock, |outcome| {
            sender.send(outcome).expect("the test waits");
        });
        assert_eq!(receiver.await, Ok(ProviderOutcome::NotFound { past_horizon: false }));
    }

    #[tokio::test]
    async fn a_panic_before_the_call_is_unknown_too() {
        struct Shattered;
        impl Provider for Shattered {
            fn id(&self) -> ProviderId {
                ProviderId::SIMULATOR
            }
            fn capabilities(&self) -> Capabilities {
                panic!("as scripted")
            }
            fn authorize(&self, _request: Authorize) -> Answer<ProviderOutcome> {
                unreachable!("its capabilities are asked first")
            }
            fn inquire(&self, _request: Inquire) -> Answer<Standing> {
                unreachable!("its capabilities are asked first")
            }
        }
        let providers = Providers::new([Arc::new(Shattered) as Arc<dyn Provider>]);
        let worker = ProviderWorker::new(providers, Handle::current(), LIMIT);
        for inquiry in [false, true] {
            let (sender, receiver) = oneshot::channel();
            let instrument = (!inquiry).then(conformance::card);
            worker.make(call(inquiry), instrument, Arc::new(|| STARTED), |outcome| {
                sender.send(outcome).expect("awaited");
            });
            assert_eq!(receiver.await, Ok(ProviderOutcome::Unknown), "{inquiry}");
        }
    }

    #[tokio::test]
    async fn a_stale_authorization_is_not_sent() {
        let at_horizon = STARTED.after(HORIZON);
        for (now, expected) in [
            (at_horizon.before(Millis(1)), ProviderOutcome::Declined(DeclineCode::LostCard)),
            (at_horizon, ProviderOutcome::NotSent),
            (at_horizon.after(Millis(1)), ProviderOutcome::NotSent),
        ] {
            // A panic would tell that it was sent after all.
            let panics = expected == ProviderOutcome::NotSent;
            let instrument = Some(conformance::card());
            let provider = Scripted { panics, ..scripted() };
            assert_eq!(
                run(provider, call(false), instrument, now).await,
                Some(expected),
                "{now:?}"
            );
        }
    }

    /// A thousand inquiries after a restart: they go out 256 at a time, each has its whole time
    /// limit from its own turn on, and what it finds is judged by the time of its turn.
    #[tokio::test(start_paused = true)]
    async fn inquiries_wait_for_their_turn() {
        /// Finds nothing, after just less than the longest time, and counts who asks.
        struct Busy {
            asking: Arc<AtomicUsize>,
            most: Arc<AtomicUsize>,
        }
        impl Provider for Busy {
            fn id(&self) -> ProviderId {
                ProviderId::SIMULATOR
            }
            fn capabilities(&self) -> Capabilities {
                Capabilities { inquiry_horizon: HORIZON, methods: &["card"] }
            }
            fn authorize(&self, _request: Authorize) -> Answer<ProviderOutcome> {
                Answer::Now(ProviderOutcome::Declined(DeclineCode::LostCard))
            }
            fn inquire(&self, _request: Inquire) -> Answer<Standing> {
                let asking = self.asking.fetch_add(1, Ordering::Relaxed) + 1;
                self.most.fetch_max(asking, Ordering::Relaxed);
                let asked = Arc::clone(&self.asking);
                Answer::later(async move {
                    tokio::time::sleep(LIMIT - Duration::from_millis(1)).await;
                    asked.fetch_sub(1, Ordering::Relaxed);
                    Standing::NotFound
                })
            }
        }
        let (asking, most) = (Arc::default(), Arc::default());
        let provider = Busy { asking: Arc::clone(&asking), most: Arc::clone(&most) };
        let providers = Providers::new([Arc::new(provider) as Arc<dyn Provider>]);
        let begun = tokio::time::Instant::now();
        let clock: Clock = Arc::new(move || {
            let millis = u64::try_from(begun.elapsed().as_millis()).expect("a short test");
            STARTED.after(Millis(millis))
        });
        let worker = ProviderWorker::new(providers, Handle::current(), LIMIT);
        let mut answers = Vec::new();
        for _inquiry in 0..1_000 {
            let (sender, receiver) = oneshot::channel();
            let clock = Arc::clone(&clock);
            worker.make(call(true), None, clock, |outcome| {
                sender.send(outcome).expect("awaited");
            });
            answers.push(receiver);
        }
        // Others are not held up.
        let (sender, receiver) = oneshot::channel();
        let instrument = Some(conformance::card());
        worker.make(call(false), instrument, Arc::new(|| STARTED), |outcome| {
            sender.send(outcome).expect("awaited");
        });
        assert_eq!(receiver.await.ok(), DECLINED);

        for (place, answer) in answers.into_iter().enumerate() {
            let past_horizon = place >= INQUIRIES_AT_ONCE;
            let expected = ProviderOutcome::NotFound { past_horizon };
            assert_eq!(answer.await, Ok(expected), "{place}");
        }
        assert_eq!(most.load(Ordering::Relaxed), INQUIRIES_AT_ONCE);
        assert_eq!(asking.load(Ordering::Relaxed), 0);
        // Four rounds, one after another.
        assert_eq!(begun.elapsed().as_secs(), 4 * LIMIT.as_secs() - 1);
    }
}
