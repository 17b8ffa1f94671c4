//! Providers: those who move the money at our word.
//!
//! A [`Provider`] is told of an attempt, and later of what is to be done to the funds it was approved
//! for, and says what became of it. The id of the attempt, or of the operation, is its idempotency
//! key and its reference: however often the same one is sent, it is carried out once.
//!
//! Invariant: a provider never guesses. What it cannot tell is [`ProviderOutcome::Unknown`], or
//! [`OperationOutcome::Unknown`]; not sent is said only where nothing can have reached the other
//! side.
//!
//! Not here: which provider is chosen, see `routing.rs`, and what an outcome means for the payment.

mod answer;
pub(crate) mod callback;
mod card_data;
#[cfg(test)]
mod conformance;
mod connections;
pub(crate) mod customer_account;
mod instrument;
mod operation;
pub(crate) mod parked_callbacks;
pub(crate) mod remote_simulator;
mod test_provider;
mod worker;

pub(crate) mod simulator;

use std::sync::Arc;

use tollgate_domain::{
    AttemptId, DeclineCode, Millis, NextAction, OperationOutcome, PaymentIntent, ProviderId,
    ProviderOutcome, ProviderReceipt, Timestamp,
};

pub(crate) use answer::Answer;
pub(crate) use card_data::CardData;
use customer_account::{AskBalance, Balance, HolderName, Known, LinkToken, LinkWallet, LookUpVpa};
pub(crate) use instrument::{Instrument, SecretText};
pub(crate) use operation::{
    CallFailure, Capture, Confirm, InquireOperation, OperationStanding, Refund, Reverse, Target,
    Void,
};
pub(crate) use test_provider::TestProvider;
pub(crate) use worker::{DEFAULT_CALL_LIMIT, ProviderWorker};

/// One who moves money.
///
/// Each operation has a request type of its own and a method here. A method must not block: it
/// answers at once or hands back a future. None but the two inquiries ever answers that nothing was
/// found.
pub(crate) trait Provider: Send + Sync + 'static {
    /// Its name, under which payments are routed to it.
    fn id(&self) -> ProviderId;

    /// What it can do, and what may be relied on.
    fn capabilities(&self) -> Capabilities;

    /// Reserves the funds; where the provider is to capture, takes them.
    fn authorize(&self, request: Authorize) -> Answer<ProviderOutcome>;

    /// Says that the customer has acted. The answer speaks of the attempt.
    fn confirm(&self, request: Confirm) -> Answer<Result<Standing, CallFailure>>;

    /// Takes reserved funds.
    fn capture(&self, request: Capture) -> Answer<OperationOutcome>;

    /// Lets go of what is reserved. An attempt that still waits for its customer is called off; one
    /// whose funds are taken is not, and the answer is that they are.
    fn void(&self, request: Void) -> Answer<OperationOutcome>;

    /// Undoes all that was taken, before it is settled.
    fn reverse(&self, request: Reverse) -> Answer<OperationOutcome>;

    /// Returns taken funds.
    fn refund(&self, request: Refund) -> Answer<OperationOutcome>;

    /// Tells what became of an attempt. Changes nothing.
    fn inquire(&self, request: Inquire) -> Answer<Standing>;

    /// Tells what became of a capture, void, reversal or refund. Changes nothing.
    fn inquire_operation(&self, request: InquireOperation) -> Answer<OperationStanding>;

    /// Tells whom a UPI address belongs to. Changes nothing.
    fn look_up_vpa(&self, request: LookUpVpa) -> Answer<Known<HolderName>>;

    /// Tells what a wallet holds. Changes nothing.
    fn balance(&self, request: AskBalance) -> Answer<Known<Balance>>;

    /// Links a wallet: its customer has agreed that it may be charged without asking him each time.
    fn link_wallet(&self, request: LinkWallet) -> Answer<Known<LinkToken>>;
}

/// What may be relied on of a provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Capabilities {
    /// How long after an attempt or an operation began a request for it may still arrive. An inquiry
    /// made later that finds nothing proves that nothing was done.
    pub(crate) inquiry_horizon: Millis,
    /// The methods that it serves, by the names of [`PaymentMethod`](tollgate_domain::PaymentMethod).
    pub(crate) methods: &'static [&'static str],
    /// Whether one authorization may be captured in several parts.
    pub(crate) multiple_captures: bool,
    /// Whether what is left of a reservation can be let go after a part of it was captured.
    pub(crate) partial_void: bool,
    /// Whether less than what was captured can be refunded, and in several parts.
    pub(crate) partial_refunds: bool,
    /// Whether a payment can be undone as a whole before settlement, without a refund.
    pub(crate) reversal: bool,
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
