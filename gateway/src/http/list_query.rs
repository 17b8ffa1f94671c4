//! What a query of a list of payments, transactions, refunds or reviews asks for: which rows, and
//! which page of them.
//!
//! ```text
//!   ?status=completed&created[gte]=2026-01-15T00:00:00Z&amount_minor[lt]=10000&limit=100
//! ```
//!
//! All faults of a query are told at once. Times are RFC 3339, or seconds since 1970.

use std::{borrow::Cow, ops::RangeInclusive, str::FromStr};

use tollgate_domain::{Currency, Id, IdKind, MerchantId, Mode, PaymentId, Timestamp};

use super::{
    error::{ErrorCode, Fault, Problem},
    page::PageRequest,
    rows::{Reach, Rows},
    surface::Surface,
    wire::{decode, parse_rfc3339},
};
use crate::views::{MethodKind, Review, RowKind, RowStatus, STATUSES, Standing};

/// What a list is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ListOf {
    Payments,
    Transactions,
    Refunds,
    Reviews,
}

/// What rows are asked for; `None` asks for any.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Filters {
    pub(super) merchant: Option<MerchantId>,
    pub(super) mode: Option<Mode>,
    pub(super) kind: Option<RowKind>,
    pub(super) status: Option<RowStatus>,
    pub(super) standing: Option<Standing>,
    pub(super) review: Option<Review>,
    pub(super) payment: Option<PaymentId>,
    pub(super) order_id: Option<String>,
    pub(super) customer_id: Option<String>,
    pub(super) currency: Option<Currency>,
    pub(super) method: Option<MethodKind>,
    pub(super) amounts: Bounds,
    /// In milliseconds since 1970.
    pub(super) created: Bounds,
}

/// A query of version 1.
pub(super) struct ListQuery<I> {
    pub(super) page: PageRequest<I>,
    pub(super) filters: Filters,
}

/// A query of the classic surface.
pub(super) struct ClassicListQuery {
    pub(super) rows: Rows,
    pub(super) filters: Filters,
}

/// From where to where, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bounds {
    from: i128,
    to: i128,
}

/// How a value is compared with a bound.
#[derive(Clone, Copy)]
enum Comparison {
    Is,
    AtLeast,
    Above,
    AtMost,
    Below,
}

/// What the classic surface calls parameters, and what they are here.
const CLASSIC_NAMES: [(&str, &str); 7] = [
    ("merchantID", "merchant_id"),
    ("paymentID", "payment_id"),
    ("orderID", "order_id"),
    ("customerID", "customer_id"),
    ("paymentMethod", "payment_method"),
    ("startDate", "created[gte]"),
    ("endDate", "created[lte]"),
];

impl<K: IdKind> ListQuery<Id<K>> {
    /// Reads a query.
    ///
    /// # Errors
    /// All faults at once.
    pub(super) fn parse(list: ListOf, query: Option<&str>) -> Result<Self, Problem> {
        let (mut page, mut filters) = (PageRequest::newest(), Filters::of(list));
        let mut reader = Reader::of(list, Surface::V1);
        for (name, value) in reader.pairs(query) {
            if !page.take_parameter(&name, &value, &mut reader.faults)
                && !reader.take(&mut filters, &name, &name, &value)
            {
                reader.fault(&name, ErrorCode::ParameterUnknown, "There is no such parameter.");
            }
        }
        reader.finish()?;
        Ok(Self { page, filters })
    }
}

impl ClassicListQuery {
    /// Reads a query; parameters that are not known are passed over.
    ///
    /// # Errors
    /// All faults at once.
    pub(super) fn parse(list: ListOf, query: Option<&str>) -> Result<Self, Problem> {
        let mut found = Self { rows: Rows::first(), filters: Filters::of(list) };
        let mut reader = Reader::of(list, Surface::Classic);
        for (name, value) in reader.pairs(query) {
            if found.rows.take_parameter(&name, &value, Reach::Near, &mut reader.faults) {
                continue;
            }
            let known = CLASSIC_NAMES.iter().find(|(classic, _name)| *classic == &*name);
            let known = known.map_or(&*name, |(_classic, name)| *name);
            let _unknown = reader.take(&mut found.filters, known, &name, &value);
        }
        reader.finish()?;
        Ok(found)
    }
}

