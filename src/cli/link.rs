//! `rowhook link`: what is to be done with links, and until when one opens.

use super::Feed;
use crate::event::{SourceName, Timestamp};
use crate::links::Expires;
use crate::read::ask::Format;
use crate::read::{Ask, DayName, Span};
use chrono_tz::Tz;

/// What `rowhook link` is given.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct LinkArgs {
    /// Whose rows
    #[arg(long, value_name = "S", value_parser = SourceName::new, required_unless_present_any = ["revoke", "list"])]
    source: Option<SourceName>,
    /// Which days, as what.
    #[command(flatten)]
    feed: Feed,
    /// Until when it opens: 90d, 12h, or the day YYYY-MM-DD to its end [default: until it is revoked]
    #[arg(long, value_name = "E")]
    expires: Option<Expires>,
    /// Let the link ID open nothing any more; its whole address does as well
    #[arg(long, value_name = "ID", conflicts_with_all = ["source", "feed", "expires", "list"])]
    revoke: Option<String>,
    /// List all links
    #[arg(long, conflicts_with_all = ["source", "feed", "expires"])]
    list: bool,
}

/// What is to be done with links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkWish {
    /// One made.
    Make {
        /// What it opens.
        feed: Ask,
        /// Until when.
        expires_at: Option<Timestamp>,
    },
    /// One revoked.
    Revoke(String),
    /// All told.
    List,
}

impl LinkArgs {
    /// What is meant at `now` in `zone`.
    ///
    /// # Errors
    /// When the options do not go together.
    pub fn wish(&self, now: Timestamp, zone: Tz) -> Result<LinkWish, String> {
        let source = match (&self.revoke, &self.source) {
            (Some(id), _) => return Ok(LinkWish::Revoke(id_of(id).to_owned())),
            (None, Some(source)) => source.clone(),
            (None, None) => return Ok(LinkWish::List),
        };
        let feed = self
            .feed
            .ask(source, Span::Day(DayName::Latest), Format::Csv)?;
        let days = feed.days(now.day(zone), None);
        days.map_err(|error| self.feed.by_flags(&error.to_string()))?;
        let expires_at = self.expires.map(|expires| expires.at(now, zone));
        if expires_at.is_some_and(|end| end <= now) {
            return Err("`--expires` is over already; give a later day".into());
        }
        Ok(LinkWish::Make { feed, expires_at })
    }
}

/// The id of a link; also of one that is given whole, as it was printed.
fn id_of(text: &str) -> &str {
    let link = text.split_once("link=").map_or(text, |(_, link)| link);
    link.split('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{Args, Command};
    use super::*;
    use clap::Parser as _;

    fn args(line: &str) -> Result<LinkArgs, clap::Error> {
        let line = format!("rowhook link {line}");
        match Args::try_parse_from(line.split_whitespace())?.command() {
            Command::Link(args) => Ok(*args),
            other => panic!("{other:?}"),
        }
    }

    fn wish(line: &str) -> Result<LinkWish, String> {
        let now = Timestamp::parse(b"2026-11-23T12:00:00.000Z").unwrap();
        args(line).unwrap().wish(now, Tz::Europe__Berlin)
    }

    #[track_caller]
    fn made(line: &str) -> (String, String) {
        match wish(line).unwrap() {
            LinkWish::Make { feed, expires_at } => (
                feed.url(),
                expires_at.map_or_else(|| "never".into(), |end| end.to_string()),
            ),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn feeds() {
        for (line, feed) in [
            ("", "/exports/a/latest.csv"),
            ("--date today --format xlsx", "/exports/a/today.xlsx"),
            (
                "--date 2026-11-23 --format csv.gz",
                "/exports/a/2026-11-23.csv.gz",
            ),
            ("--from -30d", "/exports/a.csv?from=-30d&to=today"),
            (
                "--from -30d --to -1d --format jsonl",
                "/exports/a.jsonl?from=-30d&to=-1d",
            ),
            (
                "--from=-7d --to yesterday",
                "/exports/a.csv?from=-7d&to=yesterday",
            ),
            (
                "--columns b,a --view v",
                "/exports/a/latest.csv?columns=b,a&view=v",
            ),
            (
                "--profile excel --decimal comma --tz Europe/Berlin",
                "/exports/a/latest.csv?profile=excel&delimiter=semicolon&decimal=comma&tz=Europe/Berlin",
            ),
        ] {
            let line = format!("--source a {line}");
            assert_eq!(made(&line), (feed.to_owned(), "never".to_owned()), "{line}");
        }
    }

    #[test]
    fn ends() {
        for (given, end) in [
            ("90d", "2027-02-21T12:00:00.000Z"),
            ("12h", "2026-11-24T00:00:00.000Z"),
            ("2026-11-23", "2026-11-23T23:00:00.000Z"),
            ("2026-12-31", "2026-12-31T23:00:00.000Z"),
            ("100000000d", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(
                made(&format!("--source a --expires {given}")).1,
                end,
                "{given}"
            );
        }
        let over = wish("--source a --expires 2026-11-22").unwrap_err();
        assert_eq!(over, "`--expires` is over already; give a later day");
        for bad in [
            "0d",
            "90",
            "d",
            "+1d",
            "1w",
            "-1d",
            "4294967295d",
            "2026-13-01",
        ] {
            let error = args(&format!("--source a --expires={bad}")).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{bad}");
        }
    }

    #[test]
    fn what_does_not_go_together() {
        for line in [
            "",
            "--source A",
            "--source a --to today",
            "--source a --date today --from today",
            "--source a --date -30d",
            "--source a --from latest",
            "--source a --format pdf",
            "--source a --list",
            "--list --revoke x",
            "--list --date today",
            "--revoke x --source a",
            "--revoke x --format csv",
            "--revoke",
        ] {
            assert_eq!(args(line).unwrap_err().exit_code(), 2, "{line}");
        }
        for (line, why) in [
            ("--delimiter tab", "`--delimiter` needs --profile excel"),
            (
                "--profile exel",
                "`--profile` cannot be \"exel\"; allowed are plain, excel",
            ),
            (
                "--tz Berlin --profile excel",
                "`--tz` cannot be \"Berlin\"; use an IANA name such as UTC, Europe/Berlin or America/New_York",
            ),
            (
                "--profile excel --format jsonl",
                "`--profile` needs CSV; leave it out",
            ),
            (
                "--columns a,a",
                "`--columns` is no list of names; put commas between them, each once, and one that has a comma in it in double quotes",
            ),
            (
                "--from 2026-01-02 --to 2026-01-01",
                "`--from` is 2026-01-02, which is after `--to`, 2026-01-01; exchange the two",
            ),
            (
                "--from today --to -30d",
                "`--from` is 2026-11-23, which is after `--to`, 2026-10-24; exchange the two",
            ),
        ] {
            assert_eq!(
                wish(&format!("--source a {line}")).unwrap_err(),
                why,
                "{line}"
            );
        }
    }

    #[test]
    fn the_others() {
        assert_eq!(wish("--list"), Ok(LinkWish::List));
        let id = Ok(LinkWish::Revoke("0123456789".into()));
        for given in [
            "0123456789",
            "0123456789.abc",
            "http://x/exports/a/today.csv?link=0123456789.abc",
        ] {
            assert_eq!(wish(&format!("--revoke {given}")), id);
        }
    }
}
