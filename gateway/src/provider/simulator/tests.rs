//! The simulator as its caller sees it.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU64, Ordering},
};

use hyper::StatusCode;
use tempfile::TempDir;
use tokio::time::Instant;
use tollgate_domain::{DeclineCode, Mode, PaymentId, ProviderReceipt, Timestamp};

use super::{fault::KEY as FAULTS_KEY, *};
use crate::provider::{
    callback::CallbackKey,
    conformance::{
        self, Call, CallFault, Customer, NOW, attempt, bank_customer, card_facts, card_holder,
        upi_payer, wallet_owner,
    },
};

const GOOD: &str = "4242424242424242";

/// A simulator over a directory and a clock of the test's own.
pub(crate) struct Desk {
    pub(crate) simulator: Simulator,
    directory: TempDir,
    clock: Arc<AtomicU64>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(|_options| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut SimulatorOptions)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicU64::new(NOW.as_millis()));
        let mut options = SimulatorOptions::new(directory.path());
        change(&mut options);
        Self { simulator: open(options, &clock), directory, clock }
    }

    /// What a kill and a new start leave.
    fn restarted(self) -> Self {
        let options = SimulatorOptions::new(self.directory.path());
        Self { simulator: open(options, &self.clock), ..self }
    }

    pub(crate) fn wait(&self, span: Millis) {
        self.clock.fetch_add(span.0, Ordering::Relaxed);
    }

    fn authorize(&self, number: u64, faults: &str, customer: Customer) -> Answer<ProviderOutcome> {
        let Customer { method, instrument } = customer;
        let intent = conformance::intent(payment(number), method, &[("simulator", faults)]);
        self.simulator.authorize(Authorize { intent, attempt: attempt(number), instrument })
    }

    fn authorize_now(&self, number: u64, faults: &str) -> ProviderOutcome {
        now(self.authorize(number, faults, card_holder(GOOD)))
    }

    fn inquire(&self, number: u64) -> Standing {
        self.inquire_by(number, card_facts())
    }

    fn inquire_by(&self, number: u64, method: PaymentMethod) -> Standing {
        let intent = conformance::intent(payment(number), method, &[]);
        now(self.simulator.inquire(Inquire { intent, attempt: attempt(number) }))
    }

    pub(crate) fn ledger(&self) -> Vec<LedgerEntry> {
        let mut entries: Vec<LedgerEntry> = Vec::new();
        loop {
            let after = entries.last().map_or(0, |entry| entry.index);
            let page = self.simulator.ledger_page(after, 700).unwrap();
            entries.extend(page.entries);
            if !page.has_more {
                return entries;
            }
        }
    }

    fn decisions(&self) -> Vec<Decided> {
        let entries = self.ledger().into_iter();
        entries
            .filter_map(|entry| match entry.fact {
                Fact::Attempt { decided, .. } => Some(decided),
                Fact::Operation { .. } => None,
            })
            .collect()
    }
}

fn open(options: SimulatorOptions, clock: &Arc<AtomicU64>) -> Simulator {
    let clock = Arc::clone(clock);
    let clock: Clock = Arc::new(move || Timestamp::from_millis(clock.load(Ordering::Relaxed)));
    Simulator::open(options, clock).unwrap()
}

fn payment(number: u64) -> PaymentId {
    PaymentId::from_u128(u128::from(number))
}

fn now<T: std::fmt::Debug>(answer: Answer<T>) -> T {
    match answer {
        Answer::Now(answer) => answer,
        Answer::Later(_) => panic!("without latency the answer is there at once"),
    }
}

fn receipt(outcome: ProviderOutcome) -> ProviderReceipt {
    match outcome {
        ProviderOutcome::Approved(receipt) => receipt,
        other => panic!("not approved: {other:?}"),
    }
}

impl conformance::Subject for Desk {
    fn provider(&self) -> &dyn Provider {
        &self.simulator
    }

    fn approved(&self) -> Vec<Customer> {
        rails().map(|rail| rail.approved).into()
    }

