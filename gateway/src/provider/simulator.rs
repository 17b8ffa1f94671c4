//! The simulated provider: in process, stateful, seeded.
//!
//! It answers as the card, the VPA, the bank or the wallet tells it to, fails as the payment's
//! metadata tells it to, and keeps a [ledger](LedgerPage) of its own, by which anybody can prove that nothing was charged
//! twice. What it decides is booked when the request arrives; latency is the answer's way back.
//!
//! Invariant: an attempt is decided once. Sent again, it gets the same answer.
//!
//! Not here: HTTP, and operations that follow an approval.

mod fault;
mod ledger;
mod magic;
mod outage;
pub(super) mod protocol;
mod receipt;
mod service;
#[cfg(test)]
pub(super) mod tests;

use std::{path::PathBuf, sync::Arc, time::Duration};

use tollgate_domain::{
    AttemptId, Millis, NextAction, PaymentIntent, PaymentMethod, ProviderId, ProviderOutcome,
    Timestamp,
};

use self::{
    fault::{Loss, PENDING},
    ledger::{Booking, Charge, Ledger, LookUp, Unwritten},
    magic::Verdict,
    outage::Outage,
    receipt::Reference,
};
use super::{Answer, Authorize, Capabilities, Clock, Inquire, Provider, Standing};

pub(crate) use fault::{Faults, KEY as FAULTS_KEY, UnknownFault};
pub(crate) use ledger::{Decided, LedgerEntry, LedgerError, LedgerPage};
pub(crate) use service::router;

/// The methods that it serves, wherever it runs.
pub(super) const METHODS: &[&str] = &["card", "upi", "netbanking", "wallet"];

/// How the simulator behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SimulatorOptions {
    /// The gateway's data directory; the ledger is `simulator/ledger.log` in it.
    pub(crate) data_directory: PathBuf,
    /// Receipts follow from it and from the attempt. Another seed leaves receipts that were given
    /// as they are.
    pub(crate) seed: u64,
    /// How long every answer takes; zero answers within the call.
    pub(crate) latency: Duration,
    /// The horizon it declares, see [`Capabilities::inquiry_horizon`].
    pub(crate) inquiry_horizon: Millis,
    /// Where a customer is sent who has to act on a page (3-D Secure, net banking, wallet); `/` and
    /// the attempt's id are appended.
    pub(crate) action_url: String,
    /// The VPA that UPI payments are collected to.
    pub(crate) payee_vpa: String,
    /// What goes wrong with every payment that does not ask for faults of its own.
    pub(crate) faults: Faults,
}

/// The simulator. A clone is the same simulator.
#[derive(Clone)]
pub(crate) struct Simulator(Arc<Inner>);

struct Inner {
    options: SimulatorOptions,
    clock: Clock,
    ledger: Ledger,
    outage: Outage,
}

impl SimulatorOptions {
    /// Seed 0, no latency, a horizon of two seconds, actions at `http://127.0.0.1:8080`, and UPI
    /// payments to `tollgate@sim`.
    #[must_use]
    pub(crate) fn new(data_directory: impl Into<PathBuf>) -> Self {
        Self {
            data_directory: data_directory.into(),
            seed: 0,
            latency: Duration::ZERO,
            inquiry_horizon: Millis::from_seconds(2),
            action_url: "http://127.0.0.1:8080/simulator/actions".to_owned(),
            payee_vpa: "tollgate@sim".to_owned(),
            faults: Faults::default(),
        }
    }
}

impl Simulator {
    /// Opens the simulator with the ledger it left, or a new one. Blocks.
    ///
    /// # Errors
    /// If the ledger cannot be read or written, or is damaged before its end.
    pub(crate) fn open(options: SimulatorOptions, clock: Clock) -> Result<Self, LedgerError> {
        let path = options.data_directory.join("simulator").join("ledger.log");
        let ledger = Ledger::open(&path)?;
        Ok(Self(Arc::new(Inner { options, clock, ledger, outage: Outage::default() })))
    }

    /// The ledger's entries after number `after` (0 to begin with), at most `limit` and at most
    /// 1,000. Blocks.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub(crate) fn ledger_page(&self, after: u64, limit: usize) -> Result<LedgerPage, LedgerError> {
        self.0.ledger.page(after, limit)
    }

    /// Whether a call that comes now finds nobody; counts it.
    fn is_down(&self) -> bool {
        self.0.outage.refuses(|| (self.0.clock)())
    }

    /// The time as the simulator knows it.
    fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// Decides on an authorization that has arrived.
    fn decide(&self, request: Authorize) -> Answer<ProviderOutcome> {
        let faults = Faults::of(&request.intent, self.0.options.faults);
        let outcome = self.0.authorize(&request, faults);
        after(faults.latency.unwrap_or(self.0.options.latency), outcome)
    }

    /// Answers an inquiry that has arrived. Of a payment's faults only `pending` and `late` concern
    /// it.
    fn look_up(&self, request: Inquire) -> Answer<Standing> {
        let charge = Charge::new(&request.intent, request.attempt);
        let latency = self.0.options.latency;
        match self.0.ledger.look_up(charge.attempt) {
            LookUp::Booked(booking) => {
                after(latency, self.0.standing(&request.intent, charge, booking))
            }
            LookUp::Absent => after(latency, Standing::NotFound),
            LookUp::Forgotten => {
                let inner = Arc::clone(&self.0);
                Answer::later(async move {
                    tokio::time::sleep(latency).await;
                    let intent = request.intent;
                    let recalled =
                        tokio::task::spawn_blocking(move || inner.recall(&intent, charge));
                    recalled.await.unwrap_or(Standing::Unknown)
                })
            }
        }
    }
}

