//! Rows of CSV text (RFC 4180): where they end, wider by empty cells, split
//! into raw fields. A line end within quotes ends no row.

/// Finds row ends in text that comes in pieces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowEnds {
    quoted: bool,
}

impl RowEnds {
    /// The offset behind the next row end in `text` from `from` on; nothing when the rest of the piece has none.
    pub fn next(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        while let Some(found) = memchr::memchr2(b'"', b'\n', &text[at..]) {
            at += found + 1;
            if text[at - 1] == b'"' {
                // A doubled quote within a field toggles twice, which is as well.
                self.quoted = !self.quoted;
            } else if !self.quoted {
                return Some(at);
            }
        }
        None
    }
}

/// Appends `text`, a piece of a file, with `cells` empty cells more at the end of each row. Returns how many rows ended.
pub fn widen(text: &[u8], ends: &mut RowEnds, cells: usize, out: &mut Vec<u8>) -> u64 {
    let (mut at, mut rows) = (0, 0);
    while let Some(end) = ends.next(text, at) {
        out.extend_from_slice(&text[at..end - 1]);
        out.resize(out.len() + cells, b',');
        out.push(b'\n');
        at = end;
        rows += 1;
    }
    out.extend_from_slice(&text[at..]);
    rows
}

/// The raw fields of `row`, quotes and all, without the line end.
pub fn fields(row: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(row.strip_suffix(b"\n").unwrap_or(row));
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut at) = (false, 0);
        while let Some(found) = memchr::memchr2(b'"', b',', &text[at..]) {
            at += found;
            if text[at] == b'"' {
                quoted = !quoted;
            } else if !quoted {
                rest = Some(&text[at + 1..]);
                return Some(&text[..at]);
            }
            at += 1;
        }
        rest = None;
        Some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_wider() {
        let text = b"a,\"x\ny\"\n\"q\"\"\n\",b\n,\n";
        for cut in 0..text.len() {
            let (mut ends, mut out) = (RowEnds::default(), Vec::new());
            let rows = widen(&text[..cut], &mut ends, 2, &mut out)
                + widen(&text[cut..], &mut ends, 2, &mut out);
            assert_eq!(
                String::from_utf8_lossy(&out),
                "a,\"x\ny\",,\n\"q\"\"\n\",b,,\n,,,\n"
            );
            assert_eq!(rows, 3);
        }
    }

    #[test]
    fn raw_fields() {
        let split = |row: &str| {
            fields(row.as_bytes())
                .map(|f| String::from_utf8_lossy(f).into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(split("a,\"b,\"\"\n\",,c\n"), ["a", "\"b,\"\"\n\"", "", "c"]);
        assert_eq!(split(",\n"), ["", ""]);
        assert_eq!(split("x"), ["x"]);
    }
}
