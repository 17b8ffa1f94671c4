//! Which rows a list is of, and how they are found: by the narrowest facet that is asked for, newest
//! or oldest first, each row then held against everything else that is asked for.
//!
//! A facet's ids are in the order of time, so that several of them are merged as they are read and
//! nothing is sorted. What no facet narrows is looked at row by row, within the times that are asked
//! for: a span of time is a range of ids.

use std::{iter::Peekable, ops::RangeInclusive};

use tollgate_domain::{Currency, PaymentId, PaymentStatus, ShardId, Timestamp};

use super::{
    ViewError,
    facet::{self, Facet},
    row::{MethodKind, Row, RowKind, RowStatus, Standing, TextDigest},
    store::Reading,
};
use crate::vault::Realm;

/// What is asked for. `None` asks for anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Selection {
    pub(crate) realm: Realm,
    pub(crate) kind: Option<RowKind>,
    /// By its own account.
    pub(crate) status: Option<RowStatus>,
    pub(crate) standing: Option<Standing>,
    pub(crate) payment: Option<PaymentId>,
    pub(crate) order: Option<TextDigest>,
    pub(crate) customer: Option<TextDigest>,
    pub(crate) currency: Option<Currency>,
    pub(crate) method: Option<MethodKind>,
    /// In minor units.
    pub(crate) amounts: RangeInclusive<i64>,
    /// When it began, in milliseconds since 1970.
    pub(crate) created: RangeInclusive<u64>,
    /// Payments alone that a reviewer has to decide about, or had to.
    pub(crate) review: Option<Review>,
}

/// Payments that are held for a reviewer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Review {
    /// Those that wait.
    Open,
    /// Those that are decided about, or have come to an end otherwise.
    Closed,
    /// All.
    Any,
}

/// Which part of a list is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    /// The lowest and the highest id that may be in it.
    pub(crate) from: u128,
    pub(crate) to: u128,
    pub(crate) newest_first: bool,
}

const IN_REVIEW: RowStatus = RowStatus::Payment(PaymentStatus::Review);

impl Part {
    /// What of it is behind a row.
    pub(crate) fn beyond(self, id: u128) -> Self {
        if self.newest_first {
            Self { to: id.saturating_sub(1), ..self }
        } else {
            Self { from: id.saturating_add(1), ..self }
        }
    }
}

/// A row with its id.
pub(crate) type Found = (u128, Row);

impl Selection {
    /// Everything of a merchant in a mode.
    pub(crate) fn all_of(realm: Realm) -> Self {
        Self {
            realm,
            kind: None,
            status: None,
            standing: None,
            payment: None,
            order: None,
            customer: None,
            currency: None,
            method: None,
            amounts: i64::MIN..=i64::MAX,
            created: 0..=Timestamp::MAX.as_millis(),
            review: None,
        }
    }

    /// Whether a row is asked for. Its time is not looked at: the range of its ids sees to that.
    pub(crate) fn takes(&self, row: &Row) -> bool {
        fn is<T: PartialEq>(wanted: Option<T>, found: T) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        let in_review = row.status == IN_REVIEW;
        let review = match self.review {
            None => true,
            Some(Review::Open) => in_review,
            Some(Review::Closed) => row.was_held && !in_review,
            Some(Review::Any) => row.was_held,
        };
        review
            && is(self.kind, row.kind)
            && is(self.status, row.status)
            && is(self.standing, row.standing)
            && is(self.payment, row.payment)
            && self.order.is_none_or(|order| row.order == Some(order))
            && self.customer.is_none_or(|customer| row.customer == Some(customer))
            && is(self.currency, row.currency)
            && is(self.method, row.method)
            && self.amounts.contains(&row.amount)
    }

    /// Whether tallies alone tell how many rows there are.
    pub(super) fn is_tallied(&self) -> bool {
        self.payment.is_none()
            && self.order.is_none()
            && self.customer.is_none()
            && self.method.is_none()
            && self.review.is_none()
            && self.amounts == (i64::MIN..=i64::MAX)
            && self.created == (0..=Timestamp::MAX.as_millis())
    }

    /// Where rows are looked for.
    fn source(&self) -> Source {
        let realm = self.realm;
        if let Some(payment) = self.payment {
            return Source::Payment(payment);
        }
        if let Some(order) = self.order {
            return Source::Facets(vec![facet::of_order(realm, order)]);
        }
        if let Some(customer) = self.customer {
            return Source::Facets(vec![facet::of_customer(realm, customer)]);
        }
        let (kind, status) = match self.review {
            Some(Review::Open) => (Some(RowKind::Payment), Some(IN_REVIEW)),
            Some(Review::Closed | Review::Any) => {
                return Source::Facets(vec![facet::of_held(realm)]);
            }
            None => (self.kind, self.status),
        };
        match (kind, status, self.standing) {
            // Most rows are payments, so that passing over the others costs less than a merge.
            (None | Some(RowKind::Payment), None, None) => Source::Rows,
            (kind, status, standing) => {
                let kinds = RowKind::ALL.into_iter().filter(|one| kind.is_none_or(|k| k == *one));
                let facets = kinds.flat_map(|kind| of_kind(realm, kind, status, standing));
                Source::Facets(facets.collect())
            }
        }
    }

