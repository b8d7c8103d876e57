//! Single values that are written as text: addresses, URLs, time zones, event
//! ids. Pure; each takes the text and gives the value or what is wrong with it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use chrono_tz::Tz;

use super::Identity;
use super::error::{Fault, nearest, quoted};

/// An address to listen on: an IP address or `localhost`, and a port.
pub(super) fn listen(text: &str) -> Result<SocketAddr, Fault> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Some((host, port)) = text.split_once(':')
        && host.eq_ignore_ascii_case("localhost")
        && let Ok(port) = port.parse()
    {
        return Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    }
    let fault = Fault::new(format!("{} is no address to listen on", quoted(text)));
    Err(fault.help(listen_help(text)))
}

fn listen_help(text: &str) -> String {
    if text.parse::<u16>().is_ok() {
        return format!("write `127.0.0.1:{text}`, or `0.0.0.0:{text}` for all networks");
    }
    if text.contains("://") {
        return "write the address alone, without `http://`, for example `127.0.0.1:8080`".into();
    }
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return format!("write a port as well: `{}`", SocketAddr::new(ip, 8080));
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    if host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok() {
        return "the port is a number from 0 to 65535; 0 picks a free one".into();
    }
    match host {
        "" if !port.is_empty() => {
            format!("write `127.0.0.1:{port}`, or `0.0.0.0:{port}` for all networks")
        }
        "*" => format!("write `0.0.0.0:{port}` for all networks"),
        _ => "write an IP address and a port, for example `127.0.0.1:8080` or `[::1]:8080`; \
              names other than `localhost` are not looked up"
            .into(),
    }
}

/// Whether only this machine can reach `address`.
pub(super) fn is_local(address: SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => {
            ip == Ipv6Addr::LOCALHOST || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback())
        }
    }
}

/// The URL under which people reach rowhook, without a slash at its end.
pub(super) fn public_url(text: &str) -> Result<String, Fault> {
    const EXAMPLE: &str =
        "write `https://` or `http://` and the host, for example `https://hooks.example.com`";
    let url = text.trim_end_matches('/');
    let after_scheme = ["https://", "http://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = after_scheme else {
        return Err(Fault::new("the public URL is not complete").help(EXAMPLE));
    };
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Fault::new("the public URL contains a user name or password").help(EXAMPLE));
    }
    if rest.contains(['?', '#']) {
        return Err(Fault::new(
            "the public URL contains a query (`?`) or fragment (`#`)",
        ));
    }
    let unsafe_in_url = |c: char| !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(c);
    if rest.contains(unsafe_in_url) || !is_authority(authority) {
        return Err(Fault::new(format!("{} is no URL", quoted(text))).help(EXAMPLE));
    }
    Ok(url.to_owned())
}

/// Whether `text` is `host` or `host:port`.
fn is_authority(text: &str) -> bool {
    let (host, after) = match text.strip_prefix('[') {
        Some(inside) => match inside.split_once(']') {
            Some((ip, after)) if ip.parse::<Ipv6Addr>().is_ok() => (ip, after),
            _ => return false,
        },
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port_is_good = match after.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok_and(|port| port > 0),
        None => after.is_empty(),
    };
    !host.is_empty() && port_is_good
}

/// A time zone by its IANA name.
pub(super) fn timezone(text: &str) -> Result<Tz, Fault> {
    text.parse().map_err(|_| {
        let fault = Fault::new(format!("unknown time zone {}", quoted(text)));
        let fault = match nearest_timezone(text) {
            Some(name) => fault.help(format!("did you mean `{name}`?")),
            None => fault,
        };
        fault.help("use an IANA name such as `UTC`, `Europe/Berlin` or `America/New_York`")
    })
}

/// The zone that `text` was probably meant to be: as a whole, or as the city alone.
fn nearest_timezone(text: &str) -> Option<&'static str> {
    fn city(name: &str) -> &str {
        name.rsplit('/').next().unwrap_or_default()
    }
    let text = text.trim().replace(' ', "_");
    let names = || chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let same = names().find(|name| name.eq_ignore_ascii_case(&text));
    let same_city = || names().find(|name| city(name).eq_ignore_ascii_case(&text));
    // Names with an offset in them are near to any offset: no help.
    let words = || names().filter(|name| !name.contains(|c: char| c.is_ascii_digit()));
    let near_city = || {
        let found = nearest(&text, words().map(city))?;
        names().find(|name| city(name) == found)
    };
    same.or_else(same_city)
        .or_else(|| nearest(&text, words()))
        .or_else(near_city)
}

