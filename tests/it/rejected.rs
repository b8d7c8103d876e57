//! Bodies that were authenticated but unusable are kept whole, once.

use crate::receiving::{KEPT, gzip, is_problem, problem};
use crate::server::Place;
use base64::Engine as _;
use serde_json::{Value, json};

/// The lines of the rejected file, without `id` and `received_at` once they are checked.
fn lines(place: &Place) -> Vec<Value> {
    let text = place.read_all("rejected", ".jsonl");
    let check = |line: &str| {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        let line_fields = line.as_object_mut().expect("an object");
        let first: Vec<_> = line_fields.keys().take(2).cloned().collect();
        assert_eq!(first, ["id", "received_at"]);
        let id = line_fields.remove("id").expect("an id");
        assert_eq!(id.as_str().map(str::len), Some(32));
        let received_at = line_fields.remove("received_at").expect("a moment");
        let received_at = received_at.as_str().expect("a moment");
        assert!(
            received_at.len() == 24 && received_at.ends_with('Z'),
            "{received_at}"
        );
        line
    };
    text.lines().map(check).collect()
}

#[test]
fn a_body_is_kept_once_though_retried_and_over_a_restart() {
    let place = Place::new();
    let mut server = place.start();
    let headers = [("content-type", "application/json; charset=utf-8")];
    let wanted = problem(
        400,
        "not-json",
        "The body is neither JSON nor a form",
        "line 1, column 6: expected a JSON value",
        &format!(r#","line":1,"column":6{KEPT}"#),
    );
    for _ in 0..5 {
        is_problem(&server.post_to("lessonly", b"{\"a\":}", &headers), &wanted);
    }
    assert!(server.stop().success());
    let server = place.start();
    is_problem(&server.post_to("lessonly", b"{\"a\":}", &headers), &wanted);
    // Another white space is another body: it is kept as it came.
    assert_eq!(server.post(" {\"a\":}").status, 400);
    assert_eq!(server.post("[]").status, 422);
    assert_eq!(server.post("{\"a\":\"whole\"}").status, 200);
    assert_eq!(
        lines(&place),
        [
            json!({"source": "lessonly", "status": 400, "reason": "line 1, column 6: expected a JSON value",
                "content_type": "application/json; charset=utf-8", "body": "{\"a\":}"}),
            json!({"source": "lessonly", "status": 400, "reason": "line 1, column 7: expected a JSON value",
                "content_type": null, "body": " {\"a\":}"}),
            json!({"source": "lessonly", "status": 422, "reason": "the body is an empty array; there is nothing to store",
                "content_type": null, "body": "[]"}),
        ]
    );
}

#[test]
fn what_is_not_text_is_kept_as_base64_and_gzip_is_decoded() {
    let place = Place::new();
    let server = place.start();
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let packed = gzip(b"[1,2]");
    let cut = &packed[..packed.len() - 1];
    let headers = [("content-encoding", "gzip")];
    assert_eq!(server.post_to("lessonly", b"{\"\xFF\":1}", &[]).status, 400);
    assert_eq!(server.post_to("lessonly", &packed, &headers).status, 422);
    assert_eq!(server.post_to("lessonly", cut, &headers).status, 400);
    assert_eq!(
        lines(&place),
        [
            json!({"source": "lessonly", "status": 400, "reason": "line 1, column 3: the body is not UTF-8",
                "content_type": null, "body_base64": base64(b"{\"\xFF\":1}")}),
            json!({"source": "lessonly", "status": 422,
                "reason": "line 1, column 2: element 0 of the array is not an object; nothing of the array was stored",
                "content_type": null, "body": "[1,2]"}),
            json!({"source": "lessonly", "status": 400,
                "reason": "the body says Content-Encoding: gzip, but is not whole gzip data",
                "content_type": null, "body_base64": base64(cut)}),
        ]
    );
}

#[test]
fn a_full_file_takes_no_more_and_the_answer_says_so() {
    let place = Place::new();
    let server = place.start_with("limits.rejected_bytes_max = 600");
    let kept = |text: &str| {
        let answer = server.post(text);
        assert_eq!(answer.status, 400, "{}", answer.text());
        answer.json()["kept"].clone()
    };
    let large = format!("Nonsense {}", "x".repeat(300));
    assert_eq!(kept(&large), true);
    assert_eq!(kept(&format!("{large}y")), false);
    let wanted = problem(
        400,
        "not-json",
        "The body is neither JSON nor a form",
        "line 1, column 1: expected a JSON value",
        r#","line":1,"column":1,"kept":false,"help":"mend it and send it again; the body was NOT kept, because the day's rejected file is full (limits.rejected_bytes_max)""#,
    );
    is_problem(&server.post(&format!("{large}y")), &wanted);
    assert_eq!(kept(&large), true, "it still is");
    assert_eq!(lines(&place).len(), 1);
    let bytes = place.read_all("rejected", ".jsonl").len();
    assert!((300..=600).contains(&bytes), "{bytes}");
    assert_eq!(server.post("{}").status, 200, "events are taken as before");
}

#[test]
fn refused_bodies_and_events_do_not_stand_in_each_others_way() {
    let place = Place::new();
    let body = "{\"a\":{\"b\":{}}}";
    let mut server = place.start_with("limits.depth_max = 2");
    assert_eq!(server.post(body).status, 422);
    assert!(server.stop().success());
    let mut server = place.start();
    assert_eq!(
        server.post(body).masked(),
        r#"{"status":"stored","id":"ID"}"#
    );
    assert!(server.stop().success());
    let rejected = place.read_all("rejected", ".jsonl");
    let journal = place.read_all("journal", ".jsonl");
    let ids = |text: &str| -> Vec<Value> {
        let line = |line| serde_json::from_str::<Value>(line).expect("JSON")["id"].clone();
        text.lines().map(line).filter(Value::is_string).collect()
    };
    assert_eq!((ids(&rejected).len(), ids(&journal).len()), (1, 1));
    assert_ne!(ids(&rejected), ids(&journal));
}
