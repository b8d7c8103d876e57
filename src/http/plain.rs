//! The shortest way: a delivery that came whole, and has nothing about it that
//! is not plain, is taken before the HTTP server sees it, which costs more than
//! all else that is done for it. Here it is only said what was stored. All that
//! is not plain, or is to be refused, goes to the server as it came.

use super::direct::Hooks;
use super::hooks::{self, Handed, Stored};
use super::{common_headers, problem};
use crate::config::{Auth, Identity};
use crate::event::Timestamp;
use crate::receive::Reading;
use crate::receive::identity::Same;
use std::io::Write as _;
use std::mem::MaybeUninit;

/// So many headers are plain.
const HEADERS_MAX: usize = 32;

/// Headers that ask for more than a plain answer, or frame the body in another way (RFC 9112, 6), or come from a web page.
const NOT_PLAIN: [&str; 5] = [
    "transfer-encoding",
    "content-encoding",
    "expect",
    "upgrade",
    "origin",
];

/// A request that is one, of which all came and nothing that is behind it.
#[derive(Debug, PartialEq, Eq)]
struct Plain<'b> {
    source: &'b str,
    authorization: Option<&'b [u8]>,
    body: &'b [u8],
}

/// What `came`, as a delivery.
fn read(came: &[u8]) -> Option<Plain<'_>> {
    let mut room = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(came, &mut room);
    let Ok(httparse::Status::Complete(head)) = parsed else {
        return None;
    };
    if request.method != Some("POST") || request.version != Some(1) {
        return None;
    }
    let source = request.path?.strip_prefix(hooks::PATH)?;
    let (mut host, mut length, mut authorization) = (None, None, None);
    for header in &*request.headers {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let not_plain = if is("host") {
            host.replace(header.value).is_some()
        } else if is("content-length") {
            length.replace(digits(header.value)?).is_some()
        } else if is("authorization") {
            authorization.replace(header.value).is_some()
        } else if is("connection") {
            !header.value.eq_ignore_ascii_case(b"keep-alive")
        } else {
            NOT_PLAIN.into_iter().any(is)
        };
        if not_plain {
            return None;
        }
    }
    host?;
    let body = &came[head..];
    // What begins otherwise may be a form.
    let is_json = matches!(body.first(), Some(b'{' | b'['));
    (length == Some(body.len()) && is_json).then_some(Plain {
        source,
        authorization,
        body,
    })
}

fn digits(value: &[u8]) -> Option<usize> {
    // A sign would be taken for a part of the number.
    let all = value.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(value).ok().filter(|_| all)?;
    text.parse().ok()
}

/// Hands what `came` to the journal, if it is a delivery about which there is nothing else to say.
#[must_use]
pub fn take(came: &[u8], hooks: &Hooks) -> Option<Handed> {
    let plain = read(came)?;
    let (engine, live) = (hooks.engine.engine(), hooks.engine.live());
    let source = live.settings.sources.get(plain.source)?;
    let same = match &source.identity {
        Identity::Content | Identity::Off => Same::Content,
        Identity::Pointer(pointer) => Same::Pointer(pointer),
        Identity::Header(_) => return None,
    };
    let welcome = match &source.auth {
        Auth::None { .. } => true,
        Auth::Authorization(secrets) => plain.authorization.is_some_and(|v| secrets.matches(v)),
    };
    if !welcome || engine.is_draining() || live.rate(&source.name).is_some() {
        return None;
    }
    let limits = &live.settings.limits;
    let length = Some(plain.body.len());
    let mut reading = Reading::new(false, limits.body_bytes_max, length, &engine.waiting);
    reading.push(plain.body).ok()?;
    let body = reading.finish().ok()?;
    hooks::hand_over(hooks, &live, source, same, false, body).ok()
}

/// Answers on their way out.
#[derive(Default)]
pub struct Answers {
    /// The second that `date` is of.
    second: i64,
    /// As HTTP writes it (RFC 9110, 5.6.7): made once a second.
    date: String,
    text: Vec<u8>,
}

