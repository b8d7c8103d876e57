//! The description of the interface for programs: held against the routes that
//! are registered, against what the real server takes, and against what it
//! answers. What it does not say must not come.

use crate::days::journal;
use crate::described::Document;
use crate::raw::Raw;
use crate::rows::Events;
use crate::server::{Answer, Place, Server, TOKEN};
use crate::sessions::{get, log_in, post, proof};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

const ROUTES: &str = include_str!("../../src/http/routes.rs");

fn set<'a>(words: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    words.into_iter().map(str::to_owned).collect()
}

/// The paths under which a registered one is described, if it is a pattern.
fn described(route: &str) -> Vec<&str> {
    match route {
        "/exports/{path:.*}" => vec![
            "/exports/{source}/{date}.{format}",
            "/exports/{source}/{date}.{part}.csv",
            "/exports/{source}.{format}",
        ],
        plain => {
            assert!(!plain.contains(':'), "how is {plain} described?");
            vec![plain]
        }
    }
}

#[test]
fn what_is_described_is_what_is_registered() {
    let mut registered: BTreeMap<&str, &[&str]> = BTreeMap::new();
    for (call, methods) in [
        ("read(\"", &["GET"][..]),
        ("form(\"", &["GET", "POST"]),
        ("web::resource(\"", &["POST"]),
    ] {
        for (at, _) in ROUTES.match_indices(call) {
            let route = ROUTES[at + call.len()..].split('"').next().expect("a path");
            for path in described(route) {
                assert_eq!(
                    registered.insert(path, methods),
                    None,
                    "{path} is there twice"
                );
            }
        }
    }
    assert_eq!(registered.len(), 23);
    let place = Place::new();
    let server = place.start();
    let document = Document::of(&server);
    let paths = document.paths().keys().map(String::as_str);
    assert_eq!(set(paths), set(registered.keys().copied()));
    for (path, methods) in registered {
        assert_eq!(
            document.methods(path),
            set(methods.iter().copied()),
            "{path}"
        );
    }
}

/// A path that may be asked for: `path` with a value for each parameter that must be there.
fn example(document: &Document, method: &str, path: &str) -> String {
    let value = |name: &str| match name {
        "source" => "lessonly",
        "date" if path.contains("{part}") => "2020-01-01",
        "date" | "to" => "today",
        "from" => "-7d",
        "format" => "xlsx",
        "part" => "1",
        "version" => "any",
        "name" => "style.css",
        "place" => "1-0",
        "width" => "16",
        "id" => "0123456789abcdef0123456789abcdef",
        "at" => "2020-01-01.0",
        other => panic!("what is {other} of {path}?"),
    };
    let mut filled = path.to_owned();
    for parameter in document.parameters(method, path) {
        let name = parameter["name"].as_str().expect("a name");
        match (parameter["in"].as_str(), parameter["required"].as_bool()) {
            (Some("path"), Some(true)) => {
                let before = filled.clone();
                filled = filled.replace(&format!("{{{name}}}"), value(name));
                assert_ne!(filled, before, "{path} does not have {name}");
            }
            (Some("query"), Some(true)) => {
                let between = if filled.contains('?') { '&' } else { '?' };
                filled.extend([between.to_string().as_str(), name, "=", value(name)]);
            }
            (Some("query" | "header"), Some(false)) => {}
            other => panic!("{name} of {path}: {other:?}"),
        }
    }
    assert!(!filled.contains('{'), "{filled}");
    filled
}

