//! Version 2 of the control shard's record, frozen: keys have ids, kinds, scopes and lifetimes,
//! merchants can change, and there are endpoints.
//!
//! Invariant: nothing here ever changes once a release has written it; a new need is a new version.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{
    CodecError,
    value::{events, mode, time},
};
use crate::{
    api_key::{ApiKey, ApiKeyHash, ApiKeyKind, KeyTail, ScopeSet},
    event::{self, Record},
    id::Id,
    merchant::Merchant,
    timestamp::Timestamp,
    webhook_endpoint::{
        DisableReason, EventFilter, SealedSecret, WebhookEndpoint, WebhookSettings,
    },
};

#[derive(Serialize, Deserialize)]
pub(super) struct ControlRecord<'a> {
    at: u64,
    #[serde(borrow)]
    events: Vec<ControlEvent<'a>>,
}

/// bincode numbers variants in order; the order is frozen.
#[derive(Serialize, Deserialize)]
enum ControlEvent<'a> {
    MerchantCreated {
        id: u128,
        name: &'a str,
        email: Option<&'a str>,
        created_at: u64,
    },
    MerchantRenamed {
        merchant: u128,
        name: &'a str,
    },
    MerchantEmailChanged {
        merchant: u128,
        email: Option<&'a str>,
    },
    MerchantSuspended {
        merchant: u128,
    },
    MerchantResumed {
        merchant: u128,
    },
    #[serde(borrow)]
    ApiKeyIssued(Key<'a>),
    ApiKeyRotated {
        key: u128,
        successor: u128,
        expires_at: u64,
    },
    ApiKeyRevoked {
        key: u128,
    },
    #[serde(borrow)]
    WebhookEndpointCreated(Endpoint<'a>),
    WebhookEndpointChanged {
        endpoint: u128,
        #[serde(borrow)]
        settings: Settings<'a>,
    },
    WebhookSecretRotated {
        endpoint: u128,
        secret: &'a [u8],
        previous_until: u64,
    },
    WebhookEndpointEnabled {
        endpoint: u128,
    },
    WebhookEndpointDisabled {
        endpoint: u128,
        reason: u8,
    },
    WebhookEndpointDeleted {
        endpoint: u128,
    },
    MerchantOrderRuleChanged {
        merchant: u128,
        one_payment_per_order: bool,
    },
    ApiKeyForgotten {
        key: u128,
    },
    CallbackSecretRotated {
        merchant: u128,
        mode: u8,
        previous_until: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct Endpoint<'a> {
    id: u128,
    merchant: u128,
    mode: u8,
    #[serde(borrow)]
    settings: Settings<'a>,
    secret: &'a [u8],
    created_at: u64,
}

#[derive(Serialize, Deserialize)]
struct Settings<'a> {
    url: &'a str,
    description: Option<&'a str>,
    filters: Vec<&'a str>,
    headers: Option<&'a [u8]>,
    rate_per_s: Option<NonZeroU32>,
}

#[derive(Serialize, Deserialize)]
struct Key<'a> {
    id: u128,
    hash: [u8; 32],
    tail: Option<[u8; 4]>,
    kind: Kind,
    scopes: u64,
    name: Option<&'a str>,
    created_at: u64,
    expires_at: Option<u64>,
}

#[derive(Serialize, Deserialize)]
enum Kind {
    Secret { merchant: u128, mode: u8 },
    Publishable { merchant: u128, mode: u8 },
    Operator,
}

impl<'a> From<&'a Record<event::ControlEvent>> for ControlRecord<'a> {
    fn from(record: &'a Record<event::ControlEvent>) -> Self {
        Self {
            at: record.at.as_millis(),
            events: record.events.iter().map(ControlEvent::from).collect(),
        }
    }
}

impl TryFrom<ControlRecord<'_>> for Record<event::ControlEvent> {
    type Error = CodecError;

    fn try_from(record: ControlRecord<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            at: time(record.at)?,
            events: events(record.events)?
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            idempotency: None,
            effects: Vec::new(),
        })
    }
}

