//! The simulated provider: in process, stateful, seeded.
//!
//! It answers as the card, the VPA, the bank or the wallet tells it to, fails as the payment's
//! metadata tells it to, waits for customers who have to act, and keeps a [ledger](LedgerPage) of its
//! own, by which anybody can prove that nothing was charged or returned twice. What it decides is
//! booked when the request arrives; latency is the answer's way back. What is decided without a
//! request, by a customer or by time, is told by callback.
//!
//! Invariant: an attempt is decided once, and so is each operation on its funds. Sent again, it gets
//! the same answer.
//!
//! Not here: HTTP.

mod accounts;
mod asked_payment;
mod challenge;
mod fault;
mod ledger;
mod magic;
mod messenger;
mod outage;
mod page;
pub(super) mod protocol;
mod receipt;
mod service;
mod signed_return;
#[cfg(test)]
pub(super) mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tollgate_domain::{
    Amount, AttemptId, CaptureMode, DeclineCode, Millis, NextAction, OperationFailure, OperationId,
    OperationOutcome, PaymentIntent, PaymentMethod, ProviderId, ProviderOutcome, ProviderReceipt,
    Timestamp,
};

use self::{
    challenge::Challenges,
    fault::{Aim, CallFaults, Loss, PENDING, Telling},
    ledger::{Booking, Charge, Conclusion, Ledger, LookUp, Operated, Order, Unwritten},
    magic::Verdict,
    messenger::Messenger,
    outage::Outage,
    receipt::Reference,
};
use super::{
    Answer, Authorize, CallFailure, Capabilities, Capture, Clock, Confirm, Inquire,
    InquireOperation, OperationStanding, Provider, Refund, Reverse, Standing, Target, Void,
    callback::{Callback, News},
    connections::UrlError,
    customer_account::{AskBalance, Balance, HolderName, Known, LinkToken, LinkWallet, LookUpVpa},
};

pub(crate) use fault::{Faults, UnknownFault};
pub(crate) use ledger::{Decided, Fact, Fate, Instruction, LedgerEntry, LedgerError, LedgerPage};
pub(crate) use messenger::{MessengerOptions, check_callback_url};
pub(crate) use page::{decide as decide_action, show as show_action};
pub(crate) use service::router;
pub(crate) use signed_return::SignReturn;

/// What the simulator can do, wherever it runs: everything.
pub(super) fn capabilities(inquiry_horizon: Millis) -> Capabilities {
    Capabilities {
        inquiry_horizon,
        methods: &["card", "upi", "netbanking", "wallet"],
        multiple_captures: true,
        partial_void: true,
        partial_refunds: true,
        reversal: true,
    }
}

/// How the simulator behaves.
#[derive(Clone)]
pub(crate) struct SimulatorOptions {
    /// The gateway's data directory; the ledger is `simulator/ledger.log` in it, and customers' pages
    /// `simulator/challenges.log`.
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
    /// Where it calls back; without it, it tells nothing of its own accord, and a refund that has
    /// succeeded stays so.
    pub(crate) messenger: Option<MessengerOptions>,
}

/// The simulator. A clone is the same simulator.
#[derive(Clone)]
pub(crate) struct Simulator(Arc<Inner>);

struct Inner {
    options: SimulatorOptions,
    clock: Clock,
    ledger: Ledger,
    challenges: Challenges,
    messenger: Option<Arc<Messenger>>,
    outage: Outage,
}

/// Why the simulator cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its ledger cannot be read or written, or is damaged before its end.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Customers' pages cannot be kept.
    #[error("cannot keep customers' pages in {}", path.display())]
    Challenges {
        /// In which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Callbacks have no address.
    #[error("callbacks cannot be sent")]
    CallbackUrl(#[source] UrlError),
}

/// An operation that is asked for.
#[derive(Clone)]
struct Asked {
    intent: Arc<PaymentIntent>,
    attempt: AttemptId,
    operation: OperationId,
    instruction: Instruction,
    amount: Amount,
}

/// Whether a customer has still to act.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ChallengeState {
    Open,
    Decided { approved: bool },
}

