//! The views of a source: those of its preset, and over them those of the file.
//! Columns are named, not looked up: which there are is known only to a table.

use std::collections::BTreeMap;

use super::error::{ConfigError, Fault, listed, quoted};
use super::file::{self, Section, Written};
use super::resolve::Resolver;
use super::sources::unknown;
use crate::event::{Choice, Matrix, Pick, Preset, SourceName, View};

/// The most entries of a list.
const LIST_MAX: usize = 100;

/// Every kind, and the keys that it takes.
const KINDS: [(&str, &[&str]); 3] = [
    ("latest", &["kind", "key"]),
    ("best", &["kind", "key", "of"]),
    (
        "matrix",
        &["kind", "row", "show", "column", "title", "value", "pick"],
    ),
];

/// One view of the file.
struct Table<'t, 'r> {
    resolver: &'t Resolver<'r>,
    section: Section<'r>,
    kind: &'static str,
    /// Where to point when something is missing.
    whole: std::ops::Range<usize>,
}

impl<'r> Resolver<'r> {
    /// The views of `source`, which has this preset.
    pub(super) fn views(
        &self,
        preset: Preset,
        source: &Section<'r>,
    ) -> Result<BTreeMap<String, View>, ConfigError> {
        let mut views = preset.views();
        let Some(tables) = source.table("views")? else {
            return Ok(views);
        };
        let keys = tables.get_ref().keys();
        let names: Vec<&str> = keys.map(|key| key.get_ref().as_ref()).collect();
        let all = Section::new(self.document, tables.into_inner(), &names)?;
        for name in all.keys() {
            self.valid(&name, view_name)?;
            let section = all.section(name.get_ref(), file::VIEW)?;
            let whole = all.span(name.get_ref()).unwrap_or_default();
            let table = Table {
                resolver: self,
                kind: self.kind(&section, &whole)?,
                section,
                whole,
            };
            views.insert((*name.get_ref()).to_owned(), table.view()?);
        }
        Ok(views)
    }

    fn kind(
        &self,
        section: &Section<'r>,
        whole: &std::ops::Range<usize>,
    ) -> Result<&'static str, ConfigError> {
        let known = KINDS.map(|(kind, _)| kind);
        let Some(text) = section.text("kind")? else {
            let fault = Fault::new("the view has no `kind`").help(format!(
                "write `kind = \"NAME\"` with one of {}",
                listed(&known)
            ));
            return Err(self.document.fault_at(fault, whole));
        };
        self.valid(&text, |text| {
            let found = known.into_iter().find(|&kind| kind == text);
            found.ok_or_else(|| unknown("kind", text, &known))
        })
    }
}

impl Table<'_, '_> {
    fn view(&self) -> Result<View, ConfigError> {
        self.check_keys()?;
        Ok(match self.kind {
            "latest" => View::Latest { key: self.key()? },
            "best" => View::Best {
                key: self.key()?,
                of: self.column("of")?,
            },
            _ => {
                let row = self.choice("row")?;
                let show = match self.section.texts("show")? {
                    None => row.0.clone(),
                    Some(columns) => self.names("show", &columns)?,
                };
                View::Matrix(Matrix {
                    row,
                    show,
                    column: self.choice("column")?,
                    title: match self.section.text("title")? {
                        None => None,
                        Some(text) => Some(self.name(&text)?),
                    },
                    value: self.column("value")?,
                    pick: match self.section.text("pick")? {
                        None => Pick::Latest,
                        Some(text) => self.resolver.valid(&text, pick)?,
                    },
                })
            }
        })
    }

    /// Refuses what has no meaning for this kind.
    fn check_keys(&self) -> Result<(), ConfigError> {
        let kind = self.kind;
        let takes = KINDS.iter().find(|known| known.0 == kind);
        let takes = takes.map_or(file::VIEW, |known| known.1);
        match self
            .section
            .keys()
            .find(|key| !takes.contains(key.get_ref()))
        {
            None => Ok(()),
            Some(key) => {
                let name = key.get_ref();
                let fault = Fault::new(format!("`{name}` has no meaning with `kind = {kind:?}`"))
                    .help(format!("keys of this kind: {}", listed(takes)));
                Err(self.fail(fault, &key))
            }
        }
    }

