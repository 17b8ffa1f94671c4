//! `POST /api/v1/payments/batch`: up to 500 payments of one merchant, one answer each.
//!
//! Invariant: an answer stands at the place of its payment, and what is wrong with one payment
//! keeps none of the others from being carried out.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use axum::{body::Body, extract::State, response::Response};
use hyper::{Request, StatusCode};

use super::payments::created_status;
use crate::http::{
    body::{self, read_json},
    error::{ErrorCode, Problem},
    idempotency::key_in_header,
    payment_creation::{PaymentCreation, PreparedPayment},
    respond,
    router::Route,
    state::Gateway,
    wire::{self, BatchBody, BatchItem, BatchOutcome, BatchRequest},
};

/// Creates all payments of the batch at once, and waits for all outcomes as long as one payment's
/// request would.
pub(in crate::http) async fn create(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let creation = PaymentCreation::begin(&gateway, Route::PaymentBatch, request.headers())?;
    if key_in_header(request.headers())?.is_some() {
        let detail = "A batch takes no Idempotency-Key header: give each of its payments an \
                      idempotency_key of its own.";
        return Err(Problem::new(ErrorCode::IdempotencyKeyInvalid, detail));
    }
    let body = read_json(request, gateway.batch_body_limits).await?;
    let prepared = prepare_each(&creation, &body);
    body::wipe(body);
    let outcomes = prepared?.into_iter().map(|prepared| outcome(&creation, prepared));
    let items = all_at_once(outcomes).await;
    Ok(respond::json(StatusCode::OK, &BatchBody::of(items)))
}

fn prepare_each(
    creation: &PaymentCreation<'_>,
    body: &[u8],
) -> Result<Vec<Result<PreparedPayment, Problem>>, Problem> {
    let batch: BatchRequest<'_> = wire::parse(body)?;
    let items = batch.validate()?;
    Ok(items.iter().map(|item| creation.prepare(item.get().as_bytes(), None)).collect())
}

async fn outcome(
    creation: &PaymentCreation<'_>,
    prepared: Result<PreparedPayment, Problem>,
) -> BatchItem {
    let answer = match prepared {
        Ok(payment) => creation.carry_out(payment).await,
        Err(problem) => Err(problem),
    };
    match answer {
        Ok(answer) => BatchItem {
            status: created_status(&answer.payment),
            outcome: BatchOutcome::Payment {
                personal: creation.personal_data(&answer.payment),
                answer,
            },
        },
        Err(problem) => {
            BatchItem { status: problem.code().status(), outcome: BatchOutcome::Error(problem) }
        }
    }
}

/// Runs all of them side by side. Each is begun in its turn, so that the shard gets the payments in
/// the order of the batch.
async fn all_at_once<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    enum Run<F: Future> {
        Going(Pin<Box<F>>),
        Done(F::Output),
    }
    // A wake looks at all that still runs. Answers come in groups, as the log commits, so that
    // there are far fewer wakes than payments.
    let mut runs: Vec<Run<F>> = futures.map(|future| Run::Going(Box::pin(future))).collect();
    poll_fn(|context| {
        let mut poll = Poll::Ready(());
        for run in &mut runs {
            if let Run::Going(future) = run {
                match future.as_mut().poll(context) {
                    Poll::Ready(output) => *run = Run::Done(output),
                    Poll::Pending => poll = Poll::Pending,
                }
            }
        }
        poll
    })
    .await;
    runs.into_iter()
        .map(|run| match run {
            Run::Done(output) => output,
            Run::Going(_) => unreachable!("waited for all"),
        })
        .collect()
}
