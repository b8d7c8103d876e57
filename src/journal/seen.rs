//! Which events were stored lately: exact, bounded by number and age, 24 bytes
//! an id at most.
//!
//! The ids stand in a ring in the order in which they came, 16 bytes each. An
//! index finds them: 256 small tables of buckets, each as large as what the
//! processor fetches at a time, with the ring numbers of twelve ids and a byte
//! of each id. An id stands in one of two buckets, in the emptier one, so they
//! fill evenly, also when ids come and go for ever; where both are full, another
//! makes room. One that leaves costs a look at its buckets. Most that are looked
//! up are new: the buckets tell that without a look at the ring. A table that grows is rebuilt alone, which takes
//! microseconds and not the tenth of a second that one table for all would, and
//! in pages, which the next one takes: larger pieces would leave holes. Times
//! are kept once a minute, not for each id.

use crate::event::{Id, Timestamp};
use std::collections::VecDeque;
use std::ops::BitOr;

const SHARDS: usize = 256;
const CHUNK: usize = 4096;
/// Buckets in a page.
const PAGE: usize = 16;
/// Ids in a bucket.
const SLOTS: usize = 12;
const MINUTE_MS: i64 = 60_000;

/// The ids of the events stored in the window.
#[derive(Debug)]
pub struct Seen {
    ring: Ring,
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
struct Ring {
    chunks: VecDeque<Box<[Id]>>,
    /// The number of the first id of the first chunk; always a multiple of [`CHUNK`].
    base: u64,
}

#[derive(Debug, Default)]
struct Shard {
    pages: Vec<Box<[Bucket]>>,
    /// Ids for which there is no room in their buckets, though there are many: only ids that somebody made up are so alike.
    rest: Vec<u32>,
    /// Buckets of them that are in use.
    size: usize,
    used: usize,
}

/// Where an id stands in its shard.
enum Spot {
    Slot(usize, usize),
    Rest(usize),
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    /// How many ids stand in it: in the first places.
    used: u8,
    /// A byte of each.
    marks: [u8; SLOTS],
    /// Their numbers in the ring.
    numbers: [u32; SLOTS],
}

impl Seen {
    /// An empty window of at most `ids_max` ids and `days` days.
    #[must_use]
    pub fn new(ids_max: usize, days: u32) -> Self {
        Self {
            ring: Ring::default(),
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
        let is_it = |number| self.ring.get(number) == Some(id);
        Some(match shard.find(id, is_it)? {
            Spot::Slot(place, slot) => shard.bucket(place).numbers[slot],
            Spot::Rest(nth) => shard.rest[nth],
        })
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
        self.ring.put(self.next, id);
        let number = short(self.next);
        self.next += 1;
        self.enter(id, number);
        left
    }

    /// Puts `id` in as stored at `now`. One that is in already counts from then on.
    pub fn insert_again(&mut self, id: Id, now: Timestamp) {
        if let Some(number) = self.find(id) {
            // Its old place in the ring stays and leads nowhere.
            self.index[shard_of(id)].remove(id, number);
        }
        self.insert(id, now);
    }

    /// Lets go of what is older than the window at `now`.
    pub fn expire(&mut self, now: Timestamp) {
        let oldest = now.millis() - self.window_ms - MINUTE_MS;
        while let Some(&(start, minute)) = self.minutes.front()
            && minute < oldest
        {
            let end = self.minutes.get(1).map_or(self.next, |m| m.0);
            while self.first < end {
                self.forget_oldest();
            }
            // It may have left with its last id.
            if self.minutes.front().is_some_and(|m| m.0 == start) {
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
            Some((
                self.ring.get(short(number))?,
                Timestamp::from_millis(minute),
            ))
        })
    }

    fn enter(&mut self, id: Id, number: u32) {
        let which = shard_of(id);
        while !self.index[which].put(id, number, &self.ring) {
            self.grow(which);
        }
    }

    /// Makes room for `ids` more, so that none of them has to wait for it.
    pub fn make_room(&mut self, ids: usize) {
        let size = buckets_for(share_of(self.ids_max.min(self.len() + ids)));
        for which in 0..SHARDS {
            if self.index[which].size < size {
                self.resize(which, size);
            }
        }
    }

    /// Makes a shard larger, but hardly larger than its share of all ids needs.
    fn grow(&mut self, which: usize) {
        let Shard { size, used, .. } = self.index[which];
        let most = buckets_for(share_of(self.ids_max));
        // Always larger: it may be that only the two buckets of an id are full.
        let size = buckets_for(used * 5 / 4).min(most).max(size + 1);
        self.resize(which, size);
    }

    /// Moves the ids of a shard into as many buckets, or more if there is no room in these.
    fn resize(&mut self, which: usize, mut size: usize) {
        let old = std::mem::take(&mut self.index[which]);
        // Found before they are put anywhere: so the processor looks for many at a time, and the old places go before there are
        // new ones.
        let numbers = old.numbers();
        let ids = numbers.filter_map(|number| Some((self.ring.get(number)?, number)));
        let ids: Vec<(Id, u32)> = ids.collect();
        drop(old);
        loop {
            let mut new = Shard::new(size);
            if ids
                .iter()
                .all(|&(id, number)| new.put(id, number, &self.ring))
            {
                self.index[which] = new;
                return;
            }
            size += size / 16 + 1;
        }
    }

    fn forget_oldest(&mut self) {
        let number = short(self.first);
        if let Some(id) = self.ring.get(number) {
            self.index[shard_of(id)].remove(id, number);
        }
        self.first += 1;
        self.ring.forget_before(self.first);
        while self.minutes.get(1).is_some_and(|m| m.0 <= self.first) {
            self.minutes.pop_front();
        }
    }
}

impl Ring {
    fn get(&self, number: u32) -> Option<Id> {
        let base = short(self.base);
        let at = if number >= base {
            number - base
        } else {
            number + (NUMBERS - base)
        } as usize;
        self.chunks.get(at / CHUNK).map(|chunk| chunk[at % CHUNK])
    }

