//! What every [`Provider`] must do, as one suite; each provider's tests call [`suite`].
//!
//! Invariant: the suite knows no provider. Which cards mean what, and how the provider's own books
//! are read, its [`Subject`] tells.

use std::sync::Arc;

use tollgate_domain::{
    Amount, AttemptId, CaptureMode, CardBrand, CardFacts, CardFingerprint, Currency, DeclineCode,
    MerchantId, Mode, Money, PaymentId, PaymentIntent, PaymentMethod, ProviderOutcome, ShardId,
    Timestamp, TransactionId,
};

use super::{Answer, Authorize, CardData, Inquire, Provider, Standing};

/// When the suite's payments are made.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A provider with empty books.
pub(crate) trait Subject {
    /// The provider.
    fn provider(&self) -> &dyn Provider;

    /// A card that is approved.
    fn approved_card(&self) -> CardData;

    /// A card for every decline code the provider can be made to give.
    fn declined_cards(&self) -> Vec<(CardData, DeclineCode)>;

    /// How many final decisions on the attempt stand in the provider's own books.
    fn decisions(&self, attempt: AttemptId) -> usize;
}

/// Runs every check, each on books of its own.
pub(crate) async fn suite<S: Subject>(fresh: impl Fn() -> S) {
    an_attempt_sent_twice_is_decided_once(&fresh()).await;
    another_card_does_not_change_a_decision(&fresh()).await;
    attempts_are_apart(&fresh()).await;
    an_inquiry_tells_the_same(&fresh()).await;
    an_unknown_attempt_is_not_found(&fresh()).await;
    declines_keep_their_code(&fresh()).await;
}

async fn an_attempt_sent_twice_is_decided_once<S: Subject>(subject: &S) {
    let attempt = attempt(1);
    let first = authorize(subject.provider(), attempt, subject.approved_card()).await;
    let second = authorize(subject.provider(), attempt, subject.approved_card()).await;
    assert!(matches!(first, ProviderOutcome::Approved(_)), "{first:?}");
    assert_eq!(first, second);
    assert_eq!(subject.decisions(attempt), 1);
}

async fn another_card_does_not_change_a_decision<S: Subject>(subject: &S) {
    for (number, (card, code)) in (1..).zip(subject.declined_cards()) {
        let attempt = attempt(number);
        let declined = authorize(subject.provider(), attempt, card).await;
        let again = authorize(subject.provider(), attempt, subject.approved_card()).await;
        assert_eq!(declined, ProviderOutcome::Declined(code));
        assert_eq!(again, declined);
        assert_eq!(subject.decisions(attempt), 1);
    }
}

async fn attempts_are_apart<S: Subject>(subject: &S) {
    let one = authorize(subject.provider(), attempt(1), subject.approved_card()).await;
    let other = authorize(subject.provider(), attempt(2), subject.approved_card()).await;
    let (ProviderOutcome::Approved(one), ProviderOutcome::Approved(other)) = (one, other) else {
        panic!("both are approved");
    };
    assert_ne!(one.external_id, other.external_id);
    assert_eq!([attempt(1), attempt(2)].map(|attempt| subject.decisions(attempt)), [1, 1]);
}

async fn an_inquiry_tells_the_same<S: Subject>(subject: &S) {
    let approved = attempt(1);
    let outcome = authorize(subject.provider(), approved, subject.approved_card()).await;
    for _ in 0..2 {
        let standing = inquire(subject.provider(), approved).await;
        assert_eq!(standing.into_outcome(false), outcome);
    }
    for (number, (card, _)) in (2..).zip(subject.declined_cards()) {
        let outcome = authorize(subject.provider(), attempt(number), card).await;
        let standing = inquire(subject.provider(), attempt(number)).await;
        assert_eq!(standing.into_outcome(true), outcome);
    }
    assert_eq!(subject.decisions(approved), 1);
}

async fn an_unknown_attempt_is_not_found<S: Subject>(subject: &S) {
    assert_eq!(inquire(subject.provider(), attempt(1)).await, Standing::NotFound);
    assert_eq!(subject.decisions(attempt(1)), 0);
    // Having been asked about does not keep an attempt from being made.
    let outcome = authorize(subject.provider(), attempt(1), subject.approved_card()).await;
    assert!(matches!(outcome, ProviderOutcome::Approved(_)), "{outcome:?}");
    assert_eq!(inquire(subject.provider(), attempt(2)).await, Standing::NotFound);
}

async fn declines_keep_their_code<S: Subject>(subject: &S) {
    for (number, (card, code)) in (1..).zip(subject.declined_cards()) {
        let outcome = authorize(subject.provider(), attempt(number), card).await;
        assert_eq!(outcome, ProviderOutcome::Declined(code));
    }
}

/// Sends a payment's attempt; each attempt belongs to the payment of the same number.
async fn authorize(provider: &dyn Provider, attempt: AttemptId, card: CardData) -> ProviderOutcome {
    provider.authorize(Authorize { intent: intent_of(attempt), attempt, card }).wait().await
}

async fn inquire(provider: &dyn Provider, attempt: AttemptId) -> Standing {
    let answer: Answer<Standing> =
        provider.inquire(Inquire { intent: intent_of(attempt), attempt });
    answer.wait().await
}

/// Attempt number `number`, minted at [`NOW`].
pub(crate) fn attempt(number: u64) -> AttemptId {
    AttemptId::new(NOW, ShardId(1), number)
}

fn intent_of(attempt: AttemptId) -> Arc<PaymentIntent> {
    intent(PaymentId::from_u128(attempt.to_u128()), &[])
}

/// A payment of 100.00 INR in test mode.
pub(crate) fn intent(id: PaymentId, metadata: &[(&str, &str)]) -> Arc<PaymentIntent> {
    let card = CardFacts {
        brand: CardBrand::Visa,
        bin: 424_242,
        last4: 4_242,
        expiry_month: 12,
        expiry_year: 2030,
        fingerprint: CardFingerprint([0; 16]),
    };
    Arc::new(PaymentIntent {
        id,
        transaction: TransactionId::from_u128(id.to_u128()),
        merchant: MerchantId::from_u128(7),
        mode: Mode::Test,
        money: Money { amount: Amount::from_minor_units(10_000).unwrap(), currency: Currency::INR },
        capture: CaptureMode::Automatic,
        method: PaymentMethod::Card(card),
        order_id: None,
        customer_id: None,
        description: None,
        callback_url: None,
        metadata: metadata.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        control_version: 1,
        created_at: NOW,
    })
}

/// The card of that number.
pub(crate) fn card(number: &str) -> CardData {
    CardData::new(number.to_owned(), 12, 2030, Some(String::from("123").into()), None)
}