impl SimulatorOptions {
    /// Seed 0, no latency, a horizon of two seconds, actions at `http://127.0.0.1:8080`, UPI
    /// payments to `tollgate@sim`, and no callbacks.
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
            messenger: None,
        }
    }
}

impl Simulator {
    /// Opens the simulator with the books it left, or new ones, and tells anew what it decided of its
    /// own accord before. Blocks.
    ///
    /// # Errors
    /// If its files cannot be read or written, or the ledger is damaged before its end.
    pub(crate) fn open(options: SimulatorOptions, clock: Clock) -> Result<Self, OpenError> {
        let path = options.data_directory.join("simulator").join("ledger.log");
        let ledger = Ledger::open(&path)?;
        Self::over(ledger, options, clock)
    }

    /// The same over a ledger that is open.
    fn over(ledger: Ledger, options: SimulatorOptions, clock: Clock) -> Result<Self, OpenError> {
        let path = options.data_directory.join("simulator").join("challenges.log");
        let challenges = open_challenges(&path, clock())?;
        let messenger = match options.messenger.clone() {
            Some(options) => {
                let made = Messenger::new(options, Arc::clone(&clock));
                Some(made.map_err(OpenError::CallbackUrl)?)
            }
            None => None,
        };
        let outage = Outage::default();
        let inner = Inner { options, clock, ledger, challenges, messenger, outage };
        let this = Self(Arc::new(inner));
        this.tell_anew();
        Ok(this)
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

    fn faults(&self, intent: &PaymentIntent, aim: Aim) -> CallFaults {
        Faults::of(intent, aim, &self.0.options.faults)
    }

    fn latency(&self, faults: &CallFaults) -> Duration {
        faults.latency.unwrap_or(self.0.options.latency)
    }

    /// Decides on an authorization that has arrived.
    fn decide(&self, request: Authorize) -> Answer<ProviderOutcome> {
        let faults = self.faults(&request.intent, Aim::Authorization);
        let outcome = self.authorize_by(&request, &faults);
        after(self.latency(&faults), outcome)
    }

    fn authorize_by(&self, request: &Authorize, faults: &CallFaults) -> ProviderOutcome {
        self.0.begin_outage(faults);
        match faults.loss {
            Some(Loss::Connection) => return ProviderOutcome::NotSent,
            Some(Loss::Request) => return ProviderOutcome::Unknown,
            Some(Loss::Answer) | None => {}
        }
        let (intent, attempt) = (&request.intent, request.attempt);
        let charge = Charge::new(intent, attempt);
        let decided = match magic::verdict(&intent.method, &request.instrument) {
            Verdict::Approve if faults.pending.is_some() => Decided::Pending,
            Verdict::Approve => approved(intent),
            Verdict::Decline(code) => Decided::Declined(code),
            Verdict::Challenge => Decided::ActionRequired,
        };
        let reference = || Reference::new(self.0.options.seed, attempt);
        match self.0.ledger.book(charge, decided, reference, self.now()) {
            Ok(booking) => {
                if booking.calls == 1 {
                    self.follow(intent, charge, booking, faults);
                }
                match faults.loss {
                    Some(Loss::Answer) => ProviderOutcome::Unknown,
                    // It is booked, so the horizon does not matter.
                    Some(Loss::Connection | Loss::Request) | None => {
                        self.0.standing(intent, charge, booking).into_outcome(false)
                    }
                }
            }
            Err(Unwritten::Certainly) => ProviderOutcome::NotSent,
            Err(Unwritten::Perhaps) => ProviderOutcome::Unknown,
        }
    }

    /// Sees to what follows a first decision without anybody asking.
    fn follow(
        &self,
        intent: &Arc<PaymentIntent>,
        charge: Charge,
        booking: Booking,
        faults: &CallFaults,
    ) {
        match booking.decided {
            Decided::Approved | Decided::Reserved | Decided::Declined(_) => {
                if faults.telling.wanted {
                    self.tell_attempt(charge, booking, faults);
                }
            }
            Decided::ActionRequired => {}
            Decided::Pending => {
                let (this, intent, faults) = (self.clone(), Arc::clone(intent), *faults);
                self.later(faults.pending.unwrap_or(PENDING), move || {
                    let decided = approved(&intent);
                    if let Ok(Some(booking)) = this.0.ledger.conclude(charge, decided, this.now()) {
                        this.tell_attempt(charge, booking, &faults);
                    }
                });
            }
        }
    }

    /// Answers an inquiry that has arrived. Of a payment's faults only `pending` and `late` concern
    /// it.
    fn look_up(&self, request: Inquire) -> Answer<Standing> {
        let Inquire { intent, attempt } = request;
        let charge = Charge::new(&intent, attempt);
        let latency = self.0.options.latency;
        match self.0.ledger.look_up(attempt) {
            LookUp::Booked(booking) => after(latency, self.0.standing(&intent, charge, booking)),
            LookUp::Absent => after(latency, Standing::NotFound),
            LookUp::Forgotten => {
                let this = self.clone();
                recalled(latency, Standing::Unknown, move || {
                    Some(match this.0.recall(attempt)? {
                        Some(booking) => this.0.standing(&intent, charge, booking),
                        None => Standing::NotFound,
                    })
                })
            }
        }
    }

    /// Hears that a customer has acted, which it knows already if it is so.
    fn hear_confirmation(
        &self,
        intent: Arc<PaymentIntent>,
        attempt: AttemptId,
    ) -> Answer<Result<Standing, CallFailure>> {
        let faults = self.faults(&intent, Aim::Confirmation);
        self.0.begin_outage(&faults);
        let answer = match faults.loss {
            Some(Loss::Connection) => Answer::Now(Err(CallFailure::NotSent)),
            Some(Loss::Request | Loss::Answer) => Answer::Now(Err(CallFailure::Unknown)),
            None => self.look_up(Inquire { intent, attempt }).map(Ok),
        };
        match faults.latency {
            Some(latency) => delayed(latency, answer),
            None => answer,
        }
    }

    /// Carries out an operation that has arrived.
    fn operate(&self, asked: Asked) -> Answer<OperationOutcome> {
        let faults = self.faults(&asked.intent, Aim::at(asked.instruction));
        let latency = self.latency(&faults);
        self.0.begin_outage(&faults);
        match faults.loss {
            Some(Loss::Connection) => return after(latency, OperationOutcome::NotSent),
            Some(Loss::Request) => return after(latency, OperationOutcome::Unknown),
            Some(Loss::Answer) | None => {}
        }
        if let Some(outcome) = self.operate_by(&asked, &faults) {
            return after(latency, outcome);
        }
        let this = self.clone();
        recalled(latency, OperationOutcome::Unknown, move || {
            this.0.recall(asked.attempt)?;
            this.operate_by(&asked, &faults)
        })
    }

    /// `None` if the attempt is forgotten.
    fn operate_by(&self, asked: &Asked, faults: &CallFaults) -> Option<OperationOutcome> {
        let &Asked { attempt, operation, instruction, amount, .. } = asked;
        let wish = match (faults.refusal, faults.pending) {
            (Some(reason), _) => Fate::Failed(reason),
            (None, Some(_)) => Fate::Pending,
            (None, None) => Fate::Succeeded,
        };
        let order = Order { operation, instruction, amount, wish };
        let reference = || Reference::of_operation(self.0.options.seed, operation);
        let found = self.0.ledger.operate(attempt, order, reference, self.now());
        Some(match found {
            Ok(LookUp::Booked(operated)) => {
                if operated.calls == 1 {
                    self.follow_operation(asked, operated, faults);
                }
                match faults.loss {
                    Some(Loss::Answer) => OperationOutcome::Unknown,
                    // It is booked, so the horizon does not matter.
                    Some(Loss::Connection | Loss::Request) | None => {
                        self.operation_standing(asked, operated, faults).into_outcome(false)
                    }
                }
            }
            // There are no funds of such an attempt.
            Ok(LookUp::Absent) => OperationOutcome::Failed(OperationFailure::Refused),
            Ok(LookUp::Forgotten) => return None,
            Err(Unwritten::Certainly) => OperationOutcome::NotSent,
            Err(Unwritten::Perhaps) => OperationOutcome::Unknown,
        })
    }

    /// Sees to what follows a first decision on an operation without anybody asking.
    fn follow_operation(&self, asked: &Asked, operated: Operated, faults: &CallFaults) {
        match operated.fate {
            Fate::Succeeded | Fate::Failed(_) => {
                if faults.telling.wanted {
                    self.tell_operation(asked.intent.id, operated, faults);
                }
                self.follow_success(asked, operated, faults);
            }
            Fate::Pending => {
                let (this, asked, faults) = (self.clone(), asked.clone(), *faults);
                self.later(faults.pending.unwrap_or(PENDING), move || {
                    if let Some(operated) =
                        this.conclude_operation(&asked, Fate::Succeeded, &faults)
                    {
                        this.tell_operation(asked.intent.id, operated, &faults);
                    }
                });
            }
            Fate::Returned => {}
        }
    }

    /// Has a refund that has succeeded come back, where that is asked for.
    fn follow_success(&self, asked: &Asked, operated: Operated, faults: &CallFaults) {
        let (Fate::Succeeded, Some(fails_later)) = (operated.fate, faults.fails_later) else {
            return;
        };
        let (this, asked, faults) = (self.clone(), asked.clone(), *faults);
        self.later(fails_later, move || {
            if let Some(operated) = this.conclude_operation(&asked, Fate::Returned, &faults) {
                this.tell_operation(asked.intent.id, operated, &faults);
            }
        });
    }

    /// Books what became of an operation in the end. `None` where that cannot be written now, or the
    /// attempt is forgotten: the next inquiry tries again.
    fn conclude_operation(
        &self,
        asked: &Asked,
        fate: Fate,
        faults: &CallFaults,
    ) -> Option<Operated> {
        let &Asked { attempt, operation, .. } = asked;
        let before = self.0.ledger.look_up_operation(attempt, operation);
        match self.0.ledger.conclude_operation(attempt, operation, fate, self.now()) {
            Ok(LookUp::Booked(operated)) => {
                if before != LookUp::Booked(operated) {
                    self.follow_success(asked, operated, faults);
                }
                Some(operated)
            }
            Ok(LookUp::Absent | LookUp::Forgotten)
            | Err(Unwritten::Certainly | Unwritten::Perhaps) => None,
        }
    }

    /// How a booked operation stands; carries out what was pending for long enough.
    fn operation_standing(
        &self,
        asked: &Asked,
        operated: Operated,
        faults: &CallFaults,
    ) -> OperationStanding {
        if faults.late.is_some_and(|late| self.now() < operated.at.after(late)) {
            return OperationStanding::NotFound;
        }
        let receipt = operated.reference.receipt();
        match operated.fate {
            Fate::Succeeded => OperationStanding::Succeeded(receipt),
            Fate::Failed(reason) => OperationStanding::Failed(reason),
            Fate::Returned => OperationStanding::Failed(OperationFailure::AccountClosed),
            Fate::Pending if self.now() < operated.at.after(faults.pending.unwrap_or(PENDING)) => {
                OperationStanding::Pending
            }
            Fate::Pending => match self.conclude_operation(asked, Fate::Succeeded, faults) {
                Some(Operated { fate: Fate::Succeeded, .. }) => {
                    OperationStanding::Succeeded(receipt)
                }
                Some(Operated { fate: Fate::Failed(reason), .. }) => {
                    OperationStanding::Failed(reason)
                }
                Some(Operated { fate: Fate::Pending | Fate::Returned, .. }) | None => {
                    OperationStanding::Unknown
                }
            },
        }
    }

    /// Answers an inquiry about an operation. Of the faults only `pending` and `late` concern it.
    fn look_up_operation(&self, request: InquireOperation) -> Answer<OperationStanding> {
        let InquireOperation { intent, attempt, operation } = request;
        let latency = self.0.options.latency;
        let this = self.clone();
        let tell = move |operated: Operated| {
            let Operated { instruction, amount, .. } = operated;
            let faults = this.faults(&intent, Aim::at(instruction));
            let asked = Asked { intent, attempt, operation, instruction, amount };
            this.operation_standing(&asked, operated, &faults)
        };
        match self.0.ledger.look_up_operation(attempt, operation) {
            LookUp::Booked(operated) => after(latency, tell(operated)),
            LookUp::Absent => after(latency, OperationStanding::NotFound),
            LookUp::Forgotten => {
                let this = self.clone();
                recalled(latency, OperationStanding::Unknown, move || {
                    this.0.recall(attempt)?;
                    match this.0.ledger.look_up_operation(attempt, operation) {
                        LookUp::Booked(operated) => Some(tell(operated)),
                        LookUp::Absent => Some(OperationStanding::NotFound),
                        // The whole file was read: there is no such attempt.
                        LookUp::Forgotten => Some(OperationStanding::NotFound),
                    }
                })
            }
        }
    }

    /// The payment whose customer the page of this attempt is for, and whether he has still to act.
    fn challenge(&self, attempt: AttemptId) -> Option<(Arc<PaymentIntent>, ChallengeState)> {
        let intent = self.0.challenges.get(attempt)?;
        let LookUp::Booked(booking) = self.0.ledger.look_up(attempt) else { return None };
        Some((intent, ChallengeState::of(booking.decided)))
    }

    /// Takes a customer's decision, unless there is one already, and tells the gateway. The state is
    /// still open where the decision could not be kept.
    fn decide_challenge(
        &self,
        attempt: AttemptId,
        approves: bool,
    ) -> Option<(Arc<PaymentIntent>, ChallengeState)> {
        let (intent, before) = self.challenge(attempt)?;
        let charge = Charge::new(&intent, attempt);
        let decided = match approves {
            true => approved(&intent),
            false => Decided::Declined(DeclineCode::GenericDecline),
        };
        let state = match self.0.ledger.conclude(charge, decided, self.now()) {
            Ok(Some(booking)) => {
                if before == ChallengeState::Open {
                    let faults = self.faults(&intent, Aim::Authorization);
                    self.tell_attempt(charge, booking, &faults);
                }
                ChallengeState::of(booking.decided)
            }
            Ok(None) | Err(Unwritten::Certainly | Unwritten::Perhaps) => before,
        };
        Some((intent, state))
    }

    /// Where the customer goes after his decision, with signed news of it; `None` where the merchant
    /// has named no place.
    fn return_address(
        &self,
        intent: &PaymentIntent,
        approved: bool,
        signer: &dyn SignReturn,
    ) -> Option<String> {
        let url = intent.return_url.as_deref()?;
        let (url, fragment) = match url.split_once('#') {
            Some((url, fragment)) => (url, format!("#{fragment}")),
            None => (url, String::new()),
        };
        let joint = if url.contains('?') { '&' } else { '?' };
        let status = if approved { "approved" } else { "declined" };
        let (payment, now) = (intent.id, self.now());
        let seconds = now.as_seconds();
        let mut address =
            format!("{url}{joint}payment_id={payment}&status={status}&timestamp={seconds}");
        if let Some(signature) = signer.sign(intent, status, now) {
            address.push_str("&signature=");
            address.push_str(&signature);
        }
        address.push_str(&fragment);
        Some(address)
    }

    /// Tells by callback what was decided on an attempt.
    fn tell_attempt(&self, charge: Charge, booking: Booking, faults: &CallFaults) {
        let receipt = booking.reference.receipt();
        let outcome = match booking.decided {
            Decided::Approved | Decided::Reserved => ProviderOutcome::Approved(receipt.clone()),
            Decided::Declined(code) => ProviderOutcome::Declined(code),
            Decided::ActionRequired | Decided::Pending => return,
        };
        let news = News::Attempt(charge.attempt, outcome);
        let callback = Callback::new(charge.payment, news, booking.at);
        self.tell(&callback, &receipt, booking.at, faults);
    }

    /// Tells by callback what became of an operation.
    fn tell_operation(
        &self,
        payment: tollgate_domain::PaymentId,
        operated: Operated,
        faults: &CallFaults,
    ) {
        let receipt = operated.reference.receipt();
        let outcome = match operated.fate {
            Fate::Succeeded => OperationOutcome::Succeeded(receipt.clone()),
            Fate::Failed(reason) => OperationOutcome::Failed(reason),
            Fate::Returned => OperationOutcome::Failed(OperationFailure::AccountClosed),
            Fate::Pending => return,
        };
        let news = News::Operation(operated.operation, outcome);
        let callback = Callback::new(payment, news, operated.at);
        self.tell(&callback, &receipt, operated.at, faults);
    }

    fn tell(
        &self,
        callback: &Callback,
        receipt: &ProviderReceipt,
        decided: Timestamp,
        faults: &CallFaults,
    ) {
        let Some(messenger) = &self.0.messenger else { return };
        let Telling { twice, contradicting, late, silent, wanted: _ } = faults.telling;
        if silent {
            return;
        }
        let late = late.or(faults.late).map_or(Duration::ZERO, duration);
        messenger.send(late, callback, decided);
        if twice {
            messenger.send(late + APART, callback, decided);
        }
        if let Some(opposite) =
            callback.contradicted(receipt, decided).filter(|_opposite| contradicting)
        {
            messenger.send(late + 2 * APART, &opposite, decided);
        }
    }

    /// Tells again what was decided of the simulator's own accord before the process ended, as nobody
    /// knows whether it was heard.
    fn tell_anew(&self) {
        for conclusion in self.0.ledger.take_conclusions(self.now()) {
            let usual = CallFaults::default();
            match conclusion {
                Conclusion::Attempt(charge, booking) => self.tell_attempt(charge, booking, &usual),
                Conclusion::Operation(payment, operated) => {
                    self.tell_operation(payment, operated, &usual);
                }
            }
        }
    }

    /// Does something of its own accord, where there is somebody to tell.
    fn later(&self, after: Millis, what: impl FnOnce() + Send + 'static) {
        if let Some(messenger) = &self.0.messenger {
            messenger.later(duration(after), what);
        }
    }
}

/// How far callbacks about the same thing are apart, so that they usually come in their order.
const APART: Duration = Duration::from_millis(50);

impl Provider for Simulator {
    fn id(&self) -> ProviderId {
        ProviderId::SIMULATOR
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(self.0.options.inquiry_horizon)
    }

