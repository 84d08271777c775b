//! Where the browser comes back: one answer on 127.0.0.1 (RFC 8252 §7.3).

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::callback::{self, Expected, QUERY_LEN_MAX};
use super::error::Error;

/// The path of the answer.
const PATH: &str = "/callback";

/// Longest head of a request, in bytes: the query, and what browsers say of themselves.
const HEAD_LEN_MAX: usize = QUERY_LEN_MAX + (16 << 10);

/// Time for one request, from the connection to its last byte; browsers open connections that they never use.
const REQUEST_MAX: Duration = Duration::from_secs(5);

/// Connections at once; more than a browser opens.
const CONNECTIONS_MAX: usize = 16;

/// What the page says once the answer is here; it shows nothing of what was sent.
const DONE: (&str, &str) = ("200 OK", "You can close this window and go back to the terminal.");
const REFUSED: (&str, &str) = ("200 OK", "The login did not succeed; the terminal says why.");
const FOREIGN: (&str, &str) = ("400 Bad Request", "This is no answer to the login that is under way.");
const ELSEWHERE: (&str, &str) = ("404 Not Found", "There is nothing here.");

/// The place to which the browser comes back.
#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    port: u16,
}

impl Listener {
    /// Takes a free port, or this one.
    pub(super) async fn bind(port: Option<u16>) -> Result<Self, Error> {
        let cannot = |source| Error::Local { what: "cannot listen on 127.0.0.1 for the browser to come back", source };
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await.map_err(cannot)?;
        let port = socket.local_addr().map_err(cannot)?.port();
        Ok(Self { socket, port })
    }

    /// The address to which the issuer sends the browser.
    pub(super) fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// The code of the first answer that belongs to this login; whatever else comes is turned away.
    pub(super) async fn code(self, expected: &Expected<'_>) -> Result<String, Error> {
        let mut requests: JoinSet<Option<(TcpStream, String)>> = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(done) = requests.join_next() => {
                    let Ok(Some((stream, target))) = done else { continue };
                    if let Some(answer) = judged(stream, &target, expected).await {
                        return answer;
                    }
                }
                accepted = self.socket.accept(), if requests.len() < CONNECTIONS_MAX => {
                    if let Ok((stream, _)) = accepted {
                        requests.spawn(request(stream));
                    }
                }
            }
        }
    }
}

/// Answers a request; the result is there when it was this login's.
async fn judged(mut stream: TcpStream, target: &str, expected: &Expected<'_>) -> Option<Result<String, Error>> {
    let query = target.strip_prefix(PATH).and_then(|rest| rest.strip_prefix('?'));
    let Some(query) = query else {
        say(&mut stream, ELSEWHERE).await;
        return None;
    };
    if !callback::is_ours(query, expected) {
        say(&mut stream, FOREIGN).await;
        return None;
    }
    let answer = callback::code(query, expected);
    say(&mut stream, if answer.is_ok() { DONE } else { REFUSED }).await;
    Some(answer)
}

/// The target of a GET request, with the stream to answer on; nothing for whatever else was sent.
async fn request(mut stream: TcpStream) -> Option<(TcpStream, String)> {
    let head = tokio::time::timeout(REQUEST_MAX, head(&mut stream)).await.ok()??;
    let target = head.lines().next()?.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?.to_owned();
    Some((stream, target))
}

async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        head.extend_from_slice(chunk.get(..read)?);
        if head.len() > HEAD_LEN_MAX {
            return None;
        }
    }
    String::from_utf8(head).ok()
}

async fn say(stream: &mut TcpStream, (status, text): (&str, &str)) {
    let page = format!("<!doctype html><meta charset=utf-8><title>ScalBotics</title><p>{text}</p>\n");
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\nreferrer-policy: no-referrer\r\ncontent-security-policy: default-src 'none'\r\nconnection: close\r\n\r\n{page}",
        page.len()
    );
    // The answer of the browser counts whether it reads ours or not.
    let _said = tokio::time::timeout(REQUEST_MAX, async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(port: u16, request: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _reset = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn strangers_are_turned_away_and_the_answer_counts_once() {
        let listener = Listener::bind(None).await.unwrap();
        let port = listener.port;
        assert_eq!(listener.redirect_uri(), format!("http://127.0.0.1:{port}/callback"));
        let idle = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let expected = Expected { state: "s", issuer: "https://i", names_itself: false };
        let strangers = async {
            for (request, answer) in [
                ("GET /favicon.ico HTTP/1.1\r\n\r\n", "HTTP/1.1 404 "),
                ("GET /callback HTTP/1.1\r\n\r\n", "HTTP/1.1 404 "),
                ("GET /callback?code=evil&state=t HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "),
                ("POST /callback?code=evil&state=s HTTP/1.1\r\n\r\n", ""),
                ("GET /callback?code=evil&state=s HTTP/1.0\r\n\r\n", ""),
                (&format!("GET /callback?state=s&code={} HTTP/1.1\r\n\r\n", "x".repeat(HEAD_LEN_MAX)), ""),
            ] {
                let found = sent(port, request).await;
                assert!(found.starts_with(answer) && found.is_empty() == answer.is_empty(), "{found}");
            }
            sent(port, "GET /callback?code=c&state=s HTTP/1.1\r\nhost: x\r\n\r\n").await
        };
        let (code, page) = tokio::join!(listener.code(&expected), strangers);
        assert_eq!(code.unwrap(), "c");
        assert!(page.starts_with("HTTP/1.1 200 OK") && page.contains("default-src 'none'") && !page.contains("code=c"));
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err(), "nobody listens any more");
        drop(idle);
    }
}