    fn declined(&self) -> Vec<(Customer, DeclineCode)> {
        let cards = [
            ("4000000000000002", DeclineCode::GenericDecline),
            ("4000000000009995", DeclineCode::InsufficientFunds),
            ("4000000000009987", DeclineCode::LostCard),
            ("4000000000009979", DeclineCode::StolenCard),
            ("4000000000000069", DeclineCode::ExpiredCard),
            ("4000000000000127", DeclineCode::IncorrectCvc),
            ("4000000000000119", DeclineCode::ProcessingError),
        ];
        let others = [
            (upi_payer("failure@sim"), DeclineCode::GenericDecline),
            (upi_payer("insufficient@sim"), DeclineCode::InsufficientFunds),
            (upi_payer("asha@okbank"), DeclineCode::ProcessingError),
            (bank_customer("SIMD"), DeclineCode::GenericDecline),
            (bank_customer("SIMN"), DeclineCode::InsufficientFunds),
            (wallet_owner("wallet_failure"), DeclineCode::GenericDecline),
            (wallet_owner("wallet_insufficient"), DeclineCode::InsufficientFunds),
        ];
        let cards = cards.map(|(number, code)| (card_holder(number), code));
        cards.into_iter().chain(others).collect()
    }

    fn acting(&self) -> Vec<Customer> {
        rails().map(|rail| rail.acting).into()
    }

    fn decisions(&self, attempt: AttemptId) -> usize {
        let is_it = |entry: &&LedgerEntry| match entry.fact {
            Fact::Attempt { .. } => entry.attempt_id == attempt,
            Fact::Operation { .. } => false,
        };
        self.ledger().iter().filter(is_it).count()
    }

    fn operations(&self, operation: OperationId) -> usize {
        let is_it = |entry: &&LedgerEntry| match entry.fact {
            Fact::Attempt { .. } => false,
            Fact::Operation { operation: of, .. } => of == operation,
        };
        self.ledger().iter().filter(is_it).count()
    }

    fn paid(&self, attempt: AttemptId) -> i64 {
        let entries = self.ledger().into_iter().filter(|entry| entry.attempt_id == attempt);
        entries
            .map(|entry| {
                let amount = entry.money.amount.minor_units();
                match entry.fact {
                    Fact::Attempt { decided: Decided::Approved, .. } => amount,
                    Fact::Operation { instruction, fate: Fate::Succeeded, .. } => match instruction
                    {
                        Instruction::Capture | Instruction::FinalCapture => amount,
                        Instruction::Void => 0,
                        Instruction::Reverse | Instruction::Refund => -amount,
                    },
                    Fact::Operation { fate: Fate::Returned, .. } => amount,
                    Fact::Attempt { .. } | Fact::Operation { .. } => 0,
                }
            })
            .sum()
    }

    fn act(&self, attempt: AttemptId, approves: bool) {
        let form = if approves { "decision=approve" } else { "decision=decline" };
        let answer =
            decide_action(&self.simulator, &attempt.to_string(), form.as_bytes(), &self.simulator);
        assert_eq!(answer.status(), StatusCode::OK);
    }

    fn failing(&self, call: Call, failure: CallFault) -> Vec<(String, String)> {
        let call = match call {
            Call::Confirm => "confirm",
            Call::Capture => "capture",
            Call::Void => "void",
            Call::Reverse => "reverse",
            Call::Refund => "refund",
        };
        let failure = match failure {
            CallFault::NotSent => "not_sent",
            CallFault::LostRequest => "timeout_before",
            CallFault::LostAnswer => "timeout_after",
            CallFault::Pending => "pending",
            CallFault::Refused => "refused",
        };
        vec![(FAULTS_KEY.to_owned(), format!("{call}:{failure}"))]
    }
}

/// One way of paying: who is approved, and who has to act.
struct Rail {
    approved: Customer,
    acting: Customer,
}

fn rails() -> [Rail; 4] {
    let rail = |approved, acting| Rail { approved, acting };
    [
        rail(card_holder(GOOD), card_holder("4000000000003220")),
        rail(upi_payer("success@sim"), upi_payer("pending@sim")),
        rail(bank_customer("SBIN"), bank_customer("SIMR")),
        rail(wallet_owner("9876543210"), wallet_owner("wallet_redirect")),
    ]
}

