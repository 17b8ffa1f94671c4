//! Endpoints: `/api/v1/webhooks`, of the merchant and the mode of the key that asks.
//!
//! Not here: what became of deliveries, and deliveries once more, see `deliveries.rs`.
//!
//! A secret is in the answer to its making, and nowhere else. Whatever changes an endpoint is told to
//! whoever delivers to it, once it is durable.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use serde::de::IgnoredAny;
use tollgate_domain::{
    CreateWebhookEndpoint, DeleteWebhookEndpoint, EventFilter, FeedEventId, RotateCallbackSecret,
    RotateWebhookSecret, Scope, SealedSecret, ShardId, UpdateWebhookEndpoint, WebhookEndpoint,
    WebhookEndpointId, WebhookSettings,
};
use zeroize::Zeroizing;

use super::events::feed_failed;
use crate::{
    feed::{Content, FeedEvent, Rendered},
    http::{
        authentication::{self, MerchantCaller},
        body::{read_json, read_optional_json},
        error::{ErrorCode, Problem},
        page::PageRequest,
        respond,
        state::{Gateway, Serving},
        wire::{
            self, AttemptBody, CallbackSecretBody, DeletedEndpointBody, EndpointBody,
            EndpointWishes, SecretRequest, TestRequest, WebhookRequest,
        },
    },
    secrets,
    vault::Realm,
    webhook::{QueueId, SealedKind, WebhookSecret},
};

/// Creates an endpoint.
pub(in crate::http) async fn create(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, request.headers(), Scope::WebhooksWrite)?;
    let serving = gateway.serving()?;
    let body = read_json(request, gateway.body_limits).await?;
    let wishes = wire::parse::<WebhookRequest<'_>>(&body)?;
    let wishes = wishes.of_creation(own.mode, serving.webhooks.rules())?;
    let realm = realm_of(&own);
    let secret = match wishes.secret {
        Some(secret) => secret,
        None => WebhookSecret::draw().map_err(no_secret)?,
    };
    let text = secret.to_text();
    let every = || vec![EventFilter::new("*").expect("a filter")];
    let settings = WebhookSettings {
        url: wishes.url.unwrap_or_default(),
        description: wishes.description.flatten(),
        filters: wishes.filters.unwrap_or_else(every),
        headers: sealed_headers(serving, realm, wishes.headers)?,
        rate_per_s: wishes.rate_per_s.flatten(),
    };
    let secret = sealed(serving, realm, SealedKind::Secret, secret.bytes())?;
    let command = CreateWebhookEndpoint {
        asker: own.asker(),
        merchant: own.merchant,
        mode: own.mode,
        settings,
        secret,
    };
    let endpoint = serving.engine.control_command(command).await?;
    changed(serving, endpoint.id);
    let body = body_of(serving, &endpoint).with_secret(&text);
    Ok(respond::json(StatusCode::CREATED, &body))
}

/// Lists the endpoints.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::WebhooksRead)?;
    let serving = gateway.serving()?;
    let page = PageRequest::<WebhookEndpointId>::parse(uri.query())?;
    let range = page.range();
    Ok(serving.engine.control().read(|state| {
        let endpoints = state.webhook_endpoints_of(own.merchant, own.mode);
        let endpoints = endpoints.filter(|one| std::ops::RangeBounds::contains(&range, &one.id));
        let page = page.take(endpoints.map(|one| body_of(serving, one)), uri.path());
        respond::json(StatusCode::OK, &page)
    }))
}

/// Shows an endpoint.
pub(in crate::http) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::WebhooksRead)?;
    let serving = gateway.serving()?;
    let endpoint = owned(serving, &own, &id)?;
    Ok(respond::json(StatusCode::OK, &body_of(serving, &endpoint)))
}

