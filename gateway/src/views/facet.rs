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
    store::{REALM_LENGTH, realm_key},
};
use crate::vault::Realm;

/// A facet: the key that it has in the index, without the id that it ends with there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Facet {
    /// Zeros behind the length.
    bytes: [u8; Self::LONGEST],
    length: usize,
}

impl Facet {
    /// Bytes of the longest.
    pub(super) const LONGEST: usize = REALM_LENGTH + 1 + 16;

    fn new(realm: Realm, name: u8, value: &[u8]) -> Self {
        let mut bytes = [0; Self::LONGEST];
        let length = REALM_LENGTH + 1 + value.len();
        bytes[..REALM_LENGTH].copy_from_slice(&realm_key(realm));
        bytes[REALM_LENGTH] = name;
        bytes[REALM_LENGTH + 1..length].copy_from_slice(value);
        Self { bytes, length }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

pub(super) fn of_status(
    realm: Realm,
    kind: RowKind,
    status: RowStatus,
    standing: Standing,
) -> Facet {
    Facet::new(realm, b's', &[kind.code(), status.code(), standing.code()])
}

pub(super) fn of_order(realm: Realm, order: TextDigest) -> Facet {
    Facet::new(realm, b'o', &order)
}

pub(super) fn of_customer(realm: Realm, customer: TextDigest) -> Facet {
    Facet::new(realm, b'c', &customer)
}

pub(super) fn of_payment(realm: Realm, payment: PaymentId) -> Facet {
    Facet::new(realm, b'p', &payment.to_u128().to_be_bytes())
}

pub(super) fn of_held(realm: Realm) -> Facet {
    Facet::new(realm, b'h', &[])
}

/// Everything that a row is found by, each kind of facet at a place of its own.
pub(super) fn all_of(realm: Realm, row: &Row) -> [Option<Facet>; 5] {
    let Row { kind, status, standing, .. } = *row;
    let operated = (kind != RowKind::Payment).then(|| of_payment(realm, row.payment));
    [
        Some(of_status(realm, kind, status, standing)),
        row.order.map(|order| of_order(realm, order)),
        row.customer.map(|customer| of_customer(realm, customer)),
        operated,
        row.was_held.then(|| of_held(realm)),
    ]
}
