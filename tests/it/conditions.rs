//! Conditions and ranges of downloads (RFC 9110, 13 and 14).

use crate::commands::wait_closed;
use crate::days::three_days;
use crate::receiving::{is_problem, problem};
use crate::server::{Answer, Headers, Place, Server, TOKEN};
use std::time::Duration;

const TODAY: &str = "/exports/lessonly/today.csv";

fn etag(answer: &Answer) -> String {
    answer.header("etag").expect("an ETag").to_owned()
}

/// A GET of today's table with the token and `headers`.
fn today(server: &Server, headers: Headers) -> Answer {
    let token = format!("Bearer {TOKEN}");
    let all = [&[("authorization", token.as_str())], headers].concat();
    server.get_with(TODAY, &all)
}

#[test]
fn the_tag_tells_versions_apart() {
    let place = Place::new();
    let server = place.start();
    let tag = || etag(&today(&server, &[]));
    let mut tags = vec![tag()];
    for (event, new) in [
        ("{\"a\":1}", true),
        ("{\"a\":1}", false),
        ("{\"a\":2}", true),
        ("{\"b\":2}", true),
        ("{\"b\":null}", true),
    ] {
        assert_eq!(server.post(event).status, 200);
        let now = tag();
        assert_eq!(!tags.contains(&now), new, "{event}");
        assert_eq!(now, tag());
        tags.push(now);
    }
    let range = etag(&server.get("/exports/lessonly.csv?from=today&to=today"));
    assert!(!tags.contains(&range), "another file name");
}

#[test]
fn if_none_match() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":1}").status, 200);
    let tag = etag(&today(&server, &[]));
    for (value, status) in [
        (tag.clone(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"x\", W/\"y\" ,{tag}"), 304),
        ("*".into(), 304),
        ("\"x\"".into(), 200),
        (tag.trim_matches('"').into(), 200),
    ] {
        let answer = today(&server, &[("if-none-match", &value)]);
        assert_eq!(
            (answer.status, answer.body.is_empty()),
            (status, status == 304),
            "{value}"
        );
        assert_eq!(etag(&answer), tag);
    }
    // It decides alone where a date is given too, and before a range.
    let late = ("if-modified-since", "Fri, 31 Dec 2100 23:59:59 GMT");
    let range = ("range", "bytes=0-1");
    assert_eq!(
        today(&server, &[("if-none-match", "\"x\""), late]).status,
        200
    );
    assert_eq!(
        today(&server, &[("if-none-match", &tag), range]).status,
        304
    );
    assert_eq!(
        server.head_with(TODAY, &[("if-none-match", &tag)]).status,
        304
    );
    let two_lines = [("if-none-match", "\"x\""), ("if-none-match", &tag)];
    assert_eq!(today(&server, &two_lines).status, 304);
    assert_eq!(server.post("{\"a\":2}").status, 200);
    assert_eq!(today(&server, &[("if-none-match", &tag)]).status, 200);
}

#[test]
fn if_modified_since() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":1}").status, 200);
    let at_once = today(&server, &[]);
    let date = at_once.header("last-modified").expect("a date");
    assert_eq!(server.post("{\"a\":2}").status, 200);
    let answer = today(&server, &[("if-modified-since", date)]);
    assert_eq!(answer.status, 200, "within a second a date proves nothing");
    std::thread::sleep(Duration::from_millis(2100));
    let later = today(&server, &[]);
    let date = later.header("last-modified").expect("a date");
    assert_eq!(today(&server, &[("if-modified-since", date)]).status, 304);
    assert_eq!(
        today(&server, &[("if-modified-since", "nonsense")]).status,
        200
    );
    let early = "Thu, 01 Jan 2026 00:00:00 GMT";
    assert_eq!(today(&server, &[("if-modified-since", early)]).status, 200);
    let part = [("range", "bytes=0-4"), ("if-range", date)];
    assert_eq!(today(&server, &part).status, 206);
    assert_eq!(server.post("{\"a\":3}").status, 200);
    assert_eq!(today(&server, &[("if-modified-since", date)]).status, 200);
    assert_eq!(today(&server, &part).status, 200);
}