/// Changes an endpoint.
pub(in crate::http) async fn update(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, request.headers(), Scope::WebhooksWrite)?;
    let serving = gateway.serving()?;
    let endpoint = owned(serving, &own, &id)?;
    let body = read_json(request, gateway.body_limits).await?;
    let wishes = wire::parse::<WebhookRequest<'_>>(&body)?;
    let wishes = wishes.of_change(own.mode, serving.webhooks.rules())?;
    let EndpointWishes { url, description, filters, headers, rate_per_s, enabled, .. } = wishes;
    let before = endpoint.settings;
    let headers = match headers {
        Some(headers) => sealed_headers(serving, realm_of(&own), Some(headers))?,
        None => before.headers,
    };
    let settings = WebhookSettings {
        url: url.unwrap_or(before.url),
        description: description.unwrap_or(before.description),
        filters: filters.unwrap_or(before.filters),
        headers,
        rate_per_s: rate_per_s.unwrap_or(before.rate_per_s),
    };
    change(serving, &own, endpoint.id, Some(settings), enabled).await
}

/// Enables an endpoint: what has happened meanwhile is delivered, and what happens.
pub(in crate::http) async fn enable(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::WebhooksWrite)?;
    let serving = gateway.serving()?;
    let endpoint = owned(serving, &own, &id)?;
    change(serving, &own, endpoint.id, None, Some(true)).await
}

/// Deletes an endpoint, and all that waits for it.
pub(in crate::http) async fn delete(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::WebhooksWrite)?;
    let serving = gateway.serving()?;
    let endpoint = owned(serving, &own, &id)?.id;
    let command = DeleteWebhookEndpoint {
        asker: own.asker(),
        merchant: own.merchant,
        mode: own.mode,
        endpoint,
    };
    let deleted = serving.engine.control_command(command).await?;
    changed(serving, deleted);
    Ok(respond::json(StatusCode::OK, &DeletedEndpointBody::new(deleted)))
}

/// Gives an endpoint another secret. For a day deliveries are signed with both.
pub(in crate::http) async fn rotate_secret(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, request.headers(), Scope::WebhooksWrite)?;
    let serving = gateway.serving()?;
    let endpoint = owned(serving, &own, &id)?.id;
    let body = read_optional_json(request, gateway.body_limits).await?;
    let given = match &body {
        Some(body) => wire::parse::<SecretRequest<'_>>(body)?.validate()?,
        None => None,
    };
    let secret = match given {
        Some(secret) => secret,
        None => WebhookSecret::draw().map_err(no_secret)?,
    };
    let text = secret.to_text();
    let secret = sealed(serving, realm_of(&own), SealedKind::Secret, secret.bytes())?;
    let command = RotateWebhookSecret {
        asker: own.asker(),
        merchant: own.merchant,
        mode: own.mode,
        endpoint,
        secret,
    };
    let endpoint = serving.engine.control_command(command).await?;
    changed(serving, endpoint.id);
    let body = body_of(serving, &endpoint).with_secret(&text);
    Ok(respond::json(StatusCode::OK, &body))
}

/// Shows the secret by which the callbacks of the merchant's payments are signed.
pub(in crate::http) async fn callback_secret(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::WebhooksWrite)?;
    Ok(callback_secret_of(gateway.serving()?, &own))
}

/// Gives the merchant another one. For a day callbacks and returns are signed with both.
pub(in crate::http) async fn rotate_callback_secret(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::WebhooksWrite)?;
    let serving = gateway.serving()?;
    let MerchantCaller { merchant, mode, .. } = own;
    let command = RotateCallbackSecret { asker: own.asker(), merchant, mode };
    serving.engine.control_command(command).await?;
    serving.webhooks.look_at(QueueId::Callbacks(realm_of(&own)));
    Ok(callback_secret_of(serving, &own))
}

fn callback_secret_of(serving: &Serving, own: &MerchantCaller) -> Response {
    let control = serving.engine.control();
    let known = control.read(|state| state.callback_secret(own.merchant, own.mode));
    let text = serving.webhooks.merchant_secret(realm_of(own), known).to_text();
    respond::json(StatusCode::OK, &CallbackSecretBody::new(&text, known, own.mode))
}