/// A request with the token; only the head of its answer is read, as some never end.
fn head_of(server: &Server, method: &str, path: &str) -> (u16, Option<String>) {
    let (kind, body) = match (method, path) {
        ("POST", path) if path.starts_with("/hooks/") => ("application/json", "{\"a\":1}"),
        ("POST", _) => ("application/x-www-form-urlencoded", "token=none&proof=none"),
        _ => ("text/plain", ""),
    };
    let mut raw = Raw::open(server);
    raw.send(format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\nContent-Type: {kind}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    let (status, headers) = raw.head();
    let allow = headers
        .get("allow")
        .map(|value| value.to_str().expect("a text"));
    (status, allow.map(str::to_owned))
}

#[test]
fn every_method_is_taken_that_is_described_and_no_other() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":1}").status, 200);
    let document = Document::of(&server);
    let rows = server.get("/api/rows?source=lessonly").json();
    let first = rows["rows"][0]["place"].as_str().expect("a place");
    let (mut taken, mut refused) = (0, 0);
    for path in document.paths().keys() {
        let described = document.methods(path);
        let mut allowed = described.clone();
        if described.contains("GET") {
            allowed.insert("HEAD".to_owned());
        }
        let like = if described.contains("GET") {
            "get"
        } else {
            "post"
        };
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let of = if method == "POST" { "post" } else { "get" };
            let of_path = if allowed.contains(method) { of } else { like };
            let asked = example(&document, of_path, path).replace("1-0", first);
            let (status, allow) = head_of(&server, method, &asked);
            if !allowed.contains(method) {
                assert_eq!(status, 405, "{method} {asked}");
                let allow = allow.expect("what is allowed");
                assert_eq!(set(allow.split(", ")), allowed, "{method} {asked}");
                refused += 1;
                continue;
            }
            assert_ne!(status, 405, "{method} {asked}");
            let answers = &document.operation(of, path)["responses"];
            assert!(
                answers[status.to_string()].is_object(),
                "{method} {asked}: {status}"
            );
            // Nothing is there of this day, and no such body; all else is.
            let lacking = ["{part}", "/api/refused/body"];
            if status == 404 {
                assert!(
                    lacking.iter().any(|name| path.contains(name)),
                    "{method} {asked}"
                );
            }
            taken += 1;
        }
    }
    assert_eq!((taken, refused), (47, 114));
    // A path that is not described is none.
    assert_eq!(head_of(&server, "GET", "/openapi").0, 404);
}

#[test]
fn it_is_for_those_who_may_read() {
    let place = Place::new();
    let server = place.start();
    let without = server.get_with("/openapi.json", &[]);
    let document = Document::of(&server);
    assert_eq!(without.status, 401);
    document.check("get", "/openapi.json", &without);
    let wrong = server.get_with("/openapi.json", &[("authorization", "Bearer wrong")]);
    assert_eq!(wrong.status, 401);
    // In the address it counts for downloads alone.
    let query = server.get_with(&format!("/openapi.json?token={TOKEN}"), &[]);
    assert_eq!(query.status, 401);
    let cookie = log_in(&server);
    let whole = get(&server, "/openapi.json", &cookie);
    let head = server.head_with("/openapi.json", &[]);
    for answer in [&whole, &head] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert_eq!(
        head.header("content-length"),
        Some(whole.body.len().to_string().as_str())
    );
    assert_eq!(whole.json(), document.0);
    assert_eq!(document.0["info"]["version"], env!("CARGO_PKG_VERSION"));
    let session = &document.0["components"]["securitySchemes"]["session"]["name"];
    assert_eq!(session.as_str(), cookie.split('=').next());
}

/// Runs `look` on every object of `node`.
fn each<'a>(node: &'a Value, look: &mut impl FnMut(&'a Map<String, Value>)) {
    match node {
        Value::Object(object) => {
            look(object);
            object.values().for_each(|value| each(value, look));
        }
        Value::Array(all) => all.iter().for_each(|value| each(value, look)),
        _ => {}
    }
}

#[test]
fn it_holds_together() {
    let place = Place::new();
    let server = place.start();
    let document = Document::of(&server);
    let components = &document.0["components"];
    let keys = |name: &str| {
        let keys = components[name].as_object().expect("components").keys();
        keys.cloned().collect::<BTreeSet<_>>()
    };
    let mut used = BTreeSet::new();
    each(&document.0, &mut |object| {
        if let Some(target) = object.get("$ref").and_then(Value::as_str) {
            assert!(document.0.pointer(&target[1..]).is_some(), "{target}");
            used.extend(
                target
                    .strip_prefix("#/components/schemas/")
                    .map(str::to_owned),
            );
        }
    });
    // The data of an event that is sent is told in words alone.
    used.insert("RowsCame".to_owned());
    assert_eq!(keys("schemas"), used);
    let schemes = keys("securitySchemes");
    let (mut ids, mut secured) = (BTreeSet::new(), BTreeSet::new());
    let whole = document.0["security"].as_array().expect("a rule");
    for item in document.paths().values() {
        for operation in item.as_object().expect("operations").values() {
            let id = operation["operationId"].as_str().expect("a name");
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            assert!(operation["summary"].is_string(), "{id}");
            for ways in operation["security"].as_array().unwrap_or(whole) {
                secured.extend(ways.as_object().expect("names").keys().cloned());
            }
            let tag = operation["tags"][0].as_str().expect("a tag");
            let tags = document.0["tags"].as_array().expect("tags");
            assert!(
                tags.iter().any(|known| known["name"] == tag),
                "{tag} of {id}"
            );
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                for said in ["description", "schema"] {
                    assert!(!parameter[said].is_null(), "{parameter} of {id}");
                }
            }
        }
    }
    assert_eq!(secured, schemes);
}

