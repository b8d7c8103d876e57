//! Settings from all that may say something: a flag beats the environment, which
//! beats the file, which beats the default. Promises that what is open to other
//! machines is guarded by a secret, or open on purpose.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use chrono_tz::Tz;

use super::error::{ConfigError, Fault, Place, listed};
use super::file::{self, Document, Section, Written};
use super::secret::{Secret, check_read_token};
use super::{
    Auth, Csv, Dedup, LESSONLY_VARIABLE, Limits, Network, Overrides, Settings, Source, networks,
    value,
};
use crate::event::Preset;

/// The variable with the read token.
const TOKEN_VARIABLE: &str = "ROWHOOK_TOKEN";

const GIB: u64 = 1 << 30;

/// How the environment is asked; tests pass their own.
type Environment<'e> = &'e dyn Fn(&str) -> Option<OsString>;

/// Reads the configuration file, if one is named, and settles everything with it. `env` gives the value of an environment
/// variable, usually `&|name| std::env::var_os(name)`. An empty `ROWHOOK_CONFIG`, `ROWHOOK_LISTEN` or `ROWHOOK_OUTPUT` counts as
/// unset; an empty secret is an error.
///
/// # Errors
/// When a file cannot be read, a key is unknown, a value is not valid, a secret is missing, or a source without a secret would be
/// open to other machines without the file saying so.
pub fn load(overrides: &Overrides, env: Environment<'_>) -> Result<Settings, ConfigError> {
    load_for(overrides, env, true)
}

/// The same for a command that listens to nobody: secrets and certificates, which whoever runs it may not have at hand, are
/// not needed. Where one cannot be had a stand-in is in its place.
///
/// # Errors
/// As [`load`], but for what only concerns secrets and listening.
pub fn load_without_secrets(
    overrides: &Overrides,
    env: Environment<'_>,
) -> Result<Settings, ConfigError> {
    load_for(overrides, env, false)
}

fn load_for(
    overrides: &Overrides,
    env: Environment<'_>,
    serves: bool,
) -> Result<Settings, ConfigError> {
    let from_env = || Some((path_from(env, "ROWHOOK_CONFIG")?, "ROWHOOK_CONFIG"));
    let named = match &overrides.config {
        Some(path) => Some((path.clone(), "--config")),
        None => from_env(),
    };
    let document = match named {
        Some((path, named_by)) => Document::read(&path, named_by)?,
        None => Document::none(),
    };
    let table = document.parse()?;
    let resolver = Resolver {
        document: &document,
        top: Section::new(&document, &table, file::TOP)?,
        overrides,
        env,
        serves,
    };
    resolver.settings()
}

/// All that may say something.
pub(super) struct Resolver<'r> {
    pub(super) document: &'r Document,
    pub(super) top: Section<'r>,
    overrides: &'r Overrides,
    /// Whether secrets and certificates are needed.
    pub(super) serves: bool,
    pub(super) env: Environment<'r>,
}