#[tokio::test(start_paused = true)]
async fn conforms() {
    conformance::suite(Desk::new).await;
    conformance::suite(|| Desk::with(|options| options.latency = Duration::from_millis(40))).await;
}

#[test]
fn an_approval_stands_in_the_ledger() {
    let desk = Desk::new();
    receipt(desk.authorize_now(1, ""));
    receipt(desk.authorize_now(1, ""));
    let intent = conformance::intent(payment(1), card_facts(), &[]);
    let expected = LedgerEntry {
        index: 1,
        attempt_id: attempt(1),
        payment_id: payment(1),
        money: intent.money,
        fact: Fact::Attempt { merchant: intent.merchant, decided: Decided::Approved },
        decided_at: NOW,
        calls: 2,
    };
    assert_eq!(desk.ledger(), [expected]);
}

#[test]
fn a_challenge_sends_the_customer_away() {
    let desk = Desk::with(|options| options.action_url = "https://acs.example/3ds".to_owned());
    let url = |number| format!("https://acs.example/3ds/{}", attempt(number)).into();
    for (number, rail) in (1..).zip(rails()) {
        let method = rail.acting.method.clone();
        let action = match method {
            PaymentMethod::Card(_) | PaymentMethod::NetBanking(_) | PaymentMethod::Wallet(_) => {
                NextAction::Redirect { url: url(number) }
            }
            PaymentMethod::Upi(_) => NextAction::ApproveUpi {
                payee_vpa: "tollgate@sim".into(),
                reference: attempt(number).to_string().into(),
            },
        };
        let outcome = now(desk.authorize(number, "", rail.acting));
        assert_eq!(outcome, ProviderOutcome::ActionRequired { action: action.clone() });
        assert_eq!(desk.inquire_by(number, method), Standing::ActionRequired { action });
    }
    assert_eq!(desk.decisions(), [Decided::ActionRequired; 4]);
}

/// A customer who does not approve in the UPI app is waited for, however long.
#[test]
fn a_upi_payment_that_nobody_approves_stays_so() {
    let desk = Desk::new();
    let payer = upi_payer("pending@sim");
    let method = payer.method.clone();
    now(desk.authorize(1, "", payer));
    desk.wait(Millis::from_seconds(86_400));
    assert!(matches!(desk.inquire_by(1, method), Standing::ActionRequired { .. }));
    assert_eq!(desk.decisions(), [Decided::ActionRequired]);
}

#[test]
fn faults_hold_on_every_rail() {
    for (fault, outcome, decisions) in [
        ("not_sent", ProviderOutcome::NotSent, 0),
        ("down", ProviderOutcome::NotSent, 0),
        ("timeout_before_approval", ProviderOutcome::Unknown, 0),
        ("timeout_after_approval", ProviderOutcome::Unknown, 1),
        ("pending", ProviderOutcome::Pending, 1),
    ] {
        let desk = Desk::new();
        for (number, rail) in (1..).zip(rails()) {
            let method = rail.approved.method.clone();
            let case = format!("{fault}, {}", method.as_str());
            assert_eq!(now(desk.authorize(number, fault, rail.approved)), outcome, "{case}");
            let booked = desk.ledger().into_iter().filter(|e| e.attempt_id == attempt(number));
            assert_eq!(booked.count(), decisions, "{case}");
            desk.wait(PENDING);
            let standing = desk.inquire_by(number, method);
            let found = matches!(standing, Standing::Approved(_));
            assert_eq!((found, standing == Standing::NotFound), (decisions > 0, decisions == 0));
        }
    }
}

#[test]
fn what_was_not_sent_is_not_booked() {
    for fault in ["not_sent", "down"] {
        let desk = Desk::new();
        assert_eq!(desk.authorize_now(1, fault), ProviderOutcome::NotSent, "{fault}");
        assert_eq!(desk.inquire(1), Standing::NotFound);
        assert_eq!(desk.ledger(), []);
    }
}

