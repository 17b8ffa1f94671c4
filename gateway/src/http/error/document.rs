//! The JSON of a problem: as RFC 9457 has it, and as clients of the older API know it.
//!
//! Not here: which problem it is. A refusal comes from [`Problem`](super::Problem), a payment that
//! failed from `http/wire`.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{ErrorCode, Fault, Standing};

/// A problem, to be serialized. Members that are `None` or empty are left out.
pub(crate) struct ProblemDocument<'a, P> {
    pub(crate) code: ErrorCode,
    pub(crate) detail: &'a str,
    /// What is wrong with the request.
    pub(crate) faults: &'a [Fault],
    /// Where the payment stands that does not allow what is asked for.
    pub(crate) standing: Option<Standing>,
    /// `None` where the bytes are repeated for a request with another id.
    pub(crate) request_id: Option<&'a str>,
    pub(crate) payment: Option<FailedPayment<'a, P>>,
}

/// What a problem says of a payment that failed. Codes that are `None` are `null`.
pub(crate) struct FailedPayment<'a, P> {
    /// The payment's path.
    pub(crate) instance: fmt::Arguments<'a>,
    pub(crate) decline_code: Option<&'static str>,
    pub(crate) advice_code: Option<&'static str>,
    pub(crate) payment: P,
}

impl<P: Serialize> Serialize for ProblemDocument<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { code, detail, faults, standing, request_id, payment: failed } = self;
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("type", code.type_uri())?;
        members.serialize_entry("title", code.title())?;
        members.serialize_entry("status", &code.status().as_u16())?;
        members.serialize_entry("detail", detail)?;
        if let Some(failed) = failed {
            members.serialize_entry("instance", &failed.instance)?;
        }
        members.serialize_entry("code", code)?;
        if let Some(first) = faults.first() {
            members.serialize_entry("param", &first.pointer)?;
            members.serialize_entry("errors", faults)?;
        }
        if let Some(Standing { status, allowed }) = standing {
            members.serialize_entry("payment_status", status.as_str())?;
            members.serialize_entry("allowed_operations", allowed)?;
        }
        if let Some(failed) = failed {
            members.serialize_entry("decline_code", &failed.decline_code)?;
            members.serialize_entry("advice_code", &failed.advice_code)?;
        }
        if let Some(request_id) = request_id {
            members.serialize_entry("request_id", request_id)?;
        }
        members.serialize_entry("retryable", &code.retryable())?;
        if let Some(failed) = failed {
            members.serialize_entry("payment", &failed.payment)?;
        }
        members.end()
    }
}

/// A problem as clients of the older API know it, to be serialized; a payment that failed is no
/// problem there.
pub(crate) struct ClassicDocument<'a>(pub(crate) ProblemDocument<'a, ()>);

impl Serialize for ClassicDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ProblemDocument { code, detail, faults, standing, request_id, payment: _ } = &self.0;
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("success", &false)?;
        members.serialize_entry("error", detail)?;
        members.serialize_entry("code", code)?;
        if let Some(first) = faults.first() {
            members.serialize_entry("param", &first.pointer)?;
            members.serialize_entry("errors", faults)?;
        }
        if let Some(Standing { status, allowed }) = standing {
            members.serialize_entry("paymentStatus", status.as_str())?;
            members.serialize_entry("allowedOperations", allowed)?;
        }
        if let Some(request_id) = request_id {
            members.serialize_entry("requestID", request_id)?;
        }
        members.serialize_entry("retryable", &code.retryable())?;
        members.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<P: Serialize>(document: &ProblemDocument<'_, P>) -> String {
        serde_json::to_string(document).unwrap()
    }

    #[test]
    fn a_refusal_has_its_faults_and_the_requests_id() {
        let faults = [Fault::new("/amount", ErrorCode::AmountTooSmall, "It is zero.")];
        let document = |faults| ProblemDocument::<()> {
            code: ErrorCode::AmountTooSmall,
            detail: "It is zero.",
            faults,
            standing: None,
            request_id: Some("req_1"),
            payment: None,
        };
        assert_eq!(
            text(&document(&faults)),
            "{\"type\":\"/docs/errors#amount_too_small\",\"title\":\"Amount too small\",\
             \"status\":400,\"detail\":\"It is zero.\",\"code\":\"amount_too_small\",\
             \"param\":\"/amount\",\"errors\":[{\"pointer\":\"/amount\",\
             \"code\":\"amount_too_small\",\"detail\":\"It is zero.\"}],\
             \"request_id\":\"req_1\",\"retryable\":false}"
        );
        assert_eq!(
            text(&document(&[])),
            "{\"type\":\"/docs/errors#amount_too_small\",\"title\":\"Amount too small\",\
             \"status\":400,\"detail\":\"It is zero.\",\"code\":\"amount_too_small\",\
             \"request_id\":\"req_1\",\"retryable\":false}"
        );
    }

    #[test]
    fn older_clients_get_the_older_shape() {
        let faults = [Fault::new("/amount", ErrorCode::AmountTooSmall, "It is zero.")];
        let document = |faults| {
            ClassicDocument(ProblemDocument {
                code: ErrorCode::AmountTooSmall,
                detail: "It is zero.",
                faults,
                standing: None,
                request_id: Some("req_1"),
                payment: None,
            })
        };
        assert_eq!(
            serde_json::to_string(&document(&faults)).unwrap(),
            "{\"success\":false,\"error\":\"It is zero.\",\"code\":\"amount_too_small\",\
             \"param\":\"/amount\",\"errors\":[{\"pointer\":\"/amount\",\
             \"code\":\"amount_too_small\",\"detail\":\"It is zero.\"}],\
             \"requestID\":\"req_1\",\"retryable\":false}"
        );
        assert_eq!(
            serde_json::to_string(&document(&[])).unwrap(),
            "{\"success\":false,\"error\":\"It is zero.\",\"code\":\"amount_too_small\",\
             \"requestID\":\"req_1\",\"retryable\":false}"
        );
    }

    #[test]
    fn a_failed_payment_has_its_codes_and_no_request_id() {
        assert_eq!(
            text(&ProblemDocument {
                code: ErrorCode::PaymentDeclined,
                detail: "No.",
                faults: &[],
                standing: None,
                request_id: None,
                payment: Some(FailedPayment {
                    instance: format_args!("/p/1"),
                    decline_code: Some("lost_card"),
                    advice_code: None,
                    payment: 7,
                }),
            }),
            "{\"type\":\"/docs/errors#payment_declined\",\"title\":\"Payment declined\",\
             \"status\":402,\"detail\":\"No.\",\"instance\":\"/p/1\",\
             \"code\":\"payment_declined\",\"decline_code\":\"lost_card\",\"advice_code\":null,\
             \"retryable\":false,\"payment\":7}"
        );
    }
}
