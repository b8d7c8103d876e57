//! Signed links, by the server that runs and without one: each opens its feed
//! and nothing else, until it ends.

use crate::days::three_days;
use crate::receiving::{is_problem, problem};
use crate::server::{Place, Server, TOKEN, mask};
use rowhook::disk::RealDisk;
use rowhook::event::Timestamp;
use rowhook::links::{LinkKey, Links};
use rowhook::read::Ask;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CONFIG: &str = "trusted_proxies = [\"127.0.0.1\"]\n[sources.orders]\n[sources.quiet]\n[sources.lessonly]\npreset = \"lessonly\"\n";

fn command(place: &Place, args: &str) -> Command {
    let mut command = place.bare(&[]);
    command.arg("link").args(args.split_whitespace());
    command.arg("--output").arg(place.output());
    let config = place.path().join("rowhook.toml");
    if config.exists() {
        command.arg("--config").arg(config);
    }
    command
}

/// What `rowhook link` with `args` printed, and its exit code.
fn said(place: &Place, args: &str) -> (String, String, i32) {
    let output = command(place, args).output().expect("the program");
    let text = |bytes| String::from_utf8(bytes).expect("a text");
    let code = output.status.code().expect("an exit code");
    (text(output.stdout), text(output.stderr), code)
}

/// The path and query of a link made with `args`.
#[track_caller]
fn link(place: &Place, args: &str) -> String {
    let (out, err, code) = said(place, &format!("--source {args}"));
    assert_eq!(code, 0, "{args}: {err}");
    path_of(&out)
}

#[track_caller]
fn path_of(url: &str) -> String {
    let at = url.find("/exports/").expect("an address");
    url[at..].strip_suffix('\n').expect("a line").to_owned()
}

fn id_of(link: &str) -> &str {
    let (_, link) = link.split_once("link=").expect("a link");
    link.split_once('.').expect("an id").0
}

fn revoke(place: &Place, link: &str) {
    let (_, err, code) = said(place, &format!("--revoke {}", id_of(link)));
    assert_eq!(code, 0, "{err}");
}

/// The status of a GET without a token, asked by client `nth`.
fn status(server: &Server, path: &str, nth: usize) -> u16 {
    let client = format!("10.{}.{}.{}", nth >> 16, nth >> 8 & 255, nth & 255);
    server
        .get_with(path, &[("x-forwarded-for", &client)])
        .status
}

fn open(server: &Server, path: &str) -> u16 {
    server.get_with(path, &[]).status
}

/// Three days of `orders`, and nothing of `quiet`.
fn days() -> (Place, Server) {
    let (place, mut server) = three_days();
    assert!(server.stop().success());
    let server = place.start_with(CONFIG);
    (place, server)
}

const FEEDS: [&str; 9] = [
    "orders",
    "orders --date 2020-01-02",
    "orders --date yesterday --format csv.gz",
    "orders --from 2020-01-01 --to 2020-01-04 --format jsonl",
    "orders --from 2020-01-01 --columns c,a,event_id",
    "orders --profile excel --decimal comma --tz Europe/Berlin",
    "orders --from -30d --format csv.gz --profile excel --delimiter tab",
    "quiet --format jsonl",
    "lessonly --date today --columns lesson.title,user.name",
];

#[test]
fn made_with_the_server_or_without_each_opens_its_feed() {
    let (place, mut server) = days();
    let mut links: Vec<String> = FEEDS.iter().map(|feed| link(&place, feed)).collect();
    let check = |server: &Server, links: &[String]| {
        for link in links {
            let answer = server.get_with(link, &[]);
            assert_eq!(answer.status, 200, "{link}: {}", answer.text());
            let (plain, _) = link.split_once("link=").expect("a link");
            let plain = plain.trim_end_matches(['?', '&']);
            assert!(answer.body == server.get(plain).body, "{link}");
            // Whatever else is shown, be it an old password that a browser remembers.
            let other = [("authorization", "Bearer other")];
            assert_eq!(server.get_with(link, &other).status, 200, "{link}");
        }
    };
    check(&server, &links);
    assert!(server.stop().success());
    links.extend(FEEDS.iter().map(|feed| link(&place, feed)));
    let server = place.start_with(CONFIG);
    check(&server, &links);
    let etag = server
        .get_with(&links[0], &[])
        .header("etag")
        .map(str::to_owned);
    let known = [("if-none-match", etag.as_deref().expect("a tag"))];
    assert_eq!(server.get_with(&links[0], &known).status, 304);
    // The server of another directory knows none of them.
    let (_elsewhere, other) = days();
    for (nth, link) in links.iter().enumerate() {
        assert_eq!(status(&other, link, nth), 401, "{link}");
    }
}

