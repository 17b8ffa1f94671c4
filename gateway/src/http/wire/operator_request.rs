//! What operators decide and enter: how a case is resolved, and outcomes learnt elsewhere.

use tollgate_domain::{
    DeclineCode, OperationFailure, OperationOutcome, ProviderOutcome, ProviderReceipt, Resolution,
};

use super::{
    object::object,
    text::Text,
    validation::{Faults, present},
};
use crate::http::error::Problem;

object! {
    /// The body of a resolution.
    ResolutionRequest {
        resolution: "resolution" => Text<'a>,
    }
}

object! {
    /// The body of an outcome.
    OutcomeRequest {
        status: "status" => Text<'a>,
        decline_code: "decline_code" | "declineCode" => Text<'a>,
        failure_reason: "failure_reason" | "failureReason" => Text<'a>,
        external_txn_id: "external_txn_id" | "externalTxnID" => Text<'a>,
        rrn: "rrn" => Text<'a>,
        approval_code: "approval_code" | "approvalCode" => Text<'a>,
    }
}

/// What has become of a transaction.
#[derive(Clone, Copy)]
enum Learnt {
    Succeeded,
    Failed,
    NotSent,
}

impl ResolutionRequest<'_> {
    /// How the case is resolved.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(&self) -> Result<Resolution, Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let resolution = present(&self.resolution).and_then(|name| {
            Resolution::ALL.into_iter().find(|resolution| resolution.as_str() == name)
        });
        match (resolution, present(&self.resolution)) {
            (Some(resolution), _) if faults.is_empty() => return Ok(resolution),
            (Some(_), _) => {}
            (None, None) => faults.missing("/resolution"),
            (None, Some(_other)) => faults.invalid(
                "/resolution",
                "A case is `returned`, `assigned`, `withdrawn` or `dismissed`.",
            ),
        }
        Err(faults.into_problem())
    }
}

impl OutcomeRequest<'_> {
    /// What has become of a payment. An approval is known by the provider's own reference, without
    /// which it could be neither captured nor refunded.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn of_payment(&self) -> Result<ProviderOutcome, Problem> {
        let mut faults = Faults::default();
        let learnt = self.learnt(&mut faults);
        let receipt = self.receipt(&mut faults);
        let code = match present(&self.decline_code) {
            None => DeclineCode::GenericDecline,
            Some(name) => DeclineCode::ALL
                .into_iter()
                .find(|code| code.as_str() == name)
                .unwrap_or_else(|| {
                    faults.invalid("/decline_code", "This is no decline code.");
                    DeclineCode::GenericDecline
                }),
        };
        if let (Some(Learnt::Succeeded), true) = (learnt, receipt.external_id.is_empty()) {
            faults.missing("/external_txn_id");
        }
        match learnt {
            Some(learnt) if faults.is_empty() => Ok(match learnt {
                Learnt::Succeeded => ProviderOutcome::Approved(receipt),
                Learnt::Failed => ProviderOutcome::Declined(code),
                Learnt::NotSent => ProviderOutcome::NotSent,
            }),
            Some(_) | None => Err(faults.into_problem()),
        }
    }

    /// What has become of an operation.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn of_operation(&self) -> Result<OperationOutcome, Problem> {
        let mut faults = Faults::default();
        let learnt = self.learnt(&mut faults);
        let receipt = self.receipt(&mut faults);
        let reason = match present(&self.failure_reason) {
            None => OperationFailure::Refused,
            Some(name) => OperationFailure::ALL
                .into_iter()
                .find(|reason| reason.as_str() == name)
                .unwrap_or_else(|| {
                    faults.invalid("/failure_reason", "This is no reason of ours.");
                    OperationFailure::Refused
                }),
        };
        match learnt {
            Some(learnt) if faults.is_empty() => Ok(match learnt {
                Learnt::Succeeded => OperationOutcome::Succeeded(receipt),
                Learnt::Failed => OperationOutcome::Failed(reason),
                Learnt::NotSent => OperationOutcome::NotSent,
            }),
            Some(_) | None => Err(faults.into_problem()),
        }
    }

    /// Older clients know what has succeeded as completed.
    fn learnt(&self, faults: &mut Faults) -> Option<Learnt> {
        faults.unknown("", &self.unknown);
        match present(&self.status) {
            Some("succeeded" | "completed") => Some(Learnt::Succeeded),
            Some("failed") => Some(Learnt::Failed),
            Some("not_sent") => Some(Learnt::NotSent),
            Some(_other) => {
                faults.invalid("/status", "An outcome is `succeeded`, `failed` or `not_sent`.");
                None
            }
            None => {
                faults.missing("/status");
                None
            }
        }
    }

    fn receipt(&self, faults: &mut Faults) -> ProviderReceipt {
        let longest = ProviderReceipt::MAX_TEXT;
        let mut text =
            |pointer, text| faults.bounded(pointer, text, longest).unwrap_or_default().into();
        ProviderReceipt {
            external_id: text("/external_txn_id", &self.external_txn_id),
            rrn: text("/rrn", &self.rrn),
            approval_code: text("/approval_code", &self.approval_code),
        }
    }
}
