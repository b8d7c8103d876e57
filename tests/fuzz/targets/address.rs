//! What people type behind `/exports/`. An address that is accepted reads the
//! same once it is written out in full.
//!
//! Input: a path, and after a `?` a query.

use rowhook::event::{Day, SourceName, Timestamp};
use rowhook::read::{Address, AddressError, DayName};

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (path, query) = text.split_once('?').unwrap_or((&text, ""));
    let query: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    check_words(path);
    for today in ["2026-11-23", "0000-01-01", "9999-12-31"] {
        let today: Day = today.parse().expect("a day");
        match Address::parse(path, &query, today) {
            Ok(address) => check_accepted(path, &query, &address, today),
            Err(why) => check_refused(&why),
        }
    }
}

fn decoded(raw: &str) -> String {
    let spaced = raw.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy();
    decoded.into_owned()
}

fn check_accepted(path: &str, query: &[(String, String)], address: &Address, today: Day) {
    let tokens = query.iter().filter(|(name, _)| name != "token");
    let parameters = tokens.count();
    // Whatever is accepted can be a path on disk and in a URL.
    assert!(
        path.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
    );
    assert!(!path.contains(".."));
    let source = address.source();
    assert_eq!(SourceName::new(source.as_str()).as_ref(), Ok(source));
    let (again, query) = match address {
        Address::Day(source, name) => {
            assert_eq!(parameters, 0);
            let name = match name {
                DayName::Day(day) => day.to_string(),
                DayName::Today => "today".into(),
                DayName::Yesterday => "yesterday".into(),
                DayName::Latest => "latest".into(),
            };
            (format!("{source}/{name}.csv"), Vec::new())
        }
        Address::Part(source, day, part) => {
            assert!(parameters == 0 && *part > 0);
            (format!("{source}/{day}.{part}.csv"), Vec::new())
        }
        Address::Range(source, days) => {
            assert!(parameters == 2 && days.start() <= days.end());
            let query = vec![
                ("to".to_owned(), days.end().to_string()),
                ("from".to_owned(), days.start().to_string()),
            ];
            (format!("{source}.csv"), query)
        }
    };
    assert_eq!(
        Address::parse(&again, &query, today).as_ref(),
        Ok(address),
        "{again}"
    );
    if !matches!(address, Address::Range(..)) {
        assert_eq!(again, path, "two spellings of one address");
    }
}

fn check_refused(why: &AddressError) {
    assert!(!why.to_string().is_empty());
    if let AddressError::Backwards { from, to } = why {
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