#[test]
fn the_order_and_the_spelling_of_parameters_do_not_matter() {
    let (place, server) = days();
    let link = link(
        &place,
        "orders --from 2020-01-01 --to today --columns c,a --profile excel",
    );
    let (_, secret) = link.split_once("link=").expect("a link");
    let plain = "from=2020-01-01&to=today&profile=excel&delimiter=comma&decimal=point&columns=c,a";
    assert_eq!(link, format!("/exports/orders.csv?{plain}&link={secret}"));
    for query in [
        format!("link={secret}&columns=c,a&profile=excel&to=today&from=2020-01-01"),
        format!(
            "columns=c%2Ca&&to=t%6fday&link={secret}&fro%6d=2020-01-01&profile=excel&decimal=point&token="
        ),
        format!("profile=excel&from=2020-01-01&columns=%22c%22,a&to=today&%6cink={secret}"),
    ] {
        assert_eq!(
            open(&server, &format!("/exports/orders.csv?{query}")),
            200,
            "{query}"
        );
    }
    let mut nth = 0;
    let mut refused = |query: &str| {
        nth += 1;
        let path = format!("/exports/orders.csv?{query}");
        assert_eq!(status(&server, &path, nth), 401, "{query}");
    };
    for (from, to) in [
        ("columns=c,a", "columns=a,c"),
        ("columns=c,a", "columns=c"),
        ("&columns=c,a", ""),
        ("profile=excel&delimiter=comma&decimal=point&", ""),
        ("delimiter=comma", "delimiter=semicolon"),
        ("decimal=point", "decimal=comma"),
        ("to=today", "to=yesterday"),
        ("to=today", "to=-0d"),
        ("from=2020-01-01", "from=2020-01-02"),
        ("columns=c,a", "columns=c,a&tz=UTC"),
        ("columns=c,a", "columns=c,a&view=latest"),
        ("columns=c,a", "columns=c,a&x=1"),
        ("columns=c,a", "columns=c,a&columns=c,a"),
    ] {
        assert_ne!(plain.replace(from, to), plain);
        refused(&format!("{}&link={secret}", plain.replace(from, to)));
    }
    refused(&format!("{plain}&link={secret}&link={secret}"));
    refused(&format!("{plain}&link="));
    refused(plain);
    for path in ["lessonly.csv", "orders.csv.gz", "quiet.csv"] {
        let path = format!("/exports/{path}?{plain}&link={secret}");
        assert_eq!(status(&server, &path, 100), 401, "{path}");
    }
}

/// Each byte of an address changed to others, left out, or doubled: what then opens is the same feed or nothing.
#[test]
fn no_changed_address_opens_another_feed() {
    let (place, server) = days();
    let (mut asked, mut opened) = (0, 0);
    for feed in [
        "orders --from -30d --columns c,a --format jsonl",
        "orders --date 2020-01-04 --profile excel --tz UTC",
    ] {
        let link = link(&place, feed);
        let feed = Ask::url(&ask_of(&link).expect("a feed"));
        let mut changed = Vec::new();
        for at in "/exports/".len()..link.len() {
            for other in "0129abcfz.,-_~%/&=?+;Z".chars() {
                let with = format!("{}{other}", &link[..at]);
                changed.push(format!("{with}{}", &link[at + 1..]));
                if matches!(other, '0' | 'a' | '&') {
                    changed.push(format!("{with}{}", &link[at..]));
                }
            }
            changed.push(format!("{}{}", &link[..at], &link[at + 1..]));
        }
        changed.retain(|path| *path != link);
        for path in changed {
            asked += 1;
            let status = status(&server, &path, asked);
            let same = ask_of(&path).is_some_and(|ask| ask.url() == feed);
            let whole = path.contains(link.split_once("link=").expect("a link").1);
            assert!(
                status == 401 || status == 200 && same && whole,
                "{path}: {status}"
            );
            opened += usize::from(status == 200);
        }
    }
    assert!(asked > 5000 && opened < 100, "{opened} of {asked}");
}

