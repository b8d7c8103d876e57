//! What an event is, for every other part: the words and small types of the
//! domain. Knows no files, sockets or clocks; every other module may use it.

mod day;
mod id;
mod names;
mod near;
mod preset;
mod test_event;
mod time;
mod view;

pub use day::Day;
pub use id::{Id, IdKey};
pub use names::{NameError, SourceName};
pub use near::nearest;
pub use preset::Preset;
pub use test_event::{TEST_KEY, is_test};
pub use time::Timestamp;
pub use view::{Choice, Matrix, Pick, View};

/// The number of an event in the order of the journal, from 1 up. `0` stands for "before the first".
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
