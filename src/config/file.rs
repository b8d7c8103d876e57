//! The configuration file: its text, its tables and keys, and where each value
//! stands. Promises that what it hands out has the right type and that no key is
//! unknown; what the values mean it does not know.

use std::fs::File;
use std::io::{self, Read};
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Fault, Place, listed, nearest};
use super::value::grouped;

/// The largest configuration or secret file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub(super) const TOP: &[&str] = &[
    "listen",
    "output",
    "timezone",
    "public_url",
    "trusted_proxies",
    "tls",
    "access",
    "limits",
    "dedup",
    "csv",
    "sources",
];
pub(super) const ACCESS: &[&str] = &["token_env", "token_file"];
pub(super) const TLS: &[&str] = &["cert_file", "key_file"];
pub(super) const LIMITS: &[&str] = &[
    "body_bytes_max",
    "body_seconds_max",
    "head_seconds_max",
    "depth_max",
    "columns_max",
    "connections_max",
    "waiting_bytes_max",
    "rejected_bytes_max",
];
pub(super) const DEDUP: &[&str] = &["days", "ids_max"];
pub(super) const CSV: &[&str] = &["formula_guard", "bom"];
pub(super) const SOURCE: &[&str] = &[
    "preset",
    "auth",
    "dedup",
    "id",
    "requests_per_second_max",
    "test_rows",
    "columns",
    "views",
];
pub(super) const COLUMNS: &[&str] = &["include", "exclude", "rename", "alias", "arrays"];
pub(super) const VIEW: &[&str] = &[
    "kind", "key", "of", "row", "show", "column", "title", "value", "pick",
];
pub(super) const AUTH: &[&str] = &["scheme", "value_env", "value_file"];

/// Every key, and where it belongs.
const BELONGS: [(&[&str], &str); 10] = [
    (TOP, "at the top of the file, before the first `[…]`"),
    (TLS, "under `[tls]`"),
    (ACCESS, "under `[access]`"),
    (LIMITS, "under `[limits]`"),
    (DEDUP, "under `[dedup]`"),
    (CSV, "under `[csv]`"),
    (SOURCE, "under `[sources.NAME]`"),
    (COLUMNS, "under `[sources.NAME.columns]`"),
    (AUTH, "inside `auth = { … }`"),
    (VIEW, "under `[sources.NAME.views.VIEW]`"),
];

/// What people write when they put the secret itself into the file.
const SECRET_WORDS: [&str; 5] = ["token", "value", "secret", "password", "key"];

/// The text of the file and its path; empty when there is none.
pub(super) struct Document {
    pub(super) path: Option<PathBuf>,
    text: String,
}

/// One table of the file.
#[derive(Clone, Copy)]
pub(super) struct Section<'d> {
    document: &'d Document,
    /// None where the file does not have it.
    table: Option<&'d DeTable<'d>>,
}

/// A value and the bytes of the file that it was written with.
pub(super) type Written<T> = Spanned<T>;

impl Document {
    /// What stands in for a file that is not there.
    pub(super) fn none() -> Self {
        Self {
            path: None,
            text: String::new(),
        }
    }

    /// Reads the file at `path`, which was named by `named_by` (a flag or a variable).
    pub(super) fn read(path: &Path, named_by: &str) -> Result<Self, ConfigError> {
        let unreadable = |why: String| {
            let message = format!("cannot read the configuration {}: {why}", path.display());
            Fault::new(message).at(Place::Named(named_by.to_owned()))
        };
        let mut bytes = read_limited(path).map_err(|error| unreadable(error.to_string()))?;
        if bytes.starts_with("\u{feff}".as_bytes()) {
            bytes.drain(..3);
        }
        let path = Some(path.to_owned());
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { path, text }),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(&error.into_bytes()).into_owned();
                let fault = Fault::new("the configuration is not UTF-8 text here")
                    .help("save the file as UTF-8");
                Err(Self { path, text }.fault_at(fault, &(good..good + 1)))
            }
        }
    }

    /// The file as TOML.
    pub(super) fn parse(&self) -> Result<DeTable<'_>, ConfigError> {
        match DeTable::parse(&self.text) {
            Ok(table) => Ok(table.into_inner()),
            Err(error) => {
                let fault = Fault::new(format!("this is not TOML: {}", error.message()))
                    .help("a line is `key = value`; text stands in quotes, numbers do not");
                Err(self.fault_at(fault, &error.span().unwrap_or_default()))
            }
        }
    }

    /// `fault` at these bytes of the file.
    pub(super) fn fault_at(&self, fault: Fault, span: &Range<usize>) -> ConfigError {
        fault.at(self.place(span))
    }

    /// The place of these bytes of the file.
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        let path = self.path.as_deref().unwrap_or(Path::new(""));
        Place::in_text(path, &self.text, span)
    }
}

