//! What the simulator and its clients say to each other over HTTP.
//!
//! ```text
//!   POST /v1/attempts/att_…/authorize   {"payment":"pay_…","merchant":"mer_…","mode":"test",
//!                                        "amount_minor":100,"currency":"INR","capture":"automatic",
//!                                        "faults":null,"return_url":null},
//!                                        "not_after_ms":1800000002000,
//!                                        "method":{"card":{"number":"…","expiry_month":12, …}}}
//!   POST /v1/attempts/att_…/inquire     {"payment":{…},"rail":"card"}
//!   200                                 {"outcome":"approved","receipt":{…}} and so on
//!
//!   POST /v1/attempts/att_…/operations/op_…
//!                                       {"payment":{…},"rail":"card","not_after_ms":1800000002000,
//!                                        "instruction":{"capture":{"amount_minor":60,
//!                                                                  "release_rest":true}}}
//!                                       or "confirm", "void", "reverse",
//!                                       {"refund":{"amount_minor":60}}
//!   POST /v1/attempts/att_…/operations/op_…/inquire        {"payment":{…},"rail":"card"}
//!   200                                 {"outcome":"succeeded","receipt":{…}} and so on; a
//!                                       confirmation is answered as an inquiry about the attempt
//!
//!   POST /v1/vpas/look-up                {"vpa":"success@sim"}, answered {"found":{"name":"…"}} or
//!                                       "not_found"
//!   POST /v1/wallets/balance             {"provider":"paytm","id":"…","currency":"INR"}, answered
//!                                       {"found":{"amount_minor":100}} or "not_found"
//!   POST /v1/wallets/link                {"provider":"paytm","id":"…"}, answered
//!                                       {"found":{"token":"…"}} or "not_found"
//!
//!   GET  /actions/att_…                 a page for the customer, who sends decision=approve or
//!   POST /actions/att_…                 decision=decline
//!   GET  /ledger?after=0&limit=100      the simulator's books
//!   GET  /health
//! ```
//!
//! The id of the attempt, or of the operation, is the idempotency key: however often it is sent, it is
//! decided once. An answer that is anything but 200 with such a body says nothing about it.
//!
//! Invariant: what stands in a body and not in the types below is refused, on both sides, so that
//! neither is understood by half.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};
use tollgate_domain::{
    CaptureMode, DeclineCode, Mode, NextAction, OperationFailure, OperationOutcome, PaymentIntent,
    PaymentMethod, ProviderOutcome, ProviderReceipt,
};

use super::fault::KEY;
use crate::provider::{CallFailure, Instrument, OperationStanding, Standing};

/// Asks for a payment's funds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthorizeBody<'a> {
    #[serde(borrow)]
    pub(crate) payment: PaymentPart<'a>,
    /// Milliseconds since 1970 from which on the request must not be acted on any more: whoever
    /// asks then and finds nothing takes it for never sent.
    pub(crate) not_after_ms: u64,
    #[serde(borrow)]
    pub(crate) method: MethodBody<'a>,
}

/// Asks what became of an attempt.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InquireBody<'a> {
    #[serde(borrow)]
    pub(crate) payment: PaymentPart<'a>,
    pub(crate) rail: Rail,
}

/// Asks for something to be done to an attempt's funds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperateBody<'a> {
    #[serde(borrow)]
    pub(crate) payment: PaymentPart<'a>,
    pub(crate) rail: Rail,
    /// As that of [`AuthorizeBody`].
    pub(crate) not_after_ms: u64,
    pub(crate) instruction: InstructionBody,
}

/// Asks whom an address belongs to.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VpaBody<'a> {
    #[serde(borrow)]
    pub(crate) vpa: Cow<'a, str>,
}

/// Names a wallet; a currency is with the question what it holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WalletBody<'a> {
    #[serde(borrow)]
    pub(crate) provider: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<Cow<'a, str>>,
}

/// What is known of an account.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum KnownBody<T> {
    Found(T),
    NotFound,
}

/// Whom an address belongs to.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HolderBody {
    pub(crate) name: Box<str>,
}

