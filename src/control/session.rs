//! The end that does the work. It has the engine; what it says goes to
//! whoever asked, and an error ends the session and nothing else.

use super::import::Import;
use super::protocol::{Answer, Chunk, Command, Item, get, put};
use crate::engine::Engine;
use crate::event::{Day, SourceName};
use std::io::{self, BufRead, Write};

/// Items of a chunk; more would only take memory.
pub const CHUNK_ITEMS_MAX: usize = 4096;

/// Serves one command to its end.
///
/// # Errors
/// When the stream fails. What is wrong with the command is said on the stream.
pub fn serve(engine: &Engine, from: &mut impl BufRead, to: &mut impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    let Some(command) = get::<Command>(from, &mut line)? else {
        return Ok(());
    };
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
            Ok(import) => take(import, from, to),
            Err(why) => put(to, &Answer::Failed(why)),
        },
    }
}

fn rebuild(
    engine: &Engine,
    source: Option<SourceName>,
    from: Option<Day>,
    to: Option<Day>,
    out: &mut impl Write,
) -> io::Result<()> {
    let known = source.as_ref().is_none_or(|source| {
        let configured = engine.live().settings.sources.contains_key(source);
        configured || engine.tables.catalog().knows(source.as_str())
    });
    if !known {
        let name = source.map(|s| s.to_string()).unwrap_or_default();
        return put(out, &Answer::Failed(format!("there is no source `{name}`")));
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

fn take(mut import: Import<'_>, from: &mut impl BufRead, to: &mut impl Write) -> io::Result<()> {
    put(to, &Answer::Ready)?;
    let mut line = Vec::new();
    // A stream that ends before it says so was cut off: what was stored is stored.
    while let Some(Chunk::Items(count)) = get(from, &mut line)? {
        if count > CHUNK_ITEMS_MAX {
            let why = format!("a chunk of {count} items; the limit is {CHUNK_ITEMS_MAX}");
            return put(to, &Answer::Failed(why));
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            match get::<Item>(from, &mut line)? {
                Some(item) => items.push(item),
                None => return Ok(()),
            }
        }
        match import.take(items) {
            Ok(taken) => put(to, &taken)?,
            Err(why) => return put(to, &Answer::Failed(why)),
        }
    }
    import.settle();
    put(to, &Answer::Done)
}
