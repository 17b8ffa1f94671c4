//! The posting table: what each movement of money debits and credits.

use crate::{id::MerchantId, ledger::Account, money::Amount, provider::ProviderId};

/// Something that moves money. `docs/ledger.md` explains each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "fields are what the variant's name says of merchant and provider")]
pub enum Movement {
    /// A provider has taken the customer's money for a merchant.
    Capture { merchant: MerchantId, provider: ProviderId, captured: Amount, fee: Amount },
    /// A refund is under way: the merchant's money is set aside.
    RefundPending { merchant: MerchantId, amount: Amount },
    /// The provider has returned the money.
    /// `fee` of ours goes back to the merchant with it.
    RefundSucceeded { merchant: MerchantId, provider: ProviderId, amount: Amount, fee: Amount },
    /// A refund that had failed has succeeded after all.
    RefundReinstated { merchant: MerchantId, provider: ProviderId, amount: Amount, fee: Amount },
    /// The refund failed without having succeeded before: the money goes back to the merchant.
    RefundFailed { merchant: MerchantId, amount: Amount },
    /// A refund that had succeeded failed after all: the provider has the money again, and we have
    /// our fee.
    RefundReturned { merchant: MerchantId, provider: ProviderId, amount: Amount, fee: Amount },
    /// A capture is undone before settlement, its fee returned.
    Reversal { merchant: MerchantId, provider: ProviderId, captured: Amount, fee: Amount },
    /// A cardholder contests: the amount is held back.
    DisputeOpened { merchant: MerchantId, amount: Amount },
    /// The merchant won: the amount is released.
    DisputeWon { merchant: MerchantId, amount: Amount },
    /// The merchant lost: the provider takes the amount back.
    DisputeLost { merchant: MerchantId, provider: ProviderId, amount: Amount },
    /// A provider pays us what it has collected.
    ProviderSettled { provider: ProviderId, amount: Amount },
    /// We pay a merchant.
    MerchantSettled { merchant: MerchantId, amount: Amount },
    /// A provider has taken money that no payment of ours accounts for.
    ExceptionReceived { provider: ProviderId, amount: Amount },
    /// Such money has gone back to the customer.
    ExceptionReturned { provider: ProviderId, amount: Amount },
    /// Such money was found to be a merchant's after all.
    ExceptionAssigned { merchant: MerchantId, amount: Amount },
    /// A provider has paid out money that no refund of ours accounts for.
    ExceptionPaidOut { provider: ProviderId, amount: Amount },
    /// Such money has come back to the provider.
    ExceptionRecovered { provider: ProviderId, amount: Amount },
    /// Such money was found to be a merchant's loss.
    ExceptionCharged { merchant: MerchantId, amount: Amount },
}

/// One amount from one account to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// The account that is debited.
    pub debit: Account,
    /// The account that is credited.
    pub credit: Account,
    /// How much; never zero.
    pub amount: Amount,
}

