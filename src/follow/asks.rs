//! What the follower is asked for: tables by readers, other options, tables made
//! anew. Asks are taken once in a step; a reader is answered in the step in which
//! its tables have every row that it asked for, all of them as of that step.

use super::follower::{FollowOptions, Follower, Key};
use super::handle::{Ask, Together};
use super::tracked::{Remake, Tracked};
use crate::journal::Cursor;
use crate::table::Table;
use std::time::Instant;

impl Follower {
    pub(super) fn take_asks(&mut self, clock: Instant) {
        while let Ok(ask) = self.asks.try_recv() {
            match ask {
                Ask::Tables(request) => self.waiting.push(request),
                Ask::Options(options) => self.set_options(options, clock),
                Ask::Rebuild(rebuild) => {
                    let wish = self.wish(rebuild);
                    self.wishes.push_back(wish);
                }
            }
        }
    }

    /// Goes on by other options: tables whose rules change are made anew.
    fn set_options(&mut self, options: FollowOptions, clock: Instant) {
        self.options = options;
        let keys: Vec<Key> = self.tables.keys().cloned().collect();
        for key in keys {
            let Some(tracked) = self.tables.get_mut(&key) else {
                continue;
            };
            if let Some(remaking) = tracked.remaking.take() {
                let state = remaking.table.state(None);
                let options = match tracked.anew {
                    Some(Remake::Asked) => self.options_of(&key.0, Some(&state)),
                    _ => self.options_for(&key, Some(&state)),
                };
                if remaking.options == options {
                    if let Some(tracked) = self.tables.get_mut(&key) {
                        tracked.remaking = Some(remaking);
                    }
                } else {
                    // Begun again, by the options of now.
                    remaking.table.discard();
                }
                continue;
            }
            let Some(table) = &tracked.table else {
                // It is opened later, by the options of then.
                continue;
            };
            let (state, comparing) = (table.state(None), table.is_comparing());
            if state.rules == self.options_for(&key, Some(&state)).rules.fingerprint() {
                continue;
            }
            if comparing {
                // Not known to be ours yet: it is looked at once it is caught up, by the options of then.
                continue;
            }
            let anew = Tracked {
                anew: Some(Remake::Rules),
                ours: state.parts.iter().map(|part| part.stat).collect(),
                ..Tracked::failed(Cursor::default(), clock)
            };
            self.tables.insert(key, anew);
        }
    }

    /// Answers the readers whose tables are far enough.
    pub(super) fn answer(&mut self, clock: Instant) {
        let waiting = std::mem::take(&mut self.waiting);
        for request in waiting {
            let mut tables: Vec<_> = self
                .tables
                .iter()
                .filter(|(key, _)| key.0 == request.source && request.days.contains(&key.1))
                .map(|(_, tracked)| tracked)
                .collect();
            let ready = self.today.is_some()
                && self.at >= self.opened_end
                && self.seq >= request.target
                && tables.iter().all(|t| t.is_current() && !t.has_waiting())
                // While the journal waits for room nobody has looked after them.
                && (self.may_look_after() || tables.iter().all(|t| t.is_unchanged()));
            if ready {
                tables.sort_by_key(|t| t.table.as_ref().map(Table::day));
                let tables = tables.iter().filter_map(|t| t.table.as_ref());
                let together = Together {
                    open: tables.map(Table::snapshot).collect(),
                    days: self.catalog.of(&request.source),
                };
                // Whoever asked may be gone.
                let _ = request.reply.send(together);
            } else if clock < request.until && !request.reply.is_closed() {
                self.waiting.push(request);
            }
        }
    }
}
