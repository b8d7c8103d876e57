//! How much `rowhook verify` holds while it reads very much.

use crate::server::{Place, Server};
use rowhook::event::{IdKey, Seq};
use rowhook::journal::record::Record;
use rowhook::journal::segment::{FirstLine, Previous};
use serde_json::json;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Lessonly's events, about a third on each of three days, with a new field now and then.
fn many(place: &Place, events: usize) {
    let folder = place.output().join("journal");
    fs::create_dir_all(&folder).expect("a folder");
    // Ids are spread like real ones, or the program would look for them in one place.
    let key = IdKey::new([3; 32]);
    let (mut seq, mut bytes) = (0_u64, 0);
    for (segment, day) in (1..).zip(["2020-01-01", "2020-01-02", "2020-01-03"]) {
        let first = FirstLine {
            rowhook: 1,
            segment,
            day: day.parse().expect("a day"),
            first_seq: Seq(seq + 1),
            previous: Previous {
                segment: segment - 1,
                bytes,
            },
        };
        let path = folder.join(format!("{day}.jsonl"));
        let mut file = std::io::BufWriter::new(fs::File::create(path).expect("a file"));
        let mut line = first.encode();
        bytes = 0;
        for _ in 0..=events / 3 {
            std::io::Write::write_all(&mut file, &line).expect("a line");
            bytes += line.len() as u64;
            line.clear();
            seq += 1;
            let payload = json!({
                "user": {"ext_uid": format!("{seq}"), "id": "7", "name": "Sample Sampleson", "email": "sample@example.com",
                    "custom_fields": {format!("Field {}", seq % 5): "x", format!("Later {}", seq / 200_000): "y"}},
                "lesson": {"id": "1000", "title": "A Sample Lesson", "retake_score": 85},
                "score": 1, "score_percent": 100, "started_at": "2015-04-28T14:36:22Z",
                "completed_at": "2015-04-28T14:36:24Z", "assigned_at": "2015-04-28T14:36:18Z", "report_card_url": "",
            });
            Record {
                seq: Seq(seq),
                batch: Seq(seq),
                left: 0,
                received_at: format!("{day}T12:00:00.007Z").as_bytes(),
                source: "lessonly",
                id: &key.id("content", &[&seq.to_le_bytes()]).hex(),
                payload: payload.to_string().as_bytes(),
            }
            .write(&mut line);
        }
        std::io::Write::write_all(&mut file, &line).expect("a line");
        bytes += line.len() as u64;
    }
}

/// It reads all there is, and holds little of it: `ROWHOOK_VERIFY_EVENTS=1000000` is the long run.
#[test]
fn many_events_take_little_memory() {
    let events = std::env::var("ROWHOOK_VERIFY_EVENTS");
    let events = events.map_or(30_000, |text| text.parse().expect("a number"));
    let place = Place::new();
    many(&place, events);
    let mut server = place.start();
    let until = Instant::now() + Duration::from_secs(600);
    let closed = |server: &Server| {
        server
            .get("/api/exports")
            .text()
            .matches("\"closed\"")
            .count()
    };
    while closed(&server) < 3 {
        assert!(Instant::now() < until, "not closed");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(server.stop().success());
    let mut command = place.bare(&[]);
    command.arg("verify").arg("--output").arg(place.output());
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the program");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().expect("its state").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmHWM"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        most = most.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    }
    let said = std::io::read_to_string(child.stdout.take().expect("stdout")).expect("a text");
    println!("{}; {most} KiB at most", said.trim_end());
    assert!(
        said.trim_end().ends_with("no damage, no edits, no notes"),
        "{said}"
    );
    assert!(most < 24 * 1024, "{most} KiB");
}
