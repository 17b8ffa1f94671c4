//! A payment as it was: `?as_of=`, a time or one of the payment's sequence numbers.
//!
//! It is made again from what happened to it up to then, by what makes it live, so that it is what was
//! shown then. Personal data is no part of that: it is shown as far as it is kept now, for what is
//! erased is erased of all times.

use tollgate_domain::{Moment, Payment};

use super::{
    authentication::MerchantCaller,
    error::{ErrorCode, Fault, Problem},
    list_query::{pairs, time_in_query},
    owned_payment::owns,
    state::Serving,
    wire::Rfc3339,
};

const NAME: &str = "as_of";
const NO_MOMENT: &str = "It is a time such as 2026-01-15T10:30:00Z, or one of the payment's sequence \
                         numbers, from 1 on.";

/// The moment that a query asks for, if it does.
///
/// # Errors
/// Where it is none, and where the query asks for anything else.
pub(super) fn parse(query: Option<&str>) -> Result<Option<Moment>, Problem> {
    let (mut asked, mut faults) = (None, Vec::new());
    for (name, value) in pairs(query, &mut faults) {
        let fault = if name != NAME {
            Some((ErrorCode::ParameterUnknown, "There is no such parameter."))
        } else if asked.is_some() {
            Some((ErrorCode::ParameterConflict, "It is given twice."))
        } else {
            asked = moment(&value);
            asked.is_none().then_some((ErrorCode::ParameterInvalid, NO_MOMENT))
        };
        faults.extend(fault.map(|(code, detail)| Fault::new(name.into_owned(), code, detail)));
    }
    if faults.is_empty() { Ok(asked) } else { Err(Problem::of_faults(faults)) }
}

fn moment(text: &str) -> Option<Moment> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().filter(|number| *number > 0).map(Moment::Event);
    }
    time_in_query(text).map(Moment::Time)
}

/// The payment of that id as it was then; `None` where the key's merchant has none in the key's mode.
///
/// # Errors
/// Where there was no such payment then, and what the engine cannot tell.
pub(super) async fn owned_payment_at(
    serving: &Serving,
    key: &MerchantCaller,
    id: &str,
    moment: Moment,
) -> Result<Option<Box<Payment>>, Problem> {
    let Ok(id) = id.parse() else { return Ok(None) };
    let history = serving.engine.history(id).await?.filter(|found| owns(key, found.intent()));
    let Some(history) = history else { return Ok(None) };
    if let Some(payment) = history.payment_at(moment) {
        return Ok(Some(Box::new(payment)));
    }
    let detail = match moment {
        Moment::Time(_) => {
            format!("The payment was created at {}.", Rfc3339(history.created_at()))
        }
        Moment::Event(_) => format!(
            "The payment has come to sequence number {} so far. A number without a date stands for \
             one of these, not for a time.",
            history.payment().sequence()
        ),
    };
    Err(Problem::new(ErrorCode::PaymentNotFoundAsOf, detail))
}

#[cfg(test)]
mod tests {
    use tollgate_domain::Timestamp;

    use super::*;

    #[test]
    fn a_moment_is_a_time_or_a_number() {
        let time = |millis| Some(Moment::Time(Timestamp::from_millis(millis)));
        for (query, expected) in [
            (None, None),
            (Some(""), None),
            (Some("as_of=7"), Some(Moment::Event(7))),
            (Some("as_of=4294967295"), Some(Moment::Event(u32::MAX))),
            (Some("as_of=1970-01-01T00:00:01Z"), time(1_000)),
            (Some("as_of=1970-01-01T00%3A00%3A01.25Z"), time(1_250)),
            (Some("as_of=1970-01-02T05:30:00%2B05:30"), time(86_400_000)),
            (Some("as_of=1970-01-02T05:30:00+05:30"), time(86_400_000)),
        ] {
            assert_eq!(parse(query).unwrap(), expected, "{query:?}");
        }
        for (query, code) in [
            ("as_of=", ErrorCode::ParameterInvalid),
            ("as_of", ErrorCode::ParameterInvalid),
            ("as_of=0", ErrorCode::ParameterInvalid),
            ("as_of=-1", ErrorCode::ParameterInvalid),
            ("as_of=4294967296", ErrorCode::ParameterInvalid),
            ("as_of=yesterday", ErrorCode::ParameterInvalid),
            ("as_of=2026-01-15", ErrorCode::ParameterInvalid),
            ("as_of=%zz", ErrorCode::ParameterInvalid),
            ("as_of=1&as_of=2", ErrorCode::ParameterConflict),
            ("asof=1", ErrorCode::ParameterUnknown),
        ] {
            assert_eq!(parse(Some(query)).unwrap_err().code(), code, "{query}");
        }
    }
}