impl Filters {
    /// What a list shows where nothing is asked for.
    pub(super) fn of(list: ListOf) -> Self {
        let (kind, review) = match list {
            ListOf::Payments => (Some(RowKind::Payment), None),
            ListOf::Transactions => (None, None),
            ListOf::Refunds => (Some(RowKind::Refund), None),
            ListOf::Reviews => (Some(RowKind::Payment), Some(Review::Open)),
        };
        Self {
            merchant: None,
            mode: None,
            kind,
            status: None,
            standing: None,
            review,
            payment: None,
            order_id: None,
            customer_id: None,
            currency: None,
            method: None,
            amounts: Bounds::EVERYTHING,
            created: Bounds::EVERYTHING,
        }
    }
}

impl Bounds {
    pub(super) const EVERYTHING: Self = Self { from: i128::MIN, to: i128::MAX };

    /// So many milliseconds from a time on.
    pub(super) fn of_span(from: Timestamp, millis: u64) -> Self {
        let from = i128::from(from.as_millis());
        Self { from, to: from + i128::from(millis) - 1 }
    }

    /// As amounts: minor units.
    pub(super) fn of_amounts(self) -> RangeInclusive<i64> {
        let lowest = i64::try_from(self.from.max(i64::MIN.into())).unwrap_or(i64::MAX);
        lowest..=i64::try_from(self.to.min(i64::MAX.into())).unwrap_or(i64::MIN)
    }

    /// As times, in milliseconds.
    pub(super) fn of_times(self) -> RangeInclusive<u64> {
        let latest = i128::from(Timestamp::MAX.as_millis());
        if self.from > latest || self.to < 0 || self.from > self.to {
            return RangeInclusive::new(1, 0);
        }
        let millis = |time: i128| u64::try_from(time.clamp(0, latest)).unwrap_or(0);
        millis(self.from)..=millis(self.to)
    }

    /// Leaves what compares so with a value.
    fn narrow(&mut self, comparison: Comparison, value: i128) {
        match comparison {
            Comparison::Is => {
                self.narrow(Comparison::AtLeast, value);
                self.narrow(Comparison::AtMost, value);
            }
            Comparison::AtLeast => self.from = self.from.max(value),
            Comparison::Above => self.from = self.from.max(value.saturating_add(1)),
            Comparison::AtMost => self.to = self.to.min(value),
            Comparison::Below => self.to = self.to.min(value.saturating_sub(1)),
        }
    }
}

/// Reads parameters one after another.
pub(super) struct Reader {
    list: ListOf,
    surface: Surface,
    faults: Vec<Fault>,
    seen: Vec<String>,
}

impl Reader {
    pub(super) fn of(list: ListOf, surface: Surface) -> Self {
        Self { list, surface, faults: Vec::new(), seen: Vec::new() }
    }