    fn authorize(&self, request: Authorize) -> Answer<ProviderOutcome> {
        // As a connection that is refused.
        if self.is_down() {
            return Answer::Now(ProviderOutcome::NotSent);
        }
        self.decide(request)
    }

    fn confirm(&self, request: Confirm) -> Answer<Result<Standing, CallFailure>> {
        if self.is_down() {
            return Answer::Now(Err(CallFailure::NotSent));
        }
        let Target { intent, attempt, .. } = request.target;
        self.hear_confirmation(intent, attempt)
    }

    fn capture(&self, request: Capture) -> Answer<OperationOutcome> {
        let Capture { target, amount, release_rest } = request;
        let instruction = match release_rest {
            true => Instruction::FinalCapture,
            false => Instruction::Capture,
        };
        self.carry_out(target, instruction, amount)
    }

    fn void(&self, request: Void) -> Answer<OperationOutcome> {
        self.carry_out(request.target, Instruction::Void, Amount::ZERO)
    }

    fn reverse(&self, request: Reverse) -> Answer<OperationOutcome> {
        self.carry_out(request.target, Instruction::Reverse, Amount::ZERO)
    }

    fn refund(&self, request: Refund) -> Answer<OperationOutcome> {
        self.carry_out(request.target, Instruction::Refund, request.amount)
    }

