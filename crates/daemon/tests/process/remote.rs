//! `initialize` against a remote repository and an outside issuer, both on loopback, and a daemon that follows the remote.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::Answer;
use crate::git_server::{AUTHORIZATION, GitServer, TOKEN};
use crate::installation::{cli, ports, shipped};
use crate::serving::Daemon;
use crate::web::{Web, page};

/// Longest time in which an issuer that never ends its answer is given up.
const GIVEN_UP_MAX: Duration = Duration::from_secs(30);

/// A folder with a git server in it, and an installation that is made there.
pub(crate) struct Place {
    dir: tempfile::TempDir,
    pub(crate) server: GitServer,
    pub(crate) url: String,
    api: u16,
    admin: u16,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("scalbotics-").tempdir().unwrap();
        let server = GitServer::new(&dir.path().canonicalize().unwrap().join("served"));
        let url = server.repository("desired.git");
        let (api, admin) = ports();
        let place = Self { dir, server, url, api, admin };
        std::fs::write(place.path("token"), format!("{TOKEN}\n")).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    fn environment(&self, program: &Path) -> std::process::Command {
        let mut command = std::process::Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.path("home"));
        command.env("SCALBOTICS_CONFIG_DIR", self.path("config")).env("SCALBOTICS_STATE_DIR", self.path("state"));
        // A proxy of the environment would see the token.
        command
            .env("http_proxy", "http://127.0.0.1:1")
            .env("HTTP_PROXY", "http://127.0.0.1:1")
            .env("ALL_PROXY", "http://127.0.0.1:1");
        command
    }

    /// `initialize` with these words behind what every one needs.
    pub(crate) fn initialize(&self, words: &[&str]) -> Answer {
        let mut command = self.environment(&shipped());
        command.args(["initialize", "--trust-domain", "acme.example", "--admin", "ann", "--approver", "bob"]);
        command.arg("--dir").arg(self.path("box"));
        command.args(["--listen", &format!("127.0.0.1:{}", self.api), "--admin-listen", &format!("127.0.0.1:{}", self.admin)]);
        Answer::of(command.args(words))
    }

    fn remote(&self, words: &[&str]) -> Answer {
        let token = self.path("token");
        self.initialize(&[&["--git", &self.url, "--git-token-file", token.to_str().unwrap()], words].concat())
    }

    pub(crate) fn ann(&self, words: &[&str]) -> Answer {
        let mut command = self.environment(&cli());
        Answer::of(command.args(["--context", "acme-ann", "--quiet", "-o", "json"]).args(words))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("daemon.log")).unwrap_or_default()
    }

    pub(crate) fn start(&self) -> Daemon {
        let mut command = self.environment(&shipped());
        command.arg("--config").arg(self.path("box/scalbotics.toml"));
        let mut daemon = Daemon::spawn(command, &self.path("daemon.log"), self.admin);
        assert!(daemon.is_ready(), "{}", self.log());
        daemon
    }

    pub(crate) fn made(&self) -> bool {
        self.path("box").try_exists().unwrap()
    }

    /// Every file below the box that holds these bytes.
    fn holding(&self, bytes: &[u8]) -> Vec<PathBuf> {
        let mut open = vec![self.path("box")];
        let mut found = Vec::new();
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else if std::fs::read(&path).unwrap().windows(bytes.len()).any(|part| part == bytes) {
                found.push(path);
            }
        }
        found
    }
}

fn changes(answer: &Answer) -> Vec<(String, String)> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    };
    let is_change = |(change, _): &(String, String)| ["created", "unchanged", "changed"].contains(&change.as_str());
    answer.stdout.lines().filter_map(line).filter(is_change).collect()
}

