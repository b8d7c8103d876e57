//! What Excel makes of a cell of a CSV file: it reads each as if it had been
//! typed in, in any language that it speaks, and shows something else.

use super::number::{DIGITS_SHOWN, kept};

/// Whether a number would lose digits, or those of an id be shown as a power of ten.
pub fn changes_number(text: &[u8], is_id: bool) -> bool {
    let is_shown = text.len() <= DIGITS_SHOWN && text.iter().all(u8::is_ascii_digit);
    kept(text).is_none() || (is_id && !is_shown)
}

/// A text that is longer is none of a number, a date or a word.
const TYPED_MAX: usize = 64;

/// Whether Excel takes `text` for a number, a date, a time, a truth or an error.
pub fn changes_text(text: &[u8]) -> bool {
    if text.len() > TYPED_MAX || text.is_empty() {
        return false;
    }
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let text = text.trim();
    let lower = text.to_lowercase();
    if TRUTHS.split_whitespace().any(|word| word == lower) {
        return true;
    }
    if let Some(error) = text.strip_prefix('#') {
        return error.starts_with(|c: char| c.is_ascii_uppercase());
    }
    if !text.contains(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let first: String = text.chars().take_while(|c| c.is_alphabetic()).collect();
    if !first.is_empty() && !is_month(&first.to_lowercase()) {
        return false;
    }
    // All of it is digits, what stands between them, and words that dates have.
    text.split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .all(is_of_dates)
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || c.is_whitespace() || ".,:;/-+%'’()$€£¥".contains(c))
}

/// The truths of the languages that most spreadsheets speak.
const TRUTHS: &str = "true false wahr falsch vrai faux verdadero falso vero verdadeiro waar onwaar \
                      sant falskt sand falsk prawda fałsz tosi epätosi";

/// How names of months begin in those languages, three letters each.
const MONTHS: &str = "jan feb mar apr may jun jul aug sep oct nov dec mär mai okt dez fév fev avr \
                      jui aoû aou déc ene abr ago dic gen mag giu lug set ott mrt mei maj tam hel \
                      maa huh tou kes hei elo syy lok mars out sty lut kwi cze lip sie wrz paź lis gru";

fn is_of_dates(word: &str) -> bool {
    let word = word.to_lowercase();
    let short = ["e", "am", "pm", "a", "p", "de", "kr", "zł"];
    short.contains(&word.as_str()) || is_month(&word)
}

fn is_month(word: &str) -> bool {
    let start: String = word.chars().take(3).collect();
    let letters = word.chars().count();
    (3..=10).contains(&letters) && MONTHS.split_whitespace().any(|month| month == start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_something_else() {
        for text in [
            "007",
            "1-2",
            "TRUE",
            "wahr",
            "3E5",
            "1/2",
            "12:30",
            "5%",
            "$5",
            "1,234",
            "10 Mar",
            "may 2026",
            "2026-11-23",
            "1.5",
            "-5",
            "(5)",
            "12345678901234567890",
            " 1 ",
            "5 PM",
            "#N/A",
            "3 de mayo",
            ".5",
            "1e10",
        ] {
            assert!(changes_text(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "abc",
            "Lesson 5",
            "5 lessons",
            "A1",
            "v1.2",
            "a@b.c",
            "#hash",
            "#",
            "true story",
            "0x1F",
            "é",
            "report 2026-11-23",
            "1_000",
        ] {
            assert!(!changes_text(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn numbers_that_are_not_the_same() {
        for (text, is_id) in [
            ("1234567890123456", false),
            ("1e400", false),
            ("1e308", false),
            ("1e-320", false),
            ("0.1234567890123456", false),
            ("123456789012", true),
            ("1.5", true),
        ] {
            assert!(changes_number(text.as_bytes(), is_id), "{text}");
        }
        for (text, is_id) in [
            ("123456789012345", false),
            ("100.0", false),
            ("12000000000000000000", false),
            ("-0.000012", false),
            ("0", false),
            ("3E5", false),
            ("12345678901", true),
        ] {
            assert!(!changes_number(text.as_bytes(), is_id), "{text}");
        }
    }
}
