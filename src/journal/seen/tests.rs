use super::*;
use std::collections::HashSet;

fn id(n: u64) -> Id {
    crate::event::IdKey::new([1; 32]).id("test", &[&n.to_le_bytes()])
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(minutes * MINUTE_MS)
}

#[test]
fn the_newest_stay() {
    let mut seen = Seen::new(10_000, 7);
    for n in 0..30_000 {
        assert!(!seen.contains(id(n)));
        assert_eq!(seen.insert(id(n), at(0)).is_some(), n >= 10_000);
        assert!(seen.contains(id(n)));
    }
    assert_eq!(seen.len(), 10_000);
    for n in 0..30_000 {
        assert_eq!(seen.contains(id(n)), n >= 20_000, "{n}");
    }
    let kept: Vec<_> = seen.iter().map(|(id, _)| id).collect();
    assert_eq!(kept, (20_000..30_000).map(id).collect::<Vec<_>>());
}

#[test]
fn the_old_leave_after_their_days() {
    let mut seen = Seen::new(1_000_000, 1);
    let day = 24 * 60;
    for n in 0..100 {
        seen.insert(id(n), at(i64::try_from(n).unwrap()));
    }
    seen.expire(at(day));
    assert_eq!(seen.len(), 100);
    seen.expire(at(day + 50));
    assert!(seen.contains(id(49)) && !seen.contains(id(48)));
    seen.expire(at(day * 3));
    assert!(seen.is_empty());
    seen.insert(id(5), at(day * 3));
    assert!(seen.contains(id(5)));
}

#[test]
fn however_many_minutes_are_over_at_once_all_of_them_leave() {
    let day = 24 * 60;
    for over in 1..20 {
        let mut seen = Seen::new(1_000_000, 1);
        for n in 0..40 {
            seen.insert(id(n), at(i64::try_from(n / 2).unwrap()));
        }
        seen.expire(at(day + 1 + over));
        let left = 40 - 2 * usize::try_from(over).unwrap();
        assert_eq!(seen.len(), left, "{over}");
        let first = seen.iter().next().map(|(_, moment)| moment);
        assert_eq!(first, (left > 0).then(|| at(over)));
    }
}

#[test]
fn one_that_comes_again_counts_from_then_on() {
    let mut seen = Seen::new(1000, 1);
    let day = 24 * 60;
    for n in [1, 2, 3] {
        seen.insert(id(n), at(0));
    }
    seen.insert_again(id(2), at(day));
    seen.insert_again(id(4), at(day));
    seen.expire(at(day + 5));
    let known: Vec<_> = (1..=4).filter(|&n| seen.contains(id(n))).collect();
    assert_eq!(known, [2, 4]);
}

#[test]
fn room_for_one_alone() {
    let mut seen = Seen::new(1, 1);
    for minute in 0..5 {
        seen.insert(id(u64::try_from(minute).unwrap()), at(minute));
    }
    seen.expire(at(10 * 24 * 60));
    assert!(seen.is_empty());
}

#[test]
fn times_come_back_by_the_minute() {
    let mut seen = Seen::new(100, 7);
    for n in 0..5 {
        seen.insert(
            id(n),
            Timestamp::from_millis(i64::try_from(n).unwrap() * 45_000),
        );
    }
    let minutes: Vec<_> = seen.iter().map(|(_, t)| t.millis() / MINUTE_MS).collect();
    assert_eq!(minutes, [0, 0, 1, 2, 3]);
}

#[test]
fn twenty_four_bytes_an_id() {
    // Also after many have come and gone.
    let mut seen = Seen::new(200_000, 7);
    for n in 0..1_000_000 {
        seen.insert(id(n), at(0));
        if n % 10_000 == 9_999 {
            let page = PAGE * size_of::<Bucket>();
            let pages: usize = seen.index.iter().map(|shard| shard.pages.len()).sum();
            let bytes = seen.ring.chunks.len() * CHUNK * 16 + pages * page;
            assert!(
                bytes <= seen.len() * 24 + CHUNK * 16 + SHARDS * page,
                "{} ids take {bytes} bytes",
                seen.len()
            );
        }
    }
}

