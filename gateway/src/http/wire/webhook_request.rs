//! Endpoints to create and to change, as their owner writes them, and what he asks of them.

use std::num::NonZeroU32;

use hyper::header::{HeaderName, HeaderValue};
use tollgate_domain::{EventFilter, FeedEventId, Mode, Timestamp, WebhookEndpointId};

use super::{
    number::{self, Raw},
    object::object,
    text::{Metadata, Text},
    time::parse_rfc3339,
    validation::{Faults, present},
};
use crate::{
    http::error::Problem,
    webhook::{AddressRules, Destination, UrlFault, WebhookSecret},
};

/// Longest description, in characters.
const LONGEST_DESCRIPTION: usize = 256;

/// Filters and headers of one endpoint at the most.
const MOST_FILTERS: usize = 50;
const MOST_HEADERS: usize = 20;

/// Longest value of a header, in bytes.
const LONGEST_HEADER: usize = 1_024;

/// The highest rate that can be asked for: above it a rate is no limit.
const HIGHEST_RATE: i64 = 10_000;

/// Headers that a delivery has of its own, or that would change what HTTP makes of it.
const OWN_HEADERS: [&str; 15] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-webhook-event",
    "x-webhook-signature",
];

object! {
    /// The body of an endpoint's creation, and of its change: what is absent stays as it is, or has
    /// its default.
    WebhookRequest {
        url: "url" => Text<'a>,
        /// Empty for none.
        description: "description" => Text<'a>,
        events: "events" => Vec<Text<'a>>,
        headers: "headers" => Metadata<'a>,
        /// 0 for none.
        rate_per_s: "rate_per_s" => Raw<'a>,
        /// Of a creation alone.
        secret: "secret" => Text<'a>,
        /// Of a change alone.
        status: "status" => Text<'a>,
    }
}

object! {
    /// The body of a rotation.
    SecretRequest {
        secret: "secret" => Text<'a>,
    }
}

object! {
    /// The body of a test.
    TestRequest {
        event: "event" => Text<'a>,
    }
}

object! {
    /// To whom an event is delivered again.
    EventResendRequest {
        endpoint_id: "endpoint_id" => Text<'a>,
    }
}

object! {
    /// Which events are delivered again.
    RecoverRequest {
        since: "since" => Text<'a>,
        until: "until" => Text<'a>,
        after: "after" => Text<'a>,
        /// Those alone that were given up.
        dead_letters: "dead_letters" => bool,
    }
}

/// What stands for the callback addresses of payments where an endpoint's id could stand.
pub(crate) const CALLBACKS: &str = "callbacks";

/// A receiver that a request names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NamedReceiver {
    Endpoint(WebhookEndpointId),
    Callbacks,
}

/// What a request says of an endpoint, without a fault. `None` where it does not say.
pub(crate) struct EndpointWishes {
    pub(crate) url: Option<Box<str>>,
    /// `Some(None)` is none.
    pub(crate) description: Option<Option<Box<str>>>,
    pub(crate) filters: Option<Vec<EventFilter>>,
    /// None of them is none.
    pub(crate) headers: Option<Vec<(String, String)>>,
    /// `Some(None)` is any.
    pub(crate) rate_per_s: Option<Option<NonZeroU32>>,
    pub(crate) secret: Option<WebhookSecret>,
    pub(crate) enabled: Option<bool>,
}

/// A span of events, without a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RecoverySpan {
    /// From the first that is kept on, if it is not said.
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) after: Option<FeedEventId>,
    pub(crate) dead_letters: bool,
}

impl WebhookRequest<'_> {
    /// What a creation wants.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn of_creation(
        &self,
        mode: Mode,
        rules: &AddressRules,
    ) -> Result<EndpointWishes, Problem> {
        let mut faults = Faults::default();
        if present(&self.url).is_none() {
            faults.missing("/url");
        }
        if self.status.is_some() {
            faults.invalid("/status", "A new endpoint is enabled.");
        }
        self.wishes(faults, mode, rules)
    }

    /// What a change wants.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn of_change(
        &self,
        mode: Mode,
        rules: &AddressRules,
    ) -> Result<EndpointWishes, Problem> {
        let mut faults = Faults::default();
        if self.url.is_some() && present(&self.url).is_none() {
            faults.invalid("/url", "An endpoint has a URL.");
        }
        if self.secret.is_some() {
            faults.invalid("/secret", "A secret is changed by rotating it.");
        }
        self.wishes(faults, mode, rules)
    }

    fn wishes(
        &self,
        mut faults: Faults,
        mode: Mode,
        rules: &AddressRules,
    ) -> Result<EndpointWishes, Problem> {
        faults.unknown("", &self.unknown);
        let url = present(&self.url).map(|url| {
            if let Err(fault) = Destination::parse(url, mode, rules) {
                faults.invalid("/url", url_detail(fault));
            }
            url.into()
        });
        let description =
            faults.bounded("/description", &self.description, LONGEST_DESCRIPTION).map(Into::into);
        let wishes = EndpointWishes {
            url,
            description: self.description.is_some().then_some(description),
            filters: self.events.as_deref().map(|names| filters(names, &mut faults)),
            headers: self.headers.as_ref().map(|headers| checked_headers(headers, &mut faults)),
            rate_per_s: self.rate_per_s.map(|raw| rate(raw, &mut faults)),
            secret: secret(&self.secret, &mut faults),
            enabled: match self.status.as_ref().map(Text::as_str) {
                None => None,
                Some("enabled") => Some(true),
                Some("disabled") => Some(false),
                Some(_other) => {
                    faults.invalid("/status", "An endpoint is `enabled` or `disabled`.");
                    None
                }
            },
        };
        if faults.is_empty() { Ok(wishes) } else { Err(faults.into_problem()) }
    }
}

