//! Refused bodies that a person corrects: looked at as rows, delivered once, and
//! noted, whatever happens to the process or to the session.

use crate::refused::*;
use crate::server::Place;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::time::Duration;

#[test]
fn a_preview_shows_the_row_and_stores_nothing() {
    let place = Place::new();
    let server = place.start();
    let body = wrong_in_its_third_line(&server);
    let person = Person::log_in(&server);
    let before = table(&server);
    let preview = person.act("preview", &body, RIGHT);
    assert_eq!(preview.status, 200);
    shows(&preview, "It would make 1 row<");
    shows(&preview, "None of it is stored yet.");
    shows(&preview, "<bdi>name</bdi></th><td><bdi>Bob</bdi>");
    shows(
        &preview,
        "<bdi>size</bdi> <small>new column</small></th><td><bdi>=big</bdi>",
    );
    assert_eq!(table(&server), before);
    assert_eq!(states(&server), ["waiting"]);
    // The id that it shows is the one that it gets.
    let (_, rest) = preview
        .text()
        .split_once("event_id</th><td><code>")
        .expect("an id");
    let id = rest.split('<').next().expect("an id");
    assert_eq!(person.act("deliver", &body, RIGHT).status, 303);
    assert!(table(&server).contains(id));
}

#[test]
fn a_preview_has_no_row_for_a_test_that_is_left_out() {
    let place = Place::new();
    let server = place.start_with("[sources.lessonly]\ntest_rows = false\n");
    let body = wrong_in_its_third_line(&server);
    let person = Person::log_in(&server);
    let test = "{\"rowhook_test\":1,\"only_here\":2}";
    let both = format!("[{test},{{\"name\":\"Cid\"}}]");
    let preview = person.act("preview", &body, &both);
    shows(&preview, "It would make 1 row<");
    shows(
        &preview,
        "A test event would be stored and make no row: the configuration has <code>test_rows = false</code>",
    );
    shows(&preview, "<bdi>Cid</bdi>");
    assert!(!preview.text().contains("<bdi>only_here</bdi>"));
    let preview = person.act("preview", &body, test);
    shows(&preview, "It would make 0 rows<");
    assert!(!preview.text().contains("<h3>Row"));
    let before = table(&server);
    assert_eq!(person.act("deliver", &body, &both).status, 303);
    assert_eq!(table(&server).lines().count(), before.lines().count() + 1);
}

#[test]
fn a_corrected_body_becomes_a_row_once() {
    let place = Place::new();
    let mut server = place.start();
    let body = wrong_in_its_third_line(&server);
    {
        let person = Person::log_in(&server);
        let page = person.follow(&person.act("deliver", &body, RIGHT));
        shows(&page, "<strong>Stored.</strong>");
        let after = table(&server);
        assert!(
            after.lines().nth(2).expect("a row").contains(",Bob,"),
            "{after}"
        );
        assert!(after.ends_with(",'=big\n"), "{after}");
        // Twice is a duplicate, and looks like one before.
        let preview = person.act("preview", &body, RIGHT);
        shows(&preview, "All of it is stored already");
        shows(&preview, "Row 1: duplicate");
        let page = person.follow(&person.act("deliver", &body, RIGHT));
        shows(&page, "<strong>Duplicate.</strong>");
        assert_eq!(table(&server), after);
        let item = &api(&server, "")["items"][0];
        assert_eq!(
            (&item["state"], &item["events"]),
            (&"delivered".into(), &1.into())
        );
        let event = item["event_ids"][0].as_str().expect("an id");
        assert!(after.contains(event));
        shows(&page, event);
        assert_eq!(api(&server, "")["waiting"], 0);
    }
    assert!(server.stop().success());
    let server = place.start();
    assert_eq!(states(&server), ["delivered"]);
    let page = Person::log_in(&server).page(&body);
    shows(&page, "<strong>Delivered again</strong>");
}

#[test]
fn killed_before_the_note_it_is_a_duplicate() {
    let place = Place::new();
    let mut server = place.start();
    assert_eq!(server.post("[{\"a\":1},{\"a\":2},]").status, 400);
    let body = newest(&server);
    let right = "[{\"a\":1},{\"a\":2}]";
    let stored = Person::log_in(&server).act("deliver", &body, right);
    assert_eq!(stored.status, 303);
    let before = table(&server);
    server.kill();
    // As if the note had not been written.
    std::fs::remove_file(place.output().join("state/refused.json")).expect("notes");
    let server = place.start();
    assert_eq!(states(&server), ["waiting"]);
    let person = Person::log_in(&server);
    let page = person.follow(&person.act("deliver", &body, right));
    shows(&page, "<strong>Duplicate.</strong>");
    assert_eq!(table(&server), before);
    assert_eq!(states(&server), ["delivered"]);
    assert_eq!(api(&server, "")["items"][0]["events"], 2);
    // Twins and new ones are told apart.
    let preview = person.act("preview", &body, "[{\"a\":1},{\"b\":1},{\"b\":1}]");
    shows(&preview, "2 of them are duplicates");
    let partly = person.act("deliver", &body, "[{\"a\":1},{\"b\":1},{\"b\":1}]");
    assert!(
        partly
            .header("location")
            .expect("a page")
            .contains("told=partly")
    );
}

