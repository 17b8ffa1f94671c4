//! The simulator in another process: a provider over HTTP.
//!
//! Invariant: an outcome is what was answered, whole and well-formed. Where nothing can have been
//! written it is [`ProviderOutcome::NotSent`]; everything else, a refusal by status included, is
//! unknown and left to an inquiry. Nothing is written once an inquiry that did not find it would be
//! believed; for what is on its way by then, the request says until when it may be acted on.
//!
//! Not here: retries. A request is written once; only one that no byte was written of goes to a
//! second connection.

#[cfg(test)]
mod tests;

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use tollgate_domain::{
    Amount, AttemptId, Millis, OperationId, OperationOutcome, PaymentIntent, ProviderId,
    ProviderOutcome, Timestamp,
};
use zeroize::Zeroizing;

use super::{
    Answer, Authorize, CallFailure, Capabilities, Capture, Clock, Confirm, Inquire,
    InquireOperation, OperationStanding, Provider, Refund, Reverse, SecretText, Standing, Target,
    Void,
    connections::{Connections, Failure, Timeouts},
    customer_account::{
        AskBalance, Balance, HolderName, Known, LinkToken, LinkWallet, LookUpVpa, Wallet,
    },
    simulator::{
        self,
        protocol::{
            AnswerBody, AuthorizeBody, BalanceBody, HolderBody, InquireBody, InstructionBody,
            KnownBody, LinkBody, MethodBody, OperateBody, OperationAnswerBody, PaymentPart, Rail,
            VpaBody, WalletBody,
        },
    },
};

pub(crate) use super::connections::UrlError;

/// Where the other process is, and how long it may take.
#[derive(Clone, Debug)]
pub(crate) struct RemoteSimulatorOptions {
    /// Such as `http://127.0.0.1:8070`.
    pub(crate) url: String,
    /// The horizon, see [`Capabilities::inquiry_horizon`].
    pub(crate) inquiry_horizon: Millis,
    /// For a connection to stand.
    pub(crate) connect_timeout: Duration,
    /// From the request to the head of its answer.
    pub(crate) header_timeout: Duration,
    /// For the answer's body.
    pub(crate) body_timeout: Duration,
}

/// The simulator in another process. A clone uses the same connections.
#[derive(Clone)]
pub(crate) struct RemoteSimulator(Arc<Inner>);

struct Inner {
    connections: Connections,
    inquiry_horizon: Millis,
    clock: Clock,
}

/// Room for any authorization, so that its buffer is never moved: what is left behind would not be
/// wiped. Faults and a card holder's name are the longest parts, a few hundred bytes each.
const REQUEST_ROOM: usize = 8 * 1024;

impl RemoteSimulator {
    /// Connects to nothing yet: that is left to the first call.
    ///
    /// # Errors
    /// If the URL is not of the form `http://host:port`.
    pub(crate) fn new(options: &RemoteSimulatorOptions, clock: Clock) -> Result<Self, UrlError> {
        let &RemoteSimulatorOptions {
            ref url,
            inquiry_horizon,
            connect_timeout: connect,
            header_timeout: header,
            body_timeout: body,
        } = options;
        let connections = Connections::new(url, Timeouts { connect, header, body })?;
        Ok(Self(Arc::new(Inner { connections, inquiry_horizon, clock })))
    }

    /// A page of its ledger, as JSON. `None` where it cannot be had.
    pub(crate) async fn ledger_page(&self, after: u64, limit: usize) -> Option<Bytes> {
        let path = format!("/ledger?after={after}&limit={limit}");
        let path = path.parse().expect("words and digits make a path");
        let request = self.0.connections.request(Method::GET, path, Bytes::new());
        let (status, body) = self.0.connections.send(request, || true).await.ok()?;
        (status == StatusCode::OK).then_some(body)
    }
}

impl Provider for RemoteSimulator {
    fn id(&self) -> ProviderId {
        ProviderId::SIMULATOR
    }

    fn capabilities(&self) -> Capabilities {
        simulator::capabilities(self.0.inquiry_horizon)
    }

