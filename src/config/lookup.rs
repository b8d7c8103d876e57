//! Finds secrets: in the variable or file that the configuration names, or in the
//! variable that is used without being named. Promises that what it finds is
//! neither empty nor unusable, and that what it complains about stays hidden.

use std::path::Path;

use super::error::{ConfigError, Fault, Place};
use super::excerpt::is_common_variable_name;
use super::file::{Section, Written, read_limited};
use super::resolve::Resolver;
use super::secret::{Origin, Secret, Secrets};
use super::value;

/// What a secret of some kind may consist of.
type Check = fn(&[u8]) -> Result<(), Fault>;

impl Resolver<'_> {
    /// The secret in the variable that is used without being named; none when it is unset.
    pub(super) fn customary_secret(
        &self,
        variable: &str,
        check: Check,
    ) -> Result<Option<Secret>, ConfigError> {
        let Some(value) = (self.env)(variable) else {
            return Ok(None);
        };
        let place = || Place::Named(variable.to_owned());
        if value.is_empty() && !self.serves {
            return Ok(None);
        }
        if value.is_empty() {
            let fault = Fault::new(format!("{variable} is set but empty"));
            return Err(fault.help("give it a value, or unset it").at(place()));
        }
        let origin = Origin::Environment(variable.to_owned());
        let secret = Secret::new(value.into_encoded_bytes(), origin);
        check(secret.expose()).map_err(|fault| fault.at(place()))?;
        Ok(Some(secret))
    }

    /// The secret whose variable or file is named in `section`, under the first or the second of `keys`.
    pub(super) fn named_secret(
        &self,
        section: &Section<'_>,
        keys: [&str; 2],
        check: Check,
    ) -> Result<Option<Secret>, ConfigError> {
        let named = keys.map(|key| Ok(section.text(key)?.map(|text| vec![text])));
        let secrets = self.secrets(section, named, keys, check)?;
        Ok(secrets.and_then(|secrets| secrets.into_iter().next()))
    }

    /// The secrets whose variables or files are named in `section`, one or a list, under the first or the second of `keys`.
    pub(super) fn named_secrets(
        &self,
        section: &Section<'_>,
        keys: [&str; 2],
        check: Check,
    ) -> Result<Option<Secrets>, ConfigError> {
        let named = keys.map(|key| section.texts(key));
        Ok(self
            .secrets(section, named, keys, check)?
            .and_then(Secrets::new))
    }

    fn secrets(
        &self,
        section: &Section<'_>,
        listed: [Result<Option<Vec<Written<&str>>>, ConfigError>; 2],
        keys: [&str; 2],
        check: Check,
    ) -> Result<Option<Vec<Secret>>, ConfigError> {
        let [in_variables, in_files] = listed;
        let [env_key, file_key] = keys;
        let (all, key, in_files) = match (in_variables?, in_files?) {
            (None, None) => return Ok(None),
            (Some(variables), None) => (variables, env_key, false),
            (None, Some(paths)) => (paths, file_key, true),
            (Some(_), Some(paths)) => {
                let fault = Fault::new(format!("`{env_key}` and `{file_key}` are both given"))
                    .help("keep the one that is to be used");
                let span = paths.first().map(Written::span).unwrap_or_default();
                return Err(self.document.fault_at(fault, &span));
            }
        };
        if all.is_empty() {
            let fault = Fault::new(format!("`{key}` is an empty list"))
                .help("name one or more, or remove it");
            return Err(self
                .document
                .fault_at(fault, &section.span(key).unwrap_or_default()));
        }
        let mut secrets = Vec::new();
        for (nth, name) in all.iter().enumerate() {
            if all[..nth].iter().any(|n| n.get_ref() == name.get_ref()) {
                let fault = Fault::new(format!("`{key}` names the same twice"))
                    .help("one of the two is enough: what is to be replaced, and what replaces it");
                return Err(self.document.fault_at(fault, &name.span()));
            }
            let secret = self.valid(name, |text| {
                if in_files {
                    self.secret_in_file(text, key)
                } else {
                    self.secret_in_variable(text, key)
                }
            })?;
            self.valid(name, |_| check(secret.expose()))?;
            secrets.push(secret);
        }
        Ok(Some(secrets))
    }

    fn secret_in_variable(&self, name: &str, key: &str) -> Result<Secret, Fault> {
        if !value::is_variable_name(name) {
            let fault = Fault::new(format!("`{key}` takes the name of an environment variable"));
            let help = if name.starts_with('$') {
                "write the name without `$`"
            } else {
                "a secret never stands in this file"
            };
            return Err(fault.help(help));
        }
        // An unusual name is not repeated: it may be the secret.
        let shown = if is_common_variable_name(name) {
            format!("the environment variable {name}")
        } else {
            format!("the environment variable that `{key}` names")
        };
        let help = "set it for rowhook, for example in the service's environment file";
        match (self.env)(name) {
            None if !self.serves => Ok(stand_in(Origin::Environment(name.to_owned()))),
            Some(value) if value.is_empty() && !self.serves => {
                Ok(stand_in(Origin::Environment(name.to_owned())))
            }
            None => Err(Fault::new(format!("{shown} is not set")).help(help)),
            Some(value) if value.is_empty() => {
                Err(Fault::new(format!("{shown} is set but empty")).help(help))
            }
            Some(value) => {
                let origin = Origin::Environment(name.to_owned());
                Ok(Secret::new(value.into_encoded_bytes(), origin))
            }
        }
    }

    /// Reads the file at `path`, relative to the folder of the configuration.
    fn secret_in_file(&self, path: &str, key: &str) -> Result<Secret, Fault> {
        if path.is_empty() {
            return Err(Fault::new(format!("`{key}` is empty")));
        }
        let folder = self.document.path.as_deref().and_then(Path::parent);
        let path = folder.unwrap_or(Path::new("")).join(path);
        match read_limited(&path) {
            Ok(content) => {
                let secret = Secret::from_file(&content, path);
                if secret.expose().is_empty() {
                    return Err(Fault::new(format!("{} is empty", secret.origin()))
                        .help("write the secret into it, on one line"));
                }
                Ok(secret)
            }
            Err(_) if !self.serves => Ok(stand_in(Origin::File(path))),
            Err(error) => Err(Fault::new(format!(
                "cannot read the secret in {}: {error}",
                path.display()
            ))
            .help("a path is taken relative to the folder of the configuration file")),
        }
    }
}

/// What takes the place of a secret that nobody will be asked for.
fn stand_in(origin: Origin) -> Secret {
    Secret::new(*b"-", origin)
}
