//! Signals: the first one drains, the second one ends at once.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// How long a stop may take in all. What is durable by then is durable; what is not was never acknowledged.
const STOP_MAX: Duration = Duration::from_secs(10);

/// A message at the first SIGTERM or SIGINT; the process ends at the second, or when the stop takes too long. SIGHUP is heard
/// and changes nothing yet: it must not kill.
///
/// # Errors
/// When the system does not let signals be heard.
pub fn signals() -> std::io::Result<UnboundedReceiver<()>> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let mut stopping = false;
        for signal in signals.forever() {
            if signal == SIGHUP {
                tracing::warn!("SIGHUP: the configuration is read at the start only; restart rowhook to apply a change");
                continue;
            }
            if stopping || sender.send(()).is_err() {
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
    Ok(receiver)
}