/// What a wallet holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BalanceBody {
    pub(crate) amount_minor: i64,
}

/// What stands for a wallet.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkBody {
    pub(crate) token: String,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum InstructionBody {
    Confirm,
    Capture { amount_minor: i64, release_rest: bool },
    Void,
    Reverse,
    Refund { amount_minor: i64 },
}

/// Which payment.
#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct PaymentPart<'a> {
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) merchant: Cow<'a, str>,
    pub(crate) mode: ModeName,
    pub(crate) amount_minor: i64,
    #[serde(borrow)]
    pub(crate) currency: Cow<'a, str>,
    pub(crate) capture: CaptureName,
    /// What goes wrong with it, in the words of `fault.rs`.
    #[serde(borrow)]
    pub(crate) faults: Option<Cow<'a, str>>,
    /// Where the customer goes once he has acted.
    #[serde(borrow)]
    pub(crate) return_url: Option<Cow<'a, str>>,
}

/// What is paid with, whole.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum MethodBody<'a> {
    Card {
        #[serde(borrow)]
        number: Cow<'a, str>,
        expiry_month: u8,
        expiry_year: u16,
        #[serde(borrow)]
        cvv: Option<Cow<'a, str>>,
        #[serde(borrow)]
        holder_name: Option<Cow<'a, str>>,
    },
    Upi {
        #[serde(borrow)]
        vpa: Cow<'a, str>,
    },
    Netbanking {
        #[serde(borrow)]
        bank: Cow<'a, str>,
    },
    Wallet {
        #[serde(borrow)]
        provider: Cow<'a, str>,
        #[serde(borrow)]
        id: Cow<'a, str>,
    },
}

/// By what way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rail {
    Card,
    Upi,
    Netbanking,
    Wallet,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModeName {
    Test,
    Live,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CaptureName {
    Automatic,
    Manual,
}

/// How an attempt stands.
#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum AnswerBody {
    Approved {
        receipt: ReceiptBody,
    },
    Declined {
        code: String,
    },
    ActionRequired {
        action: ActionBody,
    },
    Pending {},
    /// Only of an authorization: it is not accepted, and nothing of it is kept.
    NotSent {},
    /// Only of an inquiry: there is no such attempt.
    NotFound {},
}

/// How an operation stands.
#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum OperationAnswerBody {
    Succeeded {
        receipt: ReceiptBody,
    },
    Failed {
        reason: String,
    },
    Pending {},
    /// Only of the request itself: it is not accepted, and nothing of it is kept.
    NotSent {},
    /// Only of an inquiry: there is no such operation.
    NotFound {},
}

#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiptBody {
    external_id: String,
    rrn: String,
    approval_code: String,
}

#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ActionBody {
    Redirect { url: String },
    ApproveUpi { payee_vpa: String, reference: String },
}

impl AnswerBody {
    /// The answer to an authorization; `None` for an outcome that cannot be said, as nobody knows
    /// it.
    pub(crate) fn of_outcome(outcome: ProviderOutcome) -> Option<Self> {
        match outcome {
            ProviderOutcome::Approved(receipt) => Some(Self::approved(receipt)),
            ProviderOutcome::Declined(code) => Some(Self::declined(code)),
            ProviderOutcome::ActionRequired { action } => Some(Self::action_required(action)),
            ProviderOutcome::Pending => Some(Self::Pending {}),
            ProviderOutcome::NotSent => Some(Self::NotSent {}),
            ProviderOutcome::Unknown | ProviderOutcome::NotFound { .. } => None,
        }
    }

    /// The answer to an inquiry; `None` where the books could not be asked.
    pub(crate) fn of_standing(standing: Standing) -> Option<Self> {
        match standing {
            Standing::Approved(receipt) => Some(Self::approved(receipt)),
            Standing::Declined(code) => Some(Self::declined(code)),
            Standing::ActionRequired { action } => Some(Self::action_required(action)),
            Standing::Pending => Some(Self::Pending {}),
            Standing::NotFound => Some(Self::NotFound {}),
            Standing::Unknown => None,
        }
    }

