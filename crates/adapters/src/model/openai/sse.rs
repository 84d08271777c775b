//! Server-sent events (WHATWG HTML, *server-sent events*), from bytes in any pieces. Pure.
//!
//! Stricter than a browser in one thing: a line that is no field of an event is refused, where a browser would pass it over; what
//! it was would be missing from the answer.

/// What is read so far.
#[derive(Debug)]
pub(super) struct Parser {
    line: Vec<u8>,
    data: Option<String>,
    after_cr: bool,
    first: bool,
    line_len_max: usize,
    event_len_max: usize,
}

/// Why a stream is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// A line or the lines of one event are too long.
    #[error("a line or an event of the stream is too long")]
    TooLong,
    /// A line is not UTF-8.
    #[error("a line of the stream is not UTF-8")]
    Encoding,
    /// A line is no field.
    #[error("a line of the stream is no field of an event")]
    Garbage,
}

/// Fields beside `data`; what they say is not needed.
const OTHER_FIELDS: [&str; 3] = ["event", "id", "retry"];

impl Parser {
    /// A parser with limits in bytes.
    #[must_use]
    pub(super) const fn new(line_len_max: usize, event_len_max: usize) -> Self {
        Self { line: Vec::new(), data: None, after_cr: false, first: true, line_len_max, event_len_max }
    }

    /// Takes the next bytes; answers the data of every event that ended in them.
    ///
    /// # Errors
    /// [`Error`]; the stream is of no use from then on.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, Error> {
        let mut events = Vec::new();
        let mut rest = bytes;
        if self.after_cr && !rest.is_empty() {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            self.after_cr = false;
        }
        while let Some(at) = rest.iter().position(|b| matches!(b, b'\n' | b'\r')) {
            let (line, ending) = rest.split_at(at);
            self.extend(line)?;
            self.end_line(&mut events)?;
            rest = match ending {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                [_, rest @ ..] => rest,
                [] => &[],
            };
        }
        self.extend(rest)?;
        Ok(events)
    }

    /// The data of an event that the end of the stream left without its empty line.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub(super) fn end(mut self) -> Result<Option<String>, Error> {
        let mut events = Vec::new();
        if !self.line.is_empty() {
            self.end_line(&mut events)?;
        }
        Ok(self.data.take())
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.line.len().saturating_add(bytes.len()) > self.line_len_max {
            return Err(Error::TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<String>) -> Result<(), Error> {
        let line = std::mem::take(&mut self.line);
        let line = std::str::from_utf8(&line).map_err(|_| Error::Encoding)?;
        let line = if std::mem::take(&mut self.first) { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        if line.is_empty() {
            events.extend(self.data.take());
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            return self.add(value.strip_prefix(' ').unwrap_or(value));
        }
        // Nothing before the colon is a comment: servers send some to keep a connection alive.
        if field.is_empty() || OTHER_FIELDS.contains(&field) { Ok(()) } else { Err(Error::Garbage) }
    }

    fn add(&mut self, value: &str) -> Result<(), Error> {
        let data = match self.data.take() {
            Some(data) => data + "\n" + value,
            None => value.to_owned(),
        };
        if data.len() > self.event_len_max {
            return Err(Error::TooLong);
        }
        self.data = Some(data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The events of a stream that comes in pieces of one size, the last without its empty line too.
    fn read(bytes: &[u8], size: usize) -> Result<Vec<String>, Error> {
        let mut parser = Parser::new(100, 150);
        let mut events = Vec::new();
        for piece in bytes.chunks(size) {
            events.extend(parser.push(piece)?);
        }
        events.extend(parser.end()?);
        Ok(events)
    }

    #[test]
    fn streams() {
        let long = format!("data: {}\n\n", "a".repeat(95));
        let wide = format!("data: {}\n", "a".repeat(90)).repeat(2) + "\n";
        for (text, events) in [
            ("", Ok(vec![])),
            ("data: a\n\ndata:b\r\n\r\ndata:  c\r\r", Ok(vec!["a", "b", " c"])),
            ("data: a\ndata: b\n\n", Ok(vec!["a\nb"])),
            ("data\n\n", Ok(vec![""])),
            (": ping\n\n\n\n:\ndata: ä→😀\n\n", Ok(vec!["ä→😀"])),
            ("\u{feff}data: a\n\n", Ok(vec!["a"])),
            ("event: x\nid: 1\nretry: 5\ndata: a\n\n", Ok(vec!["a"])),
            ("data: [DONE]", Ok(vec!["[DONE]"])),
            ("data: a\n\ndata: b\n", Ok(vec!["a", "b"])),
            ("<html>\n", Err(Error::Garbage)),
            ("data: a\n\nrubbish", Err(Error::Garbage)),
            ("data : a\n", Err(Error::Garbage)),
            (&long, Err(Error::TooLong)),
            (&wide, Err(Error::TooLong)),
        ] {
            let events = events.map(|events| events.into_iter().map(str::to_owned).collect::<Vec<_>>());
            for size in [1, 2, 3, 7, 1_000] {
                assert_eq!(read(text.as_bytes(), size), events, "{text} in pieces of {size}");
            }
        }
        assert_eq!(read(b"data: \xff\n\n", 1), Err(Error::Encoding));
        assert_eq!(read(&[b'a'; 101], 50), Err(Error::TooLong), "before its end");
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'd'), Just(b':'), any::<u8>()], 0..200), size in 1_usize..9) {
            prop_assert_eq!(read(&bytes, size), read(&bytes, 1_000));
        }

        #[test]
        fn what_is_sent_is_read(texts in prop::collection::vec("[^\r\n]{0,20}", 0..9), size in 1_usize..9) {
            let stream: String = texts.iter().map(|text| format!("data: {text}\n\n")).collect();
            prop_assert_eq!(read(stream.as_bytes(), size), Ok(texts));
        }
    }
}
