//! What an HTTP answer says about a payment.
//!
//! [`Answer`] is what arrived; [`PaymentAnswer`] is its meaning under the contract. Not here: any
//! judgement whether the answer fits what was said before; that is the auditor's.

use serde::Deserialize;

use crate::meaning::Meaning;
use crate::order::Currency;

/// A violation quotes so many bytes of a body.
const QUOTED: usize = 600;

/// Refusals of a payment that is more than is open of its order.
const MORE_THAN_ORDERED: [(u16, &str); 2] = [(400, "order_amount_exceeded"), (409, "order_paid")];

/// An answer that arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `Idempotent-Replayed: true` was present.
    pub(crate) replayed: bool,
    /// The content type is `application/problem+json`.
    pub(crate) problem: bool,
    pub(crate) body: Box<[u8]>,
}

/// The meaning of an answer to `POST /api/v1/payments`: 201 and 402 are final.
pub(crate) type PaymentAnswer = Meaning<(PaymentView, Outcome), PaymentView>;

/// How a payment stood in its first final answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Completed,
    /// Funds are reserved; capturing them is an operation of its own.
    Authorized,
    /// Funds are reserved, and a reviewer has to decide.
    Review,
    /// The customer has to act.
    ActionRequired,
    Failed,
}

/// What the audit compares of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct PaymentView {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    /// The amount in major units, and how much of it was taken and given back. A small test gateway
    /// has none of them.
    #[serde(default)]
    pub(crate) amount: Option<String>,
    #[serde(default)]
    pub(crate) amount_captured: Option<String>,
    #[serde(default)]
    pub(crate) amount_refunded: Option<String>,
    /// One try at one provider each, in order.
    #[serde(default)]
    pub(crate) attempts: Vec<AttemptView>,
}

/// What is needed of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct AttemptView {
    pub(crate) id: String,
}

#[derive(Deserialize)]
struct Problem {
    code: Option<String>,
    payment: Option<PaymentView>,
}

impl Answer {
    /// Status and the beginning of the body, for people.
    pub(crate) fn quote(&self) -> String {
        let shown = &self.body[..self.body.len().min(QUOTED)];
        let cut = if shown.len() < self.body.len() { "…" } else { "" };
        format!("{} {}{cut}", self.status, String::from_utf8_lossy(shown))
    }

    /// 500 `outcome_unknown`: whether anything was done is not known.
    pub(crate) fn says_outcome_unknown(&self) -> bool {
        self.status == 500 && has_code(self, "outcome_unknown")
    }
}

impl PaymentAnswer {
    pub(crate) fn of(answer: &Answer) -> Self {
        match answer.status {
            201 => Self::of_created(answer),
            202 => match PaymentView::parse(&answer.body) {
                Ok(payment) => Self::Accepted(payment),
                Err(why) => Self::unexpected(answer, &why),
            },
            402 => Self::of_declined(answer),
            status
                if MORE_THAN_ORDERED
                    .iter()
                    .any(|(of, code)| *of == status && has_code(answer, code)) =>
            {
                Self::Rejected { status }
            }
            _ => Self::of_nothing(answer),
        }
    }

    fn of_created(answer: &Answer) -> Self {
        match PaymentView::parse(&answer.body) {
            Ok(payment) => match payment.outcome() {
                Some(Outcome::Failed) => {
                    Self::unexpected(answer, "201 with a payment that has failed")
                }
                Some(outcome) => Self::Final((payment, outcome)),
                None => {
                    Self::unexpected(answer, "201 is final, and this status of a payment is not")
                }
            },
            Err(why) => Self::unexpected(answer, &why),
        }
    }

    fn of_declined(answer: &Answer) -> Self {
        match view_in_problem(answer) {
            Ok(payment) if payment.outcome() == Some(Outcome::Failed) => {
                Self::Final((payment, Outcome::Failed))
            }
            Ok(_) => Self::unexpected(answer, "402 with a payment that has not failed"),
            Err(why) => Self::unexpected(answer, &why),
        }
    }
}