#[test]
fn a_remote_repository_is_pushed_to_followed_and_outlived() {
    let place = Place::new();
    let dry = place.remote(&["--dry-run"]).exits(0);
    assert!(dry.stdout.contains("created    remote repository") && !place.made(), "{dry:#?}");
    let made = place.remote(&[]).exits(0);
    assert!(made.stdout.contains("pushed and read back"), "{made:#?}");
    let first = place.server.git(&["-C", "desired.git", "rev-parse", "main"]);
    assert_eq!(place.holding(TOKEN.as_bytes()), Vec::<PathBuf>::new(), "the token is in a file");
    // Another provider's user name would not be taken over.
    let other = place.remote(&["--git-provider", "gitlab"]).exits(2);
    assert!(other.stderr.contains("--git-provider `gitlab` is not usable"), "{other:#?}");
    // A second run, with and without the token, changes nothing.
    for again in [place.remote(&[]), place.initialize(&[])] {
        let again = again.exits(0);
        assert!(changes(&again).iter().all(|(change, _)| change == "unchanged"), "{again:#?}");
    }

    let daemon = place.start();
    let status = place.ann(&["repo", "status"]).exits(0).json();
    assert_eq!(status["commit"], first.as_str(), "{status:#}");
    // A commit that somebody pushed from elsewhere is in force after `repo apply`.
    let second = place.server.commit("desired.git", "teams/far.yaml", "id: far\ndescription: Far away.\n");
    assert_eq!(place.ann(&["repo", "apply"]).exits(0).json()["commit"], second.as_str());
    place.ann(&["team", "show", "far"]).exits(0);
    // Nothing is written into the copy, from which the next fetch would take it away.
    let refused = place.ann(&["team", "add", "near", "--description", "Near."]).exits(1).error();
    assert!(refused.why.contains(&place.url) && refused.next.contains("--repository"), "{refused:?}");
    let second = pushed_from_a_clone(&place);
    // A bad one is refused, and the remote going away takes nothing from what is in force.
    let bad = place.server.commit("desired.git", "teams/bad.yaml", "id: bad\ncolour: red\n");
    let refused = place.ann(&["repo", "apply"]).exits(7).json();
    assert_eq!((&refused["commit"], &refused["head"]), (&json!(second), &json!(bad)));
    place.server.set_down(true);
    let down = place.ann(&["repo", "apply"]).exits(7).json();
    assert_eq!(down["commit"], second.as_str());
    assert!(down["findings"][0]["why"].as_str().unwrap().contains("cannot be read"), "{down:#}");
    let _ended = daemon.stop();
    // Not even over a restart.
    let daemon = place.start();
    assert_eq!(place.ann(&["repo", "status"]).exits(7).json()["commit"], second.as_str());
    place.ann(&["team", "show", "far"]).exits(0);
    place.server.set_down(false);
    let mended = place.server.commit("desired.git", "teams/bad.yaml", "id: bad\ndescription: Good now.\n");
    assert_eq!(place.ann(&["repo", "apply"]).exits(0).json()["commit"], mended.as_str());
    used_once_a_start(&place);
    let _ended = daemon.stop();
    assert!(!place.log().contains(TOKEN));
    a_lost_copy_is_fetched(&place, &mended);
}

/// A person's own clone takes the commit, and their own git pushes it; answers the commit.
fn pushed_from_a_clone(place: &Place) -> String {
    std::fs::create_dir_all(place.path("home")).unwrap();
    let config = format!("[http]\n\tproxy =\n\textraHeader = Authorization: {AUTHORIZATION}\n");
    std::fs::write(place.path("home/.gitconfig"), config).unwrap();
    let clone = place.path("clone").display().to_string();
    Answer::of(place.environment(Path::new("git")).args(["clone", "--quiet", &place.url, &clone])).exits(0);
    let add = |name: &str| place.ann(&["team", "add", name, "--description", "Near.", "--repository", &clone]);
    let added = add("near").exits(0).json()["commit"].as_str().unwrap().to_owned();
    assert_eq!(place.server.git(&["-C", "desired.git", "rev-parse", "main"]), added);
    assert_eq!(place.ann(&["repo", "status"]).exits(0).json()["commit"], added.as_str());
    // A clone that is behind pushes nothing over what is there.
    let behind = add("nearer").exits(1).error();
    assert!(behind.what.contains("could not push") && behind.next.contains("git pull"), "{behind:?}");
    assert_eq!(place.server.git(&["-C", "desired.git", "rev-parse", "main"]), added);
    added
}