impl<'a> From<&'a event::ControlEvent> for ControlEvent<'a> {
    fn from(event: &'a event::ControlEvent) -> Self {
        use event::ControlEvent as From;
        match event {
            From::MerchantCreated(merchant) => Self::MerchantCreated {
                id: merchant.id.to_u128(),
                name: &merchant.name,
                email: merchant.email.as_deref(),
                created_at: merchant.created_at.as_millis(),
            },
            From::MerchantRenamed { merchant, name } => {
                Self::MerchantRenamed { merchant: merchant.to_u128(), name }
            }
            From::MerchantEmailChanged { merchant, email } => {
                Self::MerchantEmailChanged { merchant: merchant.to_u128(), email: email.as_deref() }
            }
            From::MerchantSuspended { merchant } => {
                Self::MerchantSuspended { merchant: merchant.to_u128() }
            }
            From::MerchantResumed { merchant } => {
                Self::MerchantResumed { merchant: merchant.to_u128() }
            }
            From::ApiKeyIssued(key) => Self::ApiKeyIssued(Key::from(key)),
            From::ApiKeyRotated { key, successor, expires_at } => Self::ApiKeyRotated {
                key: key.to_u128(),
                successor: successor.to_u128(),
                expires_at: expires_at.as_millis(),
            },
            From::ApiKeyRevoked { key } => Self::ApiKeyRevoked { key: key.to_u128() },
            From::WebhookEndpointCreated(endpoint) => {
                Self::WebhookEndpointCreated(Endpoint::from(endpoint))
            }
            From::WebhookEndpointChanged { endpoint, settings } => Self::WebhookEndpointChanged {
                endpoint: endpoint.to_u128(),
                settings: Settings::from(settings),
            },
            From::WebhookSecretRotated { endpoint, secret, previous_until } => {
                Self::WebhookSecretRotated {
                    endpoint: endpoint.to_u128(),
                    secret: &secret.0,
                    previous_until: previous_until.as_millis(),
                }
            }
            From::WebhookEndpointEnabled { endpoint } => {
                Self::WebhookEndpointEnabled { endpoint: endpoint.to_u128() }
            }
            From::WebhookEndpointDisabled { endpoint, reason } => Self::WebhookEndpointDisabled {
                endpoint: endpoint.to_u128(),
                reason: reason.code(),
            },
            From::WebhookEndpointDeleted { endpoint } => {
                Self::WebhookEndpointDeleted { endpoint: endpoint.to_u128() }
            }
            From::MerchantOrderRuleChanged { merchant, one_payment_per_order } => {
                Self::MerchantOrderRuleChanged {
                    merchant: merchant.to_u128(),
                    one_payment_per_order: *one_payment_per_order,
                }
            }
            From::ApiKeyForgotten { key } => Self::ApiKeyForgotten { key: key.to_u128() },
            From::CallbackSecretRotated { merchant, mode, previous_until } => {
                Self::CallbackSecretRotated {
                    merchant: merchant.to_u128(),
                    mode: mode.code(),
                    previous_until: previous_until.as_millis(),
                }
            }
        }
    }
}

impl TryFrom<ControlEvent<'_>> for event::ControlEvent {
    type Error = CodecError;

    fn try_from(event: ControlEvent<'_>) -> Result<Self, CodecError> {
        Ok(match event {
            ControlEvent::MerchantCreated { id, name, email, created_at } => {
                Self::MerchantCreated(Merchant {
                    id: Id::from_u128(id),
                    name: name.into(),
                    email: email.map(Into::into),
                    suspended_at: None,
                    one_payment_per_order: false,
                    created_at: time(created_at)?,
                    updated_at: time(created_at)?,
                })
            }
            ControlEvent::MerchantRenamed { merchant, name } => {
                Self::MerchantRenamed { merchant: Id::from_u128(merchant), name: name.into() }
            }
            ControlEvent::MerchantEmailChanged { merchant, email } => Self::MerchantEmailChanged {
                merchant: Id::from_u128(merchant),
                email: email.map(Into::into),
            },
            ControlEvent::MerchantSuspended { merchant } => {
                Self::MerchantSuspended { merchant: Id::from_u128(merchant) }
            }
            ControlEvent::MerchantResumed { merchant } => {
                Self::MerchantResumed { merchant: Id::from_u128(merchant) }
            }
            ControlEvent::ApiKeyIssued(key) => Self::ApiKeyIssued(key.try_into()?),
            ControlEvent::ApiKeyRotated { key, successor, expires_at } => Self::ApiKeyRotated {
                key: Id::from_u128(key),
                successor: Id::from_u128(successor),
                expires_at: time(expires_at)?,
            },
            ControlEvent::ApiKeyRevoked { key } => Self::ApiKeyRevoked { key: Id::from_u128(key) },
            ControlEvent::WebhookEndpointCreated(endpoint) => {
                Self::WebhookEndpointCreated(endpoint.try_into()?)
            }
            ControlEvent::WebhookEndpointChanged { endpoint, settings } => {
                Self::WebhookEndpointChanged {
                    endpoint: Id::from_u128(endpoint),
                    settings: settings.try_into()?,
                }
            }
            ControlEvent::WebhookSecretRotated { endpoint, secret, previous_until } => {
                Self::WebhookSecretRotated {
                    endpoint: Id::from_u128(endpoint),
                    secret: SealedSecret(secret.into()),
                    previous_until: time(previous_until)?,
                }
            }
            ControlEvent::WebhookEndpointEnabled { endpoint } => {
                Self::WebhookEndpointEnabled { endpoint: Id::from_u128(endpoint) }
            }
            ControlEvent::WebhookEndpointDisabled { endpoint, reason } => {
                Self::WebhookEndpointDisabled {
                    endpoint: Id::from_u128(endpoint),
                    reason: DisableReason::from_code(reason)
                        .ok_or(CodecError::Value("reason to disable"))?,
                }
            }
            ControlEvent::WebhookEndpointDeleted { endpoint } => {
                Self::WebhookEndpointDeleted { endpoint: Id::from_u128(endpoint) }
            }
            ControlEvent::MerchantOrderRuleChanged { merchant, one_payment_per_order } => {
                Self::MerchantOrderRuleChanged {
                    merchant: Id::from_u128(merchant),
                    one_payment_per_order,
                }
            }
            ControlEvent::ApiKeyForgotten { key } => {
                Self::ApiKeyForgotten { key: Id::from_u128(key) }
            }
            ControlEvent::CallbackSecretRotated { merchant, mode: world, previous_until } => {
                Self::CallbackSecretRotated {
                    merchant: Id::from_u128(merchant),
                    mode: mode(world)?,
                    previous_until: time(previous_until)?,
                }
            }
        })
    }
}