impl PaymentView {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let payment: Self =
            serde_json::from_slice(body).map_err(|why| format!("not a payment: {why}"))?;
        if payment.has_plain_id() { Ok(payment) } else { Err("no payment id".to_owned()) }
    }

    /// How the payment stands, or `None` where a first final answer cannot say so.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self.status.as_str() {
            "completed" => Some(Outcome::Completed),
            "authorized" => Some(Outcome::Authorized),
            "review" => Some(Outcome::Review),
            "requires_action" => Some(Outcome::ActionRequired),
            "failed" => Some(Outcome::Failed),
            _ => None,
        }
    }

    /// What is wrong with the amounts of a payment on which nothing was done after this outcome.
    pub(crate) fn amounts_against(&self, outcome: Outcome) -> Option<String> {
        let (Some(amount), Some(captured), Some(refunded)) =
            (&self.amount, &self.amount_captured, &self.amount_refunded)
        else {
            return None;
        };
        let taken = match outcome {
            Outcome::Completed => captured == amount,
            Outcome::Authorized | Outcome::Review | Outcome::ActionRequired | Outcome::Failed => {
                is_zero(captured)
            }
        };
        let fits = taken && is_zero(refunded);
        (!fits).then(|| {
            let name = outcome.name();
            format!("{name}, amount {amount}, captured {captured}, refunded {refunded}")
        })
    }

    /// How much was taken and given back, in minor units; `None` where it does not say so.
    pub(crate) fn moved_minor(&self) -> Option<(i64, i64)> {
        let decimals = Currency::named(&self.currency)?.decimals();
        let minor = |text: &Option<String>| minor_units(text.as_deref()?, decimals);
        Some((minor(&self.amount_captured)?, minor(&self.amount_refunded)?))
    }

    /// The attempt that was made last.
    pub(crate) fn last_attempt(&self) -> Option<&str> {
        self.attempts.last().map(|attempt| &*attempt.id).filter(|id| is_plain("att_", id))
    }

    fn has_plain_id(&self) -> bool {
        is_plain("pay_", &self.id)
    }
}

impl Outcome {
    /// The payment's status on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Authorized => "authorized",
            Self::Review => "review",
            Self::ActionRequired => "requires_action",
            Self::Failed => "failed",
        }
    }

    /// The provider holds an approval for it.
    pub(crate) fn is_approved(self) -> bool {
        match self {
            Self::Completed | Self::Authorized | Self::Review => true,
            Self::ActionRequired | Self::Failed => false,
        }
    }
}

/// An id goes into a path, so it must be made of harmless characters.
pub(crate) fn is_plain(prefix: &str, id: &str) -> bool {
    id.starts_with(prefix) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Minor units of an amount in major ones; zero may leave its decimals out.
fn minor_units(text: &str, decimals: usize) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) {
        return None;
    }
    if part.len() != decimals {
        return is_zero(text).then_some(0);
    }
    format!("{whole}{part}").parse().ok()
}

/// An amount in major units is zero, with however many decimals.
fn is_zero(amount: &str) -> bool {
    !amount.is_empty() && amount.bytes().all(|byte| byte == b'0' || byte == b'.')
}

pub(crate) fn has_code(answer: &Answer, code: &str) -> bool {
    serde_json::from_slice::<Problem>(&answer.body)
        .is_ok_and(|problem| problem.code.as_deref() == Some(code))
}

/// The payment in a problem document of something that did not succeed.
pub(crate) fn view_in_problem(answer: &Answer) -> Result<PaymentView, String> {
    if !answer.problem {
        return Err("402 is not application/problem+json".to_owned());
    }
    let problem: Problem = serde_json::from_slice(&answer.body)
        .map_err(|why| format!("not a problem document: {why}"))?;
    match problem.payment {
        Some(payment) if payment.has_plain_id() => Ok(payment),
        Some(_) => Err("no payment id".to_owned()),
        None => Err("402 without the payment".to_owned()),
    }
}

