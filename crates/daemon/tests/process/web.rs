//! A small web server on loopback, whose answers a test decides.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A request, read to its end.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// An answer: status, headers, body.
pub(crate) type Response = (u16, Vec<(String, String)>, Vec<u8>);

/// An answer with a body of this kind.
pub(crate) fn page(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Response {
    (status, vec![("Content-Type".to_owned(), kind.to_owned())], body.into())
}

/// A server; it ends with this.
#[derive(Debug)]
pub(crate) struct Web {
    pub(crate) port: u16,
    ended: Arc<AtomicBool>,
}

impl Web {
    /// One that answers like this; each connection has a thread and one request.
    pub(crate) fn serve(answer: impl Fn(u16, &Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (ended, answer) = (Arc::new(AtomicBool::new(false)), Arc::new(answer));
        let is_ended = Arc::clone(&ended);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if is_ended.load(Ordering::Relaxed) {
                    return;
                }
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || {
                    // Somebody who hangs up has no answer.
                    let _gone = stream.and_then(|stream| one(&stream, &|request| answer(port, request)));
                });
            }
        });
        Self { port, ended }
    }

    /// An address on it.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn one(stream: &TcpStream, answer: &dyn Fn(&Request) -> Response) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(stream);
    let request = read(&mut reader)?;
    let (status, headers, body) = answer(&request);
    let mut out = stream;
    write!(out, "HTTP/1.1 {status} Said\r\nContent-Length: {}\r\nConnection: close\r\n", body.len())?;
    for (name, value) in headers {
        write!(out, "{name}: {value}\r\n")?;
    }
    out.write_all(b"\r\n")?;
    out.write_all(&body)?;
    out.flush()
}

fn line(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn read(reader: &mut impl BufRead) -> std::io::Result<Request> {
    let first = line(reader)?;
    let mut words = first.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let (path, query) =
        words.next().unwrap_or_default().split_once('?').unwrap_or((first.split(' ').nth(1).unwrap_or_default(), ""));
    let mut request = Request { method, path: path.to_owned(), query: query.to_owned(), ..Request::default() };
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        request.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    if request.header("Expect").is_some() {
        return Ok(request);
    }
    if request.header("Transfer-Encoding").is_some() {
        loop {
            let len = usize::from_str_radix(line(reader)?.trim(), 16).unwrap_or_default();
            let mut chunk = vec![0; len];
            reader.read_exact(&mut chunk)?;
            line(reader)?;
            if len == 0 {
                break;
            }
            request.body.extend(chunk);
        }
    } else if let Some(len) = request.header("Content-Length").and_then(|len| len.parse().ok()) {
        request.body = vec![0; len];
        reader.read_exact(&mut request.body)?;
    }
    Ok(request)
}
