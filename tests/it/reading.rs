//! Downloads: who may, conditions, ranges, what is not there.

use crate::receiving::{is_problem, problem};
use crate::server::{Headers, Place, TOKEN};
use base64::Engine as _;

const TODAY: &str = "/exports/lessonly/today.csv";

fn basic(text: &str) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    format!("Basic {encoded}")
}

#[test]
fn reading_needs_the_token() {
    let place = Place::new();
    // From one address so many wrong tokens would be slow.
    let server = place.start_with("trusted_proxies = [\"127.0.0.1\"]");
    let clients = std::cell::Cell::new(0);
    let wanted = problem(
        401,
        "read-token",
        "Reading needs the read token",
        "the read token is missing or is another one",
        r#","help":"send it as Authorization: Bearer TOKEN, or as the password of any user name""#,
    );
    let refused = |path: &str, headers: Headers| {
        clients.set(clients.get() + 1);
        let client = format!("198.51.100.{}", clients.get());
        let client = ("x-forwarded-for", client.as_str());
        let answer = server.get_with(path, &[headers, &[client]].concat());
        is_problem(&answer, &wanted);
        let challenge = r#"Basic realm="rowhook", charset="UTF-8""#;
        assert_eq!(
            answer.header("www-authenticate"),
            Some(challenge),
            "{path} {headers:?}"
        );
    };
    let bearer = format!("Bearer {TOKEN}");
    let right = ("authorization", bearer.as_str());
    for path in [
        "/",
        "/api/exports",
        TODAY,
        "/exports/nobody/today.csv",
        "/exports/nonsense",
    ] {
        refused(path, &[]);
        refused(&format!("{path}?token=another"), &[]);
        refused(&format!("{path}?token="), &[]);
        refused(path, &[right, right]);
        for value in [
            "Bearer",
            "Bearer another",
            "Basic !",
            &basic(TOKEN),
            &basic("test-token:x"),
            "Digest x",
            TOKEN,
        ] {
            refused(path, &[("authorization", value)]);
        }
    }
    refused(&format!("/api/exports?token={TOKEN}"), &[]);
    for path in ["/", "/api/exports", TODAY] {
        for value in [
            &bearer,
            &format!("bearer {TOKEN}"),
            &basic(&format!(":{TOKEN}")),
            &basic(&format!("any one:{TOKEN}")),
        ] {
            let answer = server.get_with(path, &[("authorization", value)]);
            assert_eq!(answer.status, 200, "{path} {value}");
        }
    }
    for path in ["/", TODAY, "/exports/lessonly.csv?from=today&to=today"] {
        let and = if path.contains('?') { '&' } else { '?' };
        let answer = server.get_with(&format!("{path}{and}token=test%2Dtoken"), &[]);
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[test]
fn a_download_has_all_its_headers_and_head_has_the_same() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":1}").status, 200);
    let day = server.get("/api/exports").json()[0]["date"].clone();
    let day = day.as_str().expect("a day");
    let name = format!("attachment; filename=\"lessonly-{day}.csv\"");
    for path in [
        TODAY,
        "/exports/lessonly/latest.csv",
        &format!("/exports/lessonly/{day}.csv"),
        &format!("/exports/lessonly/{day}.1.csv"),
    ] {
        let get = server.get(path);
        assert_eq!(
            (get.status, get.text()),
            (200, place.csv().as_str()),
            "{path}"
        );
        let head = server.head_with(path, &[]);
        assert_eq!((head.status, head.body.len()), (200, 0));
        let length = get.body.len().to_string();
        for (header, wanted) in [
            ("content-type", Some("text/csv; charset=utf-8")),
            ("content-disposition", Some(name.as_str())),
            ("content-length", Some(length.as_str())),
            ("accept-ranges", Some("bytes")),
            ("cache-control", Some("private, no-cache")),
            ("referrer-policy", Some("no-referrer")),
            ("x-content-type-options", Some("nosniff")),
            ("etag", get.header("etag")),
        ] {
            assert_eq!(
                (get.header(header), head.header(header)),
                (wanted, wanted),
                "{path} {header}"
            );
        }
        let tag = get.header("etag").expect("an ETag");
        assert!(
            tag.len() == 34 && tag.starts_with('"') && tag.ends_with('"'),
            "{tag}"
        );
        assert!(
            get.header("last-modified")
                .expect("a date")
                .ends_with(" GMT")
        );
    }
    for path in [
        "/",
        "/api/exports",
        "/healthz",
        "/readyz",
        "/exports/lessonly/2020-01-01.csv",
        "/nothing",
    ] {
        let (get, head) = (server.get(path), server.head_with(path, &[]));
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        for header in ["content-length", "content-type", "cache-control"] {
            assert_eq!(head.header(header), get.header(header), "{path} {header}");
        }
    }
}