impl Movement {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Capture { .. } => "capture",
            Self::RefundPending { .. } => "refund_pending",
            Self::RefundSucceeded { .. } => "refund_succeeded",
            Self::RefundReinstated { .. } => "refund_reinstated",
            Self::RefundFailed { .. } => "refund_failed",
            Self::RefundReturned { .. } => "refund_returned",
            Self::Reversal { .. } => "reversal",
            Self::DisputeOpened { .. } => "dispute_opened",
            Self::DisputeWon { .. } => "dispute_won",
            Self::DisputeLost { .. } => "dispute_lost",
            Self::ProviderSettled { .. } => "provider_settled",
            Self::MerchantSettled { .. } => "merchant_settled",
            Self::ExceptionReceived { .. } => "exception_received",
            Self::ExceptionReturned { .. } => "exception_returned",
            Self::ExceptionAssigned { .. } => "exception_assigned",
            Self::ExceptionPaidOut { .. } => "exception_paid_out",
            Self::ExceptionRecovered { .. } => "exception_recovered",
            Self::ExceptionCharged { .. } => "exception_charged",
        }
    }

    /// What it posts: one transfer, and where a fee is concerned a second.
    #[must_use]
    pub fn transfers(&self) -> [Option<Transfer>; 2] {
        use Account::{
            Bank, DisputesHeld, Exceptions, Fees, MerchantPayable, ProviderReceivable,
            RefundsPending,
        };
        match *self {
            Self::Capture { merchant, provider, captured, fee } => [
                transfer(ProviderReceivable(provider), MerchantPayable(merchant), captured),
                transfer(MerchantPayable(merchant), Fees, fee),
            ],
            Self::RefundPending { merchant, amount } => {
                one(MerchantPayable(merchant), RefundsPending(merchant), amount)
            }
            Self::RefundSucceeded { merchant, provider, amount, fee } => [
                transfer(RefundsPending(merchant), ProviderReceivable(provider), amount),
                transfer(Fees, MerchantPayable(merchant), fee),
            ],
            Self::RefundReinstated { merchant, provider, amount, fee } => [
                transfer(MerchantPayable(merchant), ProviderReceivable(provider), amount),
                transfer(Fees, MerchantPayable(merchant), fee),
            ],
            Self::RefundFailed { merchant, amount } => {
                one(RefundsPending(merchant), MerchantPayable(merchant), amount)
            }
            Self::RefundReturned { merchant, provider, amount, fee } => [
                transfer(ProviderReceivable(provider), MerchantPayable(merchant), amount),
                transfer(MerchantPayable(merchant), Fees, fee),
            ],
            Self::Reversal { merchant, provider, captured, fee } => [
                transfer(MerchantPayable(merchant), ProviderReceivable(provider), captured),
                transfer(Fees, MerchantPayable(merchant), fee),
            ],
            Self::DisputeOpened { merchant, amount } => {
                one(MerchantPayable(merchant), DisputesHeld(merchant), amount)
            }
            Self::DisputeWon { merchant, amount } => {
                one(DisputesHeld(merchant), MerchantPayable(merchant), amount)
            }
            Self::DisputeLost { merchant, provider, amount } => {
                one(DisputesHeld(merchant), ProviderReceivable(provider), amount)
            }
            Self::ProviderSettled { provider, amount } => {
                one(Bank, ProviderReceivable(provider), amount)
            }
            Self::MerchantSettled { merchant, amount } => {
                one(MerchantPayable(merchant), Bank, amount)
            }
            Self::ExceptionReceived { provider, amount }
            | Self::ExceptionRecovered { provider, amount } => {
                one(ProviderReceivable(provider), Exceptions, amount)
            }
            Self::ExceptionReturned { provider, amount }
            | Self::ExceptionPaidOut { provider, amount } => {
                one(Exceptions, ProviderReceivable(provider), amount)
            }
            Self::ExceptionCharged { merchant, amount } => {
                one(MerchantPayable(merchant), Exceptions, amount)
            }
            Self::ExceptionAssigned { merchant, amount } => {
                one(Exceptions, MerchantPayable(merchant), amount)
            }
        }
    }
}

fn one(debit: Account, credit: Account, amount: Amount) -> [Option<Transfer>; 2] {
    [transfer(debit, credit, amount), None]
}