#[test]
fn what_is_not_described_is_noticed() {
    let place = Place::new();
    let server = place.start();
    let document = Document::of(&server);
    let schema = serde_json::json!({"$ref": "#/components/schemas/Rows"});
    let good = serde_json::json!({
        "source": "lessonly", "date": "2026-11-23", "columns": ["a"], "earlier": null, "end": "1-20",
        "rows": [{"place": "1-2", "cells": ["x"]}],
    });
    assert_eq!(document.validate(&schema, &good, ""), Ok(()));
    for (pointer, bad) in [
        ("/source", "Lessonly".into()),
        ("/date", "2026-11-31".into()),
        ("/date", Value::Null),
        ("/columns", "a".into()),
        ("/earlier", 7.into()),
        ("/end", "1".into()),
        ("/rows/0/place", "0-2".into()),
        ("/rows/0/cells/0", 1.into()),
        ("/rows/0", serde_json::json!({"place": "1-2"})),
        (
            "/rows/0",
            serde_json::json!({"place": "1-2", "cells": [], "more": 1}),
        ),
        (
            "/rows/0",
            serde_json::json!({"place": "1-2", "cells": {"a": 1}}),
        ),
    ] {
        let mut value = good.clone();
        *value.pointer_mut(pointer).expect("a place") = bad;
        assert!(document.validate(&schema, &value, "").is_err(), "{value}");
    }
    for name in ["source", "end"] {
        let mut value = good.clone();
        value.as_object_mut().expect("an object").remove(name);
        assert!(document.validate(&schema, &value, "").is_err(), "{value}");
    }
    let delivered = serde_json::json!({"$ref": "#/components/schemas/Delivered"});
    let id = "0123456789abcdef0123456789abcdef";
    for (value, good) in [
        (serde_json::json!({"status": "duplicate", "id": id}), true),
        (serde_json::json!({"status": "kept", "id": id}), false),
        (
            serde_json::json!({"status": "stored", "id": id, "ids": []}),
            false,
        ),
        (
            serde_json::json!({"status": "stored", "stored": 0, "duplicates": 1, "ids": [id]}),
            true,
        ),
        (
            serde_json::json!({"status": "stored", "stored": -1, "duplicates": 1, "ids": [id]}),
            false,
        ),
    ] {
        assert_eq!(
            document.validate(&delivered, &value, "").is_ok(),
            good,
            "{value}"
        );
    }
}

const CONFIG: &str = "[limits]\nbody_bytes_max = 1000\n\
    [sources.lessonly]\n\
    [sources.orders]\n\
    [sources.closed]\nauth = { scheme = \"authorization\", value_file = \"value\" }\n\
    [sources.slow]\nrequests_per_second_max = 1\n";

/// A server that has something of everything: days that are over, one of which somebody changed, rows of today, a duplicate,
/// refused bodies of which one was delivered and one dismissed.
fn with_all(place: &Place) -> Server {
    std::fs::write(place.path().join("value"), "secret").expect("a secret");
    journal(
        place,
        &[
            ("2020-01-01", &["{\"a\":1}"]),
            ("2020-01-02", &["{\"a\":2}"]),
        ],
    );
    let server = place.start_with(CONFIG);
    crate::commands::wait_closed(&server, 2);
    let file = place.output().join("csv/orders/2020-01-01.csv");
    std::fs::write(file, "received_at,event_id,a\nmine,,\n").expect("an edit");
    server
}

