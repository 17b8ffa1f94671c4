//! What every [`Provider`] must do, on every rail it serves, as one suite; each provider's tests
//! call [`suite`].
//!
//! Invariant: the suite knows no provider. Which cards, addresses, banks and wallets mean what, how a
//! call is made to fail, and how the provider's own books are read, its [`Subject`] tells.

mod operations;

use std::sync::Arc;

use tollgate_domain::{
    Amount, AttemptId, CaptureMode, CardBrand, CardFacts, CardFingerprint, Currency, DeclineCode,
    MerchantId, Mode, Money, NetBankingFacts, NextAction, OperationId, PaymentId, PaymentIntent,
    PaymentMethod, ProviderOutcome, ShardId, Timestamp, TransactionId, UpiFacts, VpaFingerprint,
    WalletFacts, WalletFingerprint,
};

use super::{Answer, Authorize, CardData, Inquire, Instrument, Provider, SecretText, Standing};

/// When the suite's payments are made.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A provider with empty books.
pub(crate) trait Subject {
    /// The provider.
    fn provider(&self) -> &dyn Provider;

    /// A customer who is approved, for each rail that the provider serves.
    fn approved(&self) -> Vec<Customer>;

    /// A customer for every rail and decline code that the provider can be made to give.
    fn declined(&self) -> Vec<(Customer, DeclineCode)>;

    /// A customer who has to act first, for each rail on which there are such.
    fn acting(&self) -> Vec<Customer>;

    /// How many decisions on the attempt stand in the provider's own books.
    fn decisions(&self, attempt: AttemptId) -> usize;

    /// How many decisions on the operation stand there.
    fn operations(&self, operation: OperationId) -> usize;

    /// What the attempt's customer has paid by those books, in minor units.
    fn paid(&self, attempt: AttemptId) -> i64;

    /// The customer of the attempt, who has to act, approves or declines.
    fn act(&self, attempt: AttemptId, approves: bool);

    /// The metadata of a payment whose calls of that kind fail in that way.
    fn failing(&self, call: Call, failure: CallFault) -> Vec<(String, String)>;
}

/// A kind of call about an attempt's funds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    Confirm,
    Capture,
    Void,
    Reverse,
    Refund,
}

/// How a call fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CallFault {
    /// It never leaves.
    NotSent,
    /// It is lost on its way.
    LostRequest,
    /// Its answer is lost.
    LostAnswer,
    /// The answer comes later.
    Pending,
    /// The provider says no.
    Refused,
}

/// Somebody who pays: a method, and its secrets.
pub(crate) struct Customer {
    pub(crate) method: PaymentMethod,
    pub(crate) instrument: Instrument,
}

/// Runs every check, each on books of its own.
pub(crate) async fn suite<S: Subject>(fresh: impl Fn() -> S) {
    an_attempt_sent_twice_is_decided_once(&fresh()).await;
    another_customer_does_not_change_a_decision(&fresh()).await;
    attempts_are_apart(&fresh()).await;
    an_inquiry_tells_the_same(&fresh()).await;
    an_unknown_attempt_is_not_found(&fresh()).await;
    declines_keep_their_code(&fresh()).await;
    an_action_is_one_that_the_method_knows(&fresh()).await;
    operations::suite(fresh).await;
}

async fn an_attempt_sent_twice_is_decided_once<S: Subject>(subject: &S) {
    let rails = subject.approved().into_iter().zip(subject.approved());
    for (number, (customer, same)) in (1..).zip(rails) {
        let (rail, attempt) = (customer.rail(), attempt(number));
        let first = authorize(subject.provider(), attempt, customer).await;
        let second = authorize(subject.provider(), attempt, same).await;
        assert!(matches!(first, ProviderOutcome::Approved(_)), "{rail}: {first:?}");
        assert_eq!(first, second, "{rail}");
        assert_eq!(subject.decisions(attempt), 1, "{rail}");
    }
}

