//! A journal of the last thirty days, as if rowhook had run all along: some
//! days have many rows, some few, some none.

use crate::server::Place;
use rowhook::event::{Seq, Timestamp};
use rowhook::journal::record::Record;
use rowhook::journal::segment::{FirstLine, Previous};
use serde_json::json;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const LESSONS: [&str; 4] = [
    "Safety at the lift",
    "Returns and refunds",
    "Welcome, new colleague",
    "Phone etiquette",
];
const PEOPLE: [&str; 5] = [
    "Ada Okoye",
    "Bo Lindqvist",
    "Chidi Mensah",
    "Dana Ruiz",
    "Émile Roux",
];

/// Rows of the day that is so many days ago; weekends are quiet.
fn rows(days_ago: i64) -> i64 {
    if days_ago % 7 < 2 {
        0
    } else {
        3 + days_ago * days_ago % 17
    }
}

/// Writes it below `place`.
pub fn write(place: &Place) {
    let folder = place.output().join("journal");
    std::fs::create_dir_all(&folder).expect("a folder");
    let today = Timestamp::now().day(chrono_tz::UTC);
    let (mut seq, mut segment, mut bytes) = (1, 1, 0);
    for days_ago in (1..30).rev().filter(|days_ago| rows(*days_ago) > 0) {
        let day = today.plus(-days_ago);
        let first = FirstLine {
            rowhook: 1,
            segment,
            day,
            first_seq: Seq(seq),
            previous: Previous {
                segment: segment - 1,
                bytes,
            },
        };
        let mut text = first.encode();
        let midnight = Timestamp::start_of(day, chrono_tz::UTC);
        for nth in 0..rows(days_ago) {
            let at = midnight.millis() + DAY_MS / 3 + nth * 20 * 60 * 1000;
            Record {
                seq: Seq(seq),
                batch: Seq(seq),
                left: 0,
                received_at: Timestamp::from_millis(at).to_string().as_bytes(),
                source: "lessonly",
                // Ids are evenly spread, as those of events are.
                id: format!("{:032x}", fastrand::Rng::with_seed(seq).u128(..)).as_bytes(),
                payload: payload(seq).as_bytes(),
            }
            .write(&mut text);
            seq += 1;
        }
        std::fs::write(folder.join(format!("{day}.jsonl")), &text).expect("a segment");
        (segment, bytes) = (segment + 1, text.len() as u64);
    }
}

fn payload(seq: u64) -> String {
    let person = usize::try_from(seq).expect("a number");
    let lesson = person / 3;
    let department = ["Sales", "Stores"][person % 2];
    json!({
        "user": {
            "ext_uid": format!("{}", 1_000_000 + person % 5),
            "id": format!("{}", person % 5 + 1),
            "name": PEOPLE[person % 5],
            "custom_fields": {"Department": department},
        },
        "lesson": {"id": format!("{}", 100 + lesson % 4), "title": LESSONS[lesson % 4]},
        "score_percent": 60 + seq * 7 % 41,
    })
    .to_string()
}