    /// The next after those that are in.
    fn put(&mut self, number: u64, id: Id) {
        let within = usize::try_from((number - self.base) % CHUNK as u64).unwrap_or(0);
        if within == 0 {
            self.chunks.push_back(vec![Id([0; 16]); CHUNK].into());
        }
        if let Some(chunk) = self.chunks.back_mut() {
            chunk[within] = id;
        }
    }

    fn forget_before(&mut self, first: u64) {
        if first - self.base >= CHUNK as u64 {
            self.chunks.pop_front();
            self.base += CHUNK as u64;
        }
    }
}

impl Shard {
    fn new(size: usize) -> Self {
        let page = || vec![Bucket::default(); PAGE].into();
        Self {
            pages: (0..size.div_ceil(PAGE)).map(|_| page()).collect(),
            rest: Vec::new(),
            size,
            used: 0,
        }
    }

    fn bucket(&self, at: usize) -> &Bucket {
        &self.pages[at / PAGE][at % PAGE]
    }

    fn bucket_mut(&mut self, at: usize) -> &mut Bucket {
        &mut self.pages[at / PAGE][at % PAGE]
    }

    fn numbers(&self) -> impl Iterator<Item = u32> {
        let buckets = self.pages.iter().flat_map(|page| page.iter());
        let numbers = buckets.flat_map(|bucket| bucket.numbers[..bucket.used()].iter().copied());
        numbers.chain(self.rest.iter().copied())
    }

    /// Where `id` stands, if `is_it` says so of its number.
    fn find(&self, id: Id, is_it: impl Fn(u32) -> bool) -> Option<Spot> {
        if self.size == 0 {
            return None;
        }
        let mark = mark_of(id);
        let found = places_of(id, self.size).into_iter().find_map(|place| {
            let slot = self.bucket(place).find(mark, &is_it)?;
            Some(Spot::Slot(place, slot))
        });
        found.or_else(|| {
            let nth = self.rest.iter().position(|&number| is_it(number))?;
            Some(Spot::Rest(nth))
        })
    }

    /// Whether there was room. The ids of the numbers are in `ring`.
    fn put(&mut self, id: Id, number: u32, ring: &Ring) -> bool {
        if self.used >= holds(self.size) {
            return false;
        }
        let [one, other] = places_of(id, self.size);
        let emptier = self.bucket(other).used() < self.bucket(one).used();
        let place = if emptier { other } else { one };
        if !self.bucket_mut(place).put(mark_of(id), number) {
            let mut full = [one, other].into_iter();
            match full.find(|&full| self.make_room(full, ring)) {
                Some(left) => {
                    self.bucket_mut(left).put(mark_of(id), number);
                }
                None if self.size > 2 * buckets_for(self.used) => self.rest.push(number),
                None => return false,
            }
        }
        self.used += 1;
        true
    }

