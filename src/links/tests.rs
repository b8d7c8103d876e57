use super::list::LINKS_MAX;
use super::*;
use crate::disk::RealDisk;
use std::path::Path;

const FEED: &str = "/exports/orders/latest.csv?columns=a,b";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + seconds * 1000)
}

fn links(dir: &Path, key: u8) -> Links {
    let path = dir.join("links.json");
    Links::open(Arc::new(RealDisk), path, LinkKey::new([key; 32])).unwrap()
}

#[test]
fn a_link_opens_its_feed_until_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let links = links(dir.path(), 7);
    let (ever, short) = (
        links.make(FEED, None, at(0)).unwrap(),
        links.make(FEED, Some(at(60)), at(0)).unwrap(),
    );
    for now in [0, 59] {
        assert_eq!(links.opens(&ever, FEED, at(now)), Opens::Yes);
        assert_eq!(links.opens(&short, FEED, at(now)), Opens::Yes);
    }
    let expired = Opens::Ended(Ended::Expired(at(60)));
    assert_eq!(links.opens(&short, FEED, at(60)), expired);
    assert_eq!(links.opens(&ever, FEED, at(1_000_000_000)), Opens::Yes);
    let id = ever.split_once('.').unwrap().0;
    let revoked = links.revoke(id, at(5)).unwrap();
    assert_eq!(
        revoked,
        links.revoke(id, at(9)).unwrap(),
        "once and for all"
    );
    // A clock that was set back opens nothing.
    for now in [0, 5, 100] {
        let ended = Opens::Ended(Ended::Revoked(at(5)));
        assert_eq!(links.opens(&ever, FEED, at(now)), ended);
        assert_eq!(
            links.opens(&ever, "/exports/orders/latest.csv", at(now)),
            Opens::No
        );
    }
}

#[test]
fn no_other_link_opens_it() {
    let dir = tempfile::tempdir().unwrap();
    let ours = links(dir.path(), 7);
    let good = ours.make(FEED, None, at(0)).unwrap();
    let other = ours.make(FEED, Some(at(99)), at(0)).unwrap();
    let (id, signature) = good.split_once('.').unwrap();
    let (other_id, other_signature) = other.split_once('.').unwrap();
    for wrong in [
        String::new(),
        ".".into(),
        id.into(),
        format!("{id}."),
        format!(".{signature}"),
        format!("{id}.{}", &signature[1..]),
        format!("{id}.{signature}0"),
        format!("{id}.{}", signature.to_uppercase()),
        format!("{id}..{signature}"),
        format!("{id}.{other_signature}"),
        format!("{other_id}.{signature}"),
        format!(" {good}"),
    ] {
        assert_eq!(ours.opens(&wrong, FEED, at(0)), Opens::No, "{wrong:?}");
    }
    assert_eq!(
        links(dir.path(), 8).opens(&good, FEED, at(0)),
        Opens::No,
        "another key"
    );
    assert_eq!(
        links(dir.path(), 7).opens(&good, FEED, at(0)),
        Opens::Yes,
        "a restart"
    );
    let elsewhere = tempfile::tempdir().unwrap();
    assert_eq!(
        links(elsewhere.path(), 7).opens(&good, FEED, at(0)),
        Opens::No,
        "not listed"
    );
}

#[test]
fn what_the_list_says_of_a_link_is_signed_too() {
    let dir = tempfile::tempdir().unwrap();
    let ours = links(dir.path(), 7);
    let good = ours.make(FEED, Some(at(60)), at(0)).unwrap();
    let (id, _) = good.split_once('.').unwrap();
    let entry = ours.all().unwrap().remove(0);
    let longer = Some(at(61));
    for (changed, opens) in [
        (entry.clone(), Opens::Yes),
        (
            Link {
                expires_at: None,
                ..entry.clone()
            },
            Opens::No,
        ),
        (
            Link {
                expires_at: longer,
                ..entry.clone()
            },
            Opens::No,
        ),
        (
            Link {
                feed: "/exports/orders/latest.csv".into(),
                ..entry.clone()
            },
            Opens::No,
        ),
    ] {
        let elsewhere = tempfile::tempdir().unwrap();
        let mut list = List::default();
        assert!(list.add(changed.clone(), at(0)));
        put_sealed(&RealDisk, &elsewhere.path().join("links.json"), &list).unwrap();
        let theirs = links(elsewhere.path(), 7);
        assert_eq!(theirs.opens(&good, FEED, at(0)), opens, "{changed:?}");
        // An id that is listed with another feed opens neither.
        let resigned = theirs.key.signature(id, changed.expires_at, FEED);
        if changed.feed != FEED {
            assert_eq!(
                theirs.opens(&format!("{id}.{resigned}"), FEED, at(0)),
                Opens::No
            );
        }
    }
}