/// Nothing is posted for nothing.
fn transfer(debit: Account, credit: Account, amount: Amount) -> Option<Transfer> {
    (!amount.is_zero()).then_some(Transfer { debit, credit, amount })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ledger::{AccountKey, Ledger},
        merchant::Mode,
        money::Currency,
    };

    const MERCHANT: MerchantId = MerchantId::from_u128(7);
    const PROVIDER: ProviderId = ProviderId::SIMULATOR;

    /// Posts the movements and tells what stands on merchant, provider, refunds pending, disputes
    /// held, bank, fees and exceptions, as assets positive and liabilities negative.
    fn after(movements: &[Movement]) -> [i128; 7] {
        let mut ledger = Ledger::default();
        for movement in movements {
            ledger.post(Mode::Test, Currency::INR, movement);
        }
        let all: i128 = ledger.sorted().iter().map(|(_key, balance)| balance.net_credit()).sum();
        assert_eq!(all, 0, "debits equal credits");
        [
            Account::MerchantPayable(MERCHANT),
            Account::ProviderReceivable(PROVIDER),
            Account::RefundsPending(MERCHANT),
            Account::DisputesHeld(MERCHANT),
            Account::Bank,
            Account::Fees,
            Account::Exceptions,
        ]
        .map(|account| {
            let key = AccountKey { mode: Mode::Test, currency: Currency::INR, account };
            0_i128.saturating_sub(ledger.balance(&key).net_credit())
        })
    }

    fn amount(minor_units: i64) -> Amount {
        Amount::from_minor_units(minor_units).unwrap()
    }

    #[test]
    fn the_posting_table() {
        let (merchant, provider) = (MERCHANT, PROVIDER);
        let (captured, fee, half) = (amount(1_000), amount(30), amount(500));
        let capture = Movement::Capture { merchant, provider, captured, fee };
        let pending = Movement::RefundPending { merchant, amount: half };
        let (none, part) = (Amount::ZERO, amount(15));
        let succeeded = Movement::RefundSucceeded { merchant, provider, amount: half, fee: none };
        let with_fee = Movement::RefundSucceeded { merchant, provider, amount: half, fee: part };
        let reinstated = Movement::RefundReinstated { merchant, provider, amount: half, fee: part };
        let paid_out = Movement::ExceptionPaidOut { provider, amount: half };
        let opened = Movement::DisputeOpened { merchant, amount: half };
        let received = Movement::ExceptionReceived { provider, amount: captured };
        //                       merchant provider refunds disputes  bank fees exceptions
        for (story, expected) in [
            (vec![capture], [-970, 1_000, 0, 0, 0, -30, 0]),
            (vec![capture, pending], [-470, 1_000, -500, 0, 0, -30, 0]),
            (vec![capture, pending, succeeded], [-470, 500, 0, 0, 0, -30, 0]),
            (
                vec![capture, pending, Movement::RefundFailed { merchant, amount: half }],
                [-970, 1_000, 0, 0, 0, -30, 0],
            ),
            (
                vec![
                    capture,
                    pending,
                    succeeded,
                    Movement::RefundReturned { merchant, provider, amount: half, fee: none },
                ],
                [-970, 1_000, 0, 0, 0, -30, 0],
            ),
            (vec![capture, pending, with_fee], [-485, 500, 0, 0, 0, -15, 0]),
            (
                vec![
                    capture,
                    pending,
                    with_fee,
                    Movement::RefundReturned { merchant, provider, amount: half, fee: part },
                ],
                [-970, 1_000, 0, 0, 0, -30, 0],
            ),
            (
                vec![
                    capture,
                    pending,
                    Movement::RefundFailed { merchant, amount: half },
                    reinstated,
                ],
                [-485, 500, 0, 0, 0, -15, 0],
            ),
            (vec![capture, paid_out], [-970, 500, 0, 0, 0, -30, 500]),
            (
                vec![capture, paid_out, Movement::ExceptionRecovered { provider, amount: half }],
                [-970, 1_000, 0, 0, 0, -30, 0],
            ),
            (
                vec![capture, paid_out, Movement::ExceptionCharged { merchant, amount: half }],
                [-470, 500, 0, 0, 0, -30, 0],
            ),
            (
                vec![capture, Movement::Reversal { merchant, provider, captured, fee }],
                [0, 0, 0, 0, 0, 0, 0],
            ),
            (vec![capture, opened], [-470, 1_000, 0, -500, 0, -30, 0]),
            (
                vec![capture, opened, Movement::DisputeWon { merchant, amount: half }],
                [-970, 1_000, 0, 0, 0, -30, 0],
            ),
            (
                vec![capture, opened, Movement::DisputeLost { merchant, provider, amount: half }],
                [-470, 500, 0, 0, 0, -30, 0],
            ),
            (
                vec![
                    capture,
                    Movement::ProviderSettled { provider, amount: captured },
                    Movement::MerchantSettled { merchant, amount: amount(970) },
                ],
                [0, 0, 0, 0, 30, -30, 0],
            ),
            // Paid out, then refunded: the merchant's balance is negative, it owes us.
            (
                vec![
                    capture,
                    Movement::MerchantSettled { merchant, amount: amount(970) },
                    pending,
                    succeeded,
                ],
                [500, 500, 0, 0, -970, -30, 0],
            ),
            (vec![received], [0, 1_000, 0, 0, 0, 0, -1_000]),
            (
                vec![received, Movement::ExceptionReturned { provider, amount: captured }],
                [0, 0, 0, 0, 0, 0, 0],
            ),
            (
                vec![received, Movement::ExceptionAssigned { merchant, amount: captured }],
                [-1_000, 1_000, 0, 0, 0, 0, 0],
            ),
        ] {
            assert_eq!(after(&story), expected, "{story:?}");
        }
    }

    #[test]
    fn modes_and_currencies_do_not_mix() {
        let mut ledger = Ledger::default();
        let capture = Movement::Capture {
            merchant: MERCHANT,
            provider: PROVIDER,
            captured: amount(5),
            fee: Amount::ZERO,
        };
        let yen = Currency::from_code("JPY").unwrap();
        ledger.post(Mode::Test, Currency::INR, &capture);
        ledger.post(Mode::Test, yen, &capture);
        ledger.post(Mode::Live, yen, &capture);
        assert_eq!(ledger.sorted().len(), 6);
        assert!(ledger.sorted().iter().all(|(_key, balance)| balance.net_credit().abs() == 5));
    }
}
