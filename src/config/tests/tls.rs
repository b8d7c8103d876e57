//! Certificates and keys that cannot be used, and those that can.

use super::*;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

const BOTH: &str = "[tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"";

/// A certificate and its key.
fn pair(until: i32) -> [String; 2] {
    let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
    params.not_after = date_time_ymd(until, 1, 2);
    let key = KeyPair::generate().unwrap();
    [params.self_signed(&key).unwrap().pem(), key.serialize_pem()]
}

fn case(cert: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Case {
    Case::new(BOTH).file("cert.pem", cert).file("key.pem", key)
}

#[test]
fn both_files_are_read_and_watched_and_compared_by_what_is_in_them() {
    let [cert, key] = pair(2999);
    let good = case(&cert, &key);
    let settings = good.settings();
    let names = ["rowhook.toml", "cert.pem", "key.pem"];
    let folder = good.folder.path();
    assert_eq!(settings.files(), names.map(|name| folder.join(name)));
    assert_eq!(settings.warnings(), Vec::<String>::new());
    let told = settings.describe();
    assert!(
        told.contains("\n  valid until              2999-01-02 00:00:00 UTC\n"),
        "{told}"
    );
    assert!(!format!("{settings:?}").contains("PRIVATE"));
    assert_eq!(good.settings(), settings);
    let [renewed, its_key] = pair(2999);
    std::fs::write(folder.join("cert.pem"), renewed).unwrap();
    std::fs::write(folder.join("key.pem"), its_key).unwrap();
    assert_ne!(good.settings(), settings);
    assert_eq!(Case::new("[tls]").settings().tls, None);
}

#[test]
fn one_that_is_over_is_told() {
    let [cert, key] = pair(2001);
    let case = case(cert, key);
    let [warning] = &*case.settings().warnings() else {
        panic!("no warning");
    };
    let shown = warning.replace(&format!("{}/", case.folder.path().display()), "");
    assert_eq!(
        shown,
        "the certificate in cert.pem expired on 2001-01-02 00:00:00 UTC: senders refuse it until it is renewed"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "the words of each error")]
fn what_cannot_be_used_says_why() {
    let ([cert, key], [other, other_key]) = (pair(2999), pair(2999));
    let half = &cert[..cert.len() / 2];
    let locked = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let only = |line: &str| Case::new(format!("[tls]\n{line}")).error();
    let texts = [
        only("cert_file = \"cert.pem\""),
        only("key_file = \"key.pem\""),
        only("certificate = \"cert.pem\""),
        Case::new(BOTH).error(),
        Case::new(BOTH).file("cert.pem", &cert).error(),
        case("", &key).error(),
        case(half, &key).error(),
        case(&key, &cert).error(),
        case(garbage, &key).error(),
        case(&cert, "").error(),
        case(&cert, no_key).error(),
        case(&cert, locked).error(),
        case(&cert, &other_key).error(),
        case([other, cert.clone()].concat(), &key).error(),
    ];
    insta::assert_snapshot!(texts.join("\n\n"), @r#"
    error: `[tls]` has no `key_file`
     --> rowhook.toml:2:13
      |
    2 | cert_file = "cert.pem"
      |             ^^^^^^^^^^
      = help: TLS needs both files; without both there is no TLS

    error: `[tls]` has no `cert_file`
     --> rowhook.toml:2:12
      |
    2 | key_file = "key.pem"
      |            ^^^^^^^^^
      = help: TLS needs both files; without both there is no TLS

    error: unknown key `certificate`
     --> rowhook.toml:2:1
      |
    2 | certificate = …
      | ^^^^^^^^^^^
      = help: known keys here: `cert_file`, `key_file`

    error: cannot read the certificate in cert.pem: No such file or directory (os error 2)
     --> rowhook.toml:2:13
      |
    2 | cert_file = "cert.pem"
      |             ^^^^^^^^^^
      = help: a path is taken relative to the folder of the configuration file

    error: cannot read the key in key.pem: No such file or directory (os error 2)
     --> rowhook.toml:3:12
      |
    3 | key_file = "key.pem"
      |            ^^^^^^^^^
      = help: a path is taken relative to the folder of the configuration file

    error: there is no certificate in cert.pem
     --> rowhook.toml:2:13
      |
    2 | cert_file = "cert.pem"
      |             ^^^^^^^^^^
      = help: it must be PEM text with `-----BEGIN CERTIFICATE-----`, the server's own certificate first

    error: cert.pem is not whole PEM text
     --> rowhook.toml:2:13
      |
    2 | cert_file = "cert.pem"
      |             ^^^^^^^^^^
      = help: it was cut off, or something was written into it: make it anew

    error: there is no certificate in cert.pem
     --> rowhook.toml:2:13
      |
    2 | cert_file = "cert.pem"
      |             ^^^^^^^^^^
      = help: it must be PEM text with `-----BEGIN CERTIFICATE-----`, the server's own certificate first

    error: the certificate in cert.pem cannot be used: BadEncoding
     --> rowhook.toml:2:13
      |
    2 | cert_file = "cert.pem"
      |             ^^^^^^^^^^

    error: there is no private key in key.pem
     --> rowhook.toml:3:12
      |
    3 | key_file = "key.pem"
      |            ^^^^^^^^^
      = help: it must be PEM text with `-----BEGIN PRIVATE KEY-----`

    error: the key in key.pem cannot be used: unexpected error: failed to parse private key as RSA, ECDSA, or EdDSA
     --> rowhook.toml:3:12
      |
    3 | key_file = "key.pem"
      |            ^^^^^^^^^
      = help: use an RSA, ECDSA (P-256 or P-384) or Ed25519 key

    error: there is no private key in key.pem
     --> rowhook.toml:3:12
      |
    3 | key_file = "key.pem"
      |            ^^^^^^^^^
      = help: it has a passphrase: `openssl pkey -in WITH -out WITHOUT` takes it off

    error: the key in key.pem does not fit the certificate in cert.pem
     --> rowhook.toml:3:12
      |
    3 | key_file = "key.pem"
      |            ^^^^^^^^^
      = help: name the two files of one renewal; of a chain the server's own certificate comes first

    error: the key in key.pem does not fit the certificate in cert.pem
     --> rowhook.toml:3:12
      |
    3 | key_file = "key.pem"
      |            ^^^^^^^^^
      = help: name the two files of one renewal; of a chain the server's own certificate comes first
    "#);
}

#[test]
fn a_chain_is_taken_with_its_own_certificate_first() {
    let ([cert, key], [above, _]) = (pair(2999), pair(2999));
    let chain = case([cert, above].concat(), key).settings().tls.unwrap();
    assert_eq!(chain.certified().cert.len(), 2);
}

#[test]
fn no_half_of_a_file_does_harm() {
    let [cert, key] = pair(2999);
    for end in (0..cert.len()).step_by(7) {
        let loaded = case(&cert[..end], &key).load();
        assert!(
            loaded.is_err() || cert[end..].trim().trim_matches('-').is_empty(),
            "{end}"
        );
    }
}

#[test]
fn tls_is_switched_at_a_start_alone() {
    let [cert, key] = pair(2999);
    let with = case(cert, key).settings();
    let without = Case::bare().settings();
    for (before, after) in [(&with, &without), (&without, &with)] {
        let mut new = after.clone();
        assert_eq!(new.keep_fixed(before), ["tls"]);
        assert_eq!(new.tls, before.tls);
    }
}
