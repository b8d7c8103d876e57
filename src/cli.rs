//! The command line: which commands and options there are, and their help.
//! Promises no work: what is given is handed on. The environment is read, and
//! every value checked, by the configuration.

mod feed;
mod link;

pub use feed::Feed;
pub use link::{LinkArgs, LinkWish};

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::Overrides;
use crate::event::{Day, SourceName};
use crate::read::ask::{Format, When};
use crate::read::{Ask, Span};

const ENVIRONMENT: &str = "\
Environment:
  ROWHOOK_CONFIG          the configuration file, as --config
  ROWHOOK_LISTEN          the address to listen on, as --listen
  ROWHOOK_OUTPUT          the folder to write to, as --output
  ROWHOOK_LOG             what to log, for example info or rowhook=debug
  ROWHOOK_TOKEN           the token that reading needs; without it one is made at the first start
  LESSONLY_AUTHORIZATION  the Authorization header that Lessonly sends
A flag beats the environment, which beats the file, which beats the default.

Exit codes: 0 fine, 1 failed at work, 2 wrong usage or configuration";

/// Every webhook becomes a row: receives JSON webhooks and appends them to daily CSV files.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(
    version,
    after_help = with_environment("\
Example:
  LESSONLY_AUTHORIZATION='Bearer 4f1d…' rowhook --listen 0.0.0.0:8080 --output /srv/rowhook
  Hooks sent to http://ADDR/hooks/lessonly become rows of /srv/rowhook/csv/lessonly/DAY.csv.
  Without a command rowhook does what `rowhook serve` does."),
)]
pub struct Args {
    /// What to do; nothing said is [`Command::Serve`].
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The configuration file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "Read the configuration from FILE (TOML) [env: ROWHOOK_CONFIG] [default: none]"
    )]
    pub config: Option<PathBuf>,

    /// Where to listen.
    #[arg(
        long,
        global = true,
        value_name = "ADDR",
        help = "Listen on ADDR, an IP address and a port (0: a free one) [env: ROWHOOK_LISTEN] [default: 127.0.0.1:8080]"
    )]
    pub listen: Option<String>,

    /// The folder of tables, journal and state.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help = "Write tables, journal and state into the folder DIR [env: ROWHOOK_OUTPUT] [default: output]"
    )]
    pub output: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Receive webhooks, write tables, serve downloads (also without a command)
    #[command(after_help = with_environment("\
Example:
  rowhook serve --config /etc/rowhook.toml
  The line `listening on http://ADDR` tells that it is ready. SIGTERM and Ctrl-C stop it; SIGHUP, or
  a change of the configuration's files, lets it read the configuration again."))]
    Serve,
    /// Check the configuration, print what would run, and exit with 0 or 2
    #[command(after_help = with_environment("\
Example:
  rowhook check --config /etc/rowhook.toml && systemctl reload rowhook
  Secrets are looked up and checked, and never printed."))]
    Check,
    /// Make tables anew from the journal: after a change of rules, an accident, an edit
    #[command(after_help = with_environment("\
Example:
  rowhook rebuild --source lessonly --from 2026-11-01 --to 2026-11-30
  Each table is exchanged whole; a version that somebody changed is kept beside it, with `edited` in
  its name. It may run while the server does, which then does the work."))]
    Rebuild {
        /// Only the tables of source S [default: all]
        #[arg(long, value_name = "S", value_parser = SourceName::new)]
        source: Option<SourceName>,
        /// Of which days.
        #[command(flatten)]
        days: Days,
    },
    /// Store events from files, as if they came as webhooks
    #[command(after_help = with_environment("\
