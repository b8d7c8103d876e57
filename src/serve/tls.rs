//! TLS: which versions, which protocol within, and the certificate that is in force.

use crate::config::Tls;
use crate::engine::Engine;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Shows the certificate of the settings that are in force: one that was renewed from the next handshake on. Connections
/// that there are stay as they are.
struct InForce(Arc<Engine>);

impl fmt::Debug for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InForce")
    }
}

impl ResolvesServerCert for InForce {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let live = self.0.live();
        live.settings.tls.as_ref().map(Tls::certified)
    }
}

/// TLS 1.2 and 1.3 with what is in them HTTP/1.1.
///
/// # Errors
/// When the provider lacks a part.
pub fn acceptor(engine: Arc<Engine>) -> Result<TlsAcceptor, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(InForce(engine)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
