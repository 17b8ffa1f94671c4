//! Questions about a customer's account before he pays with it, and what is answered.

use serde::Serialize;
use tollgate_domain::{Amount, Currency, Mode, Money};

use super::{
    object::object,
    payment_answer::{Major, is_live},
    text::Text,
    validation::{Faults, is_vpa, is_wallet_id, present},
};
use crate::{
    http::error::{ErrorCode, Problem},
    provider::{SecretText, customer_account::Wallet},
    wallet_providers::wallet_provider,
};

object! {
    /// The body of a question about a UPI address.
    VpaRequest {
        vpa: "vpa" => Text<'a>,
    }
}

object! {
    /// The body of a question what a wallet holds.
    WalletBalanceRequest {
        provider: "provider" => Text<'a>,
        wallet_id: "wallet_id" => Text<'a>,
        currency: "currency" => Text<'a>,
    }
}

object! {
    /// The body that asks for a link to a wallet.
    WalletLinkRequest {
        provider: "provider" => Text<'a>,
        wallet_id: "wallet_id" => Text<'a>,
    }
}

/// Whether a UPI address is somebody's, to be serialized.
#[derive(Serialize)]
pub(crate) struct VpaBody<'a> {
    object: &'static str,
    vpa: &'a str,
    valid: bool,
    customer_name: Option<&'a str>,
    livemode: bool,
}

/// What a wallet holds, to be serialized.
#[derive(Serialize)]
pub(crate) struct WalletBalanceBody {
    object: &'static str,
    provider: &'static str,
    balance: Major,
    balance_minor: i64,
    currency: &'static str,
    livemode: bool,
}

/// A link to a wallet, to be serialized.
#[derive(Serialize)]
pub(crate) struct WalletLinkBody<'a> {
    object: &'static str,
    provider: &'static str,
    link_token: &'a str,
    livemode: bool,
}

impl VpaRequest<'_> {
    /// The address, of its form.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(&self) -> Result<&str, Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        match present(&self.vpa) {
            Some(vpa) if is_vpa(vpa) && faults.is_empty() => return Ok(vpa),
            Some(vpa) if is_vpa(vpa) => {}
            Some(_) => {
                let detail = "This is no UPI address of the form name@handle.";
                faults.add("/vpa", ErrorCode::VpaInvalid, detail);
            }
            None => faults.missing("/vpa"),
        }
        Err(faults.into_problem())
    }
}

impl WalletBalanceRequest<'_> {
    /// The wallet, and the currency that is asked for.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(&self) -> Result<(Wallet, Currency), Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let wallet = wallet(&self.provider, &self.wallet_id, &mut faults);
        let currency = match present(&self.currency) {
            Some(code) => {
                let currency = Currency::from_code(code).ok();
                if currency.is_none() {
                    let detail = "This is no ISO 4217 code, in upper case, of a currency with minor \
                                  units.";
                    faults.add("/currency", ErrorCode::CurrencyInvalid, detail);
                }
                currency
            }
            None => {
                faults.missing("/currency");
                None
            }
        };
        let asked = wallet.zip(currency).filter(|_asked| faults.is_empty());
        asked.ok_or_else(|| faults.into_problem())
    }
}

impl WalletLinkRequest<'_> {
    /// The wallet.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(&self) -> Result<Wallet, Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let wallet = wallet(&self.provider, &self.wallet_id, &mut faults);
        wallet.filter(|_wallet| faults.is_empty()).ok_or_else(|| faults.into_problem())
    }
}

fn wallet(
    provider: &Option<Text<'_>>,
    id: &Option<Text<'_>>,
    faults: &mut Faults,
) -> Option<Wallet> {
    let name = present(provider);
    let provider = name.and_then(wallet_provider);
    match name {
        Some(_) if provider.is_none() => {
            let detail = "This is no wallet that is offered.";
            faults.add("/provider", ErrorCode::WalletProviderInvalid, detail);
        }
        Some(_) => {}
        None => faults.missing("/provider"),
    }
    let id = present(id);
    match id {
        Some(id) if !is_wallet_id(id) => {
            let detail = "A wallet id has at most 64 characters, and no space among them.";
            faults.add("/wallet_id", ErrorCode::ParameterInvalid, detail);
        }
        Some(_) => {}
        None => faults.missing("/wallet_id"),
    }
    Some(Wallet { provider: provider?, id: SecretText::new(id?) })
}

impl<'a> VpaBody<'a> {
    /// `customer_name` is whom the address belongs to; nobody's is not valid.
    pub(crate) fn of(vpa: &'a str, customer_name: Option<&'a str>, mode: Mode) -> Self {
        let valid = customer_name.is_some();
        Self { object: "vpa_validation", vpa, valid, customer_name, livemode: is_live(mode) }
    }
}

impl WalletBalanceBody {
    pub(crate) fn of(
        provider: &'static str,
        currency: Currency,
        balance: Amount,
        mode: Mode,
    ) -> Self {
        Self {
            object: "wallet_balance",
            provider,
            balance: Major(Money { amount: balance, currency }),
            balance_minor: balance.minor_units(),
            currency: currency.code(),
            livemode: is_live(mode),
        }
    }
}

impl<'a> WalletLinkBody<'a> {
    pub(crate) fn of(provider: &'static str, token: &'a str, mode: Mode) -> Self {
        Self { object: "wallet_link", provider, link_token: token, livemode: is_live(mode) }
    }
}
