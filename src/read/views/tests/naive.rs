//! Views as README tells of them, made with everything in memory and in the
//! plainest way.

use super::{Cell, Given, Whole, heading, text};
use crate::event::{Choice, Matrix, Pick, View};
use crate::flatten::Kind;
use crate::flatten::cell::guarded;
use crate::read::rows::Heading;
use chrono::DateTime;
use std::collections::HashMap;

/// The cell of a column by its name.
fn cell(table: &Given, row: usize, name: &str) -> Cell {
    let at = table.headings.iter().position(|h| h.name == name);
    at.map_or(text(""), |at| table.rows[row][at].clone())
}

/// A column and what stands there.
type Chosen = (String, String);

/// The column of the choice that counts in this row, and what stands there.
fn chosen(table: &Given, row: usize, choice: &Choice) -> Option<Chosen> {
    let cells = choice.0.iter().map(|name| (name, cell(table, row, name).1));
    let mut filled = cells.filter(|(_, text)| !text.is_empty());
    filled.next().map(|(name, text)| (name.clone(), text))
}

/// Whether `a` is higher than `b`: 1, equal: 0, lower: -1.
fn compare(a: &str, b: &str) -> i32 {
    fn class(text: &str) -> (i32, f64, i64) {
        let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        if text.is_empty() {
            (0, 0.0, 0)
        } else if let (true, Ok(number)) = (is_number, text.parse::<f64>()) {
            (3, number, 0)
        } else if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
            (2, 0.0, moment.timestamp_millis())
        } else {
            (1, 0.0, 0)
        }
    }
    match class(a).partial_cmp(&class(b)) {
        Some(order) => order as i32,
        None => 0,
    }
}

/// What the view makes of the table.
pub(super) fn view(view: &View, table: &Given) -> Whole {
    match view {
        View::Latest { key } => picked(table, key, |_, _| true),
        View::Best { key, of } => picked(table, key, |new, old| {
            compare(&cell(table, new, of).1, &cell(table, old, of).1) >= 0
        }),
        View::Matrix(view) => matrix(view, table),
    }
}

fn picked(table: &Given, key: &[Choice], replaces: impl Fn(usize, usize) -> bool) -> Whole {
    let mut kept: Vec<usize> = Vec::new();
    let mut of_key: HashMap<Vec<Chosen>, usize> = HashMap::new();
    for row in 0..table.rows.len() {
        let parts: Option<Vec<_>> = key.iter().map(|c| chosen(table, row, c)).collect();
        match parts {
            None => kept.push(row),
            Some(parts) => {
                let best = of_key.entry(parts).or_insert(row);
                if replaces(row, *best) {
                    *best = row;
                }
            }
        }
    }
    kept.extend(of_key.values());
    kept.sort_unstable();
    let rows = kept.iter().map(|&row| table.rows[row].clone());
    (table.headings.clone(), rows.collect())
}

/// Rows and columns of the matrix, each by what it is of, in the order of their first event.
fn matrix(view: &Matrix, table: &Given) -> Whole {
    let mut who: Vec<(Option<Chosen>, Vec<usize>)> = Vec::new();
    let mut what: Vec<(Chosen, String)> = Vec::new();
    let mut has_others = false;
    for row in 0..table.rows.len() {
        let key = chosen(table, row, &view.row);
        match who.iter_mut().find(|known| key.is_some() && known.0 == key) {
            Some(known) => known.1.push(row),
            None => who.push((key, vec![row])),
        }
        let title = view
            .title
            .as_ref()
            .map_or(String::new(), |name| cell(table, row, name).1);
        match chosen(table, row, &view.column) {
            None => has_others = true,
            Some(column) => match what.iter_mut().find(|known| known.0 == column) {
                None => what.push((column, title)),
                Some(known) if !title.is_empty() => known.1 = title,
                Some(_) => {}
            },
        }
    }
    let headings = headings(view, table, &what, has_others);
    let line = |events: &Vec<usize>| {
        let newest = *events.last().unwrap();
        let mut cells: Vec<Cell> = view
            .show
            .iter()
            .map(|name| cell(table, newest, name))
            .collect();
        for (column, _) in &what {
            let is_of = |row: &&usize| chosen(table, **row, &view.column).as_ref() == Some(column);
            let values = events
                .iter()
                .filter(is_of)
                .map(|&row| cell(table, row, &view.value));
            let value = values.reduce(|old, new| match view.pick {
                Pick::Best if compare(&new.1, &old.1) < 0 => old,
                _ => new,
            });
            cells.push(
                value
                    .filter(|value| !value.1.is_empty())
                    .unwrap_or(text("")),
            );
        }
        if has_others {
            let others = events
                .iter()
                .filter(|&&row| chosen(table, row, &view.column).is_none());
            cells.push(match others.count() {
                0 => text(""),
                count => (Kind::Number, count.to_string()),
            });
        }
        cells
    };
    (
        headings,
        who.iter().map(|(_, events)| line(events)).collect(),
    )
}

fn headings(
    view: &Matrix,
    table: &Given,
    what: &[(Chosen, String)],
    has_others: bool,
) -> Vec<Heading> {
    let known = |name: &String| {
        let found = table.headings.iter().find(|h| h.name == *name).cloned();
        let missing = || Heading {
            is_id: false,
            ..heading(name)
        };
        found.unwrap_or_else(missing)
    };
    let mut headings: Vec<Heading> = view.show.iter().map(known).collect();
    let wanted = |one: &(Chosen, String)| match one.1.as_str() {
        "" => one.0.1.clone(),
        title => title.to_owned(),
    };
    let mut add = |title: String, is_id: bool| {
        let numbered = |n: usize| {
            if n == 1 {
                title.clone()
            } else {
                format!("{title} ({n})")
            }
        };
        let is_free = |title: &String| headings.iter().all(|h| h.name != guarded(title));
        let title = (1..9999).map(numbered).find(is_free).unwrap();
        let name = guarded(&title);
        headings.push(Heading { name, title, is_id });
    };
    for one in what {
        let title = wanted(one);
        let same = what.iter().filter(|other| wanted(other) == title).count();
        let title = if same > 1 {
            format!("{title} ({})", one.0.1)
        } else {
            title
        };
        add(title, known(&view.value).is_id);
    }
    if has_others {
        add("others".into(), false);
    }
    headings
}