    fn key(&self) -> Result<Vec<Choice>, ConfigError> {
        let key = "key";
        let Some(lists) = self.section.lists(key)? else {
            return Err(self.missing(key));
        };
        self.check_length(key, lists.len())?;
        let choice = |columns: &Vec<Written<&str>>| self.names(key, columns).map(Choice);
        lists.iter().map(choice).collect()
    }

    fn choice(&self, key: &str) -> Result<Choice, ConfigError> {
        match self.section.texts(key)? {
            Some(columns) => self.names(key, &columns).map(Choice),
            None => Err(self.missing(key)),
        }
    }

    fn column(&self, key: &str) -> Result<String, ConfigError> {
        match self.section.text(key)? {
            Some(text) => self.name(&text),
            None => Err(self.missing(key)),
        }
    }

    /// The list of `columns` that stands at `key`: one or more, none twice.
    fn names(&self, key: &str, columns: &[Written<&str>]) -> Result<Vec<String>, ConfigError> {
        self.check_length(key, columns.len())?;
        for (nth, column) in columns.iter().enumerate() {
            let same = |before: &Written<&str>| before.get_ref() == column.get_ref();
            if columns[..nth].iter().any(same) {
                let fault = Fault::new(format!("`{key}` names the same column twice"));
                return Err(self.fail(fault, column));
            }
        }
        columns.iter().map(|column| self.name(column)).collect()
    }

    fn name(&self, column: &Written<&str>) -> Result<String, ConfigError> {
        if column.get_ref().is_empty() {
            let fault = Fault::new("a column has a name")
                .help("write it as the first line of a table shows it, such as `user.id`");
            return Err(self.fail(fault, column));
        }
        Ok((*column.get_ref()).to_owned())
    }

    fn check_length(&self, key: &str, length: usize) -> Result<(), ConfigError> {
        let fault = match length {
            0 => Fault::new(format!("`{key}` is an empty list")).help("name one column or more"),
            1..=LIST_MAX => return Ok(()),
            _ => Fault::new(format!("`{key}` has more than {LIST_MAX} entries")),
        };
        let span = self.section.span(key).unwrap_or_default();
        Err(self.resolver.document.fault_at(fault, &span))
    }

    fn missing(&self, key: &str) -> ConfigError {
        let fault = Fault::new(format!("a view of the kind {:?} needs `{key}`", self.kind));
        let example = match key {
            "key" => "`key = [[\"user.id\", \"user.email\"], \"lesson.id\"]`",
            "row" => "`row = [\"user.id\", \"user.email\"]`",
            "column" => "`column = \"lesson.id\"`",
            "of" => "`of = \"score_percent\"`",
            _ => "`value = \"score_percent\"`",
        };
        let fault = fault.help(format!("name columns, as in {example}"));
        self.resolver.document.fault_at(fault, &self.whole)
    }

    fn fail(&self, fault: Fault, at: &Written<&str>) -> ConfigError {
        self.resolver.document.fault_at(fault, &at.span())
    }
}

/// Names of views stand in URLs, and are as those of sources.
fn view_name(text: &str) -> Result<(), Fault> {
    match SourceName::new(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(
            Fault::new(format!("{} is no name for a view", quoted(text)))
                .help("use 1 to 64 of a-z, 0-9, _ and -, starting with a letter or digit"),
        ),
    }
}

fn pick(text: &str) -> Result<Pick, Fault> {
    match text {
        "latest" => Ok(Pick::Latest),
        "best" => Ok(Pick::Best),
        _ => Err(unknown("pick", text, &["latest", "best"])),
    }
}
