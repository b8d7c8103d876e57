//! Deliveries at a modest rate, as long as somebody wants them: each connection has an event under way or pauses, so that what
//! they wait is what the server makes them wait.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::event;
use super::generator::Histogram;
use super::link::Link;

/// Connections that deliver to the source `lessonly`.
pub struct Steady {
    addr: SocketAddr,
    connections: usize,
    /// Between an answer and the next event of a connection.
    pause: Duration,
    /// The index of the next event, so that none comes twice.
    next: AtomicU64,
}

impl Steady {
    /// That many connections to `addr`; none is open before [`deliver`](Self::deliver).
    pub fn new(addr: SocketAddr, connections: usize, pause: Duration) -> Self {
        Self {
            addr,
            connections,
            pause,
            next: AtomicU64::new(0),
        }
    }

    /// How many events were delivered so far, all of them acknowledged unless there was an error.
    pub fn delivered(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Delivers from all connections while `goes_on` says so; gives how long the answers took.
    ///
    /// # Errors
    ///
    /// When a connection fails, or an answer is not 200.
    pub fn deliver(&self, goes_on: &(dyn Fn() -> bool + Sync)) -> io::Result<Histogram> {
        let one = || -> io::Result<Histogram> {
            let mut link = Link::open(self.addr)?;
            let mut times = Histogram::default();
            let mut body = Vec::new();
            while goes_on() {
                body.clear();
                event::lessonly(self.next.fetch_add(1, Ordering::Relaxed), &mut body);
                let began = Instant::now();
                let status = link.post(&body)?;
                times.record(began.elapsed().as_micros());
                if status != 200 {
                    return Err(io::Error::other(format!(
                        "a delivery was answered {status}"
                    )));
                }
                thread::sleep(self.pause);
            }
            Ok(times)
        };
        thread::scope(|scope| {
            let links: Vec<_> = (0..self.connections).map(|_| scope.spawn(one)).collect();
            let mut all = Histogram::default();
            for link in links {
                all.merge(
                    &link
                        .join()
                        .map_err(|_| io::Error::other("a thread died"))??,
                );
            }
            Ok(all)
        })
    }
}
