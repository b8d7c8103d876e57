//! What people see: `LibreOffice` opens what the real program gives, without a screen. Run it with
//! `cargo test --test office`; it needs `soffice`.

#[path = "../it/server.rs"]
mod server;

mod fods;
mod hostile;
