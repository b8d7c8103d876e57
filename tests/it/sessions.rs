//! Who may look at the pages, and change something there: whoever showed the
//! token, in this browser, until it is over.

use crate::raw::Raw;
use crate::reload::{TAKEN, replace_by_rename, wait_for};
use crate::server::{Answer, Place, Server, TOKEN};

const PERSON: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

/// Name and value of the cookie that an answer sets.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("a cookie");
    set.split(';').next().expect("a value").to_owned()
}

pub fn log_in(server: &Server) -> String {
    let answer = server.get_with(&format!("/?token={TOKEN}"), &[PERSON]);
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("./"))
    );
    cookie(&answer)
}

pub fn get(server: &Server, path: &str, cookie: &str) -> Answer {
    server.get_with(path, &[PERSON, ("cookie", cookie)])
}

/// What a page's forms carry.
pub fn proof(page: &Answer) -> String {
    let (_, rest) = page
        .text()
        .split_once("name=\"proof\" value=\"")
        .expect("a form");
    rest.split('"').next().expect("a proof").to_owned()
}

/// Posts a form, with headers of its own.
pub fn post(server: &Server, path: &str, form: &str, headers: &[(&str, &str)]) -> Answer {
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    );
    for &(name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    let mut raw = Raw::open(server);
    raw.send(format!(
        "{head}Content-Length: {}\r\n\r\n{form}",
        form.len()
    ));
    raw.answer()
}

#[test]
fn the_token_in_the_address_becomes_a_cookie_at_once() {
    let place = Place::new();
    let server = place.start();
    let answer = server.get_with(&format!("/?token={TOKEN}"), &[PERSON]);
    let set = answer.header("set-cookie").expect("a cookie");
    for part in [
        "; HttpOnly",
        "; SameSite=Strict",
        "; Path=/",
        "; Max-Age=1209600",
    ] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure") && !set.contains(TOKEN), "{set}");
    let cookie = cookie(&answer);
    assert_eq!(server.post("{\"a\":1}").status, 200);
    for path in [
        "/",
        "/days",
        "/api/exports",
        "/api/overview",
        "/exports/lessonly/today.csv",
        "/exports/lessonly/today.xlsx",
    ] {
        assert_eq!(get(&server, path, &cookie).status, 200, "{path}");
    }
    // A program that shows it in the address gets the page, and no cookie.
    let program = server.get_with(&format!("/?token={TOKEN}"), &[]);
    assert_eq!((program.status, program.header("set-cookie")), (200, None));
    let asked = server.head_with(&format!("/?token={TOKEN}"), &[]);
    assert_eq!(asked.header("set-cookie"), None);
}

#[test]
fn nothing_is_shown_without_it() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"a\":1}").status, 200);
    for (path, login) in [
        ("/", "login"),
        ("/days", "login?to=days"),
        ("/days?source=a", "login?to=days"),
    ] {
        let person = server.get_with(path, &[PERSON]);
        assert_eq!(
            (person.status, person.header("location")),
            (303, Some(login)),
            "{path}"
        );
        assert!(person.body.is_empty());
        let program = server.get_with(path, &[]);
        assert_eq!(program.status, 401, "{path}");
        assert!(program.header("www-authenticate").is_some());
    }
    for path in [
        "/api/exports",
        "/api/overview",
        "/exports/lessonly/today.csv",
    ] {
        assert_eq!(server.get_with(path, &[PERSON]).status, 401, "{path}");
    }
    let wrong = server.get_with("/?token=guess", &[PERSON]);
    assert_eq!(
        (wrong.status, wrong.header("location")),
        (303, Some("login?wrong"))
    );
}

#[test]
fn the_login_page_says_where_the_token_is_and_takes_it() {
    let place = Place::new();
    let mut command = place.command();
    command.env_remove("ROWHOOK_TOKEN");
    let server = Server::start(command);
    let token = std::fs::read_to_string(place.output().join("state/token")).expect("a token");
    let page = server.get_with("/login?to=days", &[PERSON]);
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("<pre>cat output/state/token</pre>"),
        "{}",
        page.text()
    );
    assert!(!page.text().contains(token.trim()));
    // As it is copied, with its line end.
    let form = format!("token={}%0A&to=days", token.trim());
    let entered = post(&server, "/login", &form, &[]);
    assert_eq!(
        (entered.status, entered.header("location")),
        (303, Some("days"))
    );
    let page = get(&server, "/days", &cookie(&entered));
    assert_eq!(page.status, 200);
    let wrong = post(&server, "/login", "token=guess&to=days", &[]);
    assert_eq!((wrong.status, wrong.header("set-cookie")), (403, None));
    assert!(wrong.text().contains("That is not the read token."));
    for elsewhere in [
        "https%3A%2F%2Fevil.example",
        "%2F%2Fevil.example",
        "%5C%5Cevil",
        "",
    ] {
        let form = format!("token={}&to={elsewhere}", token.trim());
        let entered = post(&server, "/login", &form, &[]);
        assert_eq!(entered.header("location"), Some("./"), "{elsewhere}");
    }
    // Another site cannot log anybody in.
    let form = format!("token={}", token.trim());
    let answer = post(
        &server,
        "/login",
        &form,
        &[("Sec-Fetch-Site", "cross-site")],
    );
    assert_eq!((answer.status, answer.header("set-cookie")), (403, None));
    assert!(!server.log().contains(token.trim()));
}

