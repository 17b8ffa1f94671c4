//! Which addresses deliveries may go to: those of the public internet, and what an operator opens
//! beyond it.
//!
//! A merchant chooses where deliveries go, and they are sent from inside the operator's network. So
//! an address is dialled only if it is known to be public: what no registry has given out as global
//! unicast is refused, whatever it may become one day.
//!
//! Sources: the IANA special-purpose address registries for IPv4 (RFC 6890 and its updates) and IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What may be dialled.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressRules {
    /// Networks that are open although they are not public: for development.
    allowed: Vec<IpNet>,
    /// The ports that may be dialled; any where there are none.
    ports: Vec<u16>,
}

impl AddressRules {
    pub(crate) fn new(allowed: Vec<IpNet>, ports: Vec<u16>) -> Self {
        Self { allowed, ports }
    }

    /// Whether deliveries may go to this address.
    pub(crate) fn allow_address(&self, address: IpAddr) -> bool {
        is_public(address) || self.allowed.iter().any(|network| network.contains(&address))
    }

    /// Whether deliveries may go to this port.
    pub(crate) fn allow_port(&self, port: u16) -> bool {
        port != 0 && (self.ports.is_empty() || self.ports.contains(&port))
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !NOT_PUBLIC_V4.iter().any(|network| network.contains(&address))
}

const NOT_PUBLIC_V4: [Ipv4Net; 17] = [
    // "This network", private use, shared by carriers (CGNAT), loopback, link-local.
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    // Protocol assignments, documentation, AS112, AMT, 6to4 relays, private use, AS112.
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 31, 196, 0], 24),
    v4([192, 52, 193, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([192, 175, 48, 0], 24),
    // Benchmarks, documentation, documentation.
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    // Multicast, reserved, broadcast.
    v4([224, 0, 0, 0], 3),
];

/// Only 2000::/3 has been given out as global unicast, and parts of it for other uses. Addresses that
/// stand for one of IPv4 are as good as that one.
fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped().or_else(|| translated(address)) {
        return is_public_v4(inner);
    }
    GLOBAL_UNICAST.contains(&address)
        && !NOT_PUBLIC_V6.iter().any(|network| network.contains(&address))
}

const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0], 3);

const NOT_PUBLIC_V6: [Ipv6Net; 6] = [
    // Protocol assignments, Teredo and ORCHID among them.
    v6([0x2001, 0, 0], 23),
    // Documentation, old and new.
    v6([0x2001, 0xdb8, 0], 32),
    v6([0x3fff, 0, 0], 20),
    // 6to4: whatever address of IPv4 is inside, the packets go through a relay that nobody chose.
    v6([0x2002, 0, 0], 16),
    // AS112.
    v6([0x2620, 0x4f, 0x8000], 48),
    // Segment routing.
    v6([0x5f00, 0, 0], 16),
];

/// What a translator (NAT64) makes of an address of the well-known prefix 64:ff9b::/96.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let (prefix, inner) = octets.split_last_chunk::<4>()?;
    (prefix == WELL_KNOWN_TRANSLATION).then(|| Ipv4Addr::from(*inner))
}

const WELL_KNOWN_TRANSLATION: [u8; 12] = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];

const fn v4(address: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = address;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(address: [u16; 3], prefix: u8) -> Ipv6Net {
    let [a, b, c] = address;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

#[cfg(test)]
mod tests;
