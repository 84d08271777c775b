//! What an IP address leads to. The ranges are those of the IANA special-purpose registries (RFC 6890 and its updates), and
//! addresses under which clouds give credentials to whoever asks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The internet.
    Public,
    /// This machine.
    Loopback,
    /// A network that is somebody's own: RFC 1918, RFC 4193, and the shared space of RFC 6598.
    Private,
    /// The link, or a cloud's service for metadata and credentials: reached only where that very address is written.
    Named,
    /// Nothing that one host answers under: multicast, documentation, reserved, tunnels.
    Never,
}

impl Class {
    /// What it is, for a person.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Public => "an address of the internet",
            Self::Loopback => "an address of this machine",
            Self::Private => "an address of a private network",
            Self::Named => "a link-local address or one of a cloud's own services",
            Self::Never => "no address of a single host: multicast, reserved, documentation, or the end of a tunnel",
        }
    }
}

/// A range of IPv4 addresses: its first one, the length of its prefix, and what it leads to.
type Range4 = (Ipv4Addr, u32, Class);

/// The first range that holds an address counts; what none holds is public.
const RANGES4: [Range4; 20] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, Class::Never),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Class::Private),
    // A cloud's metadata inside the shared space.
    (Ipv4Addr::new(100, 100, 100, 200), 32, Class::Named),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Class::Private),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Class::Loopback),
    // A cloud's wire server at an address that looks public.
    (Ipv4Addr::new(168, 63, 129, 16), 32, Class::Named),
    (Ipv4Addr::new(169, 254, 0, 0), 16, Class::Named),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Class::Private),
    // A cloud's metadata inside what the IETF keeps for protocols.
    (Ipv4Addr::new(192, 0, 0, 192), 32, Class::Named),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Class::Never),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Class::Never),
    (Ipv4Addr::new(192, 31, 196, 0), 24, Class::Never),
    (Ipv4Addr::new(192, 52, 193, 0), 24, Class::Never),
    (Ipv4Addr::new(192, 88, 99, 0), 24, Class::Never),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Class::Private),
    (Ipv4Addr::new(192, 175, 48, 0), 24, Class::Never),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Class::Never),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Class::Never),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Class::Never),
    // Multicast, reserved and broadcast: everything from 224.0.0.0 on.
    (Ipv4Addr::new(224, 0, 0, 0), 3, Class::Never),
];

/// A range of IPv6 addresses, as [`Range4`].
type Range6 = (Ipv6Addr, u32, Class);

/// The first range that holds an address counts; what none holds is no address of a host.
const RANGES6: [Range6; 14] = [
    (Ipv6Addr::LOCALHOST, 128, Class::Loopback),
    // Metadata of clouds inside the unique local space.
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32, Class::Named),
    (Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0), 32, Class::Named),
    (Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42), 128, Class::Named),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Class::Private),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, Class::Named),
    // Protocol assignments, Teredo and ORCHID among them.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, Class::Never),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, Class::Never),
    // 6to4: the end of a tunnel to the IPv4 address inside.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, Class::Never),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48, Class::Never),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, Class::Never),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, Class::Never),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, Class::Never),
    (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3, Class::Public),
];

/// What the address leads to. One that carries an IPv4 address leads where that one does.
#[must_use]
pub fn classify(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => classify4(address),
        IpAddr::V6(address) => match carried(address) {
            Some(inside) => classify4(inside),
            None => classify6(address),
        },
    }
}

fn classify4(address: Ipv4Addr) -> Class {
    let held = RANGES4.iter().find(|(first, prefix, _)| {
        let shift = 32_u32.saturating_sub(*prefix);
        address.to_bits().checked_shr(shift) == first.to_bits().checked_shr(shift)
    });
    held.map_or(Class::Public, |(_, _, class)| *class)
}

