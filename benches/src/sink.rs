//! A target outside of the daemon that remembers the keys of what it is asked, as a payment service does.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, bail};

/// The header that a key comes in, in small letters.
const KEY_HEADER: &str = "idempotency-key";

/// Longest head of a request, in bytes.
const HEAD_MAX: u64 = 16 << 10;

/// What every request gets.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

/// How often each key came; `None` is a request without one.
pub(crate) type Keys = BTreeMap<Option<String>, usize>;

/// A sink of this process, until it ends.
pub(crate) struct Sink(Arc<Mutex<Keys>>);

impl Sink {
    /// Listens on a port of the loopback address, in threads of its own.
    ///
    /// # Errors
    /// When the port is taken.
    pub(crate) fn listen(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).context("the sink cannot listen")?;
        let sink = Self(Arc::default());
        let keys = Arc::clone(&sink.0);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let keys = Arc::clone(&keys);
                // A request that breaks off has no key, and is missed in the end.
                thread::spawn(move || drop(answer(stream, &keys)));
            }
        });
        Ok(sink)
    }

    /// How often each key has come so far.
    pub(crate) fn keys(&self) -> Keys {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reads one request to its end, remembers its key, and answers.
fn answer(stream: TcpStream, keys: &Mutex<Keys>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let head = head(&mut reader)?;
    let len = value(&head, "content-length").map_or(Ok(0), str::parse).context("a length is none")?;
    reader.take(len).read_to_end(&mut Vec::new())?;
    let key = value(&head, KEY_HEADER).map(str::to_owned);
    *keys.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    (&stream).write_all(ANSWER).context("nobody waits for the answer")
}

/// The lines of a request's head, without the first.
fn head(reader: &mut BufReader<TcpStream>) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for line in reader.take(HEAD_MAX).lines() {
        let line = line?;
        if line.is_empty() {
            return Ok(lines);
        }
        lines.push(line);
    }
    bail!("the head of a request has no end")
}

/// The value of a header.
fn value<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    let fields = head.iter().filter_map(|line| line.split_once(':'));
    fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(port: u16, head: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        write!(stream, "POST /v1 HTTP/1.1\r\nHost: x\r\n{head}content-length: 3\r\n\r\nabc").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn keys_are_counted() {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let sink = Sink::listen(free).unwrap();
        for head in ["Idempotency-Key: a\r\n", "IDEMPOTENCY-KEY: a\r\n", "idempotency-key:b\r\n", ""] {
            assert!(ask(free, head).ends_with("ok"), "{head}");
        }
        let wanted = [(None, 1), (Some("a".to_owned()), 2), (Some("b".to_owned()), 1)];
        assert_eq!(sink.keys(), Keys::from(wanted));
    }
}