    fn approved(receipt: ProviderReceipt) -> Self {
        Self::Approved { receipt: receipt.into() }
    }

    fn declined(code: DeclineCode) -> Self {
        Self::Declined { code: code.as_str().to_owned() }
    }

    fn action_required(action: NextAction) -> Self {
        let action = match action {
            NextAction::Redirect { url } => ActionBody::Redirect { url: url.into() },
            NextAction::ApproveUpi { payee_vpa, reference } => {
                ActionBody::ApproveUpi { payee_vpa: payee_vpa.into(), reference: reference.into() }
            }
        };
        Self::ActionRequired { action }
    }

    /// What an authorization was answered. An inquiry's answer is none.
    pub(crate) fn into_outcome(self) -> ProviderOutcome {
        match self {
            Self::NotSent {} => ProviderOutcome::NotSent,
            Self::NotFound {} => ProviderOutcome::Unknown,
            other @ (Self::Approved { .. }
            | Self::Declined { .. }
            | Self::ActionRequired { .. }
            | Self::Pending {}) => other.into_standing().into_outcome(false),
        }
    }

    /// What a confirmation was answered.
    pub(crate) fn into_confirmed(self) -> Result<Standing, CallFailure> {
        match self {
            Self::NotSent {} => Err(CallFailure::NotSent),
            other @ (Self::Approved { .. }
            | Self::Declined { .. }
            | Self::ActionRequired { .. }
            | Self::Pending {}
            | Self::NotFound {}) => Ok(other.into_standing()),
        }
    }

    /// What an inquiry was answered. An authorization's refusal is none.
    pub(crate) fn into_standing(self) -> Standing {
        match self {
            Self::Approved { receipt } => Standing::Approved(receipt.into()),
            Self::Declined { code } => {
                let known = DeclineCode::ALL.into_iter().find(|known| known.as_str() == code);
                // A decline for a reason that we have no word for is a decline.
                Standing::Declined(known.unwrap_or(DeclineCode::GenericDecline))
            }
            Self::ActionRequired { action: ActionBody::Redirect { url } } => {
                Standing::ActionRequired { action: NextAction::Redirect { url: url.into() } }
            }
            Self::ActionRequired { action: ActionBody::ApproveUpi { payee_vpa, reference } } => {
                let (payee_vpa, reference) = (payee_vpa.into(), reference.into());
                let action = NextAction::ApproveUpi { payee_vpa, reference };
                Standing::ActionRequired { action }
            }
            Self::Pending {} => Standing::Pending,
            Self::NotFound {} => Standing::NotFound,
            Self::NotSent {} => Standing::Unknown,
        }
    }
}

impl OperationAnswerBody {
    /// The answer to a request; `None` for an outcome that cannot be said, as nobody knows it.
    pub(crate) fn of_outcome(outcome: OperationOutcome) -> Option<Self> {
        match outcome {
            OperationOutcome::Succeeded(receipt) => {
                Some(Self::Succeeded { receipt: receipt.into() })
            }
            OperationOutcome::Failed(reason) => Some(Self::failed(reason)),
            OperationOutcome::Pending => Some(Self::Pending {}),
            OperationOutcome::NotSent => Some(Self::NotSent {}),
            OperationOutcome::Unknown | OperationOutcome::NotFound { .. } => None,
        }
    }

    /// The answer to an inquiry; `None` where the books could not be asked.
    pub(crate) fn of_standing(standing: OperationStanding) -> Option<Self> {
        match standing {
            OperationStanding::Succeeded(receipt) => {
                Some(Self::Succeeded { receipt: receipt.into() })
            }
            OperationStanding::Failed(reason) => Some(Self::failed(reason)),
            OperationStanding::Pending => Some(Self::Pending {}),
            OperationStanding::NotFound => Some(Self::NotFound {}),
            OperationStanding::Unknown => None,
        }
    }

    fn failed(reason: OperationFailure) -> Self {
        Self::Failed { reason: reason.as_str().to_owned() }
    }

