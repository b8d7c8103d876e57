//! All keys of a table, as many at a time as there is room for. When there is no
//! room, those with the highest hashes are put off to the next pass.
//!
//! Most keys have one row, in most tables. So when not all fit, the next pass
//! counts roughly how often each is met, and those met once need no room.

use super::key::Hash;

/// Bytes of the index for each key: two thirds of it are filled at most.
const INDEX_BYTES: usize = 6;

/// What becomes of a row in a pass.
pub(super) enum Turn<'s, V> {
    /// It is the turn of its key: what is known of it.
    Now(&'s mut V),
    /// No other row has its key.
    Alone,
    /// It is not the turn of its key.
    Other,
}

/// How often keys are met: at places that they may share, never told too low.
struct Count {
    once: Vec<u64>,
    again: Vec<u64>,
}

/// The keys of a share of all hashes, and what is known of each.
pub(super) struct Shares<V> {
    entries: Vec<(Hash, V)>,
    /// Numbers of entries, from 1 up, from the place on that their hash gives; 0 is a free place.
    index: Vec<u32>,
    most: usize,
    /// None as long as all keys may fit.
    count: Option<Count>,
    /// Whether this pass counts and does nothing else.
    counts: bool,
    count_bytes: usize,
    /// The share: the first halves of its hashes, both included.
    floor: u64,
    ceiling: u64,
}

impl<V> Shares<V> {
    /// Shares that take so many bytes each, and two thirds more to count.
    pub(super) fn within(bytes: usize) -> Self {
        let most = bytes / (size_of::<(Hash, V)>() + INDEX_BYTES);
        let most = most.clamp(2, u32::MAX as usize / 2);
        Self {
            entries: Vec::with_capacity(most),
            index: vec![0; most * 3 / 2],
            most,
            count: None,
            counts: false,
            count_bytes: bytes / 3 * 2,
            floor: 0,
            ceiling: u64::MAX,
        }
    }

    /// What becomes of a row with this key, of which `fresh` is known if it was not met before.
    pub(super) fn turn(&mut self, hash: Hash, fresh: V) -> Turn<'_, V> {
        match &mut self.count {
            _ if hash.0 < self.floor => return Turn::Other,
            Some(count) if self.counts => {
                count.meet(hash);
                return Turn::Other;
            }
            Some(count) if count.is_alone(hash) => return Turn::Alone,
            _ => {}
        }
        let mut place = self.place(hash);
        if self.has(hash) && self.index[place] == 0 && self.is_full() {
            self.shrink();
            place = self.place(hash);
        }
        if !self.has(hash) {
            return Turn::Other;
        }
        if self.index[place] == 0 {
            self.entries.push((hash, fresh));
            self.index[place] = number(self.entries.len());
        }
        let at = self.index[place] as usize - 1;
        Turn::Now(&mut self.entries[at].1)
    }

    /// What is known of the keys of this share.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// Forgets this share and goes on to the next; false when there is none.
    pub(super) fn next(&mut self) -> bool {
        if self.counts {
            self.counts = false;
            return true;
        }
        self.entries.clear();
        self.index.fill(0);
        let next = self.ceiling.checked_add(1);
        self.floor = next.unwrap_or_default();
        self.ceiling = u64::MAX;
        if next.is_some() && self.count.is_none() {
            self.count = Some(Count::within(self.count_bytes));
            self.counts = true;
        }
        next.is_some()
    }

    /// Whether this is a key of the share.
    fn has(&self, hash: Hash) -> bool {
        (self.floor..=self.ceiling).contains(&hash.0)
    }

    fn is_full(&self) -> bool {
        // More keys with the same first half than there is room for are none that anyone will see, and harmless.
        self.entries.len() >= self.most && self.floor < self.ceiling
    }

    /// Puts off a quarter of the share, until there is room.
    fn shrink(&mut self) {
        while self.is_full() {
            let width = self.ceiling - self.floor;
            self.ceiling = self.floor + width / 4 * 3;
            self.entries.retain(|(hash, _)| hash.0 <= self.ceiling);
        }
        self.index.fill(0);
        for at in 0..self.entries.len() {
            let place = self.place(self.entries[at].0);
            self.index[place] = number(at + 1);
        }
    }

    /// Where the number of this key stands in the index, or belongs.
    fn place(&self, hash: Hash) -> usize {
        let places = self.index.len();
        let start = hash.second() % places as u64;
        let mut place = usize::try_from(start).unwrap_or_default();
        loop {
            let at = self.index[place] as usize;
            if at == 0 || self.entries[at - 1].0 == hash {
                return place;
            }
            place = (place + 1) % places;
        }
    }
}

impl Count {
    fn within(bytes: usize) -> Self {
        let words = (bytes / 16).max(1);
        Self {
            once: vec![0; words],
            again: vec![0; words],
        }
    }

    fn meet(&mut self, hash: Hash) {
        let (word, bit) = self.place(hash);
        self.again[word] |= self.once[word] & bit;
        self.once[word] |= bit;
    }

    /// Whether nothing else was met at the place of this key, and itself no more than once.
    fn is_alone(&self, hash: Hash) -> bool {
        let (word, bit) = self.place(hash);
        self.again[word] & bit == 0
    }

    fn place(&self, hash: Hash) -> (usize, u64) {
        let place = hash.second() % (self.once.len() as u64 * 64);
        (
            usize::try_from(place / 64).unwrap_or_default(),
            1 << (place % 64),
        )
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