#[test]
fn what_is_not_there_says_so() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":1}").status, 200);
    let no_such = "no such export; use /exports/SOURCE/DATE.FORMAT, where DATE is YYYY-MM-DD, today, yesterday or \
                   latest, or /exports/SOURCE.FORMAT?from=DATE&to=DATE; FORMAT is csv, csv.gz, xlsx or jsonl";
    let export = || {
        problem(
            404,
            "no-such-export",
            "There is no such export",
            no_such,
            "",
        )
    };
    let table = |detail: &str| problem(404, "no-table", "There is no such table", detail, "");
    let parameter =
        |detail: &str| problem(400, "parameter", "A parameter cannot be used", detail, "");
    let day = |name: &str, what: &str| {
        parameter(&format!(
            "`{name}` {what}; use YYYY-MM-DD, today, yesterday, or -30d for 30 days ago"
        ))
    };
    let source = problem(
        404,
        "no-such-source",
        "There is no such source",
        r#"no source is called \"orders\""#,
        r#","help":"`rowhook check` lists the sources and their callback URLs""#,
    );
    for (path, wanted) in [
        ("", export()),
        ("lessonly", export()),
        ("lessonly/tomorrow.csv", export()),
        ("lessonly/2026-02-30.csv", export()),
        ("lessonly/2020-01-01.0.csv", export()),
        ("../state/token", export()),
        ("..%2Fstate%2Ftoken.csv", export()),
        ("lessonly/today.ods", export()),
        ("orders/today.csv", source.clone()),
        ("orders.csv?from=today&to=today", source),
        (
            "lessonly/2020-01-01.csv",
            table("there is no table of lessonly for 2020-01-01"),
        ),
        (
            "lessonly/2020-01-01.2.csv",
            table("there is no table of lessonly for 2020-01-01, part 2"),
        ),
        (
            "lessonly/today.csv?profil=excel",
            parameter(
                r#"unknown parameter `profil` (did you mean \"profile\"?); allowed are profile, delimiter, decimal, columns, view, tz"#,
            ),
        ),
        (
            "lessonly.csv?from=today&to=today&x",
            parameter(
                "unknown parameter `x`; allowed are from, to, profile, delimiter, decimal, columns, view, tz",
            ),
        ),
        ("lessonly.csv", day("from", "is missing")),
        ("lessonly.csv?from=today", day("to", "is missing")),
        (
            "lessonly.csv?from=latest&to=today",
            day("from", r#"cannot be \"latest\""#),
        ),
        (
            "lessonly.csv?from=today&from=today&to=today",
            parameter("`from` is given twice; give it once"),
        ),
        (
            "lessonly.csv?from=2020-01-02&to=2020-01-01",
            parameter("`from` is 2020-01-02, which is after `to`, 2020-01-01; exchange the two"),
        ),
    ] {
        let answer = server.get(&format!("/exports/{path}"));
        assert_eq!(answer.text(), wanted, "{path}");
        is_problem(&answer, &wanted);
    }
}
