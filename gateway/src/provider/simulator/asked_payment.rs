//! A payment as the simulator's clients tell of it: as far as the simulator looks at it, the rest empty.

use std::sync::Arc;

use tollgate_domain::{
    Amount, CaptureMode, CardBrand, CardFacts, CardFingerprint, Currency, MerchantId, Mode, Money,
    NetBankingFacts, PaymentId, PaymentIntent, PaymentMethod, TransactionId, UpiFacts,
    VpaFingerprint, WalletFacts, WalletFingerprint,
};

use super::{
    fault::KEY,
    protocol::{CaptureName, ModeName, PaymentPart, Rail},
};

/// The payment; `None` where a part of it is not of its form.
pub(super) fn intent(part: PaymentPart<'_>, method: PaymentMethod) -> Option<Arc<PaymentIntent>> {
    let payment: PaymentId = part.id.parse().ok()?;
    let merchant: MerchantId = part.merchant.parse().ok()?;
    let amount = Amount::from_minor_units(part.amount_minor).ok()?;
    let currency = Currency::from_code(&part.currency).ok()?;
    let faults = part.faults.map(|faults| (KEY.into(), Box::from(&*faults)));
    Some(Arc::new(PaymentIntent {
        id: payment,
        transaction: TransactionId::from_u128(payment.to_u128()),
        merchant,
        mode: match part.mode {
            ModeName::Test => Mode::Test,
            ModeName::Live => Mode::Live,
        },
        money: Money { amount, currency },
        capture: match part.capture {
            CaptureName::Automatic => CaptureMode::Automatic,
            CaptureName::Manual => CaptureMode::Manual,
        },
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
        return_url: part.return_url.map(|url| Box::from(&*url)),
        metadata: faults.into_iter().collect(),
        control_version: 0,
        created_at: payment.time(),
    }))
}

/// A method of that rail, of which nothing else is known.
pub(super) fn method(rail: Rail) -> PaymentMethod {
    match rail {
        Rail::Card => PaymentMethod::Card(CardFacts {
            brand: CardBrand::Other,
            bin: 0,
            last4: 0,
            expiry_month: 1,
            expiry_year: 1970,
            fingerprint: CardFingerprint([0; 16]),
            funding: None,
            issuer_country: None,
        }),
        Rail::Upi => PaymentMethod::Upi(UpiFacts {
            handle: "".into(),
            fingerprint: VpaFingerprint([0; 16]),
            payee_name: "".into(),
        }),
        Rail::Netbanking => PaymentMethod::NetBanking(NetBankingFacts { bank: "".into() }),
        Rail::Wallet => PaymentMethod::Wallet(WalletFacts {
            provider: "".into(),
            fingerprint: WalletFingerprint([0; 16]),
        }),
    }
}
