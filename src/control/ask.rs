//! The end that asks: says the command, hands over what it needs, and prints
//! what came of it.

use super::alive::{Alive, Shared, lock};
use super::items::{self, Found};
use super::protocol::{Answer, Chunk, Command, Item, Refused, Terms, get, put};
use super::session::{CHUNK_BYTES, CHUNK_ITEMS_MAX};
use crate::event::{Day, SourceName};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, BufRead, Read as _, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All of it was done.
    Done,
    /// Some of it was not; what and why was printed.
    Partly,
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Whoever does the work says so.
    #[error("{0}")]
    Refused(String),
    /// What is asked for makes no sense: wrong usage.
    #[error("{0}")]
    Wrong(String),
    /// A file cannot be read.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Nobody takes what is printed.
    #[error(
        "standard output: {0}; what was done until then is done, and the same command can be run again"
    )]
    Out(io::Error),
    /// The stream broke.
    #[error(
        "the process that holds the output directory does not answer any more ({0}); what it did is done, and the same command can be run again"
    )]
    Stream(#[from] io::Error),
}

/// The stream to whoever does the work, and where to print.
pub struct Ask<R, W, O> {
    from: R,
    to: Shared<W>,
    pub(super) out: O,
    progress: bool,
}

/// Prints a line for people.
pub(super) fn print(out: &mut impl Write, line: &dyn Display) -> Result<(), AskError> {
    writeln!(out, "{line}").map_err(AskError::Out)
}

pub(super) const RELEASE: &str = env!("CARGO_PKG_VERSION");
/// An answer names at most all items of a chunk.
const ANSWER_BYTES_MAX: usize = 64 << 20;

impl<R: BufRead, W: Write + Send + 'static, O: Write> Ask<R, W, O> {
    /// Whoever does the work says `from` and is told `to`; `out` is for people, and with `progress` standard error too.
    pub fn new(from: R, to: W, out: O, progress: bool) -> Self {
        Self {
            from,
            to: Arc::new(Mutex::new(to)),
            out,
            progress,
        }
    }

    /// Has tables made anew.
    ///
    /// # Errors
    /// When nothing could be done.
    pub fn rebuild(
        mut self,
        source: Option<SourceName>,
        from: Option<Day>,
        to: Option<Day>,
    ) -> Result<Outcome, AskError> {
        let command = Command::Rebuild {
            release: RELEASE.into(),
            source,
            from,
            to,
        };
        self.tell(|to| put(to, &command))?;
        let (mut done, mut failed, mut line) = (0, 0, Vec::new());
        loop {
            match self.answer(&mut line)? {
                Answer::Table {
                    source,
                    day,
                    left,
                    before,
                    after,
                } => {
                    self.clear_progress();
                    let what = match after {
                        Ok(after) => {
                            done += 1;
                            format!("{} -> {}", figures(before), figures(after))
                        }
                        Err(why) => {
                            failed += 1;
                            format!("failed: {why}")
                        }
                    };
                    print(&mut self.out, &format_args!("{source} {day}: {what}"))?;
                    self.show(&format!("{left} tables left"));
                }
                Answer::Done => break,
                other => return Err(unexpected(other)),
            }
        }
        self.clear_progress();
        let failures = match failed {
            0 => String::new(),
            n => format!(", {n} failed"),
        };
        let told = format_args!("{done} tables made anew{failures}");
        print(&mut self.out, &told)?;
        Ok(if failed == 0 {
            Outcome::Done
        } else {
            Outcome::Partly
        })
    }

    /// Has the events of files stored; `-` is standard input.
    ///
    /// # Errors
    /// When it could not be done to the end.
    pub fn import(
        mut self,
        source: &SourceName,
        files: &[PathBuf],
        again: bool,
    ) -> Result<Outcome, AskError> {
        let command = Command::Import {
            release: RELEASE.into(),
            source: source.clone(),
            again,
        };
        self.tell(|to| put(to, &command))?;
        let mut line = Vec::new();
        let terms = match self.answer(&mut line)? {
            Answer::Ready(terms) => terms,
            other => return Err(unexpected(other)),
        };
        let every = terms.alive_ms.map(Duration::from_millis);
        let alive = every
            .map(|every| Alive::start(self.to.clone(), every))
            .transpose()?;
        let mut import = Importing {
            ask: self,
            terms,
            line,
            chunk: Vec::new(),
            places: Vec::new(),
            notes: Vec::new(),
            bytes: 0,
            total: Total::default(),
        };
        for file in files {
            import.file(file, source)?;
        }
        import.send()?;
        drop(alive);
        import.finish()
    }

    /// Says something. Where nobody hears it any more, what was said last tells why.
    pub(super) fn tell(
        &mut self,
        mut what: impl FnMut(&mut W) -> io::Result<()>,
    ) -> Result<(), AskError> {
        let told = {
            let mut to = lock(&self.to);
            what(&mut to).and_then(|()| to.flush())
        };
        told.map_err(|error| match self.answer(&mut Vec::new()) {
            Ok(Answer::Failed(why)) => AskError::Refused(why),
            _ => error.into(),
        })
    }

    pub(super) fn answer(&mut self, line: &mut Vec<u8>) -> Result<Answer, AskError> {
        get(&mut self.from, line, ANSWER_BYTES_MAX)?
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }

    fn show(&self, what: &str) {
        if self.progress {
            let _ = write!(io::stderr(), "\r\x1b[K{what}");
        }
    }

    fn clear_progress(&self) {
        self.show("");
    }
}

