//! The settings in force and what is made of them: the same for a whole request.

use super::Engine;
use crate::config::{Secret, Settings, Source};
use crate::event::{Preset, SourceName};
use crate::flatten::Rules;
use crate::follow::{FollowOptions, SLICE_BYTES};
use crate::journal::Options;
use crate::table::PART_ROWS;
use chrono_tz::Tz;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

/// What a reload exchanges.
pub struct Live {
    /// The configuration.
    pub settings: Settings,
    /// The read token.
    pub token: Secret,
    rates: BTreeMap<SourceName, Rate>,
}

/// An engine, and what is in force as one thread knows it. To ask the engine for each request would make threads wait for each
/// other: who holds what is in force is counted in one place.
#[derive(Clone)]
pub struct Local(Rc<Known>);

struct Known {
    engine: Arc<Engine>,
    latest: RefCell<Rc<InForce>>,
}

/// What is in force, counted within a thread.
pub struct InForce {
    version: u64,
    live: Arc<Live>,
}

impl Deref for InForce {
    type Target = Live;

    fn deref(&self) -> &Live {
        &self.live
    }
}

impl Local {
    /// This engine, for this thread.
    #[must_use]
    pub fn new(engine: Arc<Engine>) -> Self {
        let latest = RefCell::new(Rc::new(InForce::of(&engine)));
        Self(Rc::new(Known { engine, latest }))
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    /// What is in force now. A request takes it once, so that it sees one configuration.
    #[must_use]
    pub fn live(&self) -> Rc<InForce> {
        let mut latest = self.0.latest.borrow_mut();
        if latest.version != self.0.engine.version() {
            *latest = Rc::new(InForce::of(&self.0.engine));
        }
        latest.clone()
    }
}

impl InForce {
    fn of(engine: &Engine) -> Self {
        // The number first: if it is exchanged in between, that is seen the next time.
        let version = engine.version();
        let live = engine.live();
        Self { version, live }
    }
}

/// The rate of a source, and what counts it.
type Rate = (NonZeroU32, Arc<DefaultDirectRateLimiter>);

/// What the keeper of refused bodies needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedOptions {
    /// The zone whose midnight starts a file.
    pub zone: Tz,
    /// The most bytes of a day's file.
    pub bytes_max: u64,
}

impl Live {
    /// What is made of `settings`. A rate that stays what it was in `before` goes on counting.
    #[must_use]
    pub fn new(settings: Settings, token: Secret, before: Option<&Self>) -> Self {
        let rate = |source: &Source| {
            let rate = source.requests_per_second_max?;
            let kept = before
                .and_then(|live| live.rates.get(&source.name))
                .filter(|kept| kept.0 == rate);
            let counts = kept.map_or_else(
                || Arc::new(RateLimiter::direct(Quota::per_second(rate))),
                |kept| kept.1.clone(),
            );
            Some((source.name.clone(), (rate, counts)))
        };
        Self {
            rates: settings.sources.values().filter_map(rate).collect(),
            settings,
            token,
        }
    }

    /// What counts the requests of a source that has a rate.
    #[must_use]
    pub fn rate(&self, source: &SourceName) -> Option<&DefaultDirectRateLimiter> {
        self.rates.get(source).map(|rate| &*rate.1)
    }

    /// The rules of a source's tables; a source that is not configured any more is generic.
    #[must_use]
    pub fn rules(&self, source: &SourceName) -> Rules {
        rules_of(&self.settings, self.settings.sources.get(source))
    }
}

/// The rules of the tables of a source; of none, those that hold for every source.
#[must_use]
pub fn rules_of(settings: &Settings, source: Option<&Source>) -> Rules {
    Rules {
        preset: source.map_or(Preset::Generic, |source| source.preset),
        columns_max: settings.limits.columns_max,
        guard: settings.csv.formula_guard,
        bom: settings.csv.bom,
        columns: source.and_then(|source| source.columns.clone()),
    }
}

/// What the journal takes from the settings.
#[must_use]
pub fn journal_options(settings: &Settings) -> Options {
    Options {
        zone: settings.timezone,
        dedup_days: settings.dedup.days,
        ids_max: settings.dedup.ids_max,
    }
}

/// What the keeper of refused bodies takes from the settings.
#[must_use]
pub fn refused_options(settings: &Settings) -> RefusedOptions {
    RefusedOptions {
        zone: settings.timezone,
        bytes_max: settings.limits.rejected_bytes_max,
    }
}

/// What the follower takes from the settings.
#[must_use]
pub fn follow_options(settings: &Settings) -> FollowOptions {
    let rules = |source: &Source| (source.name.clone(), rules_of(settings, Some(source)));
    FollowOptions {
        zone: settings.timezone,
        sources: settings.sources.values().map(rules).collect(),
        others: rules_of(settings, None),
        part_rows: PART_ROWS,
        slice_bytes: SLICE_BYTES,
    }
}
