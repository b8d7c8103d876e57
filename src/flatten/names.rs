//! Header names: first come keeps the name, and all are unique, also with what
//! the guard adds.

use super::cell::guarded;
use super::path::Path;
use std::collections::{HashMap, HashSet};

/// Names that always count as taken.
pub(super) const OWN: [&str; 3] = ["received_at", "event_id", "more"];

/// The names that a table's columns have.
#[derive(Debug, Clone)]
pub(super) struct Names {
    taken: HashSet<String>,
    /// Where to go on counting for a whole path that was taken before.
    next: HashMap<String, u32>,
    guard: bool,
}

impl Names {
    pub(super) fn new(guard: bool) -> Self {
        Self {
            taken: OWN.map(str::to_owned).into(),
            next: HashMap::new(),
            guard,
        }
    }

    fn shown(&self, name: &str) -> String {
        if self.guard {
            guarded(name)
        } else {
            name.to_owned()
        }
    }

    /// Takes `name` as it is for a column that must have it.
    pub(super) fn claim(&mut self, name: &str) -> String {
        let shown = self.shown(name);
        self.taken.insert(shown.clone());
        shown
    }

    /// Takes a name that already is as the header shows it.
    pub(super) fn claim_shown(&mut self, shown: &str) {
        self.taken.insert(shown.to_owned());
    }

    /// What is `wanted`, or the `whole` name, or that with ` (2)`, ` (3)`, … behind.
    pub(super) fn assign(&mut self, wanted: Option<&str>, whole: &str) -> String {
        for candidate in wanted.into_iter().chain([whole]) {
            if let Some(shown) = self.take(candidate) {
                return shown;
            }
        }
        loop {
            let n = self.next.entry(whole.to_owned()).or_insert(2);
            let candidate = format!("{whole} ({n})");
            *n += 1;
            if let Some(shown) = self.take(&candidate) {
                return shown;
            }
        }
    }

    /// Whether a column of `path` may have come by the name `shown` without having been renamed.
    pub(super) fn is_natural(shown: &str, path: &Path) -> bool {
        let whole = path.whole();
        let number = shown.rsplit_once(" (").map(|(_, number)| number);
        let numbered = number.map(|number| format!("{whole} ({number}"));
        [path.wanted(), Some(whole), numbered]
            .into_iter()
            .flatten()
            .any(|name| name == shown || guarded(&name) == shown)
    }

    /// The name as the header shows it, unless that is taken.
    fn take(&mut self, name: &str) -> Option<String> {
        let shown = self.shown(name);
        self.taken.insert(shown.clone()).then_some(shown)
    }
}