#[test]
fn a_lost_request_is_unknown_and_never_found() {
    let desk = Desk::new();
    assert_eq!(desk.authorize_now(1, "timeout_before_approval"), ProviderOutcome::Unknown);
    assert_eq!(desk.inquire(1), Standing::NotFound);
    assert_eq!(desk.ledger(), []);
}

#[test]
fn a_lost_answer_is_unknown_and_found() {
    let desk = Desk::new();
    for _ in 0..2 {
        assert_eq!(desk.authorize_now(1, "timeout_after_approval"), ProviderOutcome::Unknown);
    }
    let Standing::Approved(found) = desk.inquire(1) else { panic!("the approval is booked") };
    assert_eq!(desk.decisions(), [Decided::Approved]);
    assert_eq!(desk.ledger()[0].calls, 2);
    assert_eq!(receipt(desk.authorize_now(1, "")), found);

    let declined = card_holder("4000000000009995");
    let outcome = now(desk.authorize(2, "timeout_after_approval", declined));
    assert_eq!(outcome, ProviderOutcome::Unknown);
    assert_eq!(desk.inquire(2), Standing::Declined(DeclineCode::InsufficientFunds));
}

#[test]
fn an_approval_put_off_is_given_by_an_inquiry() {
    let desk = Desk::new();
    assert_eq!(desk.authorize_now(1, "pending"), ProviderOutcome::Pending);
    desk.wait(Millis(999));
    assert_eq!(desk.inquire(1), Standing::Pending);
    assert_eq!(desk.authorize_now(1, "pending"), ProviderOutcome::Pending);
    desk.wait(Millis(1));
    let Standing::Approved(found) = desk.inquire(1) else { panic!("a second has passed") };
    assert_eq!(desk.inquire(1), Standing::Approved(found.clone()));
    assert_eq!(receipt(desk.authorize_now(1, "pending")), found);
    assert_eq!(desk.decisions(), [Decided::Pending, Decided::Approved]);

    let declined = now(desk.authorize(2, "pending", card_holder("4000000000000002")));
    assert_eq!(declined, ProviderOutcome::Declined(DeclineCode::GenericDecline));
}

#[test]
fn an_approval_is_put_off_for_as_long_as_is_asked_for() {
    let desk = Desk::new();
    let inquire = |number| {
        let intent =
            conformance::intent(payment(number), card_facts(), &[("simulator", "pending:70")]);
        now(desk.simulator.inquire(Inquire { intent, attempt: attempt(number) }))
    };
    assert_eq!(desk.authorize_now(1, "pending:70"), ProviderOutcome::Pending);
    desk.wait(Millis(69));
    assert_eq!(inquire(1), Standing::Pending);
    desk.wait(Millis(1));
    assert!(matches!(inquire(1), Standing::Approved(_)));
}

#[test]
fn a_late_decision_is_not_found_until_its_time() {
    let desk = Desk::new();
    let inquire = || {
        let intent = conformance::intent(payment(1), card_facts(), &[("simulator", "late:70")]);
        now(desk.simulator.inquire(Inquire { intent, attempt: attempt(1) }))
    };
    assert_eq!(desk.authorize_now(1, "late:70"), ProviderOutcome::Unknown);
    assert_eq!(desk.decisions(), [Decided::Approved]);
    desk.wait(Millis(69));
    assert_eq!(inquire(), Standing::NotFound);
    desk.wait(Millis(1));
    assert!(matches!(inquire(), Standing::Approved(_)));
}

#[test]
fn an_outage_is_of_every_payment_and_ends() {
    let desk = Desk::new();
    receipt(desk.authorize_now(1, ""));
    assert_eq!(desk.authorize_now(2, "down:500"), ProviderOutcome::NotSent);
    assert_eq!(desk.authorize_now(3, ""), ProviderOutcome::NotSent);
    assert_eq!(desk.inquire(1), Standing::Unknown);
    desk.wait(Millis(500));
    receipt(desk.authorize_now(3, ""));
    assert_eq!(desk.authorize_now(4, "down_calls:2"), ProviderOutcome::NotSent);
    assert_eq!(desk.inquire(1), Standing::Unknown);
    assert_eq!(desk.authorize_now(5, ""), ProviderOutcome::NotSent);
    assert!(matches!(desk.inquire(1), Standing::Approved(_)));
    assert_eq!(desk.decisions().len(), 2);
}