async fn another_customer_does_not_change_a_decision<S: Subject>(subject: &S) {
    let mut number = 0;
    for (customer, code) in subject.declined() {
        number += 1;
        let attempt = attempt(number);
        let other = subject.approved().into_iter().find(|other| other.rail() == customer.rail());
        let declined = authorize(subject.provider(), attempt, customer).await;
        let other = other.expect("a rail declines and approves");
        let again = authorize(subject.provider(), attempt, other).await;
        assert_eq!(declined, ProviderOutcome::Declined(code));
        assert_eq!(again, declined);
        assert_eq!(subject.decisions(attempt), 1);
    }
}

async fn attempts_are_apart<S: Subject>(subject: &S) {
    let rails = subject.approved().into_iter().zip(subject.approved());
    for (pair, (one, other)) in (0..).zip(rails) {
        let attempts = [attempt(2 * pair + 1), attempt(2 * pair + 2)];
        let one = authorize(subject.provider(), attempts[0], one).await;
        let other = authorize(subject.provider(), attempts[1], other).await;
        let (ProviderOutcome::Approved(one), ProviderOutcome::Approved(other)) = (one, other)
        else {
            panic!("both are approved");
        };
        assert_ne!(one.external_id, other.external_id);
        assert_eq!(attempts.map(|attempt| subject.decisions(attempt)), [1, 1]);
    }
}

async fn an_inquiry_tells_the_same<S: Subject>(subject: &S) {
    let declined = subject.declined().into_iter().map(|(customer, _code)| customer);
    let everybody = subject.approved().into_iter().chain(declined).chain(subject.acting());
    for (number, customer) in (1..).zip(everybody) {
        let (method, attempt) = (customer.method.clone(), attempt(number));
        let outcome = authorize(subject.provider(), attempt, customer).await;
        for past_horizon in [false, true] {
            let standing = inquire(subject.provider(), attempt, &method).await;
            assert_eq!(standing.into_outcome(past_horizon), outcome, "{method:?}");
        }
        assert_eq!(subject.decisions(attempt), 1, "{method:?}");
    }
}

async fn an_unknown_attempt_is_not_found<S: Subject>(subject: &S) {
    for (pair, customer) in (0..).zip(subject.approved()) {
        let (method, asked) = (customer.method.clone(), attempt(2 * pair + 1));
        assert_eq!(inquire(subject.provider(), asked, &method).await, Standing::NotFound);
        assert_eq!(subject.decisions(asked), 0);
        // Having been asked about does not keep an attempt from being made.
        let outcome = authorize(subject.provider(), asked, customer).await;
        assert!(matches!(outcome, ProviderOutcome::Approved(_)), "{outcome:?}");
        let other = inquire(subject.provider(), attempt(2 * pair + 2), &method).await;
        assert_eq!(other, Standing::NotFound);
    }
}

async fn declines_keep_their_code<S: Subject>(subject: &S) {
    for (number, (customer, code)) in (1..).zip(subject.declined()) {
        let outcome = authorize(subject.provider(), attempt(number), customer).await;
        assert_eq!(outcome, ProviderOutcome::Declined(code));
    }
}

async fn an_action_is_one_that_the_method_knows<S: Subject>(subject: &S) {
    let rails = subject.acting().into_iter().zip(subject.acting());
    for (number, (customer, same)) in (1..).zip(rails) {
        let (method, attempt) = (customer.method.clone(), attempt(number));
        let outcome = authorize(subject.provider(), attempt, customer).await;
        let ProviderOutcome::ActionRequired { action } = &outcome else {
            panic!("{method:?} has to act: {outcome:?}");
        };
        match action {
            NextAction::Redirect { url } => {
                assert!(url.starts_with("http") && url.len() <= NextAction::MAX_URL, "{url}");
            }
            NextAction::ApproveUpi { payee_vpa, reference } => {
                assert!(matches!(method, PaymentMethod::Upi(_)), "{method:?}");
                assert!(payee_vpa.contains('@') && payee_vpa.len() <= NextAction::MAX_VPA);
                assert!((1..=NextAction::MAX_REFERENCE).contains(&reference.len()), "{reference}");
            }
        }
        assert_eq!(authorize(subject.provider(), attempt, same).await, outcome);
        assert_eq!(subject.decisions(attempt), 1);
    }
}