impl Provider for Simulator {
    fn id(&self) -> ProviderId {
        ProviderId::SIMULATOR
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { inquiry_horizon: self.0.options.inquiry_horizon, methods: METHODS }
    }

    fn authorize(&self, request: Authorize) -> Answer<ProviderOutcome> {
        // As a connection that is refused.
        if self.is_down() {
            return Answer::Now(ProviderOutcome::NotSent);
        }
        self.decide(request)
    }

    fn inquire(&self, request: Inquire) -> Answer<Standing> {
        if self.is_down() {
            return Answer::Now(Standing::Unknown);
        }
        self.look_up(request)
    }
}

impl Inner {
    fn authorize(&self, request: &Authorize, faults: Faults) -> ProviderOutcome {
        if let Some(lasting) = faults.outage {
            self.outage.begin(lasting, (self.clock)());
        }
        match faults.loss {
            Some(Loss::Connection) => return ProviderOutcome::NotSent,
            Some(Loss::Request) => return ProviderOutcome::Unknown,
            Some(Loss::Answer) | None => {}
        }
        let attempt = request.attempt;
        let charge = Charge::new(&request.intent, attempt);
        let verdict = magic::verdict(&request.intent.method, &request.instrument);
        let decided = match verdict {
            Verdict::Approve if faults.pending.is_some() => Decided::Pending,
            Verdict::Approve => Decided::Approved,
            Verdict::Decline(code) => Decided::Declined(code),
            Verdict::Challenge => Decided::ActionRequired,
        };
        let reference = || Reference::new(self.options.seed, attempt);
        match self.ledger.book(charge, decided, reference, (self.clock)()) {
            Ok(booking) => match faults.loss {
                Some(Loss::Answer) => ProviderOutcome::Unknown,
                Some(Loss::Connection | Loss::Request) | None => {
                    let standing = self.standing(&request.intent, charge, booking);
                    // It is booked, so the horizon does not matter.
                    standing.into_outcome(false)
                }
            },
            Err(Unwritten::Certainly) => ProviderOutcome::NotSent,
            Err(Unwritten::Perhaps) => ProviderOutcome::Unknown,
        }
    }

    /// How a booked attempt stands; approves what was pending for long enough.
    fn standing(&self, intent: &PaymentIntent, charge: Charge, booking: Booking) -> Standing {
        let faults = Faults::of(intent, self.options.faults);
        if faults.late.is_some_and(|late| (self.clock)() < booking.at.after(late)) {
            return Standing::NotFound;
        }
        match booking.decided {
            Decided::Approved => Standing::Approved(booking.reference.receipt()),
            Decided::Declined(code) => Standing::Declined(code),
            Decided::ActionRequired => {
                Standing::ActionRequired { action: self.action(&intent.method, charge.attempt) }
            }
            Decided::Pending => {
                let now = (self.clock)();
                if now < booking.at.after(faults.pending.unwrap_or(PENDING)) {
                    return Standing::Pending;
                }
                match self.ledger.conclude(charge, Decided::Approved, now) {
                    Ok(Some(_approved)) => Standing::Approved(booking.reference.receipt()),
                    // Forgotten just now, or not booked: the next inquiry tries again.
                    Ok(None) | Err(Unwritten::Certainly | Unwritten::Perhaps) => Standing::Unknown,
                }
            }
        }
    }

    /// What the customer has to do, by the way he pays.
    fn action(&self, method: &PaymentMethod, attempt: AttemptId) -> NextAction {
        match method {
            PaymentMethod::Card(_) | PaymentMethod::NetBanking(_) | PaymentMethod::Wallet(_) => {
                let url = format!("{}/{attempt}", self.options.action_url).into();
                NextAction::Redirect { url }
            }
            PaymentMethod::Upi(_) => NextAction::ApproveUpi {
                payee_vpa: self.options.payee_vpa.as_str().into(),
                reference: attempt.to_string().into(),
            },
        }
    }

    /// How an attempt stands that was forgotten. Blocks.
    fn recall(&self, intent: &PaymentIntent, charge: Charge) -> Standing {
        match self.ledger.recall(charge.attempt) {
            Ok(Some(booking)) => self.standing(intent, charge, booking),
            Ok(None) => Standing::NotFound,
            Err(error) => {
                let attempt = charge.attempt;
                tracing::error!(%attempt, error = &error as &dyn std::error::Error, "no inquiry");
                Standing::Unknown
            }
        }
    }
}

impl Charge {
    fn new(intent: &PaymentIntent, attempt: AttemptId) -> Self {
        let PaymentIntent { id: payment, merchant, money, .. } = *intent;
        Self { attempt, payment, merchant, money }
    }
}

/// An answer that takes `latency` to arrive.
fn after<T: Send + 'static>(latency: Duration, answer: T) -> Answer<T> {
    if latency.is_zero() {
        return Answer::Now(answer);
    }
    Answer::later(async move {
        tokio::time::sleep(latency).await;
        answer
    })
}
