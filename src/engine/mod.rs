//! What runs, in one place: the settings in force, the way to the threads that
//! store, what is known of journal and tables. Whoever serves requests, from
//! the network or from this machine, holds an [`Engine`] and nothing else.
//!
//! - [`Live`]: what a reload of the configuration exchanges, all of it at once
//! - [`Local`]: the engine and that, for one thread
//! - [`Slot`]: how a thread that stores hears of it
//! - [`NoLink`]: why no link to a feed was made
//! - [`Tally`]: what came and is no row
//!
//! Knows no HTTP.

mod links;
mod live;
mod slot;
mod tally;

pub use links::NoLink;
pub use live::{
    Live, Local, RefusedOptions, follow_options, journal_options, refused_options, rules_of,
};
pub use slot::Slot;
pub use tally::{Counts, Tally};

use crate::config::Settings;
use crate::disk::SharedDisk;
use crate::event::{Day, IdKey, SourceName, Timestamp};
use crate::follow::Handle;
use crate::journal::{Health, Options, Shared};
use crate::layout::Layout;
use crate::links::Links;
use crate::read::Changes;
use crate::receive::{Delivery, Questions, Queue, Refusal, Waiting};
use crate::rejects::Rejects;
use crate::sessions::Sessions;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

/// What runs; one for all.
pub struct Engine {
    /// The disk.
    pub disk: SharedDisk,
    /// The output directory.
    pub layout: Layout,
    /// The key of the event ids.
    pub id_key: IdKey,
    /// The links that open a feed.
    pub links: Links,
    /// The sessions of people who read.
    pub sessions: Sessions,
    /// Refused bodies, and what became of them.
    pub rejects: Rejects,
    /// Where it listens, once it does.
    pub listens: OnceLock<SocketAddr>,
    /// The state of the journal.
    pub journal: Arc<Shared>,
    /// The way to the journal.
    pub deliveries: Arc<Queue<Delivery>>,
    /// What is asked of the journal without storing anything.
    pub questions: Arc<Questions>,
    /// The way to the rejected files.
    pub refusals: Arc<Queue<Refusal>>,
    /// The way to the tables.
    pub tables: Handle,
    /// What is known of files that somebody may have changed.
    pub changes: Changes,
    /// The sources that events are imported into at the moment.
    pub imports: Mutex<BTreeSet<SourceName>>,
    /// What came today and is no row.
    pub tally: Arc<Tally>,
    /// What all requests may hold together.
    pub waiting: Arc<Waiting>,
    /// Set when it is about to stop.
    pub draining: AtomicBool,
    /// Where the journal's writer finds new options.
    pub journal_options: Arc<Slot<Options>>,
    /// Where the keeper of refused bodies finds new options.
    pub refused_options: Arc<Slot<RefusedOptions>>,
    /// Held for as long as it takes to take or put a pointer, never across an await.
    live: RwLock<Arc<Live>>,
    /// How often that was exchanged.
    version: AtomicU64,
}

/// The parts of an engine that stay as they are while it runs.
pub struct Fixed {
    /// The disk.
    pub disk: SharedDisk,
    /// The output directory.
    pub layout: Layout,
    /// The key of the event ids.
    pub id_key: IdKey,
    /// The links that open a feed.
    pub links: Links,
    /// The sessions of people who read.
    pub sessions: Sessions,
    /// Refused bodies, and what became of them.
    pub rejects: Rejects,
    /// Where duplicates and refused bodies are counted.
    pub tally: Arc<Tally>,
    /// The state of the journal.
    pub journal: Arc<Shared>,
    /// The way to the tables.
    pub tables: Handle,
}

impl Engine {
    /// An engine with these parts, and `live` in force.
    #[must_use]
    pub fn new(fixed: Fixed, live: Live) -> Self {
        let Fixed {
            disk,
            layout,
            id_key,
            links,
            sessions,
            rejects,
            tally,
            journal,
            tables,
        } = fixed;
        Self {
            disk,
            layout,
            id_key,
            links,
            sessions,
            rejects,
            tally,
            listens: OnceLock::new(),
            journal,
            tables,
            deliveries: Arc::default(),
            questions: Arc::default(),
            refusals: Arc::default(),
            changes: Changes::default(),
            imports: Mutex::default(),
            waiting: Waiting::new(live.settings.limits.waiting_bytes_max),
            draining: AtomicBool::new(false),
            journal_options: Arc::default(),
            refused_options: Arc::default(),
            live: RwLock::new(Arc::new(live)),
            version: AtomicU64::new(0),
        }
    }

    /// What is in force now. A request takes it once, so that it sees one configuration.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        self.live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts `settings` in force: for every request that begins after this, whole. The threads that store hear of it before
    /// they see anything of such a request.
    pub fn put_in_force(&self, settings: Settings, token: crate::config::Secret) {
        self.journal_options.put(journal_options(&settings));
        self.refused_options.put(refused_options(&settings));
        self.tables.set_options(follow_options(&settings));
        self.waiting.set_max(settings.limits.waiting_bytes_max);
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        let next = Live::new(settings, token, Some(&live));
        *live = Arc::new(next);
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Another number after every exchange of what is in force.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Whether it is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether events can be stored now.
    ///
    /// # Errors
    /// Why not, for a person.
    pub fn health(&self) -> Result<(), String> {
        /// Less room than this does not take a delivery.
        const FREE_BYTES_MIN: u64 = 64 * 1024;
        if self.is_draining() {
            return Err("rowhook is stopping".into());
        }
        if let Health::Failing(why) = self.journal.health() {
            return Err(format!("the journal cannot be written: {why}"));
        }
        match self.disk.free_bytes(&self.layout.journal_dir()) {
            Ok(free) if free < FREE_BYTES_MIN => {
                Err(format!("the disk is full: {free} bytes are left"))
            }
            Ok(_) => Ok(()),
            Err(error) => Err(format!("the journal's folder cannot be reached: {error}")),
        }
    }

    /// The address that people reach it by, and whether that holds on other machines too: without a `public_url` nobody knows.
    #[must_use]
    pub fn address(&self) -> (String, bool) {
        let settings = &self.live().settings;
        if let Some(url) = &settings.public_url {
            return (url.clone(), true);
        }
        let mut addr = *self.listens.get().unwrap_or(&settings.listen);
        // It listens everywhere: so it does here.
        match addr.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => addr.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => addr.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        (format!("{}://{addr}", settings.scheme), false)
    }

    /// The day that it is now.
    #[must_use]
    pub fn today(&self) -> Day {
        Timestamp::now().day(self.live().settings.timezone)
    }
}
