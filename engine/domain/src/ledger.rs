//! Double-entry bookkeeping: every movement of money debits one account and credits another.
//!
//! Invariant: debits equal credits per mode and currency, always. It holds by construction, for a
//! [`Transfer`] is the only thing that can be posted. Which movement posts what is the table in
//! `docs/ledger.md`; [`Movement::transfers`] is that table in code. An authorization moves no
//! money and posts nothing: it is a memo on the payment.

mod entry;
mod movement;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

pub use entry::Entry;
pub(crate) use entry::{is_moved_by, transaction_of};
pub use movement::{Movement, Transfer};

use crate::{id::MerchantId, merchant::Mode, money::Currency, provider::ProviderId};

/// Where money stands, from the gateway's point of view.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Account {
    /// Asset: what a provider has collected and not yet paid to us.
    ProviderReceivable(ProviderId),
    /// Asset: money in our bank.
    Bank,
    /// Liability: what we owe a merchant. Negative where refunds exceed what was earned: the
    /// merchant owes us.
    MerchantPayable(MerchantId),
    /// Liability: taken from a merchant for refunds that have not succeeded yet.
    RefundsPending(MerchantId),
    /// Liability: held back from a merchant while a cardholder contests.
    DisputesHeld(MerchantId),
    /// Revenue: our fees.
    Fees,
    /// Liability: money that providers report and that no payment of ours accounts for.
    Exceptions,
}

/// An account in one world and one currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountKey {
    /// Real or pretended money.
    pub mode: Mode,
    /// Of which currency.
    pub currency: Currency,
    /// Which account.
    pub account: Account,
}

/// What was ever debited and credited to an account, in minor units.
///
/// `i128` holds 10²⁶ movements of the largest amount: more than there will be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Balance {
    /// Sum of all debits.
    pub debits: i128,
    /// Sum of all credits.
    pub credits: i128,
}

/// All accounts of a shard.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: FxHashMap<AccountKey, Balance>,
}

impl Account {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProviderReceivable(_) => "provider_receivable",
            Self::Bank => "bank",
            Self::MerchantPayable(_) => "merchant_payable",
            Self::RefundsPending(_) => "refunds_pending",
            Self::DisputesHeld(_) => "disputes_held",
            Self::Fees => "fees",
            Self::Exceptions => "exceptions",
        }
    }

    /// The merchant whose it is, if it is a merchant's.
    #[must_use]
    pub const fn merchant(self) -> Option<MerchantId> {
        match self {
            Self::MerchantPayable(merchant)
            | Self::RefundsPending(merchant)
            | Self::DisputesHeld(merchant) => Some(merchant),
            Self::ProviderReceivable(_) | Self::Bank | Self::Fees | Self::Exceptions => None,
        }
    }

    /// Whether it grows by debits; else by credits.
    #[must_use]
    pub const fn is_asset(self) -> bool {
        match self {
            Self::ProviderReceivable(_) | Self::Bank => true,
            Self::MerchantPayable(_)
            | Self::RefundsPending(_)
            | Self::DisputesHeld(_)
            | Self::Fees
            | Self::Exceptions => false,
        }
    }

    /// The provider whose it is, if it is a provider's.
    #[must_use]
    pub const fn provider(self) -> Option<ProviderId> {
        match self {
            Self::ProviderReceivable(provider) => Some(provider),
            Self::Bank
            | Self::MerchantPayable(_)
            | Self::RefundsPending(_)
            | Self::DisputesHeld(_)
            | Self::Fees
            | Self::Exceptions => None,
        }
    }
}

impl Balance {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            debits: self.debits.saturating_add(other.debits),
            credits: self.credits.saturating_add(other.credits),
        }
    }

    /// Credits less debits: positive where we owe.
    #[must_use]
    pub const fn net_credit(&self) -> i128 {
        self.credits.saturating_sub(self.debits)
    }
}

impl Ledger {
    /// Books a movement.
    pub fn post(&mut self, mode: Mode, currency: Currency, movement: &Movement) {
        for transfer in movement.transfers().into_iter().flatten() {
            let amount = i128::from(transfer.amount.minor_units());
            let debit = self.balance_mut(mode, currency, transfer.debit);
            debit.debits = debit.debits.checked_add(amount).expect("i128 holds every sum");
            let credit = self.balance_mut(mode, currency, transfer.credit);
            credit.credits = credit.credits.checked_add(amount).expect("i128 holds every sum");
        }
    }

    /// Takes back what was booked before, as if it had not been.
    pub(crate) fn take_back(&mut self, mode: Mode, currency: Currency, movement: &Movement) {
        for transfer in movement.transfers().into_iter().flatten() {
            let amount = i128::from(transfer.amount.minor_units());
            let debit = self.balance_mut(mode, currency, transfer.debit);
            debit.debits = debit.debits.checked_sub(amount).expect("it was booked");
            let credit = self.balance_mut(mode, currency, transfer.credit);
            credit.credits = credit.credits.checked_sub(amount).expect("it was booked");
        }
    }

    /// Takes an account as it stood.
    pub(crate) fn restore(&mut self, key: AccountKey, balance: Balance) {
        self.accounts.insert(key, balance);
    }

    /// What stands on an account.
    #[must_use]
    pub fn balance(&self, key: &AccountKey) -> Balance {
        self.accounts.get(key).copied().unwrap_or_default()
    }

    /// Every account ever touched, in order.
    #[must_use]
    pub fn sorted(&self) -> Vec<(AccountKey, Balance)> {
        let mut accounts: Vec<_> =
            self.accounts.iter().map(|(key, balance)| (*key, *balance)).collect();
        accounts.sort_unstable_by_key(|(key, _balance)| *key);
        accounts
    }

    /// The accounts that are a merchant's own, in order.
    #[must_use]
    pub fn of_merchant(&self, merchant: MerchantId, mode: Mode) -> Vec<(AccountKey, Balance)> {
        let own = |key: &AccountKey| key.mode == mode && key.account.merchant() == Some(merchant);
        let accounts = self.accounts.iter().filter(|(key, _balance)| own(key));
        let mut accounts: Vec<_> = accounts.map(|(key, balance)| (*key, *balance)).collect();
        accounts.sort_unstable_by_key(|(key, _balance)| *key);
        accounts
    }

    /// Debits less credits, per mode and currency: zero, or the books are wrong.
    #[must_use]
    pub fn imbalances(&self) -> BTreeMap<(Mode, Currency), i128> {
        let mut differences = BTreeMap::<(Mode, Currency), i128>::new();
        for (key, balance) in self.sorted() {
            let difference = differences.entry((key.mode, key.currency)).or_default();
            *difference = difference.saturating_sub(balance.net_credit());
        }
        differences
    }

    fn balance_mut(&mut self, mode: Mode, currency: Currency, account: Account) -> &mut Balance {
        self.accounts.entry(AccountKey { mode, currency, account }).or_default()
    }
}
