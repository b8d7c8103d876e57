//! Small states as JSON that proves itself whole: a changed digit in what a
//! start goes by could do more harm than one in any record.

use super::{Disk, read_small, replace};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::Path;

const CHECK: &[u8] = b",\"check\":\"";
/// `,"check":"`, 16 digits, `"}`.
const TAIL_BYTES: usize = CHECK.len() + 16 + 2;

/// What stands under a name.
#[derive(Debug)]
pub enum Sealed<T> {
    /// Nothing.
    Missing,
    /// What was put there.
    Whole(T),
    /// Something else, and what is wrong with it.
    Broken(String),
}

/// Puts `state`, an object that is not empty, in place of what stands under `path`: whole or not at all, durable.
///
/// # Errors
/// Whatever the system answers; the old state then still stands.
pub fn put_sealed(disk: &dyn Disk, path: &Path, state: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(state)?;
    text.pop();
    let digits = check(&text);
    text.extend_from_slice(CHECK);
    text.extend_from_slice(digits.as_bytes());
    text.extend_from_slice(b"\"}\n");
    replace(disk, path, &text)
}

/// Reads what [`put_sealed`] put under `path`.
///
/// # Errors
/// Whatever the system answers, other than "not found".
pub fn get_sealed<T: DeserializeOwned>(disk: &dyn Disk, path: &Path) -> io::Result<Sealed<T>> {
    let Some(text) = read_small(disk, path)? else {
        return Ok(Sealed::Missing);
    };
    Ok(open(&text).map_or_else(Sealed::Broken, Sealed::Whole))
}

fn open<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let body_bytes = text.len().checked_sub(TAIL_BYTES).ok_or("it is cut off")?;
    let (body, tail) = text.split_at(body_bytes);
    let digits = tail
        .strip_prefix(CHECK)
        .and_then(|tail| tail.strip_suffix(b"\"}"));
    if digits.ok_or("it does not end with its check")? != check(body).as_bytes() {
        return Err("its check does not fit".into());
    }
    let mut body = body.to_vec();
    body.push(b'}');
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}

/// The first 64 bits of BLAKE3, as digits.
fn check(text: &[u8]) -> String {
    blake3::hash(text).to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct State {
        a: u64,
        b: String,
    }

    #[test]
    fn what_was_put_comes_back_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        let get = || get_sealed::<State>(&RealDisk, &path).unwrap();
        assert!(matches!(get(), Sealed::Missing));
        let state = State {
            a: 7,
            b: "x".into(),
        };
        put_sealed(&RealDisk, &path, &state).unwrap();
        let text = std::fs::read(&path).unwrap();
        insta::assert_snapshot!(String::from_utf8_lossy(&text).trim_end(), @r#"{"a":7,"b":"x","check":"da6109981857e3e0"}"#);
        let Sealed::Whole(found) = get() else {
            panic!("not whole");
        };
        assert_eq!(found, state);
        for at in 0..text.len() - 1 {
            let mut other = text.clone();
            other[at] ^= 1;
            std::fs::write(&path, &other).unwrap();
            assert!(matches!(get(), Sealed::Broken(_)), "byte {at}");
            std::fs::write(&path, &text[..at]).unwrap();
            assert!(matches!(get(), Sealed::Broken(_)), "cut at {at}");
        }
    }
}
