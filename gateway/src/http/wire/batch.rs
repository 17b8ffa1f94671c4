//! A batch of payments: its request, and its answer.

use hyper::StatusCode;
use serde::{Serialize, Serializer, ser::SerializeMap};
use tollgate_engine::Answer;

use super::{number::Raw, object::object, payment_answer::PaymentBody, validation::Faults};
use crate::{
    http::error::{ErrorCode, Problem},
    vault::OpenedData,
};

/// Most payments of one batch.
const MOST_PAYMENTS: usize = 500;

object! {
    /// The body of a batch. Its payments are parsed one by one, so that none hides another.
    BatchRequest {
        payments: "payments" => Vec<Raw<'a>>,
    }
}

impl<'a> BatchRequest<'a> {
    /// The text of each payment, in order.
    ///
    /// # Errors
    /// Without any payment or with too many.
    pub(crate) fn validate(&self) -> Result<&[Raw<'a>], Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let payments = self.payments.as_deref().unwrap_or_default();
        if self.payments.is_none() {
            faults.missing("/payments");
        } else if !(1..=MOST_PAYMENTS).contains(&payments.len()) {
            let detail = format!("A batch has 1 to {MOST_PAYMENTS} payments.");
            faults.add("/payments", ErrorCode::ParameterInvalid, detail);
        }
        if faults.is_empty() { Ok(payments) } else { Err(faults.into_problem()) }
    }
}

/// The answer to a batch, to be serialized.
#[derive(Serialize)]
pub(crate) struct BatchBody {
    object: &'static str,
    data: Items,
}

/// What became of one payment of a batch.
pub(crate) struct BatchItem {
    /// The status that the payment alone would have been answered with.
    pub(crate) status: StatusCode,
    pub(crate) outcome: BatchOutcome,
}

/// A payment, or why there is none.
pub(crate) enum BatchOutcome {
    Payment {
        answer: Box<Answer>,
        /// What is sealed in the payment, unless it is erased.
        personal: Option<OpenedData>,
    },
    Error(Problem),
}

struct Items(Vec<BatchItem>);

impl BatchBody {
    /// Takes the items in the order of their payments.
    pub(crate) fn of(items: Vec<BatchItem>) -> Self {
        Self { object: "list", data: Items(items) }
    }
}

impl Serialize for Items {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_seq(self.0.iter().enumerate().map(|(index, item)| IndexedItem { index, item }))
    }
}

struct IndexedItem<'i> {
    index: usize,
    item: &'i BatchItem,
}

impl Serialize for IndexedItem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("index", &self.index)?;
        members.serialize_entry("status", &self.item.status.as_u16())?;
        match &self.item.outcome {
            BatchOutcome::Payment { answer, personal } => {
                // What the header says of a payment alone.
                if answer.replayed {
                    members.serialize_entry("idempotent_replayed", &true)?;
                }
                let (payment, personal) = (&answer.payment, personal.as_ref());
                members.serialize_entry("payment", &PaymentBody { payment, personal })?;
            }
            // The request id is that of the batch, and stands in its header.
            BatchOutcome::Error(problem) => {
                members.serialize_entry("error", &problem.document(None))?;
            }
        }
        members.end()
    }
}
