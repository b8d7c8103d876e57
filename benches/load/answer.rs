//! The little of an HTTP/1.1 response that the generator looks at.

use memchr::memchr;

/// A whole response, borrowed from the bytes read.
#[derive(Debug, PartialEq)]
pub struct Answer<'a> {
    pub status: u16,
    /// The server will close this connection.
    pub close: bool,
    pub body: &'a [u8],
}

/// The response at the start of `bytes`; `None` while more is to come.
///
/// # Errors
///
/// What the generator cannot follow: not HTTP/1.1, an interim response, or a body without a Content-Length.
pub fn parse(bytes: &[u8]) -> Result<Option<Answer<'_>>, &'static str> {
    let Some((line, mut rest)) = split_line(bytes) else {
        return Ok(None);
    };
    let status = status(line).ok_or("not an HTTP/1.1 status line")?;
    let mut length = matches!(status, 204 | 304).then_some(0);
    let mut close = false;
    loop {
        let Some((line, after)) = split_line(rest) else {
            return Ok(None);
        };
        rest = after;
        if line.is_empty() {
            break;
        }
        if let Some(value) = value_of(line, b"content-length") {
            length = Some(number(value).ok_or("a Content-Length that is not a number")?);
        } else if let Some(value) = value_of(line, b"connection") {
            close = value.eq_ignore_ascii_case(b"close");
        }
    }
    let length = length.ok_or("a response without a Content-Length")?;
    Ok(rest.get(..length).map(|body| Answer {
        status,
        close,
        body,
    }))
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b'\n', bytes)?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
}

fn status(line: &[u8]) -> Option<u16> {
    let digits = line.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let status = u16::try_from(number(digits)?).ok()?;
    (status >= 200).then_some(status)
}

fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (head, tail) = line.split_at_checked(name.len())?;
    let value = tail.strip_prefix(b":")?;
    head.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

fn number(digits: &[u8]) -> Option<usize> {
    str::from_utf8(digits).ok()?.parse().ok()
}
