//! Wrong secrets: who shows several is answered later and later. What is right
//! is never asked how often the same address was wrong, and so neither waits
//! nor is refused; and no address pays for another.

use super::problem::Problem;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So often an address may be wrong without waiting: a person who mistypes.
const FREE: u32 = 5;
/// The first wait; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(2);
/// After so long without a wrong secret nothing is held against an address any more.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 60);
/// How many addresses are remembered; beyond that, those longest not seen are forgotten.
const ADDRESSES_MAX: usize = 10_000;
/// How many requests wait at a time: in all, and of one address.
const WAITING_MAX: usize = 256;
const WAITING_OF_ONE_MAX: u32 = 8;

/// Counts wrong secrets and lets those wait who showed too many.
#[derive(Debug, Clone, Default)]
pub struct Attempts(Arc<Mutex<Table>>);

impl Attempts {
    /// Takes note that `address` showed a wrong secret, and waits with the answer if it did so too often.
    ///
    /// # Errors
    /// 429 at once, when too many wait already.
    pub async fn failed(&self, address: IpAddr) -> Result<(), Problem> {
        let who = network_of(address);
        let verdict = self.table(|table| table.fail(who, Instant::now()));
        match verdict {
            Verdict::Now => Ok(()),
            Verdict::Refuse => Err(Problem::TooManyAttempts),
            Verdict::Wait(wait) => {
                // Given back even where the connection is gone before the wait is over.
                let _waiting = Waiting(self, who);
                tokio::time::sleep(wait).await;
                Ok(())
            }
        }
    }

    fn table<T>(&self, ask: impl FnOnce(&mut Table) -> T) -> T {
        ask(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Waiting<'a>(&'a Attempts, IpAddr);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.table(|table| table.waited(self.1));
    }
}

/// An IPv6 network of 64 bits belongs to one and the same house: whoever has one address has all.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Now,
    Wait(Duration),
    Refuse,
}

#[derive(Debug, Default)]
struct Table {
    known: HashMap<IpAddr, Entry>,
    /// Addresses in the order in which they were seen; one that was seen again since stands there again.
    order: VecDeque<(IpAddr, Instant)>,
    waiting: usize,
}

#[derive(Debug)]
struct Entry {
    failures: u32,
    last: Instant,
    waiting: u32,
}

impl Table {
    fn fail(&mut self, who: IpAddr, now: Instant) -> Verdict {
        self.forget(now);
        let entry = self.known.entry(who).or_insert(Entry {
            failures: 0,
            last: now,
            waiting: 0,
        });
        entry.failures = entry.failures.saturating_add(1);
        entry.last = now;
        let over = entry.failures.checked_sub(FREE + 1);
        let verdict = match over {
            None => Verdict::Now,
            Some(_) if entry.waiting >= WAITING_OF_ONE_MAX || self.waiting >= WAITING_MAX => {
                Verdict::Refuse
            }
            Some(nth) => {
                entry.waiting += 1;
                self.waiting += 1;
                Verdict::Wait((FIRST_WAIT * 2_u32.pow(nth.min(10))).min(WAIT_MAX))
            }
        };
        self.order.push_back((who, now));
        self.bound();
        verdict
    }

    fn waited(&mut self, who: IpAddr) {
        self.waiting = self.waiting.saturating_sub(1);
        if let Some(entry) = self.known.get_mut(&who) {
            entry.waiting = entry.waiting.saturating_sub(1);
        }
    }

    fn forget(&mut self, now: Instant) {
        while let Some((_, seen)) = self.order.front()
            && now.saturating_duration_since(*seen) > FORGOTTEN_AFTER
        {
            self.forget_first();
        }
    }

    /// Keeps both within their bounds: more places in the order than that are names that stand there several times.
    fn bound(&mut self) {
        while self.known.len() > ADDRESSES_MAX {
            self.forget_first();
        }
        if self.order.len() > 2 * ADDRESSES_MAX {
            let known = &self.known;
            self.order
                .retain(|(who, seen)| known.get(who).is_some_and(|e| e.last == *seen));
        }
    }

    fn forget_first(&mut self) {
        if let Some((who, seen)) = self.order.pop_front()
            && self.known.get(&who).is_some_and(|entry| entry.last == seen)
        {
            self.known.remove(&who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nth(n: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + n).into())
    }

    #[test]
    fn waits_grow_up_to_a_limit_and_end_when_it_is_calm() {
        let (mut table, start) = (Table::default(), Instant::now());
        let mut fail = |at: Instant| {
            let verdict = table.fail(nth(1), at);
            if let Verdict::Wait(wait) = verdict {
                table.waited(nth(1));
                return u64::try_from(wait.as_millis()).unwrap();
            }
            assert_eq!(verdict, Verdict::Now);
            0
        };
        let waits: Vec<u64> = (0..12).map(|_| fail(start)).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(fail(start + FORGOTTEN_AFTER), 2000, "not yet");
        let later = start + 2 * FORGOTTEN_AFTER + Duration::from_millis(1);
        assert_eq!(fail(later), 0, "forgotten");
        assert_eq!((table.known.len(), table.order.len()), (1, 1));
    }

    #[test]
    fn no_address_pays_for_another() {
        let (mut table, now) = (Table::default(), Instant::now());
        for _ in 0..1000 {
            table.fail(nth(1), now);
        }
        assert_eq!(table.waiting, WAITING_OF_ONE_MAX as usize);
        assert_eq!(table.fail(nth(1), now), Verdict::Refuse);
        assert_eq!(table.fail(nth(2), now), Verdict::Now);
    }

    #[test]
    fn only_so_many_wait() {
        let (mut table, now) = (Table::default(), Instant::now());
        for address in 0..100 {
            for _ in 0..FREE + WAITING_OF_ONE_MAX {
                table.fail(nth(address), now);
            }
        }
        assert_eq!(table.waiting, WAITING_MAX);
        for _ in 0..FREE {
            assert_eq!(table.fail(nth(200), now), Verdict::Now);
        }
        assert_eq!(table.fail(nth(200), now), Verdict::Refuse);
        table.waited(nth(0));
        assert_eq!(table.fail(nth(200), now), Verdict::Wait(FIRST_WAIT * 2));
    }

    #[test]
    fn memory_is_bounded_whoever_comes() {
        let (mut table, mut now) = (Table::default(), Instant::now());
        for n in 0..300_000 {
            now += Duration::from_micros(10);
            table.fail(nth(n), now);
            table.fail(nth(7), now);
        }
        assert_eq!(table.known.len(), ADDRESSES_MAX);
        assert!(table.order.len() <= 2 * ADDRESSES_MAX);
        assert!(table.known.capacity() < 4 * ADDRESSES_MAX);
        assert!(
            table.known.contains_key(&nth(7)),
            "who goes on is remembered"
        );
        // One that is forgotten while it waits leaves nothing behind.
        table.waited(nth(0));
        table.fail(nth(1_000_000), now + 2 * FORGOTTEN_AFTER);
        assert_eq!((table.known.len(), table.order.len()), (1, 1));
    }

    #[test]
    fn a_house_is_one() {
        let of = |text: &str| network_of(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
    }
}
