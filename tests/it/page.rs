//! The pages without a browser, and the two questions of machines: alive?
//! ready?

use crate::raw::Raw;
use crate::server::{Place, Server, TOKEN};
use std::time::{Duration, Instant};

#[test]
fn while_nothing_came_the_page_says_where_to_send_it() {
    let place = Place::new();
    let mut command = place.command();
    command.env("SECRET", "let-me-in").arg("--config");
    command.arg(place.config(
        "[sources.a]\n[sources.b]\nauth = { scheme = \"authorization\", value_env = \"SECRET\" }\n",
    ));
    let server = Server::start(command);
    let page = server.get("/");
    assert_eq!(page.status, 200);
    let url = &server.url;
    for shown in [
        format!("<p><code>{url}/hooks/a</code></p>"),
        format!("<p><code>{url}/hooks/b</code></p>"),
        "<a href=\"connect#s-b\">Connect</a>".to_owned(),
    ] {
        assert!(page.text().contains(&shown), "{shown} in {}", page.text());
    }
    assert!(!page.text().contains("let-me-in"));
    for (header, wanted) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(page.header(header), Some(wanted));
    }
    assert_eq!(
        page.header("content-security-policy"),
        Some(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
    );
}

/// Nothing stands in a page that a browser would run, or load from elsewhere.
#[test]
fn pages_load_what_is_theirs_and_nothing_else() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":1}").status, 200);
    for path in ["/", "/days", "/connect", "/refused", "/login"] {
        let page = server.get(path);
        assert_eq!(page.status, 200, "{path}");
        let html = page.text();
        for never in ["<style", " style=", " onclick", "javascript:", "http-equiv"] {
            assert!(!html.contains(never), "{never} in {path}");
        }
        let mut loaded = 0;
        for piece in html.split("<script").skip(1) {
            let tag = piece.split('>').next().expect("a tag");
            assert!(tag.contains(" src=\"assets/"), "{tag}");
        }
        for piece in html.split("\"assets/").skip(1) {
            let name = piece.split('"').next().expect("a name");
            let asset = server.get_with(&format!("/assets/{name}"), &[]);
            assert_eq!(asset.status, 200, "{name}");
            assert_eq!(
                asset.header("cache-control"),
                Some("public, max-age=31536000, immutable")
            );
            assert!(!asset.body.is_empty());
            loaded += 1;
        }
        assert_eq!(loaded, 3, "style, icon, script");
    }
    // A page of another build must not keep it.
    let other = server.get_with("/assets/000000000000/style.css", &[]);
    assert_eq!(
        (other.status, other.header("cache-control")),
        (200, Some("no-store"))
    );
    assert_eq!(
        server.get_with("/assets/000000000000/none.js", &[]).status,
        404
    );
    let zipped = server.get_with(
        "/assets/000000000000/uplot.js",
        &[("accept-encoding", "br, gzip;q=0.8")],
    );
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert!(zipped.body.len() < 50_000, "{}", zipped.body.len());
    for none in ["identity", "gzip;q=0"] {
        let whole = server.get_with(
            "/assets/000000000000/uplot.js",
            &[("accept-encoding", none)],
        );
        assert_eq!(whole.header("content-encoding"), None, "{none}");
    }
}

#[test]
fn the_callback_url_is_the_public_one_or_the_host_asked_for() {
    let place = Place::new();
    let server = place.start();
    for (host, shown) in [
        (
            "hooks.example.com:8443",
            "http://hooks.example.com:8443/hooks/lessonly",
        ),
        (
            "x\"><script>alert('1')</script>&amp;",
            "http://x&#34;&#62;&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;&#38;amp;/hooks/lessonly",
        ),
    ] {
        let mut raw = Raw::open(&server);
        raw.send(format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        ));
        let page = raw.answer();
        assert!(
            page.text().contains(&format!("<code>{shown}</code>")),
            "{}",
            page.text()
        );
        assert!(!page.text().contains("<script>"), "{}", page.text());
    }
    let place = Place::new();
    let server = place.start_with("public_url = \"https://hooks.example.com/rowhook/\"");
    let page = server.get("/");
    let shown = "<code>https://hooks.example.com/rowhook/hooks/lessonly</code>";
    assert!(page.text().contains(shown), "{}", page.text());
}

