//! An export into a file or a pipe. A file is written beside its place and
//! renamed in once it is whole and synced: whoever opens it sees all or what
//! was there before.

use super::ExportFailure;
use crate::disk::SharedDisk;
use crate::read::Answer;
use crate::read::pieces::Pieces;
use crate::read::write::Chunks;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The bytes of an answer, and how many there are where that is known.
#[must_use]
pub fn chunks(disk: &SharedDisk, answer: Answer) -> (Box<dyn Chunks>, Option<u64>) {
    match answer {
        Answer::Stream(stream) => (stream.chunks, None),
        Answer::File(export) => {
            let bytes = export.bytes;
            let pieces = Pieces::new(disk.clone(), export.pieces, 0..bytes);
            (Box::new(pieces), Some(bytes))
        }
    }
}

/// Writes all of `chunks` to `out`; tells how many bytes that were after each piece.
///
/// # Errors
/// Whatever reading or writing gives.
pub fn to_pipe(
    chunks: &mut dyn Chunks,
    out: &mut dyn Write,
    tell: &mut dyn FnMut(u64),
) -> io::Result<u64> {
    let mut bytes = 0;
    while let Some(piece) = chunks.next_bytes()? {
        out.write_all(&piece)?;
        bytes += piece.len() as u64;
        tell(bytes);
    }
    out.flush()?;
    Ok(bytes)
}

/// Writes all of `chunks` into the file `path`.
///
/// # Errors
/// Whatever reading or writing gives; nothing is left behind then, and what was there is as it was.
pub fn to_file(
    chunks: &mut dyn Chunks,
    path: &Path,
    tell: &mut dyn FnMut(u64),
) -> Result<u64, ExportFailure> {
    let io = |error| ExportFailure::Io {
        path: path.to_owned(),
        error,
    };
    let beside = beside(path).ok_or_else(|| io(io::ErrorKind::IsADirectory.into()))?;
    let written = (|| {
        // Another's stays.
        let mut file = File::create_new(&beside)?;
        let written = to_pipe(chunks, &mut file, tell)
            .and_then(|bytes| file.sync_all().map(|()| bytes))
            .and_then(|bytes| fs::rename(&beside, path).map(|()| bytes));
        let bytes = written.inspect_err(|_| {
            let _ = fs::remove_file(&beside);
        })?;
        // The name is as durable as its folder.
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(bytes)
    })();
    written.map_err(io)
}

/// A name beside `path` that nobody else has.
fn beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_string_lossy();
    Some(path.with_file_name(format!(".{name}.{}", std::process::id())))
}
