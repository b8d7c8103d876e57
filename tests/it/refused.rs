//! Refused bodies as a person looks after them: listed, marked, dismissed, all
//! at once too; what becomes of them is in `mending.rs`.

use crate::raw::Raw;
use crate::receiving::gzip;
use crate::server::{Answer, Place, Server, TOKEN};
use serde_json::Value;
use std::fmt::Write as _;

pub const PERSON: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Somebody who logged in.
pub struct Person<'s> {
    pub server: &'s Server,
    pub cookie: String,
    pub proof: String,
}

/// A body in the list.
#[derive(Clone)]
pub struct Body {
    pub id: String,
    pub at: String,
}

impl<'s> Person<'s> {
    pub fn log_in(server: &'s Server) -> Self {
        let answer = server.get_with(&format!("/?token={TOKEN}"), &[PERSON]);
        let set = answer.header("set-cookie").expect("a cookie");
        let cookie = set.split(';').next().expect("a value").to_owned();
        let page = server.get_with("/refused", &[PERSON, ("cookie", &cookie)]);
        let (_, rest) = page
            .text()
            .split_once("name=\"proof\" value=\"")
            .expect("a form");
        let proof = rest.split('"').next().expect("a proof").to_owned();
        Self {
            server,
            cookie,
            proof,
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.server
            .get_with(path, &[PERSON, ("cookie", &self.cookie)])
    }

    pub fn page(&self, body: &Body) -> Answer {
        self.get(&format!("/refused?id={}&at={}", body.id, body.at))
    }

    /// Does something with `body`.
    pub fn act(&self, what: &str, body: &Body, text: &str) -> Answer {
        let fields = [
            ("do", what),
            ("id", &body.id),
            ("at", &body.at),
            ("proof", &self.proof),
            ("text", text),
        ];
        post(self.server, &[("Cookie", &self.cookie)], &fields)
    }

    /// Where an action leads to, and the page there.
    #[track_caller]
    pub fn follow(&self, answer: &Answer) -> Answer {
        assert_eq!(answer.status, 303, "{}", answer.text());
        let to = answer.header("location").expect("a page");
        let to = to.split('#').next().expect("an address");
        self.get(&format!("/{to}"))
    }
}

#[track_caller]
pub fn shows(page: &Answer, text: &str) {
    assert!(page.text().contains(text), "{text} in {}", page.text());
}

pub fn post(server: &Server, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
    let escaped = |value: &str| -> String {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            b' ' => "+".into(),
            _ => format!("%{byte:02X}"),
        };
        value.bytes().map(byte).collect()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
    let form = pairs.join("&");
    let mut head = String::from(
        "POST /refused HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n",
    );
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let mut raw = Raw::open(server);
    raw.send(format!(
        "{head}Content-Length: {}\r\n\r\n{form}",
        form.len()
    ));
    raw.answer()
}

pub fn api(server: &Server, query: &str) -> Value {
    let answer = server.get(&format!("/api/refused{query}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The newest body.
pub fn newest(server: &Server) -> Body {
    let list = api(server, "?limit=1&state=all");
    body_of(&list["items"][0])
}

pub fn body_of(item: &Value) -> Body {
    let text = |name: &str| item[name].as_str().expect("a text").to_owned();
    Body {
        id: text("id"),
        at: text("at"),
    }
}

pub fn states(server: &Server) -> Vec<String> {
    let list = api(server, "?state=all");
    let items = list["items"].as_array().expect("a list");
    let state = |item: &Value| item["state"].as_str().expect("a state").to_owned();
    items.iter().map(state).collect()
}

/// The downloaded table of today.
pub fn table(server: &Server) -> String {
    let answer = server.get("/exports/lessonly/today.csv");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text().to_owned()
}

/// A body that is wrong in its third line, where one before was right.
pub fn wrong_in_its_third_line(server: &Server) -> Body {
    assert_eq!(server.post("{\"name\":\"Ann\"}").status, 200);
    let wrong = "{\n \"name\": \"Bob\",\n \"size\": big\n}";
    assert_eq!(server.post(wrong).status, 400);
    newest(server)
}

pub const RIGHT: &str = "{\r\n \"name\": \"Bob\",\r\n \"size\": \"=big\"\r\n}";

#[test]
fn the_place_of_the_fault_is_marked_in_the_text() {
    let place = Place::new();
    let server = place.start();
    let body = wrong_in_its_third_line(&server);
    let person = Person::log_in(&server);
    let list = person.get("/refused");
    shows(&list, "<strong>1</strong> waits for somebody.");
    shows(&list, "aria-current=page>Refused</a>");
    for page in [&list, &person.page(&body)] {
        shows(page, "<strong>Line 3, column 10:</strong>");
        shows(
            page,
            "&#34;size&#34;: <mark><span class=\"hidden\">here: </span>b</mark>ig",
        );
    }
    // Still wrong: the new place, the text as it was sent, and nothing is kept a second time.
    for what in ["preview", "deliver"] {
        let wrong = person.act(
            what,
            &body,
            "{\r\n \"name\": \"Bob\",\r\n \"size\": \"big\r\n}",
        );
        assert_eq!(wrong.status, 422);
        shows(&wrong, "<strong>Still refused.</strong>");
        shows(&wrong, "<strong>Line 3, column 14:</strong>");
        shows(&wrong, "&#34;size&#34;: &#34;big\n}</textarea>");
    }
    // As it came it is refused as before.
    let same = person.act(
        "deliver",
        &body,
        "{\r\n \"name\": \"Bob\",\r\n \"size\": big\r\n}",
    );
    assert_eq!(same.status, 422);
    assert_eq!(place.read_all("rejected", ".jsonl").lines().count(), 1);
    assert_eq!(states(&server), ["waiting"]);
}

#[test]
fn pages_over_days_and_a_file_larger_than_a_page() {
    let place = Place::new();
    let mut server = place.start();
    let mut wanted = Vec::new();
    for nth in 0..30 {
        assert_eq!(server.post(&format!("x first {nth}")).status, 400);
    }
    assert!(server.stop().success());
    // The same file as one of days before.
    let path = |day: &str| place.output().join(format!("rejected/{day}.jsonl"));
    let names = std::fs::read_dir(place.output().join("rejected")).expect("a folder");
    let today = names.last().expect("a file").expect("a name").path();
    let text = std::fs::read_to_string(&today).expect("a file");
    for day in ["2026-01-02", "2026-01-03"] {
        let older = text.replace("x first ", &format!("x {day} "));
        std::fs::write(path(day), older).expect("a file");
    }
    for day in ["first", "2026-01-03", "2026-01-02"] {
        wanted.extend((0..30).rev().map(|nth| format!("x {day} {nth}")));
    }
    let server = place.start();
    let download = |item: &Value| {
        let answer = server.get(item["body"].as_str().expect("an address"));
        assert_eq!(answer.status, 200);
        answer.text().to_owned()
    };
    let (mut query, mut found) = (String::from("?limit=37"), Vec::new());
    loop {
        let list = api(&server, &query);
        found.extend(
            list["items"]
                .as_array()
                .expect("a list")
                .iter()
                .map(download),
        );
        match list["next"].as_str() {
            Some(next) => query = format!("?limit=37&before={next}"),
            None => break,
        }
    }
    assert_eq!(found, wanted);
    // The page has the same, by its links.
    let person = Person::log_in(&server);
    let (mut address, mut seen, mut pages) = (String::from("/refused"), Vec::new(), 0);
    loop {
        let page = person.get(&address);
        let text = page.text();
        let articles: Vec<&str> = text.split("<article").skip(1).collect();
        assert!(articles.len() <= 20);
        for article in articles {
            let (_, rest) = article.split_once("here: </span>").expect("a mark");
            let (letter, rest) = rest.split_once("</mark>").expect("a mark");
            seen.push(format!(
                "{letter}{}",
                rest.split('<').next().expect("the rest")
            ));
        }
        pages += 1;
        match text.split_once("\">Older</a>") {
            Some((before, _)) => {
                let link = before.rsplit("href=\"").next().expect("a link");
                address = format!("/{}", link.replace("&#38;", "&"));
            }
            None => break,
        }
    }
    assert_eq!((pages, seen), (5, wanted));
}

#[test]
fn dismissed_ones_are_apart_and_come_back() {
    let place = Place::new();
    let mut server = place.start_with("[sources.lessonly]\n[sources.b]");
    for body in ["one", "two"] {
        assert_eq!(server.post(body).status, 400);
    }
    assert_eq!(server.post_to("b", b"three", &[]).status, 400);
    let list = api(&server, "?source=lessonly");
    assert_eq!(list["waiting"], 3);
    let two = body_of(&list["items"][0]);
    {
        let person = Person::log_in(&server);
        let gone = person.follow(&person.act("dismiss", &two, ""));
        shows(&gone, "<strong>Dismissed.</strong>");
        let shown = |path: &str| person.get(path).text().matches("<article").count();
        assert_eq!(
            (shown("/refused"), shown("/refused?state=dismissed")),
            (2, 1)
        );
        assert_eq!(shown("/refused?source=lessonly"), 1);
        assert_eq!(api(&server, "")["waiting"], 2);
    }
    server.kill();
    let server = place.start_with("[sources.lessonly]\n[sources.b]");
    assert_eq!(states(&server), ["waiting", "dismissed", "waiting"]);
    let person = Person::log_in(&server);
    let back = person.follow(&person.act("back", &two, ""));
    shows(&back, "<strong>Put back.</strong>");
    assert_eq!(states(&server), ["waiting"; 3]);
    // From the list it goes back to where it was in the list.
    let fields = [
        ("do", "dismiss"),
        ("id", &two.id),
        ("at", &two.at),
        ("proof", &person.proof),
        ("list", "yes"),
        ("source", "lessonly"),
        ("state", ""),
        ("before", ""),
    ];
    let answer = post(&server, &[("Cookie", &person.cookie)], &fields);
    assert_eq!(
        answer.header("location"),
        Some("refused?told=dismissed&source=lessonly")
    );
    let fields = fields.map(|(name, value)| {
        (
            name,
            if name == "source" {
                "//evil\r\n"
            } else {
                value
            },
        )
    });
    let answer = post(&server, &[("Cookie", &person.cookie)], &fields);
    assert_eq!(answer.header("location"), Some("refused?told=dismissed"));
}

#[test]
fn downloads_are_byte_for_byte_and_what_is_no_text_is_not_edited() {
    let place = Place::new();
    let server = place.start();
    let packed = gzip(b"{\"a\":1}");
    let cut = &packed[..packed.len() - 1];
    let bodies: [&[u8]; 3] = [
        b"{\"\xFF\":1}",
        "\u{feff}{\"a\":\"\u{202e}\r\0\"}".as_bytes(),
        cut,
    ];
    for (body, headers) in [
        (bodies[0], &[][..]),
        (bodies[1], &[][..]),
        (bodies[2], &[("content-encoding", "gzip")][..]),
    ] {
        assert_eq!(server.post_to("lessonly", body, headers).status, 400);
    }
    let list = api(&server, "");
    let person = Person::log_in(&server);
    for (nth, body) in bodies.iter().rev().enumerate() {
        let item = &list["items"][nth];
        let answer = server.get(item["body"].as_str().expect("an address"));
        assert_eq!(answer.body, *body);
        assert_eq!(
            answer.header("content-type"),
            Some("application/octet-stream")
        );
        let name = answer.header("content-disposition").expect("a name");
        assert!(
            name.starts_with("attachment; filename=\"refused-"),
            "{name}"
        );
        let is_text = nth == 1;
        assert_eq!(
            (&item["text"], &item["bytes"]),
            (&is_text.into(), &body.len().into())
        );
        let page = person.page(&body_of(item));
        assert_eq!(page.text().contains("<textarea"), is_text);
        assert_eq!(
            page.text()
                .contains("It is no text that can be corrected here."),
            !is_text
        );
        if !is_text {
            let refused = person.act("deliver", &body_of(item), "");
            assert_ne!(refused.status, 200);
        }
    }
    let gzipped = person.page(&body_of(&list["items"][0]));
    shows(&gzipped, "it is compressed (gzip), and it is not");
    // What would mislead is shown by its name, and in the text area as JSON writes it.
    let page = person.page(&body_of(&list["items"][1]));
    shows(
        &page,
        "<span class=\"sign\">U+202E</span><mark><span class=\"hidden\">here: </span><span class=\"sign\">U+000D</span></mark><span class=\"sign\">U+0000</span>&#34;}",
    );
    shows(
        &page,
        "{&#34;a&#34;:&#34;\\u202e\\u000d\\u0000&#34;}</textarea>",
    );
    assert!(!page.text().contains('\u{202e}'));
    for (path, status) in [
        ("/api/refused/body", 404),
        (
            "/api/refused/body?id=0123456789abcdef0123456789abcdef&at=2026-01-01.0",
            404,
        ),
        ("/api/refused?limit=0", 400),
        ("/api/refused?limit=1000", 400),
        ("/api/refused?before=x", 400),
        ("/api/refused?source=../x", 400),
        ("/api/refused?state=none", 400),
    ] {
        assert_eq!(server.get(path).status, status, "{path}");
    }
}

#[test]
fn without_a_session_it_can_be_read_and_not_changed() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{").status, 400);
    let body = newest(&server);
    let one = format!("/refused?id={}&at={}", body.id, body.at);
    for path in ["/refused", &one] {
        let page = server.get(path);
        assert_eq!(page.status, 200);
        assert!(!page.text().contains("method=\"post\""), "{}", page.text());
        assert_eq!(server.get_with(path, &[]).status, 401);
        let person = server.get_with(path, &[PERSON]);
        assert_eq!(person.header("location"), Some("login?to=refused"));
    }
    for path in [
        "/api/refused",
        &format!("/api/refused/body?id={}&at={}", body.id, body.at),
    ] {
        assert_eq!(server.get_with(path, &[PERSON]).status, 401);
        assert_eq!(server.get(path).status, 200);
    }
    let (person, other) = (Person::log_in(&server), Person::log_in(&server));
    let bearer = format!("Bearer {TOKEN}");
    for what in ["preview", "deliver", "dismiss", "back"] {
        let fields = |proof| {
            [
                ("do", what),
                ("id", &body.id),
                ("at", &body.at),
                ("text", "{}"),
                ("proof", proof),
            ]
        };
        let cookie = [("Cookie", person.cookie.as_str())];
        assert_eq!(post(&server, &cookie, &fields("")).status, 403, "{what}");
        assert_eq!(
            post(&server, &cookie, &fields(&other.proof)).status,
            403,
            "{what}"
        );
        let elsewhere = [cookie[0], ("Sec-Fetch-Site", "cross-site")];
        assert_eq!(
            post(&server, &elsewhere, &fields(&person.proof)).status,
            403,
            "{what}"
        );
        let token = [("Authorization", bearer.as_str())];
        assert_eq!(
            post(&server, &token, &fields(&person.proof)).status,
            401,
            "{what}"
        );
    }
    assert_eq!(states(&server), ["waiting"]);
    assert_eq!(
        place
            .read_all("journal", ".jsonl")
            .matches("\"seq\"")
            .count(),
        0
    );
}

/// Killed between the journal's sync and the note it would show as waiting: delivered once more it is a duplicate.
/// Where the disk does not take the note, what is stored is told as stored.
#[test]
fn a_source_that_is_gone_takes_nothing_and_a_file_that_was_moved_is_told() {
    let place = Place::new();
    let mut server = place.start_with("[sources.lessonly]\n[sources.b]");
    assert_eq!(server.post_to("b", b"{\"a\":", &[]).status, 400);
    assert!(server.stop().success());
    let server = place.start();
    let body = newest(&server);
    assert_eq!(api(&server, "")["items"][0]["configured"], false);
    // The list has no form to take a proof from, but for the log out.
    let person = Person::log_in(&server);
    let page = person.page(&body);
    assert!(!page.text().contains("<textarea"), "{}", page.text());
    shows(
        &page,
        "is not configured any more, so nothing can be delivered",
    );
    let refused = person.act("deliver", &body, "{\"a\":1}");
    assert_eq!(refused.status, 404);
    shows(&refused, "<strong>Not stored.</strong>");
    let dismissed = person.follow(&person.act("dismiss", &body, ""));
    shows(&dismissed, "<strong>Dismissed.</strong>");
    std::fs::remove_dir_all(place.output().join("rejected")).expect("a folder");
    for answer in [person.page(&body), person.act("back", &body, "")] {
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("refused?told=gone"))
        );
    }
    let list = person.get("/refused?told=gone");
    shows(&list, "<strong>Not there any more.</strong>");
}

/// A text with a control character is right once that is written so that it can be seen, which the page does by itself.
/// Killed at any moment of a delivery: it is stored or it is not, and once more makes it one row.

#[test]
fn all_that_wait_are_dismissed_at_once() {
    let place = Place::new();
    let server = place.start();
    for nth in 0..23 {
        assert_eq!(server.post(&format!("{{\"a\":{nth}")).status, 400);
    }
    let person = Person::log_in(&server);
    let delivered = newest(&server);
    let answer = person.act("deliver", &delivered, "{\"a\":22}");
    assert_eq!(answer.status, 303);
    let page = person.get("/refused");
    shows(&page, "Dismiss all 19 on this page that wait");
    let each = |page: &Answer| -> Vec<String> {
        let found = page.text().split("name=\"each\" value=\"").skip(1);
        let end = |text: &str| text.split('"').next().expect("an end").to_owned();
        found.map(end).collect()
    };
    let all = each(&page);
    let send = |proof: &str, each: &[String]| {
        let mut fields = vec![("do", "dismiss-all"), ("proof", proof), ("state", "")];
        fields.extend(each.iter().map(|each| ("each", each.as_str())));
        fields.push(("each", "no such body"));
        post(&server, &[("Cookie", &person.cookie)], &fields)
    };
    assert_eq!(send("", &all).status, 403);
    let page = person.follow(&send(&person.proof, &all));
    shows(&page, "<strong>Dismissed.</strong>");
    shows(&page, "Dismiss all 3 on this page that wait");
    // No more at once than are on a page, and nothing of what was delivered.
    let mut more = each(&page);
    more.push(format!("{}.{}", delivered.id, delivered.at));
    let page = person.follow(&send(&person.proof, &more));
    shows(&page, "Nothing waits.");
    let states = states(&server);
    let count = |state: &str| states.iter().filter(|is| *is == state).count();
    assert_eq!((count("dismissed"), count("delivered")), (22, 1));
}

/// The HTTP server's own refusals are told in our words; what looks like one may be a sender's.
#[test]
fn a_body_that_ends_like_an_answer_stays_what_it_is() {
    let place = Place::new();
    let server = place.start();
    for status in [400, 408, 431] {
        let evil = format!("hello\r\nHTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(server.post(&evil).status, 400);
        let body = newest(&server);
        let answer = server.get(&format!("/api/refused/body?id={}&at={}", body.id, body.at));
        assert_eq!((answer.status, answer.text()), (200, evil.as_str()));
    }
}
