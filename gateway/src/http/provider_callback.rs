//! Callbacks: what a provider tells us of its own accord.
//!
//! Invariants: nothing is believed that is not signed with the secret shared with that provider, over
//! the bytes as they came; and nothing is acknowledged before it is durable, so that a provider which
//! is not told so sends it again.
//!
//! A callback for a payment that is not known is parked, see `provider/parked_callbacks.rs`; where there
//! is no room for it the provider is told to keep it.

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
use tokio::time::{Duration, Instant, sleep};
use tollgate_domain::{ProviderId, Rejection};
use tollgate_engine::{CommandError, Engine};

use super::{
    body,
    error::{ErrorCode, Problem},
    respond,
    state::Gateway,
    wire::CallbackReceipt,
};
use crate::provider::{
    Instrument,
    callback::{Callback, CallbackDigest, CallbackKey, Disbelief, SIGNATURE, TIMESTAMP},
    parked_callbacks::{ParkedCallback, ParkedCallbacks, Parking},
};

/// What callbacks are known by, which have been heard, and which wait for what they are about.
pub(crate) struct CallbackDesk {
    keys: Vec<(ProviderId, CallbackKey)>,
    heard: Mutex<Heard>,
    pub(super) parked: Arc<ParkedCallbacks>,
}

/// Which callbacks have been acknowledged, by digests of their ids: two generations, of which the
/// older is dropped whole. What is forgotten is no danger: an outcome that is told twice changes
/// nothing the second time.
#[derive(Default)]
struct Heard {
    young: FxHashSet<CallbackDigest>,
    old: FxHashSet<CallbackDigest>,
}

/// How many a generation remembers, 2 MiB: as many as come within the tolerance of timestamps at a
/// few hundred a second, after which none is taken as a repeat anyway.
const GENERATION: usize = 65_536;

/// The longest id, in bytes.
const MOST_ID: usize = 128;

impl CallbackDesk {
    pub(crate) fn new(keys: Vec<(ProviderId, CallbackKey)>, parked: Arc<ParkedCallbacks>) -> Self {
        Self { keys, heard: Mutex::default(), parked }
    }

    fn key(&self, provider: ProviderId) -> Option<&CallbackKey> {
        self.keys.iter().find(|(id, _key)| *id == provider).map(|(_id, key)| key)
    }
}

impl Heard {
    fn has(&self, callback: CallbackDigest) -> bool {
        self.young.contains(&callback) || self.old.contains(&callback)
    }

    fn remember(&mut self, callback: CallbackDigest) {
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
        Ok(Taken::Parked) => counters.parked.increment(1),
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
    /// What it is about is not known.
    Parked,
}

/// Whether what a callback is about was found.
enum Told {
    Found,
    NotFound,
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
    let digest = callback.digest(provider);
    if desk.heard.lock().has(digest) {
        return Ok(Taken::Repeat);
    }
    match tell(&serving.engine, provider, &callback).await? {
        Told::Found => {
            desk.heard.lock().remember(digest);
            Ok(Taken::New)
        }
        Told::NotFound => park(gateway, &desk.parked, provider, callback).await,
    }
}

/// Tells the engine, which has it durable then. A provider has no say over what was sent to another.
async fn tell(
    engine: &Engine<Instrument>,
    provider: ProviderId,
    callback: &Callback,
) -> Result<Told, CommandError> {
    let payment = engine.payment(callback.payment).await?;
    let sent_to = payment.and_then(|payment| callback.subject_provider(&payment));
    if sent_to != Some(provider) {
        return Ok(Told::NotFound);
    }
    match engine.report(callback.clone().into_report()).await {
        Ok(()) => Ok(Told::Found),
        Err(CommandError::Rejected(
            Rejection::PaymentNotFound(_)
            | Rejection::AttemptNotFound(_)
            | Rejection::OperationNotFound(_),
        )) => Ok(Told::NotFound),
        Err(error) => Err(error),
    }
}

async fn park(
    gateway: &Gateway,
    parked: &Arc<ParkedCallbacks>,
    provider: ProviderId,
    callback: Callback,
) -> Result<Taken, Problem> {
    let (parked, now, payment) = (Arc::clone(parked), (gateway.clock)(), callback.payment);
    tracing::warn!(%provider, %payment, "a callback is for no payment of ours");
    let parking = tokio::task::spawn_blocking(move || parked.park(provider, &callback, now));
    match parking.await.expect("parking does not panic") {
        Ok(Parking::Parked) => Ok(Taken::Parked),
        Ok(Parking::Full) => Err(Problem::of(ErrorCode::CallbackUnmatched)),
        Err(error) => {
            tracing::error!(%error, "a callback cannot be parked");
            Err(Problem::of(ErrorCode::CallbackUnmatched))
        }
    }
}

/// Tells what is parked until it finds what it is about, for as long as the engine runs.
pub(crate) async fn keep_telling_parked(parked: Arc<ParkedCallbacks>, engine: Engine<Instrument>) {
    loop {
        sleep(LOOK_EVERY).await;
        for ParkedCallback { id, provider, callback, .. } in parked.take_due(Instant::now()) {
            let payment = callback.payment;
            match tell(&engine, provider, &callback).await {
                Ok(Told::Found) => {
                    tracing::info!(%provider, %payment, "a parked callback has found its payment");
                    let parked = Arc::clone(&parked);
                    let removing = tokio::task::spawn_blocking(move || parked.remove(id));
                    if let Err(error) = removing.await.expect("removing does not panic") {
                        // It is told again, and changes nothing then.
                        tracing::error!(%error, "a parked callback cannot be removed");
                    }
                }
                Ok(Told::NotFound) => {}
                Err(CommandError::Stopping) => return,
                Err(error) => tracing::warn!(%error, "a parked callback was not told"),
            }
        }
    }
}

/// How often it is looked whether something parked is to be told.
const LOOK_EVERY: Duration = Duration::from_millis(500);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_ids_are_remembered() {
        let mut heard = Heard::default();
        let generation = GENERATION as u128;
        let digest = CallbackDigest::from_u128;
        for id in 0..3 * generation {
            heard.remember(digest(id));
        }
        assert!(!heard.has(digest(generation - 1)));
        assert!(heard.has(digest(generation)) && heard.has(digest(3 * generation - 1)));
        assert!(!heard.has(digest(3 * generation)));
    }
}
