//! Accounts, balances and entries of the ledger as answers show them.
//!
//! Sums over many payments may exceed any one amount: they are integers of 128 bits here, and the
//! texts of major units are made from those.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer};
use tollgate_domain::{
    Currency, MerchantId, Mode, Payment, PaymentId, ProviderId, TransactionId,
    ledger::{Account, AccountKey, Balance, Entry, Transfer},
};

use super::{
    id_text::IdText,
    payment_answer::{Major, is_live},
    time::Rfc3339,
};

/// One account, or the accounts of one kind of all merchants together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AccountLine {
    mode: Mode,
    currency: Currency,
    account: &'static str,
    provider: Option<ProviderId>,
    merchant: Option<MerchantId>,
    is_asset: bool,
}

/// What stands on each.
pub(crate) type AccountLines = BTreeMap<AccountLine, Balance>;

/// An account, to be serialized.
#[derive(Serialize)]
pub(crate) struct AccountBody {
    object: &'static str,
    account: &'static str,
    merchant_id: Option<IdText<MerchantId>>,
    provider: Option<String>,
    currency: &'static str,
    normal_side: &'static str,
    debits: MajorSum,
    debits_minor: i128,
    credits: MajorSum,
    credits_minor: i128,
    balance: MajorSum,
    balance_minor: i128,
    livemode: bool,
}

/// What a merchant has in one currency, to be serialized.
#[derive(Serialize)]
pub(crate) struct BalanceBody {
    currency: &'static str,
    available: MajorSum,
    available_minor: i128,
    pending: MajorSum,
    pending_minor: i128,
    refunds_pending_minor: i128,
    disputes_held_minor: i128,
}

/// A merchant's balances, to be serialized.
#[derive(Serialize)]
pub(crate) struct BalancesBody {
    object: &'static str,
    livemode: bool,
    balances: Vec<BalanceBody>,
}

/// One posting: an amount from one account to another, to be serialized.
#[derive(Serialize)]
pub(crate) struct EntryBody {
    object: &'static str,
    payment_id: IdText<PaymentId>,
    transaction_id: IdText<TransactionId>,
    r#type: &'static str,
    debit: AccountName,
    credit: AccountName,
    amount: Major,
    amount_minor: i64,
    currency: &'static str,
    livemode: bool,
    created_at: Rfc3339,
}

/// A list that is never more than one page, to be serialized.
#[derive(Serialize)]
pub(crate) struct WholeListBody<R> {
    object: &'static str,
    data: Vec<R>,
    has_more: bool,
    url: &'static str,
}

/// An account by kind and owner.
#[derive(Serialize)]
struct AccountName {
    account: &'static str,
    merchant_id: Option<IdText<MerchantId>>,
    provider: Option<String>,
}

/// A sum in major units as a string, with all decimals of its currency; below zero where the
/// account stands on its other side.
struct MajorSum {
    units: i128,
    currency: Currency,
}

impl AccountLine {
    /// The account itself.
    pub(crate) fn of(key: &AccountKey) -> Self {
        Self { merchant: key.account.merchant(), ..Self::of_kind(key) }
    }

    /// The account, taken together with those of its kind where it is a merchant's.
    pub(crate) fn of_kind(key: &AccountKey) -> Self {
        let AccountKey { mode, currency, account } = *key;
        Self {
            mode,
            currency,
            account: account.as_str(),
            provider: account.provider(),
            merchant: None,
            is_asset: account.is_asset(),
        }
    }
}

impl AccountBody {
    pub(crate) fn of((line, balance): (&AccountLine, &Balance)) -> Self {
        let net = if line.is_asset {
            balance.net_credit().saturating_neg()
        } else {
            balance.net_credit()
        };
        let sum = |units| MajorSum { units, currency: line.currency };
        Self {
            object: "account",
            account: line.account,
            merchant_id: line.merchant.map(IdText),
            provider: line.provider.map(|provider| provider.to_string()),
            currency: line.currency.code(),
            normal_side: if line.is_asset { "debit" } else { "credit" },
            debits: sum(balance.debits),
            debits_minor: balance.debits,
            credits: sum(balance.credits),
            credits_minor: balance.credits,
            balance: sum(net),
            balance_minor: net,
            livemode: is_live(line.mode),
        }
    }
}

