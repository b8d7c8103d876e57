//! Inputs of the right shape, made up: what turning bits would take long to find.

use fastrand::Rng;

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from[rng.usize(..from.len())]
}

/// A few bodies, objects and arrays of objects.
pub fn body(rng: &mut Rng) -> Vec<u8> {
    let mut out = vec![rng.u8(..)];
    for nth in 0..rng.usize(1..5) {
        if nth > 0 {
            out.push(0);
        }
        let mut text = String::new();
        if rng.u8(..8) == 0 {
            let elements = rng.usize(..4);
            list(rng, &mut text, "[", "]", elements, |rng, text| {
                object(rng, text, 4);
            });
        } else {
            object(rng, &mut text, 5);
        }
        out.extend_from_slice(text.as_bytes());
    }
    out
}

fn list(
    rng: &mut Rng,
    out: &mut String,
    open: &str,
    close: &str,
    count: usize,
    mut one: impl FnMut(&mut Rng, &mut String),
) {
    let blank = |rng: &mut Rng| if rng.u8(..12) == 0 { " \n" } else { "" };
    out.push_str(open);
    for nth in 0..count {
        if nth > 0 {
            out.push(',');
        }
        out.push_str(blank(rng));
        one(rng, out);
        out.push_str(blank(rng));
    }
    out.push_str(close);
}

fn object(rng: &mut Rng, out: &mut String, depth: usize) {
    const KEYS: [&str; 24] = [
        "a",
        "b",
        "a.b",
        "user",
        "custom_fields",
        "lesson",
        "id",
        "name",
        "title",
        "score",
        "email",
        "",
        "more",
        "event_id",
        "received_at",
        "=1+1",
        "a\\u0062",
        "user.id",
        "\\ud800",
        "a (2)",
        "\\n",
        "ü",
        "user.custom_fields.a",
        "'=1+1",
    ];
    let members = rng.usize(..6);
    list(rng, out, "{", "}", members, |rng, out| {
        out.push('"');
        out.push_str(pick(rng, &KEYS));
        out.push_str("\":");
        value(rng, out, depth);
    });
}

fn value(rng: &mut Rng, out: &mut String, depth: usize) {
    const PLAIN: [&str; 28] = [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-0.0",
        "100.0",
        "1e400",
        "-1E-5",
        "12345678901234567890123",
        "\"\"",
        "\"x\"",
        "\"=1+1\"",
        "\"-5\"",
        "\"a,b\"",
        "\"a;=b\"",
        "\"\\t=x\"",
        "\"\\\"\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud800x\"",
        "\"\\u0000\"",
        "\"\\n@x\"",
        "\"＝1\"",
        "\"\\uff1d1\"",
        "\" \"",
        "\"'\"",
        "[]",
        "{}",
    ];
    match rng.u8(..8) {
        0 | 1 if depth > 0 => object(rng, out, depth - 1),
        2 if depth > 0 => {
            let elements = rng.usize(..4);
            list(rng, out, "[", "]", elements, |rng, out| {
                value(rng, out, depth - 1);
            });
        }
        _ => out.push_str(pick(rng, &PLAIN)),
    }
}

/// Options and a few steps; now and then a segment of its own.
pub fn journal(rng: &mut Rng) -> Vec<u8> {
    let mut out = vec![rng.u8(..) & 0x7F];
    // Several changes at a time mostly end in a refusal, which says little.
    for _ in 0..[1, 1, 1, 2, 2, 3, 5][rng.usize(..7)] {
        out.extend((0..6).map(|_| rng.u8(..)));
        let text = rng.usize(..20);
        if rng.bool() {
            out.extend((0..text).map(|_| rng.u8(..)));
        }
    }
    out
}

