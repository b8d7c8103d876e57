//! Links: what whoever holds the output directory does about them, and what
//! the asking end prints.

use super::ask::{Ask, AskError, Outcome, RELEASE, print, unexpected};
use super::protocol::{Answer, Command, put};
use crate::engine::Engine;
use crate::event::{SourceName, Timestamp};
use crate::links::{Link, LinkError};
use std::io::{self, BufRead, Write};

/// Makes a link to `feed`, which is one of `source`.
pub(super) fn make(
    engine: &Engine,
    source: &SourceName,
    feed: &str,
    expires_at: Option<Timestamp>,
) -> Answer {
    match engine.make_link(source, feed, expires_at) {
        Ok(link) => {
            let (address, everywhere) = engine.address();
            let url = format!("{address}{link}");
            Answer::LinkMade { url, everywhere }
        }
        Err(error) if error.is_wish() => Answer::Wrong(error.to_string()),
        Err(error) => Answer::Failed(error.to_string()),
    }
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
    Answer::Failed(error.to_string())
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
        print(&mut self.out, &url)?;
        if !everywhere {
            // Where standard error is full or closed there is nobody to tell.
            let _ = writeln!(
                io::stderr(),
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
                print(
                    &mut self.out,
                    &format_args!("{id} is revoked; it opened {feed}"),
                )?;
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
                    let state = link.state(now);
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

    fn row(&mut self, cells: [&str; 5]) -> Result<(), AskError> {
        let [id, state, made, end, feed] = cells;
        let row = format_args!("{id:<10}  {state:<7}  {made:<24}  {end:<24}  {feed}");
        print(&mut self.out, &row)
    }
}