/// For people, on one line.
impl fmt::Display for AccountBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, provider, currency, balance, livemode, .. } = self;
        let (mode, owner) = (if *livemode { "live" } else { "test" }, provider.as_deref());
        let account = owner.map_or_else(|| (*account).into(), |owner| format!("{account} {owner}"));
        write!(formatter, "{mode} {currency} {account:<32}{:>18}", balance.to_string())
    }
}

impl BalancesBody {
    /// Of a merchant's own accounts in one mode.
    pub(crate) fn of(mode: Mode, accounts: &[(AccountKey, Balance)]) -> Self {
        let mut sums = BTreeMap::<Currency, [i128; 3]>::new();
        for (key, balance) in accounts {
            let [payable, refunds, disputes] = sums.entry(key.currency).or_default();
            let sum = match key.account {
                Account::MerchantPayable(_) => payable,
                Account::RefundsPending(_) => refunds,
                Account::DisputesHeld(_) => disputes,
                Account::ProviderReceivable(_)
                | Account::Bank
                | Account::Fees
                | Account::Exceptions => continue,
            };
            *sum = balance.net_credit();
        }
        let balances = sums.into_iter().map(|(currency, [payable, refunds, disputes])| {
            let pending = refunds.saturating_add(disputes);
            BalanceBody {
                currency: currency.code(),
                available: MajorSum { units: payable, currency },
                available_minor: payable,
                pending: MajorSum { units: pending, currency },
                pending_minor: pending,
                refunds_pending_minor: refunds,
                disputes_held_minor: disputes,
            }
        });
        Self { object: "balance", livemode: is_live(mode), balances: balances.collect() }
    }
}

impl EntryBody {
    pub(crate) fn of(payment: &Payment, entry: &Entry, transfer: &Transfer) -> Self {
        let money = payment.money(transfer.amount);
        Self {
            object: "ledger_entry",
            payment_id: IdText(payment.id()),
            transaction_id: IdText(entry.transaction),
            r#type: entry.movement.as_str(),
            debit: AccountName::of(transfer.debit),
            credit: AccountName::of(transfer.credit),
            amount: Major(money),
            amount_minor: money.amount.minor_units(),
            currency: money.currency.code(),
            livemode: is_live(payment.intent().mode),
            created_at: Rfc3339(entry.at),
        }
    }
}

impl<R> WholeListBody<R> {
    pub(crate) fn of(data: Vec<R>, url: &'static str) -> Self {
        Self { object: "list", data, has_more: false, url }
    }
}

impl AccountName {
    fn of(account: Account) -> Self {
        Self {
            account: account.as_str(),
            merchant_id: account.merchant().map(IdText),
            provider: account.provider().map(|provider| provider.to_string()),
        }
    }
}

impl fmt::Display for MajorSum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = self.currency.exponent();
        let (sign, units) = (if self.units < 0 { "-" } else { "" }, self.units.unsigned_abs());
        let scale = 10_u128.pow(u32::from(exponent));
        write!(formatter, "{sign}{}", units / scale)?;
        match usize::from(exponent) {
            0 => Ok(()),
            width => write!(formatter, ".{:0width$}", units % scale),
        }
    }
}

impl Serialize for MajorSum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_have_all_decimals_and_their_sign() {
        let text = |units, code| {
            let currency = Currency::from_code(code).unwrap();
            MajorSum { units, currency }.to_string()
        };
        assert_eq!(text(0, "INR"), "0.00");
        assert_eq!(text(-5, "INR"), "-0.05");
        assert_eq!(text(123_456, "BHD"), "123.456");
        assert_eq!(text(-7, "JPY"), "-7");
        assert_eq!(text(1_000_000_000_000_000_000_001, "INR"), "10000000000000000000.01");
    }
}
