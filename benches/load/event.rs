//! Lessonly events by the million: one rendered payload into which the digits of an index are patched.
//!
//! The shape is that of Lessonly's reporting webhook. Every index below 10^10 gives a payload of its own, through `ext_uid` and
//! the report card; people, lessons, scores and times repeat, as they do in life. All are [`BYTES`] long.

/// A run of `~` takes the digits of the field of the same rank in [`FIELDS`].
const TEMPLATE: &[u8] = concat!(
    r#"{"user":{"ext_uid":"~~~~~~~~~~","id":"~~~~~","name":"Sample Sampleson ~~~~","email":"sample.~~~~@example.com","#,
    r#""custom_fields":{"Department":"Department ~~"}},"#,
    r#""lesson":{"id":"~~~~","title":"A Sample Lesson ~~","retake_score":~~},"score":0.~~,"score_percent":~~.0,"#,
    r#""started_at":"2026-11-23T14:~~:22Z","completed_at":"2026-11-23T15:~~:24Z","assigned_at":"2026-11-20T09:~~:18Z","#,
    r#""report_card_url":"https://example.com/r/~~~~~~~~~~"}"#
)
.as_bytes();

/// The length of every event.
pub const BYTES: usize = TEMPLATE.len();

/// `base + index / divisor % modulus`, as wide as its run of `~`.
struct Field {
    base: u64,
    divisor: u64,
    modulus: u64,
}

const fn field(base: u64, divisor: u64, modulus: u64) -> Field {
    Field {
        base,
        divisor,
        modulus,
    }
}

const UNIQUE: Field = field(0, 1, 10_000_000_000);
const PERSON: Field = field(0, 1, 5_000);
const LESSON: u64 = 90;
/// Numbers start at 10: JSON allows no leading zero.
const SCORE: Field = field(10, 7, 90);

const FIELDS: [Field; 14] = [
    UNIQUE,
    field(10_000, 1, 5_000),
    PERSON,
    PERSON,
    field(10, 1, 40),
    field(1_000, 11, LESSON),
    field(10, 11, LESSON),
    SCORE,
    SCORE,
    SCORE,
    field(10, 13, 50),
    field(10, 17, 50),
    field(10, 19, 50),
    UNIQUE,
];

/// Appends the event with this index.
pub fn lessonly(index: u64, body: &mut Vec<u8>) {
    let start = body.len();
    body.extend_from_slice(TEMPLATE);
    let body = &mut body[start..];
    for (field, (from, to)) in FIELDS.iter().zip(PLACES) {
        let mut value = field.base + index / field.divisor % field.modulus;
        for digit in body[from..to].iter_mut().rev() {
            *digit = b"0123456789"[(value % 10) as usize];
            value /= 10;
        }
    }
}

/// Where the runs of `~` are, found while compiling.
const PLACES: [(usize, usize); FIELDS.len()] = {
    let mut places = [(0, 0); FIELDS.len()];
    let (mut at, mut found) = (0, 0);
    while at < BYTES {
        let from = at;
        while at < BYTES && TEMPLATE[at] == b'~' {
            at += 1;
        }
        if at > from {
            places[found] = (from, at);
            found += 1;
        } else {
            at += 1;
        }
    }
    assert!(found == FIELDS.len());
    places
};
