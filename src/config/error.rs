//! What is said about a configuration that cannot be used: what is wrong, where,
//! and what to do. Promises never to show a secret, even one that was written
//! into the file by mistake: of a line, only what is known to be harmless appears.

pub(super) use crate::event::nearest;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::excerpt::Excerpt;

/// The most characters of a wrong value that an error repeats.
const VALUE_CHARS_MAX: usize = 60;

/// Why there are no settings: a sentence, its place, and help. `Display` is several lines for a person, from `error: ` on and
/// without a final line end; [`summary`](Self::summary) is one line for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    fault: Fault,
    place: Box<Place>,
}

/// What is wrong and what to do about it, not yet where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    message: String,
    help: Vec<String>,
}

/// Where the wrong value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A flag (`--listen`), an environment variable or a file as a whole.
    Named(String),
    /// A stretch of the configuration file.
    Line {
        path: PathBuf,
        /// From 1 up.
        line: usize,
        /// In characters, from 1 up.
        column: usize,
        excerpt: Excerpt,
    },
}

impl ConfigError {
    /// Place and message in one line, for a log.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("{}: {}", self.place, self.fault.message)
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let margin = match &*self.place {
            Place::Named(_) => 1,
            Place::Line { line, .. } => line.to_string().len(),
        };
        write!(f, "error: {}", self.fault.message)?;
        write!(f, "\n{:margin$}--> {}", "", self.place)?;
        if let Place::Line { line, excerpt, .. } = &*self.place {
            let (indent, carets) = (" ".repeat(excerpt.indent), "^".repeat(excerpt.width));
            write!(f, "\n{:margin$} |", "")?;
            write!(f, "\n{line} | {}", excerpt.text)?;
            write!(f, "\n{:margin$} | {indent}{carets}", "")?;
        }
        for help in &self.fault.help {
            write!(f, "\n{:margin$} = help: {help}", "")?;
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Line {
                path, line, column, ..
            } => {
                let path = escaped(&path.display().to_string());
                write!(f, "{path}:{line}:{column}")
            }
        }
    }
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: escaped(&message.into()),
            help: Vec::new(),
        }
    }

    /// The same with one more line of help.
    pub(super) fn help(mut self, line: impl Into<String>) -> Self {
        self.help.push(escaped(&line.into()));
        self
    }

    pub(super) fn at(self, place: Place) -> ConfigError {
        let place = Box::new(place);
        ConfigError { fault: self, place }
    }
}

impl Place {
    /// The place of the bytes `span` of `text`, which is what stands in the file at `path`.
    pub(super) fn in_text(path: &Path, text: &str, span: &Range<usize>) -> Self {
        let mut at = span.start.min(text.len());
        if at == text.len() && text.ends_with('\n') {
            at -= 1; // the end of the file is shown as the end of its last line
        }
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = text[start..].lines().next().unwrap_or_default();
        let indent = text[start..at].chars().count();
        let width = text[at..]
            .char_indices()
            .take_while(|(offset, c)| at + offset < span.end && *c != '\n')
            .count();
        Self::Line {
            path: path.to_owned(),
            line: text[..start].matches('\n').count() + 1,
            column: indent + 1,
            excerpt: Excerpt::new(line, indent, width),
        }
    }
}

/// `text` in quotes, its control characters escaped, not too long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

/// `text` on one line, its control characters escaped: a path may hold what moves a terminal's cursor or begins a line of a log.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            out.extend(letter.escape_default());
        } else {
            out.push(letter);
        }
    }
    out
}

/// `words` as a list of code words.
pub(super) fn listed(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_whatever_the_span() {
        let place = |text: &str, span| match Place::in_text(Path::new("f"), text, &span) {
            Place::Line {
                line,
                column,
                excerpt,
                ..
            } => (line, column, excerpt.width),
            Place::Named(_) => unreachable!(),
        };
        assert_eq!(place("", 0..0), (1, 1, 1));
        assert_eq!(place("bom = 1\n", 8..8), (1, 8, 1));
        assert_eq!(place("bom = 1\r\ndays = 2\r\n", 16..17), (2, 8, 1));
        assert_eq!(place("id = \"äöü\"\ndays = 2", 15..21), (2, 2, 6));
        assert_eq!(place("id = \"ä\"", 7..99), (1, 7, 2));
        assert_eq!(place("id = 1", 99..100), (1, 7, 1));
    }

    #[test]
    fn what_is_said_has_no_control_characters() {
        let place = Place::in_text(Path::new("a\n\u{1b}b"), "x", &(0..1));
        let error = Fault::new("c\u{1b}\u{85}é").help("d\ne").at(place);
        assert_eq!(
            error.to_string(),
            "error: c\\u{1b}\\u{85}é\n --> a\\n\\u{1b}b:1:1\n  |\n1 | …\n  | ^\n  = help: d\\ne"
        );
        assert_eq!(error.summary(), "a\\n\\u{1b}b:1:1: c\\u{1b}\\u{85}é");
    }

    #[test]
    fn a_wrong_value_is_repeated_escaped_and_not_too_long() {
        assert_eq!(quoted("a\u{1b}\"b"), r#""a\u{1b}\"b""#);
        assert_eq!(quoted(&"ä".repeat(61)), format!("\"{}\"…", "ä".repeat(60)));
    }
}
