//! Doing something to a payment, alike on every surface: from a request to the engine's answer.
//!
//! Not here: what that answer looks like, which each surface says for itself.
//!
//! Invariant: a fingerprint covers path and payment, so that a key which is repeated for another
//! payment or on another surface is another request.

use std::borrow::Cow;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use hyper::{HeaderMap, Request, StatusCode};
use serde::Deserialize;
use tollgate_domain::{
    CapturePayment, ConfirmPayment, Currency, DecideReview, Operation, PaymentId, RefundPayment,
    ReversePayment, ReviewVerdict, Scope, Target, VoidPayment,
};
use tollgate_engine::{Answer, Patience, PaymentCommand};

use super::{
    authentication::{self, MerchantCaller},
    body::read_optional_json,
    classic,
    error::{ErrorCode, Problem},
    idempotency::{agreed_key, key_in_header, mark_replayed},
    owned_payment::owned_payment,
    prefer::prefers_async,
    router::Route,
    state::{Gateway, Serving},
    surface::Surface,
    wire::{self, CaptureRequest, Field, OperationBody, PlainOperationRequest, RefundRequest},
};
use crate::{secrets::RequestDigest, vault::OpenedData};

/// What is asked for, of the payment with the id in the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked<'p> {
    Plain(PlainOperation, &'p str),
    Capture(&'p str),
    /// Of the payment that the body names, where the path names none.
    Refund(Option<&'p str>),
}

/// An operation that has nothing to say but that it is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PlainOperation {
    Confirm,
    Void,
    Reverse,
    Approve,
    Reject,
}

/// What has come of it.
pub(super) struct Done {
    pub(super) answer: Box<Answer>,
    /// What is sealed in the answer's payment, to be shown; `None` once it is erased.
    pub(super) personal: Option<OpenedData>,
}

/// Does it, for whoever asked and as he prefers it. `route` is where the request came in.
///
/// # Errors
/// While the gateway is not ready, and without a merchant's key that may write payments. A suspended
/// merchant takes no new payments; what he has may be captured, voided and refunded. All faults of
/// the request; what the engine refuses and what it cannot tell.
pub(super) async fn carry_out(
    gateway: &Gateway,
    route: Route,
    asked: Asked<'_>,
    request: Request<Body>,
) -> Result<Done, Problem> {
    let headers = request.headers();
    let operation = PaymentOperation::begin(gateway, route, headers)?;
    let key_in_header = key_in_header(headers)?.map(Cow::into_owned);
    let key_in_header = key_in_header.as_deref();
    let limits = gateway.body_limits;
    let body = match Surface::of_path(route.template()) {
        Surface::V1 => read_optional_json(request, limits).await?,
        Surface::Classic => classic::read_operation_body(request, limits).await?,
    };
    let answer = match asked {
        Asked::Plain(plain, payment) => {
            operation.plain(plain, payment, body, key_in_header).await?
        }
        Asked::Capture(payment) => operation.capture(payment, body, key_in_header).await?,
        Asked::Refund(payment) => operation.refund(payment, body, key_in_header).await?,
    };
    let personal = operation.serving.vault.open_payment(&answer.payment);
    Ok(Done { answer, personal })
}

impl Done {
    /// The operation that was carried out, where it is one: a review is decided without any.
    pub(super) fn operation(&self) -> Option<&Operation> {
        self.answer.operation.and_then(|id| self.answer.payment.operation(id))
    }

    /// What an operation is answered with that the provider did not refuse.
    pub(super) fn status(&self) -> StatusCode {
        let settled = self.operation().is_none_or(Operation::is_final_answer);
        if settled { StatusCode::OK } else { StatusCode::ACCEPTED }
    }

    /// The refund that was asked for, and the status it is answered with. A refund that failed is a
    /// refund, too.
    pub(super) fn refund(&self) -> (&Operation, StatusCode) {
        let refund = self.operation().expect("a refund is answered with its operation");
        let settled = refund.is_final_answer();
        (refund, if settled { StatusCode::CREATED } else { StatusCode::ACCEPTED })
    }

    /// The response, which tells whether it is a repeated answer.
    pub(super) fn mark(&self, mut response: Response) -> Response {
        if self.answer.replayed {
            mark_replayed(&mut response);
        }
        response
    }
}

/// Does something to the payments of whoever asked, as he prefers it.
struct PaymentOperation<'g> {
    serving: &'g Serving,
    key: MerchantCaller,
    patience: Patience,
    /// Where the request came in; part of its fingerprint.
    route: Route,
}

impl<'g> PaymentOperation<'g> {
    /// Begins with the request's head.
    fn begin(gateway: &'g Gateway, route: Route, headers: &HeaderMap) -> Result<Self, Problem> {
        let serving = gateway.serving()?;
        let key = authentication::merchant(gateway, headers, Scope::PaymentsWrite)?;
        let patience = if prefers_async(headers) {
            Patience::UntilRecorded
        } else {
            Patience::UntilSettled(gateway.wait)
        };
        Ok(Self { serving, key, patience, route })
    }