impl Answers {
    /// That events were stored, or had been: a whole answer.
    pub fn stored(&mut self, events: &Stored, stored: usize, duplicates: usize) -> &[u8] {
        let now = Timestamp::now();
        let second = now.millis().div_euclid(1000);
        if second != self.second || self.date.is_empty() {
            (self.second, self.date) = (second, problem::date(now));
        }
        let body = events.text(stored, duplicates);
        self.text.clear();
        // Writing to a vector does not fail.
        let _ = write!(
            self.text,
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\ncontent-type: application/json\r\n",
            body.len()
        );
        for (name, value) in common_headers() {
            let _ = write!(self.text, "{name}: {value}\r\n");
        }
        let _ = write!(self.text, "date: {}\r\n\r\n", self.date);
        self.text.extend_from_slice(&body);
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_codec::Decoder as _;
    use actix_http::ServiceConfig;
    use actix_http::h1::{Codec, Message};
    use actix_web::http::header::HeaderValue;
    use actix_web::web::BytesMut;

    const HEAD: &str = "POST /hooks/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n";

    #[test]
    fn a_whole_delivery_is_plain_and_nothing_less_or_more() {
        let plain = format!("{HEAD}AUTHORIZATION: a\r\nConnection: Keep-Alive\r\n\r\n{{}}");
        let found = read(plain.as_bytes());
        let wanted = Plain {
            source: "orders",
            authorization: Some(b"a"),
            body: b"{}",
        };
        assert_eq!(found, Some(wanted));
        for end in 0..plain.len() {
            assert_eq!(read(&plain.as_bytes()[..end]), None, "{end}");
        }
        assert_eq!(read(format!("{plain}P").as_bytes()), None);
    }

    #[test]
    fn what_may_mean_something_else_is_not_plain() {
        let with = |lines: &str| format!("{HEAD}{lines}\r\n{{}}");
        assert!(read(with("X-Other: 1\r\n").as_bytes()).is_some());
        for lines in [
            "Host: x\r\n",
            "Content-Length: 2\r\n",
            "content-length: 3\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Content-Encoding: identity\r\n",
            "Expect: 100-continue\r\n",
            "Upgrade: websocket\r\n",
            "Origin: null\r\n",
            "Connection: close\r\n",
            "Connection: keep-alive, close\r\n",
            "Authorization: a\r\nAuthorization: a\r\n",
            " folded\r\n",
            "no colon\r\n",
        ] {
            assert_eq!(read(with(lines).as_bytes()), None, "{lines}");
        }
        let many = "X-Other: 1\r\n".repeat(HEADERS_MAX - 2);
        assert!(read(with(&many).as_bytes()).is_some());
        assert_eq!(read(with(&format!("{many}X: 1\r\n")).as_bytes()), None);
        let whole = with("");
        for (from, to) in [
            ("POST", "PUT"),
            ("/hooks/", "/hook/"),
            ("HTTP/1.1", "HTTP/1.0"),
            ("Host: x", "Hos: x"),
            ("Length: 2", "Length: +2"),
            ("Length: 2", "Length: 0x2"),
            ("Length: 2", "Length: "),
            ("Length: 2", "Length: 99999999999999999999999"),
            ("{}", "a="),
            ("{}", " 1"),
        ] {
            assert_eq!(read(whole.replace(from, to).as_bytes()), None, "{to}");
        }
    }

    /// Whatever is taken for plain the HTTP server takes for the same: no other request begins in it or ends behind it.
    #[test]
    fn what_is_plain_is_the_same_to_the_server() {
        const LINES: [&str; 16] = [
            "Host: x",
            "host : x",
            "Content-Length: 2",
            "Content-Length:2",
            "content-length: 3",
            "Content-Length: 02",
            "Content-Length: 2, 2",
            "Transfer-Encoding: chunked",
            "transfer-encoding: identity",
            "Connection: keep-alive",
            "Connection: close",
            "Expect: 100-continue",
            "Upgrade: websocket",
            "Authorization: a b",
            "X: y",
            "X-Long: \t y ",
        ];
        const BODIES: [&str; 5] = ["{}", "[]", "{} ", "{}\r\n", "{}POST / HTTP/1.1\r\n\r\n"];
        let mut random = fastrand::Rng::with_seed(7);
        let mut plain = 0;
        actix_web::rt::System::new().block_on(async {
            for _ in 0..50_000 {
                let mut text = String::from("POST /hooks/orders HTTP/1.1\r\n");
                for (at, line) in LINES.into_iter().enumerate() {
                    // Those that a plain one has most of the time, and the others now and then.
                    let usual = matches!(at, 0 | 2);
                    if random.u8(..) < if usual { 230 } else { 12 } {
                        text += line;
                        text += if random.u8(..) == 0 { "\n" } else { "\r\n" };
                    }
                }
                text += "\r\n";
                text += BODIES[random.usize(..BODIES.len())];
                let mut came = text.into_bytes();
                if random.bool() {
                    let at = random.usize(..came.len());
                    came[at] = *random.choice(b" \t\r\n:,;0{}\0\x80aP").unwrap();
                }
                if let Some(found) = read(&came) {
                    plain += 1;
                    assert_server_sees(&came, &found);
                }
            }
        });
        assert!(plain > 5_000, "{plain}");
    }

    fn assert_server_sees(came: &[u8], plain: &Plain<'_>) {
        let shown = String::from_utf8_lossy(came);
        let mut codec = Codec::new(ServiceConfig::default());
        let mut rest = BytesMut::from(came);
        let Ok(Some(Message::Item(request))) = codec.decode(&mut rest) else {
            panic!("no request: {shown:?}");
        };
        assert_eq!(request.method(), "POST", "{shown:?}");
        let path = format!("{}{}", hooks::PATH, plain.source);
        assert_eq!(request.uri().to_string(), path, "{shown:?}");
        assert!(codec.keep_alive() && !request.head().expect(), "{shown:?}");
        assert!(!super::super::is_endless(request.head()), "{shown:?}");
        let headers = &request.head().headers;
        for name in ["content-encoding", "transfer-encoding", "origin"] {
            assert!(!headers.contains_key(name), "{shown:?}");
        }
        let given = headers.get("authorization").map(HeaderValue::as_bytes);
        assert_eq!(given, plain.authorization, "{shown:?}");
        let Ok(Some(Message::Chunk(Some(body)))) = codec.decode(&mut rest) else {
            panic!("no body: {shown:?}");
        };
        assert_eq!((&*body, rest.len()), (plain.body, 0), "{shown:?}");
    }
}