impl<'d> Section<'d> {
    /// `table` of `document`, which may have these keys.
    pub(super) fn new(
        document: &'d Document,
        table: &'d DeTable<'d>,
        keys: &[&str],
    ) -> Result<Self, ConfigError> {
        let unknown = table
            .keys()
            .filter(|key| !keys.contains(&key.get_ref().as_ref()))
            .min_by_key(|key| key.span().start);
        match unknown {
            None => Ok(Self {
                document,
                table: Some(table),
            }),
            Some(key) => Err(document.fault_at(unknown_key(key.get_ref(), keys), &key.span())),
        }
    }

    /// The text at `key`.
    pub(super) fn text(&self, key: &str) -> Result<Option<Written<&'d str>>, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match value.get_ref() {
            DeValue::String(text) => Ok(Some(Spanned::new(value.span(), text.as_ref()))),
            _ => Err(self.wrong_type(key, value, "text in quotes")),
        }
    }

    /// The text at `key`, or each text of the list there.
    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<Written<&'d str>>>, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        self.texts_of(key, value).map(Some)
    }

    /// The text `value`, which stands at `key`, or each text of that list.
    fn texts_of(
        &self,
        key: &str,
        value: &'d Written<DeValue<'d>>,
    ) -> Result<Vec<Written<&'d str>>, ConfigError> {
        let text_of = |value: &'d Written<DeValue<'d>>, wanted| match value.get_ref() {
            DeValue::String(text) => Ok(Spanned::new(value.span(), text.as_ref())),
            _ => Err(self.wrong_type(key, value, wanted)),
        };
        match value.get_ref() {
            DeValue::Array(list) => {
                let texts = list
                    .iter()
                    .map(|element| text_of(element, "text in quotes"));
                texts.collect()
            }
            _ => Ok(vec![text_of(value, "text in quotes, or a list of it")?]),
        }
    }

    /// Each element of the list at `key`: a text, or a list of them. A text alone is a list of one.
    pub(super) fn lists(
        &self,
        key: &str,
    ) -> Result<Option<Vec<Vec<Written<&'d str>>>>, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let DeValue::Array(list) = value.get_ref() else {
            return Ok(self.texts(key)?.map(|texts| vec![texts]));
        };
        let lists = list.iter().map(|element| self.texts_of(key, element));
        lists.collect::<Result<_, _>>().map(Some)
    }

    /// The number at `key`, or `default`.
    pub(super) fn number(
        &self,
        key: &str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<u64, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(default);
        };
        let DeValue::Integer(number) = value.get_ref() else {
            return Err(self.wrong_type(key, value, "a whole number"));
        };
        let parsed = u64::from_str_radix(number.as_str(), number.radix());
        if let Ok(number) = parsed
            && range.contains(&number)
        {
            return Ok(number);
        }
        let (least, most) = (grouped(*range.start()), grouped(*range.end()));
        let fault = Fault::new(format!("`{key}` must be from {least} to {most}"));
        Err(self.document.fault_at(fault, &value.span()))
    }

    /// `true` or `false` at `key`, or `default`.
    pub(super) fn switch(&self, key: &str, default: bool) -> Result<bool, ConfigError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => match value.get_ref() {
                DeValue::Boolean(on) => Ok(*on),
                _ => Err(self.wrong_type(key, value, "`true` or `false`")),
            },
        }
    }

    /// The table at `key`, as it is.
    pub(super) fn table(&self, key: &str) -> Result<Option<Written<&'d DeTable<'d>>>, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match value.get_ref() {
            DeValue::Table(table) => Ok(Some(Spanned::new(value.span(), table))),
            _ => Err(self.wrong_type(key, value, "a table")),
        }
    }

    /// The table at `key`, which may have these keys; an empty one if there is none.
    pub(super) fn section(&self, key: &str, keys: &[&str]) -> Result<Self, ConfigError> {
        match self.table(key)? {
            Some(table) => Self::new(self.document, table.into_inner(), keys),
            None => Ok(Self {
                document: self.document,
                table: None,
            }),
        }
    }

    /// Each key of this table, in the order of the alphabet.
    pub(super) fn keys(&self) -> impl Iterator<Item = Written<&'d str>> {
        let keys = self.table.into_iter().flat_map(DeTable::keys);
        keys.map(|key| Spanned::new(key.span(), key.get_ref().as_ref()))
    }

    /// Whether a table stands at `key`.
    pub(super) fn is_table(&self, key: &str) -> bool {
        self.get(key)
            .is_some_and(|value| matches!(value.get_ref(), DeValue::Table(_)))
    }

    /// The bytes of the value at `key`.
    pub(super) fn span(&self, key: &str) -> Option<Range<usize>> {
        self.get(key).map(Spanned::span)
    }

    fn get(&self, key: &str) -> Option<&'d Written<DeValue<'d>>> {
        self.table?.get(key)
    }

    fn wrong_type(&self, key: &str, value: &Written<DeValue<'_>>, wanted: &str) -> ConfigError {
        let (found, help) = match (value.get_ref(), wanted) {
            (DeValue::String(_), "text in quotes" | "a table") => ("text", None),
            (DeValue::String(_), _) => ("text", Some("write it without quotes")),
            (DeValue::Integer(_), "text in quotes") => ("a number", Some("write it in quotes")),
            (DeValue::Integer(_), _) => ("a number", None),
            (DeValue::Float(_), _) => ("a number with a point", None),
            (DeValue::Boolean(_), _) => ("`true` or `false`", None),
            (DeValue::Datetime(_), _) => ("a date", None),
            (DeValue::Array(_), _) => ("a list", None),
            (DeValue::Table(_), _) => ("a table", None),
        };
        let help = match (wanted, key) {
            ("a table", "auth") => Some(
                "write `auth = { scheme = \"none\" }` or \
                 `auth = { scheme = \"authorization\", value_env = \"NAME\" }`",
            ),
            ("a table", "columns") => {
                Some("write `[sources.NAME.columns]` on a line of its own, and the rules below it")
            }
            ("a table", "rename" | "alias") => Some("write `{ \"NAME\" = \"NAME\" }`"),
            ("a table", "arrays") => Some("write `{ \"NAME\" = \"json\" }`"),
            ("a table", "sources") => Some("write `[sources.NAME]` on a line of its own for each"),
            _ => help,
        };
        let fault = Fault::new(format!("`{key}` takes {wanted}, not {found}"));
        let fault = match help {
            Some(help) => fault.help(help),
            None => fault,
        };
        self.document.fault_at(fault, &value.span())
    }
}