/// Tomorrow these are other days, whose files may be as old; and a header alone is made by the configuration.
#[test]
fn what_means_other_days_tomorrow_is_not_known_by_its_date() {
    let (_place, server) = three_days();
    wait_closed(&server, 3);
    std::thread::sleep(Duration::from_millis(2100));
    let token = format!("Bearer {TOKEN}");
    for (asked, is_dated) in [
        ("orders/2020-01-04.csv", true),
        ("orders.csv?from=2020-01-01&to=2020-01-04", true),
        ("orders/today.csv", true),
        ("orders/latest.csv", false),
        ("orders/yesterday.csv", false),
        ("orders.csv?from=-99999d&to=today", false),
        ("orders.csv?from=2020-01-01&to=yesterday", false),
        ("orders.csv?from=2020-01-03&to=2020-01-03", false),
        ("quiet/today.csv", false),
    ] {
        let path = format!("/exports/{asked}");
        let first = server.get(&path);
        let date = first.header("last-modified").expect("a date");
        let get = |headers: Headers| {
            let all = [&[("authorization", token.as_str())], headers].concat();
            server.get_with(&path, &all).status
        };
        let by_date = get(&[("if-modified-since", date)]);
        assert_eq!(by_date, if is_dated { 304 } else { 200 }, "{asked}");
        let part = get(&[("range", "bytes=0-4"), ("if-range", date)]);
        assert_eq!(part, if is_dated { 206 } else { 200 }, "{asked}");
        // The tag tells all of them.
        let tag = etag(&first);
        assert_eq!(get(&[("if-none-match", &tag)]), 304, "{asked}");
        let part = get(&[("range", "bytes=0-4"), ("if-range", &tag)]);
        assert_eq!(part, 206, "{asked}");
    }
}

#[test]
fn ranges_of_bytes() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":1}").status, 200);
    let whole = today(&server, &[]);
    let (bytes, tag) = (whole.body.len(), etag(&whole));
    let last = bytes - 1;
    for (range, from, to) in [
        ("bytes=0-9".to_owned(), 0, 9),
        ("bytes=10-19".to_owned(), 10, 19),
        ("bytes=0-0".to_owned(), 0, 0),
        (format!("bytes={last}-"), last, last),
        ("bytes=5-".to_owned(), 5, last),
        ("bytes=-7".to_owned(), bytes - 7, last),
        ("bytes=-99999".to_owned(), 0, last),
        ("bytes=3-99999".to_owned(), 3, last),
    ] {
        for headers in [
            &[("range", range.as_str())][..],
            &[("range", &range), ("if-range", &tag)],
        ] {
            let answer = today(&server, headers);
            assert_eq!(
                (answer.status, &answer.body[..]),
                (206, &whole.body[from..=to]),
                "{range}"
            );
            let shown = format!("bytes {from}-{to}/{bytes}");
            assert_eq!(answer.header("content-range"), Some(shown.as_str()));
            assert_eq!(etag(&answer), tag);
        }
        for wrong in [
            "\"x\"",
            &format!("W/{tag}"),
            "Thu, 01 Jan 2026 00:00:00 GMT",
            "x",
        ] {
            let answer = today(&server, &[("range", &range), ("if-range", wrong)]);
            assert_eq!(
                (answer.status, answer.body.len()),
                (200, bytes),
                "{range} {wrong}"
            );
        }
    }
    for range in [
        "bytes=0-1,3-4",
        "bytes=9-3",
        "bytes=x",
        "bytes=",
        "bytes=-",
        "lines=0-1",
        "bytes=0-x",
        "bytes=+0-5",
        "bytes=0 - 5",
        "0-1",
    ] {
        let answer = today(&server, &[("range", range)]);
        assert_eq!((answer.status, answer.body.len()), (200, bytes), "{range}");
        assert_eq!(answer.header("content-range"), None);
    }
    for range in [
        format!("bytes={bytes}-"),
        format!("bytes={bytes}-{bytes}"),
        "bytes=99999-".into(),
        "bytes=-0".into(),
    ] {
        let answer = today(&server, &[("range", &range)]);
        let detail = format!("the file has {bytes} bytes");
        is_problem(
            &answer,
            &problem(
                416,
                "range",
                "The range lies outside of the file",
                &detail,
                "",
            ),
        );
        let shown = format!("bytes */{bytes}");
        assert_eq!(
            answer.header("content-range"),
            Some(shown.as_str()),
            "{range}"
        );
    }
}

#[test]
fn a_range_is_for_get_alone() {
    let place = Place::new();
    let server = place.start();
    let bytes = today(&server, &[]).body.len().to_string();
    let head = server.head_with(TODAY, &[("range", "bytes=0-1")]);
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some(bytes.as_str()))
    );
}