fn classify6(address: Ipv6Addr) -> Class {
    // ISATAP: an interface that is an IPv4 address behind a tunnel, in a network of any prefix.
    let [_, _, _, _, high, low, ..] = address.segments();
    if matches!((high, low), (0 | 0x200, 0x5efe)) {
        return Class::Never;
    }
    let held = RANGES6.iter().find(|(first, prefix, _)| {
        let shift = 128_u32.saturating_sub(*prefix);
        address.to_bits().checked_shr(shift) == first.to_bits().checked_shr(shift)
    });
    held.map_or(Class::Never, |(_, _, class)| *class)
}

/// The IPv4 address that a mapped one (RFC 4291 §2.5.5.2) or one of the well-known NAT64 prefix (RFC 6052) stands for.
const fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from_bits((high as u32) << 16 | low as u32))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(class: Class, addresses: &str) {
        for text in addresses.split(' ') {
            assert_eq!(classify(text.parse().unwrap()), class, "{text}");
        }
    }

    #[test]
    fn every_range_at_its_ends() {
        check(
            Class::Public,
            "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
             168.63.129.15 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 \
             192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 2606:4700::1111 2a00:1450:4001::1 \
             ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2001:200::1 2001:4860:4860::8888",
        );
        check(Class::Loopback, "127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1 64:ff9b::7f00:1 ::ffff:7f00:1");
        check(
            Class::Private,
            "10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 172.16.0.0 172.31.255.255 192.168.0.0 \
             192.168.255.255 fc00::1 fdff::1 ::ffff:10.0.0.1 64:ff9b::10.0.0.1",
        );
        check(
            Class::Named,
            "169.254.169.254 169.254.170.2 169.254.0.0 100.100.100.200 168.63.129.16 192.0.0.192 fe80::1 febf::1 \
             fd00:ec2::254 fd00:ec2::23 fd20:ce::254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe",
        );
        check(
            Class::Never,
            "0.0.0.0 0.255.255.255 192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.1 \
             203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::7f00:1 ::127.0.0.1 2001::1 \
             2001:1ff:ffff::1 2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe::1 3fff::1 3ffe::1 5f00::1 64:ff9b:1::1 \
             100::1 fec0::1 ff02::1 4000::1 2606:4700::5efe:7f00:1 2606:4700::200:5efe:10.0.0.1 \
             ::ffff:0:127.0.0.1 ::ffff:224.0.0.1",
        );
    }

    proptest! {
        /// The standard library's words about an address never say less than these.
        #[test]
        fn what_is_public_is_nothing_else(bits in any::<u32>(), six in any::<u128>()) {
            let four = Ipv4Addr::from_bits(bits);
            if classify(IpAddr::V4(four)) == Class::Public {
                prop_assert!(!four.is_private() && !four.is_loopback() && !four.is_link_local() && !four.is_multicast());
                prop_assert!(!four.is_broadcast() && !four.is_documentation() && !four.is_unspecified());
            }
            let six = Ipv6Addr::from_bits(six);
            if classify(IpAddr::V6(six)) == Class::Public {
                prop_assert!(!six.is_loopback() && !six.is_multicast() && !six.is_unspecified());
                prop_assert!(!six.is_unique_local() && !six.is_unicast_link_local());
                prop_assert!(six.segments()[0] >> 13 == 1, "{six} is outside of 2000::/3");
            }
        }

        /// However an IPv4 address is wrapped, it is never reached where the bare one would not be.
        #[test]
        fn wrapping_opens_nothing(bits in any::<u32>()) {
            let bare = Ipv4Addr::from_bits(bits);
            let class = classify(IpAddr::V4(bare));
            let [a, b, c, d] = bits.to_be_bytes();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for wrapped in [
                bare.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            ] {
                prop_assert_eq!(classify(IpAddr::V6(wrapped)), class);
            }
            for tunnel in [
                bare.to_ipv6_compatible(),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !high, !low),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2606, 0x4700, 0, 0, 0, 0x5efe, high, low),
            ] {
                if tunnel != Ipv6Addr::LOCALHOST {
                    prop_assert_eq!(classify(IpAddr::V6(tunnel)), Class::Never);
                }
            }
        }
    }
}