    fn authorize(&self, request: Authorize) -> Answer<ProviderOutcome> {
        let Authorize { intent, attempt, instrument } = request;
        let not_after = attempt.time().after(self.0.inquiry_horizon);
        let Some(method) = MethodBody::of(&intent.method, &instrument) else {
            return Answer::Now(ProviderOutcome::NotSent);
        };
        let payment = PaymentPart::of(&intent);
        let not_after_ms = not_after.as_millis();
        let body = wiped(&AuthorizeBody { payment, not_after_ms, method });
        let inner = Arc::clone(&self.0);
        Answer::later(async move { inner.authorize(attempt, not_after, body).await })
    }

    fn confirm(&self, request: Confirm) -> Answer<Result<Standing, CallFailure>> {
        let Confirm { target } = request;
        let sent = self.operate(&target, InstructionBody::Confirm);
        Answer::later(async move {
            match sent.await {
                Ok(answer) => read::<AnswerBody>(&answer)
                    .map(AnswerBody::into_confirmed)
                    .unwrap_or(Err(CallFailure::Unknown)),
                Err(Failure::NotSent) => Err(CallFailure::NotSent),
                Err(Failure::Unanswered) => Err(CallFailure::Unknown),
            }
        })
    }

    fn capture(&self, request: Capture) -> Answer<OperationOutcome> {
        let Capture { target, amount, release_rest } = request;
        let amount_minor = amount.minor_units();
        self.carry_out(&target, InstructionBody::Capture { amount_minor, release_rest })
    }

    fn void(&self, request: Void) -> Answer<OperationOutcome> {
        self.carry_out(&request.target, InstructionBody::Void)
    }

    fn reverse(&self, request: Reverse) -> Answer<OperationOutcome> {
        self.carry_out(&request.target, InstructionBody::Reverse)
    }

    fn refund(&self, request: Refund) -> Answer<OperationOutcome> {
        let Refund { target, amount } = request;
        self.carry_out(&target, InstructionBody::Refund { amount_minor: amount.minor_units() })
    }

    fn inquire(&self, request: Inquire) -> Answer<Standing> {
        let Inquire { intent, attempt } = request;
        let body = inquiry(&intent);
        let inner = Arc::clone(&self.0);
        Answer::later(async move {
            let answer = inner.send(&format!("{attempt}/inquire"), body, || true).await.ok();
            answer
                .and_then(|answer| read::<AnswerBody>(&answer))
                .map_or(Standing::Unknown, AnswerBody::into_standing)
        })
    }

    fn inquire_operation(&self, request: InquireOperation) -> Answer<OperationStanding> {
        let InquireOperation { intent, attempt, operation } = request;
        let body = inquiry(&intent);
        let inner = Arc::clone(&self.0);
        Answer::later(async move {
            let path = format!("{attempt}/operations/{operation}/inquire");
            let answer = inner.send(&path, body, || true).await.ok();
            answer
                .and_then(|answer| read::<OperationAnswerBody>(&answer))
                .map_or(OperationStanding::Unknown, OperationAnswerBody::into_standing)
        })
    }

    fn look_up_vpa(&self, request: LookUpVpa) -> Answer<Known<HolderName>> {
        let body = wiped(&VpaBody { vpa: request.vpa.as_str().into() });
        self.ask("/v1/vpas/look-up", body, |HolderBody { name }| Some(name))
    }

    fn balance(&self, request: AskBalance) -> Answer<Known<Balance>> {
        let AskBalance { wallet, currency } = request;
        let body = WalletBody { currency: Some(currency.code().into()), ..wallet_body(&wallet) };
        self.ask("/v1/wallets/balance", wiped(&body), |BalanceBody { amount_minor }| {
            match amount_minor {
                0 => Some(Amount::ZERO),
                some => Amount::from_minor_units(some).ok(),
            }
        })
    }

    fn link_wallet(&self, request: LinkWallet) -> Answer<Known<LinkToken>> {
        let body = wiped(&wallet_body(&request.wallet));
        self.ask("/v1/wallets/link", body, |LinkBody { token }| {
            Some(SecretText::new(&Zeroizing::new(token)))
        })
    }
}

