//! How the queues are: `/api/v1/queue/status`. A merchant sees those of its endpoints, an operator
//! what waits in the whole gateway.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use hyper::{HeaderMap, StatusCode};
use tollgate_domain::{Scope, WebhookEndpointId};

use super::events::blocking;
use crate::{
    http::{
        authentication::{self, Caller},
        error::{ErrorCode, Problem},
        respond,
        state::{Gateway, Serving},
        wire::{CALLBACKS, QueueBody, QueueStatusBody},
    },
    vault::Realm,
    webhook::QueueId,
};

/// Shows the queues.
pub(in crate::http) async fn read(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = authentication::caller(&gateway, &headers, Scope::WebhooksRead)?;
    let serving = gateway.serving()?;
    let queues = match caller {
        Caller::Operator(_) => of_gateway(&gateway, serving).await?,
        Caller::Merchant(own) => {
            let realm = Realm { merchant: own.merchant, mode: own.mode };
            of_merchant(&gateway, serving, realm).await?
        }
        Caller::Checkout(_) => return Err(Problem::of(ErrorCode::SecretKeyRequired)),
    };
    Ok(respond::json(StatusCode::OK, &QueueStatusBody::new(queues)))
}

async fn of_gateway(gateway: &Gateway, serving: &Serving) -> Result<Vec<QueueBody>, Problem> {
    let webhooks = Arc::clone(&serving.webhooks);
    let all = blocking(move || webhooks.status_of_all()).await?;
    let health = serving.engine.health();
    let waiting = usize::try_from(serving.feed.waiting()).unwrap_or(usize::MAX);
    Ok(vec![
        QueueBody::internal("commands", health.mailbox_depth, None, health.in_flight),
        QueueBody::internal("log", health.queue_depth, Some(health.durable_lag), 0),
        QueueBody::internal("provider_calls", 0, None, health.provider_calls),
        QueueBody::internal("event_feed", waiting, None, 0),
        QueueBody::of_webhooks("webhooks".to_owned(), &all, (gateway.clock)()),
    ])
}

async fn of_merchant(
    gateway: &Gateway,
    serving: &Serving,
    realm: Realm,
) -> Result<Vec<QueueBody>, Problem> {
    let endpoints: Vec<WebhookEndpointId> = serving.engine.control().read(|state| {
        let endpoints = state.webhook_endpoints_of(realm.merchant, realm.mode);
        endpoints.map(|endpoint| endpoint.id).collect()
    });
    let now = (gateway.clock)();
    let webhooks = Arc::clone(&serving.webhooks);
    blocking(move || {
        let mut queues = Vec::new();
        for id in endpoints {
            if let Some(status) = webhooks.status(realm, QueueId::Endpoint(id))? {
                queues.push(QueueBody::of_webhooks(id.to_string(), &status, now));
            }
        }
        if let Some(status) = webhooks.status(realm, QueueId::Callbacks(realm))? {
            queues.push(QueueBody::of_webhooks(CALLBACKS.to_owned(), &status, now));
        }
        Ok(queues)
    })
    .await
}
