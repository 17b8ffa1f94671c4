//! What rows are found by: a facet is a property that the index has a list of ids for.
//!
//! ```text
//!   realm 17 · 's' · kind 1 · status 1 · standing 1     what became of it
//!   realm 17 · 'o' · digest of the order 16             and all that is done to its payments
//!   realm 17 · 'c' · digest of the customer 16          likewise
//!   realm 17 · 'p' · payment 16                         what is done to it
//!   realm 17 · 'h'                                      payments that a reviewer had to decide about
//! ```

use tollgate_domain::PaymentId;

use super::{
    row::{Row, RowKind, RowStatus, Standing, TextDigest},
    store::realm_key,
};
use crate::vault::Realm;

/// The key of a facet, without the id that it ends with in the index.
pub(super) type FacetKey = Vec<u8>;

pub(super) fn of_status(
    realm: Realm,
    kind: RowKind,
    status: RowStatus,
    standing: Standing,
) -> FacetKey {
    facet(realm, b's', &[kind.code(), status.code(), standing.code()])
}

pub(super) fn of_order(realm: Realm, order: TextDigest) -> FacetKey {
    facet(realm, b'o', &order)
}

pub(super) fn of_customer(realm: Realm, customer: TextDigest) -> FacetKey {
    facet(realm, b'c', &customer)
}

pub(super) fn of_payment(realm: Realm, payment: PaymentId) -> FacetKey {
    facet(realm, b'p', &payment.to_u128().to_be_bytes())
}

pub(super) fn of_held(realm: Realm) -> FacetKey {
    facet(realm, b'h', &[])
}

/// Everything that a row is found by.
pub(super) fn all_of(realm: Realm, row: &Row) -> impl Iterator<Item = FacetKey> {
    let Row { kind, status, standing, .. } = *row;
    let operated = (kind != RowKind::Payment).then(|| of_payment(realm, row.payment));
    [
        Some(of_status(realm, kind, status, standing)),
        row.order.map(|order| of_order(realm, order)),
        row.customer.map(|customer| of_customer(realm, customer)),
        operated,
        row.was_held.then(|| of_held(realm)),
    ]
    .into_iter()
    .flatten()
}

fn facet(realm: Realm, name: u8, value: &[u8]) -> FacetKey {
    [&realm_key(realm)[..], &[name], value].concat()
}