/// A name that somebody else chose is never the name of a session.
#[test]
fn a_session_has_a_name_of_its_own() {
    let place = Place::new();
    let server = place.start();
    let planted = log_in(&server);
    let entered = post(
        &server,
        "/login",
        &format!("token={TOKEN}"),
        &[("Cookie", &planted)],
    );
    let own = cookie(&entered);
    assert_ne!(own, planted);
    let (name, _) = own.split_once('=').expect("a name");
    let made_up = format!("{name}=0123456789abcdef0123456789abcdef.{}", "0".repeat(64));
    for form in ["", "token=guess"] {
        let _ = post(&server, "/login", form, &[("Cookie", &made_up)]);
    }
    assert_eq!(get(&server, "/", &made_up).status, 303);
}

#[test]
fn whoever_logs_out_is_out_and_others_stay() {
    let place = Place::new();
    let mut server = place.start();
    let (one, other) = (log_in(&server), log_in(&server));
    let form = format!("proof={}", proof(&get(&server, "/", &one)));
    let left = post(&server, "/logout", &form, &[("Cookie", &one)]);
    assert_eq!((left.status, left.header("location")), (303, Some("login")));
    assert!(
        left.header("set-cookie")
            .expect("a cookie")
            .contains("Max-Age=0")
    );
    assert!(server.stop().success());
    let server = place.start();
    assert_eq!(get(&server, "/", &one).status, 303);
    assert_eq!(
        get(&server, "/exports/lessonly/today.csv", &one).status,
        401
    );
    assert_eq!(get(&server, "/", &other).status, 200);
}

#[test]
fn a_form_of_somebody_else_changes_nothing() {
    let place = Place::new();
    let server = place.start();
    let (one, other) = (log_in(&server), log_in(&server));
    let own = proof(&get(&server, "/", &one));
    let foreign = proof(&get(&server, "/", &other));
    assert_ne!(own, foreign);
    let own_form = format!("proof={own}");
    for (form, headers) in [
        (String::new(), vec![("Cookie", one.as_str())]),
        (format!("proof={foreign}"), vec![("Cookie", one.as_str())]),
        (
            own_form.clone(),
            vec![("Cookie", one.as_str()), ("Sec-Fetch-Site", "cross-site")],
        ),
        (
            own_form.clone(),
            vec![("Cookie", one.as_str()), ("Sec-Fetch-Site", "same-site")],
        ),
    ] {
        let answer = post(&server, "/logout", &form, &headers);
        assert_eq!(answer.status, 403, "{form} {headers:?}");
        assert_eq!(get(&server, "/", &one).status, 200);
    }
    assert_eq!(server.get("/logout").status, 405);
    // A form is worth nothing without the session.
    let nobody = post(&server, "/logout", &own_form, &[]);
    assert_eq!((nobody.status, nobody.header("set-cookie")), (303, None));
    assert_eq!(get(&server, "/", &one).status, 200);
}

#[test]
fn every_letter_of_a_cookie_counts() {
    let place = Place::new();
    let server = place.start();
    let cookie = log_in(&server);
    let begin = cookie.find('=').expect("a name") + 1;
    for place in begin..cookie.len() {
        let mut changed = cookie.clone().into_bytes();
        changed[place] = if changed[place] == b'1' { b'2' } else { b'1' };
        let changed = String::from_utf8(changed).expect("a text");
        assert_eq!(get(&server, "/", &changed).status, 303, "{place}");
    }
    assert_eq!(get(&server, "/", &cookie).status, 200);
}

#[test]
fn another_token_ends_all_sessions() {
    let place = Place::new();
    std::fs::write(place.path().join("token"), TOKEN).expect("a file");
    let mut command = place.command();
    command.env_remove("ROWHOOK_TOKEN").arg("--config");
    command.arg(place.config("[access]\ntoken_file = \"token\"\n"));
    let server = Server::start(command);
    let cookie = log_in(&server);
    assert_eq!(get(&server, "/", &cookie).status, 200);
    replace_by_rename(&place.path().join("token"), "the-next-token");
    wait_for(&server, TAKEN, 1);
    assert_eq!(get(&server, "/", &cookie).status, 303);
    assert_eq!(
        get(&server, "/exports/lessonly/today.csv", &cookie).status,
        401
    );
}

/// Behind TLS, or a proxy that says so, the cookie never travels without it.
#[test]
fn the_cookie_is_secure_where_the_address_is() {
    let place = Place::new();
    let server = place.start_with(
        "trusted_proxies = [\"127.0.0.1\"]\npublic_url = \"https://hooks.example.com\"\n",
    );
    for (headers, secure) in [
        (vec![("x-forwarded-proto", "https")], true),
        (vec![("x-forwarded-proto", "http")], false),
        (vec![("host", "hooks.example.com")], true),
        (vec![("host", "127.0.0.1")], false),
    ] {
        let all = [&[PERSON], headers.as_slice()].concat();
        let answer = server.get_with(&format!("/?token={TOKEN}"), &all);
        let set = answer.header("set-cookie").expect("a cookie");
        assert_eq!(set.contains("; Secure"), secure, "{headers:?} {set}");
    }
}
