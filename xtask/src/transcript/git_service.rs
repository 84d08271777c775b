//! A git server that a page keeps desired state on: git's own program (`git http-backend`) behind a port of this machine, which wants a token.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

/// Longest body of a request, in bytes: a push of a small repository.
const BODY_LEN_MAX: usize = 16 << 20;

/// Makes an empty repository of this name below `root` and serves it to whoever has the token, until this program ends; the port.
pub(super) fn serve(root: &Path, name: &str, authorization: &str) -> u16 {
    std::fs::create_dir_all(root).unwrap();
    let made = git(root).args(["init", "--quiet", "--bare", "--initial-branch=main", name]).status().unwrap();
    assert!(made.success(), "git makes no repository");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (root, authorization) = (root.to_owned(), authorization.to_owned());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (root, authorization) = (root.clone(), authorization.clone());
            // Somebody who hangs up has no answer.
            std::thread::spawn(move || answer(&stream, &root, &authorization));
        }
    });
    port
}

fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.args(["-c", "safe.directory=*"]).current_dir(folder);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", folder);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command
}

/// A request, read to its end.
struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).map(|_| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    while let Some((name, value)) = line()?.split_once(':') {
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut request = Request { method, target, headers, body: Vec::new() };
    // Small pushes and fetches are sent whole, with their length.
    let len = request.header("Content-Length").and_then(|len| len.parse().ok()).unwrap_or(0).min(BODY_LEN_MAX);
    request.body = vec![0; len];
    reader.read_exact(&mut request.body)?;
    Ok(request)
}

fn answer(mut stream: &TcpStream, root: &Path, authorization: &str) -> std::io::Result<()> {
    let request = read(stream)?;
    if request.header("Authorization") != Some(authorization) {
        return stream.write_all(
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    }
    let said = backend(root, &request)?;
    let end = said.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(said.len());
    let (head, body) = (String::from_utf8_lossy(&said[..end]).into_owned(), said.get(end + 4..).unwrap_or_default());
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let headers = head.lines().filter(|line| !line.starts_with("Status: ")).map(|line| format!("{line}\r\n")).collect::<String>();
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(body)
}

/// The common gateway interface (RFC 3875) of git's server program.
fn backend(root: &Path, request: &Request) -> std::io::Result<Vec<u8>> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut command = git(root);
    command.arg("http-backend").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1").env("REMOTE_USER", "test");
    command.env("PATH_INFO", path).env("QUERY_STRING", query).env("REQUEST_METHOD", &request.method);
    command.env("CONTENT_LENGTH", request.body.len().to_string());
    for (header, variable) in
        [("Content-Type", "CONTENT_TYPE"), ("Git-Protocol", "GIT_PROTOCOL"), ("Content-Encoding", "HTTP_CONTENT_ENCODING")]
    {
        if let Some(value) = request.header(header) {
            command.env(variable, value);
        }
    }
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().unwrap();
    let body = request.body.clone();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&body)));
    let output = child.wait_with_output()?;
    writer.join().unwrap();
    Ok(output.stdout)
}
