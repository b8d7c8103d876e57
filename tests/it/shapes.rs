//! Requests that two readers could read in two ways, and what is no request at
//! all: each is refused and the connection closed, or is exactly one.

use crate::server::{Place, Server};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// A name, a request, the statuses of all answers, and how many events come of it. In a request EVENT is an event like no
/// other, LEN and HEX its length, NEXT a whole request with another event, START the beginning of one as far as its Host.
type Shape = (&'static str, &'static str, &'static str, usize);

#[rustfmt::skip]
const LENGTHS: [Shape; 12] = [
    ("one length", "STARTContent-Length: LEN\r\n\r\nEVENT", "200", 1),
    ("two lengths", "STARTContent-Length: LEN\r\nContent-Length: 3\r\n\r\nEVENTNEXT", "400", 0),
    ("the same length twice", "STARTContent-Length: LEN\r\nContent-Length: LEN\r\n\r\nEVENT", "400", 0),
    ("a list of lengths", "STARTContent-Length: LEN, LEN\r\n\r\nEVENT", "400", 0),
    ("plus", "STARTContent-Length: +LEN\r\n\r\nEVENT", "400", 0),
    ("minus", "STARTContent-Length: -1\r\n\r\nEVENT", "400", 0),
    ("hexadecimal", "STARTContent-Length: 0xLEN\r\n\r\nEVENT", "400", 0),
    ("empty", "STARTContent-Length:\r\n\r\nEVENT", "400", 0),
    ("too large a number", "STARTContent-Length: 99999999999999999999\r\n\r\nEVENT", "400", 0),
    ("longer than what comes", "STARTContent-Length: 90\r\n\r\nEVENT", "400", 0),
    ("none, and a body", "START\r\nEVENT\r\n\r\n", "400 400", 0),
    ("of a GET, with a request in it", "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 63\r\n\r\nPOST /hooks/lessonly HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", "200", 0),
];

#[rustfmt::skip]
const ENCODINGS: [Shape; 22] = [
    ("chunked", "STARTTransfer-Encoding: CHUNKED\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "200", 1),
    ("with a length before", "STARTContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\nNEXT", "400", 0),
    ("with a length after", "STARTTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\nNEXT", "400", 0),
    ("twice", "STARTTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "400", 0),
    ("and identity", "STARTTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "400", 0),
    ("chunked, chunked", "STARTTransfer-Encoding: chunked, chunked\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "400", 0),
    ("gzip, chunked", "STARTTransfer-Encoding: gzip, chunked\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "400", 0),
    ("identity alone", "STARTTransfer-Encoding: identity\r\nContent-Length: LEN\r\n\r\nEVENT", "400", 0),
    ("xchunked", "STARTTransfer-Encoding: xchunked\r\nContent-Length: LEN\r\n\r\nEVENT", "400", 0),
    ("in quotes", "STARTTransfer-Encoding: \"chunked\"\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "400", 0),
    ("a blank before the colon", "STARTTransfer-Encoding : chunked\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "400", 0),
    ("a tab before the colon", "STARTTransfer-Encoding\t: chunked\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "400", 0),
    ("a blank before the name", "START Transfer-Encoding: chunked\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "400", 0),
    ("a folded line", "STARTX: y\r\n Transfer-Encoding: chunked\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "400", 0),
    ("a folded value", "STARTTransfer-Encoding:\r\n chunked\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "400", 0),
    ("a vertical tab", "STARTTransfer-Encoding: chunked\x0b\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "400", 0),
    ("a NUL", "STARTTransfer-Encoding: \0chunked\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "400", 0),
    ("a CR within a line", "STARTX: a\rTransfer-Encoding: chunked\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "400", 0),
    ("an underscore: another name", "STARTTransfer_Encoding: chunked\r\nContent-Length: LEN\r\n\r\nEVENT", "200", 1),
    ("in HTTP/1.0", "POST /hooks/lessonly HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\nHEX\r\nEVENT\r\n0\r\n\r\n", "400", 0),
    ("no length, but to the end", "STARTUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: LEN\r\n\r\nEVENTNEXT", "400", 0),
    ("a tunnel", "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\nNEXT", "400", 0),
];

/// The body after `STARTTransfer-Encoding: chunked`.
#[rustfmt::skip]
const CHUNKS: [Shape; 22] = [
    ("whole, and a request after it", "HEX\r\nEVENT\r\n0\r\n\r\nNEXT", "200 200", 2),
    ("0x", "0xHEX\r\nEVENT\r\n0\r\n\r\nNEXT", "400", 0),
    ("minus", "-1\r\nEVENT\r\n0\r\n\r\nNEXT", "400", 0),
    ("plus", "+HEX\r\nEVENT\r\n0\r\n\r\nNEXT", "400", 0),
    ("all bits", "ffffffffffffffff\r\nEVENT\r\n0\r\n\r\nNEXT", "400", 0),
    ("more than all bits", "1000000000000000HEX\r\nEVENT\r\n0\r\n\r\nNEXT", "400", 0),
    ("zeros before", "0000000000000000000HEX\r\nEVENT\r\n0\r\n\r\nNEXT", "200 200", 2),
    ("no size", "\r\nEVENT\r\n0\r\n\r\nNEXT", "400", 0),
    ("a blank before", " HEX\r\nEVENT\r\n0\r\n\r\nNEXT", "400", 0),
    ("a blank after", "HEX \r\nEVENT\r\n0\r\n\r\nNEXT", "200 200", 2),
    ("an extension", "HEX;a=b\r\nEVENT\r\n0\r\n\r\nNEXT", "200 200", 2),
    ("LF in an extension", "HEX;a\nb\r\nEVENT\r\n0\r\n\r\nNEXT", "400", 0),
    ("no CRLF after", "HEX\r\nEVENT0\r\n\r\nNEXT", "400", 0),
    ("LF for CRLF", "HEX\nEVENT\n0\n\nNEXT", "400", 0),
    ("too short", "6\r\nEVENT\r\n0\r\n\r\nNEXT", "400", 0),
    ("too long", "fff\r\nEVENT\r\n0\r\n\r\nNEXT", "400", 0),
    ("a trailer", "HEX\r\nEVENT\r\n0\r\nX: y\r\n\r\nNEXT", "200 200", 2),
    ("a length in the trailer", "HEX\r\nEVENT\r\n0\r\nContent-Length: 9\r\n\r\nNEXT", "200 200", 2),
    ("LF in the trailer", "HEX\r\nEVENT\r\n0\r\nX: y\nContent-Length: 9\r\n\r\nNEXT", "200 200", 2),
    // What follows is read as a trailer up to its empty line: the request in it is none.
    ("no end", "HEX\r\nEVENT\r\n0\r\nNEXT", "200 400", 1),
    ("an end with LF", "HEX\r\nEVENT\r\n0\r\n\nNEXT", "200 400", 1),
    ("cut off", "HEX\r\nEVENT\r\n", "400", 0),
];

#[rustfmt::skip]
const HEADS: [Shape; 32] = [
    ("LF alone ends lines, as it may", "POST /hooks/lessonly HTTP/1.1\nHost: x\nContent-Length: LEN\n\nEVENT", "200", 1),
    ("CR alone does not", "POST /hooks/lessonly HTTP/1.1\rHost: x\rContent-Length: LEN\r\rEVENT", "400", 0),
    ("HTTP/0.9", "GET /\r\n", "400", 0),
    ("HTTP/1.0", "POST /hooks/lessonly HTTP/1.0\r\nContent-Length: LEN\r\n\r\nEVENT", "200", 1),
    ("HTTP/1.0 stays open when asked", "POST /hooks/lessonly HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: LEN\r\n\r\nEVENTNEXT", "200 200", 2),
    ("HTTP/1.0 without a length", "POST /hooks/lessonly HTTP/1.0\r\n\r\nEVENT", "400", 0),
    ("HTTP/1.2", "POST /hooks/lessonly HTTP/1.2\r\nHost: x\r\nContent-Length: LEN\r\n\r\nEVENT", "400", 0),
    ("HTTP/2.0", "POST /hooks/lessonly HTTP/2.0\r\nHost: x\r\nContent-Length: LEN\r\n\r\nEVENT", "400", 0),
    ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "400", 0),
    ("h2c is not taken up", "STARTUpgrade: h2c\r\nConnection: upgrade, http2-settings\r\nContent-Length: LEN\r\n\r\nEVENT", "200", 1),
    ("a hello of TLS", "\x16\x03\x01\x02\0\x01\0\x01\x7f\x03\x03", "400", 0),
    ("garbage", "\0\0\0\0", "400", 0),
    ("no Host", "POST /hooks/lessonly HTTP/1.1\r\nContent-Length: LEN\r\n\r\nEVENT", "400", 0),
    ("two Hosts", "STARTHost: y\r\nContent-Length: LEN\r\n\r\nEVENT", "400", 0),
    ("the URL whole", "POST http://other.test/hooks/lessonly HTTP/1.1\r\nHost: x\r\nContent-Length: LEN\r\n\r\nEVENT", "200", 1),
    ("no path", "POST * HTTP/1.1\r\nHost: x\r\nContent-Length: LEN\r\n\r\nEVENT", "404", 0),
    ("no slash", "POST hooks/lessonly HTTP/1.1\r\nHost: x\r\nContent-Length: LEN\r\n\r\nEVENT", "400", 0),
    ("a blank in the path", "POST /hooks/les sonly HTTP/1.1\r\nHost: x\r\nContent-Length: LEN\r\n\r\nEVENT", "400", 0),
    ("a NUL in the path", "POST /hooks/lessonly\0 HTTP/1.1\r\nHost: x\r\nContent-Length: LEN\r\n\r\nEVENT", "400", 0),
    ("a NUL in a header", "STARTX: a\0b\r\nContent-Length: LEN\r\n\r\nEVENT", "400", 0),
    ("a name with a blank", "STARTX Y: z\r\nContent-Length: LEN\r\n\r\nEVENT", "400", 0),
    ("no name", "START: z\r\nContent-Length: LEN\r\n\r\nEVENT", "400", 0),
    ("no colon", "STARTXY\r\nContent-Length: LEN\r\n\r\nEVENT", "400", 0),
    ("a method in lower case", "post /hooks/lessonly HTTP/1.1\r\nHost: x\r\nContent-Length: LEN\r\n\r\nEVENT", "405", 0),
    ("empty lines before", "\r\n\r\nSTARTContent-Length: LEN\r\n\r\nEVENT", "200", 1),
    ("a name twice", "STARTAuthorization: a\r\nAuthorization: b\r\nContent-Length: LEN\r\n\r\nEVENT", "200", 1),
    ("to continue", "STARTExpect: 100-continue\r\nContent-Length: LEN\r\n\r\nEVENT", "100 200", 1),
    ("to expect what nobody knows", "STARTExpect: 200-ok\r\nContent-Length: LEN\r\n\r\nEVENT", "200", 1),
    ("several at once", "NEXTNEXTNEXTNEXTNEXT", "200 200 200 200 200", 5),
    ("one good, one bad", "NEXTGARBAGE\r\n\r\n", "200 400", 1),
    ("one good, half of one", "NEXTPOST /hoo", "200", 1),
    ("nothing", "", "", 0),
];

struct Filled(u64);

impl Filled {
    fn event(&mut self) -> String {
        self.0 += 1;
        format!("{{\"n\":{}}}", self.0)
    }

    /// The request of a shape.
    fn fill(&mut self, shape: &str) -> String {
        let event = self.event();
        let mut text = shape.replace("EVENT", &event);
        while text.contains("NEXT") {
            let next = self.event();
            let next = format!("STARTContent-Length: {}\r\n\r\n{next}", next.len());
            text = text.replacen("NEXT", &next, 1);
        }
        let start = "POST /hooks/lessonly HTTP/1.1\r\nHost: x\r\n";
        text.replace("START", start)
            .replace("LEN", &event.len().to_string())
            .replace("HEX", &format!("{:x}", event.len()))
    }
}

/// Sends `request` and nothing more, and gives all that comes.
fn exchange(server: &Server, request: &str) -> String {
    let addr = server.url.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(addr).expect("a connection");
    let patience = Some(Duration::from_secs(15));
    stream.set_read_timeout(patience).expect("a timeout");
    // It may be refused before all of it was sent.
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
    let mut answers = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(bytes) => answers.extend_from_slice(&piece[..bytes]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}: not closed after {request:?}"),
        }
    }
    String::from_utf8(answers).expect("a text")
}

/// Each answer from its status on; one to HTTP/1.0 says that it is one.
fn each(answers: &str) -> impl Iterator<Item = &str> {
    answers.split("HTTP/1.").skip(1).map(|rest| &rest[2..])
}

fn statuses(answers: &str) -> String {
    let found: Vec<&str> = each(answers).map(|answer| &answer[..3]).collect();
    found.join(" ")
}

/// What every answer has, whoever gave it; one that something is stored is shown to nobody.
fn assert_dressed(name: &str, answers: &str) {
    for answer in each(answers).filter(|answer| !answer.starts_with("100")) {
        let all = [
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "\r\ndate: ",
            "x-frame-options: DENY",
            "cross-origin-resource-policy: same-origin",
            "frame-ancestors 'none'",
        ];
        let stored = answer.contains("{\"status\":\"");
        for header in &all[..if stored { 3 } else { all.len() }] {
            assert!(
                answer.contains(*header),
                "{name}: {header} is not in {answer}"
            );
        }
        assert!(!answer.contains("strict-transport-security"), "{answer}");
        let refused = answer.starts_with('4');
        assert_eq!(
            answer.contains("\r\ncontent-type: application/problem+json\r\n"),
            refused,
            "{answer}"
        );
    }
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

fn hold(shapes: &[Shape], before: &str) {
    let place = Place::new();
    let server = place.start();
    let events = || {
        place
            .read_all("journal", ".jsonl")
            .lines()
            .count()
            .saturating_sub(1)
    };
    let mut filled = Filled(0);
    let mut wrong = String::new();
    // A plain delivery at the beginning never comes to the HTTP server; behind anything else it does. Both say the same.
    for (first, answered) in [("", ""), (HEALTH, "200")] {
        for (name, shape, wanted, stored) in shapes {
            let request = filled.fill(&format!("{first}{before}{shape}"));
            let had = events();
            let answers = exchange(&server, &request);
            assert_dressed(name, &answers);
            let found = (statuses(&answers), events() - had);
            let all = format!("{answered} {wanted}");
            if found != (all.trim().to_owned(), *stored) {
                let _ = writeln!(
                    wrong,
                    "{name}: {found:?} and not {wanted:?}, {stored}\n  {request:?}"
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(server.post("{\"still\":\"there\"}").status, 200);
}

#[test]
fn lengths() {
    hold(&LENGTHS, "");
}

#[test]
fn encodings() {
    hold(&ENCODINGS, "");
}

#[test]
fn chunks() {
    hold(&CHUNKS, "STARTTransfer-Encoding: chunked\r\n\r\n");
}

#[test]
fn heads() {
    hold(&HEADS, "");
}

#[test]
fn large_heads_are_431() {
    let place = Place::new();
    let server = place.start();
    let post = |headers: &str| {
        let request = format!(
            "POST /hooks/lessonly HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 2\r\n\r\n{{}}"
        );
        let answers = exchange(&server, &request);
        assert_dressed("a large head", &answers);
        statuses(&answers)
    };
    assert_eq!(post(&"X: y\r\n".repeat(94)), "200");
    assert_eq!(post(&"X: y\r\n".repeat(95)), "431");
    assert_eq!(post(&"X: y\r\n".repeat(10_000)), "431");
    assert_eq!(post(&format!("X: {}\r\n", "y".repeat(100_000))), "200");
    assert_eq!(post(&format!("X: {}\r\n", "y".repeat(140_000))), "431");
    let path = |bytes: usize| {
        let path = "a".repeat(bytes);
        let request =
            format!("POST /hooks/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}");
        let answers = exchange(&server, &request);
        assert!(answers.len() < 2000, "{answers}");
        statuses(&answers)
    };
    assert_eq!(path(60_000), "404");
    assert_eq!(path(140_000), "431");
}

#[test]
fn forty_at_once_are_answered_in_order() {
    let place = Place::new();
    let server = place.start();
    let mut requests = String::new();
    for n in 0..40 {
        // Every fourth is refused: so the order shows.
        let body = if n % 4 == 3 {
            "[]".to_owned()
        } else {
            format!("{{\"n\":{n}}}")
        };
        let length = body.len();
        let _ = write!(
            requests,
            "POST /hooks/lessonly HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}"
        );
    }
    let answers = exchange(&server, &requests);
    assert_eq!(statuses(&answers), ["200 200 200 422"; 10].join(" "));
    let journal = place.read_all("journal", ".jsonl");
    let order: Vec<&str> = journal
        .lines()
        .skip(1)
        .filter_map(|l| l.split("\"n\":").nth(1))
        .collect();
    let order: Vec<u32> = order
        .iter()
        .filter_map(|rest| rest.split('}').next()?.parse().ok())
        .collect();
    let wanted: Vec<u32> = (0..40).filter(|n| n % 4 != 3).collect();
    assert_eq!(order, wanted);
}

#[test]
fn no_path_leads_outside() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":1}").status, 200);
    std::fs::write(place.output().join("state/secret.csv"), "hidden").expect("a file");
    let long = "a/".repeat(20_000);
    #[rustfmt::skip]
    let tricks = [
        "..", "../state/secret.csv", "../../state/secret.csv", "%2e%2e/state/secret.csv",
        "%2e%2e%2fstate%2fsecret.csv", "..%2fstate%2fsecret.csv", "..%5cstate%5csecret.csv", "..\\state\\secret.csv",
        ".%2e/state/secret.csv", "lessonly/../../state/secret.csv", "lessonly/..%2f..%2fstate%2fsecret.csv",
        "lessonly/%2e%2e/%2e%2e/state/secret.csv", "%252e%252e%252fstate%252fsecret.csv",
        "%c0%ae%c0%ae/state/secret.csv", "%c0%ae%c0%ae%c0%afstate%c0%afsecret.csv",
        "%e0%80%ae%e0%80%ae/state/secret.csv", "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd",
        "lessonly//today.csv", "/lessonly/today.csv", "./lessonly/today.csv", "lessonly/./today.csv",
        "lessonly/today.csv/", "lessonly/today.csv%00", "lessonly%00/today.csv", "lessonly/today.csv%00.csv",
        "lessonly/%00", "lessonly/today.csv%0d%0aX:%20y", "%ff%fe/today.csv", "lessonly/*", "lessonly/today.csv;x",
        "LESSONLY/today.csv", "lessonly/.csv", "~root/today.csv", "%", "%2", "%zz", "\u{7f}", long.as_str(),
    ];
    for trick in tricks {
        for (method, start) in [
            ("GET", "/exports/"),
            ("POST", "/hooks/"),
            ("GET", "/"),
            ("GET", "/api/exports/"),
        ] {
            let request = format!(
                "{method} {start}{trick} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 0\r\n\r\n",
                crate::server::TOKEN
            );
            let answers = exchange(&server, &request);
            let shown = &request[..request.len().min(80)];
            assert_dressed(shown, &answers);
            let status = statuses(&answers);
            assert!(
                status.len() == 3 && status.starts_with('4'),
                "{shown}: {answers}"
            );
            assert!(
                !answers.contains("hidden") && !answers.contains("root:"),
                "{shown}: {answers}"
            );
            assert!(answers.len() < 3000, "{shown}: {} bytes", answers.len());
        }
    }
    // Another way to write the same name is the same name.
    let body = "POST /hooks/less%6fnly HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n{\"b\": 1}";
    assert_eq!(statuses(&exchange(&server, body)), "200");
}
