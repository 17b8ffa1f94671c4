//! How far somebody's say over keys reaches.
//!
//! Invariant: nobody issues or renews a key that may do more than he may, or one of another owner or
//! of a world that is not his.

use super::{ApiKey, ApiKeyKind, Asker, KeyOwner, ScopeSet};
use crate::{
    control_rejection::ControlRejection,
    id::{ApiKeyId, MerchantId},
    merchant::Mode,
};

/// Over which keys somebody has a say. Whether he has any at all, the gateway has checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyAuthority {
    /// Whose say it is.
    pub asker: Asker,
    /// Whose keys.
    pub owner: KeyOwner,
    /// Of one world alone, or of both.
    pub mode: Option<Mode>,
    /// The most that a key may do which he issues or renews.
    pub scopes: ScopeSet,
}

impl KeyAuthority {
    /// An operator's say over a merchant's keys.
    #[must_use]
    pub const fn over_merchant(asker: Asker, merchant: MerchantId) -> Self {
        Self { asker, owner: KeyOwner::Merchant(merchant), mode: None, scopes: ScopeSet::ALL }
    }

    /// An operator's say over operators' keys, by a key with these scopes.
    #[must_use]
    pub const fn over_operators(asker: Asker, scopes: ScopeSet) -> Self {
        Self { asker, owner: KeyOwner::Operators, mode: None, scopes }
    }

    /// A merchant's say over its own keys, by this key of that world with these scopes.
    #[must_use]
    pub const fn of_merchant(
        key: ApiKeyId,
        merchant: MerchantId,
        mode: Mode,
        scopes: ScopeSet,
    ) -> Self {
        let owner = KeyOwner::Merchant(merchant);
        Self { asker: Asker::Key(key), owner, mode: Some(mode), scopes }
    }

    /// Whether a key exists, for him.
    #[must_use]
    pub fn reaches(&self, key: &ApiKey) -> bool {
        self.reaches_kind(key.kind)
    }

    /// The key, if there is one and it is within reach.
    pub(crate) fn reached<'k>(
        &self,
        id: ApiKeyId,
        key: Option<&'k ApiKey>,
    ) -> Result<&'k ApiKey, ControlRejection> {
        key.filter(|key| self.reaches(key)).ok_or(ControlRejection::ApiKeyNotFound(id))
    }

    pub(crate) fn reaches_kind(&self, kind: ApiKeyKind) -> bool {
        let own_mode = self.mode.is_none_or(|mode| kind.mode() == Some(mode));
        kind.owner() == self.owner && own_mode
    }

    /// What a new key of that kind gets: what is asked for, else as much as he may give.
    pub(crate) fn grant(
        &self,
        kind: ApiKeyKind,
        asked: Option<ScopeSet>,
    ) -> Result<ScopeSet, ControlRejection> {
        let granted = match asked {
            Some(asked) => asked,
            None if self.scopes == ScopeSet::ALL => ScopeSet::ALL,
            None => self.scopes.within(kind).collect(),
        };
        if !self.scopes.includes(granted) {
            return Err(ControlRejection::ScopesExceedAuthority);
        }
        if granted != ScopeSet::ALL && granted != granted.within(kind).collect() {
            return Err(ControlRejection::ScopesNotOfKind);
        }
        if granted == ScopeSet::NONE { Err(ControlRejection::NoScopes) } else { Ok(granted) }
    }
}