/// Sends a payment's attempt; each attempt belongs to the payment of the same number.
async fn authorize(
    provider: &dyn Provider,
    attempt: AttemptId,
    customer: Customer,
) -> ProviderOutcome {
    let Customer { method, instrument } = customer;
    let intent = intent_of(attempt, method);
    provider.authorize(Authorize { intent, attempt, instrument }).wait().await
}

async fn inquire(provider: &dyn Provider, attempt: AttemptId, method: &PaymentMethod) -> Standing {
    let intent = intent_of(attempt, method.clone());
    let answer: Answer<Standing> = provider.inquire(Inquire { intent, attempt });
    answer.wait().await
}

/// Attempt number `number`, minted at [`NOW`].
pub(crate) fn attempt(number: u64) -> AttemptId {
    AttemptId::new(NOW, ShardId(1), number)
}

fn intent_of(attempt: AttemptId, method: PaymentMethod) -> Arc<PaymentIntent> {
    intent(PaymentId::from_u128(attempt.to_u128()), method, &[])
}

/// A payment of 100.00 INR in test mode.
pub(crate) fn intent(
    id: PaymentId,
    method: PaymentMethod,
    metadata: &[(&str, &str)],
) -> Arc<PaymentIntent> {
    Arc::new(PaymentIntent {
        id,
        transaction: TransactionId::from_u128(id.to_u128()),
        merchant: MerchantId::from_u128(7),
        mode: Mode::Test,
        money: Money { amount: Amount::from_minor_units(10_000).unwrap(), currency: Currency::INR },
        capture: CaptureMode::Automatic,
        method,
        hold_for_review: false,
        emi: None,
        order_id: None,
        order: None,
        one_payment_per_order: false,
        customer_id: None,
        personal: None,
        description: None,
        callback_url: None,
        return_url: None,
        metadata: metadata.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        control_version: 1,
        created_at: NOW,
    })
}

/// What is remembered of any card.
pub(crate) fn card_facts() -> PaymentMethod {
    PaymentMethod::Card(CardFacts {
        brand: CardBrand::Visa,
        bin: 424_242,
        last4: 4_242,
        expiry_month: 12,
        expiry_year: 2030,
        fingerprint: CardFingerprint([0; 16]),
        funding: None,
        issuer_country: None,
    })
}

/// A card that is approved wherever there are test cards.
pub(crate) fn card() -> Instrument {
    card_holder("4242424242424242").instrument
}

impl Customer {
    fn rail(&self) -> &'static str {
        self.method.as_str()
    }
}

/// Who pays by the card of that number.
pub(crate) fn card_holder(number: &str) -> Customer {
    let cvv = Some(String::from("123").into());
    let card = CardData::new(number.to_owned(), 12, 2030, cvv, None);
    Customer { method: card_facts(), instrument: Instrument::Card(card) }
}

/// Who pays by UPI from that address.
pub(crate) fn upi_payer(vpa: &str) -> Customer {
    let (_name, handle) = vpa.split_once('@').expect("a VPA has an @");
    let (handle, payee_name) = (handle.into(), "A Shop".into());
    let facts = UpiFacts { handle, fingerprint: VpaFingerprint([1; 16]), payee_name };
    let instrument = Instrument::Upi(SecretText::new(vpa));
    Customer { method: PaymentMethod::Upi(facts), instrument }
}

/// Who pays from an account with that bank.
pub(crate) fn bank_customer(bank: &str) -> Customer {
    let method = PaymentMethod::NetBanking(NetBankingFacts { bank: bank.into() });
    Customer { method, instrument: Instrument::NetBanking }
}

/// Who pays from a wallet with that id.
pub(crate) fn wallet_owner(id: &str) -> Customer {
    let fingerprint = WalletFingerprint([2; 16]);
    let method = PaymentMethod::Wallet(WalletFacts { provider: "paytm".into(), fingerprint });
    Customer { method, instrument: Instrument::Wallet(SecretText::new(id)) }
}
