//! Several hundred addresses that must never be dialled, in every form, and public ones that may.

use super::*;

fn rules() -> AddressRules {
    AddressRules::new(Vec::new(), Vec::new())
}

/// For each network of IPv4 that is not public: its first and last addresses and some between.
fn forbidden_v4() -> Vec<Ipv4Addr> {
    let networks = [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    ];
    let mut addresses = Vec::new();
    for network in networks {
        let network: Ipv4Net = network.parse().unwrap();
        let first = u32::from(network.network());
        let last = u32::from(network.broadcast());
        let step = ((last - first) / 5).max(1);
        addresses.extend((0..=5).map(|place| Ipv4Addr::from(first + place * step)));
        addresses.push(Ipv4Addr::from(last));
    }
    addresses.extend(
        ["169.254.169.254", "100.100.100.200", "255.255.255.255", "127.0.0.53"]
            .map(|text| text.parse::<Ipv4Addr>().unwrap()),
    );
    addresses
}

#[test]
fn no_address_that_is_not_public_is_dialled_in_whatever_form() {
    let mut refused = 0;
    let mut refuse = |address: IpAddr| {
        assert!(!rules().allow_address(address), "{address}");
        refused += 1;
    };
    for inner in forbidden_v4() {
        refuse(inner.into());
        refuse(inner.to_ipv6_mapped().into());
        let [a, b, c, d] = inner.octets().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        // NAT64, 6to4, and the form of IPv4 that is no longer in use.
        refuse(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low).into());
        refuse(Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1).into());
        refuse(Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low).into());
        // Translated by a network's own prefix, and as a Teredo server.
        refuse(Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low).into());
        refuse(Ipv6Addr::new(0x2001, 0, high, low, 0, 0, 0, 1).into());
    }
    for text in [
        "::",
        "::1",
        "fc00::1",
        "fd12:3456:789a::1",
        "fd00:ec2::254",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "feff::1",
        "ff00::1",
        "ff02::1",
        "ff0e::1",
        "2001::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2001:db8:ffff::1",
        "3fff::1",
        "3fff:fff::1",
        "2002::1",
        "2620:4f:8000::1",
        "5f00::1",
        "100::1",
        "1::1",
        "4000::1",
        "64:ff9b:1::1",
        "8000::1",
        "e000::1",
        "200::1",
        "::ffff:0:127.0.0.1",
    ] {
        refuse(text.parse().unwrap());
    }
    assert!(refused > 800, "{refused}");
}

#[test]
fn public_addresses_are_dialled() {
    for text in [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.167.255.255",
        "192.169.0.1",
        "198.17.255.255",
        "198.20.0.1",
        "223.255.255.255",
        "11.0.0.1",
        "128.0.0.1",
        "169.253.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001:82b::200e",
        "2001:4860:4860::8888",
        "2620:fe::fe",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ] {
        assert!(rules().allow_address(text.parse().unwrap()), "{text}");
    }
}

#[test]
fn an_operator_opens_networks_and_ports() {
    let rules = AddressRules::new(vec!["127.0.0.0/8".parse().unwrap()], vec![443, 8443]);
    assert!(rules.allow_address("127.0.0.1".parse().unwrap()));
    assert!(!rules.allow_address("10.0.0.1".parse().unwrap()));
    assert!(!rules.allow_address("::1".parse().unwrap()));
    assert!(rules.allow_port(8443) && !rules.allow_port(80) && !rules.allow_port(0));
    assert!(self::rules().allow_port(1), "any, where none are named");
}
