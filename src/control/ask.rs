//! The end that asks: says the command, hands over what it needs, and prints
//! what came of it.

use super::items::{self, Found};
use super::protocol::{Answer, Chunk, Command, Item, get, put};
use super::session::CHUNK_ITEMS_MAX;
use crate::event::{Day, SourceName};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _, Write};
use std::path::PathBuf;

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
    /// A file cannot be read.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The stream broke.
    #[error(
        "the process that holds the output directory does not answer any more ({0}); what it did is done, and the same command can be run again"
    )]
    Stream(#[from] io::Error),
}

/// The stream to whoever does the work, and where to print.
pub struct Ask<R, W, O> {
    /// What it says.
    pub from: R,
    /// What it is told.
    pub to: W,
    /// For people.
    pub out: O,
    /// Whether progress is shown on standard error.
    pub progress: bool,
}

const RELEASE: &str = env!("CARGO_PKG_VERSION");
const CHUNK_BYTES: usize = 4 << 20;

impl<R: BufRead, W: Write, O: Write> Ask<R, W, O> {
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
        put(&mut self.to, &command)?;
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
                    writeln!(self.out, "{source} {day}: {what}")?;
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
        writeln!(self.out, "{done} tables made anew{failures}")?;
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
        put(&mut self.to, &command)?;
        let mut line = Vec::new();
        match self.answer(&mut line)? {
            Answer::Ready => {}
            other => return Err(unexpected(other)),
        }
        let mut import = Importing {
            ask: self,
            line,
            chunk: Vec::new(),
            places: Vec::new(),
            bytes: 0,
            total: Total::default(),
        };
        for file in files {
            import.file(file, source)?;
        }
        import.send()?;
        import.finish()
    }

    fn answer(&mut self, line: &mut Vec<u8>) -> Result<Answer, AskError> {
        self.to.flush()?;
        get(&mut self.from, line)?
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

fn unexpected(answer: Answer) -> AskError {
    match answer {
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
    line: Vec<u8>,
    chunk: Vec<Item>,
    /// Where each item of the chunk came from.
    places: Vec<String>,
    bytes: usize,
    total: Total,
}

impl<R: BufRead, W: Write, O: Write> Importing<R, W, O> {
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
                self.bytes += item.body.len();
                self.chunk.push(item);
                self.places.push(format!("{name}:{place}"));
                if self.bytes >= CHUNK_BYTES || self.chunk.len() >= CHUNK_ITEMS_MAX {
                    self.send()?;
                }
            }
            Found::Other(source) => *self.total.others.entry(source).or_default() += 1,
            Found::Bad(place, why) => {
                // In the order of the file.
                self.send()?;
                self.total.refused += 1;
                writeln!(self.ask.out, "{name}:{place}: {why}")?;
            }
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), AskError> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let ask = &mut self.ask;
        put(&mut ask.to, &Chunk::Items(self.chunk.len()))?;
        for item in self.chunk.drain(..) {
            put(&mut ask.to, &item)?;
        }
        let (stored, duplicates, refused) = match ask.answer(&mut self.line)? {
            Answer::Taken {
                stored,
                duplicates,
                refused,
            } => (stored, duplicates, refused),
            other => return Err(unexpected(other)),
        };
        ask.clear_progress();
        for one in &refused {
            let place = self.places.get(one.nth).map_or("", String::as_str);
            let kept = if one.kept { "; kept in rejected/" } else { "" };
            writeln!(ask.out, "{place}: {}{kept}", one.reason)?;
        }
        let total = &mut self.total;
        total.stored += stored;
        total.duplicates += duplicates;
        total.refused += refused.len() as u64;
        let (stored, duplicates) = (total.stored, total.duplicates);
        ask.show(&format!("{stored} stored, {duplicates} there already"));
        self.places.clear();
        self.bytes = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<Outcome, AskError> {
        put(&mut self.ask.to, &Chunk::End)?;
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
        writeln!(
            out,
            "{stored} stored, {duplicates} there already, {refused} refused"
        )?;
        for (source, count) in others {
            writeln!(
                out,
                "{count} of the source {source} were passed over; import them with --source {source}"
            )?;
        }
        Ok(if refused == 0 {
            Outcome::Done
        } else {
            Outcome::Partly
        })
    }
}
