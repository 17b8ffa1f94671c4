//! Keys: `/api/v1/merchants/{id}/keys` for operators and the merchant itself, `/api/v1/keys` for the
//! merchant that asks, `/api/v1/operator-keys` for operators.
//!
//! A merchant's key manages the keys of its own merchant and mode, and gives no more than it has. It
//! may revoke any of them: itself, and the last. The text of a key is in the answer to its issue,
//! and nowhere else.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use tollgate_domain::{
    ApiKey, ApiKeyId, ApiKeyKind, IssueApiKey, KeyAuthority, KeyOwner, MerchantId, Mode,
    RevokeApiKey, RotateApiKey, Scope,
};

use crate::{
    http::{
        authentication::{self, Caller},
        body::{read_json, read_optional_json},
        error::{ErrorCode, Problem},
        page::PageRequest,
        respond,
        state::Gateway,
        wire::{self, KeyBody, KeyRequest, NewKey, NewMerchantKey, RotationRequest},
    },
    secrets::{DrawnKey, draw_api_key},
};

/// Issues a key to a merchant.
pub(in crate::http) async fn issue_for_merchant(
    State(gateway): State<Arc<Gateway>>,
    Path(merchant): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let authority = over_merchant(&gateway, request.headers(), &merchant, Scope::KeysWrite)?;
    issue(&gateway, authority, request).await
}

/// Issues a key to the merchant that asks.
pub(in crate::http) async fn issue_own(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let authority = over_own(&gateway, request.headers(), Scope::KeysWrite)?;
    issue(&gateway, authority, request).await
}

/// Issues a key to operators.
pub(in crate::http) async fn issue_for_operators(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let authority = over_operators(&gateway, request.headers(), Scope::OperatorKeysWrite)?;
    issue(&gateway, authority, request).await
}

/// Lists a merchant's keys.
pub(in crate::http) async fn list_of_merchant(
    State(gateway): State<Arc<Gateway>>,
    Path(merchant): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    list(&gateway, over_merchant(&gateway, &headers, &merchant, Scope::KeysRead)?, &uri)
}

/// Lists the keys of the merchant that asks, those of its key's mode.
pub(in crate::http) async fn list_own(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    list(&gateway, over_own(&gateway, &headers, Scope::KeysRead)?, &uri)
}

/// Lists operators' keys.
pub(in crate::http) async fn list_of_operators(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    list(&gateway, over_operators(&gateway, &headers, Scope::OperatorKeysRead)?, &uri)
}

