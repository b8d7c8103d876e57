//! The end that does the work. It has the engine; what it says goes to
//! whoever asked, and an error ends the session and nothing else.

use super::import::Import;
use super::links;
use super::protocol::{Answer, Chunk, Command, Item, Terms, get, put};
use crate::engine::Engine;
use crate::event::{Day, SourceName};
use std::io::{self, BufRead, Write};
use std::time::Duration;

/// Items of a chunk; more would only take memory.
pub const CHUNK_ITEMS_MAX: usize = 4096;
/// A chunk with so many bytes of bodies, in base64, takes no further item.
pub const CHUNK_BYTES: usize = 4 << 20;
/// Bytes of a line without a body in it.
const LINE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of an item's line beside its body; nearly all of them are for a Content-Type.
const ENVELOPE_BYTES_MAX: usize = 256 << 10;

/// Hears which command it is; nothing when there is none.
///
/// # Errors
/// When the stream fails, or says something else.
pub fn hear(from: &mut impl BufRead) -> io::Result<Option<Command>> {
    get(from, &mut Vec::new(), LINE_BYTES_MAX)
}

/// Serves one command to its end. Whoever asked must say something once in `alive`, if that is given.
///
/// # Errors
/// When the stream fails, or says what it may not. What is wrong with the command is said on the stream.
pub fn serve(
    engine: &Engine,
    command: Command,
    alive: Option<Duration>,
    from: &mut impl BufRead,
    to: &mut impl Write,
) -> io::Result<()> {
    let release = env!("CARGO_PKG_VERSION");
    if command.release() != release {
        let why = format!(
            "the process that holds the output directory is rowhook {release}, this is {}; use the same",
            command.release()
        );
        return put(to, &Answer::Failed(why));
    }
    match command {
        Command::Rebuild {
            source,
            from: first,
            to: last,
            ..
        } => rebuild(engine, source, first, last, to),
        Command::Import { source, again, .. } => match Import::begin(engine, &source, again) {
            Ok(import) => take(import, alive, from, to),
            Err(answer) => put(to, &answer),
        },
        Command::MakeLink {
            source,
            feed,
            expires_at,
            ..
        } => put(to, &links::make(engine, &source, &feed, expires_at)),
        Command::RevokeLink { id, .. } => put(to, &links::revoke(engine, &id)),
        Command::ListLinks { .. } => links::list(engine, to),
    }
}

fn rebuild(
    engine: &Engine,
    source: Option<SourceName>,
    from: Option<Day>,
    to: Option<Day>,
    out: &mut impl Write,
) -> io::Result<()> {
    let known = source.as_ref().is_none_or(|source| engine.knows(source));
    if !known {
        let name = source.map(|s| s.to_string()).unwrap_or_default();
        return put(out, &Answer::Wrong(format!("there is no source `{name}`")));
    }
    // What room there is is for the journal: tables would wait for it without a word.
    if let Err(why) = engine.health() {
        let why = format!(
            "{why}; tables are made anew once it takes events again: run the same command then"
        );
        return put(out, &Answer::Failed(why));
    }
    let first = from.unwrap_or(Day::new(chrono::NaiveDate::MIN));
    let last = to.unwrap_or(Day::new(chrono::NaiveDate::MAX));
    let Ok(mut rebuilt) = engine.tables.rebuild(source, first..=last) else {
        return put(out, &Answer::Failed("rowhook is stopping".into()));
    };
    while let Some(message) = rebuilt.blocking_recv() {
        let Some(table) = message else {
            return put(out, &Answer::Done);
        };
        let answer = Answer::Table {
            source: table.source,
            day: table.day,
            left: table.left,
            before: table.before,
            after: table.after,
        };
        put(out, &answer)?;
    }
    let why = "rowhook is stopping; run the same command again for the tables that are left";
    put(out, &Answer::Failed(why.into()))
}

fn take(
    mut import: Import<'_>,
    alive: Option<Duration>,
    from: &mut impl BufRead,
    to: &mut impl Write,
) -> io::Result<()> {
    let terms = Terms {
        alive_ms: alive.map(|alive| u64::try_from(alive.as_millis()).unwrap_or(u64::MAX)),
        ..import.terms()
    };
    put(to, &Answer::Ready(terms))?;
    let body_bytes_max = terms.body_bytes_max.max(terms.record_bytes_max);
    let item_bytes_max = body_bytes_max.div_ceil(3) * 4 + ENVELOPE_BYTES_MAX;
    let mut line = Vec::new();
    // A stream that ends before it says so was cut off: what was stored is stored.
    loop {
        let count = match get(from, &mut line, LINE_BYTES_MAX)? {
            Some(Chunk::Items(count)) => count,
            Some(Chunk::Alive) => continue,
            Some(Chunk::End) => break,
            None => return Ok(()),
        };
        if count > CHUNK_ITEMS_MAX {
            let why = format!("a chunk of {count} items; the limit is {CHUNK_ITEMS_MAX}");
            return put(to, &Answer::Failed(why));
        }
        let (mut items, mut bytes) = (Vec::with_capacity(count), 0);
        for _ in 0..count {
            if bytes >= CHUNK_BYTES {
                let why = format!("a chunk that goes on behind {CHUNK_BYTES} bytes");
                return put(to, &Answer::Failed(why));
            }
            match get::<Item>(from, &mut line, item_bytes_max)? {
                Some(item) => {
                    bytes += item.body.len();
                    items.push(item);
                }
                None => return Ok(()),
            }
        }
        line.shrink_to(CHUNK_BYTES);
        match import.take(items) {
            Ok(taken) => put(to, &taken)?,
            Err(why) => return put(to, &Answer::Failed(why)),
        }
    }
    import.settle();
    put(to, &Answer::Done)
}
