//! The sources of the file: who sends, how they show it, what makes their events
//! the same. Promises at least one source, each with a valid name and auth.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::error::{ConfigError, Fault, listed, nearest, quoted};
use super::file::{self, Section};
use super::resolve::Resolver;
use super::secret::check_header_value;
use super::{Auth, Identity, LESSONLY_VARIABLE, Source, value};
use crate::event::Preset;
use crate::event::SourceName;

impl<'r> Resolver<'r> {
    pub(super) fn sources(&self) -> Result<BTreeMap<SourceName, Source>, ConfigError> {
        let Some(tables) = self.top.table("sources")? else {
            let name = SourceName::new("lessonly").expect("a source name");
            let source = Source {
                name: name.clone(),
                preset: Preset::Lessonly,
                auth: self.default_auth(Preset::Lessonly)?,
                identity: Identity::Content,
                requests_per_second_max: None,
                columns: None,
                views: Preset::Lessonly.views(),
            };
            return Ok(BTreeMap::from([(name, source)]));
        };
        let names: Vec<&str> = tables
            .get_ref()
            .keys()
            .map(|key| key.get_ref().as_ref())
            .collect();
        if names.is_empty() {
            let fault = Fault::new("`sources` is empty: nobody could send anything").help(
                "name a source with `[sources.NAME]`, or leave `sources` out to have `lessonly` alone",
            );
            return Err(self.document.fault_at(fault, &tables.span()));
        }
        let all = Section::new(self.document, tables.into_inner(), &names)?;
        let mut sources = BTreeMap::new();
        for key in all.keys() {
            let name = self.valid(&key, |text| {
                SourceName::new(text).map_err(|error| Fault::new(error.to_string()))
            })?;
            let section = all.section(key.get_ref(), file::SOURCE)?;
            sources.insert(name.clone(), self.source(name, &section)?);
        }
        Ok(sources)
    }

    fn source(&self, name: SourceName, section: &Section<'r>) -> Result<Source, ConfigError> {
        let preset = match section.text("preset")? {
            None => Preset::Generic,
            Some(text) => self.valid(&text, preset)?,
        };
        let key = "requests_per_second_max";
        let rate = section.number(key, 0, 1..=1_000_000)?;
        Ok(Source {
            name,
            preset,
            auth: match section.table("auth")? {
                None => self.default_auth(preset)?,
                Some(_) => self.auth(&section.section("auth", file::AUTH)?, section)?,
            },
            identity: self.identity(section)?,
            requests_per_second_max: NonZeroU32::new(u32::try_from(rate).unwrap_or(u32::MAX)),
            columns: self.columns(section, preset)?,
            views: self.views(preset, section)?,
        })
    }

    /// What a source of `preset` takes that does not say `auth`.
    fn default_auth(&self, preset: Preset) -> Result<Auth, ConfigError> {
        let secret = match preset {
            Preset::Lessonly => self.customary_secret(LESSONLY_VARIABLE, check_header_value)?,
            Preset::Generic => None,
        };
        Ok(secret.map_or(Auth::None { written: false }, |secret| {
            Auth::Authorization(secret.into())
        }))
    }

    /// The `auth` table of `source`.
    fn auth(&self, auth: &Section<'r>, source: &Section<'r>) -> Result<Auth, ConfigError> {
        const SCHEMES: [&str; 2] = ["authorization", "none"];
        let whole = source.span("auth").unwrap_or_default();
        let fail = |fault: Fault, span| Err(self.document.fault_at(fault, span));
        let Some(scheme) = auth.text("scheme")? else {
            let fault = Fault::new("`auth` names no `scheme`")
                .help("write `scheme = \"authorization\"` or `scheme = \"none\"`");
            return fail(fault, &whole);
        };
        match *scheme.get_ref() {
            "authorization" => {
                let keys = ["value_env", "value_file"];
                match self.named_secrets(auth, keys, check_header_value)? {
                    Some(secrets) => Ok(Auth::Authorization(secrets)),
                    None => fail(
                        Fault::new("the scheme `authorization` needs a value to compare with")
                            .help("add `value_env = \"NAME\"` or `value_file = \"PATH\"`"),
                        &scheme.span(),
                    ),
                }
            }
            "none" => match auth.span("value_env").or(auth.span("value_file")) {
                None => Ok(Auth::None { written: true }),
                Some(span) => fail(
                    Fault::new("the scheme `none` compares with no value")
                        .help("remove it, or write `scheme = \"authorization\"`"),
                    &span,
                ),
            },
            // The text is not repeated: it may be the secret.
            other => {
                let fault = Fault::new("unknown scheme");
                let fault = match nearest(other, SCHEMES) {
                    Some(known) => fault.help(format!("did you mean `{known}`?")),
                    None => fault,
                };
                let known = format!("known schemes: {}", listed(&SCHEMES));
                fail(fault.help(known), &scheme.span())
            }
        }
    }

    fn identity(&self, source: &Section<'_>) -> Result<Identity, ConfigError> {
        const WAYS: [&str; 3] = ["content", "off", "id"];
        let dedup = source.text("dedup")?;
        let id = source.text("id")?;
        let way = dedup.as_ref().map_or("content", |text| text.get_ref());
        match (way, id) {
            ("content", None) => Ok(Identity::Content),
            ("off", None) => Ok(Identity::Off),
            ("id", Some(id)) => self.valid(&id, value::identity),
            ("id", None) => {
                let fault = Fault::new("`dedup = \"id\"` needs an `id`").help(
                    "add `id = \"/order/id\"` (a place in the payload) or `id = \"X-Request-Id\"` (a header)",
                );
                let span = source.span("dedup").unwrap_or_default();
                Err(self.document.fault_at(fault, &span))
            }
            ("content" | "off", Some(id)) => {
                let fault = Fault::new(format!("`id` has no meaning with `dedup = {way:?}`"))
                    .help("write `dedup = \"id\"`, or remove `id`");
                Err(self.document.fault_at(fault, &id.span()))
            }
            (other, _) => {
                let fault = unknown("dedup", other, &WAYS);
                let span = source.span("dedup").unwrap_or_default();
                Err(self.document.fault_at(fault, &span))
            }
        }
    }
}

fn preset(text: &str) -> Result<Preset, Fault> {
    let found = Preset::ALL.into_iter().find(|known| known.as_str() == text);
    found.ok_or_else(|| unknown("preset", text, &Preset::ALL.map(Preset::as_str)))
}

/// `text` is no `what`; these are known.
pub(super) fn unknown(what: &str, text: &str, known: &[&str]) -> Fault {
    let fault = Fault::new(format!("unknown {what} {}", quoted(text)));
    let fault = match nearest(text, known.iter().copied()) {
        Some(known) => fault.help(format!("did you mean `{known}`?")),
        None => fault,
    };
    fault.help(format!("known: {}", listed(known)))
}