    /// What a request was answered. An inquiry's answer is none.
    pub(crate) fn into_outcome(self) -> OperationOutcome {
        match self {
            Self::NotSent {} => OperationOutcome::NotSent,
            Self::NotFound {} => OperationOutcome::Unknown,
            other @ (Self::Succeeded { .. } | Self::Failed { .. } | Self::Pending {}) => {
                other.into_standing().into_outcome(false)
            }
        }
    }

    /// What an inquiry was answered. A request's refusal is none.
    pub(crate) fn into_standing(self) -> OperationStanding {
        match self {
            Self::Succeeded { receipt } => OperationStanding::Succeeded(receipt.into()),
            Self::Failed { reason } => {
                let known =
                    OperationFailure::ALL.into_iter().find(|known| known.as_str() == reason);
                // A failure for a reason that we have no word for is a failure.
                OperationStanding::Failed(known.unwrap_or(OperationFailure::Refused))
            }
            Self::Pending {} => OperationStanding::Pending,
            Self::NotFound {} => OperationStanding::NotFound,
            Self::NotSent {} => OperationStanding::Unknown,
        }
    }
}

impl From<ProviderReceipt> for ReceiptBody {
    fn from(receipt: ProviderReceipt) -> Self {
        let ProviderReceipt { external_id, rrn, approval_code } = receipt;
        Self {
            external_id: external_id.into(),
            rrn: rrn.into(),
            approval_code: approval_code.into(),
        }
    }
}

impl From<ReceiptBody> for ProviderReceipt {
    fn from(receipt: ReceiptBody) -> Self {
        let ReceiptBody { external_id, rrn, approval_code } = receipt;
        Self {
            external_id: external_id.into(),
            rrn: rrn.into(),
            approval_code: approval_code.into(),
        }
    }
}

impl<'a> PaymentPart<'a> {
    /// The payment as far as the simulator looks at it.
    pub(crate) fn of(intent: &'a PaymentIntent) -> Self {
        Self {
            id: intent.id.to_string().into(),
            merchant: intent.merchant.to_string().into(),
            mode: match intent.mode {
                Mode::Test => ModeName::Test,
                Mode::Live => ModeName::Live,
            },
            amount_minor: intent.money.amount.minor_units(),
            currency: intent.money.currency.code().into(),
            capture: match intent.provider_capture() {
                CaptureMode::Automatic => CaptureName::Automatic,
                CaptureMode::Manual => CaptureName::Manual,
            },
            faults: intent.metadata(KEY).map(Into::into),
            return_url: intent.return_url.as_deref().map(Into::into),
        }
    }
}

impl Rail {
    pub(crate) fn of(method: &PaymentMethod) -> Self {
        match method {
            PaymentMethod::Card(_) => Self::Card,
            PaymentMethod::Upi(_) => Self::Upi,
            PaymentMethod::NetBanking(_) => Self::Netbanking,
            PaymentMethod::Wallet(_) => Self::Wallet,
        }
    }
}

impl<'a> MethodBody<'a> {
    /// `None` where method and instrument are not of one rail, which no request is.
    pub(crate) fn of(method: &'a PaymentMethod, instrument: &'a Instrument) -> Option<Self> {
        match (method, instrument) {
            (PaymentMethod::Card(_), Instrument::Card(card)) => Some(Self::Card {
                number: card.number().into(),
                expiry_month: card.expiry_month(),
                expiry_year: card.expiry_year(),
                cvv: card.cvv().map(Cow::from),
                holder_name: card.holder_name().map(Cow::from),
            }),
            (PaymentMethod::Upi(_), Instrument::Upi(vpa)) => {
                Some(Self::Upi { vpa: vpa.as_str().into() })
            }
            (PaymentMethod::NetBanking(facts), Instrument::NetBanking) => {
                Some(Self::Netbanking { bank: Cow::from(&*facts.bank) })
            }
            (PaymentMethod::Wallet(facts), Instrument::Wallet(id)) => {
                Some(Self::Wallet { provider: Cow::from(&*facts.provider), id: id.as_str().into() })
            }
            (
                PaymentMethod::Card(_)
                | PaymentMethod::Upi(_)
                | PaymentMethod::NetBanking(_)
                | PaymentMethod::Wallet(_),
                Instrument::Card(_)
                | Instrument::Upi(_)
                | Instrument::NetBanking
                | Instrument::Wallet(_),
            ) => None,
        }
    }
}

