//! The bytes of the archive, and what is held while they are made.

use super::*;

/// So many rows of twenty columns, made when they are asked for.
struct Many(Vec<Heading>, usize);

struct ManyRows(usize, usize);

impl Table for Many {
    fn headings(&self) -> &[Heading] {
        &self.0
    }

    fn rows(&self) -> io::Result<Box<dyn Rows>> {
        Ok(Box::new(ManyRows(0, self.1)))
    }
}

impl Rows for ManyRows {
    fn next(&mut self, row: &mut Row) -> io::Result<bool> {
        row.clear();
        self.0 += 1;
        let number = self.0.to_string();
        for column in 0..20 {
            match column % 4 {
                0 => row.push(column, Kind::Number, number.as_bytes()),
                1 => row.push(column, Kind::Text, b"2026-11-23T09:05:00Z"),
                2 => row.push(column, Kind::Text, b"A Sample Lesson"),
                _ => row.push(
                    column,
                    Kind::Text,
                    blake3::hash(number.as_bytes()).to_hex()[..32].as_bytes(),
                ),
            }
        }
        if self.0 > self.1 {
            row.clear();
        }
        Ok(self.0 <= self.1)
    }
}

#[test]
fn what_is_held_does_not_grow() {
    let rows = 60_000;
    let titles: Vec<_> = (0..20).map(|i| format!("column {i}")).collect();
    let titles: Vec<_> = titles.iter().map(String::as_str).collect();
    let many = Box::new(Many(headings(&titles), rows));
    let mut workbook = Xlsx::new(many, about(Tz::UTC)).unwrap();
    let first = workbook.next_bytes().unwrap().unwrap();
    assert!(first.starts_with(b"PK\x03\x04") && first.len() < 4 << 10);
    let (mut pieces, mut total) = (0, 0);
    while let Some(piece) = workbook.next_bytes().unwrap() {
        pieces += 1;
        total += piece.len();
        assert!(piece.capacity() <= 4 * PIECE, "{}", piece.capacity());
        assert!(workbook.pen.held() <= 4 * PIECE, "{}", workbook.pen.held());
    }
    assert!(
        pieces > 100 && total > 100 * PIECE,
        "{pieces} pieces of {total} bytes"
    );
    assert_eq!(workbook.rows, rows as u64);
}

#[test]
fn header_and_directory_of_the_archive_say_the_same() {
    let file = made(
        table(&["a"], vec![vec![text(0, "x")]; 10]),
        about(Tz::UTC),
        EXCEL,
    );
    let mut entries = 0;
    for at in memchr::memmem::find_iter(&file, b"PK\x01\x02") {
        let u16_at = |at: usize| u16::from_le_bytes([file[at], file[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let header = u32_at(at + 42) as usize;
        assert_eq!(file[header..header + 4], *b"PK\x03\x04");
        // Version, flags, method, time.
        assert_eq!(file[header + 4..header + 14], file[at + 6..at + 16]);
        assert_eq!((u16_at(header + 4), u16_at(header + 8)), (20, 8));
        let (crc, packed) = (at + 16..at + 20, u32_at(at + 20) as usize);
        if u16_at(header + 6) == 0 {
            assert_eq!(file[header + 14..header + 26], file[at + 16..at + 28]);
        } else {
            assert_eq!(u16_at(header + 6), 8);
            assert_eq!(file[header + 14..header + 26], [0; 12]);
            let behind = header + 30 + usize::from(u16_at(header + 26)) + packed;
            assert_eq!(file[behind..behind + 4], *b"PK\x07\x08");
            assert_eq!(
                file[behind + 4..behind + 16],
                file[crc.start..crc.start + 12]
            );
        }
        entries += 1;
    }
    // Four parts before the sheets, two sheets, three parts behind them.
    assert_eq!(entries, 9);
}

/// Zeros, and then bytes.
struct Behind<'a> {
    zeros: u64,
    bytes: &'a [u8],
    at: u64,
}

impl io::Read for Behind<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(at) = self.at.checked_sub(self.zeros) else {
            let count = into
                .len()
                .min(usize::try_from(self.zeros - self.at).unwrap());
            into[..count].fill(0);
            self.at += count as u64;
            return Ok(count);
        };
        let rest = self
            .bytes
            .get(usize::try_from(at).unwrap()..)
            .unwrap_or_default();
        let count = into.len().min(rest.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl io::Seek for Behind<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let end = self.zeros + self.bytes.len() as u64;
        let at = match to {
            io::SeekFrom::Start(at) => Some(at),
            io::SeekFrom::End(by) => end.checked_add_signed(by),
            io::SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[test]
fn an_archive_of_more_than_four_gib_is_read() {
    for zeros in [u64::from(u32::MAX) - 900, 5 << 30] {
        let rows = vec![vec![text(0, "x")]; 10];
        let mut workbook = Xlsx::new(table(&["a"], rows), about(Tz::UTC)).unwrap();
        workbook.pen.zip().pretend(zeros);
        let file = bytes(&mut workbook);
        let file = Behind {
            zeros,
            bytes: &file,
            at: 0,
        };
        let sheets = read_from(file);
        assert_eq!(lines(&sheets[0].1), [&["a"][..], &["x"; 10]].concat());
        assert_eq!(sheets[1].0, "About");
    }
}
