//! What a word was probably meant to be.

/// The candidate that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let enough = word.chars().count().max(3) / 3;
    candidates
        .into_iter()
        .map(|known| {
            let distance = strsim::damerau_levenshtein(&word, &known.to_lowercase());
            (distance, known)
        })
        .filter(|(distance, _)| *distance <= enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        let known = ["body_bytes_max", "days", "bom"];
        for (word, expected) in [
            ("body_bytes_maks", Some("body_bytes_max")),
            ("body_byte_max", Some("body_bytes_max")),
            ("DAYS", Some("days")),
            ("dyas", Some("days")),
            ("hours", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word:?}");
        }
    }
}