#[test]
fn deliveries_are_answered_as_described() {
    let place = Place::new();
    let server = with_all(&place);
    let document = Document::of(&server);
    let check = |answer: &Answer, status: u16| {
        assert_eq!(answer.status, status, "{}", answer.text());
        document.check("post", "/hooks/{source}", answer);
    };
    let form = ("content-type", "application/x-www-form-urlencoded");
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(1000));
    for (body, headers, status) in [
        ("{\"a\":1}", &[][..], 200),
        ("{\"a\":1}", &[], 200),
        ("[{\"a\":1},{\"a\":2}]", &[], 200),
        ("a=3&b=4", &[form], 200),
        ("", &[], 400),
        ("{\"a\":\n!}", &[], 400),
        ("7", &[], 422),
        ("[1]", &[], 422),
        ("{}", &[("origin", "http://elsewhere.example")], 403),
        ("{}", &[("content-encoding", "br")], 415),
        (&long, &[], 413),
    ] {
        check(
            &server.post_to("lessonly", body.as_bytes(), headers),
            status,
        );
    }
    check(&server.post_to("nobody", b"{}", &[]), 404);
    check(
        &server.post_to("closed", b"{}", &[("authorization", "wrong")]),
        401,
    );
    check(
        &server.post_to("closed", b"{}", &[("authorization", "secret")]),
        200,
    );
    // At most one a second: of a few at once one is too many.
    let mut all = (0..5).map(|_| server.post_to("slow", b"{}", &[]));
    check(
        &all.find(|answer| answer.status != 200).expect("too many"),
        429,
    );
    check(&server.get("/hooks/lessonly"), 405);
    let mut cut = Raw::post(&server, "lessonly", "Content-Length: 9\r\n");
    cut.send("{").end();
    check(&cut.answer(), 400);
}

#[test]
fn data_is_answered_as_described() {
    let place = Place::new();
    let server = with_all(&place);
    let document = Document::of(&server);
    for body in ["{\"n\":1}", "{\"n\":2}", "{\"n\":2}"] {
        assert_eq!(server.post(body).status, 200);
    }
    for (body, status) in [("{\"n\":", 400), ("[1]", 422), ("8", 422)] {
        assert_eq!(server.post(body).status, status);
    }
    let check = |path: &str, query: &str, status: u16| {
        let answer = server.get(&format!("{path}{query}"));
        assert_eq!(answer.status, status, "{path}{query}: {}", answer.text());
        document.check("get", path, &answer);
        answer.json()
    };
    let exports = check("/api/exports", "", 200);
    let of_orders = |list: &Value| {
        let mut all = list.as_array().expect("a list").clone();
        all.retain(|one| one["source"] == "orders");
        all
    };
    let days = of_orders(&exports);
    let edited = days.iter().filter(|day| day["files"] == "edited");
    assert_eq!(edited.count(), 1, "{exports}");
    let overview = check("/api/overview", "", 200);
    let edited = &of_orders(&overview["sources"])[0]["edited"];
    assert_eq!(edited[0]["files"], "edited", "{overview}");

    let rows = check("/api/rows", "?source=lessonly&limit=1", 200);
    let (earlier, end) = (&rows["earlier"], rows["end"].as_str().expect("a place"));
    assert!(earlier.is_string(), "{rows}");
    check("/api/rows", "?source=lessonly&find=none&cell.n=2", 200);
    check("/api/rows", "?source=closed", 200);
    check("/api/rows", "?source=orders&date=2020-01-01", 200);
    check("/api/rows", "", 400);
    check("/api/rows", "?source=nobody", 404);
    check("/api/rows", "?source=orders&date=2020-01-03", 404);
    let place_of = rows["rows"][0]["place"].as_str().expect("a place");
    let row = check(
        "/api/row",
        &format!("?source=lessonly&place={place_of}"),
        200,
    );
    assert_eq!(row["payload"], "{\"n\":2}");
    check("/api/row", "?source=orders&date=2020-01-01&place=1-23", 200);
    check("/api/row", "?source=lessonly&place=1-1", 404);
    check("/api/row", "?source=lessonly", 400);

    let width = rows["columns"].as_array().expect("columns").len();
    let mut events = Events::open(&server, &format!("&width={width}&after={end}"), "");
    assert_eq!(server.post("{\"n\":3}").status, 200);
    let (name, came) = events.next();
    assert_eq!(name, "");
    let schema = serde_json::json!({"$ref": "#/components/schemas/RowsCame"});
    assert_eq!(document.validate(&schema, &came, ""), Ok(()), "{came}");
    check("/api/rows/live", "?source=lessonly", 400);
    check("/api/rows/live", "?source=!&width=1&after=1-1", 404);

    let cookie = log_in(&server);
    let proof = proof(&get(&server, "/refused", &cookie));
    let refused = check("/api/refused", "", 200);
    let [dismissed, delivered, waiting] = refused["items"].as_array().expect("bodies").as_slice()
    else {
        panic!("{refused}");
    };
    let act = |body: &Value, what: &str| {
        let (id, at) = (
            body["id"].as_str().expect("an id"),
            body["at"].as_str().expect("a place"),
        );
        let form = format!("proof={proof}&id={id}&at={at}&do={what}&text=[{{\"n\":7}}]");
        let answer = post(&server, "/refused", &form, &[("Cookie", &cookie)]);
        document.check("post", "/refused", &answer);
        answer.status
    };
    assert_eq!(act(waiting, "preview"), 200);
    assert_eq!(act(delivered, "deliver"), 303);
    assert_eq!(act(dismissed, "dismiss"), 303);
    let all = check("/api/refused", "?state=all&limit=3", 200);
    let states = ["dismissed", "delivered", "waiting"];
    for (item, state) in all["items"].as_array().expect("bodies").iter().zip(states) {
        assert_eq!(item["state"], state, "{all}");
        let body = item["body"].as_str().expect("a path");
        document.check("get", "/api/refused/body", &server.get(body));
    }
    let next = check("/api/refused", "?limit=1", 200);
    assert!(next["next"].is_string(), "{next}");
    check("/api/refused", "?limit=0", 400);
    check("/api/refused/body", "?id=&at=", 404);

    for path in ["/healthz", "/readyz"] {
        check(path, "", 200);
        document.check("get", path, &server.get_with(path, &[]));
    }
    for path in document
        .paths()
        .keys()
        .filter(|path| path.starts_with("/api/"))
    {
        let answer = server.get_with(&example(&document, "get", path), &[]);
        assert_eq!(answer.status, 401, "{path}");
        document.check("get", path, &answer);
    }
}

