//! One fixed script, and at each of its disk calls once a crash and once a
//! failure. What random sequences meet by chance is met here by counting.

use crate::acts::{Act, Kind};
use crate::disk::faults::{EIO, ENOSPC, Op, Rule};
use crate::random::{guarded, setting};
use crate::run::Totals;
use crate::world::{Held, World};

/// Acts that go on after a failure, before the disk is well again.
const GOES_ON: usize = 12;

/// One day: events, new columns, full parts, readers, checkpoints, restarts, a full disk.
const DAY: [Kind; 64] = {
    use Kind::{
        Again, AgainFailed, Batch, CheckpointJournal, CheckpointTables, Deliver, Download, Fill,
        Heal, Kill, Recover, Refuse, Settle, Step, Stop, Wait,
    };
    [
        Batch,
        Step,
        Deliver,
        Step,
        Again,
        Download,
        Deliver,
        Step,
        CheckpointTables,
        Batch,
        Step,
        Refuse,
        Deliver,
        Settle,
        Deliver,
        Step,
        CheckpointJournal,
        Deliver,
        Step,
        Kill,
        Step,
        Deliver,
        Step,
        Download,
        Batch,
        Settle,
        CheckpointTables,
        Deliver,
        Fill,
        Deliver,
        Recover,
        Refuse,
        Step,
        CheckpointTables,
        CheckpointJournal,
        Heal,
        Recover,
        AgainFailed,
        Step,
        Batch,
        Settle,
        Refuse,
        Stop,
        Step,
        Deliver,
        Step,
        Deliver,
        Step,
        CheckpointTables,
        Deliver,
        Kill,
        Deliver,
        Settle,
        Again,
        Refuse,
        Batch,
        Step,
        CheckpointJournal,
        CheckpointTables,
        Wait,
        Deliver,
        Step,
        Wait,
        Settle,
    ]
};
const DAYS: usize = 3;

/// The script. `down` says what a process that dies in a start of it dies of: odd numbers are power cuts.
fn script(down: u64) -> Vec<Act> {
    let kinds = DAY.iter().cycle().take(DAY.len() * DAYS);
    let numbered = (2..).step_by(2).zip(kinds);
    numbered
        .map(|(number, &kind)| match kind {
            Kind::Kill | Kind::Stop => Act(kind, down),
            _ => Act(kind, number),
        })
        .collect()
}

fn world() -> World {
    let mut world = World::new(7, 4);
    world.options.slice_bytes = 500;
    world
}

/// Runs the script in a world whose disk was told when to fail; `GOES_ON` acts longer when it was a call that failed, and a
/// death ends it at once.
fn play(world: &mut World, down: u64) -> Held {
    let mut totals = Totals::default();
    world.start(down)?;
    let (acts, mut left) = (script(down), GOES_ON);
    for (nth, act) in acts.iter().enumerate() {
        let what = |rule| format!("act {nth}, {:?}: {rule}", act.0);
        world.act(*act, &mut totals).map_err(what)?;
        if world.disk.faults(|f| f.is_dead()) {
            world.go_down(down).map_err(what)?;
            world.heal();
            world.start(down).map_err(what)?;
            break;
        }
        // Before anything fails it is the same at all points.
        if world.disk.faults(|f| f.told) > 0 {
            world.check_journal().map_err(what)?;
            left -= 1;
            if left == 0 {
                break;
            }
        }
    }
    world.finish()
}

/// The calls of the script when nothing happens.
fn calls() -> Vec<Op> {
    let mut world = world();
    world.disk.faults(|f| f.log = Some(Vec::new()));
    play(&mut world, 0).expect("the script holds when nothing happens");
    world.disk.faults(|f| f.log.take()).unwrap_or_default()
}

/// All points, or every so manieth where that would take too long for a run in between.
fn thinned<T>(points: Vec<T>, stride: usize) -> (Vec<T>, usize) {
    let stride = if setting("ROWHOOK_EVERY_POINT").is_some() {
        1
    } else {
        stride
    };
    (points.into_iter().step_by(stride).collect(), stride)
}

fn conclude(what: &str, tried: usize, all: usize, stride: usize, broken: &[String]) {
    println!(
        "{what}: {tried} of {all} tried (stride {stride}), {} held",
        tried - broken.len()
    );
    assert!(
        broken.is_empty(),
        "{what}: {} broke a rule, first: {}",
        broken.len(),
        broken[..broken.len().min(5)].join("\n")
    );
}

#[test]
fn a_crash_at_any_change_of_the_disk_loses_nothing() {
    let calls = calls();
    let mut points: Vec<(usize, u64)> = Vec::new();
    for (at, op) in calls.iter().enumerate() {
        // A kill, and two power cuts that keep different things.
        if op.changes() {
            points.extend([
                (at, 0),
                (at, 2 * at as u64 + 1),
                (at, 2 * at as u64 + 99_999),
            ]);
        }
    }
    let all = points.len();
    let (points, stride) = thinned(points, 29);
    let mut broken = Vec::new();
    for &(at, down) in &points {
        let held = guarded(|| {
            let mut world = world();
            world.disk.faults(|f| f.die_after(at as u64));
            play(&mut world, down)
        });
        if let Err(rule) = held {
            broken.push(format!(
                "call {at}, {:?}, going down as {down}: {rule}",
                calls[at]
            ));
        }
    }
    println!("the script makes {} calls", calls.len());
    conclude("crashes", points.len(), all, stride, &broken);
}

#[test]
fn a_failure_of_any_call_loses_nothing() {
    let calls = calls();
    let eio = (0..calls.len()).map(|nth| (nth, EIO));
    let rooms = calls.iter().filter(|op| op.takes_room()).count();
    let all: Vec<(usize, i32)> = eio.chain((0..rooms).map(|nth| (nth, ENOSPC))).collect();
    let count = all.len();
    let (points, stride) = thinned(all, 31);
    let mut broken = Vec::new();
    for &(nth, errno) in &points {
        let rule = Rule {
            op: None,
            skip: nth as u64,
            count: 1,
            share: 1000,
            errno,
        };
        let held = guarded(|| {
            let mut world = world();
            world.disk.faults(|f| f.add(rule));
            play(&mut world, 0)
        });
        if let Err(rule) = held {
            broken.push(format!("error {errno} of call {nth}: {rule}"));
        }
    }
    conclude("failures", points.len(), count, stride, &broken);
}
