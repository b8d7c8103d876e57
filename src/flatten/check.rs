//! Rules that contradict themselves or each other, found before they count.

use super::choice::ColumnRules;
use super::columns::LESSONLY;
use super::names::OWN;
use super::path::Path;
use crate::event::Preset;
use std::collections::BTreeSet;

/// The most entries of one kind.
const ENTRIES_MAX: usize = 256;
/// The longest name or pattern, in bytes.
const TEXT_BYTES_MAX: usize = 1024;

/// What is wrong with column rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// In which of the rules: `include`, `rename`, …
    pub list: &'static str,
    /// At which of its entries.
    pub entry: String,
    /// In words.
    pub what: String,
    /// What to do.
    pub help: &'static str,
}

type Checked = Result<(), Mistake>;

fn fail(list: &'static str, entry: &str, what: impl Into<String>, help: &'static str) -> Checked {
    Err(Mistake {
        list,
        entry: entry.to_owned(),
        what: what.into(),
        help,
    })
}

/// The name that all names of a field have in common.
fn common(name: &str, preset: Preset) -> &str {
    let short = name.strip_prefix("user.custom_fields.");
    match preset {
        Preset::Lessonly => short.filter(|rest| !rest.is_empty()).unwrap_or(name),
        Preset::Generic => name,
    }
}

impl ColumnRules {
    /// Whether these rules mean something for a source with `preset`.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check(&self, preset: Preset) -> Checked {
        for (list, patterns) in [("include", &self.include), ("exclude", &self.exclude)] {
            check_texts(list, patterns.iter())?;
        }
        check_texts("rename", self.rename.keys())?;
        check_texts("alias", self.alias.keys())?;
        check_texts("arrays", self.arrays.keys())?;
        self.check_alias(preset)?;
        check_twice("rename", self.rename.keys(), preset)?;
        check_twice("arrays", self.arrays.keys(), preset)?;
        for (list, names) in [
            ("rename", self.rename.keys().collect::<Vec<_>>()),
            ("arrays", self.arrays.keys().collect()),
        ] {
            self.check_second_names(list, &names, preset)?;
        }
        self.check_new_names(preset)
    }

    fn check_alias(&self, preset: Preset) -> Checked {
        check_twice("alias", self.alias.keys(), preset)?;
        let firsts: BTreeSet<&str> = self.alias.keys().map(|k| common(k, preset)).collect();
        for (first, second) in &self.alias {
            check_text("alias", first, second)?;
            let known = common(second, preset);
            if common(first, preset) == known {
                let what = format!("`{second}` is the same field");
                return fail("alias", first, what, "name another field, or remove it");
            }
            if firsts.contains(known) {
                let what = format!("`{second}` is itself another name");
                let help = "let every name stand for the one whose column it is";
                return fail("alias", first, what, help);
            }
        }
        Ok(())
    }

    /// A field with two names is known to the other rules by the second.
    fn check_second_names(&self, list: &'static str, names: &[&String], preset: Preset) -> Checked {
        for name in names {
            let mut aliases = self.alias.iter();
            let known = common(name, preset);
            if let Some((_, second)) = aliases.find(|(first, _)| common(first, preset) == known) {
                let what = format!("`alias` puts `{name}` into the column of `{second}`");
                return fail(list, name, what, "write that name here");
            }
        }
        Ok(())
    }

    fn check_new_names(&self, preset: Preset) -> Checked {
        let mut taken: BTreeSet<String> = OWN.map(str::to_owned).into();
        if preset == Preset::Lessonly {
            // Documented columns that are there under the names that everybody knows.
            let kept = LESSONLY.iter().filter(|keys| {
                let path = Path::of(keys);
                self.column_of(&path, preset).as_ref() == Some(&path)
                    && self.renamed(&path, preset).is_none()
            });
            taken.extend(kept.map(|keys| keys.join(".")));
        }
        for (field, name) in &self.rename {
            check_text("rename", field, name)?;
            if name.chars().any(char::is_control) {
                let what = format!("the new name of `{field}` has a control character");
                return fail("rename", field, what, "a name is one line of text");
            }
            if common(field, preset) == name {
                let what = format!("`{field}` is called `{name}` anyway");
                return fail("rename", field, what, "give it another name, or remove it");
            }
            if !taken.insert(name.clone()) {
                let what = format!("`{name}` is the name of another column");
                return fail("rename", field, what, "names of columns differ");
            }
        }
        Ok(())
    }
}

fn check_texts<'t>(
    list: &'static str,
    texts: impl ExactSizeIterator<Item = &'t String>,
) -> Checked {
    let count = texts.len();
    for (nth, text) in texts.enumerate() {
        check_text(list, text, text)?;
        if nth == ENTRIES_MAX {
            let what = format!("`{list}` has {count} entries; {ENTRIES_MAX} are the most");
            return fail(
                list,
                text,
                what,
                "a pattern such as `user.*` serves for many",
            );
        }
    }
    Ok(())
}

fn check_text(list: &'static str, entry: &str, text: &str) -> Checked {
    if text.is_empty() {
        let what = format!("`{list}` has an empty name");
        return fail(list, entry, what, "write a path such as `user.name`");
    }
    if text.len() > TEXT_BYTES_MAX {
        let what = format!("a name is longer than {TEXT_BYTES_MAX} bytes");
        return fail(
            list,
            entry,
            what,
            "a shorter pattern with `*` matches it too",
        );
    }
    Ok(())
}

fn check_twice<'t>(
    list: &'static str,
    names: impl Iterator<Item = &'t String>,
    preset: Preset,
) -> Checked {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(common(name, preset)) {
            let what = format!("`{list}` names `{name}` twice");
            return fail(list, name, what, "keep one of the two");
        }
    }
    Ok(())
}
