//! Networks: an IP address, or all that begin with the same bits.

use std::fmt;
use std::net::IpAddr;

use super::error::{Fault, quoted};

/// All addresses whose first `bits` are those of `address`. An IPv4 address that is written as an IPv6 one is the IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether `address` is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == bits_of(self.address) {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{}/{}", self.address, self.bits)
        }
    }
}

fn bits_of(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// `address` with nothing but zeros after its first `bits`.
fn first(address: IpAddr, bits: u8) -> IpAddr {
    let rest = u32::from(bits_of(address) - bits);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(rest).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(rest).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

/// An address alone, or with `/` and the number of bits that count.
pub(super) fn network(text: &str) -> Result<Network, Fault> {
    const EXAMPLE: &str = "write an address such as `127.0.0.1` or `::1`, or a network such as `10.0.0.0/8`; names are not looked up";
    let wrong = || {
        Fault::new(format!(
            "{} is neither an IP address nor a network",
            quoted(text)
        ))
    };
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let written: IpAddr = address.parse().map_err(|_| wrong().help(EXAMPLE))?;
    let address = written.to_canonical();
    let bits = match bits {
        None => bits_of(address),
        Some(bits) => {
            let digits = !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
            let bits = digits.then(|| bits.parse::<u8>().ok()).flatten();
            // Of ::ffff:10.0.0.0/104 only the last 32 bits are the address.
            let before = bits_of(written) - bits_of(address);
            bits.and_then(|bits| bits.checked_sub(before))
                .filter(|bits| *bits <= bits_of(address))
                .ok_or_else(|| wrong().help(EXAMPLE))?
        }
    };
    let network = Network { address, bits };
    let beginning = first(address, bits);
    if beginning != address {
        let meant = Network {
            address: beginning,
            bits,
        };
        return Err(
            Fault::new(format!("{} is an address within a network", quoted(text))).help(format!(
                "write `{meant}` for the network, or `{address}` for the one address"
            )),
        );
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::super::error::Place;
    use super::*;

    #[test]
    fn addresses_and_networks() {
        for (text, inside, outside) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("127.0.0.1", "::ffff:127.0.0.1", "::1"),
            ("::ffff:127.0.0.1", "127.0.0.1", "::1"),
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("192.168.4.0/22", "192.168.7.255", "192.168.8.0"),
            ("0.0.0.0/0", "255.255.255.255", "::"),
            ("::/0", "ffff::", "1.2.3.4"),
            ("::1", "::1", "::2"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"),
        ] {
            let network = network(text).unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{text} {inside}");
            assert!(
                !network.contains(outside.parse().unwrap()),
                "{text} {outside}"
            );
        }
        assert_eq!(network("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(network("::1/128").unwrap().to_string(), "::1");
    }

    #[test]
    fn what_is_none_says_so() {
        let tell = |text: &str| {
            let fault = network(text).unwrap_err();
            fault.at(Place::Named("here".into())).summary()
        };
        for text in [
            "",
            "localhost",
            "10.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "::/129",
            " ::1",
            "::ffff:0.0.0.0/95",
        ] {
            let wanted = format!("here: {text:?} is neither an IP address nor a network");
            assert_eq!(tell(text), wanted);
        }
        assert_eq!(
            tell("10.0.0.1/8"),
            "here: \"10.0.0.1/8\" is an address within a network"
        );
    }
}