    fn inquire(&self, request: Inquire) -> Answer<Standing> {
        if self.is_down() {
            return Answer::Now(Standing::Unknown);
        }
        self.look_up(request)
    }

    fn inquire_operation(&self, request: InquireOperation) -> Answer<OperationStanding> {
        if self.is_down() {
            return Answer::Now(OperationStanding::Unknown);
        }
        self.look_up_operation(request)
    }

    fn look_up_vpa(&self, request: LookUpVpa) -> Answer<Known<HolderName>> {
        self.tell_of_account(|| accounts::holder(&request))
    }

    fn balance(&self, request: AskBalance) -> Answer<Known<Balance>> {
        self.tell_of_account(|| accounts::balance(&request))
    }

    fn link_wallet(&self, request: LinkWallet) -> Answer<Known<LinkToken>> {
        self.tell_of_account(|| accounts::link(&request))
    }
}

impl Simulator {
    fn tell_of_account<T: Send + 'static>(
        &self,
        tell: impl FnOnce() -> Known<T>,
    ) -> Answer<Known<T>> {
        if self.is_down() {
            return Answer::Now(Known::Unknown);
        }
        after(self.0.options.latency, tell())
    }

    fn carry_out(
        &self,
        target: Target,
        instruction: Instruction,
        amount: Amount,
    ) -> Answer<OperationOutcome> {
        if self.is_down() {
            return Answer::Now(OperationOutcome::NotSent);
        }
        let Target { intent, attempt, operation, .. } = target;
        self.operate(Asked { intent, attempt, operation, instruction, amount })
    }
}

