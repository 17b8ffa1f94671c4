//! Callbacks: what a provider tells us of its own accord.
//!
//! Invariants: nothing is believed that is not signed with the secret shared with that provider, over
//! the bytes as they came; and nothing is acknowledged before it is durable, so that a provider which
//! is not told so sends it again.
//!
//! A callback for a payment that is not known is answered 404 and counted, and the provider keeps it
//! for us.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use bytes::Bytes;
use hyper::{HeaderMap, Request, StatusCode};
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use sha2::{Digest, Sha256};
use tollgate_domain::{
    OutcomeSource, ProviderId, RecordOperationOutcome, RecordProviderOutcome, Rejection,
};
use tollgate_engine::{CommandError, ProviderReport};

use super::{
    body,
    error::{ErrorCode, Problem},
    respond,
    state::Gateway,
    wire::CallbackReceipt,
};
use crate::provider::callback::{Callback, CallbackKey, Disbelief, News, SIGNATURE, TIMESTAMP};

/// What callbacks are known by, and which have been heard.
pub(crate) struct CallbackDesk {
    keys: Vec<(ProviderId, CallbackKey)>,
    heard: Mutex<Heard>,
}

/// Which callbacks have been acknowledged, by digests of their ids: two generations, of which the
/// older is dropped whole. What is forgotten is no danger: an outcome that is told twice changes
/// nothing the second time.
#[derive(Default)]
struct Heard {
    young: FxHashSet<u128>,
    old: FxHashSet<u128>,
}

/// How many a generation remembers, 2 MiB: as many as come within the tolerance of timestamps at a
/// few hundred a second, after which none is taken as a repeat anyway.
const GENERATION: usize = 65_536;

/// The longest id, in bytes.
const MOST_ID: usize = 128;

impl CallbackDesk {
    pub(crate) fn new(keys: Vec<(ProviderId, CallbackKey)>) -> Self {
        Self { keys, heard: Mutex::default() }
    }

    fn key(&self, provider: ProviderId) -> Option<&CallbackKey> {
        self.keys.iter().find(|(id, _key)| *id == provider).map(|(_id, key)| key)
    }
}

impl Heard {
    fn has(&self, callback: u128) -> bool {
        self.young.contains(&callback) || self.old.contains(&callback)
    }

    fn remember(&mut self, callback: u128) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(callback);
    }
}

/// The provider that the path names.
pub(super) async fn of_provider(
    State(gateway): State<Arc<Gateway>>,
    Path(provider): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let provider =
        ProviderId::new(&provider).ok_or_else(|| Problem::of(ErrorCode::ProviderNotFound))?;
    take(&gateway, provider, request).await
}

/// The only one that there is by default.
pub(super) async fn of_default(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    take(&gateway, ProviderId::SIMULATOR, request).await
}

async fn take(
    gateway: &Gateway,
    provider: ProviderId,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let counters = &gateway.metrics.callbacks;
    let taken = take_uncounted(gateway, provider, request).await;
    match &taken {
        Ok(Taken::New) => counters.accepted.increment(1),
        Ok(Taken::Repeat) => counters.repeated.increment(1),
        Err(problem) => match problem.code() {
            ErrorCode::CallbackUnmatched => counters.unmatched.increment(1),
            _other => counters.refused.increment(1),
        },
    }
    taken.map(|_how| respond::json(StatusCode::OK, &CallbackReceipt { received: true }))
}

/// What a callback was.
enum Taken {
    New,
    Repeat,
}

async fn take_uncounted(
    gateway: &Gateway,
    provider: ProviderId,
    request: Request<Body>,
) -> Result<Taken, Problem> {
    let serving = gateway.serving()?;
    let desk = &serving.callbacks;
    let key = desk.key(provider).ok_or_else(|| Problem::of(ErrorCode::ProviderNotFound))?;
    let head = SignedHead::of(request.headers());
    let body = body::read_json(request, gateway.body_limits).await?;
    let callback = verified(key, &head, &body, gateway)?;
    let digest = digest(provider, &callback.id);
    if desk.heard.lock().has(digest) {
        return Ok(Taken::Repeat);
    }
    let Callback { payment, news, id: _ } = callback;
    let source = OutcomeSource::Callback;
    let report = match news {
        News::Attempt(attempt, outcome) => {
            ProviderReport::Attempt(RecordProviderOutcome { payment, attempt, source, outcome })
        }
        News::Operation(operation, outcome) => ProviderReport::Operation(RecordOperationOutcome {
            payment,
            operation,
            source,
            outcome,
        }),
    };
    match serving.engine.report(report).await {
        Ok(()) => {
            desk.heard.lock().remember(digest);
            Ok(Taken::New)
        }
        Err(CommandError::Rejected(
            Rejection::PaymentNotFound(_)
            | Rejection::AttemptNotFound(_)
            | Rejection::OperationNotFound(_),
        )) => {
            tracing::warn!(%provider, %payment, "a callback is for no payment of ours");
            Err(Problem::of(ErrorCode::CallbackUnmatched))
        }
        Err(error) => Err(error.into()),
    }
}

/// The headers that a callback is known by.
struct SignedHead {
    timestamp: Option<String>,
    signatures: Option<String>,
}

impl SignedHead {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
        Self { timestamp: text(TIMESTAMP), signatures: text(SIGNATURE) }
    }
}

fn verified(
    key: &CallbackKey,
    head: &SignedHead,
    body: &Bytes,
    gateway: &Gateway,
) -> Result<Callback, Problem> {
    let SignedHead { timestamp, signatures } = head;
    key.verify(timestamp.as_deref(), signatures.as_deref(), body, (gateway.clock)()).map_err(
        |disbelief| {
            Problem::of(match disbelief {
                Disbelief::Unsigned | Disbelief::WrongSignature => {
                    ErrorCode::CallbackSignatureInvalid
                }
                Disbelief::OutOfTime => ErrorCode::CallbackOutOfTime,
            })
        },
    )?;
    let callback = Callback::read(body).filter(|callback| callback.id.len() <= MOST_ID);
    callback.ok_or_else(|| {
        Problem::new(ErrorCode::BodyInvalid, "The body is not a callback of the documented form.")
    })
}

fn digest(provider: ProviderId, id: &str) -> u128 {
    let digest = Sha256::new().chain_update(provider.to_bytes()).chain_update(id).finalize();
    u128::from_le_bytes(*digest.first_chunk().expect("SHA-256 has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_ids_are_remembered() {
        let mut heard = Heard::default();
        let generation = GENERATION as u128;
        for id in 0..3 * generation {
            heard.remember(id);
        }
        assert!(!heard.has(generation - 1));
        assert!(heard.has(generation) && heard.has(3 * generation - 1));
        assert!(!heard.has(3 * generation));
    }

    #[test]
    fn ids_are_each_providers_own() {
        let other = ProviderId::new("other").unwrap();
        let of_simulator = digest(ProviderId::SIMULATOR, "cb_1");
        assert_eq!(of_simulator, digest(ProviderId::SIMULATOR, "cb_1"));
        assert_ne!(of_simulator, digest(other, "cb_1"));
        assert_ne!(of_simulator, digest(ProviderId::SIMULATOR, "cb_2"));
    }
}
