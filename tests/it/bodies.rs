//! What bodies become: the body decides, not its Content-Type.

use crate::receiving::gzip;
use crate::server::{Place, mask};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const STORED: &str = r#"{"status":"stored","id":"ID"}"#;
const DUPLICATE: &str = r#"{"status":"duplicate","id":"ID"}"#;
/// A generic source without authentication.
const ORDERS: &str = "[sources.orders]\n";

/// The payloads of the journal, in order.
fn payloads(place: &Place) -> Vec<String> {
    let journal = place.read_all("journal", ".jsonl");
    let payload = |line: &str| {
        let (_, rest) = line.split_once("\"payload\":")?;
        Some(rest.rsplit_once(",\"check\":")?.0.to_owned())
    };
    journal.lines().filter_map(payload).collect()
}

/// The table with `TIME` and `ID` for what the server gives.
pub fn table(csv: &str) -> String {
    let masked = mask(csv, 32, "ID");
    let mut table = String::new();
    for line in masked.split_inclusive('\n') {
        let rest = line.get(24..).filter(|_| line.as_bytes()[23] == b'Z');
        if rest.is_some() {
            table += "TIME";
        }
        table += rest.unwrap_or(line);
    }
    table
}

#[test]
fn json_under_every_content_type() {
    let place = Place::new();
    let server = place.start();
    let kinds = [
        "application/x-www-form-urlencoded",
        "application/json",
        "application/json; charset=utf-8",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "nonsense",
        "",
    ];
    for (nth, kind) in kinds.into_iter().enumerate() {
        let wanted = if nth == 0 { STORED } else { DUPLICATE };
        let answer = server.post_to("lessonly", b"{\"a\":\"b&c=d\"}", &[("content-type", kind)]);
        assert_eq!(answer.masked(), wanted, "{kind:?}");
    }
    assert_eq!(server.post("{\"a\":\"b&c=d\"}").masked(), DUPLICATE);
}

#[test]
fn forms_and_json_that_say_the_same_are_the_same() {
    let place = Place::new();
    let server = place.start_with(ORDERS);
    for (body, headers, wanted) in [
        ("a=1&b=x+y%21&c", &[FORM][..], STORED),
        (r#"{"a":"1","b":"x y!","c":""}"#, &[], DUPLICATE),
        (
            "a=1&b=x+y%21&c",
            &[(
                "content-type",
                "Application/X-WWW-Form-Urlencoded; charset=utf-8",
            )],
            DUPLICATE,
        ),
        ("payload=%7B%22n%22%3A+1.0%7D", &[FORM], STORED),
        (r#"{"n":1.0}"#, &[], DUPLICATE),
        ("payload=text", &[FORM], STORED),
        ("payload=%7B%7D&x=1", &[FORM], STORED),
        (" {\"n\" : 1.0 }", &[FORM], DUPLICATE),
        ("\u{feff}{\"n\":1.0}", &[FORM], DUPLICATE),
        ("\u{feff}a=1&b=x+y%21&c", &[FORM], DUPLICATE),
    ] {
        let answer = server.post_to("orders", body.as_bytes(), headers);
        assert_eq!(answer.masked(), wanted, "{body:?}");
    }
    let array = server.post_to("orders", b"payload=%5B%7B%22n%22%3A1.0%7D%5D", &[FORM]);
    assert_eq!(
        array.masked(),
        r#"{"status":"stored","stored":0,"duplicates":1,"ids":["ID"]}"#
    );
    assert_eq!(
        payloads(&place),
        [
            r#"{"a":"1","b":"x y!","c":""}"#,
            r#"{"n":1.0}"#,
            r#"{"payload":"text"}"#,
            r#"{"payload":"{}","x":"1"}"#,
        ]
    );
    let csv = server.get("/exports/orders/today.csv");
    assert_eq!(
        table(csv.text()),
        "received_at,event_id,a,b,c,n,payload,x\n\
         TIME,ID,1,x y!,,,,\n\
         TIME,ID,,,,1.0,,\n\
         TIME,ID,,,,,text,\n\
         TIME,ID,,,,,{},1\n"
    );
}

#[test]
fn gzip_in_several_members_is_one_body() {
    let place = Place::new();
    let server = place.start();
    let packed = [gzip(b"{\"a\":"), gzip(b""), gzip(b"1}")].concat();
    let headers = [("content-encoding", "gzip"), FORM];
    let answer = server.post_to("lessonly", &packed, &headers);
    assert_eq!(answer.masked(), STORED);
    assert_eq!(server.post("{\"a\":1}").masked(), DUPLICATE);
}

#[test]
fn what_the_grammar_allows_is_stored_as_it_came() {
    let place = Place::new();
    let server = place.start_with(ORDERS);
    let bodies = [
        r#"{"lone":"a\ud800b","k":1,"k":"two"}"#,
        r#"{"big":1e400,"digits":100.0,"id":123456789012345678901234567890}"#,
        r#"{"":{"":"empty names"},"\u0041":"\/"}"#,
    ];
    for body in bodies {
        let answer = server.post_to("orders", body.as_bytes(), &[]);
        assert_eq!(answer.masked(), STORED, "{body}");
    }
    assert_eq!(payloads(&place), bodies);
    let csv = server.get("/exports/orders/today.csv");
    assert_eq!(
        table(csv.text()),
        "received_at,event_id,lone,k,k (2),big,digits,id,.,A\n\
         TIME,ID,a\u{fffd}b,1,two,,,,,\n\
         TIME,ID,,,,1e400,100.0,123456789012345678901234567890,,\n\
         TIME,ID,,,,,,,empty names,/\n"
    );
}