#[test]
fn configured_faults_are_for_payments_without_their_own() {
    let desk = Desk::with(|options| options.faults = "timeout_after_approval".parse().unwrap());
    let intent = conformance::intent(payment(1), card_facts(), &[]);
    let instrument = conformance::card();
    let request = Authorize { intent, attempt: attempt(1), instrument };
    assert_eq!(now(desk.simulator.authorize(request)), ProviderOutcome::Unknown);
    assert_eq!(desk.authorize_now(2, "not_sent"), ProviderOutcome::NotSent);
    assert_eq!(desk.decisions(), [Decided::Approved]);
}

#[test]
fn faults_combine() {
    let desk = Desk::new();
    assert_eq!(desk.authorize_now(1, "pending,timeout_after_approval"), ProviderOutcome::Unknown);
    assert_eq!(desk.inquire(1), Standing::Pending);
    desk.wait(PENDING);
    assert!(matches!(desk.inquire(1), Standing::Approved(_)));
}

#[test]
fn faults_are_for_test_mode() {
    let desk = Desk::new();
    let Customer { method, instrument } = card_holder(GOOD);
    let mut intent = conformance::intent(payment(1), method, &[("simulator", "down")]);
    Arc::make_mut(&mut intent).mode = Mode::Live;
    let request = Authorize { intent, attempt: attempt(1), instrument };
    receipt(now(desk.simulator.authorize(request)));
}

#[tokio::test(start_paused = true)]
async fn latency_is_the_way_back() {
    let desk = Desk::with(|options| options.latency = Duration::from_millis(40));
    let began = Instant::now();
    let answer = desk.authorize(1, "", card_holder(GOOD));
    assert_eq!(desk.decisions(), [Decided::Approved], "booked before it is answered");
    receipt(answer.wait().await);
    assert_eq!(began.elapsed(), Duration::from_millis(40));

    receipt(desk.authorize(2, "latency:250", card_holder(GOOD)).wait().await);
    assert_eq!(began.elapsed(), Duration::from_millis(290));
    let lost =
        desk.authorize(3, "latency:10,timeout_before_approval", card_holder(GOOD)).wait().await;
    assert_eq!(lost, ProviderOutcome::Unknown);
    assert_eq!(began.elapsed(), Duration::from_millis(300));
    receipt(now(desk.authorize(4, "latency:0", card_holder(GOOD))));
}

#[test]
fn decisions_outlive_the_process() {
    let desk = Desk::new();
    let approved = receipt(desk.authorize_now(1, ""));
    now(desk.authorize(2, "", card_holder("4000000000009987")));
    now(desk.authorize(3, "", card_holder("4000000000003220")));
    desk.authorize_now(4, "pending");
    desk.authorize_now(5, "timeout_after_approval");
    let before = desk.ledger();

    let desk = desk.restarted();
    assert_eq!(desk.ledger(), before);
    assert_eq!(desk.inquire(1), Standing::Approved(approved.clone()));
    assert_eq!(desk.inquire(2), Standing::Declined(DeclineCode::LostCard));
    assert!(matches!(desk.inquire(3), Standing::ActionRequired { .. }));
    assert_eq!(desk.inquire(4), Standing::Pending);
    assert!(matches!(desk.inquire(5), Standing::Approved(_)));
    assert_eq!(desk.inquire(6), Standing::NotFound);

    assert_eq!(receipt(desk.authorize_now(1, "")), approved);
    desk.wait(PENDING);
    assert!(matches!(desk.inquire(4), Standing::Approved(_)));
    let desk = desk.restarted();
    assert!(matches!(desk.inquire(4), Standing::Approved(_)));
    assert_eq!(desk.ledger().len(), before.len() + 1);
}

