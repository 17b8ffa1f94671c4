//! What the benches share: the payment they all make.
//!
//! Criterion benches measure parts (`cargo bench -p tollgate-benches`), binaries measure the whole
//! (`engine-throughput`), and `http-beside-hyper.sh` sets the gateway beside bare hyper. None of
//! them is a test: the files in `results/` say what they found, and where.

use tollgate_domain::{
    Amount, CaptureMode, CardBrand, CardFacts, CardFingerprint, CreatePayment, Currency,
    Fingerprint, IdempotencyKey, MerchantId, Mode, Money, PaymentMethod, ProviderId,
    ProviderReceipt, ShardId, Timestamp,
};

/// A payment like those of a shop: card, order and customer, no metadata, a key of its own.
#[must_use]
pub fn payment(merchant: MerchantId, number: u64) -> CreatePayment {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&number.to_le_bytes());
    CreatePayment {
        merchant,
        mode: Mode::Test,
        money: Money {
            amount: Amount::from_minor_units(10_000).expect("positive"),
            currency: Currency::INR,
        },
        capture: CaptureMode::Automatic,
        method: PaymentMethod::Card(CardFacts {
            brand: CardBrand::Visa,
            bin: 424_242,
            last4: 4_242,
            expiry_month: 12,
            expiry_year: 2_030,
            fingerprint: CardFingerprint([1; 16]),
            funding: None,
            issuer_country: None,
        }),
        card_expires_at: None,
        repeats_only: false,
        hold_for_review: false,
        emi: None,
        order: None,
        one_payment_per_order: false,
        order_id: Some("order_456".into()),
        customer_id: Some("customer-7".into()),
        personal: None,
        description: None,
        callback_url: None,
        return_url: None,
        metadata: Vec::new(),
        provider: ProviderId::SIMULATOR,
        control_version: 1,
        idempotency: Some((IdempotencyKey(key), Fingerprint(number))),
    }
}

/// One of many merchants.
#[must_use]
pub fn merchant(number: u64) -> MerchantId {
    MerchantId::new(Timestamp::from_millis(1), ShardId::CONTROL, number)
}

/// What a provider gives with an approval.
#[must_use]
pub fn receipt() -> ProviderReceipt {
    ProviderReceipt {
        external_id: "sim_0123456789abcdef".into(),
        rrn: "012345678901".into(),
        approval_code: "123456".into(),
    }
}