/// Headers that are the same in every request of a sender: as an id they would make all events one.
const SAME_IN_ALL: [&str; 22] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    // Not of all, but of all that are as long.
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "origin",
    "te",
    "transfer-encoding",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Where an event's own id stands: a JSON Pointer (RFC 6901) from `/` on, otherwise the name of a header (RFC 9110).
pub(super) fn identity(text: &str) -> Result<Identity, Fault> {
    const EXAMPLE: &str = "write a JSON Pointer such as `/order/id`, which starts with `/`, \
                           or the name of a header such as `X-Request-Id`";
    if text.starts_with('/') {
        let mut escapes = text.split('~').skip(1);
        if escapes.any(|after| !after.starts_with(['0', '1'])) {
            return Err(Fault::new(format!("{} is no JSON Pointer", quoted(text)))
                .help("in a key, `~` is written `~0` and `/` is written `~1` (RFC 6901)"));
        }
        return Ok(Identity::Pointer(text.to_owned()));
    }
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.is_empty() || !text.bytes().all(token) {
        let message = format!(
            "{} is neither a JSON Pointer nor the name of a header",
            quoted(text)
        );
        return Err(Fault::new(message).help(EXAMPLE));
    }
    let name = text.to_ascii_lowercase();
    if SAME_IN_ALL.contains(&name.as_str()) {
        let message = format!("the header {} does not tell events apart", quoted(text));
        return Err(Fault::new(message).help(EXAMPLE));
    }
    Ok(Identity::Header(name))
}

