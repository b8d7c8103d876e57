//! Who asks: the other end of the connection, or, where that is a proxy whose
//! word counts, whom it names.

use crate::config::Network;
use actix_http::RequestHead;
use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The address of whoever asks.
#[must_use]
pub fn address(head: &RequestHead, trusted: &[Network]) -> IpAddr {
    let peer = head.peer_addr;
    let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
    named_by(peer, &head.headers, trusted)
}

/// The scheme with which whoever asks reached the proxy, if its word counts.
pub(super) fn scheme(request: &HttpRequest, trusted: &[Network]) -> Option<&'static str> {
    let peer = request.peer_addr()?.ip();
    if !is_trusted(peer, trusted) {
        return None;
    }
    // The nearest proxy wrote last.
    let line = request
        .headers()
        .get_all(header::X_FORWARDED_PROTO)
        .last()?;
    let last = line.to_str().ok()?.rsplit(',').next()?.trim();
    ["http", "https"]
        .into_iter()
        .find(|known| last.eq_ignore_ascii_case(known))
}

fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// From the right, each name was written by the one to the right of it; so the first that is not trusted is the last that
/// is known. What is no address makes all of it worthless.
fn named_by(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let lines: Vec<_> = headers.get_all(header::X_FORWARDED_FOR).collect();
    let mut farthest = peer;
    for line in lines.into_iter().rev() {
        for name in line.as_bytes().rsplit(|&b| b == b',') {
            let Some(address) = str::from_utf8(name).ok().and_then(parse) else {
                return peer;
            };
            farthest = address;
            if !is_trusted(address, trusted) {
                return address;
            }
        }
    }
    farthest
}

/// An address as proxies write it: some with a port, and IPv6 then in brackets.
fn parse(name: &str) -> Option<IpAddr> {
    let name = name.trim_matches([' ', '\t']);
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let address = match bare {
        Some(bare) => IpAddr::V6(bare.parse().ok()?),
        None => name
            .parse()
            .or_else(|_| name.parse::<SocketAddr>().map(|addr| addr.ip()))
            .ok()?,
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;
    use actix_web::test::TestRequest;

    /// As the configuration has them.
    fn networks(list: &str) -> Vec<Network> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("trusted_proxies = [{list}]")).unwrap();
        let overrides = Overrides {
            config: Some(file.path().into()),
            ..Overrides::default()
        };
        crate::config::load(&overrides, &|_| None)
            .unwrap()
            .trusted_proxies
    }

    fn request(peer: &str, headers: &[(&str, &str)]) -> HttpRequest {
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        let request = TestRequest::default().peer_addr(peer);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.append_header((*name, *value))
        });
        request.to_http_request()
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_as_far() {
        let trusted = networks("\"127.0.0.1\", \"10.0.0.0/8\", \"::1\", \"2001:db8::/32\"");
        for (peer, lines, wanted) in [
            // Nobody in between.
            ("203.0.113.9", &[][..], "203.0.113.9"),
            ("127.0.0.1", &[], "127.0.0.1"),
            // Not trusted: it may say what it likes.
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("11.0.0.1", &["198.51.100.1"], "11.0.0.1"),
            // One proxy, two, one that forwards what a client made up.
            ("127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::1", &["198.51.100.1, 10.2.3.4"], "198.51.100.1"),
            (
                "127.0.0.1",
                &["1.1.1.1, 198.51.100.1, 10.2.3.4"],
                "198.51.100.1",
            ),
            ("127.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            (
                "127.0.0.1",
                &["1.1.1.1", "198.51.100.1,10.2.3.4"],
                "198.51.100.1",
            ),
            // All of them trusted: the farthest.
            ("127.0.0.1", &["10.9.9.9, 10.2.3.4"], "10.9.9.9"),
            // With ports, in brackets, IPv4 in IPv6's clothes.
            ("127.0.0.1", &["198.51.100.1:5678"], "198.51.100.1"),
            ("127.0.0.1", &["[2001:dead::1]:80"], "2001:dead::1"),
            ("127.0.0.1", &["[2001:dead::1]"], "2001:dead::1"),
            ("127.0.0.1", &["2001:dead::1, 2001:db8::7"], "2001:dead::1"),
            ("::ffff:127.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            // Garbage.
            ("127.0.0.1", &[""], "127.0.0.1"),
            ("127.0.0.1", &["unknown"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1,"], "127.0.0.1"),
            (
                "127.0.0.1",
                &["198.51.100.1, _hidden, 10.1.1.1"],
                "127.0.0.1",
            ),
            ("127.0.0.1", &["198.51.100.1/32"], "127.0.0.1"),
            ("127.0.0.1", &["999.1.1.1"], "127.0.0.1"),
            ("127.0.0.1", &["[198.51.100.1]"], "127.0.0.1"),
            // What stands to the left of the answer does not count at all.
            ("127.0.0.1", &["garbage, 198.51.100.1"], "198.51.100.1"),
        ] {
            let headers: Vec<_> = lines
                .iter()
                .map(|line| ("x-forwarded-for", *line))
                .collect();
            let found = address(request(peer, &headers).head(), &trusted);
            assert_eq!(found.to_string(), wanted, "{peer} {lines:?}");
            let nobody = address(request(peer, &headers).head(), &[]);
            let own: IpAddr = peer.parse().unwrap();
            assert_eq!(nobody, own.to_canonical());
        }
    }

    #[test]
    fn a_long_list_is_read_as_far_as_needed() {
        let trusted = networks("\"127.0.0.1\"");
        let list = format!("198.51.100.1{}", ", 127.0.0.1".repeat(5000));
        let request = request("127.0.0.1", &[("x-forwarded-for", &list)]);
        assert_eq!(
            address(request.head(), &trusted).to_string(),
            "198.51.100.1"
        );
    }

    #[test]
    fn schemes() {
        let trusted = networks("\"127.0.0.1\"");
        for (peer, lines, wanted) in [
            ("127.0.0.1", &["https"][..], Some("https")),
            ("127.0.0.1", &["HTTP"], Some("http")),
            ("127.0.0.1", &["http, https"], Some("https")),
            ("127.0.0.1", &["https", "http"], Some("http")),
            ("127.0.0.1", &[], None),
            ("127.0.0.1", &["javascript"], None),
            ("127.0.0.2", &["https"], None),
        ] {
            let headers: Vec<_> = lines
                .iter()
                .map(|line| ("x-forwarded-proto", *line))
                .collect();
            assert_eq!(
                scheme(&request(peer, &headers), &trusted),
                wanted,
                "{peer} {lines:?}"
            );
        }
    }
}
