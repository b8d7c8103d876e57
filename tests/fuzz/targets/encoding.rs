//! Bodies as they travel: in pieces, as gzip, as forms. Held against
//! `flate2`'s reader and a naive decoder of forms.
//!
//! Input: a byte of options, a byte for the size of the pieces, two for the
//! limit; then the body. With the option "packed" that is packed first, and
//! six bytes before it say where the packed bytes are damaged.

use super::{Bytes, body, shown};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use rowhook::receive::{BodyError, Reading, Unusable, Waiting, parse};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use std::io::{Read as _, Write as _};

/// What packed bytes may have more than the limit on decoded ones.
const GZIP_OVERHEAD: usize = 64 * 1024;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes(data);
    let options = bytes.byte();
    let piece = usize::from(bytes.byte()).max(1);
    let limit = bytes.number();
    let gzip = options & 1 != 0;
    let body = if options & 2 != 0 {
        packed(&mut bytes)
    } else {
        bytes.0.to_vec()
    };
    let whole = read(gzip, limit, &body, body.len().max(1));
    let in_pieces = read(gzip, limit, &body, piece);
    // What decodes to too much and then turns out to be no gzip is refused as either, as it happens to be cut.
    let refused = |outcome: &Outcome| matches!(outcome, Ok((_, true)) | Err(BodyError::TooLarge));
    if !(refused(&whole) && refused(&in_pieces)) {
        assert_eq!(whole, in_pieces, "the size of the pieces changes the body");
    }
    check_limit(gzip, limit, &body, &whole);
    check_limit(gzip, limit, &body, &in_pieces);
    let Ok((decoded, false)) = whole else { return };
    check_form(&decoded);
    body::check_parse(&decoded, 64);
}

/// Gzip of what is left, in one member or two, cut and changed as the input says.
fn packed(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let (cut, at, change) = (bytes.number(), bytes.number(), bytes.byte());
    let split = usize::from(bytes.byte());
    let plain = bytes.0;
    let (one, other) = plain.split_at(split.min(plain.len()));
    let mut out = Vec::new();
    for part in [one, other] {
        // A member of zeros in front now and then: a bomb, as far as a short input goes.
        let mut encoder = GzEncoder::new(&mut out, Compression::fast());
        if change == 0xFF {
            encoder.write_all(&[b' '; 5000]).expect("memory");
        }
        encoder.write_all(part).expect("memory");
        encoder.finish().expect("memory");
    }
    if change != 0xFF && !out.is_empty() {
        let length = out.len();
        out[at % length] ^= change;
    }
    if cut > 0 {
        out.truncate(out.len().saturating_sub(cut % 64));
    }
    out
}

type Outcome = Result<(Vec<u8>, bool), BodyError>;

/// Reads `body` in pieces; looks that what is held is paid for all the time, and given back.
fn read(gzip: bool, limit: usize, body: &[u8], piece: usize) -> Outcome {
    let waiting = Waiting::new(1 << 30);
    let mut reading = Reading::new(gzip, limit, Some(body.len()), &waiting);
    let most = (limit + GZIP_OVERHEAD).max(16 * 1024) + limit.max(16 * 1024);
    let outcome = (|| {
        for piece in body.chunks(piece) {
            reading.push(piece)?;
            assert!(
                waiting.used() <= most,
                "{} bytes held, the limit is {limit}",
                waiting.used()
            );
        }
        let body = reading.finish()?;
        assert!(waiting.used() >= body.bytes.len(), "bytes are not paid for");
        Ok((body.bytes, body.broken_gzip))
    })();
    assert_eq!(waiting.used(), 0, "bytes are not given back");
    outcome
}

