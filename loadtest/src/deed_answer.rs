//! What an HTTP answer says about something that was to be done to a payment.
//!
//! Not here: any judgement whether it fits what was said before; that is the auditor's.

use serde::Deserialize;

use crate::answer::{Answer, Outcome, PaymentView, has_code, is_plain, view_in_problem};
use crate::deed::DeedKind;
use crate::meaning::Meaning;

/// Refusals before anything was begun, of which the key remembers nothing.
const NOTHING_BEGUN: [(u16, &str); 5] = [
    (400, "capture_exceeds_authorized"),
    (400, "refund_exceeds_captured"),
    (409, "payment_unexpected_state"),
    (409, "operation_in_progress"),
    (409, "operation_limit_reached"),
];

/// The meaning of an answer to what is done to a payment: 200, 201 and 402 are final.
pub(crate) type DeedAnswer = Meaning<(Shown, DeedEnd), Shown>;

/// What an answer shows: a refund is shown by itself, all else by the payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    Payment(PaymentView),
    Refund(RefundView),
}

/// What became of a deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeedEnd {
    Done,
    /// The provider did not do it, or took it back.
    Undone,
    /// A refund that the provider has, and has not decided.
    Pending,
}

/// What the audit compares of a refund.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct RefundView {
    pub(crate) id: String,
    pub(crate) payment_id: String,
    pub(crate) status: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
}

impl DeedAnswer {
    pub(crate) fn of(kind: DeedKind, answer: &Answer) -> Self {
        let is_refund = kind.is_refund();
        match answer.status {
            200 if !is_refund => match PaymentView::parse(&answer.body) {
                Ok(payment) => Self::Final((Shown::Payment(payment), DeedEnd::Done)),
                Err(why) => Self::unexpected(answer, &why),
            },
            201 if is_refund => match RefundView::parse(&answer.body) {
                Ok(refund) => match refund.end() {
                    Some(end) => Self::Final((Shown::Refund(refund), end)),
                    None => Self::unexpected(answer, "201 is final, and this refund is not"),
                },
                Err(why) => Self::unexpected(answer, &why),
            },
            202 => match Shown::parse(is_refund, &answer.body) {
                Ok(shown) => Self::Accepted(shown),
                Err(why) => Self::unexpected(answer, &why),
            },
            402 if !is_refund => Self::of_failure(kind, answer),
            status if is_rejection(answer) => Self::Rejected { status },
            _ => Self::of_nothing(answer),
        }
    }

    /// What the provider did not do; or, of a confirmation, that the customer has declined.
    fn of_failure(kind: DeedKind, answer: &Answer) -> Self {
        let end =
            if has_code(answer, "operation_failed") { DeedEnd::Undone } else { DeedEnd::Done };
        match view_in_problem(answer) {
            Ok(payment) if end == DeedEnd::Undone => Self::Final((Shown::Payment(payment), end)),
            Ok(payment)
                if kind == DeedKind::Confirmation && payment.outcome() == Some(Outcome::Failed) =>
            {
                Self::Final((Shown::Payment(payment), end))
            }
            Ok(_) => Self::unexpected(answer, "402 for something that has not failed"),
            Err(why) => Self::unexpected(answer, &why),
        }
    }
}

impl DeedEnd {
    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Undone => "undone",
            Self::Pending => "pending",
        }
    }
}

impl Shown {
    fn parse(is_refund: bool, body: &[u8]) -> Result<Self, String> {
        match is_refund {
            true => RefundView::parse(body).map(Self::Refund),
            false => PaymentView::parse(body).map(Self::Payment),
        }
    }
}

impl RefundView {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let refund: Self =
            serde_json::from_slice(body).map_err(|why| format!("not a refund: {why}"))?;
        if is_plain("ref_", &refund.id) { Ok(refund) } else { Err("no refund id".to_owned()) }
    }

    /// What became of it; `None` while the provider may not even have it.
    pub(crate) fn end(&self) -> Option<DeedEnd> {
        match self.status.as_str() {
            "succeeded" => Some(DeedEnd::Done),
            "failed" => Some(DeedEnd::Undone),
            "pending" => Some(DeedEnd::Pending),
            _ => None,
        }
    }
}