Example:
  rowhook import --source lessonly missed.jsonl rejected/2026-11-23.jsonl
  A file is JSON, JSON Lines, a journal's segment or a rejected file; `-` is standard input. An event
  that is in the journal already, however old, is not stored once more: an import that was cut off can
  be run again. What is refused is told with file and line, and the exit code is 1. It may run while
  the server does, which then does the work."))]
    Import {
        /// The source that the events belong to
        #[arg(long, value_name = "S", value_parser = SourceName::new)]
        source: SourceName,
        /// Store also what is there already
        #[arg(long)]
        again: bool,
        /// Where the events are; `-` is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Write a download to a file, without a server or beside one
    #[command(after_help = with_environment("\
Example:
  rowhook export --source lessonly --from -30d --to yesterday --format xlsx -o november.xlsx
  Without days it is all of them, without --format what the name of the file ends with. The file is there
  whole or not at all; without -o the bytes go to standard output. Nothing below the output directory is
  written, and no lock is taken."))]
    Export(Box<Export>),
    /// Make a signed address that opens one feed without the token, list or revoke such links
    #[command(after_help = with_environment("\
Example:
  rowhook link --source lessonly --from -30d --to today --expires 90d
  Prints an address for a program that can only hold a URL: Google Sheets, Power Query, LibreOffice. It
  opens this feed with these options and nothing else, until it expires or is revoked. Without days it is
  the newest day that has rows. Days such as today, latest or -30d mean another day every day, and a day
  without rows is a header alone. The address begins with public_url of the configuration.
  rowhook link --revoke 4f1d09aa3c
  It may run while the server does, which then does the work."))]
    Link(Box<LinkArgs>),
    /// Hold the tables against the journal, line by line and row by row; writes nothing
    #[command(after_help = with_environment("\
Example:
  rowhook verify --config /etc/rowhook.toml --date 2026-11-23
  May run while the server runs. Exits with 0 when all that was stored is there and every table is what the
  journal gives, and with 1 when the journal is damaged or a table differs. `damage` is what nobody is seen to
  have done, `edit` a file that rowhook did not leave like this; `other rules`, `not yet written`, `unfinished`
  and `note` are told and change nothing.
  With --json: output, events, segments, tables, rows, bytes, seconds, damage, edits, notes; findings, each with
  kind, file, what and, where they apply, segment, line, offset, source, date, seq, row (1 is the first below the
  header), column, expected, found, next (what to do); omitted, the number of differences beyond 20 by file."))]
    Verify {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
        /// Only the tables of source S; the journal is read all the same [default: all]
        #[arg(long, value_name = "S", value_parser = SourceName::new)]
        source: Option<SourceName>,
        /// Of which days.
        #[command(flatten)]
        days: Days,
    },
}

/// What to export, and where to.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Export {
    /// Whose rows
    #[arg(long, value_name = "S", value_parser = SourceName::new)]
    pub source: SourceName,
    /// Which of them, and as what.
    #[command(flatten)]
    pub feed: Feed,
    /// Write into FILE, which is replaced [default: standard output]
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub out: Option<PathBuf>,
}

impl Export {
    /// What is meant: all days up to today where none is named, in the format that the file's name ends with where none is.
    ///
    /// # Errors
    /// When the options do not go together.
    pub fn ask(&self) -> Result<Ask, String> {
        let first = When::Day(Day::new(chrono::NaiveDate::MIN));
        let format = self.out.as_deref().and_then(Format::of_name);
        let all = Span::Range(first, When::Today);
        self.feed
            .ask(self.source.clone(), all, format.unwrap_or(Format::Csv))
    }
}

/// The days that a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Days {
    /// Only the day D (YYYY-MM-DD)
    #[arg(long, value_name = "D", conflicts_with_all = ["from", "to"])]
    date: Option<Day>,
    /// From the day D on [default: the first]
    #[arg(long, value_name = "D")]
    from: Option<Day>,
    /// Up to the day D [default: the last]
    #[arg(long, value_name = "D")]
    to: Option<Day>,
}

impl Days {
    /// The first and last day, where there is one.
    ///
    /// # Errors
    /// When the last is before the first.
    pub fn bounds(self) -> Result<(Option<Day>, Option<Day>), String> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if from > to => Err(format!(
                "--from {from} is after --to {to}; exchange the two"
            )),
            _ => Ok((self.date.or(self.from), self.date.or(self.to))),
        }
    }
}

impl Args {
    /// The command, also when none was given.
    #[must_use]
    pub fn command(&self) -> Command {
        self.command.clone().unwrap_or(Command::Serve)
    }

    /// What the flags say about the configuration.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            listen: self.listen.clone(),
            output: self.output.clone(),
        }
    }
}

