//! Who is at the other end: the address that counts for the client, and whether it came by TLS.
//!
//! Invariant: only a trusted proxy is believed, and of what it forwards only what it or another
//! trusted one has added; the rest the client may have written.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hyper::{
    HeaderMap,
    header::{FORWARDED, HeaderName},
};
use ipnet::IpNet;
use tollgate_config::ForwardedHeader;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The client as far as the connection and trusted proxies tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    /// Whether a trusted proxy says so; we speak no TLS ourselves.
    pub(super) over_tls: bool,
}

/// The proxies that are believed.
#[derive(Debug)]
pub(crate) struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ForwardedHeader,
}

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>, header: ForwardedHeader) -> Self {
        Self { networks, header }
    }

    /// The client of a request that came from `peer`.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        let direct = Client { address: plain(peer), over_tls: false };
        if !self.trusts(direct.address) {
            return direct;
        }
        match self.header {
            ForwardedHeader::XForwardedFor => Client {
                address: self.nearest_stranger(direct.address, &X_FORWARDED_FOR, headers, address),
                over_tls: elements(headers, &X_FORWARDED_PROTO)
                    .last()
                    .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")),
            },
            ForwardedHeader::Forwarded => Client {
                address: self.nearest_stranger(direct.address, &FORWARDED, headers, |element| {
                    parameter(element, "for").and_then(address)
                }),
                over_tls: elements(headers, &FORWARDED)
                    .last()
                    .and_then(|element| parameter(element, "proto"))
                    .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")),
            },
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Goes back from `peer` over what each trusted proxy has added at the end, to the first address
    /// that is no proxy of ours, or as far as can be read.
    fn nearest_stranger(
        &self,
        peer: IpAddr,
        header: &HeaderName,
        headers: &HeaderMap,
        read: impl Fn(&str) -> Option<IpAddr>,
    ) -> IpAddr {
        let mut nearest = peer;
        for element in elements(headers, header).rev() {
            if !self.trusts(nearest) {
                break;
            }
            let Some(before) = read(element) else { break };
            nearest = before;
        }
        nearest
    }
}

/// The elements of a list that may be spread over several fields. A comma within quotes also
/// divides; such an element is no address, and ends the way back.
fn elements<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl DoubleEndedIterator<Item = &'h str> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(str::trim)
}

/// A parameter of an element of `Forwarded`.
fn parameter<'e>(element: &'e str, name: &str) -> Option<&'e str> {
    element.split(';').find_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// An address with or without a port; one of IPv6 may stand in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_not_bare| text.parse().map(|with: SocketAddr| with.ip()));
    address.ok().map(plain)
}

/// IPv4 as such, even where a socket of both kinds writes it as IPv6.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// For requests that came over no socket: tests of a router alone.
pub(super) const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    const PEER: &str = "10.0.0.1";

    fn client(
        header: ForwardedHeader,
        peer: &str,
        fields: &[(HeaderName, &str)],
    ) -> (String, bool) {
        let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap());
        let proxies = TrustedProxies::new(networks.to_vec(), header);
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let client = proxies.client(peer.parse().unwrap(), &headers);
        (client.address.to_string(), client.over_tls)
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let said = [(X_FORWARDED_FOR, "1.2.3.4"), (X_FORWARDED_PROTO, "https")];
        let found = client(ForwardedHeader::XForwardedFor, "9.9.9.9", &said);
        assert_eq!(found, ("9.9.9.9".to_owned(), false));
        let found = client(ForwardedHeader::XForwardedFor, "::ffff:9.9.9.9", &said);
        assert_eq!(found, ("9.9.9.9".to_owned(), false));
    }

    #[test]
    fn of_a_chain_the_nearest_stranger_counts() {
        for (fields, address) in [
            (vec![], PEER),
            (vec!["1.2.3.4"], "1.2.3.4"),
            // The client wrote the first one itself.
            (vec!["8.8.8.8, 1.2.3.4"], "1.2.3.4"),
            (vec!["8.8.8.8", "1.2.3.4, 10.0.0.2"], "1.2.3.4"),
            (vec!["1.2.3.4:5678"], "1.2.3.4"),
            (vec!["[2001:db9::1]:443, 2001:db8::7"], "2001:db9::1"),
            (vec!["1.2.3.4, unknown"], PEER),
            (vec!["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ] {
            let fields: Vec<_> = fields.iter().map(|value| (X_FORWARDED_FOR, *value)).collect();
            let found = client(ForwardedHeader::XForwardedFor, PEER, &fields);
            assert_eq!(found, (address.to_owned(), false), "{fields:?}");
        }
    }

    #[test]
    fn the_standard_field_is_read_alike() {
        for (value, address, over_tls) in [
            ("for=1.2.3.4;proto=https", "1.2.3.4", true),
            ("for=8.8.8.8, For=\"[2001:db9::1]:4711\" ; PROTO=HTTPS", "2001:db9::1", true),
            ("for=1.2.3.4, for=_hidden;proto=http", PEER, false),
            ("for=\"1.2.3.4, 5.6.7.8\"", PEER, false),
            ("proto=https", PEER, true),
        ] {
            let found = client(ForwardedHeader::Forwarded, PEER, &[(FORWARDED, value)]);
            assert_eq!(found, (address.to_owned(), over_tls), "{value}");
        }
        let both = [(FORWARDED, "for=1.1.1.1"), (X_FORWARDED_FOR, "2.2.2.2")];
        assert_eq!(client(ForwardedHeader::XForwardedFor, PEER, &both).0, "2.2.2.2");
        assert_eq!(client(ForwardedHeader::Forwarded, PEER, &both).0, "1.1.1.1");
    }
}
