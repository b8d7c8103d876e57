//! Lines as an audit reads them: what is wrong is told, and the rest is read.

use crate::disk::{Disk as _, Open, RealDisk};
use crate::event::Seq;
use crate::journal::audit::{End, read};
use crate::journal::record::Record;
use crate::journal::segment::Segment;

const FIRST: &str = "{\"rowhook\":1,\"segment\":1,\"day\":\"2026-11-23\",\"first_seq\":7,\
                     \"previous\":{\"segment\":0,\"bytes\":0}}";

/// Lines of two batches: 7 and 8, then 9.
fn lines() -> Vec<String> {
    let line = |seq, batch, left, source: &str| {
        let mut out = Vec::new();
        Record {
            seq: Seq(seq),
            batch: Seq(batch),
            left,
            received_at: b"2026-11-23T12:21:00.007Z",
            source,
            id: b"0123456789abcdef0123456789abcdef",
            payload: b"{}",
        }
        .write(&mut out);
        String::from_utf8(out).unwrap().trim_end().to_owned()
    };
    vec![
        FIRST.to_owned(),
        line(7, 7, 1, "a"),
        line(8, 7, 0, "a"),
        line(9, 9, 0, "b"),
    ]
}

/// What is told of `text`: the good seqs, what is wrong by line, and the end.
fn told(text: &str, next: Option<u64>) -> (Vec<u64>, Vec<(u64, String)>, End) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("2026-11-23.jsonl");
    std::fs::write(&path, text).unwrap();
    let file = RealDisk.open(&path, Open::Read).unwrap();
    let segment = Segment {
        number: 1,
        day: "2026-11-23".parse().unwrap(),
        first_seq: Seq(7),
        path,
        bytes: text.len() as u64,
    };
    let (mut good, mut wrong) = (Vec::new(), Vec::new());
    let end = read(
        &segment,
        &*file,
        next.map(Seq),
        &mut |line| match line.record {
            Ok(record) => good.push(record.seq.0),
            Err(what) => wrong.push((line.number, what)),
        },
    );
    (good, wrong, end.unwrap())
}

fn text(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

fn change(line: usize, from: &str, to: &str) -> Vec<String> {
    let mut lines = lines();
    lines[line] = lines[line].replacen(from, to, 1);
    lines
}

#[test]
fn a_whole_segment() {
    for next in [None, Some(10)] {
        let (good, wrong, end) = told(&text(&lines()), next);
        assert_eq!((good, wrong), (vec![7, 8, 9], vec![]));
        assert_eq!((end.last, end.unfinished, end.fault), (Seq(9), None, None));
    }
}

#[test]
fn what_is_wrong_is_told_once_and_the_rest_is_read() {
    let gone = |line: usize| {
        let mut lines = lines();
        lines.remove(line);
        lines
    };
    let twice = [lines(), vec![lines()[2].clone()]].concat();
    let form = "not a journal line";
    let cases: [(Vec<String>, &[u64], u64, &str); 5] = [
        (
            change(1, "\"a\"", "\"b\""),
            &[8, 9],
            2,
            "the line's check does not fit",
        ),
        (change(2, "{\"seq\"", "x"), &[7, 9], 3, form),
        (gone(2), &[7], 3, "seq 9 stands where 8 should"),
        (gone(1), &[9], 2, "seq 8 stands where 7 should"),
        (twice, &[7, 8, 9], 5, "seq 8 stands where 10 should"),
    ];
    for (lines, seqs, line, what) in cases {
        let (good, wrong, _) = told(&text(&lines), Some(10));
        assert_eq!((&good[..], wrong), (seqs, vec![(line, what.to_owned())]));
    }
}

#[test]
fn only_a_last_batch_may_be_unfinished() {
    let whole = text(&lines());
    let cut = &whole[..whole.len() - 3];
    let (good, wrong, end) = told(cut, None);
    assert_eq!((good, wrong, end.last), (vec![7, 8], vec![], Seq(8)));
    let unfinished = end.unfinished.unwrap();
    assert_eq!((unfinished.line, unfinished.batch), (4, Seq(9)));
    let (_, wrong, _) = told(cut, Some(10));
    assert_eq!(wrong, [(4, "the line has no end".to_owned())]);
    // A batch of which one line is there.
    let (good, wrong, end) = told(&text(&lines()[..2]), None);
    assert_eq!((good, wrong, end.last), (vec![7], vec![], Seq(6)));
    assert_eq!(end.unfinished.unwrap().line, 2);
    let (_, _, end) = told(&text(&lines()[..2]), Some(8));
    assert_eq!(
        end.fault.unwrap().1,
        "the batch that starts here is not whole"
    );
    // A whole batch behind it: acknowledged, and so was this one.
    let (good, wrong, end) = told(&text(&change(2, "\"left\":0", "\"left\":1")), None);
    assert_eq!((good, wrong.len(), end.unfinished), (vec![7, 9], 1, None));
}