/// What is asked for, as the server reads it.
fn ask_of(address: &str) -> Option<Ask> {
    let (path, query) = address.strip_prefix("/exports/")?.split_once('?')?;
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let text = percent_encoding::percent_decode_str(&text);
        text.decode_utf8_lossy().into_owned()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let query: Vec<_> = pairs
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    Ask::parse(&decode(path), &query, &["token", "link"]).ok()
}

#[test]
fn a_link_is_for_downloads_alone() {
    let (place, server) = days();
    let link = link(&place, "orders");
    let (_, secret) = link.split_once("link=").expect("a link");
    for path in [
        "/",
        "/api/exports",
        "/exports/orders/today.csv",
        "/exports/",
        "/exports/orders/no",
    ] {
        assert_eq!(
            open(&server, &format!("{path}?link={secret}")),
            401,
            "{path}"
        );
        assert_eq!(
            open(&server, &format!("{path}?token={secret}")),
            401,
            "{path}"
        );
    }
    let bearer = format!("Bearer {secret}");
    let shown = [
        ("authorization", bearer.as_str()),
        ("x-forwarded-for", "10.0.0.9"),
    ];
    assert_eq!(
        server.get_with("/exports/orders/latest.csv", &shown).status,
        401
    );
    let ready = server.get_with(&format!("/readyz?link={secret}"), &[]);
    assert_eq!(ready.status, 200);
    let posted = server.post_to(&format!("orders?link={secret}"), b"{}", &[]);
    assert_eq!(posted.status, 200, "the source asks for nothing");
    let no = status(
        &server,
        &format!("/exports/orders/today.csv?link={secret}"),
        1,
    );
    assert_eq!(no, 401);
    let answer = server.get_with(
        &format!("/exports/orders/today.csv?link={secret}"),
        &[("x-forwarded-for", "10.0.0.2")],
    );
    let wanted = problem(
        401,
        "no-link",
        "This link does not open this export",
        "a link opens the one export that it was made for, with the parameters that it was made with",
        r#","help":"use it as it was printed, or ask whoever runs this server for another one (`rowhook link`)""#,
    );
    is_problem(&answer, &wanted);
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Basic realm=\"rowhook\", charset=\"UTF-8\"")
    );
}

#[test]
fn a_revoked_link_opens_nothing_at_once_and_for_ever() {
    let (place, mut server) = days();
    let (first, second, kept) = (
        link(&place, "orders"),
        link(&place, "orders"),
        link(&place, "orders"),
    );
    let statuses = |server: &Server| [&first, &second, &kept].map(|link| open(server, link));
    assert_eq!(statuses(&server), [200, 200, 200]);
    let (out, _, code) = said(&place, &format!("--revoke {}", id_of(&first)));
    let id = id_of(&first);
    let wanted = format!("{id} is revoked; it opened /exports/orders/latest.csv\n");
    assert_eq!((out, code), (wanted, 0));
    assert_eq!(statuses(&server), [403, 200, 200]);
    let answer = server.get_with(&first, &[]);
    let detail = answer.json()["detail"].as_str().expect("a text").to_owned();
    let (why, at) = detail.split_at("the link was revoked at ".len());
    assert_eq!(why, "the link was revoked at ");
    assert!(Timestamp::parse(at.as_bytes()).is_ok(), "{at}");
    let wanted = problem(
        403,
        "link-ended",
        "This link does not open any more",
        &detail,
        r#","help":"ask whoever runs this server for a new one (`rowhook link`)""#,
    );
    is_problem(&answer, &wanted);
    assert_eq!(answer.header("www-authenticate"), None);
    assert!(server.stop().success());
    // Without the server, by the whole address.
    let (_, err, code) = said(&place, &format!("--revoke http://x{second}"));
    assert_eq!(code, 0, "{err}");
    let server = place.start_with(CONFIG);
    assert_eq!(statuses(&server), [403, 403, 200]);
    let other = first.replace("latest", "today");
    assert_eq!(
        open(&server, &other),
        401,
        "its signature is looked at first"
    );
}

