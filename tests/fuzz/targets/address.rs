//! What people type behind `/exports/`. What is accepted has one way to be
//! written, which is read as the same; everything else says why.
//!
//! Input: a path, and after a `?` a query.

use rowhook::event::{Day, SourceName, Timestamp};
use rowhook::read::{Ask, AskError};

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (path, query) = text.split_once('?').unwrap_or((&text, ""));
    check_words(path);
    match Ask::parse(path, &pairs(query), &["token", "link"]) {
        Ok(ask) => check_accepted(path, &ask),
        Err(why) => check_refused(&why),
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn decoded(raw: &str) -> String {
    let spaced = raw.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy();
    decoded.into_owned()
}

fn check_accepted(path: &str, ask: &Ask) {
    // Whatever is accepted can be a path on disk and in a URL.
    assert!(
        path.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
    );
    assert!(!path.contains(".."));
    assert_eq!(
        SourceName::new(ask.source.as_str()).as_ref(),
        Ok(&ask.source)
    );
    let url = ask.url();
    assert!(url.is_ascii() && !url.contains(' '), "{url}");
    let own = url
        .strip_prefix("/exports/")
        .expect("the folder of exports");
    let (again, query) = own.split_once('?').unwrap_or((own, ""));
    assert_eq!(again, path, "two spellings of one path");
    assert_eq!(
        Ask::parse(again, &pairs(query), &[]).as_ref(),
        Ok(ask),
        "{url}"
    );
    for today in ["2026-11-23", "0000-01-01", "9999-12-31"] {
        let today: Day = today.parse().expect("a day");
        for latest in [None, Some(today.plus(-3))] {
            match ask.days(today, latest) {
                Ok((from, to)) => assert!(from <= to),
                Err(why) => check_refused(&why),
            }
        }
    }
}

fn check_refused(why: &AskError) {
    assert!(!why.to_string().is_empty());
    if let AskError::Backwards { from, to } = why {
        assert!(from > to);
    }
}

/// Days, moments and names that are read are written as they were.
fn check_words(path: &str) {
    for word in path.split('/') {
        let word = word.strip_suffix(".csv").unwrap_or(word);
        if let Ok(day) = word.parse::<Day>() {
            assert_eq!(day.to_string(), word);
        }
        if let Ok(moment) = Timestamp::parse(word.as_bytes()) {
            assert_eq!(moment.to_string(), word);
        }
        if let Ok(name) = SourceName::new(word) {
            assert_eq!(name.as_str(), word);
        }
    }
}
