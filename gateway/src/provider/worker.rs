//! Runs the provider calls that the engine owes, and hands their outcomes back.
//!
//! Invariant: every call ends in exactly one outcome. One that runs out of time, panics or is cut
//! off by the end of the process is unknown, for it may have arrived.
//!
//! Not here: retries, schedules and the choice of provider. The engine decides when to ask again.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use tokio::runtime::Handle;
use tollgate_domain::{AttemptId, Effect, ProviderCall, ProviderOutcome};
use tollgate_engine::{EffectSink, OwedCall};

use super::{Answer, Authorize, CardData, Clock, Inquire, Provider, Providers, Standing};

/// How long a call may take. Card networks answer or reverse within half a minute; what takes
/// longer is learnt sooner by an inquiry.
pub const DEFAULT_CALL_LIMIT: Duration = Duration::from_secs(30);

/// Runs calls: an immediate answer is passed on within [`EffectSink::run`], any other is waited
/// for in a task of its own.
pub struct ProviderWorker {
    providers: Providers,
    runtime: Handle,
    clock: Clock,
    call_limit: Duration,
}

impl ProviderWorker {
    /// A worker that waits for answers on `runtime`, whose timers must be enabled, and for none
    /// longer than `call_limit`.
    #[must_use]
    pub fn new(providers: Providers, runtime: Handle, clock: Clock, call_limit: Duration) -> Self {
        Self { providers, runtime, clock, call_limit }
    }

    /// Makes the call. `answer` is called at most once, and dropped where the outcome is unknown
    /// because nothing is left that could say so.
    fn make(
        &self,
        call: ProviderCall,
        card: Option<CardData>,
        answer: impl FnOnce(ProviderOutcome) + Send + 'static,
    ) {
        let provider = self.providers.get(call.provider);
        if provider.is_none() {
            tracing::error!(provider = %call.provider, attempt = %call.attempt, "no such provider");
        }
        match call.effect {
            Effect::Authorize { .. } => match (provider, card) {
                (Some(provider), Some(card)) => self.authorize(provider, call, card, answer),
                // The card's number died with the process that took it, or nobody is there to
                // send it to: either way nothing was sent.
                (None, _) | (Some(_), None) => answer(ProviderOutcome::NotSent),
            },
            Effect::Inquire { .. } => match provider {
                Some(provider) => self.inquire(provider, call, answer),
                None => answer(ProviderOutcome::Unknown),
            },
        }
    }

    fn authorize(
        &self,
        provider: &dyn Provider,
        call: ProviderCall,
        card: CardData,
        answer: impl FnOnce(ProviderOutcome) + Send + 'static,
    ) {
        let request = Authorize { intent: call.intent, attempt: call.attempt, card };
        let begun = begin(call.attempt, || provider.authorize(request));
        self.finish(call.attempt, begun, |outcome| {
            answer(outcome.unwrap_or(ProviderOutcome::Unknown));
        });
    }

    fn inquire(
        &self,
        provider: &dyn Provider,
        call: ProviderCall,
        answer: impl FnOnce(ProviderOutcome) + Send + 'static,
    ) {
        // The time of asking counts, not that of the answer: a request that arrives in between is
        // one the provider did not know of when it looked.
        let horizon = provider.capabilities().inquiry_horizon;
        let past_horizon = (self.clock)() >= call.started_at.after(horizon);
        let request = Inquire { intent: call.intent, attempt: call.attempt };
        let begun = begin(call.attempt, || provider.inquire(request));
        self.finish(call.attempt, begun, move |standing| {
            answer(standing.unwrap_or(Standing::Unknown).into_outcome(past_horizon));
        });
    }

    /// Hands the answer on, now or when it comes; `None` if it never came.
    fn finish<T: 'static>(
        &self,
        attempt: AttemptId,
        begun: Option<Answer<T>>,
        answer: impl FnOnce(Option<T>) + Send + 'static,
    ) {
        match begun {
            Some(Answer::Now(given)) => answer(Some(given)),
            None => answer(None),
            Some(Answer::Later(future)) => {
                let call_limit = self.call_limit;
                self.runtime.spawn(async move {
                    let given = tokio::time::timeout(call_limit, future).await.ok();
                    if given.is_none() {
                        tracing::warn!(%attempt, ?call_limit, "the provider's answer is overdue");
                    }
                    answer(given);
                });
            }
        }
    }
}

/// Begins the call; `None` if the provider's code panicked, which must not take the engine's task
/// with it.
fn begin<T>(attempt: AttemptId, call: impl FnOnce() -> Answer<T>) -> Option<Answer<T>> {
    // Sound to go on: what the panic may have left half done lies behind the provider's own locks,
    // and its answer is not believed.
    let begun = catch_unwind(AssertUnwindSafe(call)).ok();
    if begun.is_none() {
        tracing::error!(%attempt, "the provider panicked; the outcome is unknown");
    }
    begun
}

impl EffectSink<CardData> for ProviderWorker {
    fn run(&self, mut owed: OwedCall<CardData>) {
        let card = owed.take_attachment();
        let call = owed.call().clone();
        // A task that panics or is dropped drops `owed` with it, which reports the unknown outcome.
        self.make(call, card, move |outcome| owed.answer(outcome));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use tokio::sync::oneshot;
    use tollgate_domain::{DeclineCode, Millis, PaymentId, ProviderId, Timestamp};

    use super::*;
    use crate::provider::{Capabilities, conformance};

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
            Capabilities { inquiry_horizon: HORIZON }
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
            intent: conformance::intent(payment, &[]),
            attempt,
            started_at: STARTED,
        }
    }

    /// Runs one call at `now`. `None` if the answer was dropped, which the engine takes as unknown.
    async fn run(
        provider: Scripted,
        call: ProviderCall,
        card: Option<CardData>,
        now: Timestamp,
    ) -> Option<ProviderOutcome> {
        let providers = Providers::new([Arc::new(provider) as Arc<dyn Provider>]);
        let clock: Clock = Arc::new(move || now);
        let worker = ProviderWorker::new(providers, Handle::current(), clock, LIMIT);
        let (sender, receiver) = oneshot::channel();
        worker.make(call, card, |outcome| sender.send(outcome).expect("the test waits"));
        receiver.await.ok()
    }

    async fn authorize(provider: Scripted) -> Option<ProviderOutcome> {
        run(provider, call(false), Some(conformance::card("4242424242424242")), STARTED).await
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
    async fn without_a_card_or_a_provider_nothing_is_sent() {
        let no_card = run(scripted(), call(false), None, STARTED).await;
        assert_eq!(no_card, Some(ProviderOutcome::NotSent));

        let nobody = ProviderId::new("nobody").unwrap();
        let to_nobody = |inquiry| ProviderCall { provider: nobody, ..call(inquiry) };
        let card = Some(conformance::card("4242424242424242"));
        let not_sent = run(scripted(), to_nobody(false), card, STARTED).await;
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
                Capabilities { inquiry_horizon: HORIZON }
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
        let worker = ProviderWorker::new(providers, Handle::current(), clock, LIMIT);
        let (sender, receiver) = oneshot::channel();
        worker.make(call(true), None, |outcome| sender.send(outcome).expect("the test waits"));
        assert_eq!(receiver.await, Ok(ProviderOutcome::NotFound { past_horizon: false }));
    }
}
