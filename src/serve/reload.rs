//! Reading the configuration again while rowhook runs: at SIGHUP, and when a
//! file that it was read from changes. A good one takes effect between two
//! requests, whole; a bad one is told, and the old one stays.

use super::open::token;
use super::watch::Watch;
use crate::config::{ConfigError, Settings};
use crate::engine::Engine;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// Reads the configuration as at the start.
pub type Loader = Box<dyn Fn() -> Result<Settings, ConfigError> + Send>;

/// Why the configuration is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Somebody asked for it: an answer is expected also when nothing changed.
    Asked,
    /// A file changed that it was read from.
    Changed,
}

/// Editors write in several steps: so long nothing must change before the files are read.
const CALM: Duration = Duration::from_millis(200);

/// A folder that was put in the place of a watched one says nothing: so often it is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Where something else changes all the time nobody waits longer than this for calm.
const CALM_WAIT_MAX: Duration = Duration::from_secs(2);

/// Reads the configuration again whenever that is asked for, on a thread of its own.
///
/// # Errors
/// When the system gives no thread.
pub fn start(
    engine: Arc<Engine>,
    load: Loader,
    asks: Receiver<Why>,
    ask: Sender<Why>,
) -> std::io::Result<()> {
    let mut reloader = Reloader {
        engine,
        load,
        told: String::new(),
    };
    Builder::new().name("reload".into()).spawn(move || {
        let mut watch = Watch::configuration(ask);
        reloader.catch_up(&mut watch);
        loop {
            let mut why = match asks.recv_timeout(LOOK_EVERY) {
                Ok(why) => why,
                Err(RecvTimeoutError::Timeout) => {
                    reloader.catch_up(&mut watch);
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let until = Instant::now() + CALM_WAIT_MAX;
            while Instant::now() < until
                && let Ok(next) = asks.recv_timeout(CALM)
            {
                if next == Why::Asked {
                    why = next;
                }
            }
            reloader.reload(why);
            reloader.catch_up(&mut watch);
        }
    })?;
    Ok(())
}

struct Reloader {
    engine: Arc<Engine>,
    load: Loader,
    /// What was complained of last: the same is not said again because something else changed in the folder.
    told: String,
}

impl Reloader {
    /// Watches the folders of the files that are in force. What changed between the reading of a file and the watch on its
    /// folder is found by reading once more.
    fn catch_up(&mut self, watch: &mut Watch) {
        while watch.set(&self.engine.live().settings.files()) {
            self.reload(Why::Changed);
        }
    }

    fn reload(&mut self, why: Why) {
        let outcome = (self.load)().map_err(|error| error.to_string());
        let complaint = match outcome.and_then(|new| self.apply(new, why)) {
            Ok(fixed) if fixed.is_empty() => String::new(),
            Ok(fixed) => format!(
                "{fixed} cannot change while rowhook runs: restart it to have the new value"
            ),
            Err(error) => {
                format!("the configuration was not taken over, the old one stays: {error}")
            }
        };
        if !complaint.is_empty() && (why == Why::Asked || complaint != self.told) {
            tracing::error!("{complaint}");
        }
        self.told = complaint;
    }

    /// Puts `new` in force, but for what cannot change while rowhook runs: those keys come back.
    fn apply(&self, mut new: Settings, why: Why) -> Result<String, String> {
        let Engine { disk, layout, .. } = &*self.engine;
        let live = self.engine.live();
        let fixed = new.keep_fixed(&live.settings);
        new.check_exposure().map_err(|error| error.to_string())?;
        let token = token(&new, disk, layout).map_err(|error| error.to_string())?;
        if new != live.settings || token != live.token {
            let warnings = new.warnings();
            self.engine.put_in_force(new, token);
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            tracing::info!("the configuration was read again and is in force");
        } else if why == Why::Asked {
            tracing::info!("the configuration is what it was");
        }
        Ok(fixed.join(", "))
    }
}