/// What was wrong about an answer, and the answer.
pub(crate) fn unexpected(answer: &Answer, why: &str) -> String {
    format!("{why}: {}", answer.quote())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meaning::Nothing;

    fn read(status: u16, problem: bool, body: &str) -> PaymentAnswer {
        let answer = Answer { status, replayed: false, problem, body: body.as_bytes().into() };
        PaymentAnswer::of(&answer)
    }

    const COMPLETED: &str =
        r#"{"id":"pay_1","status":"completed","amount_minor":100,"currency":"INR","more":null}"#;
    const FAILED: &str = r#"{"id":"pay_1","status":"failed","amount_minor":100,"currency":"INR"}"#;
    const PROCESSING: &str =
        r#"{"id":"pay_1","status":"processing","amount_minor":100,"currency":"INR"}"#;

    #[test]
    fn final_answers_carry_their_outcome() {
        let completed = read(201, false, COMPLETED);
        assert!(matches!(completed, PaymentAnswer::Final((_, Outcome::Completed))));
        let authorized = read(201, false, &COMPLETED.replace("completed", "authorized"));
        assert!(matches!(authorized, PaymentAnswer::Final((_, Outcome::Authorized))));
        let held = read(201, false, &COMPLETED.replace("completed", "review"));
        assert!(matches!(held, PaymentAnswer::Final((_, Outcome::Review))));
        let action = read(201, false, &COMPLETED.replace("completed", "requires_action"));
        assert!(matches!(action, PaymentAnswer::Final((_, Outcome::ActionRequired))));
        let declined = read(402, true, &format!(r#"{{"code":"x","payment":{FAILED}}}"#));
        assert!(matches!(declined, PaymentAnswer::Final((_, Outcome::Failed))));
    }

    #[test]
    fn answers_that_are_not_final_are_told_apart() {
        assert!(matches!(read(202, false, PROCESSING), PaymentAnswer::Accepted(_)));
        let in_use = read(409, true, r#"{"code":"idempotency_key_in_use"}"#);
        assert_eq!(in_use, Meaning::Nothing(Nothing::InUse));
        let reused = read(422, true, r#"{"code":"idempotency_key_reused"}"#);
        assert_eq!(reused, Meaning::Nothing(Nothing::KeyReused));
        assert!(read(503, true, "").is_refused());
        for (status, code) in MORE_THAN_ORDERED {
            let more = read(status, true, &format!(r#"{{"code":"{code}"}}"#));
            assert_eq!(more, Meaning::Rejected { status });
        }
        assert!(read(429, true, "").is_refused());
    }

    #[test]
    fn what_the_contract_does_not_allow_is_unexpected() {
        for (status, problem, body) in [
            (201, false, PROCESSING),
            (201, false, FAILED),
            (201, false, "{"),
            (201, false, &*COMPLETED.replace("pay_1", "../1")),
            (402, false, r#"{"code":"x"}"#),
            (402, true, r#"{"code":"x"}"#),
            (402, true, &*format!(r#"{{"payment":{COMPLETED}}}"#)),
            (409, true, r#"{"code":"payment_unexpected_state"}"#),
            (422, true, r#"{"code":"other"}"#),
            (500, true, "{}"),
            (401, true, "{}"),
        ] {
            let meaning = read(status, problem, body);
            assert!(matches!(meaning, Meaning::Nothing(Nothing::Unexpected(_))), "{status} {body}");
        }
    }

    #[test]
    fn amounts_follow_the_outcome() {
        let view = |captured: &str, refunded: &str| -> PaymentView {
            let text = format!(
                r#"{{"id":"pay_1","status":"completed","amount_minor":100,"currency":"INR",
                    "amount":"1.00","amount_captured":"{captured}","amount_refunded":"{refunded}"}}"#
            );
            PaymentView::parse(text.as_bytes()).unwrap()
        };
        assert_eq!(view("1.00", "0.00").amounts_against(Outcome::Completed), None);
        assert!(view("0.99", "0.00").amounts_against(Outcome::Completed).is_some());
        assert!(view("1.00", "0.01").amounts_against(Outcome::Completed).is_some());
        assert_eq!(view("0", "0").amounts_against(Outcome::Authorized), None);
        assert!(view("1.00", "0.00").amounts_against(Outcome::Failed).is_some());
    }

    #[test]
    fn amounts_are_read_by_their_currency() {
        let view = |amount: &str, currency: &str| -> PaymentView {
            let text = format!(
                r#"{{"id":"pay_1","status":"completed","amount_minor":100,"currency":"{currency}",
                    "amount":"1.00","amount_captured":"{amount}","amount_refunded":"0"}}"#
            );
            PaymentView::parse(text.as_bytes()).unwrap()
        };
        assert_eq!(view("12.34", "INR").moved_minor(), Some((1_234, 0)));
        assert_eq!(view("1234", "JPY").moved_minor(), Some((1_234, 0)));
        assert_eq!(view("0", "INR").moved_minor(), Some((0, 0)));
        for wrong in ["12.3", "12.345", "", "1,00", "-1.00"] {
            assert_eq!(view(wrong, "INR").moved_minor(), None, "{wrong}");
        }
    }
}
