//! git's own server program (`git http-backend`) behind a small web server, with a user and a token.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::web::{Request, Response, Web, page};

/// User and token, in base64.
pub(crate) const AUTHORIZATION: &str = "Basic Z2l0OnJpZ2h0LXRva2VuLTEyMzQ=";

/// The token that it wants, with the user `git`.
pub(crate) const TOKEN: &str = "right-token-1234";

/// A server of one folder of bare repositories.
pub(crate) struct GitServer {
    web: Web,
    folder: PathBuf,
    is_down: Arc<AtomicBool>,
    is_read_only: Arc<AtomicBool>,
    authorization: Arc<Mutex<String>>,
}

impl GitServer {
    /// One that serves the repositories of this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let (is_down, is_read_only) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let authorization = Arc::new(Mutex::new(AUTHORIZATION.to_owned()));
        let (down, read_only, root) = (Arc::clone(&is_down), Arc::clone(&is_read_only), folder.to_owned());
        let wanted = Arc::clone(&authorization);
        let web = Web::serve(move |_, request| {
            if down.load(Ordering::Relaxed) {
                return page(503, "text/plain", "down");
            }
            if request.path.starts_with("/moved") {
                return (302, vec![("Location".to_owned(), "/desired.git".to_owned())], Vec::new());
            }
            if request.header("Authorization") != Some(wanted.lock().unwrap().as_str()) {
                let challenge = ("WWW-Authenticate".to_owned(), "Basic realm=\"git\"".to_owned());
                return (401, vec![challenge], b"who are you?".to_vec());
            }
            let pushes = request.path.ends_with("/git-receive-pack");
            if pushes && read_only.load(Ordering::Relaxed) {
                return page(403, "text/plain", "not you");
            }
            backend(&root, request)
        });
        Self { web, folder: folder.to_owned(), is_down, is_read_only, authorization }
    }

    /// Wants this header from now on.
    pub(crate) fn want(&self, authorization: &str) {
        authorization.clone_into(&mut self.authorization.lock().unwrap());
    }

    /// Makes an empty bare repository and answers its address.
    pub(crate) fn repository(&self, name: &str) -> String {
        self.git(&["init", "--quiet", "--bare", "--initial-branch=main", name]);
        self.web.at(&format!("/{name}"))
    }

    pub(crate) const fn port(&self) -> u16 {
        self.web.port
    }

    pub(crate) fn at(&self, path: &str) -> String {
        self.web.at(path)
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.is_down.store(down, Ordering::Relaxed);
    }

    pub(crate) fn set_read_only(&self, read_only: bool) {
        self.is_read_only.store(read_only, Ordering::Relaxed);
    }

    /// Runs git in the folder and answers what it printed.
    #[track_caller]
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let mut command = git(&self.folder);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits a file to the branch main of a served repository, as somebody elsewhere would; answers the commit.
    #[track_caller]
    pub(crate) fn commit(&self, name: &str, path: &str, text: &str) -> String {
        let tree = tempfile::tempdir().unwrap();
        let place = tree.path().join("tree");
        let at = |arguments: &[&str]| self.git(&[&["-C", place.to_str().unwrap()], arguments].concat());
        self.git(&["clone", "--quiet", name, place.to_str().unwrap()]);
        std::fs::create_dir_all(place.join(path).parent().unwrap()).unwrap();
        std::fs::write(place.join(path), text).unwrap();
        at(&["add", "--all", "--force", "."]);
        at(&["commit", "--quiet", "--message", "Change"]);
        at(&["push", "--quiet", "origin", "HEAD:main"]);
        at(&["rev-parse", "HEAD"])
    }
}

fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "safe.directory=*"]).current_dir(folder);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", folder);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command
}

/// The common gateway interface (RFC 3875) of git's server program.
fn backend(root: &Path, request: &Request) -> Response {
    let mut command = git(root);
    command.arg("http-backend").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1").env("REMOTE_USER", "test");
    command.env("PATH_INFO", &request.path).env("QUERY_STRING", &request.query).env("REQUEST_METHOD", &request.method);
    command.env("CONTENT_LENGTH", request.body.len().to_string());
    for (header, variable) in
        [("Content-Type", "CONTENT_TYPE"), ("Git-Protocol", "GIT_PROTOCOL"), ("Content-Encoding", "HTTP_CONTENT_ENCODING")]
    {
        if let Some(value) = request.header(header) {
            command.env(variable, value);
        }
    }
    let mut child = command.spawn().expect("git http-backend is part of git");
    let (mut stdin, body) = (child.stdin.take().unwrap(), request.body.clone());
    let writer = std::thread::spawn(move || drop(stdin.write_all(&body)));
    let output = child.wait_with_output().unwrap().stdout;
    writer.join().unwrap();
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let mut status = 200;
    let mut headers = Vec::new();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        match name {
            "Status" => status = value.split(' ').next().and_then(|code| code.parse().ok()).unwrap(),
            _ => headers.push((name.to_owned(), value.to_owned())),
        }
    }
    (status, headers, output[end + 4..].to_vec())
}
