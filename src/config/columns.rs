//! Which fields of a source become columns, and how, as the file says it.
//! Promises rules that do not contradict each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::{ConfigError, Fault};
use super::file::{self, Section, Written};
use super::resolve::Resolver;
use super::sources::unknown;
use crate::event::Preset;
use crate::flatten::{Arrays, ColumnRules, Mistake};

impl<'r> Resolver<'r> {
    /// The `columns` of `source`; nothing when they say nothing.
    pub(super) fn columns(
        &self,
        source: &Section<'r>,
        preset: Preset,
    ) -> Result<Option<Arc<ColumnRules>>, ConfigError> {
        let section = source.section("columns", file::COLUMNS)?;
        let arrays = self.pairs(&section, "arrays")?.into_iter();
        let arrays = arrays.map(|(field, text)| Ok((field, self.valid(&text, arrays_of)?)));
        let rules = ColumnRules {
            include: self.patterns(&section, "include")?.into_iter().collect(),
            exclude: self.patterns(&section, "exclude")?.into_iter().collect(),
            rename: owned(self.pairs(&section, "rename")?),
            alias: owned(self.pairs(&section, "alias")?),
            arrays: arrays.collect::<Result<_, ConfigError>>()?,
            leave_out_tests: !source.switch("test_rows", true)?,
        };
        match rules.check(preset) {
            Ok(()) if rules.is_empty() => Ok(None),
            Ok(()) => Ok(Some(Arc::new(rules))),
            Err(mistake) => Err(self.mistake(&section, mistake)),
        }
    }

    /// The list of patterns at `key`.
    fn patterns(&self, section: &Section<'r>, key: &str) -> Result<Vec<String>, ConfigError> {
        let Some(texts) = section.texts(key)? else {
            return Ok(Vec::new());
        };
        if texts.is_empty() {
            let fault = Fault::new(format!("`{key}` is an empty list"))
                .help("name one or more patterns such as `user.*`, or remove it");
            let span = section.span(key).unwrap_or_default();
            return Err(self.document.fault_at(fault, &span));
        }
        let texts = texts.iter().map(|text| (*text.get_ref()).to_owned());
        Ok(texts.collect())
    }

    /// The table of fields and texts at `key`.
    fn pairs(
        &self,
        section: &Section<'r>,
        key: &str,
    ) -> Result<BTreeMap<String, Written<&'r str>>, ConfigError> {
        let mut pairs = BTreeMap::new();
        let Some(table) = section.table(key)? else {
            return Ok(pairs);
        };
        let table = table.into_inner();
        let fields: Vec<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
        let all = Section::new(self.document, table, &fields)?;
        for field in fields {
            if all.is_table(field) {
                let what = format!("`{field}` in `{key}` takes text in quotes, not a table");
                let fault =
                    Fault::new(what).help("put a name with dots into quotes: `\"user.name\" = …`");
                let span = all.span(field).unwrap_or_default();
                return Err(self.document.fault_at(fault, &span));
            }
            if let Some(text) = all.text(field)? {
                pairs.insert(field.to_owned(), text);
            }
        }
        Ok(pairs)
    }

    /// What is wrong, at the place of the entry that it is about.
    fn mistake(&self, section: &Section<'r>, mistake: Mistake) -> ConfigError {
        let Mistake {
            list,
            entry,
            what,
            help,
        } = mistake;
        let in_list = section.texts(list).ok().flatten().unwrap_or_default();
        let in_list = in_list.iter().find(|text| *text.get_ref() == entry);
        let in_table = || {
            let table = section.table(list).ok().flatten()?;
            table.get_ref().get(entry.as_str()).map(Written::span)
        };
        let span = in_list.map(Written::span).or_else(in_table);
        let span = span.or_else(|| section.span(list)).unwrap_or_default();
        self.document.fault_at(Fault::new(what).help(help), &span)
    }
}

fn owned(pairs: BTreeMap<String, Written<&str>>) -> BTreeMap<String, String> {
    let pairs = pairs.into_iter();
    pairs
        .map(|(key, text)| (key, text.into_inner().to_owned()))
        .collect()
}

fn arrays_of(text: &str) -> Result<Arrays, Fault> {
    let found = Arrays::ALL.into_iter().find(|known| known.as_str() == text);
    found.ok_or_else(|| unknown("way for arrays", text, &Arrays::ALL.map(Arrays::as_str)))
}
