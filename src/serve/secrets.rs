//! The keys of ids, links and sessions and the read token, which are made at the first start.

use crate::config::{Origin, Secret};
use crate::disk::{SharedDisk, parent, read_small};
use crate::event::IdKey;
use crate::links::LinkKey;
use crate::sessions::SessionKey;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The key of the event ids, made when there is none.
pub(super) fn id_key(disk: &SharedDisk, path: &Path) -> io::Result<IdKey> {
    key(disk, path).map(IdKey::new)
}

/// The key that signs links, made when there is none.
pub(super) fn links_key(disk: &SharedDisk, path: &Path) -> io::Result<LinkKey> {
    key(disk, path).map(LinkKey::new)
}

/// The key that signs sessions, made when there is none.
pub(super) fn sessions_key(disk: &SharedDisk, path: &Path) -> io::Result<SessionKey> {
    key(disk, path).map(SessionKey::new)
}

fn key(disk: &SharedDisk, path: &Path) -> io::Result<[u8; 32]> {
    if let Some(bytes) = read_small(&**disk, path)? {
        let key = <[u8; 32]>::try_from(bytes.as_slice());
        return key.map_err(|_| invalid("is not a key of 32 bytes; put it back from a backup"));
    }
    let key = random()?;
    make_private(disk, path, &key)?;
    Ok(key)
}

/// The read token, made when there is none.
pub(super) fn read_token(disk: &SharedDisk, path: &Path) -> io::Result<Secret> {
    let text = if let Some(text) = read_small(&**disk, path)? {
        text
    } else {
        let mut line = random()?[..20]
            .iter()
            .fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            });
        line.push('\n');
        make_private(disk, path, line.as_bytes())?;
        line.into_bytes()
    };
    let token = Secret::from_file(&text, path.to_owned());
    if token.expose().is_empty() {
        return Err(invalid(
            "is empty; remove it, and the next start makes a token",
        ));
    }
    Ok(token)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// Writes a file that only this user can read, whole or not at all.
fn make_private(disk: &SharedDisk, path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = crate::disk::beside(path, "new");
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(content)?;
    file.sync_data()?;
    fs::rename(&beside, path)?;
    disk.sync_dir(parent(path))
}

/// The origin of a token that rowhook made itself.
pub(super) fn is_made(token: &Secret, path: &Path) -> bool {
    matches!(token.origin(), Origin::File(file) if file == path)
}
