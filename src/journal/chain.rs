//! The files of the journal in the order of their chain, as they are found.
//! Only reads, so that a start and an audit see the same.

use super::segment::{FirstLine, Previous, Segment, Start, read_start};
use crate::disk::SharedDisk;
use crate::event::Day;
use crate::layout::segment_of_name;
use std::io;
use std::path::{Path, PathBuf};

/// What is in the journal's folder.
#[derive(Debug, Default)]
pub struct Chain {
    /// The segments, each as long as the next one says, the last as long as its file.
    pub segments: Vec<Segment>,
    /// Files that hold nothing: what is left of creations that were cut off or failed.
    pub leftovers: Vec<PathBuf>,
    /// Acknowledged events may be lost there.
    pub faults: Vec<Fault>,
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

/// The name of a file whose first line was never finished, the segment's number where that much is there, and its path.
type CutOff = ((Day, u32), Option<u64>, PathBuf);

/// A first line, its file, and the file's length.
type Found = (FirstLine, PathBuf, u64);

impl Chain {
    /// Reads the first lines of all segments in `dir`.
    ///
    /// # Errors
    /// Whatever the disk answers, and for which path.
    pub fn read(disk: &SharedDisk, dir: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let (mut chain, mut found, mut cut_off) = (Self::default(), Vec::new(), Vec::new());
        for name in disk.list(dir).map_err(|e| (dir.to_owned(), e))? {
            let Some((day, nth)) = segment_of_name(&name) else {
                continue;
            };
            let path = dir.join(&name);
            match read_start(&**disk, &path).map_err(|e| (path.clone(), e))? {
                Start::Whole(first, _) if first.day != day => {
                    let what = format!(
                        "the first line says {}, and the file's name another day",
                        first.day
                    );
                    chain.fault(&path, 0, what);
                }
                Start::Whole(first, bytes) => found.push((first, path, bytes)),
                Start::CutOff(number) => cut_off.push(((day, nth), number, path)),
                Start::Damaged(what) => chain.fault(&path, 0, what),
            }
        }
        found.sort_by_key(|f| f.0.segment);
        chain.take_abandoned(&mut found);
        chain.take_cut_off(cut_off, &found);
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

    /// A segment whose making failed after its first line was written, and which could not be removed then, has the number of
    /// the one that was made in its place. It holds no record.
    fn take_abandoned(&mut self, found: &mut Vec<Found>) {
        let is_empty = |f: &Found| f.2 == f.0.encode().len() as u64;
        let mut at_pair = 0;
        while at_pair + 1 < found.len() {
            let (one, other) = (&found[at_pair], &found[at_pair + 1]);
            if one.0.segment != other.0.segment {
                at_pair += 1;
                continue;
            }
            let gone = if is_empty(one) { at_pair } else { at_pair + 1 };
            if !is_empty(&found[gone]) {
                let what = format!("two files are segment {}", one.0.segment);
                let path = other.1.clone();
                self.fault(&path, 0, what);
                at_pair += 1;
                continue;
            }
            self.leftovers.push(found.remove(gone).1);
        }
    }

    /// A creation that was cut off is the newest segment. Where segments before the first are missing, one that is not newer
    /// than all others, by the number that it still has or else by its name, may be what is left of them.
    fn take_cut_off(&mut self, cut_off: Vec<CutOff>, found: &[Found]) {
        let complete = found.first().is_none_or(|first| first.0.segment == 1);
        let name_of = |f: &Found| segment_of_name(&f.1.file_name()?.to_string_lossy());
        let names = found.iter().filter_map(name_of);
        let newest = names.chain(cut_off.iter().map(|file| file.0)).max();
        let last = found.last().map_or(0, |last| last.0.segment);
        for (name, number, path) in cut_off {
            let is_newer = match number {
                Some(number) => number > last,
                None => Some(name) == newest,
            };
            if complete || is_newer {
                self.leftovers.push(path);
            } else {
                self.fault(
                    &path,
                    0,
                    "no first line, and segments before it may be missing",
                );
            }
        }
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
            if previous != before.number || Some(segment) != before.number.checked_add(1) {
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
