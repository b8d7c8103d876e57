//! The page for people, and the two questions of machines: alive? ready?

use crate::raw::Raw;
use crate::server::{Place, Server, TOKEN};

/// The body of the page, its style away.
fn body(html: &str) -> &str {
    let (_, body) = html
        .split_once("<link rel=stylesheet href=/style.css>")
        .expect("a style");
    body
}

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
    assert_eq!(
        body(page.text()),
        format!(
            "<h1>rowhook</h1><p>Nothing has come yet. Fill in this callback URL at the sender:</p>\
             <h2>a</h2><p><code>{url}/hooks/a</code></p><p>Or try it from a shell:</p>\
             <pre>curl -d '{{\"hello\":\"world\"}}' {url}/hooks/a</pre>\
             <h2>b</h2><p><code>{url}/hooks/b</code></p><p>Or try it from a shell:</p>\
             <pre>curl -H 'Authorization: THE VALUE THAT YOU SET' -d '{{\"hello\":\"world\"}}' {url}/hooks/b</pre></html>"
        )
    );
    assert!(!page.text().contains("let-me-in"));
    for (header, wanted) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(page.header(header), Some(wanted));
    }
    assert_eq!(
        page.header("content-security-policy"),
        Some(
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    );
    assert!(!page.text().contains("<style") && !page.text().contains("<script"));
    let style = server.get_with("/style.css", &[]);
    assert_eq!(style.status, 200, "without a token");
    assert_eq!(
        style.header("content-type"),
        Some("text/css; charset=utf-8")
    );
    assert!(style.text().starts_with("body{"), "{}", style.text());
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
            "http://x&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;/hooks/lessonly",
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
        assert!(!page.text().contains("<script"), "{}", page.text());
    }
    let place = Place::new();
    let server = place.start_with("public_url = \"https://hooks.example.com/rowhook/\"");
    let page = server.get("/");
    let shown = "<code>https://hooks.example.com/rowhook/hooks/lessonly</code>";
    assert!(page.text().contains(shown), "{}", page.text());
}

#[test]
fn with_rows_the_page_has_links_that_work_as_it_was_opened() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":1}").status, 200);
    let list = server.get("/api/exports").json();
    let day = list[0]["date"].as_str().expect("a day");
    let row = |query: &str| {
        format!(
            "<tr><td>lessonly<td>{day}<td class=n>1<td class=n>16<td class=n>1 KB<td>open\
             <td><a href=\"/exports/lessonly/{day}.csv{query}\">CSV</a></tbody></table></html>"
        )
    };
    let head = "<h1>rowhook</h1><table><thead><tr><th>Source<th>Day<th class=n>Rows<th class=n>Columns<th class=n>Size<th>State<th>Download</thead><tbody>";
    assert_eq!(body(server.get("/").text()), format!("{head}{}", row("")));
    let opened = server.get_with(&format!("/?token={TOKEN}"), &[]);
    assert_eq!(
        body(opened.text()),
        format!("{head}{}", row("?token=test%2Dtoken"))
    );
    let link = format!("/exports/lessonly/{day}.csv?token=test%2Dtoken");
    assert_eq!(server.get_with(&link, &[]).status, 200);
    // Whoever shows the token in a header has it in no link.
    let both = server.get(&format!("/?token={TOKEN}"));
    assert_eq!(body(both.text()), format!("{head}{}", row("")));
}

#[test]
fn the_token_in_links_is_the_right_one() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":1}").status, 200);
    let page = server.get_with(&format!("/?token=another&token={TOKEN}"), &[]);
    assert!(
        page.status == 401 || page.text().contains(".csv?token=test%2Dtoken\""),
        "{}",
        page.text()
    );
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
            .contains("<p role=alert><strong>Not able to store:</strong> the journal&#39;s folder")
    );
    assert_eq!(server.get("/healthz").status, 200);
}
