//! What the journal holds of a source while events come into it: nothing that
//! is there is stored once more, however long ago it came. Two imports that
//! count the same events at once would each count without the other, so a
//! source has one at a time.

use crate::engine::Engine;
use crate::event::{Id, SourceName};
use crate::journal::{Cursor, Reader, record};
use std::collections::HashMap;
use std::io;
use std::sync::PoisonError;

const BLOCK_BYTES: usize = 1 << 20;

/// What makes an event new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum New {
    /// That it was asked for: what is there is stored once more.
    Always,
    /// That its id is not there.
    ById,
    /// That its id came more often than it is there: equal events are events of their own.
    ByCount,
}

/// The events of a source that are there.
pub(super) struct Held<'e> {
    new: New,
    /// The ids in the journal when it began, in order: 16 bytes each.
    kept: Vec<Id>,
    /// How often each came since, by this import or others.
    since: HashMap<Id, usize>,
    /// Up to where that is known.
    read: Cursor,
    /// How often each id came in, for [`New::ByCount`].
    came: HashMap<Id, usize>,
    /// What of the chunk at hand is to be stored.
    taken: HashMap<Id, usize>,
    alone: Alone<'e>,
}

impl<'e> Held<'e> {
    /// Counts what is there, unless another import into the source is under way.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn of(engine: &'e Engine, source: &SourceName, new: New) -> io::Result<Option<Self>> {
        let Some(alone) = Alone::with(engine, source) else {
            return Ok(None);
        };
        let (mut kept, mut read) = (Vec::new(), Cursor::default());
        if new != New::Always {
            alone.read_ids(&mut read, |id| kept.push(id))?;
        }
        kept.sort_unstable();
        Ok(Some(Self {
            new,
            kept,
            since: HashMap::new(),
            read,
            came: HashMap::new(),
            taken: HashMap::new(),
            alone,
        }))
    }

    /// Begins a chunk: what came since the last one counts too.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn next_chunk(&mut self) -> io::Result<()> {
        self.taken.clear();
        if self.new == New::Always {
            return Ok(());
        }
        let since = &mut self.since;
        let count = |id| *since.entry(id).or_default() += 1;
        self.alone.read_ids(&mut self.read, count)
    }

    /// Whether the event is to be stored: then it is of this chunk.
    pub fn is_new(&mut self, id: Id) -> bool {
        if self.new == New::Always {
            return true;
        }
        let there = self.count_of(id) + self.taken.get(&id).copied().unwrap_or(0);
        let is_new = if self.new == New::ByCount {
            let came = self.came.entry(id).or_default();
            *came += 1;
            *came > there
        } else {
            there == 0
        };
        if is_new {
            *self.taken.entry(id).or_default() += 1;
        }
        is_new
    }

    /// How often the journal has the id.
    pub fn count_of(&self, id: Id) -> usize {
        let from = self.kept.partition_point(|kept| *kept < id);
        let until = self.kept.partition_point(|kept| *kept <= id);
        until - from + self.since.get(&id).copied().unwrap_or(0)
    }
}

/// That no other import into the source is under way, as long as this lives.
struct Alone<'e> {
    engine: &'e Engine,
    source: SourceName,
}

impl<'e> Alone<'e> {
    fn with(engine: &'e Engine, source: &SourceName) -> Option<Self> {
        let mut imports = engine
            .imports
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        imports.insert(source.clone()).then(|| Self {
            engine,
            source: source.clone(),
        })
    }

    /// Hands the ids of the source's events to `then`, from the cursor on up to what is synced.
    fn read_ids(&self, cursor: &mut Cursor, mut then: impl FnMut(Id)) -> io::Result<()> {
        let journal = &self.engine.journal;
        let mut reader = Reader::new(self.engine.disk.clone(), journal.clone());
        let end = journal.end().0;
        while let Some(block) = reader.next(cursor, end, BLOCK_BYTES)? {
            let lines = block.lines.split(|&b| b == b'\n');
            for line in lines.filter(|line| !line.is_empty()) {
                let record = record::parse(line).map_err(|error| {
                    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
                })?;
                if record.source == self.source.as_str() {
                    then(record.id());
                }
            }
        }
        Ok(())
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        let mut imports = self
            .engine
            .imports
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        imports.remove(&self.source);
    }
}