    /// The ids that may be in a part, the times that are asked for considered.
    fn ids(&self, part: Part) -> (u128, u128) {
        let (first, last) = (*self.created.start(), *self.created.end());
        let lowest = PaymentId::new(Timestamp::from_millis(first), ShardId(0), 0).to_u128();
        let last = Timestamp::from_millis(last);
        let highest = PaymentId::new(last, ShardId(u16::MAX), u64::MAX).to_u128();
        (part.from.max(lowest), part.to.min(highest))
    }
}

/// Every facet of a kind that may have one of these.
fn of_kind(
    realm: Realm,
    kind: RowKind,
    status: Option<RowStatus>,
    standing: Option<Standing>,
) -> Vec<Facet> {
    let mut facets = Vec::new();
    let statuses = RowStatus::all_of(kind).into_iter();
    for status in statuses.filter(|one| status.is_none_or(|wanted| wanted == *one)) {
        let standings = Standing::ALL.into_iter().filter(|one| status.may_stand(*one));
        for standing in standings.filter(|one| standing.is_none_or(|wanted| wanted == *one)) {
            facets.push(facet::of_status(realm, kind, status, standing));
        }
    }
    facets
}

enum Source {
    /// All rows.
    Rows,
    /// Those with one of these.
    Facets(Vec<Facet>),
    /// A payment, and what is done to it.
    Payment(PaymentId),
}

type Ids = Box<dyn Iterator<Item = Result<u128, ViewError>>>;
type Rows<'r> = Box<dyn Iterator<Item = Result<Found, ViewError>> + 'r>;

/// The rows of a part, in its order. Reads as it goes, and looks at no more than `most` rows: what no
/// facet narrows may be all that a merchant has.
pub(super) fn find<'r>(
    reading: &'r Reading<'_>,
    selection: &'r Selection,
    part: Part,
    most: usize,
) -> impl Iterator<Item = Result<Found, ViewError>> + 'r {
    let within = move |(looked_at, found): (usize, Result<Found, ViewError>)| {
        if looked_at < most { found } else { Err(ViewError::TooBroad(most)) }
    };
    let looked_at = candidates(reading, selection, part).enumerate().map(within);
    looked_at.filter(|found| match found {
        Ok((_id, row)) => selection.takes(row),
        Err(_) => true,
    })
}

fn candidates<'r>(reading: &'r Reading<'_>, selection: &'r Selection, part: Part) -> Rows<'r> {
    let (from, to) = selection.ids(part);
    if from > to {
        return Box::new(std::iter::empty());
    }
    let realm = selection.realm;
    let facet = |facet: &Facet| -> Ids {
        let ids = reading.indexed(facet, from, to);
        if part.newest_first { Box::new(ids.rev()) } else { Box::new(ids) }
    };
    let ids: Vec<Ids> = match selection.source() {
        Source::Rows => {
            let rows = reading.rows(realm, from, to);
            return if part.newest_first { Box::new(rows.rev()) } else { Box::new(rows) };
        }
        Source::Facets(facets) => facets.iter().map(facet).collect(),
        Source::Payment(payment) => {
            let itself = Some(payment.to_u128()).filter(|id| (from..=to).contains(id));
            vec![facet(&facet::of_payment(realm, payment)), Box::new(itself.map(Ok).into_iter())]
        }
    };
    let merged = Merged::of(ids, part.newest_first);
    // A payment of another merchant has no row in this realm.
    Box::new(merged.filter_map(move |id| match id {
        Ok(id) => reading.row(realm, id).map(|row| row.map(|row| (id, row))).transpose(),
        Err(error) => Some(Err(error)),
    }))
}

/// Several sorted sequences of ids as one.
struct Merged {
    sources: Vec<Peekable<Ids>>,
    newest_first: bool,
}

impl Merged {
    fn of(sources: Vec<Ids>, newest_first: bool) -> Self {
        Self { sources: sources.into_iter().map(Iterator::peekable).collect(), newest_first }
    }
}

impl Iterator for Merged {
    type Item = Result<u128, ViewError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut best: Option<(usize, u128)> = None;
        for (place, source) in self.sources.iter_mut().enumerate() {
            match source.peek() {
                None => {}
                Some(Err(_)) => return source.next(),
                Some(Ok(id)) => {
                    let is_next =
                        best.is_none_or(
                            |(_place, known)| {
                                if self.newest_first { *id > known } else { *id < known }
                            },
                        );
                    if is_next {
                        best = Some((place, *id));
                    }
                }
            }
        }
        let (place, _id) = best?;
        self.sources.get_mut(place)?.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(sources: &[&[u128]], newest_first: bool) -> Vec<u128> {
        let ids = |ids: &[u128]| -> Ids { Box::new(Vec::from(ids).into_iter().map(Ok)) };
        let sources = sources.iter().map(|source| ids(source)).collect();
        Merged::of(sources, newest_first).map(Result::unwrap).collect()
    }

    #[test]
    fn sorted_sequences_are_merged_both_ways() {
        assert_eq!(merged(&[&[9, 4, 1], &[], &[8, 5]], true), [9, 8, 5, 4, 1]);
        assert_eq!(merged(&[&[1, 4, 9], &[], &[5, 8]], false), [1, 4, 5, 8, 9]);
        assert_eq!(merged(&[], true), Vec::<u128>::new());
    }
}