/// What stands in the file at `path`, up to a limit.
pub(super) fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?.take(FILE_BYTES_MAX + 1);
    file.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is larger than 1 MiB",
        ));
    }
    Ok(bytes)
}

/// Every key, wherever it belongs.
pub(super) fn known_keys() -> impl Iterator<Item = &'static str> {
    BELONGS.iter().flat_map(|(keys, _)| keys.iter().copied())
}

fn unknown_key(key: &str, known: &[&str]) -> Fault {
    let fault = Fault::new(format!("unknown key `{}`", key.escape_debug()));
    let elsewhere = BELONGS.iter().find(|(keys, _)| keys.contains(&key));
    // `key` and `value` of a view are seldom what was meant by one of these words elsewhere.
    let elsewhere = elsewhere.filter(|_| !SECRET_WORDS.contains(&key));
    let takes_secret = known == ACCESS || known == AUTH;
    let fault = if takes_secret && SECRET_WORDS.contains(&key) {
        fault.help("a secret never stands in this file: name its variable or its file")
    } else if let Some(similar) = nearest(key, known.iter().copied()) {
        fault.help(format!("did you mean `{similar}`?"))
    } else if let Some((_, place)) = elsewhere {
        fault.help(format!("`{key}` belongs {place}"))
    } else {
        fault
    };
    fault.help(format!("known keys here: {}", listed(known)))
}
