//! Text that a stranger sent, as a person may look at it: what cannot be seen,
//! or turns the order of what can, stands there by its name; the place of a
//! fault is marked; of long lines and texts what is around it is shown.

use askama::Template;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

/// Letters that are shown of a line, on each side of the fault.
const AROUND: usize = 160;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it is.
    Plain(String),
    /// One that is not shown as it is, by its number.
    Sign(String),
}

/// Pieces, as they stand in a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Template)]
#[template(
    source = "{% for piece in pieces %}{% match piece %}{% when Piece::Plain with (text) %}{{ text }}{% when Piece::Sign with (name) %}<span class=\"sign\">{{ name }}</span>{% endmatch %}{% endfor %}",
    ext = "html"
)]
pub(super) struct Shown {
    pieces: Vec<Piece>,
}

impl Shown {
    /// All of `text`.
    pub fn of(text: &str) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        for letter in text.chars() {
            if is_hidden(letter) {
                pieces.push(Piece::Sign(format!("U+{:04X}", u32::from(letter))));
            } else if let Some(Piece::Plain(plain)) = pieces.last_mut() {
                plain.push(letter);
            } else {
                pieces.push(Piece::Plain(letter.to_string()));
            }
        }
        Self { pieces }
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

/// Some lines of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub lines: Vec<Line>,
    /// Whether lines stand before these, and after them.
    pub more: (bool, bool),
}

/// A line, or what is shown of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1.
    pub number: usize,
    /// Whether something stands before what is shown, and after it.
    pub cut: (bool, bool),
    pub before: Shown,
    /// Where the fault is.
    pub mark: Option<Shown>,
    pub after: Shown,
}

impl Excerpt {
    /// What is around the fault at `place`, a line and a column, from 1: so many lines before it and after it. Without a place
    /// it is the beginning.
    pub fn of(text: &str, place: Option<(usize, usize)>, lines: usize) -> Self {
        let at = place.map_or(1, |(line, _)| line);
        let first = at.saturating_sub(lines).max(1);
        let mut all = text.split('\n').enumerate().skip(first - 1);
        let shown = all.by_ref().take(at - first + lines + 1);
        let lines = shown.map(|(nth, line)| {
            let column = place.filter(|place| place.0 == nth + 1);
            Line::of(nth + 1, line, column.map(|place| place.1))
        });
        let lines = lines.collect();
        let after = all.next().is_some_and(|(_, line)| !line.is_empty());
        Self {
            lines,
            more: (first > 1, after),
        }
    }
}

impl Line {
    fn of(number: usize, line: &str, column: Option<usize>) -> Self {
        let ends_with_return = line.ends_with('\r');
        let line = line.strip_suffix('\r').unwrap_or(line);
        let at = column.map_or(0, |column| byte_of(line, column));
        let (before, rest) = line.split_at(at);
        let (before, cut_before) = last(before, AROUND);
        let mut rest = rest.chars();
        let mark = column.map(|_| match rest.next() {
            Some(letter) => Shown::of(letter.encode_utf8(&mut [0; 4])),
            None if ends_with_return => Shown::of("\r"),
            None => Shown::default(),
        });
        let (after, cut_after) = first(
            rest.as_str(),
            if column.is_some() { AROUND } else { 2 * AROUND },
        );
        Self {
            number,
            cut: (cut_before, cut_after),
            before: Shown::of(before),
            mark,
            after: Shown::of(after),
        }
    }
}

/// The first letters of `text`, and whether there are more.
pub(super) fn first(text: &str, letters: usize) -> (&str, bool) {
    match text.char_indices().nth(letters) {
        Some((at, _)) => (&text[..at], true),
        None => (text, false),
    }
}

/// The last letters of `text`, and whether there are more.
fn last(text: &str, letters: usize) -> (&str, bool) {
    match text.char_indices().rev().nth(letters) {
        Some((at, letter)) => (&text[at + letter.len_utf8()..], true),
        None => (text, false),
    }
}

/// Where the letter in `column`, from 1, begins.
fn byte_of(line: &str, column: usize) -> usize {
    let mut letters = line.char_indices();
    letters
        .nth(column.max(1) - 1)
        .map_or(line.len(), |(at, _)| at)
}