#[test]
fn two_people_with_one_correction_make_one_row() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":1").status, 400);
    let body = newest(&server);
    let told: Vec<String> = std::thread::scope(|scope| {
        let one = || {
            let person = Person::log_in(&server);
            let answer = person.act("deliver", &body, "{\"a\":1}");
            let to = answer.header("location").expect("a page").to_owned();
            to.split("told=").nth(1).expect("a word").to_owned()
        };
        let people: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        people
            .into_iter()
            .map(|one| one.join().expect("an answer"))
            .collect()
    });
    assert_eq!(
        told.iter().filter(|told| *told == "stored#outcome").count(),
        1,
        "{told:?}"
    );
    assert_eq!(table(&server).lines().count(), 2);
    assert_eq!(api(&server, "")["items"][0]["events"], 1);
}

#[test]
fn what_cannot_be_noted_is_told() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":1").status, 400);
    let body = newest(&server);
    let person = Person::log_in(&server);
    // Nothing can be renamed over a folder.
    let notes = place.output().join("state/refused.json");
    std::fs::create_dir_all(notes.join("x")).expect("a folder");
    let stored = person.act("deliver", &body, "{\"a\":1}");
    assert_eq!(stored.status, 200);
    shows(
        &stored,
        "<strong>Stored.</strong> But rowhook could not take note",
    );
    assert_eq!(states(&server), ["waiting"]);
    let dismissed = person.follow(&person.act("dismiss", &body, ""));
    shows(&dismissed, "<strong>Not noted.</strong>");
    std::fs::remove_dir_all(&notes).expect("a folder");
    let page = person.follow(&person.act("deliver", &body, "{\"a\":1}"));
    shows(&page, "<strong>Duplicate.</strong>");
    assert_eq!(states(&server), ["delivered"]);
}

#[test]
fn large_bodies_with_long_lines_are_shown_around_the_fault_and_delivered() {
    let place = Place::new();
    let server = place.start();
    let values: Vec<String> = (0..9)
        .map(|nth| format!("\"v{nth}\":\"{}\"", "é<".repeat(34_000)))
        .collect();
    let wrong = format!("{{{},\"last\":\"x\"\n\"more\":1}}", values.join(","));
    assert!((900_000..1 << 20).contains(&wrong.len()));
    assert_eq!(server.post(&wrong).status, 400);
    let body = newest(&server);
    let person = Person::log_in(&server);
    let list = person.get("/refused");
    assert!(list.text().len() < 20_000, "{}", list.text().len());
    shows(&list, "<strong>Line 2, column 1:</strong>");
    let right = wrong.replace('\n', ",");
    let preview = person.act("preview", &body, &right);
    assert_eq!(preview.status, 200);
    shows(&preview, "<span class=\"dim\">… and more</span>");
    let page = person.follow(&person.act("deliver", &body, &right));
    shows(&page, "<strong>Stored.</strong>");
    assert!(table(&server).ends_with(",x,1\n"));
    // No delivery could be as large.
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    let refused = person.act("deliver", &body, &large);
    assert_eq!(refused.status, 413);
    shows(&refused, "limits.body_bytes_max");
    let endless = format!("{{\"a\":\"{}\"}}", "x".repeat(4 << 20));
    assert_eq!(person.act("deliver", &body, &endless).status, 413);
}

#[test]
fn forms_and_bodies_that_would_be_taken_now() {
    let place = Place::new();
    let mut server = place.start_with("limits.depth_max = 2");
    let deep = "{\"a\": {\"b\":{}}, \"c\": 1}";
    assert_eq!(server.post(deep).status, 422);
    assert_eq!(
        server
            .post_to("lessonly", b"payload=%7B1%7D", &[FORM])
            .status,
        400
    );
    assert!(server.stop().success());
    let server = place.start();
    let person = Person::log_in(&server);
    let list = person.get("/refused");
    let text = list.text();
    assert!(
        text.contains(
            "<strong>Line 1, column 2 of the field <code>payload</code>, decoded:</strong>"
        ),
        "{text}"
    );
    assert!(text.contains("As it is, it would be taken now."), "{text}");
    assert!(text.contains("the limit is 2 (limits.depth_max)"), "{text}");
    let items = api(&server, "");
    let (form, json) = (body_of(&items["items"][0]), body_of(&items["items"][1]));
    let stored = person.act("deliver", &json, deep);
    assert!(
        stored
            .header("location")
            .expect("a page")
            .contains("told=stored")
    );
    let stored = person.act("deliver", &form, "payload=%7B%22c%22:2%7D");
    assert!(
        stored
            .header("location")
            .expect("a page")
            .contains("told=stored")
    );
    let csv = table(&server);
    let rows: BTreeSet<&str> = csv
        .lines()
        .skip(1)
        .filter_map(|row| row.rsplit(',').next())
        .collect();
    assert_eq!(rows, BTreeSet::from(["1", "2"]), "{csv}");
    // The same by its sender is the same.
    let again = server.post(deep);
    shows(&again, "duplicate");
}

