//! What can be asked, what is said of the rest, and that the same is always
//! written the same.

use super::*;

fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let decoded = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let split = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    };
    pairs.map(split).collect()
}

fn parse(url: &str) -> Result<Ask, String> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    Ask::parse(path, &pairs(query), &["token"]).map_err(|e| e.to_string())
}

#[track_caller]
fn same(url: &str, canonical: &str) {
    let ask = parse(url).unwrap();
    assert_eq!(ask.url(), format!("/exports/{canonical}"));
    assert_eq!(parse(&ask.url()["/exports/".len()..]), Ok(ask));
}

#[track_caller]
fn refused(url: &str, why: &str) {
    assert_eq!(parse(url).unwrap_err(), why);
}

#[test]
fn every_way_to_ask_has_one_way_to_be_written() {
    for url in [
        "lessonly/2026-11-22.csv",
        "lessonly/today.csv",
        "lessonly/yesterday.csv.gz",
        "lessonly/latest.xlsx",
        "lessonly/today.jsonl",
        "lessonly/2026-11-22.2.csv",
        "lessonly.csv?from=2026-11-01&to=today",
        "lessonly.xlsx?from=-30d&to=yesterday",
        "lessonly/today.csv?columns=user.name,Department",
        "lessonly/today.jsonl?view=latest",
        "lessonly/today.xlsx?tz=Europe/Berlin",
    ] {
        same(url, url);
    }
    same("a.csv?to=today&from=-07d", "a.csv?from=-7d&to=today");
    same("a/today.csv?token=x&profile=plain", "a/today.csv");
    same(
        "a/today.csv?profile=excel",
        "a/today.csv?profile=excel&delimiter=comma&decimal=point",
    );
    same(
        "a/today.csv?tz=Asia/Tokyo&decimal=comma&profile=excel",
        "a/today.csv?profile=excel&delimiter=semicolon&decimal=comma&tz=Asia/Tokyo",
    );
    same(
        "a/today.csv?columns=%22b,%22%22c%22,d%20%26",
        "a/today.csv?columns=%22b,%22%22c%22,d%20%26",
    );
}

#[test]
fn names_of_columns_may_hold_anything() {
    let ask = parse("a/today.csv?columns=%22b,%22%22c%22,d&view=v").unwrap();
    assert_eq!(ask.columns, ["b,\"c", "d"]);
    assert_eq!(ask.view.as_deref(), Some("v"));
    assert!(!ask.is_plain() && parse("a/today.csv.gz").unwrap().is_plain());
}

#[test]
fn what_is_none_says_why() {
    for path in [
        "",
        ".csv",
        "x",
        "X/today.csv",
        "lessonly/2026-13-01.csv",
        "lessonly/2026-11-22.0.csv",
        "lessonly/2026-11-22.1.xlsx",
        "a/b/today.csv",
        "lessonly/today.02.csv",
        "lessonly/today.txt",
        "lessonly/today.csv.xlsx.gz",
    ] {
        let why = parse(path).unwrap_err();
        assert!(
            why.starts_with("no such export; use /exports/SOURCE/DATE"),
            "{path}: {why}"
        );
    }
    refused(
        "a/today.csv?colums=b",
        "unknown parameter `colums` (did you mean \"columns\"?); allowed are profile, delimiter, decimal, columns, view, tz",
    );
    refused(
        "a.csv?from=today&to=today&x=1",
        "unknown parameter `x`; allowed are from, to, profile, delimiter, decimal, columns, view, tz",
    );
    refused(
        "a/2026-11-22.1.csv?columns=b",
        "a part alone is given as it is on disk, without `columns`; ask for the whole day",
    );
    refused(
        "a/today.csv?view=x&view=y",
        "`view` is given twice; give it once",
    );
    refused(
        "a.csv?from=today",
        "`to` is missing; use YYYY-MM-DD, today, yesterday, or -30d for 30 days ago",
    );
    refused(
        "a.csv?from=-d&to=today",
        "`from` cannot be \"-d\"; use YYYY-MM-DD, today, yesterday, or -30d for 30 days ago",
    );
    refused(
        "a/today.csv?profile=Excel",
        "`profile` cannot be \"Excel\"; allowed are plain, excel",
    );
    refused(
        "a/today.csv?profile=excel&delimiter=;",
        "`delimiter` cannot be \";\"; allowed are comma, semicolon, tab",
    );
    refused(
        "a/today.csv?profile=excel&decimal=,",
        "`decimal` cannot be \",\"; allowed are point, comma",
    );
    refused(
        "a/today.csv?delimiter=tab",
        "`delimiter` needs profile=excel",
    );
    refused(
        "a/today.xlsx?profile=excel",
        "`profile` needs CSV; leave it out",
    );
    refused(
        "a/today.csv?tz=UTC",
        "`tz` needs profile=excel or XLSX: all other dates are as they were sent",
    );
    refused(
        "a/today.xlsx?tz=Berlin",
        "`tz` cannot be \"Berlin\"; use an IANA name such as UTC, Europe/Berlin or America/New_York",
    );
    for list in ["", "a,,b", "a,a", "%22", "a%0ab"] {
        let why = parse(&format!("a/today.csv?columns={list}")).unwrap_err();
        assert!(
            why.starts_with("`columns` is no list of names"),
            "{list}: {why}"
        );
    }
    refused(
        "a/today.csv?view=",
        "`view` is empty; leave it out for all rows",
    );
    let ask = parse("a.csv?from=today&to=-1d").unwrap();
    let today = "2026-11-23".parse().unwrap();
    assert_eq!(
        ask.days(today, None).unwrap_err().to_string(),
        "`from` is 2026-11-23, which is after `to`, 2026-11-22; exchange the two"
    );
}

#[test]
fn days_are_those_of_the_moment() {
    let day = |text: &str| text.parse::<Day>().unwrap();
    let (today, latest) = (day("2026-11-23"), Some(day("2026-11-20")));
    for (url, from, to) in [
        ("a/2026-11-22.csv", "2026-11-22", "2026-11-22"),
        ("a/today.csv", "2026-11-23", "2026-11-23"),
        ("a/yesterday.csv", "2026-11-22", "2026-11-22"),
        ("a/latest.csv", "2026-11-20", "2026-11-20"),
        ("a.csv?from=-30d&to=yesterday", "2026-10-24", "2026-11-22"),
    ] {
        let ask = parse(url).unwrap();
        assert_eq!(ask.days(today, latest), Ok((day(from), day(to))), "{url}");
        assert_eq!(ask.span.is_fixed(), url == "a/2026-11-22.csv", "{url}");
    }
}
