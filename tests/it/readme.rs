//! What README says happens, happens.

use crate::server::Place;

const README: &str = include_str!("../../README.md");

/// The text between `before` and `after`, the first time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let start = text.find(before).expect("the start") + before.len();
    let end = text[start..].find(after).expect("the end");
    &text[start..start + end]
}

#[test]
fn the_documented_curl_makes_the_documented_row() {
    let call = between(README, "curl -H \"Authorization", "```");
    let body = between(call, "-d '", "'");
    let place = Place::new();
    let server = place.start();
    let headers = [
        ("authorization", "YOUR_CUSTOM_AUTH_HEADER"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let first = server.post_to("lessonly", body.as_bytes(), &headers);
    let shown = between(README, "```json\n", "\n```");
    let wanted: serde_json::Value = serde_json::from_str(shown).expect("JSON");
    assert_eq!(
        (first.status, &first.json()["status"]),
        (200, &wanted["status"])
    );
    let again = server.post_to("lessonly", body.as_bytes(), &headers);
    assert_eq!(again.json()["status"], "duplicate");

    let csv = server.get("/exports/lessonly/today.csv").body;
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let columns: Vec<String> = reader
        .headers()
        .expect("a header")
        .iter()
        .map(str::to_owned)
        .collect();
    let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 1);
    let documented = table(README);
    assert_eq!(documented.len(), columns.len());
    for ((column, cell), (name, value)) in documented.iter().zip(columns.iter().zip(&rows[0])) {
        assert_eq!(column, name);
        match name.as_str() {
            "received_at" => assert_eq!(value.len(), cell.len()),
            "event_id" => assert_eq!(value, first.json()["id"].as_str().expect("an id")),
            _ => assert_eq!(value, cell, "{name}"),
        }
    }
}

/// The columns and cells of the first table of them in `text`.
fn table(text: &str) -> Vec<(String, String)> {
    let table = between(text, "| column | cell |\n| --- | --- |\n", "\n\n");
    let row = |line: &str| {
        let mut cells = line
            .split('|')
            .skip(1)
            .map(|cell| cell.trim().trim_matches('`').to_owned());
        (
            cells.next().expect("a column"),
            cells.next().expect("a cell"),
        )
    };
    table.lines().map(row).collect()
}

#[test]
fn the_documented_choice_of_columns_makes_the_documented_row() {
    let section = between(README, "\n## Choose columns\n", "\n## ");
    let place = Place::new();
    let config = place.config(between(section, "```toml\n", "```"));
    let check = place
        .bare(&[])
        .arg("check")
        .arg("--config")
        .arg(&config)
        .output();
    let check = check.expect("the program");
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success(), "{said}");
    for rule in [
        "columns.exclude          Salary*",
        "columns.rename           user.name is called Learner",
        "columns.alias            Abteilung goes into Department",
        "columns.arrays           answers: expand",
    ] {
        assert!(said.contains(rule), "{said}");
    }
    let mut command = place.command();
    command.arg("--config").arg(config);
    let server = crate::server::Server::start(command);
    assert_eq!(
        server.post(between(section, "```json\n", "```")).status,
        200
    );
    let csv = server.get("/exports/lessonly/today.csv").body;
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let columns = reader.headers().expect("a header").clone();
    let row = reader.records().next().expect("a row").expect("a row");
    let documented = table(section);
    assert_eq!(documented.len(), columns.len(), "{columns:?}");
    for ((column, cell), (name, value)) in documented.iter().zip(columns.iter().zip(&row)) {
        assert_eq!(column, name);
        match name {
            "received_at" | "event_id" => assert_eq!(value.len(), cell.len()),
            _ => assert_eq!(value, cell, "{name}"),
        }
    }
}

/// Every `rowhook link` of the text is run, and every address in it is one that was printed.
#[test]
fn the_documented_links_open_what_is_documented() {
    let place = Place::new();
    let base = "https://hooks.example.com";
    let server = place.start_with(&format!("public_url = \"{base}\"\n"));
    assert_eq!(server.post("{\"score\":1}").status, 200);
    let mut printed: Vec<(String, String)> = Vec::new();
    let begins = README.match_indices("rowhook link --");
    for line in begins.map(|(at, _)| README[at..].split(['\n', '`']).next().expect("a line")) {
        // The id in the text is nobody's.
        let shown = "4f1d09aa3c";
        let id = printed.first().map_or("", |(_, id)| id.as_str());
        let line = line.replace(shown, id);
        let mut command = place.bare(&[]);
        command.args(line.split(' ').skip(1));
        command.arg("--output").arg(place.output());
        command
            .arg("--config")
            .arg(place.path().join("rowhook.toml"));
        let output = command.output().expect("the program");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {said}");
        let out = String::from_utf8(output.stdout).expect("a text");
        if let Some(path) = out.trim_end().strip_prefix(base) {
            assert_eq!(server.get_with(path, &[]).status, 200, "{line}");
            let (address, rest) = out.split_once("link=").expect("a link");
            let id = rest.split('.').next().expect("an id");
            printed.push((address.to_owned(), id.to_owned()));
        }
    }
    assert_eq!(printed.len(), 6);
    let mut addresses = 0;
    for (at, _) in README.match_indices(&format!("{base}/exports/")) {
        let address = README[at..].split("link=").next().expect("an address");
        let known = printed.iter().any(|(printed, _)| printed == address);
        assert!(known, "{address}");
        addresses += 1;
    }
    assert_eq!(addresses, 2);
}

#[test]
fn the_documented_check_passes() {
    let line = between(README, "cargo run --release -- check ", "\n");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_rowhook"))
        .arg("check")
        .args(line.split(' '))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("LESSONLY_AUTHORIZATION")
        .env_remove("ROWHOOK_TOKEN")
        .output()
        .expect("the program");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
