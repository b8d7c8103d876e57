//! How much it takes to give every element of an array a path of its own.

use crate::json::{Kind, Walker};

/// The most bytes of paths within one event that come of taking arrays apart, as many as a payload may have without that. An
/// array that would need more stays one cell: a long key in each of thousands of elements would stand for gigabytes.
pub(super) const EXPANDED_BYTES_MAX: usize = 1 << 20;

/// Bytes of the paths to all values in the array at `at`, below a path of `above` bytes, if all arrays in it are taken apart
/// too; at least that many.
pub(super) fn path_bytes(text: &[u8], at: usize, above: usize) -> usize {
    below(text, at, above).0
}

fn below(text: &[u8], at: usize, above: usize) -> (usize, usize) {
    let array = text.get(at) == Some(&b'[');
    let mut members = Walker::new(text, at);
    let (mut sum, mut nth) = (0_usize, 0_usize);
    while let Some(member) = members.step() {
        nth += 1;
        let key = if array {
            nth.ilog10() as usize + 1
        } else {
            member.key.len()
        };
        let path = above + key + 1;
        if let Kind::Object | Kind::Array = member.kind {
            let (inside, end) = below(text, member.value.start, path);
            sum = sum.saturating_add(inside);
            members.skip_to(end);
        } else {
            sum = sum.saturating_add(path);
        }
    }
    (sum, members.at() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_costs_its_path() {
        for (array, bytes) in [
            ("[]", 0),
            ("[{},[]]", 0),
            ("[1]", 5 + 2),
            ("[1,2]", 2 * 7),
            (r#"[{"ab":1,"c":[true,[null]]}]"#, 10 + 11 + 13),
            ("[0,0,0,0,0,0,0,0,0,0]", 9 * 7 + 8),
        ] {
            assert_eq!(path_bytes(array.as_bytes(), 0, 5), bytes, "{array}");
        }
    }
}
