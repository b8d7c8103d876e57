//! Presets: what rowhook knows of a sender beforehand.

/// The sender that a source's payloads come from, as far as rowhook knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Any sender: columns come as they are first seen.
    #[default]
    Generic,
    /// Lessonly, today Seismic Learning: its documented fields come first, custom fields under their own names.
    Lessonly,
}

impl Preset {
    /// Every preset, in the order in which messages list them.
    pub const ALL: [Self; 2] = [Self::Generic, Self::Lessonly];

    /// Its name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Lessonly => "lessonly",
        }
    }
}
