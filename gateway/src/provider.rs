//! Providers: those who move the money at our word.
//!
//! A [`Provider`] is told of an attempt and says what became of it. The attempt's id is its
//! idempotency key and its reference: however often the same attempt is sent, it is charged once.
//!
//! Invariant: a provider never guesses. What it cannot tell is [`ProviderOutcome::Unknown`];
//! [`ProviderOutcome::NotSent`] is said only where nothing can have reached the other side.
//!
//! Not here: which provider is chosen, see `routing.rs`, and what an outcome means for the payment.

mod answer;
mod card_data;
#[cfg(test)]
mod conformance;
mod instrument;
pub(crate) mod remote_simulator;
mod test_provider;
mod worker;

pub(crate) mod simulator;

use std::sync::Arc;

use tollgate_domain::{
    AttemptId, DeclineCode, Millis, NextAction, PaymentIntent, ProviderId, ProviderOutcome,
    ProviderReceipt, Timestamp,
};

pub(crate) use answer::Answer;
pub(crate) use card_data::CardData;
pub(crate) use instrument::{Instrument, SecretText};
pub(crate) use test_provider::TestProvider;
pub(crate) use worker::{DEFAULT_CALL_LIMIT, ProviderWorker};

/// One who moves money.
///
/// Each operation has a request type of its own and a method here; capturing, voiding, reversing,
/// refunding and confirming an authentication join as they come into being. A method must not
/// block: it answers at once or hands back a future.
pub(crate) trait Provider: Send + Sync + 'static {
    /// Its name, under which payments are routed to it.
    fn id(&self) -> ProviderId;

    /// What it can do, and what may be relied on.
    fn capabilities(&self) -> Capabilities;

    /// Reserves the funds; with automatic capture, takes them.
    ///
    /// Never answers [`ProviderOutcome::NotFound`], which only an inquiry can come to.
    fn authorize(&self, request: Authorize) -> Answer<ProviderOutcome>;

    /// Tells what became of an attempt. Changes nothing.
    fn inquire(&self, request: Inquire) -> Answer<Standing>;
}

/// What may be relied on of a provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Capabilities {
    /// How long after an attempt began a request for it may still arrive. An inquiry made later
    /// that finds nothing proves that nothing was charged.
    pub(crate) inquiry_horizon: Millis,
    /// The methods that it serves, by the names of [`PaymentMethod`](tollgate_domain::PaymentMethod).
    pub(crate) methods: &'static [&'static str],
}

/// Asks for a payment's funds.
#[derive(Debug)]
pub(crate) struct Authorize {
    /// For which payment.
    pub(crate) intent: Arc<PaymentIntent>,
    /// Idempotency key and reference.
    pub(crate) attempt: AttemptId,
    /// With what. Wiped when the request is dropped.
    pub(crate) instrument: Instrument,
}

/// Asks what became of an attempt.
#[derive(Debug)]
pub(crate) struct Inquire {
    /// For which payment.
    pub(crate) intent: Arc<PaymentIntent>,
    /// The attempt asked about.
    pub(crate) attempt: AttemptId,
}

/// How an attempt stands in a provider's books.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// Funds are reserved; with automatic capture, taken.
    Approved(ProviderReceipt),
    /// The issuer said no.
    Declined(DeclineCode),
    /// The provider waits for the customer.
    ActionRequired {
        /// What the customer has to do.
        action: NextAction,
    },
    /// Accepted and not yet decided.
    Pending,
    /// There is no such attempt in the books.
    NotFound,
    /// The provider could not be asked, or could not tell.
    Unknown,
}

/// The providers of this gateway.
#[derive(Clone)]
pub(crate) struct Providers {
    // A handful, so a walk over them is shorter than a hash.
    entries: Vec<(ProviderId, Arc<dyn Provider>)>,
}

/// The wall clock, handed in so that tests hold it.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

impl Standing {
    /// What the standing means for the attempt; `past_horizon` tells whether the inquiry was made
    /// past the provider's horizon.
    #[must_use]
    pub(crate) fn into_outcome(self, past_horizon: bool) -> ProviderOutcome {
        match self {
            Self::Approved(receipt) => ProviderOutcome::Approved(receipt),
            Self::Declined(code) => ProviderOutcome::Declined(code),
            Self::ActionRequired { action } => ProviderOutcome::ActionRequired { action },
            Self::Pending => ProviderOutcome::Pending,
            Self::NotFound => ProviderOutcome::NotFound { past_horizon },
            Self::Unknown => ProviderOutcome::Unknown,
        }
    }
}

impl Providers {
    /// Takes the providers, each under its own name.
    ///
    /// # Panics
    /// If two have the same name.
    #[must_use]
    pub(crate) fn new(providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Self {
        let mut entries: Vec<(ProviderId, Arc<dyn Provider>)> = Vec::new();
        for provider in providers {
            let id = provider.id();
            assert!(entries.iter().all(|(taken, _)| *taken != id), "two providers are named {id}");
            entries.push((id, provider));
        }
        Self { entries }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &dyn Provider> {
        self.entries.iter().map(|(_, provider)| &**provider)
    }

    /// The provider of that name.
    #[must_use]
    pub(crate) fn get(&self, id: ProviderId) -> Option<&Arc<dyn Provider>> {
        self.entries.iter().find(|(name, _)| *name == id).map(|(_, provider)| provider)
    }
}
