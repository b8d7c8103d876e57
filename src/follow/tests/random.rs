//! Anything in any order; in the end the tables are what the journal gives.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Act {
    /// Events with columns from these numbers.
    Send(Vec<Vec<u8>>),
    Step,
    Settle,
    Checkpoint,
    Kill,
    Stop,
    /// So many hours pass.
    Wait(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let event = prop::collection::vec(0..14_u8, 0..4);
    prop_oneof![
        6 => prop::collection::vec(event, 1..6).prop_map(Act::Send),
        6 => Just(Act::Step),
        1 => Just(Act::Settle),
        1 => Just(Act::Checkpoint),
        1 => Just(Act::Kill),
        1 => Just(Act::Stop),
        1 => (0..15_u8).prop_map(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn tables_are_what_the_journal_gives(
        acts in prop::collection::vec(act(), 1..40),
        part_rows in 2..12_u64,
    ) {
        let mut world = World::with(calm(), part_rows, &["orders", "other"]);
        let mut sent = 0;
        for act in acts {
            match act {
                Act::Send(events) => {
                    for columns in events {
                        let cells: Vec<_> = columns
                            .iter()
                            .map(|c| format!(r#","c{c}":"{}""#, ["", "x", "a\\nb", "=1;\\\"q"][usize::from(c % 4)]))
                            .collect();
                        let source = if columns.first() == Some(&13) { "other" } else { "orders" };
                        world.send(source, &format!(r#"{{"n":{sent}{}}}"#, cells.concat()));
                        sent += 1;
                    }
                }
                Act::Step => {
                    world.step();
                }
                Act::Settle => world.settle(),
                Act::Checkpoint => {
                    let clock = world.clock;
                    world.follower.as_mut().unwrap().0.checkpoint(clock);
                }
                Act::Kill => {
                    world.kill();
                    world.start();
                }
                Act::Stop => {
                    world.stop();
                    world.start();
                }
                Act::Wait(hours) => world.later(i64::from(hours) * 3_600_000),
            }
        }
        world.settle();
        prop_assert_eq!(world.edited(), Vec::<String>::new());
        let tables = world.with_rows();
        let mut numbers: Vec<usize> = Vec::new();
        for source in ["orders", "other"] {
            let mut mine: Vec<(String, usize)> = Vec::new();
            for (file, content) in tables.iter().filter(|(file, _)| file.starts_with(source)) {
                let (header, rows) = cells(content);
                let n = header.iter().position(|h| h == "n").unwrap();
                prop_assert!(rows.len() as u64 <= part_rows);
                let in_file: Vec<usize> = rows.iter().map(|r| r[n].parse().unwrap()).collect();
                prop_assert!(in_file.is_sorted(), "{}", file);
                mine.extend(in_file.into_iter().map(|n| (file.clone(), n)));
            }
            numbers.extend(mine.iter().map(|m| m.1));
        }
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (0..sent).collect::<Vec<_>>());
        let rebuilt: Files = world.rebuilt().into_iter().filter(|(_, c)| has_rows(c)).collect();
        prop_assert_eq!(tables, rebuilt);
    }
}
