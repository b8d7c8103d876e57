//! Links: what whoever holds the output directory does about them, and what
//! the asking end prints.

use super::ask::{Ask, AskError, Outcome, RELEASE, unexpected};
use super::protocol::{Answer, Command, put};
use super::session::knows;
use crate::engine::Engine;
use crate::event::{SourceName, Timestamp, nearest};
use crate::links::{Ended, Link, LinkError};
use std::io::{self, BufRead, Write};

/// Makes a link to `feed`, which is one of `source`.
pub(super) fn make(
    engine: &Engine,
    source: &SourceName,
    feed: &str,
    expires_at: Option<Timestamp>,
) -> Answer {
    if !knows(engine, source) {
        return Answer::Wrong(no_source(engine, source));
    }
    let link = match engine.links.make(feed, expires_at, Timestamp::now()) {
        Ok(link) => link,
        Err(error) => return failed(&error),
    };
    let (address, everywhere) = engine.address();
    let and = if feed.contains('?') { '&' } else { '?' };
    let url = format!("{address}{feed}{and}link={link}");
    Answer::LinkMade { url, everywhere }
}

fn no_source(engine: &Engine, source: &SourceName) -> String {
    let live = engine.live();
    let known = || live.settings.sources.keys().map(SourceName::as_str);
    let meant = nearest(source.as_str(), known());
    let meant = meant.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"));
    let known = known().collect::<Vec<_>>().join(", ");
    format!("there is no source `{source}`{meant}; configured: {known}")
}

/// Lets the link `id` open nothing any more.
pub(super) fn revoke(engine: &Engine, id: &str) -> Answer {
    match engine.links.revoke(id, Timestamp::now()) {
        Ok(link) => Answer::Link(link),
        Err(error) => failed(&error),
    }
}

/// Tells all links.
pub(super) fn list(engine: &Engine, to: &mut impl Write) -> io::Result<()> {
    match engine.links.all() {
        Ok(links) => {
            for link in links {
                put(to, &Answer::Link(link))?;
            }
            put(to, &Answer::Done)
        }
        Err(error) => put(to, &failed(&error)),
    }
}

fn failed(error: &LinkError) -> Answer {
    match error {
        LinkError::TooLong | LinkError::Over(_) => Answer::Wrong(error.to_string()),
        error => Answer::Failed(error.to_string()),
    }
}

impl<R: BufRead, W: Write + Send + 'static, O: Write> Ask<R, W, O> {
    /// Has a link made and prints it, alone on standard output.
    ///
    /// # Errors
    /// When there is none.
    pub fn make_link(
        mut self,
        source: &SourceName,
        feed: String,
        expires_at: Option<Timestamp>,
    ) -> Result<Outcome, AskError> {
        let command = Command::MakeLink {
            release: RELEASE.into(),
            source: source.clone(),
            feed,
            expires_at,
        };
        self.tell(|to| put(to, &command))?;
        let (url, everywhere) = match self.answer(&mut Vec::new())? {
            Answer::LinkMade { url, everywhere } => (url, everywhere),
            other => return Err(unexpected(other)),
        };
        writeln!(self.out, "{url}")?;
        if !everywhere {
            eprintln!(
                "note: public_url is not set, so this address may hold on this machine alone; the link opens under \
                 any address of this server"
            );
        }
        Ok(Outcome::Done)
    }

    /// Has a link revoked.
    ///
    /// # Errors
    /// When it is not.
    pub fn revoke_link(mut self, id: String) -> Result<Outcome, AskError> {
        let release = RELEASE.into();
        let command = Command::RevokeLink { release, id };
        self.tell(|to| put(to, &command))?;
        match self.answer(&mut Vec::new())? {
            Answer::Link(Link { id, feed, .. }) => {
                writeln!(self.out, "{id} is revoked; it opened {feed}")?;
                Ok(Outcome::Done)
            }
            other => Err(unexpected(other)),
        }
    }

    /// Prints all links, the newest last.
    ///
    /// # Errors
    /// When they cannot be told.
    pub fn list_links(mut self) -> Result<Outcome, AskError> {
        let command = Command::ListLinks {
            release: RELEASE.into(),
        };
        self.tell(|to| put(to, &command))?;
        let (mut buffer, now) = (Vec::new(), Timestamp::now());
        self.row(["ID", "STATE", "MADE", "EXPIRES", "FEED"])?;
        loop {
            match self.answer(&mut buffer)? {
                Answer::Link(link) => {
                    let state = match link.ended(now) {
                        None => "open",
                        Some(Ended::Expired(_)) => "expired",
                        Some(Ended::Revoked(_)) => "revoked",
                    };
                    let made = link.made_at.to_string();
                    let end = link.expires_at;
                    let end = end.map_or_else(|| "never".to_owned(), |end| end.to_string());
                    self.row([&link.id, state, &made, &end, &link.feed])?;
                }
                Answer::Done => return Ok(Outcome::Done),
                other => return Err(unexpected(other)),
            }
        }
    }

    fn row(&mut self, cells: [&str; 5]) -> io::Result<()> {
        let [id, state, made, end, feed] = cells;
        writeln!(
            self.out,
            "{id:<10}  {state:<7}  {made:<24}  {end:<24}  {feed}"
        )
    }
}
