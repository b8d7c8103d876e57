//! From when until when a certificate counts: the two moments of its DER, and nothing else of it (RFC 5280, 4.1).

use chrono::{DateTime, NaiveDate, Utc};

/// The moments between which a certificate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

impl Validity {
    /// Reads it from a certificate; nothing when this is none.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let (certificate, _) = element(certificate, SEQUENCE)?;
        let (mut rest, _) = element(certificate, SEQUENCE)?;
        if let Some((_, after)) = element(rest, VERSION) {
            rest = after;
        }
        // The serial number, the algorithm of the signature, the issuer.
        for tag in [INTEGER, SEQUENCE, SEQUENCE] {
            (_, rest) = element(rest, tag)?;
        }
        let (validity, _) = element(rest, SEQUENCE)?;
        let (from, rest) = moment(validity)?;
        let (until, _) = moment(rest)?;
        Some(Self { from, until })
    }
}

/// Content of the element with this tag at the start of `der`, and what comes after it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[first, length], rest) = der.split_first_chunk::<2>()?;
    if first != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let length = digits.iter().fold(0, |n, &b| n << 8 | usize::from(b));
            (length, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The moment at the start of `der`, and what comes after it.
fn moment(der: &[u8]) -> Option<(DateTime<Utc>, &[u8])> {
    let two_digits = |text: &str| -> Option<i32> { text.get(..2)?.parse().ok() };
    let (content, rest, year, text) = if let Some((content, rest)) = element(der, UTC_TIME) {
        let text = str::from_utf8(content).ok()?;
        let year = two_digits(text)?;
        let century = if year >= 50 { 1900 } else { 2000 };
        (content, rest, century + year, text.get(2..)?)
    } else {
        let (content, rest) = element(der, GENERALIZED_TIME)?;
        let text = str::from_utf8(content).ok()?;
        (content, rest, text.get(..4)?.parse().ok()?, text.get(4..)?)
    };
    if content.last() != Some(&b'Z') || text.len() != 11 {
        return None;
    }
    let mut parts = [0; 5];
    for (part, at) in parts.iter_mut().zip((0..10).step_by(2)) {
        *part = u32::try_from(two_digits(text.get(at..)?)?).ok()?;
    }
    let [month, day, hour, minute, second] = parts;
    let day = NaiveDate::from_ymd_opt(year, month, day)?;
    Some((day.and_hms_opt(hour, minute, second)?.and_utc(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn made(from: i32, until: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.not_before = date_time_ymd(from, 2, 3);
        params.not_after = date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_moments_are_found_in_either_form() {
        for (from, until) in [(1999, 2049), (2024, 2025), (2049, 2050), (2060, 9999)] {
            let validity = Validity::of(&made(from, until)).unwrap();
            let shown = [validity.from, validity.until].map(|t| t.to_rfc3339());
            let wanted = [
                format!("{from}-02-03T00:00:00+00:00"),
                format!("{until}-12-31T00:00:00+00:00"),
            ];
            assert_eq!(shown, wanted);
        }
    }

    #[test]
    fn what_is_no_certificate_gives_nothing_and_does_no_harm() {
        let whole = made(2024, 2025);
        for end in 0..whole.len() {
            assert_eq!(Validity::of(&whole[..end]), None, "{end} bytes");
        }
        fastrand::seed(1);
        for _ in 0..20_000 {
            let mut broken = whole.clone();
            for _ in 0..3 {
                let at = fastrand::usize(..broken.len());
                broken[at] = fastrand::u8(..);
            }
            let _ = Validity::of(&broken);
        }
    }
}