#[test]
fn a_signature_stands_for_every_part() {
    let key = LinkKey::new([7; 32]);
    let signature = key.signature("0123456789", Some(at(0)), FEED);
    assert_eq!(signature, "b27b6f6a11e3c066c14b57bbfe65ae86");
    let of = |id, end, feed| key.signature(id, end, feed);
    for other in [
        of("0123456780", Some(at(0)), FEED),
        of("0123456789", Some(at(1)), FEED),
        of("0123456789", None, FEED),
        of("0123456789", Some(at(0)), "/exports/orders/latest.csv"),
        LinkKey::new([8; 32]).signature("0123456789", Some(at(0)), FEED),
    ] {
        assert_ne!(other, signature);
    }
    assert_eq!(format!("{key:?}"), "LinkKey(hidden)");
}

#[test]
fn a_damaged_list_opens_nothing_and_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let good = links(dir.path(), 7).make(FEED, None, at(0)).unwrap();
    let path = dir.path().join("links.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let damaged = text.replace("\"revoked_at\":null", "\"revoked_at\":0000");
    assert_ne!(damaged, text);
    std::fs::write(&path, &damaged).unwrap();
    let links = links(dir.path(), 7);
    assert_eq!(links.opens(&good, FEED, at(0)), Opens::No);
    let why = "its check does not fit; stop rowhook and put the file back from a backup, or remove it, and no link that \
               was made before opens any more";
    let why = format!("{} is damaged: {why}", path.display());
    assert_eq!(links.make(FEED, None, at(0)).unwrap_err().to_string(), why);
    assert_eq!(links.all().unwrap_err().to_string(), why);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged);
}

#[test]
fn what_could_not_be_written_is_not_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let links = links(dir.path(), 7);
    let good = links.make(FEED, None, at(0)).unwrap();
    let (id, _) = good.split_once('.').unwrap();
    // A folder in the way of the new version.
    std::fs::create_dir(dir.path().join(".links.json.new")).unwrap();
    assert!(matches!(links.revoke(id, at(1)), Err(LinkError::Io { .. })));
    assert!(matches!(
        links.make(FEED, None, at(1)),
        Err(LinkError::Io { .. })
    ));
    assert_eq!(links.opens(&good, FEED, at(1)), Opens::Yes);
    assert_eq!(links.all().unwrap().len(), 1);
}

#[test]
fn mistakes_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let links = links(dir.path(), 7);
    let said = |outcome: Result<String, LinkError>| outcome.unwrap_err().to_string();
    assert_eq!(
        said(links.make(FEED, Some(at(0)), at(0))),
        "it would expire at 2027-01-15T08:00:00.000Z, which is over; give a later end"
    );
    let long = "x".repeat(FEED_BYTES_MAX + 1);
    assert_eq!(
        said(links.make(&long, None, at(0))),
        "the address would be longer than 4096 bytes; name fewer columns"
    );
    let good = links.make(FEED, None, at(0)).unwrap();
    let (id, _) = good.split_once('.').unwrap();
    let near = format!("{}x", &id[..9]);
    assert_eq!(
        links.revoke(&near, at(0)).unwrap_err().to_string(),
        format!("there is no link {near:?} (did you mean {id}?); `rowhook link --list` shows all")
    );
    assert_eq!(
        links.revoke("zzzzzzzzzz", at(0)).unwrap_err().to_string(),
        "there is no link \"zzzzzzzzzz\"; `rowhook link --list` shows all"
    );
}

#[test]
fn there_are_only_so_many_and_ended_ones_are_forgotten() {
    let link = |n: usize, expires_at| Link {
        id: format!("{n:010x}"),
        feed: FEED.into(),
        made_at: at(0),
        expires_at,
        revoked_at: None,
    };
    let all: Vec<Link> = (0..LINKS_MAX).map(|n| link(n, None)).collect();
    let mut list: List = serde_json::from_value(serde_json::json!({ "links": all })).unwrap();
    assert!(!list.add(link(LINKS_MAX, None), at(0)), "all are open");
    list.get_mut("0000000005").unwrap().revoked_at = Some(at(2));
    list.get_mut("0000000006").unwrap().revoked_at = Some(at(1));
    assert!(list.add(link(LINKS_MAX, Some(at(10))), at(3)));
    assert_eq!(list.in_order().len(), LINKS_MAX);
    assert!(list.get("0000000006").is_none(), "the one that ended first");
    assert!(list.get("0000000005").is_some());
    let days = |days: i64| at(days * 24 * 60 * 60);
    assert!(list.add(link(LINKS_MAX + 1, None), days(89)));
    assert!(list.get("0000000005").is_none(), "for want of room");
    list.get_mut("0000000007").unwrap().revoked_at = Some(days(89));
    assert!(list.add(link(LINKS_MAX + 2, None), days(91)));
    let left = list.in_order().len();
    assert_eq!(left, LINKS_MAX, "what expired 90 days ago is forgotten");
    assert!(list.get(&format!("{LINKS_MAX:010x}")).is_none());
    assert!(list.get("0000000007").is_some(), "remembered for a while");
}

#[test]
fn changes_at_once_are_all_kept() {
    let dir = tempfile::tempdir().unwrap();
    let ours = links(dir.path(), 7);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    ours.make(FEED, None, at(0)).unwrap();
                }
            });
        }
    });
    assert_eq!(ours.all().unwrap().len(), 40);
    assert_eq!(links(dir.path(), 7).all().unwrap(), ours.all().unwrap());
}
