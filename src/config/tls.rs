//! The certificate and its key: read, found to belong together, compared by
//! what they hold. Promises that nothing that prints a [`Tls`] prints the key.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::error::{ConfigError, Fault};
use super::file::{self, read_limited};
use super::resolve::Resolver;
use super::validity::Validity;
use crate::event::Timestamp;

/// What rowhook shows to be the server that it says it is.
#[derive(Clone)]
pub struct Tls {
    /// Where the certificates were read from.
    pub cert_file: PathBuf,
    /// Where the key was read from.
    pub key_file: PathBuf,
    /// Of what was in both files.
    digest: blake3::Hash,
    validity: Option<Validity>,
    certified: Arc<CertifiedKey>,
}

impl Tls {
    /// The certificates with their key, for a handshake.
    #[must_use]
    pub fn certified(&self) -> Arc<CertifiedKey> {
        self.certified.clone()
    }

    /// The last second of the certificate, for a person.
    pub(super) fn until(&self) -> Option<String> {
        let until = self.validity?.until;
        Some(until.format("%Y-%m-%d %H:%M:%S UTC").to_string())
    }

    /// What should be known of a certificate that can be used all the same.
    pub(super) fn warning(&self, now: Timestamp) -> Option<String> {
        let Validity { from, until } = self.validity?;
        let file = self.cert_file.display();
        if until < now.utc() {
            Some(format!(
                "the certificate in {file} expired on {until}: senders refuse it until it is renewed"
            ))
        } else if from > now.utc() {
            Some(format!(
                "the certificate in {file} does not count before {from}: senders refuse it until then, if the clock is right"
            ))
        } else {
            None
        }
    }

    fn new(cert_file: PathBuf, key_file: PathBuf) -> Result<Self, (File, Fault)> {
        let at = |file| move |fault| (file, fault);
        let certificates = read(&cert_file, "the certificate").map_err(at(File::Cert))?;
        let key = read(&key_file, "the key").map_err(at(File::Key))?;
        let mut hasher = blake3::Hasher::new();
        for content in [&certificates, &key] {
            hasher.update(&(content.len() as u64).to_be_bytes());
            hasher.update(content);
        }
        let chain = chain(&certificates, &cert_file).map_err(at(File::Cert))?;
        let validity = chain.first().and_then(|first| Validity::of(first));
        let key = private_key(&key, &key_file).map_err(at(File::Key))?;
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider());
        let (cert, key) = (cert_file.display(), key_file.display());
        let certified = certified.map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => (
                File::Key,
                Fault::new(format!("the key in {key} does not fit the certificate in {cert}"))
                    .help("name the two files of one renewal; of a chain the server's own certificate comes first"),
            ),
            Error::InvalidCertificate(error) => (
                File::Cert,
                Fault::new(format!("the certificate in {cert} cannot be used: {error:?}")),
            ),
            error => (
                File::Key,
                Fault::new(format!("the key in {key} cannot be used: {error}"))
                    .help("use an RSA, ECDSA (P-256 or P-384) or Ed25519 key"),
            ),
        })?;
        Ok(Self {
            digest: hasher.finalize(),
            validity,
            certified: Arc::new(certified),
            cert_file,
            key_file,
        })
    }
}

/// Which of the two a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    Cert,
    Key,
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, Fault> {
    read_limited(path).map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::PermissionDenied => "the user that runs rowhook must be able to read it",
            _ => "a path is taken relative to the folder of the configuration file",
        };
        Fault::new(format!("cannot read {what} in {}: {error}", path.display())).help(help)
    })
}

fn chain(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let path = path.display();
    let chain = chain.map_err(|_| {
        Fault::new(format!("{path} is not whole PEM text"))
            .help("it was cut off, or something was written into it: make it anew")
    })?;
    if chain.is_empty() {
        return Err(Fault::new(format!("there is no certificate in {path}")).help(
            "it must be PEM text with `-----BEGIN CERTIFICATE-----`, the server's own certificate first",
        ));
    }
    Ok(chain)
}

fn private_key(pem: &[u8], path: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        let fault = Fault::new(format!("there is no private key in {}", path.display()));
        if memchr::memmem::find(pem, b"ENCRYPTED").is_some() {
            fault.help("it has a passphrase: `openssl pkey -in WITH -out WITHOUT` takes it off")
        } else {
            fault.help("it must be PEM text with `-----BEGIN PRIVATE KEY-----`")
        }
    })
}

impl Resolver<'_> {
    /// `https` where a certificate is named.
    pub(super) fn scheme(&self) -> Result<&'static str, ConfigError> {
        let named = self.top.section("tls", file::TLS)?.text("cert_file")?;
        Ok(named.map_or("http", |_| "https"))
    }

    pub(super) fn tls(&self) -> Result<Option<Tls>, ConfigError> {
        let section = self.top.section("tls", file::TLS)?;
        let both = (section.text("cert_file")?, section.text("key_file")?);
        let (cert, key) = match both {
            (None, None) => return Ok(None),
            (Some(cert), Some(key)) => (cert, key),
            (Some(one), None) => return Err(self.lonely(&one.span(), "key_file")),
            (None, Some(one)) => return Err(self.lonely(&one.span(), "cert_file")),
        };
        if !self.serves {
            return Ok(None);
        }
        let folder = self.document.path.as_deref().and_then(Path::parent);
        let path = |name: &str| folder.unwrap_or(Path::new("")).join(name);
        let tls = Tls::new(path(cert.get_ref()), path(key.get_ref()));
        let tls = tls.map_err(|(file, fault)| {
            let span = match file {
                File::Cert => cert.span(),
                File::Key => key.span(),
            };
            self.document.fault_at(fault, &span)
        });
        tls.map(Some)
    }

    fn lonely(&self, span: &std::ops::Range<usize>, other: &str) -> ConfigError {
        let fault = Fault::new(format!("`[tls]` has no `{other}`"))
            .help("TLS needs both files; without both there is no TLS");
        self.document.fault_at(fault, span)
    }
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        let paths = |tls: &Self| (tls.cert_file.clone(), tls.key_file.clone());
        self.digest == other.digest && paths(self) == paths(other)
    }
}

impl Eq for Tls {}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("cert_file", &self.cert_file)
            .field("key_file", &self.key_file)
            .finish_non_exhaustive()
    }
}