#[test]
fn what_the_text_area_shows_is_what_is_delivered() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":\"x\u{1}\u{202e}y\"}").status, 400);
    let body = newest(&server);
    let person = Person::log_in(&server);
    let text = "{\"a\":\"x\\u0001\\u202ey\"}";
    shows(
        &person.page(&body),
        &format!("{}</textarea>", text.replace('"', "&#34;")),
    );
    let page = person.follow(&person.act("deliver", &body, text));
    shows(&page, "<strong>Stored.</strong>");
    assert!(table(&server).contains("x\u{1}\u{202e}y"));
    // An address alone says nothing of what was done.
    assert_eq!(server.post("{").status, 400);
    let other = newest(&server);
    for told in ["stored", "duplicate", "dismissed"] {
        let page = person.get(&format!(
            "/refused?id={}&at={}&told={told}",
            other.id, other.at
        ));
        assert!(!page.text().contains("role=\"status\""), "{told}");
    }
}

#[test]
fn killed_while_it_delivers_it_makes_one_row_of_each() {
    let place = Place::new();
    let mut noted = 0;
    for round in 0..8_u64 {
        let mut server = place.start();
        assert_eq!(server.post(&format!("{{\"round\":{round}")).status, 400);
        let body = newest(&server);
        let right = format!("{{\"round\":{round}}}");
        let url = server.url.clone();
        let (cookie, form) = {
            let person = Person::log_in(&server);
            let text = format!("%7B%22round%22%3A{round}%7D");
            let Body { id, at } = &body;
            let form = format!(
                "do=deliver&id={id}&at={at}&proof={}&text={text}",
                person.proof
            );
            (person.cookie, form)
        };
        let addr = url.strip_prefix("http://").expect("an address");
        let mut stream = std::net::TcpStream::connect(addr).expect("a connection");
        let sent = std::thread::spawn(move || {
            let head = format!(
                "POST /refused HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nContent-Type: \
                 application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                form.len()
            );
            let _ = std::io::Write::write_all(&mut stream, head.as_bytes());
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer.contains("303 See Other")
        });
        std::thread::sleep(Duration::from_millis(round * 2));
        server.kill();
        let answered = sent.join().expect("an answer");
        let server = place.start();
        let state = states(&server).remove(0);
        // What was told is so.
        assert!(!answered || state == "delivered", "{round}");
        noted += usize::from(state == "delivered");
        let person = Person::log_in(&server);
        assert_eq!(person.act("deliver", &body, &right).status, 303);
        assert_eq!(states(&server)[0], "delivered");
        let wanted = usize::try_from(round).expect("a number") + 2;
        assert_eq!(table(&server).lines().count(), wanted);
    }
    println!("{noted} of 8 were noted at the kill");
}

/// What somebody wrote is shown again when the session in which the page was opened is over, and nothing is done with it.
#[test]
fn a_page_of_a_session_before_this_one() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":").status, 400);
    let (before, person) = (Person::log_in(&server), Person::log_in(&server));
    let body = newest(&server);
    let fields = |what: &'static str| {
        [
            ("do", what),
            ("id", body.id.as_str()),
            ("at", body.at.as_str()),
            ("proof", before.proof.as_str()),
            ("text", "{\"a\":\"<mine>\"}"),
        ]
    };
    let cookie = ("Cookie", person.cookie.as_str());
    let answer = post(&server, &[PERSON, cookie], &fields("deliver"));
    assert_eq!(answer.status, 403);
    shows(&answer, "Nothing was done yet.");
    shows(&answer, "{&#34;a&#34;:&#34;&#60;mine&#62;&#34;}</textarea>");
    shows(&answer, &person.proof);
    // Nor is anything shown to another site, to a program, or to nobody.
    for (headers, status, shown) in [
        (
            vec![PERSON, cookie, ("Sec-Fetch-Site", "cross-site")],
            403,
            false,
        ),
        (vec![cookie], 403, false),
        (vec![PERSON], 401, true),
        (vec![], 401, false),
    ] {
        let answer = post(&server, &headers, &fields("dismiss"));
        assert_eq!(answer.status, status, "{headers:?}");
        assert!(!answer.text().contains("mine"), "{}", answer.text());
        let page = answer.text().contains("You are not logged in any more");
        assert_eq!(page, shown, "{}", answer.text());
    }
    assert_eq!(states(&server), ["waiting"]);
    assert_eq!(
        server
            .get("/exports/lessonly/today.csv")
            .text()
            .lines()
            .count(),
        1
    );
}