impl fmt::Debug for MethodBody<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MethodBody(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The protocol is spoken between processes of different ages.
    #[test]
    fn answers_keep_their_form() {
        let receipt = |text: &str| ReceiptBody {
            external_id: text.into(),
            rrn: "1".into(),
            approval_code: "2".into(),
        };
        for (answer, text) in [
            (
                AnswerBody::Approved { receipt: receipt("sim_1") },
                r#"{"outcome":"approved","receipt":{"external_id":"sim_1","rrn":"1","approval_code":"2"}}"#,
            ),
            (
                AnswerBody::declined(DeclineCode::LostCard),
                r#"{"outcome":"declined","code":"lost_card"}"#,
            ),
            (
                AnswerBody::ActionRequired { action: ActionBody::Redirect { url: "u".into() } },
                r#"{"outcome":"action_required","action":{"redirect":{"url":"u"}}}"#,
            ),
            (AnswerBody::Pending {}, r#"{"outcome":"pending"}"#),
            (AnswerBody::NotSent {}, r#"{"outcome":"not_sent"}"#),
            (AnswerBody::NotFound {}, r#"{"outcome":"not_found"}"#),
        ] {
            assert_eq!(serde_json::to_string(&answer).unwrap(), text);
            assert_eq!(serde_json::from_str::<AnswerBody>(text).unwrap(), answer);
        }
        for no_answer in [
            "",
            "{}",
            r#"{"outcome":"approved"}"#,
            r#"{"outcome":"maybe"}"#,
            r#"{"outcome":"pending","more":1}"#,
            r#"{"outcome":"pending"} "#,
        ] {
            let read = serde_json::from_str::<AnswerBody>(no_answer);
            assert_eq!(read.is_ok(), no_answer.ends_with(' '), "{no_answer}");
        }
    }

    #[test]
    fn what_is_said_of_operations_keeps_its_form() {
        for (instruction, text) in [
            (InstructionBody::Confirm, r#""confirm""#),
            (
                InstructionBody::Capture { amount_minor: 60, release_rest: true },
                r#"{"capture":{"amount_minor":60,"release_rest":true}}"#,
            ),
            (InstructionBody::Void, r#""void""#),
            (InstructionBody::Reverse, r#""reverse""#),
            (InstructionBody::Refund { amount_minor: 60 }, r#"{"refund":{"amount_minor":60}}"#),
        ] {
            assert_eq!(serde_json::to_string(&instruction).unwrap(), text);
            assert_eq!(serde_json::from_str::<InstructionBody>(text).unwrap(), instruction);
        }
        for reason in OperationFailure::ALL {
            let standing = OperationStanding::Failed(reason);
            let answer = OperationAnswerBody::of_standing(standing.clone()).unwrap();
            let text = serde_json::to_string(&answer).unwrap();
            assert_eq!(text, format!(r#"{{"outcome":"failed","reason":"{}"}}"#, reason.as_str()));
            let read: OperationAnswerBody = serde_json::from_str(&text).unwrap();
            assert_eq!(read.into_standing(), standing);
        }
        let not_found = OperationAnswerBody::NotFound {};
        assert_eq!(not_found.into_outcome(), OperationOutcome::Unknown);
        let not_sent = OperationAnswerBody::NotSent {};
        assert_eq!(not_sent.into_standing(), OperationStanding::Unknown);
    }

    #[test]
    fn an_answer_to_the_wrong_question_says_nothing() {
        assert_eq!(AnswerBody::NotFound {}.into_outcome(), ProviderOutcome::Unknown);
        assert_eq!(AnswerBody::NotSent {}.into_standing(), Standing::Unknown);
        let unheard_of = AnswerBody::Declined { code: "bad_hair_day".to_owned() };
        let generic = ProviderOutcome::Declined(DeclineCode::GenericDecline);
        assert_eq!(unheard_of.into_outcome(), generic);
    }
}