/// Where the letter at `place` begins in `text`, counted in units of UTF-16, as a browser counts.
pub(super) fn browser_offset(text: &str, (line, column): (usize, usize)) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let rest = &text[before..];
    let end = rest.find('\n').unwrap_or(rest.len());
    let at = before + byte_of(&rest[..end], column);
    text[..at].encode_utf16().count()
}

/// `text` as a person may correct it: letters that cannot be seen are written as they are within JSON's texts, or as they are
/// in a form. That means the same there.
pub(super) fn editable(text: &str, form: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\r' && letters.peek() == Some(&'\n') {
            continue;
        }
        if !is_hidden(letter) {
            out.push(letter);
        } else if form {
            for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// Whether it cannot be seen, or changes the order of what can. Line ends and tabs are what they seem to be.
pub(super) fn is_hidden(letter: char) -> bool {
    !matches!(letter, '\n' | '\t')
        && (letter.is_control() || HIDDEN.iter().any(|range| range.contains(&letter)))
}

/// Letters without a shape, and those that turn the order of others.
const HIDDEN: [RangeInclusive<char>; 15] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff9}'..='\u{fffb}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

#[cfg(test)]
mod tests {
    use super::*;

    fn html(shown: &Shown) -> String {
        shown.render().unwrap()
    }

    fn line(line: &Line) -> (String, Option<String>, String) {
        (
            html(&line.before),
            line.mark.as_ref().map(html),
            html(&line.after),
        )
    }

    #[test]
    fn hostile_text_is_shown_by_name_and_escaped() {
        let shown = Shown::of("<b>&\u{202e}txt\0\u{7f}\u{feff}\té");
        assert_eq!(
            html(&shown),
            "&#60;b&#62;&#38;<span class=\"sign\">U+202E</span>txt<span class=\"sign\">U+0000</span>\
             <span class=\"sign\">U+007F</span><span class=\"sign\">U+FEFF</span>\té"
        );
        assert_eq!(
            editable("\u{feff}a\u{202e}\u{e0041}\r\n\0é\r", false),
            "a\\u202e\\udb40\\udc41\n\\u0000é\\u000d"
        );
        assert_eq!(editable("a=\u{202e}&b=\0", true), "a=%E2%80%AE&b=%00");
    }

    #[test]
    fn the_place_is_marked() {
        let text = "{\n \"ä\": x,\r\n 1}\n";
        let excerpt = Excerpt::of(text, Some((2, 7)), 1);
        assert_eq!(excerpt.lines.len(), 3);
        assert_eq!(
            line(&excerpt.lines[1]),
            (" &#34;ä&#34;: ".into(), Some("x".into()), ",".into())
        );
        assert_eq!(
            (excerpt.lines[0].number, excerpt.lines[0].mark.is_none()),
            (1, true)
        );
        assert_eq!(excerpt.more, (false, false));
        let end = Excerpt::of("{\"a\":", Some((1, 6)), 2);
        assert_eq!(
            line(&end.lines[0]),
            ("{&#34;a&#34;:".into(), Some(String::new()), String::new())
        );
        let far = Excerpt::of("1\n2\n3\n4\n5", Some((3, 1)), 1);
        assert_eq!((far.lines.len(), far.more), (3, (true, true)));
        assert_eq!(browser_offset("a\n😀x", (2, 2)), 4);
        assert_eq!(browser_offset("a\n😀x", (9, 9)), 5);
    }

    #[test]
    fn of_long_lines_what_is_around_it() {
        let text = "é".repeat(50_000) + "!" + &"x".repeat(50_000);
        let excerpt = Excerpt::of(&text, Some((1, 50_001)), 2);
        let line = &excerpt.lines[0];
        assert_eq!(
            (line.cut, line.mark.as_ref().map(html).as_deref()),
            ((true, true), Some("!"))
        );
        assert_eq!(html(&line.before), "é".repeat(AROUND));
        assert_eq!(html(&line.after), "x".repeat(AROUND));
        let beginning = Excerpt::of(&text, None, 2);
        assert_eq!(html(&beginning.lines[0].after).chars().count(), 2 * AROUND);
        assert_eq!(
            (beginning.lines[0].cut, beginning.lines[0].mark.is_none()),
            ((false, true), true)
        );
    }
}
