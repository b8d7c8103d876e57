//! What a session is told once: on the page that follows what it did. In
//! memory alone, and little of it: whoever does not look misses it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many wait at most; the oldest goes first.
const NOTES_MAX: usize = 256;

#[derive(Default)]
pub(super) struct Notes(Mutex<VecDeque<Note>>);

struct Note {
    session: String,
    about: String,
    text: String,
}

impl Notes {
    /// Keeps `text`, which is about `about`, for the session `session`.
    pub fn leave(&self, session: &str, about: &str, text: String) {
        let mut notes = self.lock();
        if notes.len() >= NOTES_MAX {
            notes.pop_front();
        }
        notes.push_back(Note {
            session: session.to_owned(),
            about: about.to_owned(),
            text,
        });
    }

    /// Gives it, and forgets it.
    pub fn take(&self, session: &str, about: &str) -> Option<String> {
        let mut notes = self.lock();
        let at = notes
            .iter()
            .position(|note| note.session == session && note.about == about)?;
        notes.remove(at).map(|note| note.text)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_once_and_to_whom_it_is_meant_for() {
        let notes = Notes::default();
        notes.leave("me", "a", "x".into());
        assert_eq!(notes.take("you", "a"), None);
        assert_eq!(notes.take("me", "b"), None);
        assert_eq!(notes.take("me", "a").as_deref(), Some("x"));
        assert_eq!(notes.take("me", "a"), None);
    }

    #[test]
    fn there_are_never_many() {
        let notes = Notes::default();
        for nth in 0..=NOTES_MAX {
            notes.leave("me", &nth.to_string(), String::new());
        }
        assert_eq!(notes.take("me", "0"), None);
        assert!(notes.take("me", "1").is_some());
    }
}
