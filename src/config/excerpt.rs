//! The line of the file that an error shows. Promises to show no secret, even one
//! that was written into the file by mistake: of a line only the beginning that is
//! known to be harmless appears, be it TOML or not.

use super::error::nearest;
use super::file::{LIMITS, VIEW, known_keys};

/// The most characters of a line that are shown.
const LINE_CHARS_MAX: usize = 120;

/// As much of a line as may be shown, and what of it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) text: String,
    /// Characters of `text` before the first caret.
    pub(super) indent: usize,
    /// Carets, at least one.
    pub(super) width: usize,
}

impl Excerpt {
    /// The harmless beginning of `line`, with carets under `width` characters from `indent` on, or as near as they can be.
    pub(super) fn new(line: &str, indent: usize, width: usize) -> Self {
        let Harmless { bytes, whole } = harmless(line);
        let mut text: String = line[..bytes]
            .chars()
            .take(LINE_CHARS_MAX)
            .map(|c| match c {
                '\t' => ' ',
                c if c.is_control() => char::REPLACEMENT_CHARACTER,
                c => c,
            })
            .collect();
        let shown = text.chars().count();
        if !whole || shown == LINE_CHARS_MAX {
            text.push('…');
        }
        let indent = indent.min(shown);
        Self {
            text,
            indent,
            width: width.min(shown - indent).max(1),
        }
    }
}

/// How much of a line may be shown.
struct Harmless {
    /// Length of the harmless beginning.
    bytes: usize,
    /// Nothing but a comment or blanks comes after it.
    whole: bool,
}

/// Reads `line` from the left as far as its values are known to be no secrets. It may be broken TOML: what is not understood is
/// not shown.
fn harmless(line: &str) -> Harmless {
    let mut rest = line;
    if line.trim_start().starts_with('[') {
        rest = line.trim_start_matches(|c: char| is_key(c) || " \t[]".contains(c));
    }
    loop {
        let before = rest;
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "{},".contains(c));
        if rest.is_empty() || rest.starts_with('#') {
            let bytes = line[..line.len() - rest.len()].trim_end().len();
            return Harmless { bytes, whole: true };
        }
        let (after, known) = match assignment(rest) {
            Some((after, known)) => (after, known),
            None => (before, false),
        };
        rest = after;
        if !known {
            let bytes = line.len() - rest.len();
            return Harmless {
                bytes,
                whole: false,
            };
        }
    }
}

/// Reads `key = value` at the start of `text`. Gives what comes after the part that may be shown, and whether that was all of
/// it; nothing when not even the key may be.
fn assignment(text: &str) -> Option<(&str, bool)> {
    let after_key = text.trim_start_matches(is_key);
    let dotted = &text[..text.len() - after_key.len()];
    let key = dotted.rsplit('.').next().unwrap_or_default();
    let Some(value) = after_key.trim_start().strip_prefix('=') else {
        return known_keys()
            .any(|known| known == key)
            .then_some((after_key, after_key.is_empty()));
    };
    let value = value.trim_start_matches([' ', '\t']);
    if value.is_empty() || value.starts_with('{') {
        return (!key.is_empty()).then_some((value, true));
    }
    if let Some(list) = value.strip_prefix('[') {
        return Some(list_of(key, list).map_or((value, false), |after| (after, true)));
    }
    let (content, after) = match value.chars().next().filter(|c| "\"'".contains(*c)) {
        Some(quote) => {
            let inside = &value[1..];
            match inside.split_once(quote) {
                Some((content, after)) => (content, after),
                None => (inside, ""),
            }
        }
        None => value.split_at(value.find([',', '}', '#', ' ']).unwrap_or(value.len())),
    };
    let quote_again = after.starts_with(['"', '\'']); // of a text of several lines, in three quotes
    let harmless = !content.contains('\\')
        && !quote_again
        && shown_as(key, content)
            .unwrap_or_else(|| is_number_or_bool(content) && !smells_of_secret(key));
    Some(if harmless {
        (after, true)
    } else {
        (value, false)
    })
}

/// What comes after a list of plain texts that may all be shown as values of `key`; nothing when one may not.
fn list_of<'t>(key: &str, mut list: &'t str) -> Option<&'t str> {
    loop {
        list = list.trim_start_matches([' ', '\t', ',']);
        if list.is_empty() {
            return Some(list);
        }
        if let Some(after) = list.strip_prefix(']') {
            return Some(after);
        }
        let (content, after) = list.strip_prefix('"')?.split_once('"')?;
        let plain = !content.contains('\\') && !after.starts_with('"');
        if !plain || shown_as(key, content) != Some(true) {
            return None;
        }
        list = after;
    }
}