#[tokio::test]
async fn what_memory_forgot_an_inquiry_still_finds() {
    let desk = Desk::new();
    let first = receipt(desk.authorize_now(1, ""));
    desk.authorize_now(2, "pending");
    for number in 3..20 {
        receipt(desk.authorize_now(number, ""));
    }
    let path = desk.directory.path().join("simulator/ledger.log");
    let options = SimulatorOptions::new(desk.directory.path());
    let clock: Clock = Arc::new(|| NOW.after(PENDING));
    let ledger = Ledger::remembering(&path, 4).unwrap();
    let forgetful = Simulator::over(ledger, options, clock).unwrap();
    let inquire = async |number| {
        let intent = conformance::intent(payment(number), card_facts(), &[]);
        match forgetful.inquire(Inquire { intent, attempt: attempt(number) }) {
            Answer::Now(standing) => panic!("not from memory: {standing:?}"),
            Answer::Later(standing) => standing.await,
        }
    };
    assert_eq!(inquire(1).await, Standing::Approved(first));
    assert!(matches!(inquire(2).await, Standing::Approved(_)));
    assert_eq!(inquire(99).await, Standing::NotFound);
}

#[test]
fn receipts_follow_the_seed_and_outlive_its_change() {
    let desk = Desk::with(|options| options.seed = 1);
    let one = receipt(desk.authorize_now(1, ""));
    assert_eq!(one, receipt(Desk::with(|options| options.seed = 1).authorize_now(1, "")));
    assert_ne!(one, receipt(Desk::with(|options| options.seed = 2).authorize_now(1, "")));
    assert_eq!(desk.restarted().inquire(1), Standing::Approved(one), "the seed is 0 by now");
}

/// Ten thousand attempts from eight threads, each attempt sent by two of them at about the same
/// time.
#[test]
fn nothing_is_charged_twice() {
    const ATTEMPTS: u64 = 10_000;
    const PAIRS: usize = 4;
    let desk = Desk::new();
    std::thread::scope(|scope| {
        for first in (0..).take(PAIRS).flat_map(|first| [first, first]) {
            let desk = &desk;
            scope.spawn(move || {
                for number in (first..ATTEMPTS).step_by(PAIRS) {
                    receipt(desk.authorize_now(number, ""));
                }
            });
        }
    });
    let ledger = desk.ledger();
    assert_eq!(ledger.len() as u64, ATTEMPTS);
    assert_eq!(desk.decisions().len() as u64, ATTEMPTS);
    assert!(desk.decisions().iter().all(|decided| *decided == Decided::Approved));
    assert!(ledger.iter().all(|entry| entry.calls == 2));
    let attempts: HashSet<_> = ledger.iter().map(|entry| entry.attempt_id).collect();
    let payments: HashSet<_> = ledger.iter().map(|entry| entry.payment_id).collect();
    assert_eq!((attempts.len() as u64, payments.len() as u64), (ATTEMPTS, ATTEMPTS));
}

/// Two hundred refunds and as many captures at once, each of more than its two-hundredth part.
#[test]
fn nothing_is_moved_beyond_what_was_approved() {
    const OPERATIONS: u64 = 200;
    let desk = Desk::new();
    let intent_of = |number, capture| {
        let mut intent = conformance::intent(payment(number), card_facts(), &[]);
        Arc::make_mut(&mut intent).capture = capture;
        intent
    };
    for (number, capture) in [(1, CaptureMode::Manual), (2, CaptureMode::Automatic)] {
        let intent = intent_of(number, capture);
        let instrument = conformance::card();
        receipt(now(desk.simulator.authorize(Authorize {
            intent,
            attempt: attempt(number),
            instrument,
        })));
    }
    let share = Amount::from_minor_units(70).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (desk, intent_of) = (&desk, &intent_of);
            scope.spawn(move || {
                for number in (thread..OPERATIONS).step_by(4) {
                    let target = |payment, capture| Target {
                        intent: intent_of(payment, capture),
                        attempt: attempt(payment),
                        operation: OperationId::from_u128((1_000 * payment + number).into()),
                        not_after: NOW.after(Millis(1)),
                    };
                    let capture = Capture {
                        target: target(1, CaptureMode::Manual),
                        amount: share,
                        release_rest: false,
                    };
                    now(desk.simulator.capture(capture));
                    let refund =
                        Refund { target: target(2, CaptureMode::Automatic), amount: share };
                    now(desk.simulator.refund(refund));
                }
            });
        }
    });
    use conformance::Subject;
    // 142 shares of 70 fit into 10,000, and no more.
    assert_eq!((desk.paid(attempt(1)), desk.paid(attempt(2))), (9_940, 60));
    assert_eq!(desk.ledger().len() as u64, 2 + 2 * OPERATIONS);
}