/// The links below `place`, while no server runs there.
fn links(place: &Place) -> Links {
    let state = place.output().join("state");
    let key = std::fs::read(state.join("links.key")).expect("a key");
    let key = LinkKey::new(key.try_into().expect("32 bytes"));
    Links::open(Arc::new(RealDisk), state.join("links.json"), key).expect("links")
}

#[test]
fn an_expired_link_opens_nothing() {
    let (place, mut server) = days();
    assert!(server.stop().success());
    let feed = "/exports/orders/latest.csv";
    let now = Timestamp::now();
    let after = |millis: i64| Timestamp::from_millis(now.millis() + millis);
    let make = |end: i64, made: i64| {
        let link = links(&place).make(feed, Some(after(end)), after(made));
        format!("{feed}?link={}", link.expect("a link"))
    };
    let (over, soon) = (make(-1, -10), make(4000, 0));
    let day = link(&place, "orders --expires 1d");
    let server = place.start_with(CONFIG);
    assert_eq!(open(&server, &over), 403);
    let detail = format!("the link expired at {}", after(-1));
    assert_eq!(server.get_with(&over, &[]).json()["detail"], detail);
    if Timestamp::now() < after(3000) {
        assert_eq!(open(&server, &soon), 200);
    }
    while Timestamp::now() < after(4000) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!([open(&server, &soon), open(&server, &day)], [403, 200]);
    let (list, _, _) = said(&place, "--list");
    let states: Vec<_> = list.lines().map(|l| l.split_whitespace().nth(1)).collect();
    assert_eq!(states, ["STATE", "expired", "expired", "open"].map(Some));
}

#[test]
fn a_wrong_link_is_slowed_and_an_ended_one_is_not() {
    let (place, server) = days();
    let (good, ended) = (link(&place, "orders"), link(&place, "orders"));
    revoke(&place, &ended);
    let ask = |path: &str, client: &str, authorization: &str| {
        let began = Instant::now();
        let headers = [
            ("x-forwarded-for", client),
            ("authorization", authorization),
        ];
        let headers = if authorization.is_empty() {
            &headers[..1]
        } else {
            &headers
        };
        (server.get_with(path, headers).status, began.elapsed())
    };
    let quick = Duration::from_millis(700);
    for _ in 0..20 {
        let (status, took) = ask(&ended, "10.0.0.1", "");
        assert!(status == 403 && took < quick, "{took:?}");
    }
    let began = Instant::now();
    for _ in 0..9 {
        assert_eq!(ask(&good.replace("latest", "today"), "10.0.0.2", "").0, 401);
    }
    assert!(began.elapsed() >= Duration::from_millis(1500));
    // A guess at the token beside a link that ended is a guess all the same.
    let began = Instant::now();
    for _ in 0..9 {
        assert_eq!(ask(&ended, "10.0.0.3", "Bearer guess").0, 403);
    }
    assert!(began.elapsed() >= Duration::from_millis(1500));
    for client in ["10.0.0.2", "10.0.0.3"] {
        let (status, took) = ask(&good, client, "");
        assert!(status == 200 && took < quick, "{client}: {took:?}");
    }
}