#[test]
fn downloads_and_pages_are_answered_as_described() {
    let place = Place::new();
    let server = with_all(&place);
    let document = Document::of(&server);
    let token = format!("Bearer {TOKEN}");
    let ask = |path: &str, asked: &str, headers: &[(&str, &str)], status: u16| {
        let mut all = headers.to_vec();
        all.push(("authorization", &token));
        let answer = server.get_with(asked, &all);
        assert_eq!(
            answer.status,
            status,
            "{asked}: {:?}",
            answer.header("content-type")
        );
        document.check("get", path, &answer);
        answer
    };
    let (day, range, part) = (
        "/exports/{source}/{date}.{format}",
        "/exports/{source}.{format}",
        "/exports/{source}/{date}.{part}.csv",
    );
    for format in ["csv", "csv.gz", "xlsx", "jsonl"] {
        ask(
            day,
            &format!("/exports/orders/2020-01-02.{format}"),
            &[],
            200,
        );
        ask(
            range,
            &format!("/exports/orders.{format}?from=2020-01-01&to=today"),
            &[],
            200,
        );
    }
    let whole = ask(part, "/exports/orders/2020-01-02.1.csv", &[], 200);
    let etag = whole.header("etag").expect("a tag");
    for path in [part, day] {
        let asked = path
            .replace("{source}", "orders")
            .replace("{date}", "2020-01-02");
        let asked = asked.replace("{part}", "1").replace("{format}", "csv");
        let etag = ask(path, &asked, &[], 200)
            .header("etag")
            .expect("a tag")
            .to_owned();
        ask(path, &asked, &[("if-none-match", &etag)], 304);
        let some = ask(path, &asked, &[("range", "bytes=1-4")], 206);
        assert!(some.header("content-range").is_some());
        ask(path, &asked, &[("range", "bytes=9999-")], 416);
    }
    ask(range, "/exports/orders.csv?from=today&to=-7d", &[], 400);
    ask(day, "/exports/orders/2020-01-03.csv", &[], 404);
    ask(day, "/exports/nobody/latest.csv", &[], 404);
    ask(day, "/exports/orders/2020-01-02.pdf", &[], 404);
    let without = server.get_with("/exports/orders/today.csv", &[]);
    assert_eq!(without.status, 401);
    document.check("get", day, &without);
    assert_ne!(etag, "");

    let person = ("accept", "text/html");
    for path in ["/", "/days", "/rows", "/connect", "/refused"] {
        ask(path, path, &[], 200);
        for (headers, status) in [(&[][..], 401), (&[person], 303)] {
            let answer = server.get_with(path, headers);
            assert_eq!(answer.status, status, "{path}");
            document.check("get", path, &answer);
        }
    }
    document.check(
        "get",
        "/",
        &server.get_with(&format!("/?token={TOKEN}"), &[person]),
    );
    ask(
        "/row",
        "/row?source=orders&date=2020-01-02&place=1-23",
        &[],
        200,
    );
    ask("/row", "/row?source=orders", &[], 400);
    ask("/rows", "/rows?source=orders&limit=0", &[], 400);
    ask("/refused", "/refused?state=none", &[], 400);
    ask("/login", "/login", &[], 200);
    let page = ask("/login", "/login?wrong", &[], 200);
    let style = page.text().split("href=\"assets/").nth(1).expect("a style");
    let version = style.split('/').next().expect("a version");
    let names = &document.parameters("get", "/assets/{version}/{name}")[1]["schema"]["enum"];
    for name in names.as_array().expect("names") {
        let name = name.as_str().expect("a name");
        ask(
            "/assets/{version}/{name}",
            &format!("/assets/{version}/{name}"),
            &[],
            200,
        );
    }
    ask("/assets/{version}/{name}", "/assets/x/none.css", &[], 404);
}