const SECRET: &[u8] = b"a secret of two";

/// A desk whose callbacks go nowhere.
fn talking() -> Desk {
    Desk::with(|options| {
        options.messenger = Some(MessengerOptions {
            url: "http://127.0.0.1:1/callbacks".to_owned(),
            key: CallbackKey::new(SECRET),
            runtime: tokio::runtime::Handle::current(),
        });
    })
}

#[tokio::test(start_paused = true)]
async fn a_customer_goes_back_with_signed_news() {
    let desk = talking();
    for (number, (url, joint, end)) in (1..).zip([
        ("https://shop.example/back", "?", ""),
        ("https://shop.example/back?basket=7", "&", ""),
        ("https://shop.example/back#top", "?", "#top"),
    ]) {
        let Customer { method, instrument } = card_holder("4000000000003220");
        let mut intent = conformance::intent(payment(number), method, &[]);
        Arc::make_mut(&mut intent).return_url = Some(url.into());
        let id = intent.id;
        now(desk.simulator.authorize(Authorize { intent, attempt: attempt(number), instrument }));
        let page = attempt(number).to_string();
        for form in ["decision=approve", "decision=decline"] {
            let answer = decide_action(&desk.simulator, &page, form.as_bytes(), &desk.simulator);
            assert_eq!(answer.status(), StatusCode::SEE_OTHER);
            let seconds = NOW.as_seconds();
            let signature = CallbackKey::new(SECRET).sign_return(id, "approved", seconds);
            let stem = url.strip_suffix(end).unwrap();
            let expected = format!(
                "{stem}{joint}payment_id={id}&status=approved&timestamp={seconds}\
                 &signature={signature}{end}"
            );
            assert_eq!(answer.headers()["location"], expected, "what is decided stays so");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refund_that_has_succeeded_comes_back() {
    use conformance::Subject;
    let desk = talking();
    receipt(desk.authorize_now(1, "refund:fails_later:500"));
    let metadata = [("simulator", "refund:fails_later:500")];
    let intent = conformance::intent(payment(1), card_facts(), &metadata);
    let operation = OperationId::from_u128(9);
    let target =
        Target { intent: Arc::clone(&intent), attempt: attempt(1), operation, not_after: NOW };
    let amount = Amount::from_minor_units(60).unwrap();
    let outcome = now(desk.simulator.refund(Refund { target, amount }));
    assert!(matches!(outcome, OperationOutcome::Succeeded(_)), "{outcome:?}");
    assert_eq!(desk.paid(attempt(1)), 9_940);
    let inquire = || {
        let intent = Arc::clone(&intent);
        now(desk.simulator.inquire_operation(InquireOperation {
            intent,
            attempt: attempt(1),
            operation,
        }))
    };
    tokio::time::sleep(Duration::from_millis(499)).await;
    assert!(matches!(inquire(), OperationStanding::Succeeded(_)));
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(inquire(), OperationStanding::Failed(OperationFailure::AccountClosed));
    assert_eq!(desk.paid(attempt(1)), 10_000);
    assert_eq!(desk.operations(operation), 2);
}

/// What nobody asks about is decided all the same, where there is somebody to tell.
#[tokio::test(start_paused = true)]
async fn what_was_put_off_is_done_when_its_time_comes() {
    let desk = talking();
    assert_eq!(desk.authorize_now(1, "pending:70"), ProviderOutcome::Pending);
    tokio::time::sleep(Duration::from_millis(69)).await;
    assert_eq!(desk.decisions(), [Decided::Pending]);
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(desk.decisions(), [Decided::Pending, Decided::Approved]);
}
