//! Signals as messages.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tokio::sync::mpsc::UnboundedReceiver;

/// A message for each SIGTERM and SIGINT. SIGHUP is heard and changes nothing yet: it must not kill.
///
/// # Errors
/// When the system does not let signals be heard.
pub fn signals() -> std::io::Result<UnboundedReceiver<()>> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                tracing::warn!("SIGHUP: the configuration is read at the start only; restart rowhook to apply a change");
            } else if sender.send(()).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}
