//! Headers that tell browsers what not to do with an answer.
//!
//! ```text
//!   X-Content-Type-Options     nosniff: the media type is the one we say
//!   Cache-Control              no-store: answers are about money, and nobody else's
//!   Referrer-Policy            no-referrer: ids in our paths are told to no other site
//!   Content-Security-Policy    an answer of the API loads nothing, runs nothing, is framed nowhere;
//!                              a page that needs more has set its own
//!   Strict-Transport-Security  come by TLS for a year; see `server.strict_transport_security`
//! ```

use hyper::{
    HeaderMap,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY,
        STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    },
};
use tollgate_config::TransportSecurity;

const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// A year, the least that browsers' own lists ask for.
const BY_TLS_ALONE: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// Sets them; `over_tls` is whether the request came so.
pub(super) fn write(headers: &mut HeaderMap, by_tls: TransportSecurity, over_tls: bool) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(NOTHING);
    let by_tls = match by_tls {
        TransportSecurity::Never => false,
        TransportSecurity::BehindTls => over_tls,
        TransportSecurity::Always => true,
    };
    if by_tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, BY_TLS_ALONE);
    }
}