fn with_environment(example: &str) -> String {
    format!("{example}\n\n{ENVIRONMENT}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split(' '))
    }

    #[test]
    fn options_stand_before_or_after_the_command() {
        let overrides = Overrides {
            config: Some("c.toml".into()),
            listen: Some("127.0.0.1:1".into()),
            output: Some("out".into()),
        };
        let (config, rest) = ("--config c.toml", "--listen 127.0.0.1:1 --output out");
        for (line, command) in [
            (format!("rowhook {config} {rest}"), Command::Serve),
            (format!("rowhook serve {config} {rest}"), Command::Serve),
            (format!("rowhook {config} serve {rest}"), Command::Serve),
            (format!("rowhook {config} {rest} check"), Command::Check),
            (format!("rowhook {rest} check {config}"), Command::Check),
        ] {
            let args = parse(&line).unwrap();
            assert_eq!(args.command(), command, "{line}");
            assert_eq!(args.overrides(), overrides, "{line}");
        }
        let nothing = parse("rowhook").unwrap();
        assert_eq!(nothing.command(), Command::Serve);
        assert_eq!(nothing.overrides(), Overrides::default());
    }

    #[test]
    fn wrong_usage_is_exit_2_and_help_is_exit_0() {
        for (line, code) in [
            ("rowhook --help", 0),
            ("rowhook check --help", 0),
            ("rowhook --version", 0),
            ("rowhook chekc", 2),
            ("rowhook --lisen 127.0.0.1:1", 2),
            ("rowhook --config", 2),
            ("rowhook --output=", 2),
            ("rowhook check more", 2),
            ("rowhook import --source a", 2),
            ("rowhook import --source A x", 2),
            ("rowhook import x", 2),
            ("rowhook rebuild --date 2026-11-31", 2),
            ("rowhook rebuild --date 2026-11-30 --to 2026-11-30", 2),
            ("rowhook link --help", 0),
            ("rowhook verify --help", 0),
            ("rowhook export", 2),
            ("rowhook export --source a --date today --to today", 2),
            ("rowhook verify --source ../x", 2),
            ("rowhook verify --date 2026-11-31", 2),
            ("rowhook verify --date 2026-11-30 --to 2026-11-30", 2),
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), code, "{line}");
        }
    }

    #[test]
    fn every_help_has_an_example_the_variables_and_the_exit_codes() {
        for line in [
            "rowhook --help",
            "rowhook serve --help",
            "rowhook check --help",
            "rowhook rebuild --help",
            "rowhook import --help",
            "rowhook link --help",
            "rowhook verify --help",
            "rowhook export --help",
        ] {
            let help = parse(line).unwrap_err().to_string();
            for part in [
                "Example:\n",
                ENVIRONMENT,
                "--config <FILE>",
                "[env: ROWHOOK_LISTEN]",
            ] {
                assert!(help.contains(part), "{line} lacks {part}:\n{help}");
            }
        }
    }

    #[test]
    fn help() {
        insta::assert_snapshot!(parse("rowhook check --help").unwrap_err(), @r"
        Check the configuration, print what would run, and exit with 0 or 2

        Usage: rowhook check [OPTIONS]

        Options:
              --config <FILE>  Read the configuration from FILE (TOML) [env: ROWHOOK_CONFIG] [default: none]
              --listen <ADDR>  Listen on ADDR, an IP address and a port (0: a free one) [env: ROWHOOK_LISTEN] [default: 127.0.0.1:8080]
              --output <DIR>   Write tables, journal and state into the folder DIR [env: ROWHOOK_OUTPUT] [default: output]
          -h, --help           Print help

        Example:
          rowhook check --config /etc/rowhook.toml && systemctl reload rowhook
          Secrets are looked up and checked, and never printed.

        Environment:
          ROWHOOK_CONFIG          the configuration file, as --config
          ROWHOOK_LISTEN          the address to listen on, as --listen
          ROWHOOK_OUTPUT          the folder to write to, as --output
          ROWHOOK_LOG             what to log, for example info or rowhook=debug
          ROWHOOK_TOKEN           the token that reading needs; without it one is made at the first start
          LESSONLY_AUTHORIZATION  the Authorization header that Lessonly sends
        A flag beats the environment, which beats the file, which beats the default.

        Exit codes: 0 fine, 1 failed at work, 2 wrong usage or configuration
        ");
    }
}