#[test]
fn with_rows_the_pages_have_links_that_work() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":1}").status, 200);
    let list = server.get("/api/exports").json();
    let day = list[0]["date"].as_str().expect("a day");
    let days = server.get("/days");
    let mut tried = 0;
    for page in [&days, &server.get("/")] {
        for link in page.text().split("href=\"exports/").skip(1) {
            let link = link
                .split('"')
                .next()
                .expect("a link")
                .replace("&#38;", "&");
            let answer = server.get(&format!("/exports/{link}"));
            assert_eq!(answer.status, 200, "{link}");
            tried += 1;
        }
    }
    assert_eq!(tried, 3 + 4 * 3);
    let text = days.text();
    assert!(
        text.contains(&format!("<th scope=\"row\">{day}</th>")),
        "{text}"
    );
}

#[test]
fn the_form_makes_the_link_that_was_asked_for() {
    let place = Place::new();
    let server = place
        .start_with("public_url = \"https://x.example/hook\"\n[sources.lessonly]\n[sources.b]");
    for (query, shown) in [
        (
            "source=lessonly&from=-30d&to=today&format=xlsx&profile=&columns=&view=",
            "href=\"https://x.example/hook/exports/lessonly.xlsx?from=-30d&#38;to=today\"",
        ),
        (
            "source=b&columns=a%2Cb%26c&profile=excel",
            "href=\"https://x.example/hook/exports/b.csv?from=today&#38;to=today&#38;profile=excel&#38;delimiter=comma&#38;decimal=point&#38;columns=a,b%26c\"",
        ),
        (
            "source=lessonly&from=someday",
            "<p class=\"bad\" role=\"alert\">No link: ",
        ),
        (
            "source=lessonly&from=2026-02-03&to=2026-02-02",
            "<p class=\"bad\" role=\"alert\">No link: ",
        ),
        (
            "source=b&view=matrix",
            "<p class=\"bad\" role=\"alert\">No link: there is no view ",
        ),
        (
            "source=lessonly&format=xlsx&profile=excel",
            "<p class=\"bad\" role=\"alert\">No link: ",
        ),
        (
            "source=%3Cb%3E",
            "<p class=\"bad\" role=\"alert\">No link: ",
        ),
    ] {
        let page = server.get(&format!("/days?{query}"));
        assert_eq!(page.status, 200);
        assert!(page.text().contains(shown), "{query}: {}", page.text());
        assert!(!page.text().contains("<b>"));
    }
}

/// What the page shows can be had without it.
#[test]
fn the_overview_counts_what_came() {
    let place = Place::new();
    let server = place.start_with("timezone = \"Asia/Kolkata\"\n[sources.lessonly]\n[sources.b]");
    for body in ["{\"a\":1}", "{\"a\":2}", "{\"a\":1}", "{\"a\":", "[]"] {
        server.post(body);
    }
    let overview = server.get("/api/overview").json();
    let source = |nth: usize| &overview["sources"][nth];
    // By name.
    let (b, lessonly) = (source(0), source(1));
    assert_eq!(
        (&b["source"], &b["last_delivery_at"]),
        (&"b".into(), &serde_json::Value::Null)
    );
    assert_eq!(lessonly["source"], "lessonly");
    let today = &lessonly["today"];
    assert_eq!(
        (&today["rows"], &today["duplicates"], &today["refused"]),
        (&2.into(), &1.into(), &2.into())
    );
    let sum = |list: &serde_json::Value| -> u64 {
        let list = list.as_array().expect("a list");
        list.iter()
            .map(|one| one["rows"].as_u64().expect("a number"))
            .sum()
    };
    assert_eq!((sum(&lessonly["hours"]), sum(&lessonly["days"])), (2, 2));
    assert_eq!(lessonly["days"].as_array().expect("a list").len(), 30);
    assert_eq!(
        (&overview["able"], &overview["timezone"]),
        (&true.into(), &"Asia/Kolkata".into())
    );
    assert!(overview["disk"]["free_bytes"].as_u64() > Some(1_000_000));
}

/// Rows by hour are those that are in the table, also after a kill.
#[test]
fn hours_are_right_after_a_kill() {
    let place = Place::new();
    let mut server = place.start();
    for nth in 0..20 {
        assert_eq!(server.post(&format!("{{\"a\":{nth}}}")).status, 200);
    }
    assert_eq!(server.get("/exports/lessonly/today.csv").status, 200);
    server.kill();
    drop(server);
    let server = place.start();
    assert_eq!(server.post("{\"a\":20}").status, 200);
    let overview = server.get("/api/overview").json();
    let hours = overview["sources"][0]["hours"]
        .as_array()
        .expect("hours")
        .clone();
    let sum: u64 = hours
        .iter()
        .map(|hour| hour["rows"].as_u64().expect("rows"))
        .sum();
    assert_eq!(sum, 21, "{overview}");
}