/// Rotates a key of a merchant.
pub(in crate::http) async fn rotate_of_merchant(
    State(gateway): State<Arc<Gateway>>,
    Path((merchant, key)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let authority = over_merchant(&gateway, request.headers(), &merchant, Scope::KeysWrite)?;
    rotate(&gateway, authority, &key, request).await
}

/// Rotates a key of the merchant that asks.
pub(in crate::http) async fn rotate_own(
    State(gateway): State<Arc<Gateway>>,
    Path(key): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let authority = over_own(&gateway, request.headers(), Scope::KeysWrite)?;
    rotate(&gateway, authority, &key, request).await
}

/// Rotates an operator's key.
pub(in crate::http) async fn rotate_of_operators(
    State(gateway): State<Arc<Gateway>>,
    Path(key): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let authority = over_operators(&gateway, request.headers(), Scope::OperatorKeysWrite)?;
    rotate(&gateway, authority, &key, request).await
}

/// Revokes a key of a merchant.
pub(in crate::http) async fn revoke_of_merchant(
    State(gateway): State<Arc<Gateway>>,
    Path((merchant, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let authority = over_merchant(&gateway, &headers, &merchant, Scope::KeysWrite)?;
    revoke(&gateway, authority, &key).await
}

/// Revokes a key of the merchant that asks.
pub(in crate::http) async fn revoke_own(
    State(gateway): State<Arc<Gateway>>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let authority = over_own(&gateway, &headers, Scope::KeysWrite)?;
    revoke(&gateway, authority, &key).await
}

/// Revokes an operator's key.
pub(in crate::http) async fn revoke_of_operators(
    State(gateway): State<Arc<Gateway>>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let authority = over_operators(&gateway, &headers, Scope::OperatorKeysWrite)?;
    revoke(&gateway, authority, &key).await
}

/// The say of whoever asks over the keys of the merchant with that id.
fn over_merchant(
    gateway: &Gateway,
    headers: &HeaderMap,
    merchant: &str,
    scope: Scope,
) -> Result<KeyAuthority, Problem> {
    let absent = || Problem::of(ErrorCode::MerchantNotFound);
    let caller = authentication::caller(gateway, headers, scope)?;
    let merchant: MerchantId = merchant.parse().map_err(|_no_id| absent())?;
    match caller {
        Caller::Operator(operator) => {
            let control = gateway.serving()?.engine.control();
            let known = control.read(|state| state.merchant(merchant).is_some());
            let authority = KeyAuthority::over_merchant(operator.asker(), merchant);
            if known { Ok(authority) } else { Err(absent()) }
        }
        Caller::Merchant(own) if own.merchant == merchant => {
            Ok(KeyAuthority::of_merchant(own.key, merchant, own.mode, own.scopes))
        }
        Caller::Merchant(_) | Caller::Checkout(_) => Err(absent()),
    }
}

/// The say of a merchant over its own keys.
fn over_own(gateway: &Gateway, headers: &HeaderMap, scope: Scope) -> Result<KeyAuthority, Problem> {
    let own = authentication::merchant(gateway, headers, scope)?;
    Ok(KeyAuthority::of_merchant(own.key, own.merchant, own.mode, own.scopes))
}

/// The say of an operator over operators' keys.
fn over_operators(
    gateway: &Gateway,
    headers: &HeaderMap,
    scope: Scope,
) -> Result<KeyAuthority, Problem> {
    let operator = authentication::operator(gateway, headers, scope)?;
    Ok(KeyAuthority::over_operators(operator.asker(), operator.scopes))
}

async fn issue(
    gateway: &Gateway,
    authority: KeyAuthority,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let now = (gateway.clock)();
    let body = read_json(request, gateway.body_limits).await?;
    let request: KeyRequest<'_> = wire::parse(&body)?;
    let (kind, NewKey { name, scopes, expires_at }) = match authority.owner {
        KeyOwner::Merchant(merchant) => {
            let NewMerchantKey { publishable, mode, key } = request.of_merchant(now)?;
            let mode = mode.or(authority.mode).unwrap_or(Mode::Test);
            let kind = if publishable {
                ApiKeyKind::Publishable { merchant, mode }
            } else {
                ApiKeyKind::Secret { merchant, mode }
            };
            (kind, key)
        }
        KeyOwner::Operators => (ApiKeyKind::Operator, request.of_operator(now)?),
    };
    let DrawnKey { text, imprint } = drawn(kind)?;
    let command = IssueApiKey { authority, kind, imprint, name, scopes, expires_at };
    let key = gateway.serving()?.engine.control_command(command).await?;
    Ok(respond::json(StatusCode::CREATED, &KeyBody::with_text(&key, now, &text)))
}

fn list(gateway: &Gateway, authority: KeyAuthority, uri: &Uri) -> Result<Response, Problem> {
    let now = (gateway.clock)();
    let page = PageRequest::<ApiKeyId>::parse(uri.query())?;
    let range = page.range();
    let control = gateway.serving()?.engine.control();
    Ok(control.read(|state| {
        let keys = state.keys_of(authority.owner).filter(|key| authority.reaches(key));
        let keys = keys.filter(|key| std::ops::RangeBounds::contains(&range, &key.id));
        let page = page.take(keys.map(|key| KeyBody::new(key, now)), uri.path());
        respond::json(StatusCode::OK, &page)
    }))
}

async fn rotate(
    gateway: &Gateway,
    authority: KeyAuthority,
    key: &str,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let now = (gateway.clock)();
    let key = reached(gateway, &authority, key)?;
    let body = read_optional_json(request, gateway.body_limits).await?;
    let rotation = match &body {
        Some(body) => wire::parse::<RotationRequest<'_>>(body)?,
        None => RotationRequest::default(),
    };
    let rotation = rotation.validate(now)?;
    let DrawnKey { text, imprint } = drawn(key.kind)?;
    let command = RotateApiKey {
        authority,
        key: key.id,
        imprint,
        overlap: rotation.overlap,
        expires_at: rotation.expires_at,
    };
    let successor = gateway.serving()?.engine.control_command(command).await?;
    Ok(respond::json(StatusCode::CREATED, &KeyBody::with_text(&successor, now, &text)))
}

async fn revoke(
    gateway: &Gateway,
    authority: KeyAuthority,
    key: &str,
) -> Result<Response, Problem> {
    let key = key.parse().map_err(|_no_id| Problem::of(ErrorCode::ApiKeyNotFound))?;
    let command = RevokeApiKey { authority, key };
    let key = gateway.serving()?.engine.control_command(command).await?;
    Ok(respond::json(StatusCode::OK, &KeyBody::new(&key, (gateway.clock)())))
}

/// The key of that id, whose kind the text of its successor begins with. The control shard looks
/// again.
fn reached(gateway: &Gateway, authority: &KeyAuthority, key: &str) -> Result<ApiKey, Problem> {
    let id: Option<ApiKeyId> = key.parse().ok();
    let control = gateway.serving()?.engine.control();
    control
        .read(|state| state.key(id?).filter(|key| authority.reaches(key)).cloned())
        .ok_or_else(|| Problem::of(ErrorCode::ApiKeyNotFound))
}

/// Draws a key of that kind.
pub(super) fn drawn(kind: ApiKeyKind) -> Result<DrawnKey, Problem> {
    let prefix = match kind {
        ApiKeyKind::Secret { mode: Mode::Test, .. } => "sk_test_",
        ApiKeyKind::Secret { mode: Mode::Live, .. } => "sk_live_",
        ApiKeyKind::Publishable { mode: Mode::Test, .. } => "pk_test_",
        ApiKeyKind::Publishable { mode: Mode::Live, .. } => "pk_live_",
        ApiKeyKind::Operator => "ak_",
    };
    draw_api_key(prefix).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "no key can be drawn");
        Problem::of(ErrorCode::InternalError)
    })
}