#[test]
fn links_made_at_once_are_all_listed() {
    let (place, server) = days();
    for round in 0..5 {
        let making: Vec<_> = (0..8)
            .map(|_| {
                let mut making = command(&place, "--source orders --expires 90d");
                let making = making.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
                making.expect("the program")
            })
            .collect();
        let made = making.into_iter().map(|making| {
            let output = making.wait_with_output().expect("its end");
            assert!(output.status.success());
            path_of(&String::from_utf8(output.stdout).expect("a text"))
        });
        let made: Vec<String> = made.collect();
        let (list, _, _) = said(&place, "--list");
        assert_eq!(list.lines().count(), 1 + 8 * (round + 1));
        for link in made {
            assert!(list.contains(id_of(&link)), "{link}\n{list}");
            assert_eq!(open(&server, &link), 200);
        }
    }
}

/// The server, or the command alone, killed at any moment: what was printed opens, what was said to be revoked does not.
#[test]
fn killed_at_any_moment_the_list_is_whole() {
    let (place, mut server) = days();
    let (mut made, mut revoked) = (Vec::new(), Vec::new());
    for round in 0..6_u64 {
        let alone = round % 2 == 1;
        if alone {
            server.kill();
        }
        std::thread::scope(|scope| {
            let makers: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let until = Instant::now() + Duration::from_millis(600);
                        let mut made = Vec::new();
                        while Instant::now() < until {
                            let mut making = command(&place, "--source orders");
                            let making = making.stdout(Stdio::piped()).stderr(Stdio::null());
                            let mut making = making.spawn().expect("the program");
                            if alone {
                                std::thread::sleep(Duration::from_millis(15 + 9 * round));
                                let _ = making.kill();
                            }
                            let output = making.wait_with_output().expect("its end");
                            if output.stdout.ends_with(b"\n") {
                                let url = String::from_utf8(output.stdout).expect("a text");
                                made.push(path_of(&url));
                            }
                        }
                        made
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(150 + 50 * round));
            if !alone {
                server.kill();
            }
            for maker in makers {
                made.extend(maker.join().expect("links"));
            }
        });
        server = place.start_with(CONFIG);
        if let Some(link) = made.pop() {
            revoke(&place, &link);
            revoked.push(link);
        }
        for link in &made {
            assert_eq!(open(&server, link), 200, "{link}");
        }
        for link in &revoked {
            assert_eq!(open(&server, link), 403, "{link}");
        }
        assert!(!server.log().contains("damaged"), "{}", server.log());
    }
    assert!(made.len() > 5, "{}", made.len());
}

#[test]
fn a_day_without_rows_is_a_header_alone() {
    let place = Place::new();
    let server = place.start_with(CONFIG);
    let pinned = "received_at,user.ext_uid,user.id,user.name,user.email,lesson.id,lesson.title,lesson.retake_score,\
                  score,score_percent,started_at,completed_at,assigned_at,report_card_url,event_id\n";
    for days in [
        "--date today",
        "--date yesterday",
        "--date latest",
        "--from -30d",
        "--from -30d --to yesterday",
    ] {
        for (feed, header) in [
            ("quiet", "received_at,event_id\n"),
            ("lessonly", pinned),
            ("quiet --columns event_id", "event_id\n"),
            ("quiet --profile excel", "\u{feff}received_at,event_id\r\n"),
            ("quiet --format jsonl", ""),
        ] {
            let link = link(&place, &format!("{feed} {days}"));
            let answer = server.get_with(&link, &[]);
            assert_eq!((answer.status, answer.text()), (200, header), "{link}");
        }
        let link = link(&place, &format!("quiet {days} --format csv.gz"));
        assert_eq!(open(&server, &link), 200, "{link}");
    }
}

