//! Doing something to a payment, alike on every surface: from a request's body to the engine's answer.
//!
//! Not here: what that answer looks like, which each surface says for itself.
//!
//! Invariant: a fingerprint covers path and payment, so that a key which is repeated for another
//! payment or on another surface is another request.

use bytes::Bytes;
use hyper::HeaderMap;
use serde::Deserialize;
use tollgate_domain::{
    CapturePayment, ConfirmPayment, Currency, DecideReview, PaymentId, RefundPayment,
    ReversePayment, ReviewVerdict, Scope, Target, VoidPayment,
};
use tollgate_engine::{Answer, Patience, PaymentCommand};

use super::{
    authentication::{self, MerchantCaller},
    error::{ErrorCode, Problem},
    idempotency::agreed_key,
    owned_payment::owned_payment,
    prefer::prefers_async,
    router::Route,
    state::{Gateway, Serving},
    surface::Surface,
    wire::{self, CaptureRequest, Field, OperationBody, PlainOperationRequest, RefundRequest},
};
use crate::{secrets::RequestDigest, vault::OpenedData};

/// Does something to the payments of whoever asked, as he prefers it.
pub(super) struct PaymentOperation<'g> {
    serving: &'g Serving,
    key: MerchantCaller,
    patience: Patience,
    /// Where the request came in; part of its fingerprint.
    route: Route,
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

impl<'g> PaymentOperation<'g> {
    /// Begins with the request's head.
    ///
    /// # Errors
    /// While the gateway is not ready, and without the key of a merchant with that scope. A
    /// suspended merchant takes no new payments; what he has may be captured, voided and refunded.
    pub(super) fn begin(
        gateway: &'g Gateway,
        route: Route,
        headers: &HeaderMap,
        scope: Scope,
    ) -> Result<Self, Problem> {
        let serving = gateway.serving()?;
        let key = authentication::merchant(gateway, headers, scope)?;
        let patience = if prefers_async(headers) {
            Patience::UntilRecorded
        } else {
            Patience::UntilSettled(gateway.wait)
        };
        Ok(Self { serving, key, patience, route })
    }

    /// Does what needs no words.
    ///
    /// # Errors
    /// All faults of the request; what the engine refuses and what it cannot tell.
    pub(super) async fn plain(
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
        self.carry_out(match operation {
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

    /// Captures.
    ///
    /// # Errors
    /// All faults of the request; what the engine refuses and what it cannot tell.
    pub(super) async fn capture(
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
        self.carry_out(PaymentCommand::Capture(command)).await
    }

    /// Refunds; the payment is named by the path, or else by the body.
    ///
    /// # Errors
    /// All faults of the request; what the engine refuses and what it cannot tell.
    pub(super) async fn refund(
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
        self.carry_out(PaymentCommand::Refund(command)).await
    }

    /// What is sealed in the answer's payment, to be shown; `None` once it is erased.
    pub(super) fn personal_data(&self, answer: &Answer) -> Option<OpenedData> {
        self.serving.vault.open_payment(&answer.payment)
    }

    async fn carry_out(&self, command: PaymentCommand) -> Result<Box<Answer>, Problem> {
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
