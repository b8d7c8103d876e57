//! Which module may know which: read from the source, so that it stays so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every top-level module and those that it may use. `main` is the program.
const LAYERS: [(&str, &[&str]); 23] = [
    ("event", &[]),
    ("json", &[]),
    ("disk", &[]),
    ("flatten", &["event", "json"]),
    ("config", &["event", "flatten"]),
    ("layout", &["event"]),
    ("journal", &["event", "disk", "layout"]),
    ("table", &["event", "disk", "layout", "flatten"]),
    (
        "follow",
        &["event", "disk", "layout", "flatten", "journal", "table"],
    ),
    (
        "read",
        &[
            "event", "json", "disk", "layout", "flatten", "journal", "table",
        ],
    ),
    ("links", &["event", "disk"]),
    ("cli", &["event", "config", "read", "links"]),
    ("sessions", &["event", "disk"]),
    (
        "verify",
        &["event", "disk", "layout", "flatten", "journal", "table"],
    ),
    (
        "export",
        &[
            "event", "disk", "layout", "flatten", "journal", "table", "follow", "read",
        ],
    ),
    ("receive", &["event", "json", "journal"]),
    (
        "rejects",
        &[
            "event", "disk", "layout", "flatten", "journal", "table", "follow", "receive",
        ],
    ),
    (
        "engine",
        &[
            "event", "config", "disk", "layout", "flatten", "journal", "table", "follow", "read",
            "links", "sessions", "receive", "rejects",
        ],
    ),
    (
        "control",
        &[
            "event", "json", "config", "journal", "follow", "links", "receive", "engine",
        ],
    ),
    (
        "http",
        &[
            "event", "config", "disk", "journal", "follow", "read", "links", "sessions", "receive",
            "rejects", "engine",
        ],
    ),
    (
        "serve",
        &[
            "event", "config", "disk", "layout", "journal", "follow", "links", "sessions",
            "receive", "rejects", "engine", "control", "http",
        ],
    ),
    (
        "main",
        &[
            "event", "cli", "config", "control", "disk", "layout", "read", "export", "engine",
            "serve", "verify",
        ],
    ),
    ("lib", &[]),
];

/// The top-level module of a file below `src`.
fn module_of(path: &Path) -> String {
    let first = path.iter().next().expect("a name").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// All files below `src` but tests, with their text up to `#[cfg(test)]`, without comments.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).expect("a text");
                let name = path.strip_prefix(&root).expect("below src").to_owned();
                files.push((name, code_of(&text)));
            }
        }
    }
    files.sort();
    files
}

/// The code of a file: comments away, and what stands behind `#[cfg(test)]` unless that is a declaration alone.
fn code_of(text: &str) -> String {
    let text = text.replace("#[cfg(test)]\nmod tests;\n", "");
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let without_comment = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    code.lines()
        .map(without_comment)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The modules that `code` names behind `start`, as `crate::x` or `crate::{x, y::z}`.
fn named(code: &str, start: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        let letters = text.trim_start().chars();
        letters
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(start) {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        if before.is_alphanumeric() || before == '_' || before == '$' {
            continue;
        }
        let rest = &code[at + start.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut at_name = true;
        for (at, letter) in list.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => at_name = true,
                _ if at_name && !letter.is_whitespace() => {
                    found.insert(word(&list[at..]));
                    at_name = false;
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn names_are_found_however_they_are_written() {
    let code =
        "use crate::{a::{b, c}, d};\nlet x = crate::e::f(); use mycrate::g; fn h() -> crate::i;";
    let wanted = ["a", "d", "e", "i"].map(String::from);
    assert_eq!(named(code, "crate::"), BTreeSet::from(wanted));
    let text =
        "use crate::a; // crate::b\n#[cfg(test)]\nmod tests;\nmod c;\n#[cfg(test)]\nmod tests {";
    assert_eq!(code_of(text), "use crate::a; \nmod c;");
}

#[test]
fn modules_use_only_what_is_below_them() {
    let allowed: BTreeMap<_, _> = LAYERS.into_iter().collect();
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let module = module_of(&path);
        let Some(may) = allowed.get(module.as_str()) else {
            wrong.push(format!(
                "{}: the module {module} is not in the table",
                path.display()
            ));
            continue;
        };
        let start = if module == "main" {
            "rowhook::"
        } else {
            "crate::"
        };
        for used in named(&code, start) {
            if used != module && !may.contains(&used.as_str()) {
                wrong.push(format!("{}: {module} may not use {used}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_table_has_an_order() {
    // Each stands behind all that it uses; so there is no circle.
    for (nth, (module, may)) in LAYERS.iter().enumerate() {
        for used in *may {
            let before = LAYERS[..nth].iter().any(|(name, _)| name == used);
            assert!(
                before,
                "{module} uses {used}, which does not stand before it"
            );
        }
    }
}

#[test]
fn some_crates_and_paths_stay_in_their_place() {
    let in_module = |path: &Path, modules: &[&str]| modules.contains(&module_of(path).as_str());
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let mut check = |what: &str, modules: &[&str]| {
            if code.contains(what) && !in_module(&path, modules) {
                wrong.push(format!("{} has {what}", path.display()));
            }
        };
        check("actix_web", &["http", "serve", "main"]);
        check("actix_http::", &["http", "serve"]);
        check("actix_server::", &["serve"]);
        check("utoipa::", &["http"]);
        check("rustls", &["config", "serve"]);
        check("toml::", &["config"]);
        check("clap::", &["cli", "main"]);
        // Journal, tables and exports reach the disk through its boundary alone, so that its faults can be simulated. The file
        // that a command exports into lies elsewhere.
        check("std::fs", &["disk", "config", "control", "export", "serve"]);
        check("SystemTime::now", &["event"]);
        check("std::env::var", &["main"]);
        // One step up is a sibling; two would leave the module unseen.
        check("super::super", &[]);
    }
    assert_eq!(wrong, Vec::<String>::new());
}