fn check_limit(gzip: bool, limit: usize, body: &[u8], found: &Outcome) {
    if !gzip {
        let wanted = if body.len() > limit {
            Err(BodyError::TooLarge)
        } else {
            Ok((body.to_vec(), false))
        };
        assert_eq!(*found, wanted);
        return;
    }
    let mut decoded = Vec::new();
    // A little more than may be: whether there is more is all that counts.
    let mut reader = MultiGzDecoder::new(body).take(limit as u64 + 1);
    let whole = reader.read_to_end(&mut decoded).is_ok();
    let over = decoded.len() > limit || body.len() > limit + GZIP_OVERHEAD;
    match found {
        Ok((bytes, false)) => {
            assert!(
                bytes.len() <= limit,
                "{} decoded bytes, the limit is {limit}",
                bytes.len()
            );
            assert!(whole || body.is_empty(), "not whole, but taken");
            assert_eq!(*bytes, decoded);
        }
        Ok((bytes, true)) => {
            assert_eq!(bytes, body, "what is not gzip must come back as it was");
            // To the end, also beyond the limit: a decoder may see damage there before it has given what goes over.
            let end = std::io::copy(&mut MultiGzDecoder::new(body), &mut std::io::sink());
            assert!(end.is_err(), "whole, but refused");
        }
        // How much of what is not whole is decoded before that shows differs from decoder to decoder.
        Err(BodyError::TooLarge) => {
            assert!(over || !whole, "{} bytes are not too large", decoded.len());
        }
        Err(BodyError::TooMuch) => panic!("a request that is alone is refused"),
    }
}

/// Takes `body` as a form, and holds it against a naive decoder.
fn check_form(body: &[u8]) {
    let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let first = text.iter().find(|b| !b" \t\r\n".contains(b));
    if matches!(first, None | Some(b'{' | b'[')) {
        return;
    }
    let mut wanted = Vec::new();
    let mut fault = None;
    for pair in text.split(|&b| b == b'&').filter(|p| !p.is_empty()) {
        let mut halves = pair.splitn(2, |&b| b == b'=');
        let mut half = || String::from_utf8(decoded(halves.next().unwrap_or_default()));
        let (Ok(name), Ok(value)) = (half(), half()) else {
            fault = Some(wanted.len() + 1);
            break;
        };
        wanted.push((name, value));
    }
    let found = parse(body.to_vec(), true, 64);
    let nested = match wanted.as_slice() {
        [(name, value)] if name == "payload" && fault.is_none() => {
            let json = value.trim_start_matches('\u{feff}');
            let begins = json.trim_start_matches([' ', '\t', '\r', '\n']);
            begins.starts_with(['{', '[']).then_some(json)
        }
        _ => None,
    };
    match (found, fault, nested) {
        (Err((why @ Unusable::FormNotUtf8 { field, .. }, _)), Some(wanted), _) => {
            assert_eq!(field, wanted);
            let place = why.place().expect("a place");
            let is_there = |at: usize| {
                let mut lines = text[..at].split(|&b| b == b'\n');
                let last = lines.next_back().unwrap_or_default();
                let letters = last.iter().filter(|&&b| b & 0xC0 != 0x80).count();
                (lines.count() + 1, letters + 1) == place
            };
            let is_text = |at: usize| {
                let half = text[at..].split(|&b| b == b'&').next();
                String::from_utf8(decoded(half.unwrap_or_default())).is_ok()
            };
            let mut all = 0..=text.len();
            let no_text = all.any(|at| is_there(at) && !is_text(at));
            assert!(no_text, "{place:?}: {}", shown(body));
        }
        (found, None, Some(json)) => {
            let json = body::check_parse(json.as_bytes(), 64);
            assert_eq!(found.ok(), json, "the JSON in a form is JSON as any other");
        }
        (Err((why, _)), None, None) => {
            assert!(
                why == Unusable::Empty && wanted.is_empty(),
                "{why}: {}",
                shown(body)
            );
        }
        (Ok(parsed), None, None) => {
            let whole = 0..parsed.text.len();
            assert!(!parsed.array && *parsed.payloads == [whole.clone()]);
            let found: Pairs = serde_json::from_slice(&parsed.text).expect("JSON");
            assert_eq!(found.0, wanted);
            assert_eq!(body::check_parse(&parsed.text, 64), Some(parsed));
        }
        (found, ..) => panic!("{found:?} of {}", shown(body)),
    }
}

fn decoded(raw: &[u8]) -> Vec<u8> {
    let digit = |at: usize| char::from(*raw.get(at)?).to_digit(16);
    let (mut out, mut at) = (Vec::new(), 0);
    while at < raw.len() {
        match (raw[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high << 4 | low).expect("two digits"));
                at += 2;
            }
            (b'+', ..) => out.push(b' '),
            (other, ..) => out.push(other),
        }
        at += 1;
    }
    out
}

/// The members of an object in their order, repeated ones too.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        d.deserialize_map(Members)
    }
}