/// A file of known keys, mostly with values of their type, and perhaps a secret where none should be.
pub fn config(rng: &mut Rng) -> Vec<u8> {
    const LINES: [&str; 40] = [
        "listen = \"127.0.0.1:8080\"",
        "listen = \"0.0.0.0:80\"",
        "listen = \"[::1]:0\"",
        "listen = 8080",
        "output = \"out\"",
        "timezone = \"Europe/Berlin\"",
        "timezone = \"Berlin\"",
        "public_url = \"https://hooks.example.com/\"",
        "public_url = \"https://me:x@example.com\"",
        "[access]",
        "token_env = \"READ_TOKEN\"",
        "token_env = \"EMPTY\"",
        "token_file = \"secret\"",
        "token_file = \"bad\"",
        "token_file = \"none\\u001b\\n\"",
        "[limits]",
        "body_bytes_max = 1_000",
        "waiting_bytes_max = 999",
        "depth_max = 0x20",
        "depth_max = 1e3",
        "columns_max = 15",
        "columns_max = 99999999999999999999",
        "[dedup]",
        "days = 7",
        "ids_max = 0b1",
        "[csv]",
        "bom = true",
        "formula_guard = \"no\"",
        "[sources.orders]",
        "[sources.\"Ä\\n\"]",
        "[sources.lessonly]",
        "preset = \"lessonly\"",
        "preset = \"lesonly\"",
        "auth = { scheme = \"none\" }",
        "auth = { scheme = \"authorization\", value_env = \"NAME\" }",
        "auth = { scheme = \"authorization\", value_file = \"secret\" }",
        "dedup = \"id\"",
        "id = \"/order/id\"",
        "id = \"X-Request-Id\"",
        "requests_per_second_max = 5",
    ];
    let mut out = vec![rng.u8(..), rng.u8(..), rng.u8(..)];
    for _ in 0..rng.usize(..8) {
        out.extend_from_slice(pick(rng, &LINES).as_bytes());
        let end = pick(rng, &["\n", "\n", "\n", "\r\n", " # x\n", "  ", ""]);
        out.extend_from_slice(end.as_bytes());
    }
    out
}

/// Options, then a form or JSON, packed or not.
pub fn encoding(rng: &mut Rng) -> Vec<u8> {
    const PARTS: [&str; 22] = [
        "a",
        "=",
        "&",
        "payload",
        "%7B%22a%22%3A1%7D",
        "[{}]",
        "+",
        "%",
        "%F",
        "%ff",
        "%C3%A4",
        "%00",
        "{",
        "}",
        "\"",
        "\\",
        "%22",
        "%5B",
        "%0A",
        "%EF%BB%BF",
        "ü",
        "x",
    ];
    let mut out = vec![rng.u8(..), rng.u8(..), rng.u8(..2), rng.u8(..)];
    if out[0] & 2 != 0 {
        let undamaged = rng.bool();
        out.extend((0..6).map(|_| if undamaged { 0 } else { rng.u8(..) }));
    }
    if rng.bool() {
        out.extend_from_slice(&body(rng)[1..]);
    } else {
        if rng.u8(..3) == 0 {
            out.extend_from_slice(b"payload=");
        }
        for _ in 0..rng.usize(..12) {
            out.extend_from_slice(pick(rng, &PARTS).as_bytes());
        }
    }
    out
}

/// A path of known parts with a query.
pub fn address(rng: &mut Rng) -> Vec<u8> {
    const PARTS: [&str; 30] = [
        "lessonly",
        "orders",
        "a",
        "/",
        "/",
        ".csv",
        ".csv",
        ".csv",
        ".2",
        ".02",
        ".0",
        "today",
        "yesterday",
        "latest",
        "2026-11-23",
        "2026-02-30",
        "9999-12-31",
        "0000-01-01",
        ".xlsx",
        ".csv.gz",
        ".jsonl",
        "..",
        "%2e",
        "4294967295",
        "4294967296",
        "é",
        ".",
        "-",
        "_",
        "\0",
    ];
    const QUERY: [&str; 18] = [
        "from=",
        "to=",
        "token=",
        "x=",
        "today",
        "yesterday",
        "-30d",
        "-d",
        "--1d",
        "-99999999999999999999d",
        "-0d",
        "2026-11-23",
        "2026-11-22",
        "9223372036854775807",
        "%2d1d",
        "+1d",
        "-9223372036854775808d",
        "9999-12-31",
    ];
    let mut text = String::new();
    match rng.u8(..3) {
        0 => (0..rng.usize(..6)).for_each(|_| text.push_str(pick(rng, &PARTS))),
        1 => text.push_str("orders.csv"),
        _ => text.push_str(pick(
            rng,
            &[
                "orders/today.csv",
                "orders/2026-11-23.csv",
                "a/2026-11-23.2.csv",
            ],
        )),
    }
    if rng.bool() {
        text.push('?');
        for _ in 0..rng.usize(..4) {
            text.push_str(pick(rng, &QUERY));
            text.push_str(pick(rng, &QUERY));
            text.push('&');
        }
    }
    text.into_bytes()
}
