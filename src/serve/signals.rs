//! Signals: the first that asks for an end drains, the second ends at once;
//! SIGHUP asks for the configuration to be read again.

use super::reload::Why;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// How long a stop may take in all. What is durable by then is durable; what is not was never acknowledged.
pub const STOP_MAX: Duration = Duration::from_secs(10);

/// What the system, or whoever watches the files, asks for.
pub struct Signals {
    /// A message at the first SIGTERM or SIGINT.
    pub stops: UnboundedReceiver<()>,
    /// A message at each SIGHUP.
    pub reloads: Receiver<Why>,
    /// Where others ask for a reload.
    pub ask: Sender<Why>,
}

/// Begins to listen to signals. The process ends at the second one that asks for it, or when the stop takes too long.
///
/// # Errors
/// When the system does not let signals be heard.
pub fn signals() -> std::io::Result<Signals> {
    let (stop, stops) = unbounded_channel();
    let (reload, reloads) = channel();
    let ask = reload.clone();
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            let mut stopping = false;
            for signal in signals.forever() {
                if signal == SIGHUP {
                    // Nobody reloads while it starts or stops.
                    let _ = reload.send(Why::Asked);
                    continue;
                }
                if stopping || stop.send(()).is_err() {
                    tracing::warn!("ending at once");
                    std::process::exit(0);
                }
                stopping = true;
                std::thread::spawn(|| {
                    std::thread::sleep(STOP_MAX);
                    tracing::warn!("stopping took too long; ending now");
                    std::process::exit(0);
                });
            }
        })?;
    Ok(Signals {
        stops,
        reloads,
        ask,
    })
}
