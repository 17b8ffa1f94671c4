//! What an HTTP answer says about something that was to be done to a payment.
//!
//! Not here: any judgement whether it fits what was said before; that is the auditor's.

use serde::Deserialize;

use crate::answer::{Answer, PaymentView, has_code, unexpected, view_in_problem};
use crate::deed::DeedKind;

/// Refusals before anything was begun, of which the key remembers nothing.
const NOTHING_BEGUN: [(u16, &str); 5] = [
    (400, "capture_exceeds_authorized"),
    (400, "refund_exceeds_captured"),
    (409, "payment_unexpected_state"),
    (409, "operation_in_progress"),
    (409, "operation_limit_reached"),
];

/// The meaning of an answer to a capture, void, reversal or refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeedAnswer {
    /// 200, 201 or 402: the last word on this key.
    Final { shown: Shown, end: DeedEnd },
    /// 202: acknowledged, not final.
    Accepted { shown: Shown },
    /// The rules forbid it: 400 or 409, and nothing was begun.
    Rejected { status: u16 },
    /// 409 `idempotency_key_in_use`: the first request still runs.
    InUse,
    /// 429 or 503: not taken in, nothing was begun.
    Refused,
    /// 422 `idempotency_key_reused`.
    KeyReused,
    /// Anything else, with what was wrong about it.
    Unexpected(String),
}

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
        match (answer.status, kind.is_refund()) {
            (200, false) => match PaymentView::parse(&answer.body) {
                Ok(payment) => Self::Final { shown: Shown::Payment(payment), end: DeedEnd::Done },
                Err(why) => unexpected_here(answer, &why),
            },
            (201, true) => match RefundView::parse(&answer.body) {
                Ok(refund) => match refund.end() {
                    Some(end) => Self::Final { shown: Shown::Refund(refund), end },
                    None => unexpected_here(answer, "201 is final, and this refund is not"),
                },
                Err(why) => unexpected_here(answer, &why),
            },
            (202, false) => match PaymentView::parse(&answer.body) {
                Ok(payment) => Self::Accepted { shown: Shown::Payment(payment) },
                Err(why) => unexpected_here(answer, &why),
            },
            (202, true) => match RefundView::parse(&answer.body) {
                Ok(refund) => Self::Accepted { shown: Shown::Refund(refund) },
                Err(why) => unexpected_here(answer, &why),
            },
            (402, false) if has_code(answer, "operation_failed") => match view_in_problem(answer) {
                Ok(payment) => Self::Final { shown: Shown::Payment(payment), end: DeedEnd::Undone },
                Err(why) => unexpected_here(answer, &why),
            },
            (409, _) if has_code(answer, "idempotency_key_in_use") => Self::InUse,
            (422, _) if has_code(answer, "idempotency_key_reused") => Self::KeyReused,
            (429 | 503, _) => Self::Refused,
            (status, _) if is_rejection(answer) => Self::Rejected { status },
            _ => unexpected_here(answer, "this status is not allowed here"),
        }
    }

    /// As `PaymentAnswer::finality`.
    pub(crate) fn finality(&self) -> u8 {
        match self {
            Self::InUse | Self::Refused => 0,
            Self::Accepted { .. } => 1,
            Self::Final { .. } => 2,
            Self::Rejected { .. } | Self::KeyReused | Self::Unexpected(_) => 3,
        }
    }
}

impl RefundView {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let refund: Self =
            serde_json::from_slice(body).map_err(|why| format!("not a refund: {why}"))?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_plain = refund.id.starts_with("ref_") && refund.id.bytes().all(plain);
        if is_plain { Ok(refund) } else { Err("no refund id".to_owned()) }
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

fn unexpected_here(answer: &Answer, why: &str) -> DeedAnswer {
    DeedAnswer::Unexpected(unexpected(answer, why))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let done = |answer| matches!(answer, DeedAnswer::Final { end: DeedEnd::Done, .. });
        assert!(done(read(CAPTURE, 200, PAYMENT)));
        assert!(done(read(REFUND, 201, REFUNDED)));
        for (status, expected) in [("failed", DeedEnd::Undone), ("pending", DeedEnd::Pending)] {
            let answer = read(REFUND, 201, &REFUNDED.replace("succeeded", status));
            assert!(matches!(answer, DeedAnswer::Final { end, .. } if end == expected));
        }
        let undone = format!(r#"{{"code":"operation_failed","payment":{PAYMENT}}}"#);
        let undone = read(CAPTURE, 402, &undone);
        assert!(matches!(undone, DeedAnswer::Final { end: DeedEnd::Undone, .. }));
    }

    #[test]
    fn answers_that_are_not_final_are_told_apart() {
        assert!(matches!(read(CAPTURE, 202, PAYMENT), DeedAnswer::Accepted { .. }));
        let unknown = REFUNDED.replace("succeeded", "unknown");
        assert!(matches!(read(REFUND, 202, &unknown), DeedAnswer::Accepted { .. }));
        let code = |code: &str| format!(r#"{{"code":"{code}"}}"#);
        assert_eq!(read(REFUND, 409, &code("idempotency_key_in_use")), DeedAnswer::InUse);
        assert_eq!(read(REFUND, 422, &code("idempotency_key_reused")), DeedAnswer::KeyReused);
        assert_eq!(read(REFUND, 503, ""), DeedAnswer::Refused);
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
            (CAPTURE, 409, r#"{"code":"other"}"#),
            (CAPTURE, 404, r#"{"code":"payment_not_found"}"#),
            (CAPTURE, 500, "{}"),
        ] {
            let meaning = read(kind, status, body);
            assert!(matches!(meaning, DeedAnswer::Unexpected(_)), "{status} {body}");
        }
    }
}