fn is_rejection(answer: &Answer) -> bool {
    let mut rejections = NOTHING_BEGUN.iter();
    rejections.any(|(status, code)| *status == answer.status && has_code(answer, code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meaning::Nothing;

    const CAPTURE: DeedKind = DeedKind::Capture { amount_minor: 1, is_final: true };
    const REFUND: DeedKind = DeedKind::Refund { amount_minor: 1 };
    const PAYMENT: &str =
        r#"{"id":"pay_1","status":"completed","amount_minor":100,"currency":"INR"}"#;
    const REFUNDED: &str = r#"{"id":"ref_1","payment_id":"pay_1","status":"succeeded",
        "amount_minor":1,"currency":"INR"}"#;

    fn read(kind: DeedKind, status: u16, body: &str) -> DeedAnswer {
        let problem = status >= 400;
        let answer = Answer { status, replayed: false, problem, body: body.as_bytes().into() };
        DeedAnswer::of(kind, &answer)
    }

    #[test]
    fn final_answers_carry_their_end() {
        let done = |answer| matches!(answer, DeedAnswer::Final((_, DeedEnd::Done)));
        assert!(done(read(CAPTURE, 200, PAYMENT)));
        assert!(done(read(REFUND, 201, REFUNDED)));
        for (status, expected) in [("failed", DeedEnd::Undone), ("pending", DeedEnd::Pending)] {
            let answer = read(REFUND, 201, &REFUNDED.replace("succeeded", status));
            assert!(matches!(answer, DeedAnswer::Final((_, end)) if end == expected));
        }
        let failed = PAYMENT.replace("completed", "failed");
        let declined = format!(r#"{{"code":"payment_declined","payment":{failed}}}"#);
        assert!(done(read(DeedKind::Confirmation, 402, &declined)));
        let undone = format!(r#"{{"code":"operation_failed","payment":{PAYMENT}}}"#);
        let undone = read(CAPTURE, 402, &undone);
        assert!(matches!(undone, DeedAnswer::Final((_, DeedEnd::Undone))));
    }

    #[test]
    fn answers_that_are_not_final_are_told_apart() {
        assert!(matches!(read(CAPTURE, 202, PAYMENT), DeedAnswer::Accepted(_)));
        let unknown = REFUNDED.replace("succeeded", "unknown");
        assert!(matches!(read(REFUND, 202, &unknown), DeedAnswer::Accepted(_)));
        let code = |code: &str| format!(r#"{{"code":"{code}"}}"#);
        let in_use = read(REFUND, 409, &code("idempotency_key_in_use"));
        assert_eq!(in_use, Meaning::Nothing(Nothing::InUse));
        assert!(read(REFUND, 422, &code("idempotency_key_reused")).is_reused());
        assert!(read(REFUND, 503, "").is_refused());
        for (status, name) in NOTHING_BEGUN {
            assert_eq!(read(REFUND, status, &code(name)), DeedAnswer::Rejected { status });
        }
    }

    #[test]
    fn what_the_contract_does_not_allow_is_unexpected() {
        for (kind, status, body) in [
            (CAPTURE, 201, PAYMENT),
            (CAPTURE, 200, "{"),
            (REFUND, 200, REFUNDED),
            (REFUND, 201, &*REFUNDED.replace("succeeded", "unknown")),
            (REFUND, 201, &*REFUNDED.replace("ref_1", "../1")),
            (REFUND, 402, r#"{"code":"operation_failed"}"#),
            (CAPTURE, 402, r#"{"code":"operation_failed"}"#),
            (CAPTURE, 402, &*format!(r#"{{"code":"payment_declined","payment":{PAYMENT}}}"#)),
            (
                DeedKind::Confirmation,
                402,
                &*format!(r#"{{"code":"payment_declined","payment":{PAYMENT}}}"#),
            ),
            (CAPTURE, 409, r#"{"code":"other"}"#),
            (CAPTURE, 404, r#"{"code":"payment_not_found"}"#),
            (CAPTURE, 500, "{}"),
        ] {
            let meaning = read(kind, status, body);
            assert!(matches!(meaning, Meaning::Nothing(Nothing::Unexpected(_))), "{status} {body}");
        }
    }
}
