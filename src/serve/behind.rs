//! What stands behind a request is kept from the server until that is answered:
//! it would read all that came at once, and answer the first request by what
//! the last says of `Connection`, of its version, and of whether it wants a
//! body (HEAD).

use crate::http::progress::Progress;
use memchr::memmem::Finder;
use std::sync::LazyLock;
use tokio::io::ReadBuf;

const HEAD_END: &[u8] = b"\r\n\r\n";

/// To prepare a search takes longer than the search.
static END_OF_HEAD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(HEAD_END));
static VERSION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b" HTTP/1."));

/// What came and is not given yet.
#[derive(Default)]
pub struct Behind {
    bytes: Vec<u8>,
    /// The end of what was given of a head, which may be the beginning of its end.
    unended: Vec<u8>,
}

impl Behind {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Keeps what was read before the server read anything.
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Gives at most `room` bytes of it.
    pub fn give(&mut self, buf: &mut ReadBuf<'_>, room: usize, progress: &Progress) {
        // The server has looked at what it was given before.
        progress.begins_not();
        let bytes = room.min(self.bytes.len());
        buf.put_slice(&self.bytes[..bytes]);
        self.bytes.drain(..bytes);
    }

    /// Takes back what stands behind the first head in what came from `before` on, if that may be another request.
    pub fn keep(&mut self, buf: &mut ReadBuf<'_>, before: usize, progress: &Progress) {
        let came = &buf.filled()[before..];
        if progress.is_beginning() {
            self.bytes.extend_from_slice(came);
            buf.set_filled(before);
            return;
        }
        let Some(head) = end_of_head(&self.unended, came) else {
            self.unended.extend_from_slice(came);
            let old = self.unended.len().saturating_sub(HEAD_END.len() - 1);
            self.unended.drain(..old);
            return;
        };
        self.unended.clear();
        let behind = &came[head..];
        if VERSION.find(behind).is_none() {
            progress.gave_head(behind.len() as u64);
            return;
        }
        progress.gave_head(0);
        self.bytes.splice(..0, behind.iter().copied());
        buf.set_filled(before + head);
    }
}

/// Where a head ends in what `came` after `before`. One that ends with lone line feeds is not found.
fn end_of_head(before: &[u8], came: &[u8]) -> Option<usize> {
    if !before.is_empty() {
        let seam = [before, &came[..came.len().min(HEAD_END.len() - 1)]].concat();
        if let Some(at) = END_OF_HEAD.find(&seam) {
            return Some(at + HEAD_END.len() - before.len());
        }
    }
    END_OF_HEAD.find(came).map(|at| at + HEAD_END.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_head_is_found_wherever_it_is_cut() {
        let text = b"POST / HTTP/1.1\r\nHost: x\r\n\r\n{}\r\n\r\n";
        let end = 28;
        assert_eq!(&text[end..end + 2], b"{}");
        for cut in 0..end {
            let before = &text[cut.saturating_sub(3)..cut];
            assert_eq!(end_of_head(before, &text[cut..]), Some(end - cut), "{cut}");
            assert_eq!(end_of_head(before, &text[cut..end - 1]), None, "{cut}");
        }
    }
}