    /// Names and values of a query.
    pub(super) fn pairs<'q>(&mut self, query: Option<&'q str>) -> Vec<(Cow<'q, str>, String)> {
        pairs(query, &mut self.faults)
    }

    /// Takes a parameter into the filters, if it is one of the list's. `written` is what the client
    /// calls it.
    pub(super) fn take(
        &mut self,
        filters: &mut Filters,
        name: &str,
        written: &str,
        value: &str,
    ) -> bool {
        if let Some(comparison) = comparison_of(name, "created") {
            match time(value) {
                Some(time) => filters.created.narrow(comparison, time),
                None => self.invalid(
                    written,
                    "A time is written as 2026-01-15T10:30:00Z, or as seconds since 1970.",
                ),
            }
            return true;
        }
        if let Some(comparison) = comparison_of(name, "amount_minor") {
            match value.parse::<i64>() {
                Ok(amount) => filters.amounts.narrow(comparison, amount.into()),
                Err(_) => self.invalid(written, "An amount is a whole number of minor units."),
            }
            return true;
        }
        match name {
            "merchant_id" => self.set(&mut filters.merchant, written, parsed(value), NO_ID),
            "livemode" => {
                let mode = match value {
                    "true" => Some(Mode::Live),
                    "false" => Some(Mode::Test),
                    _other => None,
                };
                self.set(&mut filters.mode, written, mode, "It is true or false.");
            }
            "order_id" => {
                let id = Some(value.to_owned()).filter(|id| !id.is_empty());
                self.set(&mut filters.order_id, written, id, "It is empty.");
            }
            "customer_id" => {
                let id = Some(value.to_owned()).filter(|id| !id.is_empty());
                self.set(&mut filters.customer_id, written, id, "It is empty.");
            }
            "currency" => {
                let currency = Currency::from_code(&value.to_ascii_uppercase()).ok();
                let detail = "A currency is an ISO 4217 code such as INR.";
                self.set(&mut filters.currency, written, currency, detail);
            }
            "payment_method" => {
                let value = value.to_ascii_lowercase();
                let method = MethodKind::ALL.into_iter().find(|known| known.as_str() == value);
                let detail = "A method is card, upi, netbanking or wallet.";
                self.set(&mut filters.method, written, method, detail);
            }
            "payment_id" if self.has_payments() => {
                self.set(&mut filters.payment, written, parsed(value), NO_ID);
            }
            "type" if self.list == ListOf::Transactions => {
                let kind = RowKind::ALL.into_iter().find(|known| known.as_str() == value);
                let detail = "A type is payment, confirmation, capture, void, reversal or refund.";
                self.set(&mut filters.kind, written, kind, detail);
            }
            "status" => self.take_status(filters, written, value),
            _other => return false,
        }
        true
    }

    fn take_status(&mut self, filters: &mut Filters, written: &str, value: &str) {
        match self.list {
            ListOf::Payments => {
                let status = STATUSES.into_iter().find(|known| known.as_str() == value);
                let status = status.map(RowStatus::Payment);
                self.set(&mut filters.status, written, status, "A payment has no such status.");
            }
            ListOf::Transactions => {
                let standing = self.standing(value);
                self.set(&mut filters.standing, written, standing, NO_STANDING);
            }
            ListOf::Refunds => {
                let status = self.standing(value).map(RowStatus::Operation);
                self.set(&mut filters.status, written, status, NO_STANDING);
            }
            ListOf::Reviews => {
                // What a list of reviews shows by itself is what is asked for most.
                filters.review = None;
                let review = match value {
                    "open" => Some(Review::Open),
                    "closed" => Some(Review::Closed),
                    "all" => Some(Review::Any),
                    _other => None,
                };
                self.set(&mut filters.review, written, review, "It is open, closed or all.");
            }
        }
    }

    /// The older API called what has succeeded completed.
    fn standing(&self, value: &str) -> Option<Standing> {
        let value = match (self.surface, value) {
            (Surface::Classic, "completed") => "succeeded",
            (Surface::V1 | Surface::Classic, value) => value,
        };
        Standing::ALL.into_iter().find(|known| known.as_str() == value)
    }

    /// Whether the list shows what is done to payments.
    const fn has_payments(&self) -> bool {
        match self.list {
            ListOf::Transactions | ListOf::Refunds => true,
            ListOf::Payments | ListOf::Reviews => false,
        }
    }

    pub(super) fn set<T>(
        &mut self,
        place: &mut Option<T>,
        written: &str,
        value: Option<T>,
        detail: &'static str,
    ) {
        if self.seen.iter().any(|seen| seen == written) {
            self.fault(written, ErrorCode::ParameterConflict, "It is given twice.");
        }
        self.seen.push(written.to_owned());
        match value {
            Some(value) => *place = Some(value),
            None => self.invalid(written, detail),
        }
    }

    fn invalid(&mut self, name: &str, detail: &'static str) {
        self.fault(name, ErrorCode::ParameterInvalid, detail);
    }

    pub(super) fn fault(&mut self, name: &str, code: ErrorCode, detail: &'static str) {
        self.faults.push(Fault::new(name.to_owned(), code, detail));
    }

    pub(super) fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::of_faults(self.faults)) }
    }
}

const NO_ID: &str = "This is no id of its kind.";
const NO_STANDING: &str = "A status is pending, unknown, succeeded or failed.";

/// Names and values with their escapes undone.
pub(super) fn pairs<'q>(
    query: Option<&'q str>,
    faults: &mut Vec<Fault>,
) -> Vec<(Cow<'q, str>, String)> {
    let mut pairs = Vec::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = |text: &str| decode(text.as_bytes()).map(|text| text.as_str().to_owned());
        match (plain(name), plain(value)) {
            (Ok(name), Ok(value)) => pairs.push((Cow::Owned(name), value)),
            (Err(detail), _) | (_, Err(detail)) => {
                faults.push(Fault::new(name.to_owned(), ErrorCode::ParameterInvalid, detail));
            }
        }
    }
    pairs
}

/// How a parameter compares the field, if it does.
fn comparison_of(name: &str, field: &str) -> Option<Comparison> {
    match name.strip_prefix(field)? {
        "" => Some(Comparison::Is),
        "[gte]" => Some(Comparison::AtLeast),
        "[gt]" => Some(Comparison::Above),
        "[lte]" => Some(Comparison::AtMost),
        "[lt]" => Some(Comparison::Below),
        _other => None,
    }
}