impl Inner {
    fn begin_outage(&self, faults: &CallFaults) {
        if let Some(lasting) = faults.outage {
            self.outage.begin(lasting, (self.clock)());
        }
    }

    /// How a booked attempt stands; approves what was pending for long enough, and keeps the page of
    /// one whose customer has to act.
    fn standing(&self, intent: &Arc<PaymentIntent>, charge: Charge, booking: Booking) -> Standing {
        let faults = Faults::of(intent, Aim::Authorization, &self.options.faults);
        if faults.late.is_some_and(|late| (self.clock)() < booking.at.after(late)) {
            return Standing::NotFound;
        }
        match booking.decided {
            Decided::Approved | Decided::Reserved => {
                Standing::Approved(booking.reference.receipt())
            }
            Decided::Declined(code) => Standing::Declined(code),
            Decided::ActionRequired => {
                // Nobody is sent to a page that is not there.
                if !self.challenges.remember(charge.attempt, intent) {
                    return Standing::Unknown;
                }
                Standing::ActionRequired { action: self.action(&intent.method, charge.attempt) }
            }
            Decided::Pending => {
                let now = (self.clock)();
                if now < booking.at.after(faults.pending.unwrap_or(PENDING)) {
                    return Standing::Pending;
                }
                match self.ledger.conclude(charge, approved(intent), now) {
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

    /// Remembers an attempt again that was forgotten. `None` if the ledger cannot be read. Blocks.
    fn recall(&self, attempt: AttemptId) -> Option<Option<Booking>> {
        self.ledger
            .recall(attempt)
            .inspect_err(|error| {
                let error = error as &dyn std::error::Error;
                tracing::error!(%attempt, error, "the ledger cannot be asked");
            })
            .ok()
    }
}

impl ChallengeState {
    fn of(decided: Decided) -> Self {
        match decided {
            Decided::ActionRequired | Decided::Pending => Self::Open,
            Decided::Approved | Decided::Reserved => Self::Decided { approved: true },
            Decided::Declined(_) => Self::Decided { approved: false },
        }
    }
}

impl Charge {
    fn new(intent: &PaymentIntent, attempt: AttemptId) -> Self {
        let PaymentIntent { id: payment, merchant, money, .. } = *intent;
        Self { attempt, payment, merchant, money }
    }
}

/// What an approval of the payment does to the funds.
fn approved(intent: &PaymentIntent) -> Decided {
    match intent.provider_capture() {
        CaptureMode::Automatic => Decided::Approved,
        CaptureMode::Manual => Decided::Reserved,
    }
}

fn open_challenges(path: &Path, now: Timestamp) -> Result<Challenges, OpenError> {
    Challenges::open(path, now)
        .map_err(|source| OpenError::Challenges { path: path.to_owned(), source })
}

fn duration(span: Millis) -> Duration {
    Duration::from_millis(span.0)
}

/// An answer that takes `latency` to arrive.
fn after<T: Send + 'static>(latency: Duration, answer: T) -> Answer<T> {
    delayed(latency, Answer::Now(answer))
}

fn delayed<T: Send + 'static>(latency: Duration, answer: Answer<T>) -> Answer<T> {
    if latency.is_zero() {
        return answer;
    }
    Answer::later(async move {
        tokio::time::sleep(latency).await;
        answer.wait().await
    })
}

/// An answer for which the ledger's file has to be read; `unknown` where it cannot be.
fn recalled<T: Send + 'static>(
    latency: Duration,
    unknown: T,
    look: impl FnOnce() -> Option<T> + Send + 'static,
) -> Answer<T> {
    Answer::later(async move {
        tokio::time::sleep(latency).await;
        tokio::task::spawn_blocking(look).await.ok().flatten().unwrap_or(unknown)
    })
}