/// Whether `value` may be shown as the value of `key`, or of the key that was probably meant; nothing for other keys.
fn shown_as(key: &str, value: &str) -> Option<bool> {
    let meant = nearest(key, known_keys()).filter(|_| !smells_of_secret(key));
    match meant.unwrap_or(key) {
        "cert_file" | "key_file" => Some(value.len() <= 200 && value.contains('.')),
        "include" | "exclude" | "trusted_proxies" | "listen" | "output" | "timezone" | "preset"
        | "dedup" | "id" | "token_file" | "value_file" | "days" | "ids_max" | "formula_guard"
        | "bom" | "test_rows" => Some(true),
        "public_url" => Some(!value.contains('@')),
        "scheme" => {
            let word = |b: u8| b.is_ascii_alphabetic() || b == b'-';
            Some(value.len() <= 24 && value.bytes().all(word))
        }
        "token_env" | "value_env" => Some(is_common_variable_name(value)),
        known if LIMITS.contains(&known) || known == "requests_per_second_max" => Some(true),
        // Short words are near to anything.
        known if VIEW.contains(&known) && known == key && !smells_of_secret(key) => Some(true),
        _ => None,
    }
}

/// Whether `name` looks like what variables are called by custom, so that it may be repeated. In any other way a secret itself
/// may have been written where its variable's name belongs.
pub(super) fn is_common_variable_name(name: &str) -> bool {
    let usual = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    name.bytes().all(usual) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn is_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-.".contains(c)
}

fn is_number_or_bool(text: &str) -> bool {
    matches!(text, "true" | "false") || text.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

fn smells_of_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["token", "auth", "value", "secret", "pass", "key"]
        .iter()
        .any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        assert_eq!(Excerpt::new(line, 0, 1).text, expected, "{line:?}");
    }

    #[test]
    fn a_line_is_shown_as_far_as_it_is_harmless() {
        for shown_whole in [
            "",
            "listen = \"127.0.0.1:8080\"",
            "body_bytes_maks = 5",
            "[sources.lessonly]",
            "[limits",
            "bom = true",
            "auth = { scheme = \"authorization\", value_env = \"LESSONLY_AUTHORIZATION\" }",
            "limits.days = 1_000",
            "auth = {",
            "listen = \"127.0.0.1",
            "listen",
            "depth_max",
            "depth_max = 64.0",
            "output = \"\"",
            "lisen = \"127.0.0.1\"",
            "valu_env = \"NAME\"",
            "value_env = [\"NEW\", \"OLD\"]",
            "auth = { scheme = \"authorization\", value_file = [\"new\", \"old\"] }",
            "value_env = [\"NEW\",",
            "value_env = []",
        ] {
            check(shown_whole, shown_whole);
        }
    }

    #[test]
    fn what_may_be_a_secret_is_cut_off() {
        check("token = \"S\"", "token = …");
        check("token = 1234", "token = …");
        check("token \"S\"", "…");
        check("auth = \"Bearer S\"", "auth = …");
        check("auth \"Bearer S\"", "auth…");
        check(
            "auth = { scheme = \"basik\", value = \"S\" }",
            "auth = { scheme = \"basik\", value = …",
        );
        check("auth = { scheme = \"Bearer S\" }", "auth = { scheme = …");
        check("value_env = \"hunter2\"", "value_env = …");
        check("value_env = \"$NAME\"", "value_env = …");
        check("value = '''", "value = …");
        check("output = \"\"\"S", "output = …");
        check("tokn = \"S\"", "tokn = …");
        check("valu_env = \"hunter2\"", "valu_env = …");
        check("S", "…");
        check("\"S\" = 1", "…");
        check(
            "public_url = \"https://me:S@example.com\"",
            "public_url = …",
        );
        check("listen = \"a\" \"S\"", "listen = \"a\"…");
        check("listen = \"a\\\"S\"", "listen = …");
        check("bom = true # S", "bom = true");
        check("nonsense = \"S\"", "nonsense = …");
        check("nonsense = [1, \"S\"]", "nonsense = …");
        check("value_env = [\"NEW\", \"hunter2\"]", "value_env = …");
        check("value_env = [\"NEW\", hunter2]", "value_env = …");
        check("value_env = [\"NEW\"] \"S\"", "value_env = [\"NEW\"]…");
        check("value = [\"S\"]", "value = …");
    }

    #[test]
    fn carets_stay_under_the_shown_text() {
        let secret = Excerpt::new("token = \"SSSSSSSSS\"", 8, 11);
        assert_eq!((secret.indent, secret.width), (8, 1));
        let part = Excerpt::new("scheme = \"none\", value = \"S\"", 9, 100);
        assert_eq!((part.indent, part.width), (9, 16));
        let control = Excerpt::new("listen = \"\u{1b}[31m\t\"", 9, 1);
        assert_eq!(control.text, "listen = \"\u{fffd}[31m \"");
        let long = Excerpt::new(&format!("output = {:?}", "x".repeat(500)), 400, 1);
        assert_eq!((long.text.chars().count(), long.indent), (121, 120));
    }
}
