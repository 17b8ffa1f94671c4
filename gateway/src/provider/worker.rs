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

use super::{Answer, Authorize, CardData, Clock, Inquire, Provider, Providers};

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
    pub fn new(
        providers: Providers,
        runtime: Handle,
        clock: Clock,
        call_limit: Duration,
    ) -> Self {
        Self { providers, runtime, clock, call_limit }
    }

    /// Makes the call. `answer` is called at most once, and dropped where the outcome is unknown
    /// because nothing is left that could say so.
    fn make(
        &self,
        call: &ProviderCall,
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
        call: &ProviderCall,
        card: CardData,
        answer: impl FnOnce(ProviderOutcome) + Send + 'static,
    ) {
        let request = Authorize { intent: call.intent.clone(), attempt: call.attempt, card };
        let begun = begin(call.attempt, || provider.authorize(request));
        self.finish(call.attempt, begun, answer);
    }

    fn inquire(
        &self,
        provider: &dyn Provider,
        call: &ProviderCall,
        answer: impl FnOnce(ProviderOutcome) + Send + 'static,
    ) {
        // The time of asking counts, not that of the answer: a request that arrived in between is
        // one the provider did not know of when it looked.
        let horizon = provider.capabilities().inquiry_horizon;
        let past_horizon = (self.clock)() >= call.started_at.after(horizon);
        let request = Inquire { intent: call.intent.clone(), attempt: call.attempt };
        let begun = begin(call.attempt, || provider.inquire(request));
        self.finish(call.attempt, begun, move |standing| {
            answer(standing.map_or(ProviderOutcome::Unknown, |it| it.into_outcome(past_horizon)));
        });
    }
}