impl<'a> From<&'a ApiKey> for Key<'a> {
    fn from(key: &'a ApiKey) -> Self {
        Self {
            id: key.id.to_u128(),
            hash: key.hash.0,
            tail: key.tail.map(KeyTail::to_bytes),
            kind: match key.kind {
                ApiKeyKind::Secret { merchant, mode } => {
                    Kind::Secret { merchant: merchant.to_u128(), mode: mode.code() }
                }
                ApiKeyKind::Publishable { merchant, mode } => {
                    Kind::Publishable { merchant: merchant.to_u128(), mode: mode.code() }
                }
                ApiKeyKind::Operator => Kind::Operator,
            },
            scopes: key.scopes.to_bits(),
            name: key.name.as_deref(),
            created_at: key.created_at.as_millis(),
            expires_at: key.expires_at.map(Timestamp::as_millis),
        }
    }
}

impl TryFrom<Key<'_>> for ApiKey {
    type Error = CodecError;

    fn try_from(key: Key<'_>) -> Result<Self, CodecError> {
        let tail = |text| KeyTail::new(text).ok_or(CodecError::Value("end of a key"));
        Ok(Self {
            id: Id::from_u128(key.id),
            hash: ApiKeyHash(key.hash),
            tail: key.tail.map(tail).transpose()?,
            kind: match key.kind {
                Kind::Secret { merchant, mode: stored } => {
                    ApiKeyKind::Secret { merchant: Id::from_u128(merchant), mode: mode(stored)? }
                }
                Kind::Publishable { merchant, mode: stored } => ApiKeyKind::Publishable {
                    merchant: Id::from_u128(merchant),
                    mode: mode(stored)?,
                },
                Kind::Operator => ApiKeyKind::Operator,
            },
            scopes: ScopeSet::from_bits(key.scopes).ok_or(CodecError::Value("set of scopes"))?,
            name: key.name.map(Into::into),
            created_at: time(key.created_at)?,
            expires_at: key.expires_at.map(time).transpose()?,
            revoked_at: None,
            successor: None,
        })
    }
}

impl<'a> From<&'a WebhookEndpoint> for Endpoint<'a> {
    fn from(endpoint: &'a WebhookEndpoint) -> Self {
        Self {
            id: endpoint.id.to_u128(),
            merchant: endpoint.merchant.to_u128(),
            mode: endpoint.mode.code(),
            settings: Settings::from(&endpoint.settings),
            secret: &endpoint.secret.0,
            created_at: endpoint.created_at.as_millis(),
        }
    }
}

impl TryFrom<Endpoint<'_>> for WebhookEndpoint {
    type Error = CodecError;

    fn try_from(endpoint: Endpoint<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            id: Id::from_u128(endpoint.id),
            merchant: Id::from_u128(endpoint.merchant),
            mode: mode(endpoint.mode)?,
            settings: endpoint.settings.try_into()?,
            secret: SealedSecret(endpoint.secret.into()),
            previous_secret: None,
            disabled: None,
            created_at: time(endpoint.created_at)?,
            updated_at: time(endpoint.created_at)?,
        })
    }
}

impl<'a> From<&'a WebhookSettings> for Settings<'a> {
    fn from(settings: &'a WebhookSettings) -> Self {
        Self {
            url: &settings.url,
            description: settings.description.as_deref(),
            filters: settings.filters.iter().map(EventFilter::as_str).collect(),
            headers: settings.headers.as_ref().map(|headers| &*headers.0),
            rate_per_s: settings.rate_per_s,
        }
    }
}

impl TryFrom<Settings<'_>> for WebhookSettings {
    type Error = CodecError;

    fn try_from(settings: Settings<'_>) -> Result<Self, CodecError> {
        let filter = |text| EventFilter::new(text).ok_or(CodecError::Value("event filter"));
        Ok(Self {
            url: settings.url.into(),
            description: settings.description.map(Into::into),
            filters: settings.filters.into_iter().map(filter).collect::<Result<_, _>>()?,
            headers: settings.headers.map(|headers| SealedSecret(headers.into())),
            rate_per_s: settings.rate_per_s,
        })
    }
}
