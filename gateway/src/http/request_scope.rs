//! What becomes known of a request while it is answered, for those who are not its handler.
//!
//! The envelope opens the scope around a request's future, and authentication tells it who is
//! asking; so the handler need not carry that around, and no request pays an allocation for it.
//!
//! Invariant: holds an id and a shortened digest, never a key's text.

use std::{cell::Cell, sync::Arc};

use tollgate_domain::{ApiKeyHash, MerchantId};

use super::{
    edge::Edge,
    error::{ErrorCode, Problem},
    rate_limit::{Standing, TooOften},
};

tokio::task_local! {
    static SCOPE: RequestScope;
}

/// The scope of one request.
pub(super) struct RequestScope {
    edge: Arc<Edge>,
    known: Cell<Known>,
}

/// What is known so far.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Known {
    pub(super) caller: Option<Caller>,
    /// Where there is a limit.
    pub(super) standing: Option<Standing>,
}

/// Who is asking.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    /// `None` for the operator.
    pub(super) merchant: Option<MerchantId>,
    pub(super) key: ApiKeyHash,
}

impl Caller {
    /// What the key is called in logs: the beginning of its digest, from which nobody gets back to
    /// its 256 random bits.
    pub(super) fn key_id(self) -> impl std::fmt::Display {
        let [a, b, c, d, e, f, ..] = self.key.0;
        let digits = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        std::fmt::from_fn(move |formatter| write!(formatter, "{digits:012x}"))
    }
}

impl RequestScope {
    /// Answers a request in a scope of its own.
    pub(super) async fn enter<F: Future>(edge: Arc<Edge>, answer: F) -> (F::Output, Known) {
        let scope = Self { edge, known: Cell::default() };
        SCOPE
            .scope(scope, async {
                let output = answer.await;
                (output, SCOPE.with(|scope| scope.known.get()))
            })
            .await
    }
}

/// Notes who is asking, and counts the request against the key's limit; once a request.
///
/// # Errors
/// 429 where the key has asked too often.
pub(super) fn authenticated(key: &ApiKeyHash, merchant: Option<MerchantId>) -> Result<(), Problem> {
    // Outside of any request, as in a test of authentication alone, nothing is counted.
    SCOPE.try_with(|scope| scope.authenticated(key, merchant)).unwrap_or(Ok(()))
}

impl RequestScope {
    fn authenticated(&self, key: &ApiKeyHash, merchant: Option<MerchantId>) -> Result<(), Problem> {
        if self.known.get().caller.is_some() {
            return Ok(());
        }
        let caller = Some(Caller { merchant, key: *key });
        let counted = self.edge.limits.request(key);
        self.known.set(Known { caller, standing: counted.map(|(standing, _)| standing) });
        match counted {
            None | Some((_, Ok(()))) => Ok(()),
            Some((_, Err(TooOften))) => {
                let detail = "The API key has made more requests than it may.";
                Err(Problem::new(ErrorCode::RateLimitExceeded, detail))
            }
        }
    }
}