#[test]
fn forms_are_answered_as_described() {
    let place = Place::new();
    let server = with_all(&place);
    let document = Document::of(&server);
    let cookie = log_in(&server);
    let with = [("Cookie", cookie.as_str())];
    let proof = proof(&get(&server, "/connect", &cookie));
    let say = |path: &str, form: &str, headers: &[(&str, &str)], status: u16| {
        let answer = post(&server, path, form, headers);
        assert_eq!(answer.status, status, "{path} {form}: {}", answer.text());
        document.check("post", path, &answer);
    };
    let elsewhere = ("Sec-Fetch-Site", "cross-site");
    let mine = |form: &str| format!("proof={proof}&{form}");
    say(
        "/connect",
        &mine("source=orders&day=latest&expires=30d"),
        &with,
        303,
    );
    say("/connect", &mine("test=orders&mark=1f"), &with, 303);
    say("/connect", &mine("revoke=0000000000"), &with, 400);
    say("/connect", &mine("test=nobody&mark=1f"), &with, 404);
    say("/connect", "proof=none", &with, 403);
    say("/connect", "", &[], 401);
    say("/connect", "", &[("Accept", "text/html")], 303);
    say("/refused", &mine("id=0&at=0"), &with, 303);
    say("/refused", "proof=none", &with, 403);
    say("/refused", "", &[], 401);
    say("/login", "token=wrong", &[], 403);
    say("/login", "token=wrong", &[elsewhere], 403);
    say("/login", &format!("token={TOKEN}&to=days"), &[], 303);
    say("/login", "to=days", &[], 400);
    say("/logout", "proof=none", &with, 403);
    let long = "x".repeat(20_000);
    for path in ["/connect", "/login", "/logout"] {
        say(path, &format!("proof={long}"), &[], 413);
        let mut raw = Raw::open(&server);
        raw.send(format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        ));
        let answer = raw.answer();
        assert_eq!(answer.status, 415, "{path}");
        document.check("post", path, &answer);
    }
    say("/logout", &mine(""), &with, 303);
    say("/logout", "", &[], 303);
}