impl SecretRequest<'_> {
    /// The secret that is asked for, if one is.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(&self) -> Result<Option<WebhookSecret>, Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let secret = secret(&self.secret, &mut faults);
        if faults.is_empty() { Ok(secret) } else { Err(faults.into_problem()) }
    }
}

impl TestRequest<'_> {
    /// The name of the event to send.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(&self) -> Result<Box<str>, Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let name = present(&self.event).unwrap_or("webhook.test");
        if EventFilter::new(name).is_none() || name.contains('*') {
            faults.invalid("/event", "This is no name of an event, such as `payment.completed`.");
        }
        if faults.is_empty() { Ok(name.into()) } else { Err(faults.into_problem()) }
    }
}

impl EventResendRequest<'_> {
    /// The receiver, if one is named.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(&self) -> Result<Option<NamedReceiver>, Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let named = match present(&self.endpoint_id) {
            None => None,
            Some(CALLBACKS) => Some(NamedReceiver::Callbacks),
            Some(text) => {
                let detail = "This is no id of an endpoint, nor `callbacks`.";
                let id = text.parse().map_err(|_no_id| faults.invalid("/endpoint_id", detail));
                id.ok().map(NamedReceiver::Endpoint)
            }
        };
        if faults.is_empty() { Ok(named) } else { Err(faults.into_problem()) }
    }
}

impl RecoverRequest<'_> {
    /// The span.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(&self) -> Result<RecoverySpan, Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let mut time = |pointer, text: &Option<Text<'_>>| {
            let time = parse_rfc3339(present(text)?);
            if time.is_none() {
                faults.invalid(pointer, "A time is such as `2030-01-31T12:00:00Z`, in UTC.");
            }
            time
        };
        let (since, until) = (time("/since", &self.since), time("/until", &self.until));
        let dead_letters = self.dead_letters.unwrap_or(false);
        if present(&self.since).is_none() && !dead_letters {
            faults.missing("/since");
        }
        let after = present(&self.after).and_then(|text| {
            text.parse().map_err(|_no_id| faults.invalid("/after", NO_EVENT)).ok()
        });
        let span = RecoverySpan { since, until, after, dead_letters };
        if faults.is_empty() { Ok(span) } else { Err(faults.into_problem()) }
    }
}

const NO_EVENT: &str = "This is no id of an event.";

fn url_detail(fault: UrlFault) -> &'static str {
    match fault {
        UrlFault::Malformed => {
            "This is no http or https URL without user and password, of at most 2048 characters."
        }
        UrlFault::NotSecure => "In live mode an endpoint has an https URL.",
        UrlFault::Port => "Deliveries do not go to this port.",
        UrlFault::Address => "Deliveries do not go to this address: it is not a public one.",
    }
}

fn filters(names: &[Text<'_>], faults: &mut Faults) -> Vec<EventFilter> {
    if !(1..=MOST_FILTERS).contains(&names.len()) {
        faults.invalid("/events", "An endpoint has 1 to 50 filters.");
    }
    let filter = |name: &Text<'_>| {
        let filter = EventFilter::new(name.as_str());
        if filter.is_none() {
            let detail = "A filter is `*`, a name such as `payment.failed`, or `payment.*`.";
            faults.invalid("/events", detail);
        }
        filter
    };
    names.iter().filter_map(filter).collect()
}

fn checked_headers(Metadata(headers): &Metadata<'_>, faults: &mut Faults) -> Vec<(String, String)> {
    if headers.len() > MOST_HEADERS {
        faults.invalid("/headers", "An endpoint has at most 20 headers.");
    }
    for (name, value) in headers {
        let (name, value) = (name.as_str().to_ascii_lowercase(), value.as_str());
        if HeaderName::try_from(&name).is_err()
            || HeaderValue::try_from(value).is_err()
            || value.len() > LONGEST_HEADER
        {
            faults.invalid("/headers", "This is no header of HTTP, or its value is too long.");
        }
        if OWN_HEADERS.contains(&name.as_str()) || name.starts_with("webhook-") {
            faults.invalid("/headers", "Deliveries have this header of their own.");
        }
    }
    headers.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect()
}

fn rate(raw: Raw<'_>, faults: &mut Faults) -> Option<NonZeroU32> {
    let rate = number::integer(raw).ok().filter(|rate| (0..=HIGHEST_RATE).contains(rate));
    if rate.is_none() {
        faults.invalid("/rate_per_s", "A rate is from 1 to 10000 a second, or 0 for any.");
    }
    rate.and_then(|rate| u32::try_from(rate).ok()).and_then(NonZeroU32::new)
}

fn secret(text: &Option<Text<'_>>, faults: &mut Faults) -> Option<WebhookSecret> {
    let text = present(text)?;
    let secret = WebhookSecret::parse(text);
    if secret.is_none() {
        faults.invalid("/secret", "A secret is `whsec_` and the base64 of 24 to 64 bytes.");
    }
    secret
}