    /// Does what needs no words.
    async fn plain(
        &self,
        operation: PlainOperation,
        payment: &str,
        body: Option<Bytes>,
        key_in_header: Option<&str>,
    ) -> Result<Box<Answer>, Problem> {
        let payment = parse_id(payment)?;
        let request: PlainOperationRequest<'_> = self.parse(body.as_deref())?;
        request.validate()?;
        let target = self.target(payment, &request, key_in_header, |_digest| {})?;
        self.command(match operation {
            PlainOperation::Confirm => PaymentCommand::Confirm(ConfirmPayment { target }),
            PlainOperation::Void => PaymentCommand::Void(VoidPayment { target }),
            PlainOperation::Reverse => PaymentCommand::Reverse(ReversePayment { target }),
            PlainOperation::Approve => {
                let verdict = ReviewVerdict::Approve;
                PaymentCommand::DecideReview(DecideReview { target, verdict })
            }
            PlainOperation::Reject => {
                let verdict = ReviewVerdict::Reject;
                PaymentCommand::DecideReview(DecideReview { target, verdict })
            }
        })
        .await
    }

    async fn capture(
        &self,
        payment: &str,
        body: Option<Bytes>,
        key_in_header: Option<&str>,
    ) -> Result<Box<Answer>, Problem> {
        let payment = parse_id(payment)?;
        let request: CaptureRequest<'_> = self.parse(body.as_deref())?;
        let capture = request.validate(self.currency_of(payment).await?)?;
        let digest = |digest: &mut RequestDigest| capture.digest_into(digest);
        let target = self.target(payment, &request, key_in_header, digest)?;
        let wire::ValidCapture { amount, release_rest } = capture;
        let command = CapturePayment { target, amount, release_rest };
        self.command(PaymentCommand::Capture(command)).await
    }

    /// Refunds; the payment is named by the path, or else by the body.
    async fn refund(
        &self,
        payment_in_path: Option<&str>,
        body: Option<Bytes>,
        key_in_header: Option<&str>,
    ) -> Result<Box<Answer>, Problem> {
        let request: RefundRequest<'_> = self.parse(body.as_deref())?;
        let payment = match payment_in_path {
            Some(id) => parse_id(id)?,
            None => request.payment()?,
        };
        let refund = request.validate(payment, self.currency_of(payment).await?)?;
        let digest = |digest: &mut RequestDigest| refund.digest_into(digest);
        let target = self.target(payment, &request, key_in_header, digest)?;
        let wire::ValidRefund { amount, reason, metadata } = refund;
        let command = RefundPayment { target, amount, reason, metadata };
        self.command(PaymentCommand::Refund(command)).await
    }

    async fn command(&self, command: PaymentCommand) -> Result<Box<Answer>, Problem> {
        Ok(self.serving.engine.operate(command, self.patience).await?)
    }

    /// The request; one without a body says nothing.
    fn parse<'b, T>(&self, body: Option<&'b [u8]>) -> Result<T, Problem>
    where
        T: Deserialize<'b> + Default + Field + OperationBody<'b>,
    {
        let mut request: T = match body {
            None | Some([]) => T::default(),
            Some(body) => wire::parse(body)?,
        };
        match Surface::of_path(self.route.template()) {
            Surface::V1 => {}
            Surface::Classic => request.forget_unknown(),
        }
        if request.names_another_merchant(self.key.merchant) {
            return Err(Problem::of(ErrorCode::MerchantMismatch));
        }
        Ok(request)
    }

    fn target<'b>(
        &self,
        payment: PaymentId,
        request: &impl OperationBody<'b>,
        key_in_header: Option<&str>,
        digest_into: impl FnOnce(&mut RequestDigest),
    ) -> Result<Target, Problem> {
        let MerchantCaller { merchant, mode, .. } = self.key;
        let key = agreed_key(key_in_header, request.idempotency_key())?;
        let idempotency = key.map(|text| {
            let secrets = &self.serving.secrets;
            let mut digest = secrets.request_digest("POST", self.route.template());
            digest.text(Some(&payment.to_string()));
            digest_into(&mut digest);
            (secrets.idempotency_key(merchant, mode, text), digest.finish())
        });
        Ok(Target { payment, merchant, mode, idempotency })
    }

    /// The currency in which amounts of the payment are given.
    async fn currency_of(&self, payment: PaymentId) -> Result<Currency, Problem> {
        let payment = owned_payment(self.serving, &self.key, &payment.to_string()).await?;
        let payment = payment.ok_or_else(|| Problem::of(ErrorCode::PaymentNotFound))?;
        Ok(payment.intent().money.currency)
    }
}

/// What is no payment's id names no payment.
fn parse_id(id: &str) -> Result<PaymentId, Problem> {
    id.parse().map_err(|_malformed| Problem::of(ErrorCode::PaymentNotFound))
}