impl RemoteSimulator {
    /// Asks about an account; what is not answered as it should be is not known.
    fn ask<B: DeserializeOwned, T: Send + 'static>(
        &self,
        path: &'static str,
        body: Bytes,
        understand: impl FnOnce(B) -> Option<T> + Send + 'static,
    ) -> Answer<Known<T>> {
        let inner = Arc::clone(&self.0);
        Answer::later(async move {
            let path = path.parse().expect("words make a path");
            let request = inner.connections.request(Method::POST, path, body);
            let answer = inner.connections.send(request, || true).await.ok();
            match answer.and_then(|answer| read::<KnownBody<B>>(&answer)) {
                Some(KnownBody::Found(found)) => {
                    understand(found).map_or(Known::Unknown, Known::Found)
                }
                Some(KnownBody::NotFound) => Known::NotFound,
                None => Known::Unknown,
            }
        })
    }

    fn carry_out(&self, target: &Target, instruction: InstructionBody) -> Answer<OperationOutcome> {
        let sent = self.operate(target, instruction);
        Answer::later(async move {
            match sent.await {
                Ok(answer) => read::<OperationAnswerBody>(&answer)
                    .map_or(OperationOutcome::Unknown, OperationAnswerBody::into_outcome),
                Err(Failure::NotSent) => OperationOutcome::NotSent,
                Err(Failure::Unanswered) => OperationOutcome::Unknown,
            }
        })
    }

    fn operate(
        &self,
        target: &Target,
        instruction: InstructionBody,
    ) -> impl Future<Output = Result<(StatusCode, Bytes), Failure>> + Send + 'static {
        let &Target { ref intent, attempt, operation, not_after } = target;
        let body = wiped(&OperateBody {
            payment: PaymentPart::of(intent),
            rail: Rail::of(&intent.method),
            not_after_ms: not_after.as_millis(),
            instruction,
        });
        let inner = Arc::clone(&self.0);
        async move { inner.operate(attempt, operation, not_after, body).await }
    }
}

impl Inner {
    async fn authorize(
        &self,
        attempt: AttemptId,
        not_after: Timestamp,
        body: Bytes,
    ) -> ProviderOutcome {
        let in_time = || (self.clock)() < not_after;
        match self.send(&format!("{attempt}/authorize"), body, in_time).await {
            Ok(answer) => read::<AnswerBody>(&answer)
                .map_or(ProviderOutcome::Unknown, AnswerBody::into_outcome),
            Err(Failure::NotSent) => ProviderOutcome::NotSent,
            Err(Failure::Unanswered) => ProviderOutcome::Unknown,
        }
    }

    async fn operate(
        &self,
        attempt: AttemptId,
        operation: OperationId,
        not_after: Timestamp,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let in_time = || (self.clock)() < not_after;
        self.send(&format!("{attempt}/operations/{operation}"), body, in_time).await
    }

    async fn send(
        &self,
        path: &str,
        body: Bytes,
        in_time: impl Fn() -> bool,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let path = format!("/v1/attempts/{path}").parse().expect("ids and words make a path");
        let request = self.connections.request(Method::POST, path, body);
        self.connections.send(request, in_time).await
    }
}

fn wallet_body(wallet: &Wallet) -> WalletBody<'_> {
    WalletBody { provider: wallet.provider.into(), id: wallet.id.as_str().into(), currency: None }
}

fn inquiry(intent: &PaymentIntent) -> Bytes {
    wiped(&InquireBody { payment: PaymentPart::of(intent), rail: Rail::of(&intent.method) })
}

/// The answer, if it is one.
fn read<T: DeserializeOwned>((status, body): &(StatusCode, Bytes)) -> Option<T> {
    if *status != StatusCode::OK {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// A body whose bytes are wiped once the last reader has let go of them.
fn wiped(body: &impl Serialize) -> Bytes {
    let mut bytes = Zeroizing::new(Vec::with_capacity(REQUEST_ROOM));
    serde_json::to_writer(&mut *bytes, body).expect("requests have string keys");
    Bytes::from_owner(bytes)
}
