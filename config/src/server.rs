//! `[server]`: the HTTP listeners and their limits.

use std::{net::SocketAddr, time::Duration};

use ipnet::IpNet;
use serde::Deserialize;

use crate::error::Error;

/// The HTTP listeners and their limits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where the API listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where metrics are served.
    pub metrics_listen: SocketAddr,
    /// Threads that serve HTTP; 0 takes one per processor.
    pub threads: usize,
    /// Open connections.
    pub max_connections: u32,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// The largest body of a batch, in bytes.
    pub max_batch_body_bytes: usize,
    /// How long the head of a request may take, in milliseconds.
    pub header_timeout_ms: u64,
    /// How long the body of a request may take, in milliseconds.
    pub body_timeout_ms: u64,
    /// After how long without a request a connection is closed, in milliseconds.
    pub idle_timeout_ms: u64,
    /// How long a stopping server waits for requests and provider calls, in milliseconds.
    pub drain_timeout_ms: u64,
    /// The proxies that are believed when they say who the client is.
    pub trusted_proxies: Vec<IpNet>,
    /// Where they say it.
    pub forwarded_header: ForwardedHeader,
    /// Which answers tell browsers to come by TLS alone.
    pub strict_transport_security: TransportSecurity,
}

/// Where a trusted proxy says who the client is. One of them, because a proxy that sets one lets a
/// client's own value of the other pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Which answers carry `Strict-Transport-Security` (RFC 6797).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransportSecurity {
    /// None.
    Never,
    /// Those to requests of which a trusted proxy says that they came by TLS.
    BehindTls,
    /// All.
    Always,
}

impl Server {
    /// How long the head of a request may take.
    #[must_use]
    pub fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    /// How long the body of a request may take.
    #[must_use]
    pub fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// After how long without a request a connection is closed.
    #[must_use]
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    /// How long a stopping server waits for requests and provider calls.
    #[must_use]
    pub fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let fault = "must be above zero";
        let positive = [
            ("server.max_connections", u64::from(self.max_connections)),
            ("server.max_body_bytes", u64::try_from(self.max_body_bytes).unwrap_or(u64::MAX)),
            (
                "server.max_batch_body_bytes",
                u64::try_from(self.max_batch_body_bytes).unwrap_or(u64::MAX),
            ),
            ("server.header_timeout_ms", self.header_timeout_ms),
            ("server.body_timeout_ms", self.body_timeout_ms),
            ("server.idle_timeout_ms", self.idle_timeout_ms),
        ];
        match positive.into_iter().find(|(_key, value)| *value == 0) {
            Some((key, _zero)) => Err(Error::Value { key, fault }),
            None => Ok(()),
        }
    }
}
