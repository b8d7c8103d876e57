//! Making a table anew takes many steps; what happens between them.

use super::*;
use crate::event::Day;
use crate::follow::Together;
use crate::follow::handle::Rebuilt;
use crate::table::Snapshot;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

const FILE: &str = "orders/2026-11-23.csv";

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn ask(world: &World, source: &str) -> oneshot::Receiver<Together> {
    let day = world.now.day(Tz::UTC);
    let until = world.clock + Duration::from_secs(10);
    let handle = &world.follower.as_ref().unwrap().1;
    handle.ask(name(source), day..=day, until).unwrap()
}

fn rebuild(world: &World) -> UnboundedReceiver<Option<Rebuilt>> {
    let handle = &world.follower.as_ref().unwrap().1;
    let days = day("2026-01-01")..=day("2026-12-31");
    handle.rebuild(Some(name("orders")), days).unwrap()
}

fn rows(snapshots: &[Snapshot]) -> u64 {
    let parts = snapshots.iter().flat_map(|table| &table.parts);
    parts.map(|part| part.state.rows).sum()
}

/// A step reads one record of the journal for tables that lag. Parts of ten rows, a new column in each.
fn slow() -> World {
    let mut world = World::with(calm(), 10, &["orders", "other"]);
    for n in 0..25 {
        world.send(
            "orders",
            &format!(r#"{{"n":{n},"text":"=;x","c{}":1}}"#, n / 7),
        );
        world.send("other", &format!(r#"{{"n":{n}}}"#));
    }
    world.settle();
    world.options.slice_bytes = 1;
    world.reload();
    world
}

impl World {
    /// Lets the follower go on by the options as they are now.
    fn reload(&mut self) {
        let handle = &self.follower.as_ref().unwrap().1;
        handle.set_options(self.options.clone());
        self.step();
    }

    fn is_remaking(&self) -> bool {
        self.tables().keys().any(|name| name.contains("/."))
    }

    /// Somebody changes the first file, and it is being made anew, so many steps on.
    fn edit_and_step(&mut self, steps: usize) -> String {
        self.append(FILE, "mine\n");
        self.clock += Duration::from_secs(3600);
        for _ in 0..steps + 2 {
            assert!(self.step());
        }
        assert!(self.is_remaking(), "after {steps} steps");
        self.csv(FILE)
    }

    #[track_caller]
    fn assert_whole_with(&mut self, theirs: &[String], what: &str) {
        self.settle();
        let mut kept = self.edited();
        let mut theirs = theirs.to_vec();
        kept.sort();
        theirs.sort();
        assert_eq!(kept, theirs, "{what}");
        assert!(!self.is_remaking(), "{what}");
        let mut tables = self.with_rows();
        tables.retain(|name, _| !name.contains("edited"));
        let whole: Files = self
            .rebuilt()
            .into_iter()
            .filter(|(_, c)| has_rows(c))
            .collect();
        assert_eq!(tables, whole, "{what}");
    }
}

/// 300,000 rows of one source; a row and a download of another one wait for none of them.
#[test]
fn others_do_not_wait_for_a_large_table() {
    let mut world = World::with(calm(), 1_000_000, &["orders", "other"]);
    for thousand in 0..300 {
        let payloads: Vec<String> = (0..1000)
            .map(|n| format!(r#"{{"n":{}}}"#, thousand * 1000 + n))
            .collect();
        let payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
        world.send_all("orders", &payloads);
    }
    world.send("other", r#"{"n":0}"#);
    world.settle();
    let file = world.path("csv").join(FILE);
    let content = std::fs::read(&file).unwrap();
    std::fs::write(&file, [&content[..], b"mine\n"].concat()).unwrap();
    let (whole, edited) = (content.len(), content.len() as u64 + 5);
    world.clock += Duration::from_secs(3600);
    let (mut steps, mut answered) = (0, 0);
    let mut large = ask(&world, "orders");
    while large.try_recv().is_err() {
        steps += 1;
        world.send("other", &format!(r#"{{"n":{steps}}}"#));
        let mut answer = ask(&world, "other");
        world.step();
        // In the same step, with every row.
        let is_remaking = std::fs::metadata(&file).unwrap().len() == edited;
        let snapshots = answer.try_recv().expect("an answer").open;
        assert_eq!(rows(&snapshots), steps + 1);
        answered += usize::from(is_remaking);
        assert!(steps < 1000);
    }
    assert!(
        answered >= 20,
        "{answered} answers while it was made anew, {steps} steps"
    );
    world.settle();
    assert_eq!(std::fs::read(&file).unwrap(), content);
    assert_eq!(
        world.edited().iter().map(String::len).collect::<Vec<_>>(),
        [whole + 5]
    );
}

/// Whoever wants the table that is made anew gets it when it is done, with all that came meanwhile.
#[test]
fn rows_come_while_it_is_made_anew() {
    for steps in [0, 1, 30, 60, 90] {
        let mut world = slow();
        let theirs = world.edit_and_step(steps);
        world.send("orders", r#"{"n":"next","new":1}"#);
        let mut answer = ask(&world, "orders");
        world.step();
        assert!(answer.try_recv().is_err());
        while world.step() {}
        assert_eq!(rows(&answer.try_recv().unwrap().open), 26, "{steps}");
        world.assert_whole_with(&[theirs], &format!("{steps}"));
    }
}

#[test]
fn another_edit_while_it_is_made_anew() {
    for steps in [0, 1, 30, 60, 90] {
        for remove in [false, true] {
            let mut world = slow();
            let mut theirs = world.edit_and_step(steps);
            if remove {
                std::fs::remove_file(world.path("csv").join(FILE)).unwrap();
                world.assert_whole_with(&[], &format!("{steps}"));
                continue;
            }
            theirs.push_str("more of mine\n");
            std::fs::write(world.path("csv").join(FILE), &theirs).unwrap();
            world.assert_whole_with(&[theirs], &format!("{steps}"));
        }
    }
}

#[test]
fn other_options_while_it_is_made_anew() {
    for steps in [0, 1, 30, 60, 90] {
        for what in ["rules", "the same", "no source", "there and back"] {
            let mut world = slow();
            let theirs = world.edit_and_step(steps);
            let orders = name("orders");
            match what {
                "rules" => world.options.sources.get_mut(&orders).unwrap().guard = false,
                "no source" => drop(world.options.sources.remove(&orders)),
                "there and back" => {
                    world.options.sources.get_mut(&orders).unwrap().guard = false;
                    world.reload();
                    world.options.sources.get_mut(&orders).unwrap().guard = true;
                }
                _ => {}
            }
            world.reload();
            assert!(world.is_remaking());
            world.assert_whole_with(&[theirs], &format!("{steps}, {what}"));
            assert_eq!(world.csv(FILE).contains("'=;"), what != "rules");
        }
    }
}

#[test]
fn other_rules_make_it_anew_in_many_steps() {
    let mut world = slow();
    world.options.sources.get_mut("orders").unwrap().guard = false;
    world.reload();
    for _ in 0..20 {
        assert!(world.step() && world.is_remaking());
    }
    world.send("orders", r#"{"n":"next","new":1}"#);
    world.assert_whole_with(&[], "rules");
    assert!(!world.csv(FILE).contains("'=;"));
}

#[test]
fn the_day_turns_while_it_is_made_anew() {
    for steps in [0, 1, 30, 60, 90] {
        let mut world = slow();
        world.send("orders", r#"{"late":1}"#);
        let theirs = world.edit_and_step(steps);
        world.go_to("2026-11-24T00:00:05.000Z");
        world.send("orders", r#"{"n":"next day"}"#);
        world.step();
        // Those of others are there at once; this one starts with the columns of the day before, when it is whole.
        world.step();
        assert!(world.path("csv/other/2026-11-24.csv").exists());
        assert!(!world.path("csv/orders/2026-11-24.csv").exists());
        world.assert_whole_with(&[theirs], &format!("{steps}"));
        let (header, _) = cells(&world.csv("orders/2026-11-24.csv"));
        assert_eq!(header[2..], ["n", "text", "c0", "c1", "c2", "c3", "late"]);
        let all = world.follower.as_ref().unwrap().1.catalog().all();
        let open: Vec<bool> = all.iter().map(|(.., summary)| summary.open).collect();
        assert_eq!(open, [true, false, true, false]);
    }
}

#[test]
fn an_end_while_it_is_made_anew() {
    for steps in [0, 1, 30, 60, 90] {
        for killed in [false, true] {
            let mut world = slow();
            let theirs = world.edit_and_step(steps);
            if !killed {
                let clock = world.clock;
                world.follower.as_mut().unwrap().0.finish(clock);
            }
            assert_eq!(world.is_remaking(), killed);
            world.kill();
            assert_eq!(world.csv(FILE), theirs);
            world.start();
            assert!(!world.is_remaking());
            world.assert_whole_with(&[theirs], &format!("{steps}, killed: {killed}"));
        }
    }
}

#[test]
fn a_table_asked_for_is_made_in_many_steps() {
    let mut world = slow();
    world.go_to("2026-11-24T00:00:05.000Z");
    world.send("orders", r#"{"n":"next day"}"#);
    world.settle();
    let before = world.tables();
    let mut told = rebuild(&world);
    let mut steps = 0;
    while world.step() {
        steps += 1;
        world.send("other", &format!(r#"{{"n":{steps}}}"#));
        let mut answer = ask(&world, "other");
        world.step();
        assert_eq!(rows(&answer.try_recv().unwrap().open), steps);
        if steps == 20 {
            assert!(told.try_recv().is_err());
            world.send("orders", r#"{"n":"meanwhile"}"#);
        }
    }
    let mut said = Vec::new();
    while let Ok(Some(rebuilt)) = told.try_recv() {
        said.push((rebuilt.day.to_string(), rebuilt.left, rebuilt.after));
    }
    let first = ("2026-11-23".to_owned(), 1, Ok((25, 8)));
    let second = ("2026-11-24".to_owned(), 0, Ok((2, 8)));
    assert_eq!(said, [first, second]);
    world.settle();
    assert_eq!(world.csv(FILE), before[FILE]);
    assert!(steps > 100, "{steps}");
    world.assert_whole_with(&[], "asked");
}

/// After a kill what the file holds beyond its checkpoint is compared, a row in each step; nothing that is not known to be
/// ours is remembered as that.
#[test]
fn checkpoints_while_a_table_is_compared() {
    for edited in [false, true] {
        for rules in [false, true] {
            let mut world = slow();
            world.settle();
            world.kill();
            if edited {
                world.append("orders/2026-11-23.3.csv", "mine\n");
            }
            let theirs = world.csv("orders/2026-11-23.3.csv");
            world.start();
            for n in 0..400 {
                let clock = world.clock;
                world.follower.as_mut().unwrap().0.checkpoint(clock);
                world.step();
                if n == 60 && rules {
                    world.options.sources.get_mut("orders").unwrap().columns_max = 900;
                    world.reload();
                }
            }
            let theirs = if edited { vec![theirs] } else { Vec::new() };
            world.assert_whole_with(&theirs, &format!("{edited} {rules}"));
        }
    }
}

/// What a kill left behind a checkpoint is nobody's version, also when it is asked for anew before it was compared.
#[test]
fn asked_for_before_it_was_compared() {
    let mut world = World::new();
    world.send("orders", r#"{"n":0}"#);
    world.stop();
    world.start();
    world.send("orders", r#"{"n":1}"#);
    world.run();
    world.send("orders", r#"{"n":2,"new":1}"#);
    world.kill();
    world.start();
    let mut told = rebuild(&world);
    world.assert_whole_with(&[], "asked");
    let rebuilt = told.try_recv().unwrap().unwrap();
    assert_eq!(rebuilt.after, Ok((3, 4)));
}
