//! Patterns: text in which `*` stands for any characters, also none.

/// Whether `pattern` matches all of `text`. Takes the leftmost place of each piece, and so never goes back.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let (between, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in between.split('*') {
        match memchr::memmem::find(text.as_bytes(), piece.as_bytes()) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_texts_are_matched() {
        for (pattern, texts) in [
            ("user.id", ["user.id"].as_slice()),
            ("user.*", &["user.", "user.id", "user.a.b", "user.user.id"]),
            ("*id", &["id", "user.id", "idid"]),
            ("*", &["", "a", "a.b"]),
            ("**", &["", "a", "a.b"]),
            ("a*b*c", &["abc", "a.b.c", "abbcc", "abcbc", "aXbXbXc"]),
            ("a*a", &["aa", "aaa", "aba"]),
            ("Größe*", &["Größe", "Größe in cm"]),
        ] {
            for text in texts {
                assert!(matches(pattern, text), "{pattern} {text}");
            }
        }
        for (pattern, texts) in [
            (
                "user.id",
                ["user.ids", "User.id", "xuser.id", ""].as_slice(),
            ),
            ("user.*", &["user", "auser.id", "User.id"]),
            ("*id", &["ids", ""]),
            ("a*b*c", &["ac", "acb", "abcb", "bca"]),
            ("a*a", &["a", "ab"]),
            ("", &["a"]),
        ] {
            for text in texts {
                assert!(!matches(pattern, text), "{pattern} {text}");
            }
        }
    }
}