/// Numbers in place of hashes, as somebody may write them into a journal.
#[test]
fn ids_that_are_numbers_spread_too() {
    for shift in [0, 8, 40, 64, 100] {
        let numbered = |n: u64| Id((u128::from(n) << shift).to_le_bytes());
        let mut seen = Seen::new(20_000, 7);
        for n in 0..50_000 {
            seen.insert(numbered(n), at(0));
            assert!(seen.contains(numbered(n)) && !seen.contains(numbered(n + 1)));
        }
        let buckets: usize = seen.index.iter().map(|shard| shard.size).sum();
        assert!(buckets * SLOTS < 3 * 20_000, "{shift}: {buckets}");
        assert!(
            seen.index.iter().all(|shard| shard.rest.is_empty()),
            "{shift}"
        );
    }
}

/// However alike ids are, each is found, and their room has an end.
#[test]
fn ids_that_all_belong_together_are_found() {
    let mut shard = Shard::new(1);
    let mut ring = Ring::default();
    let id = id(1);
    for number in 0..40 {
        ring.put(number, id);
    }
    // The same id again and again: nothing makes room for it but the rest.
    for number in 0..40 {
        while !shard.put(id, number, &ring) {
            let size = shard.size + 1;
            let numbers: Vec<u32> = shard.numbers().collect();
            shard = Shard::new(size);
            for number in numbers {
                assert!(shard.put(id, number, &ring));
            }
        }
    }
    assert!(shard.size < 20 && shard.rest.len() > 10, "{}", shard.size);
    for number in (0..40).rev() {
        assert!(shard.find(id, |other| other == number).is_some());
        shard.remove(id, number);
        assert!(shard.find(id, |other| other == number).is_none());
    }
    assert_eq!((shard.used, shard.rest.len()), (0, 0));
}

#[test]
fn room_that_was_made_is_enough_and_no_more() {
    let mut seen = Seen::new(200_000, 7);
    for n in 0..1_000 {
        seen.insert(id(n), at(0));
    }
    seen.make_room(1_000_000);
    let sizes = |seen: &Seen| seen.index.iter().map(|s| s.size).collect::<Vec<_>>();
    let made = sizes(&seen);
    for n in 1_000..200_000 {
        seen.insert(id(n), at(0));
    }
    assert_eq!(sizes(&seen), made);
    assert!((0..200_000).all(|n| seen.contains(id(n))));
    let buckets: usize = made.iter().sum();
    assert!(buckets * size_of::<Bucket>() <= 8 * 200_000, "{buckets}");
    // Less is not made of it.
    seen.make_room(0);
    assert_eq!(sizes(&seen), made);
}

#[test]
fn numbers_start_again_unharmed() {
    let mut seen = Seen::new(10_000, 7);
    let start = u64::from(NUMBERS) - 5 * CHUNK as u64;
    (seen.ring.base, seen.first, seen.next) = (start, start, start);
    for n in 0..40_000 {
        seen.insert(id(n), at(0));
        assert!(seen.contains(id(n)) && seen.contains(id(n.saturating_sub(9_999))));
        assert!(n < 10_000 || !seen.contains(id(n - 10_000)));
    }
}

#[test]
fn random_use_equals_a_set() {
    let mut seen = Seen::new(700, 7);
    let (mut order, mut set) = (VecDeque::new(), HashSet::new());
    let mut random = 1_u64;
    for _ in 0..50_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let n = id((random >> 33) % 3000);
        assert_eq!(seen.contains(n), set.contains(&n));
        if set.insert(n) {
            order.push_back(n);
            seen.insert(n, at(0));
            if order.len() > 700 {
                set.remove(&order.pop_front().unwrap());
            }
        }
    }
}
