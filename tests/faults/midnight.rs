//! Killed at midnight: the segment changes, a day's table is closed, and
//! another begun, while the load goes on.

use crate::clock::Clock;
use crate::kills;
use crate::server::Place;
use fastrand::Rng;
use std::rc::Rc;
use std::time::Duration;

#[test]
fn killed_around_midnight_it_loses_doubles_and_tears_nothing() {
    let rounds = kills::rounds(15);
    let kills = kills::run(rounds, |place: &Place| {
        let clock = Rc::new(Clock::new(place));
        let starter = clock.clone();
        (
            move |place: &Place| starter.start(place),
            move |random: &mut Rng, longest: Duration| {
                // Two of three rounds have a midnight: mostly under load, now and then while it is down, or when the table
                // of the day before is closed, two seconds later.
                let longest = u64::try_from(longest.as_millis()).expect("some time");
                match random.u8(..6) {
                    0..3 => clock.to_midnight(Duration::from_millis(random.u64(1..=longest))),
                    3 => {
                        clock.to_midnight(Duration::ZERO);
                        clock.set(clock.ahead() + 1.95);
                    }
                    _ => {}
                }
            },
        )
    });
    println!("{kills}");
    assert!(
        kills.segments > rounds / 3,
        "{} segments: there were no midnights",
        kills.segments
    );
}
