//! Which events were stored lately: exact, bounded by number and age, 24 bytes
//! an id at most.
//!
//! The ids stand in a ring in the order in which they came, 16 bytes each. An
//! index finds them: 256 small open-addressing tables of ring numbers with a
//! byte of the id beside each, 5 bytes at a load between 5/8 and 4/5, so at most
//! 8. Most ids that are looked up are new: the bytes, which lie close together,
//! tell that without a look at the ring. A table that grows is rebuilt alone,
//! which takes microseconds and not the tenth of a second that one table for all
//! would. Times are kept once a minute, not for each id.

use crate::event::{Id, Timestamp};
use std::collections::VecDeque;

const SHARDS: usize = 256;
const CHUNK: usize = 4096;
/// The mark of an empty place in the index.
const FREE: u8 = 0;
const MINUTE_MS: i64 = 60_000;

/// The ids of the events stored in the window.
#[derive(Debug)]
pub struct Seen {
    ring: VecDeque<Box<[Id]>>,
    /// The number of the first id of the first chunk; always a multiple of [`CHUNK`].
    base: u64,
    /// The number of the oldest id that still counts.
    first: u64,
    /// The number that the next id gets.
    next: u64,
    index: Vec<Shard>,
    /// From this number on ids came in this minute or later.
    minutes: VecDeque<(u64, i64)>,
    ids_max: usize,
    window_ms: i64,
}

#[derive(Debug, Default)]
struct Shard {
    /// What stands at each place: a mark of the id.
    marks: Vec<u8>,
    /// Its number in the ring.
    numbers: Vec<u32>,
    used: usize,
}

impl Seen {
    /// An empty window of at most `ids_max` ids and `days` days.
    #[must_use]
    pub fn new(ids_max: usize, days: u32) -> Self {
        Self {
            ring: VecDeque::new(),
            base: 0,
            first: 0,
            next: 0,
            index: (0..SHARDS).map(|_| Shard::default()).collect(),
            minutes: VecDeque::new(),
            ids_max: clamped(ids_max),
            window_ms: window_of(days),
        }
    }

    /// Changes how many ids and days it holds. What is over leaves at once.
    pub fn set_limits(&mut self, ids_max: usize, days: u32) {
        self.ids_max = clamped(ids_max);
        self.window_ms = window_of(days);
        while self.len() > self.ids_max {
            self.forget_oldest();
        }
    }