/// The token's uses stand in the audit log, and no tool can be given it.
fn used_once_a_start(place: &Place) {
    let uses = place.ann(&["audit", "tail", "-n", "500"]).exits(0).stdout;
    assert_eq!(uses.matches("secret.use").count(), 2, "{uses}");
    let listed = place.ann(&["secret", "list"]).exits(0).json();
    assert_eq!(listed[0]["name"], "repository-token", "{listed:#}");
}

fn a_lost_copy_is_fetched(place: &Place, commit: &str) {
    std::fs::remove_dir_all(place.path("box/desired.git")).unwrap();
    let without = place.initialize(&[]).exits(2);
    assert!(without.stderr.contains("--git-token-file"), "{without:#?}");
    let fetched = place.remote(&[]).exits(0);
    assert!(fetched.stdout.contains("(fetched)"), "{fetched:#?}");
    let here = place.server.git(&["--git-dir", place.path("box/desired.git").to_str().unwrap(), "rev-parse", "main"]);
    assert_eq!(here, commit);
}

/// The most memory that a process has had, in bytes.
fn peak(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

#[test]
fn a_small_pack_with_a_huge_object_takes_neither_memory_nor_what_is_in_force() {
    /// Bytes of an object that is nothing in a pack.
    const HUGE: usize = 256 << 20;
    let place = Place::new();
    place.remote(&[]).exits(0);
    let daemon = place.start();
    let good = place.server.commit("desired.git", "teams/far.yaml", "id: far\ndescription: Far away.\n");
    assert_eq!(place.ann(&["repo", "apply"]).exits(0).json()["commit"], good.as_str());
    let before = peak(daemon.pid());
    // Beside desired state, so that nobody would read it.
    place.server.commit("desired.git", "media/film.bin", &"\0".repeat(HUGE));
    let refused = place.ann(&["repo", "apply"]).exits(7).json();
    let why = refused["findings"][0]["why"].as_str().unwrap();
    assert!(why.contains("sends too much: an object of more than"), "{refused:#}");
    assert_eq!(refused["commit"], good.as_str(), "what is in force stays");
    let grown = peak(daemon.pid()) - before;
    assert!(grown < HUGE / 2, "the daemon took {grown} bytes more");
    let packs = std::fs::read_dir(place.path("box/desired.git/objects/pack")).unwrap();
    let left: u64 = packs.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(left < 64 << 10, "{left} bytes of what was refused are left");
    // The history is written anew without it, and the daemon follows.
    place.server.git(&["-C", "desired.git", "update-ref", "refs/heads/main", &good]);
    let mended = place.server.commit("desired.git", "teams/near.yaml", "id: near\ndescription: Near.\n");
    assert_eq!(place.ann(&["repo", "apply"]).exits(0).json()["commit"], mended.as_str());
}

#[test]
fn a_server_is_told_the_user_that_its_kind_wants() {
    // `printf %s USER:right-token-1234 | base64`
    for (provider, user, authorization) in [
        ("github", "x-access-token", "Basic eC1hY2Nlc3MtdG9rZW46cmlnaHQtdG9rZW4tMTIzNA=="),
        ("gitlab", "oauth2", "Basic b2F1dGgyOnJpZ2h0LXRva2VuLTEyMzQ="),
        ("other", "git", AUTHORIZATION),
    ] {
        let place = Place::new();
        place.server.want(authorization);
        let wrong = if provider == "github" { "gitlab" } else { "github" };
        let refused = place.remote(&["--git-provider", wrong]).exits(1);
        assert!(refused.stderr.contains("refuses the token with status 401") && !place.made(), "{provider}: {refused:#?}");
        place.remote(&["--git-provider", provider]).exits(0);
        let config = std::fs::read_to_string(place.path("box/scalbotics.toml")).unwrap();
        assert!(config.contains(&format!("user = \"{user}\"\n")), "{provider}: {config}");
        // The daemon says it too, and a second run needs not be told again.
        let daemon = place.start();
        let commit = place.server.commit("desired.git", "teams/far.yaml", "id: far\ndescription: Far away.\n");
        assert_eq!(place.ann(&["repo", "apply"]).exits(0).json()["commit"], commit.as_str(), "{provider}");
        let _ended = daemon.stop();
        place.remote(&[]).exits(0);
    }
}

#[test]
fn bad_remotes_are_told_apart_and_nothing_is_made() {
    let place = Place::new();
    let token = place.path("token");
    let with = |git: &str, token: &Path| {
        let answer = place.initialize(&["--git", git, "--git-token-file", token.to_str().unwrap()]);
        assert!(!place.made(), "{answer:#?}");
        answer
    };
    std::fs::write(place.path("wrong"), "wrong-token").unwrap();
    std::fs::write(place.path("empty"), "\n").unwrap();
    place.server.repository("full.git");
    place.server.commit("full.git", "a", "b");
    let web = Web::serve(|_, _| page(200, "text/html", "<html>hello</html>"));
    let gone = "http://127.0.0.1:1/x.git";
    for (git, token, code, says) in [
        (place.url.as_str(), place.path("wrong"), "SETUP_REMOTE", "refuses the token with status 401"),
        (&place.server.at("/full.git"), token.clone(), "SETUP_REMOTE", "is not empty"),
        (&place.server.at("/none.git"), token.clone(), "SETUP_REMOTE", "has no such repository"),
        (&place.server.at("/moved.git"), token.clone(), "SETUP_REMOTE", "redirects"),
        (&web.at("/x.git"), token.clone(), "SETUP_REMOTE", "does not answer as a git server"),
        (gone, token.clone(), "SETUP_REMOTE", "does not answer"),
        ("http://git.example/x.git", token.clone(), "SETUP_REMOTE", "only https leaves this machine"),
        ("https://u:right-token-1234@git.example/x.git", token.clone(), "SETUP_REMOTE", "a user or a password"),
        ("git@git.example:x.git", token.clone(), "SETUP_REMOTE", "not usable"),
    ] {
        let answer = with(git, &token).exits(1);
        assert!(answer.stderr.contains(says) && answer.stderr.contains(code), "{git}: {answer:#?}");
        assert!(answer.stderr.contains(" next: ") && !answer.stderr.contains(TOKEN), "{git}: {answer:#?}");
    }
    assert!(with(&place.url, &place.path("empty")).exits(2).stderr.contains("it holds no token"));
    with(&place.url, &place.path("nowhere")).exits(1);
    place.server.set_down(true);
    assert!(with(&place.url, &token).exits(1).stderr.contains("503"));
    place.server.set_down(false);
    assert!(place.initialize(&["--mode", "enterprise"]).exits(2).stderr.contains("--git, --issuer"));
}

#[test]
fn a_push_that_is_refused_is_finished_by_the_next_run() {
    let place = Place::new();
    place.server.set_read_only(true);
    let refused = place.remote(&[]).exits(1);
    assert!(refused.stderr.contains("git cannot push the first commit"), "{refused:#?}");
    assert!(!refused.stderr.contains(TOKEN) && !refused.stderr.contains("Basic "), "{refused:#?}");
    assert!(!refused.stdout.contains("next"), "{refused:#?}");
    place.server.set_read_only(false);
    let made = place.remote(&[]).exits(0);
    assert!(made.stdout.contains("pushed and read back"), "{made:#?}");
    // Another remote is another installation.
    let other = place.server.repository("other.git");
    let answer = place.initialize(&["--git", &other, "--git-token-file", place.path("token").to_str().unwrap()]).exits(2);
    assert!(answer.stderr.contains("repository.url"), "{answer:#?}");
}

/// A good set of keys.
fn keys() -> Value {
    json!({ "keys": [{ "kty": "EC", "kid": "one", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM", "use": "sig" }] })
}

/// An issuer in several conditions, by the first part of its path.
fn issuer() -> Web {
    Web::serve(|port, request| {
        let base = |name: &str| format!("http://127.0.0.1:{port}/{name}");
        let name = request.path.split('/').nth(1).unwrap_or_default().to_owned();
        let document = |issuer: String, keys: String| {
            page(200, "application/json", json!({ "issuer": issuer, "jwks_uri": keys }).to_string())
        };
        let own_keys = format!("{}/keys", base(&name));
        if request.path.ends_with("/keys") {
            return match name.as_str() {
                "hollow" => page(200, "application/json", r#"{"keys":[]}"#),
                "huge" => page(200, "application/json", vec![b' '; 2 << 20]),
                _ => page(200, "application/json", keys().to_string()),
            };
        }
        match name.as_str() {
            "moved" => (302, vec![("Location".to_owned(), "/good/.well-known/openid-configuration".to_owned())], Vec::new()),
            "other" => document(base("good"), own_keys),
            "far" => document(base("far"), "http://keys.example/keys".to_owned()),
            "slow" => {
                std::thread::sleep(Duration::from_secs(20));
                page(200, "application/json", "{}")
            }
            "page" => page(200, "text/html", "<html>"),
            "none" => page(404, "text/plain", "no"),
            _ => document(base(&name), own_keys),
        }
    })
}

#[test]
fn an_outside_issuer_is_judged_before_its_trust_is_recorded() {
    let place = Place::new();
    let web = issuer();
    let with = |issuer: &str| place.initialize(&["--issuer", issuer]);
    for (name, says) in [
        ("moved", "status 302"),
        ("other", "it is the document of the issuer"),
        ("far", "only this machine is trusted without"),
        ("page", "it is no discovery document"),
        ("none", "status 404"),
        ("hollow", "no named key"),
        ("huge", "more than"),
    ] {
        let answer = with(&web.at(&format!("/{name}"))).exits(1);
        assert!(answer.stderr.contains(says) && answer.stderr.contains("SETUP_ISSUER"), "{name}: {answer:#?}");
        assert!(!place.made(), "{name}");
    }
    for bad in ["http://id.example", "id.example", "https://u:p@id.example", "http://127.0.0.1:1/x"] {
        assert!(with(bad).exits(1).stderr.contains("SETUP_ISSUER"), "{bad}");
    }
    let start = Instant::now();
    with(&web.at("/slow")).exits(1);
    assert!(start.elapsed() < GIVEN_UP_MAX && !place.made());
    let good = web.at("/good");
    let made = with(&good).exits(0);
    assert!(made.stdout.contains("created    issuer") && made.stdout.contains("its keys are recorded"), "{made:#?}");
    let recorded: Value = serde_json::from_slice(&std::fs::read(place.path("box/issuer.jwks.json")).unwrap()).unwrap();
    assert_eq!(recorded, keys());
    let again = with(&good).exits(0);
    assert!(changes(&again).iter().all(|(change, _)| change == "unchanged"), "{again:#?}");
    assert!(with(&web.at("/else")).exits(2).stderr.contains("issuer.url"));
    let _ended = place.start().stop();
}

#[test]
fn people_log_in_by_the_issuer_that_initialize_is_told_to_trust() {
    let place = Place::new();
    let web = issuer();
    let good = web.at("/good");
    let with = |audience: &str| {
        let terms = ["--oidc-audience", audience, "--oidc-tenants", "t-1=acme", "--oidc-groups", "Platform=admins"];
        place.initialize(&[&["--oidc-issuer", good.as_str()][..], &terms].concat())
    };
    for lone in
        [&["--oidc-audience", "x"][..], &["--issuer", &good, "--oidc-audience", "x"], &["--issuer", &good, "--oidc-tenants", "x"]]
    {
        let _usage = place.initialize(lone).exits(2);
    }
    let made = with("scalbotics").exits(0);
    assert!(made.stdout.contains("people log in by it"), "{made:#?}");
    let text = std::fs::read_to_string(place.path("box/scalbotics.toml")).unwrap();
    assert!(text.contains("[[issuer.trusted]]") && text.contains("break_glass = true"), "{text}");
    let again = with("scalbotics").exits(0);
    assert!(changes(&again).iter().all(|(change, _)| change == "unchanged"), "{again:#?}");
    assert!(with("another").exits(2).stderr.contains("issuer.trusted"));
    let _ended = place.start().stop();
}
