//! The classic surface, for clients that were written for the older API: one file for each kind of
//! object. Its operations are those of version 1, with older names and answers.

pub(super) mod events;
pub(super) mod payment_operations;
pub(super) mod payments;
pub(super) mod providers;
pub(super) mod refunds;
pub(super) mod transactions;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::Request;

use super::{
    body::{BodyLimits, MediaType, read_json_or_form},
    error::Problem,
    wire::FormBody,
};

/// Reads the body of an operation on a payment, as JSON; `None` where it is empty, whatever its type.
pub(super) async fn read_operation_body(
    request: Request<Body>,
    limits: BodyLimits,
) -> Result<Option<Bytes>, Problem> {
    if request.body().is_end_stream() {
        return Ok(None);
    }
    let (body, media) = read_json_or_form(request, limits).await?;
    Ok(Some(match media {
        MediaType::Json => body,
        MediaType::Form => Bytes::copy_from_slice(FormBody::parse(&body)?.json()),
    }))
}
