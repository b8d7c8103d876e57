//! One file: what reading it shows, what a power cut leaves of it, and the
//! changes between the two.

use fastrand::Rng;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A change that no sync has made durable.
#[derive(Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Clone, Default)]
pub struct Inode {
    /// The page cache: what reads show.
    pub now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    pub modified_ns: i64,
    synced_ns: i64,
}

/// Writes `bytes` into `image`, which grows with zeros where it has to.
fn put(image: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if image.len() < at + bytes.len() {
        image.resize(at + bytes.len(), 0);
    }
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Inode {
    pub fn new(moment: i64) -> Self {
        Self {
            modified_ns: moment,
            synced_ns: moment,
            ..Self::default()
        }
    }

    pub fn write(&mut self, at: usize, bytes: &[u8], moment: i64) {
        put(&mut self.now, at, bytes);
        self.pending.push(Change::Write {
            at,
            bytes: bytes.to_vec(),
        });
        self.modified_ns = moment;
    }

    pub fn set_length(&mut self, bytes: usize, moment: i64) {
        self.now.resize(bytes, 0);
        self.pending.push(Change::Length(bytes));
        self.modified_ns = moment;
    }

    /// Only what was pending reaches the disk: what an earlier failed sync dropped stays away, though reads show it.
    pub fn sync(&mut self) {
        for change in self.pending.drain(..) {
            match change {
                Change::Write { at, bytes } => put(&mut self.durable, at, &bytes),
                Change::Length(bytes) => self.durable.resize(bytes, 0),
            }
        }
        self.durable.resize(self.now.len(), 0);
        self.synced_ns = self.modified_ns;
    }

    /// As on Linux: the pages count as clean from here on, whatever of them reached the disk.
    pub fn fail_sync(&mut self, rng: &mut Rng) {
        self.durable = self.survivors(rng);
        self.pending.clear();
    }

    /// The power goes.
    pub fn cut(&mut self, rng: &mut Rng) {
        let unsynced = !self.pending.is_empty();
        self.durable = self.survivors(rng);
        self.now.clone_from(&self.durable);
        self.pending.clear();
        // A sync of the data alone need not bring the time along.
        if unsynced || rng.u8(..8) == 0 {
            self.modified_ns = rng.i64(self.synced_ns.min(self.modified_ns)..=self.modified_ns);
        }
        self.synced_ns = self.modified_ns;
    }

    /// Any subset of what is pending, on top of what is durable.
    fn survivors(&self, rng: &mut Rng) -> Vec<u8> {
        let mut image = self.durable.clone();
        if self.pending.is_empty() {
            return image;
        }
        let floor = self.durable.len();
        let keep = [0, 500, 900, 1000][rng.usize(..4)];
        let last = self.pending.len() - 1;
        for (nth, change) in self.pending.iter().enumerate() {
            match change {
                Change::Length(bytes) if rng.u32(..1000) < keep => image.resize(*bytes, 0),
                Change::Length(_) => {}
                Change::Write { at, bytes } => {
                    let torn = nth == last && rng.bool();
                    let whole = if torn {
                        rng.usize(..=bytes.len())
                    } else {
                        bytes.len()
                    };
                    put_some(&mut image, *at, &bytes[..whole], floor, keep, rng);
                }
            }
        }
        match rng.u8(..4) {
            0 => image.truncate(rng.usize(floor.min(image.len())..=image.len())),
            1 if image.len() < self.now.len() => image.resize(self.now.len(), 0),
            _ => {}
        }
        image
    }
}

/// Each sector of a write on its own: kept, lost, or allocated and never filled. The last only behind what was durable.
fn put_some(image: &mut Vec<u8>, at: usize, bytes: &[u8], floor: usize, keep: u32, rng: &mut Rng) {
    let mut from = 0;
    while from < bytes.len() {
        let until = bytes.len().min(from + SECTOR - (at + from) % SECTOR);
        if rng.u32(..1000) < keep {
            put(image, at + from, &bytes[from..until]);
        } else if at + from >= floor && rng.bool() {
            put(image, at + from, &vec![0; until - from]);
        }
        from = until;
    }
}
