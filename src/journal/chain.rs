//! The files of the journal in the order of their chain, as they are found.
//! Only reads, so that a start and an audit see the same.

use super::segment::{FirstLine, Previous, Segment, Start, read_start};
use crate::disk::SharedDisk;
use crate::layout::{Layout, is_passing_name, segment_of_name};
use std::io;
use std::path::{Path, PathBuf};

/// What is in the journal's folder.
#[derive(Debug, Default)]
pub struct Chain {
    /// The segments, each as long as the next one says, the last as far as it is written.
    pub segments: Vec<Segment>,
    /// Files whose making was cut off or failed. Whatever is in them, no event is.
    pub leftovers: Vec<PathBuf>,
    /// Acknowledged events may be lost there.
    pub faults: Vec<Fault>,
}

/// Nothing was ever stored there.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path}: no journal is here; name the folder that the server writes to with --output or --config",
    path = .0.display()
)]
pub struct NoJournal(pub PathBuf);

/// Whether anything was ever stored below `layout`.
///
/// # Errors
/// Whatever the disk answers, and for which path.
pub fn is_begun(disk: &SharedDisk, layout: &Layout) -> Result<bool, (PathBuf, io::Error)> {
    for dir in [layout.journal_dir(), layout.state_dir()] {
        if !disk.list(&dir).map_err(|e| (dir, e))?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// Where in it, in bytes.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
}

/// A first line, its file, and the file's length.
type Found = (FirstLine, PathBuf, u64);

impl Chain {
    /// Reads the first lines of all segments in `dir`.
    ///
    /// # Errors
    /// Whatever the disk answers, and for which path.
    pub fn read(disk: &SharedDisk, dir: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let (mut chain, mut found) = (Self::default(), Vec::<Found>::new());
        for name in disk.list(dir).map_err(|e| (dir.to_owned(), e))? {
            let path = dir.join(&name);
            let Some((day, _)) = segment_of_name(&name) else {
                if is_passing_name(&name) {
                    chain.leftovers.push(path);
                }
                continue;
            };
            match read_start(&**disk, &path).map_err(|e| (path.clone(), e))? {
                Start::Whole(first, _) if first.day != day => {
                    let what = format!(
                        "the first line says {}, and the file's name another day",
                        first.day
                    );
                    chain.fault(&path, 0, what);
                }
                Start::Whole(first, bytes) => found.push((first, path, bytes)),
                Start::Damaged(what) => chain.fault(&path, 0, what),
            }
        }
        found.sort_by_key(|f| f.0.segment);
        for segment in found {
            chain.link(segment);
        }
        Ok(chain)
    }

    fn fault(&mut self, path: &Path, offset: u64, what: impl Into<String>) {
        self.faults.push(Fault {
            path: path.to_owned(),
            offset,
            what: what.into(),
        });
    }

    fn link(&mut self, (first, path, bytes): Found) {
        let FirstLine {
            segment,
            previous:
                Previous {
                    segment: previous,
                    bytes: good,
                },
            ..
        } = first;
        let mut fault = None;
        if let Some(before) = self.segments.last_mut() {
            if segment == before.number {
                let what = format!("two files are segment {segment}");
                fault = Some((path.clone(), 0, what));
            } else if previous != before.number || Some(segment) != before.number.checked_add(1) {
                let what = format!(
                    "segment {segment} follows segment {}; one between is missing",
                    before.number
                );
                fault = Some((path.clone(), 0, what));
            } else if good > before.bytes {
                let what = format!("the file ends here, but {good} bytes of it were stored");
                fault = Some((before.path.clone(), before.bytes, what));
            } else {
                before.bytes = good;
            }
        }
        if let Some((path, offset, what)) = fault {
            self.fault(&path, offset, what);
        }
        self.segments.push(Segment {
            number: segment,
            day: first.day,
            first_seq: first.first_seq,
            path,
            bytes,
        });
    }
}
