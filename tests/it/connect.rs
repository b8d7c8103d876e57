//! `/connect`: what a sender is told, and links that are made and revoked
//! there, by nobody else than whoever is logged in.

use crate::server::{Answer, Place, Server, TOKEN};
use crate::sessions::{get, log_in, post, proof};
use std::io::Write as _;
use std::process::{Command, Stdio};

const CONFIG: &str = "[sources.lessonly]\npreset = \"lessonly\"\n\
    auth = { scheme = \"authorization\", value_file = [\"new\", \"old\"] }\n[sources.orders]\n";
const SECRET: &str = "let me in $HOME";

fn start(place: &Place) -> Server {
    for (name, value) in [("new", SECRET), ("old", "the one before")] {
        std::fs::write(place.path().join(name), value).expect("a file");
    }
    place.start_with(CONFIG)
}

/// What a page shows, as text: without tags, and its letters as they are.
fn shown(html: &str) -> String {
    let mut text = String::new();
    for piece in html.split('<') {
        text += piece.split_once('>').map_or("", |(_, text)| text);
    }
    for (written, letter) in [
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
    ] {
        text = text.replace(written, letter);
    }
    text
}

/// The text of the element with this id.
fn element(page: &Answer, id: &str) -> String {
    let start = page.text().split_once(&format!("id=\"{id}\""));
    let (_, rest) = start.unwrap_or_else(|| panic!("no {id} in {}", page.text()));
    let end = rest
        .find("</code>")
        .into_iter()
        .chain(rest.find("</pre>"))
        .min();
    shown(&format!("<{}", &rest[..end.expect("its end")]))
}

/// Makes a link with the form, and gives the page that tells it.
fn make(server: &Server, cookie: &str, form: &str) -> Answer {
    let proof = proof(&get(server, "/connect", cookie));
    let made = post(
        server,
        "/connect",
        &format!("proof={proof}&{form}"),
        &[("Cookie", cookie)],
    );
    assert_eq!(made.status, 303, "{form}: {}", made.text());
    let to = made.header("location").expect("a page");
    assert!(!to.contains('.'), "{to} has a signature");
    get(
        server,
        &format!("/{}", to.trim_end_matches("#links")),
        cookie,
    )
}

/// The path and query of the link that a page tells.
fn path_of(page: &Answer) -> String {
    let link = element(page, "made-link");
    link[link.find("/exports/").expect("an address")..].to_owned()
}

