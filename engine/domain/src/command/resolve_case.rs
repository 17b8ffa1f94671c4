//! An operator decides a case.

use crate::{
    decision::Decision,
    env::Env,
    event::{Event, Record},
    id::{CaseId, PaymentId},
    idempotency::Subject,
    payment::{Matter, Resolution},
    rejection::Rejection,
    shard_state::ShardState,
};

/// A case to close. It books what the operator says has become of the money; the money itself he
/// has seen to.
#[derive(Clone, Copy, Debug)]
pub struct ResolveCase {
    /// The payment it is about.
    pub payment: PaymentId,
    /// The case.
    pub case: CaseId,
    /// How it is closed.
    pub resolution: Resolution,
}

impl ResolveCase {
    pub(super) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        let Self { payment, case, resolution } = self;
        let found = state.payment(payment).ok_or(Rejection::PaymentNotFound(payment))?;
        let open = found.cases().iter().find(|open| open.id == case && open.is_open());
        let matter = open.ok_or(Rejection::CaseNotFound(case))?.matter;
        let possible = match (matter, resolution) {
            (
                Matter::LateApproval(_) | Matter::OperationLate(_),
                Resolution::Returned | Resolution::Assigned | Resolution::Dismissed,
            )
            | (
                Matter::ApprovalDenied(_) | Matter::OperationDenied(_),
                Resolution::Withdrawn | Resolution::Dismissed,
            ) => true,
            (Matter::LateApproval(_) | Matter::OperationLate(_), Resolution::Withdrawn)
            | (
                Matter::ApprovalDenied(_) | Matter::OperationDenied(_),
                Resolution::Returned | Resolution::Assigned,
            ) => false,
        };
        if !possible {
            return Err(Rejection::CaseNotResolvable { matter, resolution });
        }
        let events = vec![Event::CaseResolved { payment, case, resolution }];
        let record = Record { at: env.now, events, idempotency: None, effects: Vec::new() };
        Ok(Decision::Accepted { record, subject: Some(Subject::Payment(payment)) })
    }
}
