//! The pages as a person has them: Chromium opens what the real program gives,
//! without a screen, and a script does what a person would. Run it with
//! `cargo test --test browser`; it needs chromium, node, and
//! what `tests/all.sh` installs into `target/tools/browser`.
//!
//! `ROWHOOK_SCREENSHOTS=FOLDER` keeps a picture of each page.

#[path = "../it/server.rs"]
mod server;

mod history;
mod play;

use play::{Stage, play};

const PLAIN: &str = "[sources.lessonly]\npreset = \"lessonly\"\n";

/// Two sources, one of which asks for a secret.
const TWO: &str = "[sources.lessonly]\npreset = \"lessonly\"\n\
    auth = { scheme = \"authorization\", value_env = \"LESSONLY_AUTHORIZATION\" }\n[sources.orders]\n";

/// As others see it, by name.
const NAMED: &str = "public_url = \"https://hooks.example.com\"\n[sources.lessonly]\npreset = \"lessonly\"\n\
    auth = { scheme = \"authorization\", value_env = \"LESSONLY_AUTHORIZATION\" }\n[sources.orders]\n";

#[test]
fn logging_in_and_out() {
    let stage = Stage::new("[access]\ntoken_file = \"token\"\n[sources.lessonly]\n");
    play("login", &stage);
}

#[test]
fn the_overview_before_and_after_deliveries() {
    play("overview", &Stage::new(PLAIN));
}

#[test]
fn the_overview_of_a_month() {
    play("month", &Stage::with_history(PLAIN));
}

#[test]
fn storing_fails_and_works_again() {
    play("failing", &Stage::new(PLAIN));
}

#[test]
fn days_and_links_to_them() {
    play("days", &Stage::with_history(TWO));
}

#[test]
fn by_keyboard_alone() {
    play("keyboard", &Stage::with_history(TWO));
}

#[test]
fn without_scripts() {
    play("plain", &Stage::with_history(TWO));
}

#[test]
fn everybody_can_use_every_page_on_any_screen() {
    play("everybody", &Stage::with_history(NAMED));
}

#[test]
fn the_first_view_is_small() {
    play("first", &Stage::with_history(PLAIN));
}

#[test]
fn hostile_deliveries_do_nothing() {
    play("hostile", &Stage::new(PLAIN));
}

#[test]
fn a_sender_is_connected_and_links_are_made() {
    play("connect", &Stage::new(TWO));
}

#[test]
fn rows_come_and_are_found() {
    play("rows", &Stage::new(PLAIN));
}

#[test]
fn a_thousand_columns() {
    play("wide", &Stage::new(PLAIN));
}

#[test]
fn what_was_refused_is_corrected_and_delivered() {
    play("refused", &Stage::new(PLAIN));
}