/// Where a page has a form, its fields are described.
#[test]
fn the_fields_of_all_forms_are_described() {
    let place = Place::new();
    let server = with_all(&place);
    for body in ["{\"n\":", "8"] {
        assert!(server.post(body).status >= 400);
    }
    let document = Document::of(&server);
    let cookie = log_in(&server);
    let made = format!(
        "proof={}&source=orders&day=latest",
        proof(&get(&server, "/connect", &cookie))
    );
    assert_eq!(
        post(&server, "/connect", &made, &[("Cookie", &cookie)]).status,
        303
    );
    let refused = server.get("/api/refused").json();
    let (id, at) = (&refused["items"][0]["id"], &refused["items"][0]["at"]);
    let one = format!(
        "/refused?id={}&at={}",
        id.as_str().expect("an id"),
        at.as_str().expect("a place")
    );
    let mut found = BTreeSet::new();
    for path in [
        "/",
        "/days",
        "/rows?source=orders&date=2020-01-02",
        "/connect",
        "/refused",
        one.as_str(),
        "/login",
    ] {
        let page = get(&server, path, &cookie);
        assert_eq!(page.status, 200, "{path}");
        for form in page.text().split("<form ").skip(1) {
            let form = form.split("</form>").next().expect("its end");
            let value = |name: &str, text: &str| {
                let (_, rest) = text.split_once(&format!("{name}=\""))?;
                rest.split('"').next().map(str::to_owned)
            };
            let method = value("method", form).expect("a method");
            let action = value("action", form).expect("an action");
            let action = format!("/{}", action.split('#').next().expect("a path"));
            let known: BTreeSet<String> = if method == "post" {
                let body = &document.operation("post", &action)["requestBody"]["content"];
                let body = &body["application/x-www-form-urlencoded"]["schema"]["properties"];
                body.as_object().expect("fields").keys().cloned().collect()
            } else {
                let all = document.parameters("get", &action);
                let name =
                    |parameter: &Value| parameter["name"].as_str().expect("a name").to_owned();
                all.into_iter().map(name).collect()
            };
            for field in form.split(" name=").skip(1) {
                let name = field
                    .trim_start_matches('"')
                    .split('"')
                    .next()
                    .expect("a name");
                // What a browser remembers the token by; nobody reads it.
                if (action.as_str(), name) != ("/login", "user") {
                    assert!(
                        known.contains(name),
                        "{name} of {method} {action} is not described"
                    );
                    found.insert((action.clone(), name.to_owned()));
                }
            }
        }
    }
    assert_eq!(found.len(), 38, "{found:?}");
}

/// What the server itself says that it takes.
#[test]
fn parameters_are_those_that_the_server_names() {
    let place = Place::new();
    let server = place.start();
    let document = Document::of(&server);
    let detail = |asked: &str| {
        let answer = server.get(asked);
        assert_eq!(answer.status, 400, "{asked}");
        answer.json()["detail"].as_str().expect("a text").to_owned()
    };
    let listed = |asked: &str| {
        let detail = detail(asked);
        let (_, list) = detail.split_once("allowed are ").expect("a list");
        set(list.split(", "))
    };
    for (path, asked) in [
        ("/exports/{source}.{format}", "/exports/lessonly.csv?none="),
        (
            "/exports/{source}/{date}.{format}",
            "/exports/lessonly/today.csv?none=",
        ),
    ] {
        let all = document.parameters("get", path);
        let query = all.iter().filter(|parameter| parameter["in"] == "query");
        let names = query.map(|parameter| parameter["name"].as_str().expect("a name"));
        assert_eq!(set(names), listed(asked), "{path}");
        for parameter in &all {
            let (name, words) = (parameter["name"].as_str(), &parameter["schema"]["enum"]);
            let Some(words) = words.as_array().filter(|_| parameter["in"] == "query") else {
                continue;
            };
            let words = words.iter().map(|word| word.as_str().expect("a word"));
            let name = name.expect("a name");
            let asked = format!("/exports/lessonly/today.csv?{name}=none");
            assert_eq!(set(words), listed(&asked), "{name}");
        }
    }
    // Who asks is told apart, as what secures them.
    for name in ["token", "link"] {
        let scheme = &document.0["components"]["securitySchemes"][name];
        assert_eq!(
            (&scheme["name"], &scheme["in"]),
            (&name.into(), &"query".into())
        );
    }
    let states = &document.parameters("get", "/api/refused")[1]["schema"]["enum"];
    let states = states.as_array().expect("words").iter();
    let states: Vec<&str> = states
        .map(|state| state.as_str().expect("a word"))
        .collect();
    let said = detail("/api/refused?state=none");
    let said = said.strip_prefix("`state` is ").expect("a list");
    let said = said
        .split(';')
        .next()
        .expect("a list")
        .replace(" or ", ", ");
    assert_eq!(states.join(", "), said);
    for (path, max) in [("/api/rows", 1000), ("/api/refused", 200), ("/refused", 20)] {
        let all = document.parameters("get", path);
        let limit = all.iter().find(|parameter| parameter["name"] == "limit");
        assert_eq!(limit.expect("a limit")["schema"]["maximum"], max, "{path}");
        for (limit, status) in [(max, 200), (max + 1, 400)] {
            let asked = format!("{path}?source=lessonly&limit={limit}");
            assert_eq!(server.get(&asked).status, status, "{asked}");
        }
    }
}
