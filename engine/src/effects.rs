//! The boundary to the world outside: calls that are owed, and how their outcomes come back.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tollgate_domain::{
    Effect, OperationOutcome, OutcomeSource, ProviderCall, ProviderOutcome, RecordOperationOutcome,
    RecordProviderOutcome,
};

use crate::{
    admission::Permit,
    clock::Clock,
    provider_report::{CallOutcome, ProviderReport},
    router::Router,
};

/// What a provider call needs and the log must never see, such as a card's number.
pub trait Attachment: Send + Unpin + 'static {}

impl<T: Send + Unpin + 'static> Attachment for T {}

/// Runs provider calls.
pub trait EffectSink<A: Attachment>: Send + Sync + 'static {
    /// Takes over a call whose intent is durable. Must not block.
    fn run(&self, call: OwedCall<A>);
}

/// A provider call that is owed. It ends in exactly one outcome: dropped without an answer, by a
/// panic or a task that was ended, it reports that the outcome is unknown.
pub struct OwedCall<A: Attachment> {
    call: ProviderCall,
    attachment: Option<A>,
    clock: Arc<Clock>,
    /// Taken by the answer.
    way_back: Option<WayBack<A>>,
}

struct WayBack<A: Attachment> {
    router: Arc<Router<A>>,
    permit: Option<Permit>,
}

/// A call before it is released.
pub struct PreparedCall<A> {
    /// What to call.
    pub call: ProviderCall,
    /// What it needs and the log must never see, where there is still any.
    pub attachment: Option<A>,
    /// The room that its command takes, given back with its outcome.
    pub permit: Option<Permit>,
}

/// Counts provider calls that have begun and not ended.
#[derive(Debug, Default)]
pub(crate) struct CallsInFlight(AtomicUsize);

impl<A: Attachment> OwedCall<A> {
    pub(crate) fn new(prepared: PreparedCall<A>, router: Arc<Router<A>>) -> Self {
        let PreparedCall { call, attachment, permit } = prepared;
        router.calls().began();
        let clock = Arc::clone(router.clock());
        Self { call, attachment, clock, way_back: Some(WayBack { router, permit }) }
    }

    /// What to call, and for which payment.
    #[must_use]
    pub fn call(&self) -> &ProviderCall {
        &self.call
    }

    /// The clock by which the call's attempt was begun.
    #[must_use]
    pub fn clock(&self) -> Arc<Clock> {
        Arc::clone(&self.clock)
    }

    /// Takes what the log must never see, if it came with the command. After a restart it is gone.
    pub fn take_attachment(&mut self) -> Option<A> {
        self.attachment.take()
    }

    /// Reports how the call ended. A call about an operation may come to an outcome of the attempt:
    /// a confirmation does.
    pub fn answer(mut self, outcome: CallOutcome) {
        self.report(outcome);
    }

    fn report(&mut self, outcome: CallOutcome) {
        let Some(WayBack { router, permit }) = self.way_back.take() else { return };
        let source = match self.call.effect {
            Effect::Authorize { .. } | Effect::Operate { .. } => OutcomeSource::Call,
            Effect::Inquire { .. } | Effect::InquireOperation { .. } => OutcomeSource::Inquiry,
        };
        let payment = self.call.intent.id;
        let report = match (outcome, &self.call.operation) {
            (CallOutcome::Attempt(outcome), _) => {
                let attempt = self.call.attempt;
                ProviderReport::Attempt(RecordProviderOutcome { payment, attempt, source, outcome })
            }
            (CallOutcome::Operation(outcome), Some(operation)) => {
                let operation = operation.intent.id;
                let command = RecordOperationOutcome { payment, operation, source, outcome };
                ProviderReport::Operation(command)
            }
            (CallOutcome::Operation(_), None) => {
                unreachable!("only a call about an operation has its outcome")
            }
        };
        router.record_outcome(report, permit);
        router.calls().ended();
    }
}

impl<A: Attachment> Drop for OwedCall<A> {
    fn drop(&mut self) {
        self.report(match self.call.operation {
            Some(_) => CallOutcome::Operation(OperationOutcome::Unknown),
            None => CallOutcome::Attempt(ProviderOutcome::Unknown),
        });
    }
}

impl CallsInFlight {
    fn began(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn ended(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
