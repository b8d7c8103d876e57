//! What may happen, drawn from a seed. Each act carries its own random numbers,
//! so that the others keep their meaning when one is taken away.

use fastrand::Rng;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Deliver,
    Batch,
    Again,
    AgainFailed,
    Step,
    Settle,
    CheckpointJournal,
    CheckpointTables,
    Recover,
    Fail,
    Heal,
    Die,
    Cut,
    Kill,
    Stop,
    DieStarting,
    Wait,
    Back,
    Edit,
    Fill,
    Download,
    Refuse,
    Damage,
    Fragile,
    Rebuild,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act(pub Kind, pub u64);

const WEIGHTS: [(Kind, usize); 25] = [
    (Kind::Deliver, 14),
    (Kind::Batch, 10),
    (Kind::Again, 3),
    (Kind::AgainFailed, 5),
    (Kind::Step, 16),
    (Kind::Settle, 4),
    (Kind::CheckpointJournal, 3),
    (Kind::CheckpointTables, 5),
    (Kind::Recover, 5),
    (Kind::Fail, 5),
    (Kind::Heal, 4),
    (Kind::Die, 4),
    (Kind::Cut, 3),
    (Kind::Kill, 3),
    (Kind::Stop, 2),
    (Kind::DieStarting, 2),
    (Kind::Wait, 4),
    (Kind::Back, 1),
    (Kind::Edit, 3),
    (Kind::Fill, 2),
    (Kind::Download, 6),
    (Kind::Refuse, 5),
    (Kind::Damage, 1),
    (Kind::Fragile, 4),
    (Kind::Rebuild, 2),
];

/// A sequence of acts.
pub fn sequence(seed: u64) -> Vec<Act> {
    let mut rng = Rng::with_seed(seed);
    let all: usize = WEIGHTS.iter().map(|w| w.1).sum();
    // Some without strangers and some without power cuts: then nobody may be blamed at all.
    let (edits, cuts) = (rng.bool(), rng.u8(..3) > 0);
    let count = rng.usize(10..90);
    (0..count)
        .map(|_| {
            let mut at = rng.usize(..all);
            let kind = WEIGHTS.iter().find_map(|&(kind, weight)| {
                let found = at < weight;
                at = at.wrapping_sub(weight);
                found.then_some(kind)
            });
            let kind = match kind.unwrap_or(Kind::Step) {
                Kind::Edit if !edits => Kind::Step,
                Kind::Cut if !cuts => Kind::Kill,
                kind => kind,
            };
            // An odd number lets the power go where a process ends, an even one does not.
            let number = rng.u64(..) & !1 | u64::from(cuts && rng.bool());
            Act(kind, number)
        })
        .collect()
}