    /// Moves one id of a full bucket to its other one, if any has room there.
    fn make_room(&mut self, full: usize, ring: &Ring) -> bool {
        (0..SLOTS).any(|slot| {
            let bucket = self.bucket(full);
            let (mark, number) = (bucket.marks[slot], bucket.numbers[slot]);
            let Some(id) = ring.get(number) else {
                return false;
            };
            let [one, other] = places_of(id, self.size);
            let to = if one == full { other } else { one };
            let moved = self.bucket_mut(to).put(mark, number);
            if moved {
                self.bucket_mut(full).remove(slot);
            }
            moved
        })
    }

    fn remove(&mut self, id: Id, number: u32) {
        match self.find(id, |other| other == number) {
            Some(Spot::Slot(place, slot)) => self.bucket_mut(place).remove(slot),
            Some(Spot::Rest(nth)) => {
                self.rest.swap_remove(nth);
            }
            None => return,
        }
        self.used -= 1;
    }
}

impl Bucket {
    /// Where one with `mark` stands, if `is_it` says so of its number. All marks are compared at one stroke.
    fn find(&self, mark: u8, is_it: impl Fn(u32) -> bool) -> Option<usize> {
        let same = |(slot, &other): (usize, &u8)| u32::from(other == mark) << slot;
        let marks = self.marks.iter().enumerate();
        let mut found = marks.map(same).fold(0, BitOr::bitor) & ((1 << self.used) - 1);
        while found != 0 {
            let slot = found.trailing_zeros() as usize;
            if is_it(self.numbers[slot]) {
                return Some(slot);
            }
            found &= found - 1;
        }
        None
    }

    fn used(&self) -> usize {
        usize::from(self.used).min(SLOTS)
    }

    /// Whether there was room.
    fn put(&mut self, mark: u8, number: u32) -> bool {
        let slot = self.used();
        if slot == SLOTS {
            return false;
        }
        (self.marks[slot], self.numbers[slot]) = (mark, number);
        self.used += 1;
        true
    }

    /// The last takes its place.
    fn remove(&mut self, slot: usize) {
        self.used -= 1;
        let last = self.used();
        (self.marks[slot], self.numbers[slot]) = (self.marks[last], self.numbers[last]);
    }
}

/// How many ids so many buckets hold: beyond this it is often looked for room.
fn holds(buckets: usize) -> usize {
    buckets * SLOTS * 17 / 20
}

/// Buckets that hold more than `ids`.
fn buckets_for(ids: usize) -> usize {
    ids * 20 / 17 / SLOTS + 1
}

/// How many of `ids` a shard has: hardly ever more.
fn share_of(ids: usize) -> usize {
    let share = ids / SHARDS;
    share + 4 * share.isqrt()
}

fn clamped(ids_max: usize) -> usize {
    ids_max.clamp(1, u32::MAX as usize / 2)
}

fn window_of(days: u32) -> i64 {
    i64::from(days) * 86_400_000
}

/// Its bits, each of them depending on many others: ids are hashes, but in a journal that somebody made they may be numbers.
fn mixed(id: Id) -> [u8; 16] {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let once = u128::from_le_bytes(id.0).wrapping_mul(ODD);
    (once ^ (once >> 64)).wrapping_mul(ODD).to_be_bytes()
}

fn shard_of(id: Id) -> usize {
    usize::from(mixed(id)[0])
}

/// The two buckets of an id.
fn places_of(id: Id, size: usize) -> [usize; 2] {
    let mixed = mixed(id);
    [1, 5].map(|from| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&mixed[from..from + 4]);
        let spread = (u64::from(u32::from_be_bytes(bytes)) * size as u64) >> 32;
        usize::try_from(spread).unwrap_or(0)
    })
}

/// Of other bits than those that say where it stands.
fn mark_of(id: Id) -> u8 {
    mixed(id)[9]
}

/// Ring numbers start again after this many: a multiple of [`CHUNK`].
const NUMBERS: u32 = u32::MAX - 4095;

fn short(number: u64) -> u32 {
    u32::try_from(number % u64::from(NUMBERS)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
