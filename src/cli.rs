//! The command line: which commands and options there are, and their help.
//! Promises no work: what is given is handed on. The environment is read, and
//! every value checked, by the configuration.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::Overrides;
use crate::event::{Day, SourceName};

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
  The file is there whole or not at all. Without -o the bytes go to standard output. Nothing below the
  output directory is written, and no lock is taken."))]
    Export(Export),
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
    /// The source whose rows are wanted
    #[arg(long, value_name = "S", value_parser = SourceName::new)]
    pub source: SourceName,
    /// Which of them, and as what.
    #[command(flatten)]
    pub wanted: Wanted,
    /// Write into FILE, which is replaced [default: standard output]
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Which days, and as what: the same words as in a URL.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Wanted {
    /// Only the day D: YYYY-MM-DD, today, yesterday or latest
    #[arg(long, value_name = "D", conflicts_with_all = ["from", "to"])]
    pub date: Option<String>,
    /// From the day D on: YYYY-MM-DD, today, yesterday or -30d [default: the first]
    #[arg(long, value_name = "D", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Up to the day D [default: today]
    #[arg(long, value_name = "D", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// csv, csv.gz, xlsx or jsonl [default: what the file's name ends with, else csv]
    #[arg(long, value_name = "F")]
    pub format: Option<String>,
    /// These columns, in this order: names between commas
    #[arg(long, value_name = "NAMES")]
    pub columns: Option<String>,
    /// A view of the rows, such as latest, best or matrix
    #[arg(long, value_name = "V")]
    pub view: Option<String>,
    /// For whom a CSV is meant: plain or excel
    #[arg(long, value_name = "P")]
    pub profile: Option<String>,
    /// With the profile excel, what stands between cells: comma, semicolon or tab
    #[arg(long, value_name = "D")]
    pub delimiter: Option<String>,
    /// With the profile excel, what stands before a fraction: point or comma
    #[arg(long, value_name = "D")]
    pub decimal: Option<String>,
    /// The zone of dates, such as Europe/Berlin [default: the configured one]
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
}

impl Wanted {
    /// The parameters besides days and format, as in a URL.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, String)> {
        let all = [
            ("profile", &self.profile),
            ("delimiter", &self.delimiter),
            ("decimal", &self.decimal),
            ("columns", &self.columns),
            ("view", &self.view),
            ("tz", &self.tz),
        ];
        let given = all
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        given.collect()
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
    #[must_use]
    pub fn bounds(self) -> (Option<Day>, Option<Day>) {
        (self.date.or(self.from), self.date.or(self.to))
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