/// Milliseconds since 1970.
fn time(text: &str) -> Option<i128> {
    match text.parse::<u64>() {
        Ok(seconds) => Some(i128::from(seconds) * 1_000),
        Err(_) => time_in_query(text).map(|time| i128::from(time.as_millis())),
    }
}

/// A time as a query has it: an offset's `+` that was not escaped has become a space.
pub(super) fn time_in_query(text: &str) -> Option<Timestamp> {
    parse_rfc3339(&text.replace(' ', "+"))
}

fn parsed<I: FromStr>(text: &str) -> Option<I> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: ListOf, query: &str) -> Result<Filters, Problem> {
        ListQuery::<PaymentId>::parse(list, Some(query)).map(|query| query.filters)
    }

    #[test]
    fn each_list_has_filters_of_its_own() {
        let payments = parse(ListOf::Payments, "status=partially_captured&currency=inr").unwrap();
        let status = tollgate_domain::PaymentStatus::PartiallyCaptured;
        assert_eq!(payments.status, Some(RowStatus::Payment(status)));
        assert_eq!(payments.currency, Some(Currency::INR));
        let transactions = parse(ListOf::Transactions, "status=failed&type=refund").unwrap();
        assert_eq!(transactions.standing, Some(Standing::Failed));
        assert_eq!(transactions.kind, Some(RowKind::Refund));
        let reviews = parse(ListOf::Reviews, "").unwrap();
        assert_eq!(reviews.review, Some(Review::Open));
        let reviews = parse(ListOf::Reviews, "status=closed").unwrap();
        assert_eq!(reviews.review, Some(Review::Closed));
        assert!(parse(ListOf::Payments, "type=refund").is_err());
    }

    #[test]
    fn spans_are_cut_from_both_ends_and_may_be_empty() {
        let query = "amount_minor%5Bgt%5D=5&amount_minor[lte]=9&created[lt]=1970-01-01T00:00:01Z";
        let found = parse(ListOf::Payments, query).unwrap();
        assert_eq!(found.amounts.of_amounts(), 6..=9);
        assert_eq!(found.created.of_times(), 0..=999);
        for offset in ["%2B05:30", "+05:30"] {
            let query = format!("created[gte]=1970-01-02T05:30:01{offset}");
            let found = parse(ListOf::Payments, &query).unwrap();
            assert_eq!(*found.created.of_times().start(), 86_401_000);
        }
        let found = parse(ListOf::Payments, "created[gte]=2&created[lte]=2").unwrap();
        assert_eq!(found.created.of_times(), 2_000..=2_000);
        let found = parse(ListOf::Payments, "created[gt]=2&created[lt]=2").unwrap();
        assert!(found.created.of_times().is_empty());
        let found = parse(ListOf::Payments, "created[lt]=0").unwrap();
        assert!(found.created.of_times().is_empty());
        let found = parse(ListOf::Payments, "amount_minor=7").unwrap();
        assert_eq!(found.amounts.of_amounts(), 7..=7);
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let query = "limit=0&status=paid&currency=XXX&created[gte]=yesterday&amount_minor=1.5&a=b\
                     &payment_method=cash&order_id=%ff&customer_id=";
        let problem = parse(ListOf::Payments, query).unwrap_err();
        let told = serde_json::to_value(problem.document(None)).unwrap();
        let pointers: Vec<_> = told["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| fault["pointer"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(pointers.len(), 9, "{told:#}");
    }

    #[test]
    fn older_clients_use_older_names_and_may_say_what_nobody_knows() {
        let query = "limit=5&offset=20&status=completed&orderID=o%2D1&startDate=1&page=3";
        let found = ClassicListQuery::parse(ListOf::Transactions, Some(query)).unwrap();
        assert_eq!(found.rows, Rows { limit: 5, offset: 20 });
        assert_eq!(found.filters.standing, Some(Standing::Succeeded));
        assert_eq!(found.filters.order_id.as_deref(), Some("o-1"));
        assert_eq!(*found.filters.created.of_times().start(), 1_000);
        for wrong in ["offset=-1", "offset=100001", "limit=101", "status=paid"] {
            let refused = ClassicListQuery::parse(ListOf::Transactions, Some(wrong));
            assert!(refused.is_err(), "{wrong}");
        }
    }
}
