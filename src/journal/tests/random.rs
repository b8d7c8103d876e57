//! Anything in any order, against a model: the payloads that were answered as
//! stored, in their order.

use super::*;
use crate::disk::tests::{EIO, ENOSPC, Op, faulty};
use proptest::prelude::*;
use std::collections::HashSet;

#[derive(Debug, Clone)]
enum Act {
    /// Requests, each with these events.
    Commit(Vec<Vec<u8>>),
    /// The next operation of this kind fails.
    Break(bool),
    Recover,
    Checkpoint,
    /// Stop and start, with this much of the state lost.
    Restart(u8),
    /// So many minutes pass.
    Wait(u16),
}

fn act() -> impl Strategy<Value = Act> {
    let request = prop::collection::vec(0..30_u8, 1..4);
    prop_oneof![
        8 => prop::collection::vec(request, 1..5).prop_map(Act::Commit),
        1 => any::<bool>().prop_map(Act::Break),
        3 => Just(Act::Recover),
        1 => Just(Act::Checkpoint),
        1 => (0..3_u8).prop_map(Act::Restart),
        1 => (0..900_u16).prop_map(Act::Wait),
    ]
}

fn payload(n: u8) -> String {
    format!(r#"{{"n":{n}}}"#)
}

fn request(events: &[u8]) -> Incoming {
    let texts: Vec<_> = events.iter().map(|&n| payload(n)).collect();
    match texts.as_slice() {
        [text] => one(text),
        many_texts => many(&many_texts.iter().map(String::as_str).collect::<Vec<_>>()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_was_answered_is_there_in_order_and_once(acts in prop::collection::vec(act(), 1..40)) {
        let place = Place::new();
        let (disk, faults) = faulty();
        let mut journal = open(disk.clone(), place.layout(), options(), &[]).unwrap().0;
        let mut model: Vec<String> = Vec::new();
        // What failed last and may be whole in the file all the same, until the journal recovers.
        let mut perhaps: Vec<String> = Vec::new();
        let mut now = at(NOON);
        for act in acts {
            match act {
                Act::Commit(requests) => {
                    let known: HashSet<String> = model.iter().cloned().collect();
                    let was_broken = journal.is_broken();
                    let incoming: Vec<_> = requests.iter().map(|r| request(r)).collect();
                    let verdicts = journal.commit(&incoming, now);
                    let mut fresh: Vec<String> = Vec::new();
                    let mut wanted = Vec::new();
                    for events in &requests {
                        let mut new = 0;
                        let all_known = events.iter().all(|&n| known.contains(&payload(n)));
                        for text in events.iter().map(|&n| payload(n)) {
                            if !known.contains(&text) && !fresh.contains(&text) {
                                fresh.push(text);
                                new += 1;
                            }
                        }
                        wanted.push((all_known, stored(new, events.len() - new)));
                    }
                    let failed = journal.is_broken();
                    for (verdict, (all_known, stored)) in verdicts.into_iter().zip(wanted) {
                        let right = if failed && !all_known { Verdict::Failed } else { stored };
                        prop_assert_eq!(verdict, right);
                    }
                    if !failed {
                        model.extend(fresh);
                    } else if !was_broken {
                        perhaps = fresh;
                    }
                }
                Act::Break(sync) => {
                    let (op, errno) = if sync { (Op::Sync, EIO) } else { (Op::Write, ENOSPC) };
                    faults.fail(Some(op), ".jsonl", 0, 1, errno);
                }
                Act::Recover => {
                    faults.clear();
                    journal.recover(now).unwrap();
                    perhaps.clear();
                }
                Act::Checkpoint => {
                    faults.clear();
                    journal.checkpoint().unwrap();
                }
                Act::Restart(lost) => {
                    faults.clear();
                    drop(journal);
                    match lost {
                        1 => place.remove("state/journal.json"),
                        2 => place.remove("state"),
                        _ => {}
                    }
                    std::fs::create_dir_all(place.path("state")).unwrap();
                    journal = open(disk.clone(), place.layout(), options(), &[]).unwrap().0;
                    if payloads(&journal).len() > model.len() {
                        model.append(&mut perhaps);
                    }
                    perhaps.clear();
                }
                Act::Wait(minutes) => {
                    now = Timestamp::from_millis(now.millis() + i64::from(minutes) * 60_000);
                }
            }
            prop_assert_eq!(&payloads(&journal), &model);
            prop_assert_eq!(journal.shared().last_seq().0, model.len() as u64);
        }
    }
}