/// What is no row is counted over restarts; a kill costs what the last seconds brought.
#[test]
fn what_is_no_row_stays_counted() {
    let place = Place::new();
    std::fs::write(place.path().join("value"), "let me in").expect("a file");
    let config =
        "[sources.orders]\nauth = { scheme = \"authorization\", value_file = \"value\" }\n";
    let counted = |server: &Server| {
        let overview = server.get("/api/overview").json();
        let today = &overview["sources"][0]["today"];
        ["duplicates", "refused", "unauthorized"].map(|name| today[name].as_u64().expect(name))
    };
    let send = |server: &Server| {
        for (body, value, status) in [
            ("{}", "let me in", 200),
            ("{}", "let me in", 200),
            ("{", "let me in", 400),
            ("{}", "let me", 401),
            ("{", "", 401),
        ] {
            let headers = [("authorization", value)];
            let headers = if value.is_empty() { &[][..] } else { &headers };
            let answer = server.post_to("orders", body.as_bytes(), headers);
            assert_eq!(answer.status, status);
        }
    };
    let mut server = place.start_with(config);
    send(&server);
    assert_eq!(counted(&server), [1, 1, 2]);
    assert!(server.stop().success());
    let mut server = place.start_with(config);
    assert_eq!(counted(&server), [1, 1, 2]);
    send(&server);
    assert_eq!(counted(&server), [3, 2, 4]);
    let page = server.get("/");
    assert!(
        page.text().contains("4 deliveries were turned away today"),
        "{}",
        page.text()
    );
    let path = place.output().join("state/tally.json");
    let written = || std::fs::read(&path).expect("the counts");
    let before = written();
    let until = Instant::now() + Duration::from_secs(15);
    while written() == before {
        assert!(Instant::now() < until, "the counts are not written");
        std::thread::sleep(Duration::from_millis(50));
    }
    server.kill();
    drop(server);
    let server = place.start_with(config);
    assert_eq!(counted(&server), [3, 2, 4]);
}

#[test]
fn alive_and_ready_for_all_details_for_readers() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("[{\"a\":1},{\"a\":2}]").status, 200);
    let version = env!("CARGO_PKG_VERSION");
    let alive = format!("{{\"status\":\"alive\",\"version\":\"{version}\"}}");
    let ready = "{\"status\":\"ready\",\"last_seq\":2,\"waiting_bytes\":0}";
    for (path, open, details) in [
        ("/healthz", "{\"status\":\"alive\"}", alive.as_str()),
        ("/readyz", "{\"status\":\"ready\"}", ready),
    ] {
        for (answer, wanted) in [
            (server.get_with(path, &[]), open),
            (server.get_with(&format!("{path}?token={TOKEN}"), &[]), open),
            (
                server.get_with(path, &[("authorization", "Bearer another")]),
                open,
            ),
            (server.get(path), details),
        ] {
            assert_eq!((answer.status, answer.text()), (200, wanted), "{path}");
            for (header, value) in [
                ("content-type", "application/json"),
                ("cache-control", "no-store"),
                ("referrer-policy", "no-referrer"),
                ("x-content-type-options", "nosniff"),
            ] {
                assert_eq!(answer.header(header), Some(value), "{path}");
            }
        }
    }
}

#[test]
fn not_ready_is_503_and_tells_why_to_readers() {
    let place = Place::new();
    let server = place.start();
    std::fs::remove_dir_all(place.output().join("journal")).expect("a folder");
    let open = server.get_with("/readyz", &[]);
    assert_eq!(
        (open.status, open.text()),
        (503, "{\"status\":\"not ready\"}")
    );
    assert_eq!(open.header("retry-after"), Some("5"));
    assert_eq!(
        server.get("/readyz").text(),
        "{\"status\":\"not ready\",\"reason\":\"the journal's folder cannot be reached: \
         No such file or directory (os error 2)\",\"last_seq\":0,\"waiting_bytes\":0}"
    );
    assert!(
        server
            .get("/")
            .text()
            .contains("<p class=\"health bad\" role=\"alert\"><strong>Not able to store.</strong> the journal&#39;s folder")
    );
    assert_eq!(server.get("/healthz").status, 200);
}