impl Resolver<'_> {
    fn settings(&self) -> Result<Settings, ConfigError> {
        let (listen, listen_place) = self.listen()?;
        let settings = Settings {
            file: self.document.path.clone(),
            listen,
            output: self.output()?,
            timezone: self.timezone()?,
            public_url: self.public_url()?,
            trusted_proxies: self.trusted_proxies()?,
            tls: self.tls()?,
            scheme: self.scheme()?,
            read_token: self.read_token()?,
            limits: self.limits()?,
            dedup: self.dedup()?,
            csv: self.csv()?,
            sources: self.sources()?,
        };
        if self.serves {
            check_exposure(&settings, listen_place)?;
        }
        Ok(settings)
    }

    /// The address, and where it was written.
    fn listen(&self) -> Result<(SocketAddr, Place), ConfigError> {
        let at = |text: &str, place: Place| match value::listen(text) {
            Ok(address) => Ok((address, place)),
            Err(fault) => Err(fault.at(place)),
        };
        let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        let mut found = (default, Place::Named("default".into()));
        if let Some(text) = self.top.text("listen")? {
            found = at(text.get_ref(), self.document.place(&text.span()))?;
        }
        if let Some(text) = &self.overrides.listen {
            return at(text, Place::Named("--listen".into()));
        }
        let variable = "ROWHOOK_LISTEN";
        let place = Place::Named(variable.into());
        match (self.env)(variable).filter(|text| !text.is_empty()) {
            None => Ok(found),
            Some(text) => match text.to_str() {
                Some(text) => at(text, place),
                None => Err(Fault::new("the value is not UTF-8 text").at(place)),
            },
        }
    }

    fn output(&self) -> Result<PathBuf, ConfigError> {
        let written = self.top.text("output")?;
        if let Some(text) = &written
            && text.get_ref().is_empty()
        {
            let fault = Fault::new("`output` is empty").help("write `.` for the current folder");
            return Err(self.document.fault_at(fault, &text.span()));
        }
        let flag = self.overrides.output.clone();
        let path = flag.or_else(|| path_from(self.env, "ROWHOOK_OUTPUT"));
        Ok(path.unwrap_or_else(|| written.map_or("output", Written::into_inner).into()))
    }

    fn timezone(&self) -> Result<Tz, ConfigError> {
        match self.top.text("timezone")? {
            None => Ok(Tz::UTC),
            Some(text) => self.valid(&text, value::timezone),
        }
    }

    fn public_url(&self) -> Result<Option<String>, ConfigError> {
        let written = self.top.text("public_url")?;
        let url = written.map(|text| self.valid(&text, value::public_url));
        url.transpose()
    }

    fn trusted_proxies(&self) -> Result<Vec<Network>, ConfigError> {
        let written = self.top.texts("trusted_proxies")?.unwrap_or_default();
        let network = |text: &Written<&str>| self.valid(text, networks::network);
        written.iter().map(network).collect()
    }

    /// What `check` makes of `text`, or its fault at the place of `text`.
    pub(super) fn valid<T>(
        &self,
        text: &Written<&str>,
        check: impl Fn(&str) -> Result<T, Fault>,
    ) -> Result<T, ConfigError> {
        check(text.get_ref()).map_err(|fault| self.document.fault_at(fault, &text.span()))
    }

    fn limits(&self) -> Result<Limits, ConfigError> {
        let section = self.top.section("limits", file::LIMITS)?;
        let limits = Limits {
            body_bytes_max: size(&section, "body_bytes_max", 1 << 20, GIB)?,
            body_time_max: Duration::from_secs(section.number("body_seconds_max", 30, 1..=3600)?),
            head_time_max: Duration::from_secs(section.number("head_seconds_max", 10, 1..=3600)?),
            depth_max: size(&section, "depth_max", 64, 1000)?,
            columns_max: {
                // Room for the pinned columns of every preset and `more`; a spreadsheet ends at 16,384.
                let columns = section.number("columns_max", 1000, 16..=16_384)?;
                usize::try_from(columns).unwrap_or(usize::MAX)
            },
            connections_max: size(&section, "connections_max", 4096, 1_000_000)?,
            waiting_bytes_max: size(&section, "waiting_bytes_max", 64 << 20, 1024 * GIB)?,
            rejected_bytes_max: section.number("rejected_bytes_max", 64 << 20, 1..=1024 * GIB)?,
        };
        if limits.waiting_bytes_max < limits.body_bytes_max {
            let span = section.span("waiting_bytes_max");
            let span = span.or_else(|| section.span("body_bytes_max"));
            let fault = Fault::new(format!(
                "`waiting_bytes_max` ({}) must be at least `body_bytes_max` ({})",
                value::grouped(limits.waiting_bytes_max as u64),
                value::grouped(limits.body_bytes_max as u64),
            ))
            .help("one body of the largest size must fit; better are many");
            return Err(self.document.fault_at(fault, &span.unwrap_or_default()));
        }
        Ok(limits)
    }

    fn dedup(&self) -> Result<Dedup, ConfigError> {
        let section = self.top.section("dedup", file::DEDUP)?;
        let days = section.number("days", 7, 1..=3650)?;
        Ok(Dedup {
            days: u32::try_from(days).unwrap_or(u32::MAX),
            ids_max: size(&section, "ids_max", 2_000_000, 1_000_000_000)?,
        })
    }

    fn csv(&self) -> Result<Csv, ConfigError> {
        let section = self.top.section("csv", file::CSV)?;
        Ok(Csv {
            formula_guard: section.switch("formula_guard", true)?,
            bom: section.switch("bom", false)?,
        })
    }

    fn read_token(&self) -> Result<Option<Secret>, ConfigError> {
        let section = self.top.section("access", file::ACCESS)?;
        let named = self.named_secret(&section, ["token_env", "token_file"], check_read_token)?;
        match named {
            Some(token) => Ok(Some(token)),
            None => self.customary_secret(TOKEN_VARIABLE, check_read_token),
        }
    }
}

/// The number at `key`, from 1 to `most`, for something that is counted in memory.
fn size(section: &Section<'_>, key: &str, default: u64, most: u64) -> Result<usize, ConfigError> {
    let most = most.min(usize::MAX as u64);
    let number = section.number(key, default, 1..=most)?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

fn path_from(env: Environment<'_>, variable: &str) -> Option<PathBuf> {
    let path = env(variable).filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

/// Refuses to listen where other machines can reach a source that has no secret, unless that is written.
pub(super) fn check_exposure(settings: &Settings, listen_place: Place) -> Result<(), ConfigError> {
    let is_open = |source: &&Source| source.auth == Auth::None { written: false };
    let open: Vec<&Source> = settings.sources.values().filter(is_open).collect();
    let Some(first) = open.first() else {
        return Ok(());
    };
    if value::is_local(settings.listen) {
        return Ok(());
    }
    let names: Vec<&str> = open.iter().map(|source| source.name.as_str()).collect();
    let message = format!(
        "other machines can reach {}, and these sources have no secret, so that anyone could send: {}",
        settings.listen,
        listed(&names)
    );
    let table = format!("`[sources.{}]`", first.name);
    let (secret, beside) = match first.preset {
        Preset::Lessonly => (
            format!("set {LESSONLY_VARIABLE} to what Lessonly sends as Authorization header"),
            " beside `preset = \"lessonly\"`",
        ),
        Preset::Generic => (
            format!(
                "write `auth = {{ scheme = \"authorization\", value_env = \"NAME\" }}` under {table}"
            ),
            "",
        ),
    };
    let fault = Fault::new(message)
        .help(format!("either {secret}"))
        .help(format!(
            "or, if anyone may send, write `auth = {{ scheme = \"none\" }}`{beside} under {table}"
        ));
    let fault = if open.len() > 1 {
        fault.help("each of them needs one of the two")
    } else {
        fault
    };
    Err(fault.at(listen_place))
}
