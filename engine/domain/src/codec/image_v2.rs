//! Version 2 of the pieces of a shard's image: what version 1 does not know, for it was made when no
//! payment ever left memory. What version 1 knows is still written as that.
//!
//! Invariant: nothing here ever changes once a release has written it; a new need is a new version.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    CodecError, image_v1,
    v2::operation,
    v3,
    value::{amount_or_zero, mode, time},
};
use crate::{
    history::Chapter,
    id::Id,
    image, ledger,
    order::{self, OrderImage},
    shard_state::PaidOrder,
};

/// bincode numbers variants in order; the order is frozen.
#[derive(Serialize, Deserialize)]
pub(super) enum Piece<'a> {
    /// An order as it stands.
    Order {
        #[serde(borrow)]
        intent: operation::Order<'a>,
        attempts: u32,
        paid: i64,
        reserved: i64,
        updated_at: u64,
        departed_attempts: u32,
        departed_paid: i64,
    },
    /// A part of what happened to a payment that is in memory.
    #[serde(borrow)]
    Chapter(v3::ChapterOf<'a>),
    /// What was booked for payments that have left.
    DepartedAccount(image_v1::Piece),
    /// A merchant's own order that is paid by a payment that has left.
    PaidOrder { merchant: u128, mode: u8, order_id: &'a str, payment: u128 },
    /// How many have left, and how often one has.
    Departed { count: u64, departures: u64 },
}

impl<'a> Piece<'a> {
    pub(super) fn order(image: &'a OrderImage) -> Self {
        let OrderImage { intent, attempts, paid, reserved, updated_at, departed } = image;
        Self::Order {
            intent: operation::Order::from(&**intent),
            attempts: *attempts,
            paid: paid.minor_units(),
            reserved: reserved.minor_units(),
            updated_at: updated_at.as_millis(),
            departed_attempts: departed.attempts,
            departed_paid: departed.paid.minor_units(),
        }
    }

    pub(super) fn chapter(chapter: &'a Chapter) -> Self {
        Self::Chapter(v3::ChapterOf::from(chapter))
    }

    pub(super) fn departed_account(key: &ledger::AccountKey, balance: &ledger::Balance) -> Self {
        Self::DepartedAccount(image_v1::Piece::account(key, balance))
    }

    pub(super) fn paid_order(paid: &'a PaidOrder) -> Self {
        Self::PaidOrder {
            merchant: paid.merchant.to_u128(),
            mode: paid.mode.code(),
            order_id: &paid.order_id,
            payment: paid.payment.to_u128(),
        }
    }
}

impl TryFrom<Piece<'_>> for image::Piece {
    type Error = CodecError;

    fn try_from(piece: Piece<'_>) -> Result<Self, CodecError> {
        Ok(match piece {
            Piece::Order {
                intent,
                attempts,
                paid,
                reserved,
                updated_at,
                departed_attempts,
                departed_paid,
            } => Self::Order(OrderImage {
                intent: Arc::new(intent.try_into()?),
                attempts,
                paid: amount_or_zero(paid)?,
                reserved: amount_or_zero(reserved)?,
                updated_at: time(updated_at)?,
                departed: order::Departed {
                    attempts: departed_attempts,
                    paid: amount_or_zero(departed_paid)?,
                },
            }),
            Piece::Chapter(chapter) => Self::Chapter(chapter.try_into()?),
            Piece::DepartedAccount(account) => match account.try_into()? {
                Self::Account(key, balance) => Self::DepartedAccount(key, balance),
                Self::History(_)
                | Self::Order(_)
                | Self::Chapter(_)
                | Self::DepartedAccount(..)
                | Self::PaidOrder(_)
                | Self::Departed { .. }
                | Self::DepartedOrders(_)
                | Self::Key(..)
                | Self::End(_) => return Err(CodecError::Value("account")),
            },
            Piece::PaidOrder { merchant, mode: code, order_id, payment } => {
                Self::PaidOrder(PaidOrder {
                    merchant: Id::from_u128(merchant),
                    mode: mode(code)?,
                    order_id: order_id.into(),
                    payment: Id::from_u128(payment),
                })
            }
            Piece::Departed { count, departures } => Self::Departed { count, departures },
        })
    }
}
