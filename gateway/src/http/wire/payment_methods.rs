//! Payment methods as they are asked for, and as they are listed.

use serde::{Serialize, Serializer};
use tollgate_domain::{CardBrand, Country, Currency, Money};

use super::{
    payment_answer::{Major, Percent},
    validation::Faults,
};
use crate::{
    banks::bank_codes,
    http::{
        error::{ErrorCode, Problem},
        router::Route,
    },
    offer::{Codes, EmiOffer, Offer, Served},
    wallet_providers::WALLET_PROVIDERS,
};

/// Which methods are asked for: those that serve both, as far as they are named.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct PaymentMethodQuery {
    currency: Option<Currency>,
    country: Option<Country>,
}

/// Methods in the list form, to be serialized.
#[derive(Serialize)]
pub(crate) struct PaymentMethodListBody<'o> {
    object: &'static str,
    data: Vec<MethodBody<'o>>,
    has_more: bool,
    url: &'static str,
}

/// A method, and whatever a customer has to choose of it.
#[derive(Serialize)]
struct MethodBody<'o> {
    method: &'static str,
    object: &'static str,
    currencies: Listed<'o, Currency>,
    countries: Listed<'o, Country>,
    banks: Option<Vec<&'static str>>,
    wallets: Option<&'static [&'static str]>,
    brands: Option<Vec<&'static str>>,
    emi: Option<EmiOfferBody>,
}

/// The instalments that are offered.
#[derive(Serialize)]
struct EmiOfferBody {
    plans: Vec<PlanBody>,
    minimums: Vec<MinimumBody>,
    brands: Vec<&'static str>,
}

#[derive(Serialize)]
struct PlanBody {
    months: u8,
    annual_rate: Percent,
    no_cost: bool,
}

#[derive(Serialize)]
struct MinimumBody {
    currency: &'static str,
    amount: Major,
    amount_minor: i64,
}

impl PaymentMethodQuery {
    /// Reads `currency` and `country`. Neither ever holds anything that is escaped.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut asked = Self::default();
        let mut faults = Faults::default();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "currency" => {
                    asked.currency = Currency::from_code(value).ok();
                    if asked.currency.is_none() {
                        let detail = "This is no ISO 4217 code, in upper case, of a currency with \
                                      minor units.";
                        faults.add("currency", ErrorCode::CurrencyInvalid, detail);
                    }
                }
                "country" => {
                    asked.country = Country::from_code(value);
                    if asked.country.is_none() {
                        let detail = "These are not two capital letters, as in ISO 3166-1 alpha-2.";
                        faults.add("country", ErrorCode::ParameterInvalid, detail);
                    }
                }
                _other => {
                    let detail = "There is no such parameter.";
                    faults.add(name.to_owned(), ErrorCode::ParameterUnknown, detail);
                }
            }
        }
        if faults.is_empty() { Ok(asked) } else { Err(faults.into_problem()) }
    }

    fn is_served_by(&self, served: &Served) -> bool {
        self.currency.is_none_or(|currency| served.currencies.contains(&currency))
            && self.country.is_none_or(|country| served.countries.contains(&country))
    }
}

impl<'o> PaymentMethodListBody<'o> {
    /// All that serve what is asked for: too few for pages.
    pub(crate) fn of(offer: &'o Offer, asked: PaymentMethodQuery) -> Self {
        let methods = [
            MethodBody {
                brands: Some(known_brands()),
                emi: EmiOfferBody::of(&offer.emi, asked.currency),
                ..MethodBody::of("card", &offer.card)
            },
            MethodBody::of("upi", &offer.upi),
            MethodBody {
                banks: Some(bank_codes().collect()),
                ..MethodBody::of("netbanking", &offer.net_banking)
            },
            MethodBody {
                wallets: Some(WALLET_PROVIDERS),
                ..MethodBody::of("wallet", &offer.wallet)
            },
        ];
        let served = [&offer.card, &offer.upi, &offer.net_banking, &offer.wallet];
        let data = methods.into_iter().zip(served);
        Self {
            object: "list",
            data: data
                .filter(|(_method, served)| asked.is_served_by(served))
                .map(|(method, _served)| method)
                .collect(),
            has_more: false,
            url: Route::PaymentMethods.template(),
        }
    }
}

impl<'o> MethodBody<'o> {
    /// A method of which there is nothing to choose.
    fn of(method: &'static str, served: &'o Served) -> Self {
        Self {
            method,
            object: "payment_method",
            currencies: Listed(&served.currencies),
            countries: Listed(&served.countries),
            banks: None,
            wallets: None,
            brands: None,
            emi: None,
        }
    }
}

impl EmiOfferBody {
    /// What is offered in that currency, or in any; `None` where nothing is.
    fn of(offer: &EmiOffer, currency: Option<Currency>) -> Option<Self> {
        let is_asked = |least: &Money| currency.is_none_or(|currency| currency == least.currency);
        let minimums: Vec<MinimumBody> = offer
            .minimums()
            .filter(is_asked)
            .map(|least| MinimumBody {
                currency: least.currency.code(),
                amount: Major(least),
                amount_minor: least.amount.minor_units(),
            })
            .collect();
        if offer.plans.is_empty() || minimums.is_empty() {
            return None;
        }
        let plans = offer.plans.iter().map(|plan| PlanBody {
            months: plan.months,
            annual_rate: Percent(plan.annual_rate),
            no_cost: offer.no_cost_months.contains(&plan.months),
        });
        let brands = offer.brands.iter().map(|brand| brand.as_str()).collect();
        Some(Self { plans: plans.collect(), minimums, brands })
    }
}

/// The networks that have names. A card of another one is taken as well.
fn known_brands() -> Vec<&'static str> {
    let is_known = |brand: &CardBrand| *brand != CardBrand::Other;
    CardBrand::ALL.into_iter().filter(is_known).map(CardBrand::as_str).collect()
}

/// Codes, or `["*"]` for all there are.
struct Listed<'o, T>(&'o Codes<T>);

/// What is written as a code.
trait Code {
    fn text(&self) -> &str;
}

impl Code for Currency {
    fn text(&self) -> &str {
        self.code()
    }
}

impl Code for Country {
    fn text(&self) -> &str {
        self.code()
    }
}

impl<T: Code> Serialize for Listed<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Codes::All => serializer.collect_seq(["*"]),
            Codes::These(codes) => serializer.collect_seq(codes.iter().map(Code::text)),
        }
    }
}