    /// How many ids are in the window.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.next - self.first).unwrap_or(usize::MAX)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.next == self.first
    }

    /// Whether `id` is in the window.
    #[must_use]
    pub fn contains(&self, id: Id) -> bool {
        self.find(id).is_some()
    }

    /// The number of `id`.
    fn find(&self, id: Id) -> Option<u32> {
        let shard = &self.index[shard_of(id)];
        let mut numbers = shard.probe(id).map(|place| shard.numbers[place]);
        numbers.find(|&number| self.id_at(number) == Some(id))
    }

    /// Puts `id` in, which is not in yet, as stored at `now`. Returns the age in milliseconds of the id that had to leave for
    /// it, if one did.
    pub fn insert(&mut self, id: Id, now: Timestamp) -> Option<i64> {
        let left = (self.len() >= self.ids_max).then(|| {
            let since = self.minutes.front().map_or(now.millis(), |m| m.1);
            self.forget_oldest();
            now.millis() - since
        });
        let minute = now.millis() - now.millis().rem_euclid(MINUTE_MS);
        if self.minutes.back().is_none_or(|last| last.1 != minute) {
            self.minutes.push_back((self.next, minute));
        }
        let within = usize::try_from((self.next - self.base) % CHUNK as u64).unwrap_or(0);
        if within == 0 {
            self.ring.push_back(vec![Id([0; 16]); CHUNK].into());
        }
        if let Some(chunk) = self.ring.back_mut() {
            chunk[within] = id;
        }
        let number = short(self.next);
        self.next += 1;
        self.enter(id, number);
        left
    }

    /// Puts `id` in as stored at `now`. One that is in already counts from then on.
    pub fn insert_again(&mut self, id: Id, now: Timestamp) {
        if let Some(number) = self.find(id) {
            // Its old place in the ring stays and leads nowhere.
            self.remove(id, number);
        }
        self.insert(id, now);
    }

    /// Lets go of what is older than the window at `now`.
    pub fn expire(&mut self, now: Timestamp) {
        let oldest = now.millis() - self.window_ms - MINUTE_MS;
        while self.minutes.front().is_some_and(|m| m.1 < oldest) {
            let end = self.minutes.get(1).map_or(self.next, |m| m.0);
            while self.first < end {
                self.forget_oldest();
            }
            // Its ids may have left by number before.
            if self
                .minutes
                .front()
                .is_some_and(|m| m.1 < oldest && end <= self.first)
            {
                self.minutes.pop_front();
            }
        }
    }

    /// All ids, oldest first, with the minute in which each came.
    pub fn iter(&self) -> impl Iterator<Item = (Id, Timestamp)> + '_ {
        let mut minutes = self.minutes.iter().peekable();
        let mut minute = 0;
        (self.first..self.next).filter_map(move |number| {
            while let Some((_, ms)) = minutes.next_if(|m| m.0 <= number) {
                minute = *ms;
            }
            Some((self.id_at(short(number))?, Timestamp::from_millis(minute)))
        })
    }

    fn id_at(&self, number: u32) -> Option<Id> {
        let base = short(self.base);
        let at = if number >= base {
            number - base
        } else {
            number + (NUMBERS - base)
        } as usize;
        self.ring.get(at / CHUNK).map(|chunk| chunk[at % CHUNK])
    }

    fn enter(&mut self, id: Id, number: u32) {
        let which = shard_of(id);
        let shard = &self.index[which];
        if (shard.used + 1) * 5 > shard.marks.len() * 4 {
            self.grow(which);
        }
        self.index[which].put(id, number);
    }

    /// Makes a shard larger: the old places go first, the ids stand in the ring.
    fn grow(&mut self, which: usize) {
        let mut old = std::mem::take(&mut self.index[which]);
        let mut mark = old.marks.iter();
        old.numbers.retain(|_| mark.next() != Some(&FREE));
        old.marks = Vec::new();
        let size = (old.numbers.len() * 8 / 5).max(8);
        self.index[which] = Shard {
            marks: vec![FREE; size],
            numbers: vec![0; size],
            used: 0,
        };
        for number in old.numbers {
            if let Some(id) = self.id_at(number) {
                self.index[which].put(id, number);
            }
        }
    }

    fn forget_oldest(&mut self) {
        let number = short(self.first);
        if let Some(id) = self.id_at(number) {
            self.remove(id, number);
        }
        self.first += 1;
        if self.first - self.base >= CHUNK as u64 {
            self.ring.pop_front();
            self.base += CHUNK as u64;
        }
        while self.minutes.get(1).is_some_and(|m| m.0 <= self.first) {
            self.minutes.pop_front();
        }
    }

    /// Takes a number out of the index and closes the gap, so that no marks of the dead pile up.
    fn remove(&mut self, id: Id, number: u32) {
        let which = shard_of(id);
        let shard = &self.index[which];
        let Some(mut gap) = shard.probe(id).find(|&p| shard.numbers[p] == number) else {
            return;
        };
        let size = shard.marks.len();
        let mut at = gap;
        loop {
            at = (at + 1) % size;
            let (mark, candidate) = (self.index[which].marks[at], self.index[which].numbers[at]);
            if mark == FREE {
                break;
            }
            let Some(home) = self.id_at(candidate).map(|id| place_of(id, size)) else {
                break;
            };
            // It may move into the gap unless its home lies behind the gap.
            if (at + size - home) % size >= (at + size - gap) % size {
                let shard = &mut self.index[which];
                (shard.marks[gap], shard.numbers[gap]) = (mark, candidate);
                gap = at;
            }
        }
        let shard = &mut self.index[which];
        shard.marks[gap] = FREE;
        shard.used -= 1;
    }
}

impl Shard {
    /// The places at which `id` may stand.
    fn probe(&self, id: Id) -> impl Iterator<Item = usize> + '_ {
        let (size, home, mark) = (
            self.marks.len(),
            place_of(id, self.marks.len()),
            mark_of(id),
        );
        (home..size)
            .chain(0..home)
            .take_while(|&place| self.marks[place] != FREE)
            .filter(move |&place| self.marks[place] == mark)
    }

    fn put(&mut self, id: Id, number: u32) {
        let size = self.marks.len();
        let mut place = place_of(id, size);
        while self.marks[place] != FREE {
            place = (place + 1) % size;
        }
        self.marks[place] = mark_of(id);
        self.numbers[place] = number;
        self.used += 1;
    }
}

fn clamped(ids_max: usize) -> usize {
    ids_max.clamp(1, u32::MAX as usize / 2)
}

fn window_of(days: u32) -> i64 {
    i64::from(days) * 86_400_000
}

fn shard_of(id: Id) -> usize {
    usize::from(id.0[0])
}

/// Ids are hashes: their bytes are as good as random.
fn place_of(id: Id, size: usize) -> usize {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&id.0[1..5]);
    let spread = (u64::from(u32::from_le_bytes(bytes)) * size as u64) >> 32;
    usize::try_from(spread).unwrap_or(0)
}

/// Of other bytes than those that say where it stands.
fn mark_of(id: Id) -> u8 {
    id.0[5].max(FREE + 1)
}

