//! Where a delivery goes: the parts of a URL, and the address that its host is found to have.
//!
//! Invariant: the address that is dialled is one that was checked, and every address of the host
//! was: a name that resolves to a public address and a private one is refused, however often it
//! changes its mind.

use std::{io, net::IpAddr, net::SocketAddr, pin::Pin, sync::Arc};

use hyper::Uri;
use tollgate_domain::Mode;

use super::address::AddressRules;

/// A URL that deliveries may be sent to, as far as its text tells.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Destination {
    pub(super) is_secure: bool,
    /// Without the brackets of an IPv6 address.
    pub(super) host: Box<str>,
    pub(super) port: u16,
    /// What the `Host` header says.
    pub(super) authority: Box<str>,
    pub(super) path_and_query: Box<str>,
}

/// Why deliveries are not sent to a URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UrlFault {
    /// Not an absolute `http` or `https` URL without user and password.
    Malformed,
    /// In live mode only `https` is good enough.
    NotSecure,
    /// The port may not be dialled.
    Port,
    /// The address that stands there may not be dialled.
    Address,
}

/// Longest URL, in bytes.
const LONGEST_URL: usize = 2_048;

impl Destination {
    /// The destination of a URL; what its name resolves to is looked at when it is dialled.
    pub(crate) fn parse(url: &str, mode: Mode, rules: &AddressRules) -> Result<Self, UrlFault> {
        if url.len() > LONGEST_URL {
            return Err(UrlFault::Malformed);
        }
        let uri: Uri = url.parse().map_err(|_malformed| UrlFault::Malformed)?;
        let is_secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(UrlFault::Malformed),
        };
        let authority = uri.authority().ok_or(UrlFault::Malformed)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || authority.as_str().contains('@') {
            return Err(UrlFault::Malformed);
        }
        let usual = if is_secure { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(usual);
        if mode == Mode::Live && !is_secure {
            return Err(UrlFault::NotSecure);
        }
        if !rules.allow_port(port) {
            return Err(UrlFault::Port);
        }
        if let Ok(address) = host.parse::<IpAddr>()
            && !rules.allow_address(address)
        {
            return Err(UrlFault::Address);
        }
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            is_secure,
            host: host.into(),
            port,
            authority: authority.as_str().into(),
            path_and_query: path_and_query.into(),
        })
    }
}

/// Finds the addresses of a name.
pub(crate) trait Resolve: Send + Sync + 'static {
    fn resolve(&self, host: Arc<str>, port: u16) -> Resolving;
}

/// Addresses on their way.
pub(crate) type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Asks the system.
pub(crate) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: Arc<str>, port: u16) -> Resolving {
        Box::pin(async move { Ok(tokio::net::lookup_host((&*host, port)).await?.collect()) })
    }
}

/// Why there is no address to dial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoAddress {
    /// The name has none.
    Unresolved,
    /// One of them may not be dialled.
    Forbidden,
}

/// The addresses to dial, all of them checked.
pub(super) async fn checked_addresses(
    destination: &Destination,
    resolver: &dyn Resolve,
    rules: &AddressRules,
) -> Result<Vec<SocketAddr>, NoAddress> {
    let host = Arc::from(&*destination.host);
    let resolved = resolver.resolve(host, destination.port).await;
    let addresses = resolved.map_err(|_unresolved| NoAddress::Unresolved)?;
    if addresses.is_empty() {
        return Err(NoAddress::Unresolved);
    }
    let allowed = rules.allow_port(destination.port)
        && addresses.iter().all(|address| rules.allow_address(address.ip()));
    if allowed { Ok(addresses) } else { Err(NoAddress::Forbidden) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Answers each question with the next of its answers, and the last again and again.
    struct Fickle(Vec<Vec<&'static str>>, AtomicUsize);

    impl Resolve for Fickle {
        fn resolve(&self, _host: Arc<str>, port: u16) -> Resolving {
            let asked = self.1.fetch_add(1, Ordering::Relaxed).min(self.0.len() - 1);
            let addresses = self.0[asked].iter();
            let addresses: Vec<SocketAddr> =
                addresses.map(|text| (text.parse::<IpAddr>().unwrap(), port).into()).collect();
            Box::pin(async move { Ok(addresses) })
        }
    }

    fn shop() -> Destination {
        let rules = AddressRules::default();
        Destination::parse("https://shop.example/hooks", Mode::Live, &rules).unwrap()
    }

    async fn asked(resolver: &Fickle) -> Result<usize, NoAddress> {
        let rules = AddressRules::default();
        checked_addresses(&shop(), resolver, &rules).await.map(|addresses| addresses.len())
    }

    #[tokio::test]
    async fn a_name_that_changes_its_mind_is_checked_each_time() {
        let answers = vec![vec!["93.184.216.34"], vec!["127.0.0.1"], vec!["93.184.216.34"]];
        let resolver = Fickle(answers, AtomicUsize::new(0));
        assert_eq!(asked(&resolver).await, Ok(1));
        assert_eq!(asked(&resolver).await, Err(NoAddress::Forbidden), "rebound");
        assert_eq!(asked(&resolver).await, Ok(1));
    }

    #[tokio::test]
    async fn one_forbidden_address_among_public_ones_is_enough() {
        for answer in [
            vec!["93.184.216.34", "10.0.0.1"],
            vec!["::ffff:169.254.169.254"],
            vec!["2606:4700::1", "fd00::1"],
        ] {
            let resolver = Fickle(vec![answer.clone()], AtomicUsize::new(0));
            assert_eq!(asked(&resolver).await, Err(NoAddress::Forbidden), "{answer:?}");
        }
        let nobody = Fickle(vec![Vec::new()], AtomicUsize::new(0));
        assert_eq!(asked(&nobody).await, Err(NoAddress::Unresolved));
    }

    #[test]
    fn urls_tell_their_parts_and_what_is_wrong_with_them() {
        let rules = AddressRules::new(Vec::new(), vec![80, 443]);
        let parse = |url: &str, mode| Destination::parse(url, mode, &rules);
        let found = parse("http://[2606:4700::1]/a?b=c", Mode::Test).unwrap();
        assert_eq!((&*found.host, found.port), ("2606:4700::1", 80));
        assert_eq!(&*found.path_and_query, "/a?b=c");
        assert_eq!(parse("http://shop.example", Mode::Live), Err(UrlFault::NotSecure));
        assert_eq!(parse("https://shop.example:22/", Mode::Test), Err(UrlFault::Port));
        for url in ["http://127.0.0.1/", "http://[::1]/", "https://169.254.169.254/latest"] {
            assert_eq!(parse(url, Mode::Test), Err(UrlFault::Address), "{url}");
        }
        for url in ["", "shop.example", "ftp://shop.example", "https://u:p@shop.example/", "/x"] {
            assert_eq!(parse(url, Mode::Test), Err(UrlFault::Malformed), "{url}");
        }
    }
}