/// Sends an event that did not happen, at once and once.
pub(in crate::http) async fn test(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, request.headers(), Scope::WebhooksWrite)?;
    let serving = gateway.serving()?;
    let endpoint = owned(serving, &own, &id)?;
    let body = read_optional_json(request, gateway.body_limits).await?;
    let name = match &body {
        Some(body) => wire::parse::<TestRequest<'_>>(body)?.validate()?,
        None => TestRequest::default().validate()?,
    };
    let at = (gateway.clock)();
    let event = FeedEvent {
        // At no place of the feed, for there it is not.
        id: FeedEventId::new(at, ShardId::CONTROL, u64::from(rand::random::<u16>())),
        at,
        sequence: 0,
        subject: endpoint.id.to_u128(),
        name: name.into_string().into(),
        has_callback: false,
        content: Content::Rendered(Box::new(Rendered {
            data: br#"{"object":"test"}"#[..].into(),
            ..Rendered::default()
        })),
    };
    let realm = realm_of(&own);
    let attempt = serving.webhooks.try_now(endpoint, event).await.map_err(feed_failed)?;
    let answer = serving.webhooks.answer_body(realm, &attempt);
    Ok(respond::json(StatusCode::OK, &AttemptBody::new(&attempt, answer)))
}

async fn change(
    serving: &Serving,
    own: &MerchantCaller,
    endpoint: WebhookEndpointId,
    settings: Option<WebhookSettings>,
    enabled: Option<bool>,
) -> Result<Response, Problem> {
    let MerchantCaller { merchant, mode, .. } = *own;
    let command =
        UpdateWebhookEndpoint { asker: own.asker(), merchant, mode, endpoint, settings, enabled };
    let endpoint = serving.engine.control_command(command).await?;
    changed(serving, endpoint.id);
    Ok(respond::json(StatusCode::OK, &body_of(serving, &endpoint)))
}

/// Tells whoever delivers that an endpoint is not what it was.
fn changed(serving: &Serving, endpoint: WebhookEndpointId) {
    serving.webhooks.look_at(QueueId::Endpoint(endpoint));
}

/// The merchant's endpoint with this id, in its key's mode.
pub(super) fn owned(
    serving: &Serving,
    own: &MerchantCaller,
    id: &str,
) -> Result<WebhookEndpoint, Problem> {
    let not_found = || Problem::of(ErrorCode::WebhookEndpointNotFound);
    let id = id.parse().map_err(|_no_id| not_found())?;
    let control = serving.engine.control();
    Ok(control.read(|state| state.owned_webhook_endpoint(own.merchant, own.mode, id).cloned())?)
}

pub(in crate::http) fn realm_of(own: &MerchantCaller) -> Realm {
    Realm { merchant: own.merchant, mode: own.mode }
}

fn body_of<'e>(serving: &Serving, endpoint: &'e WebhookEndpoint) -> EndpointBody<'e> {
    let realm = Realm { merchant: endpoint.merchant, mode: endpoint.mode };
    let sealed = endpoint.settings.headers.as_ref();
    let opened = sealed
        .and_then(|sealed| serving.webhooks.sealer().open(realm, SealedKind::Headers, &sealed.0));
    let headers: Vec<(String, IgnoredAny)> =
        opened.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    EndpointBody::new(endpoint, headers.into_iter().map(|(name, _value)| name).collect())
}

fn sealed_headers(
    serving: &Serving,
    realm: Realm,
    headers: Option<Vec<(String, String)>>,
) -> Result<Option<SealedSecret>, Problem> {
    let Some(headers) = headers.filter(|headers| !headers.is_empty()) else { return Ok(None) };
    let text = serde_json::to_vec(&headers).expect("strings serialize");
    sealed(serving, realm, SealedKind::Headers, &Zeroizing::new(text)).map(Some)
}

fn sealed(
    serving: &Serving,
    realm: Realm,
    kind: SealedKind,
    text: &[u8],
) -> Result<SealedSecret, Problem> {
    serving.webhooks.sealer().seal(realm, kind, text).map_err(no_secret)
}

fn no_secret(error: secrets::Error) -> Problem {
    tracing::error!(error = &error as &dyn std::error::Error, "no secret can be made or sealed");
    Problem::of(ErrorCode::InternalError)
}
