//! What a running rowhook needs to know to take over new settings: which files
//! they came from, and what cannot change before the next start.

use super::error::{ConfigError, Place};
use super::resolve::check_exposure;
use super::{Auth, Origin, Secret, Settings};
use crate::event::Timestamp;
use std::path::PathBuf;

impl Settings {
    /// The files that these settings were read from, secrets, certificate and key among them.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let secrets = self.sources.values().filter_map(|s| match &s.auth {
            Auth::Authorization(secrets) => Some(secrets.iter()),
            Auth::None { .. } => None,
        });
        let secrets = secrets.flatten();
        let file_of = |secret: &Secret| match secret.origin() {
            Origin::File(file) => Some(file.clone()),
            Origin::Environment(_) => None,
        };
        let secret_files = secrets.chain(&self.read_token).filter_map(file_of);
        let tls = self.tls.iter();
        let tls_files = tls.flat_map(|tls| [tls.cert_file.clone(), tls.key_file.clone()]);
        let own = self.file.iter().cloned();
        own.chain(secret_files).chain(tls_files).collect()
    }

    /// What a person should know of these settings, although they can be used.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let tls = self.tls.as_ref();
        tls.and_then(|tls| tls.warning(Timestamp::now()))
            .into_iter()
            .collect()
    }

    /// Keeps of `before` what cannot change while rowhook runs; the keys that would have changed come back.
    pub fn keep_fixed(&mut self, before: &Self) -> Vec<&'static str> {
        let mut fixed = Vec::new();
        if self.listen != before.listen {
            fixed.push("listen");
            self.listen = before.listen;
        }
        if self.tls.is_some() != before.tls.is_some() {
            fixed.push("tls");
            self.tls.clone_from(&before.tls);
            self.scheme = before.scheme;
        }
        if self.output != before.output {
            fixed.push("output");
            self.output.clone_from(&before.output);
        }
        if self.limits.connections_max != before.limits.connections_max {
            fixed.push("limits.connections_max");
            self.limits.connections_max = before.limits.connections_max;
        }
        fixed
    }

    /// Refuses sources without a secret where other machines can reach the address, unless that is written.
    ///
    /// # Errors
    /// When a source would be open to other machines without the configuration saying so.
    pub fn check_exposure(&self) -> Result<(), ConfigError> {
        check_exposure(self, Place::Named("the address that it listens on".into()))
    }
}