pub(super) fn unexpected(answer: Answer) -> AskError {
    match answer {
        Answer::Wrong(why) => AskError::Wrong(why),
        Answer::Failed(why) => AskError::Refused(why),
        other => AskError::Refused(format!(
            "it was answered {other:?}, which is not understood"
        )),
    }
}

fn figures((rows, columns): (u64, usize)) -> String {
    format!("{rows} rows, {columns} columns")
}

#[derive(Default)]
struct Total {
    stored: u64,
    duplicates: u64,
    refused: u64,
    others: BTreeMap<String, u64>,
}

struct Importing<R, W, O> {
    ask: Ask<R, W, O>,
    terms: Terms,
    line: Vec<u8>,
    chunk: Vec<Item>,
    /// Where each item of the chunk came from.
    places: Vec<String>,
    /// What was refused here, each with how many items of the chunk were before it.
    notes: Vec<(usize, String)>,
    bytes: usize,
    total: Total,
}

impl<R: BufRead, W: Write + Send + 'static, O: Write> Importing<R, W, O> {
    fn file(&mut self, path: &PathBuf, source: &SourceName) -> Result<(), AskError> {
        let at = |error| AskError::File {
            path: path.clone(),
            error,
        };
        let name = path.display().to_string();
        // An error of the stream to the worker is kept apart from one of the file.
        let mut broken = None;
        let mut then = |found| {
            self.found(&name, found).map_err(|error| {
                broken = Some(error);
                io::Error::other("stopped")
            })
        };
        let read = if name == "-" {
            items::read(&mut io::stdin().lock(), source.as_str(), &mut then)
        } else {
            // As long as it is now: it may be the journal that it is imported into.
            let file = std::fs::File::open(path).map_err(at)?;
            let bytes = match file.metadata().map_err(at)? {
                data if data.is_file() => data.len(),
                _ => u64::MAX,
            };
            let mut file = io::BufReader::with_capacity(1 << 20, file).take(bytes);
            items::read(&mut file, source.as_str(), &mut then)
        };
        match broken {
            Some(error) => Err(error),
            None => read.map_err(at),
        }
    }

    fn found(&mut self, name: &str, found: Found) -> Result<(), AskError> {
        match found {
            Found::Item(item, place) => {
                if let Some(why) = self.terms.refuse(item.bytes(), item.record.is_some()) {
                    return self.note(format!("{name}:{place}: {why}"));
                }
                self.bytes += item.body.len();
                self.chunk.push(item);
                self.places.push(format!("{name}:{place}"));
                if self.bytes >= CHUNK_BYTES || self.chunk.len() >= CHUNK_ITEMS_MAX {
                    self.send()?;
                }
                Ok(())
            }
            Found::Other(source) => {
                *self.total.others.entry(source).or_default() += 1;
                Ok(())
            }
            Found::Bad(place, why) => self.note(format!("{name}:{place}: {why}")),
        }
    }

    /// Tells of something that is refused here, in the order of the file.
    fn note(&mut self, what: String) -> Result<(), AskError> {
        self.total.refused += 1;
        self.notes.push((self.chunk.len(), what));
        if self.notes.len() >= CHUNK_ITEMS_MAX {
            self.send()?;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), AskError> {
        let mut refused = Vec::new();
        if !self.chunk.is_empty() {
            let chunk = std::mem::take(&mut self.chunk);
            self.bytes = 0;
            self.ask.tell(|to| {
                put(to, &Chunk::Items(chunk.len()))?;
                chunk.iter().try_for_each(|item| put(to, item))
            })?;
            match self.ask.answer(&mut self.line)? {
                Answer::Taken {
                    stored,
                    duplicates,
                    refused: theirs,
                } => {
                    self.total.stored += stored;
                    self.total.duplicates += duplicates;
                    self.total.refused += theirs.len() as u64;
                    refused = theirs;
                }
                other => return Err(unexpected(other)),
            }
        }
        self.print(&refused)?;
        let Total {
            stored, duplicates, ..
        } = self.total;
        self.ask
            .show(&format!("{stored} stored, {duplicates} there already"));
        Ok(())
    }

    fn print(&mut self, refused: &[Refused]) -> Result<(), AskError> {
        let ask = &mut self.ask;
        ask.clear_progress();
        let mut notes = self.notes.drain(..).peekable();
        for one in refused {
            while let Some((_, note)) = notes.next_if(|(before, _)| *before <= one.nth) {
                print(&mut ask.out, &note)?;
            }
            let place = self.places.get(one.nth).map_or("", String::as_str);
            let kept = if one.kept { "; kept in rejected/" } else { "" };
            let told = format_args!("{place}: {}{kept}", one.reason);
            print(&mut ask.out, &told)?;
        }
        for (_, note) in notes {
            print(&mut ask.out, &note)?;
        }
        self.places.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Outcome, AskError> {
        self.ask.tell(|to| put(to, &Chunk::End))?;
        match self.ask.answer(&mut self.line)? {
            Answer::Done => {}
            other => return Err(unexpected(other)),
        }
        self.ask.clear_progress();
        let Total {
            stored,
            duplicates,
            refused,
            others,
        } = self.total;
        let out = &mut self.ask.out;
        let told = format_args!("{stored} stored, {duplicates} there already, {refused} refused");
        print(out, &told)?;
        for (source, count) in others {
            let told = format_args!(
                "{count} of the source {source} were passed over; import them with --source {source}"
            );
            print(out, &told)?;
        }
        Ok(if refused == 0 {
            Outcome::Done
        } else {
            Outcome::Partly
        })
    }
}