/// Whether an environment variable may have this name (letters, digits and `_`).
pub(super) fn is_variable_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !text.is_empty() && text.bytes().all(plain) && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// `number` in groups of three, as TOML takes it: `1_048_576`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::error::Place;
    use super::*;

    /// The value as `Debug`, or the error as it would be shown for a flag.
    fn tell<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
        match result {
            Ok(value) => format!("{value:?}"),
            Err(fault) => {
                let shown = fault.at(Place::Named("here".into())).to_string();
                shown.replace("\n --> here", "")
            }
        }
    }

    fn table<T: std::fmt::Debug>(
        check: impl Fn(&str) -> Result<T, Fault>,
        cases: &[&str],
    ) -> String {
        let lines: Vec<String> = cases
            .iter()
            .map(|case| format!("{case:?} → {}", tell(check(case))))
            .collect();
        lines.join("\n")
    }

    #[test]
    fn listen_takes_ip_addresses_and_localhost() {
        insta::assert_snapshot!(table(listen, &[
            "127.0.0.1:8080", "127.0.0.1:0", "0.0.0.0:80", "[::1]:8080", "[::]:8080", "localhost:8080", "LocalHost:1",
            "", "8080", ":8080", "*:8080", "127.0.0.1", "::1", "[::1]", "localhost", "localhost:http", "127.0.0.1:65536",
            "example.com:80", "http://127.0.0.1:8080", " 127.0.0.1:8080", "10.0.0.256:80",
        ]), @r#"
        "127.0.0.1:8080" → 127.0.0.1:8080
        "127.0.0.1:0" → 127.0.0.1:0
        "0.0.0.0:80" → 0.0.0.0:80
        "[::1]:8080" → [::1]:8080
        "[::]:8080" → [::]:8080
        "localhost:8080" → 127.0.0.1:8080
        "LocalHost:1" → 127.0.0.1:1
        "" → error: "" is no address to listen on
          = help: write an IP address and a port, for example `127.0.0.1:8080` or `[::1]:8080`; names other than `localhost` are not looked up
        "8080" → error: "8080" is no address to listen on
          = help: write `127.0.0.1:8080`, or `0.0.0.0:8080` for all networks
        ":8080" → error: ":8080" is no address to listen on
          = help: write `127.0.0.1:8080`, or `0.0.0.0:8080` for all networks
        "*:8080" → error: "*:8080" is no address to listen on
          = help: write `0.0.0.0:8080` for all networks
        "127.0.0.1" → error: "127.0.0.1" is no address to listen on
          = help: write a port as well: `127.0.0.1:8080`
        "::1" → error: "::1" is no address to listen on
          = help: write a port as well: `[::1]:8080`
        "[::1]" → error: "[::1]" is no address to listen on
          = help: write a port as well: `[::1]:8080`
        "localhost" → error: "localhost" is no address to listen on
          = help: the port is a number from 0 to 65535; 0 picks a free one
        "localhost:http" → error: "localhost:http" is no address to listen on
          = help: the port is a number from 0 to 65535; 0 picks a free one
        "127.0.0.1:65536" → error: "127.0.0.1:65536" is no address to listen on
          = help: the port is a number from 0 to 65535; 0 picks a free one
        "example.com:80" → error: "example.com:80" is no address to listen on
          = help: write an IP address and a port, for example `127.0.0.1:8080` or `[::1]:8080`; names other than `localhost` are not looked up
        "http://127.0.0.1:8080" → error: "http://127.0.0.1:8080" is no address to listen on
          = help: write the address alone, without `http://`, for example `127.0.0.1:8080`
        " 127.0.0.1:8080" → error: " 127.0.0.1:8080" is no address to listen on
          = help: write an IP address and a port, for example `127.0.0.1:8080` or `[::1]:8080`; names other than `localhost` are not looked up
        "10.0.0.256:80" → error: "10.0.0.256:80" is no address to listen on
          = help: write an IP address and a port, for example `127.0.0.1:8080` or `[::1]:8080`; names other than `localhost` are not looked up
        "#);
    }

    #[test]
    fn local_is_what_only_this_machine_reaches() {
        for (address, expected) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("[::ffff:0.0.0.0]:1", false),
            ("192.168.0.1:1", false),
            ("[fe80::1]:1", false),
        ] {
            assert_eq!(is_local(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn public_urls() {
        insta::assert_snapshot!(table(public_url, &[
            "https://hooks.example.com", "http://10.0.0.1:8080/", "https://[::1]:443", "https://example.com/rowhook//",
            "", "hooks.example.com", "ftp://example.com", "https://", "https:///x", "https://me:secret@example.com",
            "https://example.com/?a", "https://example.com/#a", "https://example.com:port", "https://exa mple.com",
            "https://example.com/\"<script>", "https://[1]",
        ]), @r#"
        "https://hooks.example.com" → "https://hooks.example.com"
        "http://10.0.0.1:8080/" → "http://10.0.0.1:8080"
        "https://[::1]:443" → "https://[::1]:443"
        "https://example.com/rowhook//" → "https://example.com/rowhook"
        "" → error: the public URL is not complete
          = help: write `https://` or `http://` and the host, for example `https://hooks.example.com`
        "hooks.example.com" → error: the public URL is not complete
          = help: write `https://` or `http://` and the host, for example `https://hooks.example.com`
        "ftp://example.com" → error: the public URL is not complete
          = help: write `https://` or `http://` and the host, for example `https://hooks.example.com`
        "https://" → error: the public URL is not complete
          = help: write `https://` or `http://` and the host, for example `https://hooks.example.com`
        "https:///x" → error: "https:///x" is no URL
          = help: write `https://` or `http://` and the host, for example `https://hooks.example.com`
        "https://me:secret@example.com" → error: the public URL contains a user name or password
          = help: write `https://` or `http://` and the host, for example `https://hooks.example.com`
        "https://example.com/?a" → error: the public URL contains a query (`?`) or fragment (`#`)
        "https://example.com/#a" → error: the public URL contains a query (`?`) or fragment (`#`)
        "https://example.com:port" → error: "https://example.com:port" is no URL
          = help: write `https://` or `http://` and the host, for example `https://hooks.example.com`
        "https://exa mple.com" → error: "https://exa mple.com" is no URL
          = help: write `https://` or `http://` and the host, for example `https://hooks.example.com`
        "https://example.com/\"<script>" → error: "https://example.com/\"<script>" is no URL
          = help: write `https://` or `http://` and the host, for example `https://hooks.example.com`
        "https://[1]" → error: "https://[1]" is no URL
          = help: write `https://` or `http://` and the host, for example `https://hooks.example.com`
        "#);
    }

    #[test]
    fn time_zones() {
        insta::assert_snapshot!(table(timezone, &[
            "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+2",
            "", "utc", "Europe/Berlim", "berlin", "New York", "GMT+2", "Somewhere/Else", "Zurik",
        ]), @r#"
        "UTC" → UTC
        "Europe/Berlin" → Europe/Berlin
        "America/Argentina/Buenos_Aires" → America/Argentina/Buenos_Aires
        "Etc/GMT+2" → Etc/GMT+2
        "" → error: unknown time zone ""
          = help: use an IANA name such as `UTC`, `Europe/Berlin` or `America/New_York`
        "utc" → error: unknown time zone "utc"
          = help: did you mean `UTC`?
          = help: use an IANA name such as `UTC`, `Europe/Berlin` or `America/New_York`
        "Europe/Berlim" → error: unknown time zone "Europe/Berlim"
          = help: did you mean `Europe/Berlin`?
          = help: use an IANA name such as `UTC`, `Europe/Berlin` or `America/New_York`
        "berlin" → error: unknown time zone "berlin"
          = help: did you mean `Europe/Berlin`?
          = help: use an IANA name such as `UTC`, `Europe/Berlin` or `America/New_York`
        "New York" → error: unknown time zone "New York"
          = help: did you mean `America/New_York`?
          = help: use an IANA name such as `UTC`, `Europe/Berlin` or `America/New_York`
        "GMT+2" → error: unknown time zone "GMT+2"
          = help: did you mean `Etc/GMT+2`?
          = help: use an IANA name such as `UTC`, `Europe/Berlin` or `America/New_York`
        "Somewhere/Else" → error: unknown time zone "Somewhere/Else"
          = help: use an IANA name such as `UTC`, `Europe/Berlin` or `America/New_York`
        "Zurik" → error: unknown time zone "Zurik"
          = help: use an IANA name such as `UTC`, `Europe/Berlin` or `America/New_York`
        "#);
    }

    #[test]
    fn identities() {
        insta::assert_snapshot!(table(identity, &[
            "/order/id", "/", "/a~0b~1c", "/items/0/id", "X-Request-Id",
            "", "/a~b", "/a~", "/a~2", "order id", "X-Id:", "größe", "Authorization", "Content-Length",
        ]), @r#"
        "/order/id" → Pointer("/order/id")
        "/" → Pointer("/")
        "/a~0b~1c" → Pointer("/a~0b~1c")
        "/items/0/id" → Pointer("/items/0/id")
        "X-Request-Id" → Header("x-request-id")
        "" → error: "" is neither a JSON Pointer nor the name of a header
          = help: write a JSON Pointer such as `/order/id`, which starts with `/`, or the name of a header such as `X-Request-Id`
        "/a~b" → error: "/a~b" is no JSON Pointer
          = help: in a key, `~` is written `~0` and `/` is written `~1` (RFC 6901)
        "/a~" → error: "/a~" is no JSON Pointer
          = help: in a key, `~` is written `~0` and `/` is written `~1` (RFC 6901)
        "/a~2" → error: "/a~2" is no JSON Pointer
          = help: in a key, `~` is written `~0` and `/` is written `~1` (RFC 6901)
        "order id" → error: "order id" is neither a JSON Pointer nor the name of a header
          = help: write a JSON Pointer such as `/order/id`, which starts with `/`, or the name of a header such as `X-Request-Id`
        "X-Id:" → error: "X-Id:" is neither a JSON Pointer nor the name of a header
          = help: write a JSON Pointer such as `/order/id`, which starts with `/`, or the name of a header such as `X-Request-Id`
        "größe" → error: "größe" is neither a JSON Pointer nor the name of a header
          = help: write a JSON Pointer such as `/order/id`, which starts with `/`, or the name of a header such as `X-Request-Id`
        "Authorization" → error: the header "Authorization" does not tell events apart
          = help: write a JSON Pointer such as `/order/id`, which starts with `/`, or the name of a header such as `X-Request-Id`
        "Content-Length" → error: the header "Content-Length" does not tell events apart
          = help: write a JSON Pointer such as `/order/id`, which starts with `/`, or the name of a header such as `X-Request-Id`
        "#);
    }

    #[test]
    fn variable_names() {
        for good in ["A", "_", "LESSONLY_AUTHORIZATION", "a1"] {
            assert!(is_variable_name(good), "{good:?}");
        }
        for bad in [
            "",
            "1A",
            "$A",
            "A=B",
            "A B",
            "A-B",
            "Bearer abc",
            "Ä",
            "A\0",
        ] {
            assert!(!is_variable_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn numbers_in_groups() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1_000"),
            (67_108_864, "67_108_864"),
            (u64::MAX, "18_446_744_073_709_551_615"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