#[test]
fn what_is_printed() {
    for running in [true, false] {
        let place = Place::new();
        place.config("timezone = \"Europe/Berlin\"\n[sources.orders]\n");
        let mut command = place.command();
        command
            .arg("--config")
            .arg(place.path().join("rowhook.toml"));
        let started = Server::start(command);
        let server = running.then_some(started);
        let (empty, _, _) = said(&place, "--list");
        assert_eq!(
            empty,
            "ID          STATE    MADE                      EXPIRES                   FEED\n"
        );
        let (out, err, code) = said(&place, "--source orders --columns a,é --expires 9999-12-30");
        let address = server
            .as_ref()
            .map_or("http://127.0.0.1:8080", |server| &server.url);
        let masked = mask(&mask(&out, 10, "ID"), 32, "SIGNATURE");
        let feed = "/exports/orders/latest.csv?columns=a,%C3%A9";
        assert_eq!(masked, format!("{address}{feed}&link=ID.SIGNATURE\n"));
        let note = "note: public_url is not set, so this address may hold on this machine alone; the link opens under any \
                    address of this server\n";
        assert_eq!((err.as_str(), code), (note, 0));
        let id = id_of(&out).to_owned();
        let (list, _, _) = said(&place, "--list");
        let line = list.lines().nth(1).expect("a link");
        let (start, rest) = line.split_at(21);
        assert_eq!(start, format!("{id}  open     "));
        assert!(Timestamp::parse(&rest.as_bytes()[..24]).is_ok(), "{list}");
        assert_eq!(&rest[24..], format!("  9999-12-30T23:00:00.000Z  {feed}"));
        for (args, why, code) in [
            (
                "--source orderz",
                "there is no source `orderz` (did you mean `orders`?); configured: orders",
                2,
            ),
            (
                "--source orders --delimiter tab",
                "`--delimiter` needs --profile excel",
                2,
            ),
            (
                "--source orders --view nope",
                "there is no view \"nope\"; this source has none; they are made in the configuration",
                2,
            ),
            (
                "--source orders --expires 2020-01-01",
                "`--expires` is over already; give a later day",
                2,
            ),
            (
                "--revoke zzz",
                "there is no link \"zzz\"; `rowhook link --list` shows all",
                1,
            ),
        ] {
            let said = said(&place, args);
            assert_eq!(
                said,
                (String::new(), format!("error: {why}\n"), code),
                "{args}"
            );
        }
        let near = format!("{}z", &id[..9]);
        let (_, err, _) = said(&place, &format!("--revoke {near}"));
        assert!(err.contains(&format!("(did you mean {id}?)")), "{err}");
        let columns: Vec<_> = (0..1000).map(|nth| format!("name{nth}")).collect();
        let (_, err, code) = said(
            &place,
            &format!("--source orders --columns {}", columns.join(",")),
        );
        assert_eq!(
            (err.as_str(), code),
            (
                "error: the address would be longer than 4096 bytes; name fewer columns\n",
                2
            )
        );
    }
    let place = Place::new();
    drop(place.start_with("public_url = \"https://hooks.example.com/in/\"\n"));
    let (out, err, _) = said(&place, "--source lessonly");
    assert!(
        out.starts_with("https://hooks.example.com/in/exports/lessonly/latest.csv?link="),
        "{out}"
    );
    assert_eq!(err, "");
}

#[test]
fn a_damaged_list_stops_no_delivery() {
    let (place, mut server) = days();
    let link = link(&place, "orders");
    assert!(server.stop().success());
    let path = place.output().join("state/links.json");
    let text = std::fs::read_to_string(&path).expect("a list");
    std::fs::write(&path, text.replace("latest", "newest")).expect("a list");
    let server = place.start_with(CONFIG);
    assert_eq!(server.post_to("orders", b"{\"n\":1}", &[]).status, 200);
    assert_eq!(open(&server, &link), 401);
    let told = "links.json is damaged: its check does not fit";
    assert!(server.log().contains(told), "{}", server.log());
    for args in ["--list", "--source orders", "--revoke x"] {
        let (_, err, code) = said(&place, args);
        assert!(code == 1 && err.contains(told), "{args}: {err}");
    }
    let token = format!("/exports/orders/latest.csv?token={TOKEN}");
    assert_eq!(open(&server, &token), 200);
}

#[test]
fn a_lost_key_is_told() {
    let (place, mut server) = days();
    let link = link(&place, "orders");
    assert!(server.stop().success());
    assert!(
        !server.log().contains("key of the links"),
        "{}",
        server.log()
    );
    std::fs::remove_file(place.output().join("state/links.key")).expect("a key");
    let server = place.start_with(CONFIG);
    assert_eq!(open(&server, &link), 401);
    assert!(
        server.log().contains("the key of the links is missing"),
        "{}",
        server.log()
    );
}