/// Ring numbers start again after this many: a multiple of [`CHUNK`].
const NUMBERS: u32 = u32::MAX - 4095;

fn short(number: u64) -> u32 {
    u32::try_from(number % u64::from(NUMBERS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn id(n: u64) -> Id {
        crate::event::IdKey::new([1; 32]).id("test", &[&n.to_le_bytes()])
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(minutes * MINUTE_MS)
    }

    #[test]
    fn the_newest_stay() {
        let mut seen = Seen::new(10_000, 7);
        for n in 0..30_000 {
            assert!(!seen.contains(id(n)));
            assert_eq!(seen.insert(id(n), at(0)).is_some(), n >= 10_000);
            assert!(seen.contains(id(n)));
        }
        assert_eq!(seen.len(), 10_000);
        for n in 0..30_000 {
            assert_eq!(seen.contains(id(n)), n >= 20_000, "{n}");
        }
        let kept: Vec<_> = seen.iter().map(|(id, _)| id).collect();
        assert_eq!(kept, (20_000..30_000).map(id).collect::<Vec<_>>());
    }

    #[test]
    fn the_old_leave_after_their_days() {
        let mut seen = Seen::new(1_000_000, 1);
        let day = 24 * 60;
        for n in 0..100 {
            seen.insert(id(n), at(i64::try_from(n).unwrap()));
        }
        seen.expire(at(day));
        assert_eq!(seen.len(), 100);
        seen.expire(at(day + 50));
        assert!(seen.contains(id(49)) && !seen.contains(id(48)));
        seen.expire(at(day * 3));
        assert!(seen.is_empty());
        seen.insert(id(5), at(day * 3));
        assert!(seen.contains(id(5)));
    }

    #[test]
    fn one_that_comes_again_counts_from_then_on() {
        let mut seen = Seen::new(1000, 1);
        let day = 24 * 60;
        for n in [1, 2, 3] {
            seen.insert(id(n), at(0));
        }
        seen.insert_again(id(2), at(day));
        seen.insert_again(id(4), at(day));
        seen.expire(at(day + 5));
        let known: Vec<_> = (1..=4).filter(|&n| seen.contains(id(n))).collect();
        assert_eq!(known, [2, 4]);
    }

    #[test]
    fn room_for_one_alone() {
        let mut seen = Seen::new(1, 1);
        for minute in 0..5 {
            seen.insert(id(u64::try_from(minute).unwrap()), at(minute));
        }
        seen.expire(at(10 * 24 * 60));
        assert!(seen.is_empty());
    }

    #[test]
    fn times_come_back_by_the_minute() {
        let mut seen = Seen::new(100, 7);
        for n in 0..5 {
            seen.insert(
                id(n),
                Timestamp::from_millis(i64::try_from(n).unwrap() * 45_000),
            );
        }
        let minutes: Vec<_> = seen.iter().map(|(_, t)| t.millis() / MINUTE_MS).collect();
        assert_eq!(minutes, [0, 0, 1, 2, 3]);
    }

    #[test]
    fn twenty_four_bytes_an_id() {
        let mut seen = Seen::new(2_000_000, 7);
        for n in 0..300_000 {
            seen.insert(id(n), at(0));
            if n % 10_000 == 9_999 {
                let places = |s: &Shard| s.marks.capacity() + s.numbers.capacity() * 4;
                let places: usize = seen.index.iter().map(places).sum();
                let bytes = seen.ring.len() * CHUNK * 16 + places;
                assert!(
                    bytes <= seen.len() * 24 + CHUNK * 16,
                    "{} ids take {bytes} bytes",
                    seen.len()
                );
            }
        }
    }

    #[test]
    fn numbers_start_again_unharmed() {
        let mut seen = Seen::new(10_000, 7);
        let start = u64::from(NUMBERS) - 5 * CHUNK as u64;
        (seen.base, seen.first, seen.next) = (start, start, start);
        for n in 0..40_000 {
            seen.insert(id(n), at(0));
            assert!(seen.contains(id(n)) && seen.contains(id(n.saturating_sub(9_999))));
            assert!(n < 10_000 || !seen.contains(id(n - 10_000)));
        }
    }

    #[test]
    fn random_use_equals_a_set() {
        let mut seen = Seen::new(700, 7);
        let (mut order, mut set) = (VecDeque::new(), HashSet::new());
        let mut random = 1_u64;
        for _ in 0..50_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let n = id((random >> 33) % 3000);
            assert_eq!(seen.contains(n), set.contains(&n));
            if set.insert(n) {
                order.push_back(n);
                seen.insert(n, at(0));
                if order.len() > 700 {
                    set.remove(&order.pop_front().unwrap());
                }
            }
        }
    }
}