#[test]
fn it_says_what_to_fill_in_and_no_secret() {
    let place = Place::new();
    let server = start(&place);
    let page = server.get("/connect");
    let text = shown(page.text());
    assert_eq!(
        element(&page, "url-lessonly"),
        format!("{}/hooks/lessonly", server.url)
    );
    for secret in [SECRET, "the one before"] {
        assert!(!page.text().contains(secret));
    }
    for wanted in [
        "/new or the file ",
        "/old.",
        "None is asked for: whoever knows the URL can deliver.",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    // Nobody is logged in: nothing can be changed.
    assert!(!page.text().contains("<button name") && !page.text().contains("name=\"proof\""));
    let place = Place::new();
    let server = place.start_with("public_url = \"https://hooks.example.com/in\"\n");
    let page = server.get("/connect");
    assert_eq!(
        element(&page, "url-lessonly"),
        "https://hooks.example.com/in/hooks/lessonly"
    );
    assert!(!page.text().contains("public_url"));
}

#[test]
fn the_command_works_as_it_is_copied() {
    let place = Place::new();
    let server = start(&place);
    let page = server.get("/connect");
    for (source, typed, wanted) in [
        ("lessonly", "wrong", "unauthorized"),
        ("lessonly", SECRET, "stored"),
        ("lessonly", SECRET, "duplicate"),
        ("orders", "", "stored"),
    ] {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(element(&page, &format!("curl-{source}")));
        let shell = shell
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut shell = shell.spawn().expect("a shell");
        let mut typing = shell.stdin.take().expect("its input");
        typing
            .write_all(format!("{typed}\n").as_bytes())
            .expect("it reads");
        drop(typing);
        let said = shell.wait_with_output().expect("its end").stdout;
        let said = String::from_utf8(said).expect("a text");
        assert!(said.contains(wanted), "{source}: {said}");
    }
}

#[test]
fn it_tells_when_the_first_delivery_came() {
    let place = Place::new();
    let server = start(&place);
    let waiting = "orders: Waiting for the first delivery…";
    assert!(shown(server.get("/connect").text()).contains(waiting));
    assert_eq!(server.post_to("orders", b"{", &[]).status, 400);
    let text = shown(server.get("/connect").text());
    let refused =
        format!("{waiting} Something came, and could not become a row: 1 today. Look at it.");
    assert!(text.contains(&refused), "{text}");
    assert_eq!(server.post_to("orders", b"{}", &[]).status, 200);
    let text = shown(server.get("/connect").text());
    assert!(
        text.contains("orders: The first delivery came just now."),
        "{text}"
    );
    assert!(
        text.contains("lessonly: Waiting for the first delivery…"),
        "{text}"
    );
}

#[test]
fn a_link_that_is_made_opens_its_feed_and_nothing_else() {
    let place = Place::new();
    let server = start(&place);
    assert_eq!(
        server.post_to("orders", b"{\"a\":1,\"b\":2}", &[]).status,
        200
    );
    let cookie = log_in(&server);
    for (form, feed) in [
        ("source=orders&day=latest", "/exports/orders/latest.csv?"),
        (
            "source=orders&day=-30d&expires=90d",
            "/exports/orders.csv?from=-30d&to=today&",
        ),
        (
            "source=orders&day=today&from=-7d&to=yesterday&expires=never",
            "/exports/orders.csv?from=-7d&to=yesterday&",
        ),
        (
            "source=orders&day=today&format=jsonl",
            "/exports/orders/today.jsonl?",
        ),
        (
            "source=orders&day=today&columns=b%2Ca",
            "/exports/orders/today.csv?columns=b,a&",
        ),
        (
            "source=lessonly&day=today&view=matrix&format=xlsx&expires=365d",
            "/exports/lessonly/today.xlsx?view=matrix&",
        ),
    ] {
        let page = make(&server, &cookie, form);
        let link = path_of(&page);
        assert!(link.starts_with(&format!("{feed}link=")), "{link}");
        let answer = server.get_with(&link, &[]);
        assert_eq!(answer.status, 200, "{link}: {}", answer.text());
        let same = server.get(feed.trim_end_matches(['?', '&']));
        // A workbook says when it was made.
        assert!(answer.body == same.body || feed.contains(".xlsx"), "{link}");
        if form != "source=orders&day=latest" {
            continue;
        }
        let (_, secret) = link.split_once("link=").expect("a link");
        for other in [
            "/connect",
            "/",
            "/exports/orders/today.csv",
            "/exports/lessonly/latest.csv",
        ] {
            let answer = server.get_with(&format!("{other}?link={secret}"), &[]);
            assert_eq!(answer.status, 401, "{other}");
        }
    }
    let page = get(&server, "/connect", &cookie);
    assert_eq!(page.text().matches("<td>open</td>").count(), 6);
}

/// Whoever makes it sees its address: once, and nobody else does.
#[test]
fn the_address_is_told_once() {
    let place = Place::new();
    let server = start(&place);
    let (cookie, other) = (log_in(&server), log_in(&server));
    let form = format!(
        "proof={}&source=orders&day=latest",
        proof(&get(&server, "/connect", &cookie))
    );
    let made = post(&server, "/connect", &form, &[("Cookie", &cookie)]);
    let to = format!("/{}", made.header("location").expect("a page"));
    let to = to.trim_end_matches("#links");
    let told = |answer: &Answer| answer.text().contains("id=\"made-link\"");
    assert!(!told(&get(&server, to, &other)));
    assert!(!told(&server.get(to)));
    assert!(!told(&get(&server, "/connect", &cookie)));
    assert!(told(&get(&server, to, &cookie)));
    let again = get(&server, to, &cookie);
    assert!(
        !told(&again) && shown(again.text()).contains("was shown once, and is not shown again")
    );
    assert!(!told(&get(&server, "/connect?made=0123456789", &cookie)));
    // The list says all of it but that.
    assert!(
        again
            .text()
            .contains("<code>/exports/orders/latest.csv</code>")
    );
    assert!(!again.text().contains("link="));
    assert!(!server.log().contains("link="));
}

#[test]
fn a_revoked_link_opens_nothing() {
    let place = Place::new();
    let server = start(&place);
    let cookie = log_in(&server);
    let links: Vec<String> = ["latest", "today"]
        .map(|day| path_of(&make(&server, &cookie, &format!("source=orders&day={day}"))))
        .into();
    let id = links[0].split_once("link=").expect("a link").1[..10].to_owned();
    let form = format!(
        "proof={}&revoke={id}",
        proof(&get(&server, "/connect", &cookie))
    );
    for _ in 0..2 {
        let done = post(&server, "/connect", &form, &[("Cookie", &cookie)]);
        let to = format!("connect?revoked={id}#links");
        assert_eq!(
            (done.status, done.header("location")),
            (303, Some(to.as_str()))
        );
    }
    let statuses: Vec<u16> = links
        .iter()
        .map(|link| server.get_with(link, &[]).status)
        .collect();
    assert_eq!(statuses, [403, 200]);
    let page = get(&server, &format!("/connect?revoked={id}"), &cookie);
    assert!(shown(page.text()).contains(&format!("The link {id} is revoked.")));
    let states =
        ["open", "revoked"].map(|state| page.text().matches(&format!("<td>{state}</td>")).count());
    assert_eq!(states, [1, 1]);
    let form = form.replace(&id, "zzz");
    let none = post(&server, "/connect", &form, &[("Cookie", &cookie)]);
    assert_eq!(none.status, 400);
    assert!(shown(none.text()).contains("Nothing was changed: there is no link \"zzz\""));
}

#[test]
fn only_our_own_form_of_this_session_changes_something() {
    let place = Place::new();
    let server = start(&place);
    let (cookie, other) = (log_in(&server), log_in(&server));
    let kept = path_of(&make(&server, &cookie, "source=orders&day=latest"));
    let id = &kept.split_once("link=").expect("a link").1[..10];
    let own = proof(&get(&server, "/connect", &cookie));
    let foreign = proof(&get(&server, "/connect", &other));
    let bearer = format!("Bearer {TOKEN}");
    let with_cookie = ("Cookie", cookie.as_str());
    for what in [
        "source=orders&day=latest".to_owned(),
        format!("revoke={id}"),
    ] {
        for (form, headers, status) in [
            (what.clone(), vec![with_cookie], 403),
            (format!("{what}&proof="), vec![with_cookie], 403),
            (format!("{what}&proof={foreign}"), vec![with_cookie], 403),
            (
                format!("{what}&proof={own}"),
                vec![with_cookie, ("Sec-Fetch-Site", "cross-site")],
                403,
            ),
            (format!("{what}&proof={own}"), vec![], 401),
            (
                format!("{what}&proof={own}"),
                vec![("Authorization", bearer.as_str())],
                401,
            ),
            (
                format!("{what}&proof={own}"),
                vec![("Accept", "text/html")],
                303,
            ),
        ] {
            let answer = post(&server, "/connect", &form, &headers);
            assert_eq!(answer.status, status, "{form} {headers:?}");
            assert!(status != 303 || answer.header("location") == Some("login?to=connect"));
        }
    }
    let page = get(&server, "/connect", &cookie);
    assert_eq!(page.text().matches("<td>open</td>").count(), 1);
    assert_eq!(server.get_with(&kept, &[]).status, 200);
}

#[test]
fn what_makes_no_link_is_told_and_the_form_stays_filled_in() {
    let place = Place::new();
    let server = start(&place);
    let cookie = log_in(&server);
    let proof = proof(&get(&server, "/connect", &cookie));
    for (form, why) in [
        ("source=orders&day=someday", "no such export"),
        (
            "source=orders&day=latest&from=someday",
            "`from` cannot be \"someday\"",
        ),
        ("source=orders&day=latest&to=today", "`from` is missing"),
        (
            "source=orders&from=2026-02-03&to=2026-02-02&day=latest",
            "which is after `to`",
        ),
        (
            "source=orders&day=latest&view=matrix",
            "there is no view \"matrix\"",
        ),
        (
            "source=orders&day=latest&columns=a%2Ca",
            "`columns` is no list of names",
        ),
        (
            "source=orders&day=latest&expires=1w",
            "`expires` cannot be \"1w\"",
        ),
        (
            "source=orders&day=latest&expires=2020-01-01",
            "which is over",
        ),
        (
            "source=order&day=latest",
            "there is no source `order` (did you mean `orders`?)",
        ),
        ("source=%3Cb%3E&day=latest", "no such export"),
        ("day=latest", "no such export"),
    ] {
        let form = format!("proof={proof}&{form}");
        let answer = post(&server, "/connect", &form, &[("Cookie", &cookie)]);
        let text = shown(answer.text());
        assert_eq!(answer.status, 400, "{form}: {text}");
        assert!(
            text.contains(&format!("Nothing was changed: {why}")) || text.contains(why),
            "{form}: {text}"
        );
        assert!(
            answer
                .text()
                .contains("role=\"alert\">Nothing was changed: ")
        );
    }
    let form =
        format!("proof={proof}&source=orders&day=today&format=xlsx&from=someday&columns=x%3Cy");
    let answer = post(&server, "/connect", &form, &[("Cookie", &cookie)]);
    for kept in [
        "value=\"x&#60;y\"",
        "value=\"someday\"",
        "<option value=\"xlsx\" selected>",
    ] {
        assert!(answer.text().contains(kept), "{kept} in {}", answer.text());
    }
    assert!(
        get(&server, "/connect", &cookie)
            .text()
            .contains("There is no link yet.")
    );
}
