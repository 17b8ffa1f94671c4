//! Version 1 of the pieces of a shard's image that are no records, frozen.
//!
//! Invariant: nothing here ever changes once a release has written it; a new need is a new version.

use serde::{Deserialize, Serialize};

use super::{
    CodecError,
    value::{mode, time},
};
use crate::{
    id::{Id, ShardId},
    idempotency::{self, Fingerprint, IdempotencyEntry, IdempotencyKey},
    image, ledger,
    money::Currency,
    provider::ProviderId,
    state_hash::StateHash,
    timestamp::Timestamp,
};

/// bincode numbers variants in order; the order is frozen.
#[derive(Serialize, Deserialize)]
pub(super) enum Piece {
    Account { mode: u8, currency: u16, account: Account, debits: i128, credits: i128 },
    Key { key: [u8; 16], fingerprint: u64, subject: Subject, created_at: u32 },
    End { shard: u16, sequence: u64, last_time: u64, oldest_key: Option<u64>, hash: [u8; 32] },
}

#[derive(Serialize, Deserialize)]
pub(super) enum Account {
    ProviderReceivable([u8; 16]),
    Bank,
    MerchantPayable(u128),
    RefundsPending(u128),
    DisputesHeld(u128),
    Fees,
    Exceptions,
}

/// What a key stands for.
#[derive(Serialize, Deserialize)]
pub(super) enum Subject {
    Payment(u128),
    Operation(u128),
    Order(u128),
    Review(u128),
}

impl Piece {
    pub(super) fn account(key: &ledger::AccountKey, balance: &ledger::Balance) -> Self {
        Self::Account {
            mode: key.mode.code(),
            currency: key.currency.numeric(),
            account: Account::from(&key.account),
            debits: balance.debits,
            credits: balance.credits,
        }
    }

    pub(super) fn key(entry: &IdempotencyEntry, created_at: u32) -> Self {
        Self::Key {
            key: entry.key.0,
            fingerprint: entry.fingerprint.0,
            subject: Subject::from(entry.subject),
            created_at,
        }
    }

    pub(super) fn end(end: &image::ImageEnd) -> Self {
        Self::End {
            shard: end.shard.0,
            sequence: end.sequence,
            last_time: end.last_time.as_millis(),
            oldest_key: end.oldest_key.map(Timestamp::as_millis),
            hash: end.hash.to_bytes(),
        }
    }
}

impl TryFrom<Piece> for image::Piece {
    type Error = CodecError;

    fn try_from(piece: Piece) -> Result<Self, CodecError> {
        Ok(match piece {
            Piece::Account { mode: code, currency, account, debits, credits } => {
                let key = ledger::AccountKey {
                    mode: mode(code)?,
                    currency: Currency::from_numeric(currency)
                        .map_err(|_unknown| CodecError::Value("currency"))?,
                    account: account.try_into()?,
                };
                Self::Account(key, ledger::Balance { debits, credits })
            }
            Piece::Key { key, fingerprint, subject, created_at } => {
                let entry = IdempotencyEntry {
                    key: IdempotencyKey(key),
                    fingerprint: Fingerprint(fingerprint),
                    subject: subject.into(),
                };
                Self::Key(entry, created_at)
            }
            Piece::End { shard, sequence, last_time, oldest_key, hash } => {
                Self::End(image::ImageEnd {
                    shard: ShardId(shard),
                    sequence,
                    last_time: time(last_time)?,
                    oldest_key: oldest_key.map(time).transpose()?,
                    hash: StateHash::from_bytes(hash),
                })
            }
        })
    }
}

impl From<idempotency::Subject> for Subject {
    fn from(subject: idempotency::Subject) -> Self {
        match subject {
            idempotency::Subject::Payment(id) => Self::Payment(id.to_u128()),
            idempotency::Subject::Operation(id) => Self::Operation(id.to_u128()),
            idempotency::Subject::Order(id) => Self::Order(id.to_u128()),
            idempotency::Subject::Review(id) => Self::Review(id.to_u128()),
        }
    }
}

impl From<Subject> for idempotency::Subject {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::Payment(id) => Self::Payment(Id::from_u128(id)),
            Subject::Operation(id) => Self::Operation(Id::from_u128(id)),
            Subject::Order(id) => Self::Order(Id::from_u128(id)),
            Subject::Review(id) => Self::Review(Id::from_u128(id)),
        }
    }
}

impl From<&ledger::Account> for Account {
    fn from(account: &ledger::Account) -> Self {
        match account {
            ledger::Account::ProviderReceivable(provider) => {
                Self::ProviderReceivable(provider.to_bytes())
            }
            ledger::Account::Bank => Self::Bank,
            ledger::Account::MerchantPayable(id) => Self::MerchantPayable(id.to_u128()),
            ledger::Account::RefundsPending(id) => Self::RefundsPending(id.to_u128()),
            ledger::Account::DisputesHeld(id) => Self::DisputesHeld(id.to_u128()),
            ledger::Account::Fees => Self::Fees,
            ledger::Account::Exceptions => Self::Exceptions,
        }
    }
}

impl TryFrom<Account> for ledger::Account {
    type Error = CodecError;

    fn try_from(account: Account) -> Result<Self, CodecError> {
        Ok(match account {
            Account::ProviderReceivable(provider) => Self::ProviderReceivable(
                ProviderId::from_bytes(provider).ok_or(CodecError::Value("provider name"))?,
            ),
            Account::Bank => Self::Bank,
            Account::MerchantPayable(id) => Self::MerchantPayable(Id::from_u128(id)),
            Account::RefundsPending(id) => Self::RefundsPending(Id::from_u128(id)),
            Account::DisputesHeld(id) => Self::DisputesHeld(Id::from_u128(id)),
            Account::Fees => Self::Fees,
            Account::Exceptions => Self::Exceptions,
        })
    }
}
