//! Requests that leave the machine, against servers of this machine that answer well and badly, and a canary that nobody reaches.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use scalbotics_adapters::tool::LocalRunner;
use scalbotics_adapters::tool::http::{Fetcher, Resolver};
use scalbotics_core::desired::builtins;
use scalbotics_core::ids::EffectId;
use scalbotics_core::ports::ToolRunner;
use scalbotics_core::tenant::Name;
use scalbotics_core::tool::{Definition, NotDone, Outcome};
use scalbotics_testkit::tls::{Authority, Front};
use serde_json::{Value, json};

use crate::fixture::{Fixture, Test, runtime};
use crate::port::{After, Agents, NEVER, TOKEN, call, reason, warrant};

pub(crate) const TESTS: &[Test] = &[
    ("security_15_a_request_goes_to_the_address_that_was_checked", goes_to_the_checked),
    ("security_15_names_that_lead_inside_are_refused_before_anything_is_sent", names_inside),
    ("security_15_one_bad_address_of_a_name_stops_all", one_bad_address),
    ("security_15_a_name_that_changes_its_address_is_checked_again", rebinding),
    ("security_15_targets_written_in_odd_forms_reach_no_canary", odd_forms),
    ("security_15_a_redirect_to_the_inside_is_an_answer_and_is_not_followed", redirect_inside),
    ("redirects_within_the_destination_are_followed_and_tell_no_other_origin", redirects_followed),
    ("redirects_without_end_fail", redirects_endless),
    ("only_authorities_of_the_system_and_of_the_operator_are_believed", authorities),
    ("what_changes_something_is_never_redirected", redirects_of_post),
    ("a_call_carries_its_key_and_secret_and_the_answer_shows_neither", key_and_secret),
    ("what_never_left_is_told_from_what_may_have_arrived", never_left),
    ("a_slow_server_is_left_in_time", slow),
    ("an_endless_body_is_cut", endless),
    ("a_body_that_breaks_off_is_short_only_where_the_effect_is_done", breaks_off),
    ("a_packed_body_is_not_unpacked", packed),
    ("a_huge_head_is_refused", huge_head),
    ("a_stop_ends_what_can_be_repeated_at_once", stopped),
];

/// A server of this machine: each connection is one request, answered by a function of its head and body.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { port: listener.local_addr().unwrap().port(), connections: Arc::default(), seen: Arc::default() };
        let (connections, seen, answer) = (Arc::clone(&server.connections), Arc::clone(&server.seen), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let request = read_request(&mut stream);
                    seen.lock().unwrap().push(request.clone());
                    answer(&request, &mut stream);
                });
            }
        });
        server
    }

    /// One that answers everything with this.
    fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |_, stream| {
            let _gone = stream.write_all(&answer);
        })
    }

    /// One that must not be reached.
    fn canary() -> Self {
        Self::saying(ok("reached"))
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn read_request(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let (mut request, mut block) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut block) {
            Ok(0) | Err(_) => return text,
            // The first byte of a TLS handshake.
            Ok(_) if block[0] == 22 && request.is_empty() => return String::new(),
            Ok(read) => request.extend_from_slice(&block[..read]),
        }
    }
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn redirect(status: u16, to: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

/// Answers each name with its lists of addresses in turn, the last one for ever.
#[derive(Debug, Default)]
struct Names {
    lists: Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Resolver for Names {
    async fn lookup(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut lists = self.lists.lock().unwrap();
        let lists = lists.get_mut(name).ok_or_else(|| std::io::Error::other("no such name"))?;
        Ok(if lists.len() > 1 { lists.remove(0) } else { lists[0].clone() })
    }
}

struct World {
    runner: LocalRunner,
    names: Arc<Names>,
    _f: Fixture,
}

impl World {
    /// Names with the lists of addresses that they have in turn.
    fn new(names: &[(&str, &[&[&str]])]) -> Self {
        let lists = names.iter().map(|(name, lists)| {
            let addresses = |list: &&[&str]| list.iter().map(|address| address.parse().unwrap()).collect();
            ((*name).to_owned(), lists.iter().map(addresses).collect())
        });
        let names = Arc::new(Names { lists: Mutex::new(lists.collect()), asked: AtomicUsize::new(0) });
        let f = Fixture::new();
        let runner = f.runner(Agents(Some(Vec::new()))).with_fetcher(Fetcher::new(Arc::clone(&names) as _));
        Self { runner, names, _f: f }
    }

    /// The same, which believes this authority.
    fn trusting(self, authority: &Authority) -> Self {
        let fetcher = Fetcher::new(Arc::clone(&self.names) as _).trusting(authority.roots());
        Self { runner: self.runner.with_fetcher(fetcher), ..self }
    }

    fn run(&self, tool: &Definition, args: Value) -> Outcome {
        runtime().block_on(self.runner.run(tool, warrant(call(tool, &args)), &NEVER))
    }

    #[track_caller]
    fn answer(&self, tool: &Definition, args: Value) -> Value {
        let outcome = self.run(tool, args);
        let value: Value = match &outcome {
            Outcome::Landed { output, .. } => serde_json::from_slice(output).unwrap(),
            Outcome::Failed { .. } | Outcome::NeverLeft { .. } | Outcome::Unknown { .. } => {
                panic!("{outcome:?}: {}", reason(&outcome))
            }
        };
        tool.output.as_ref().unwrap().check(&value).unwrap();
        value
    }
}

/// A destination on this machine, with what the test adds.
fn local(port: u16, change: Value) -> Definition {
    let mut value = json!({
        "id": "api", "description": "A test.", "scheme": "http", "host": "api.test", "port": port, "private": true, "timeout": "2s",
    });
    value.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    Definition::of_destination(serde_json::from_value(value).unwrap()).unwrap()
}

fn open() -> Arc<Definition> {
    Arc::clone(&builtins()[&Name::parse("http.fetch").unwrap()])
}

fn url(server: &Server, path: &str) -> Value {
    json!({ "url": format!("http://api.test:{}{path}", server.port) })
}

const HERE: (&str, &[&[&str]]) = ("api.test", &[&["127.0.0.1"]]);

#[track_caller]
fn refused(outcome: &Outcome, words: &str) {
    let fits = matches!(outcome, Outcome::NeverLeft { reason: NotDone::Arguments { .. } });
    assert!(fits && reason(outcome).contains(words), "{outcome:?}: {}", reason(outcome));
}

fn goes_to_the_checked() {
    let (w, server) = (World::new(&[HERE]), Server::saying(ok("hello \u{e4}")));
    let answer = w.answer(&local(server.port, json!({})), url(&server, "/x?y=1"));
    assert_eq!(
        (&answer["status"], &answer["content"], &answer["encoding"]),
        (&json!(200), &json!("hello \u{e4}"), &json!("utf8"))
    );
    assert_eq!((&answer["truncated"], &answer["redirects"], &answer["bytes"]), (&json!(false), &json!(0), &json!(8)));
    assert_eq!((w.names.asked.load(Ordering::SeqCst), server.connections()), (1, 1), "resolved once");
    let seen = server.seen().remove(0).to_lowercase();
    assert!(
        seen.starts_with("get /x?y=1 http/1.1\r\n") && seen.contains(&format!("host: api.test:{}\r\n", server.port)),
        "{seen}"
    );
    assert!(seen.contains("accept-encoding: identity") && !seen.contains("referer"), "{seen}");
}

fn names_inside() {
    for address in [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "::127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "fd00:ec2::254",
        "fe80::1",
        "192.0.2.1",
        "224.0.0.1",
    ] {
        let w = World::new(&[("inside.test", &[&[address]])]);
        refused(&w.run(&open(), json!({ "url": "https://inside.test/" })), "which the tool may not reach");
        let public = local(443, json!({ "host": "*.inside.test", "scheme": "https", "port": 443, "private": false }));
        let w = World::new(&[("a.inside.test", &[&[address]])]);
        refused(&w.run(&public, json!({ "url": "https://a.inside.test/" })), "which the tool may not reach");
    }
}

fn one_bad_address() {
    let canary = Server::canary();
    let w = World::new(&[("api.test", &[&["127.0.0.1", "169.254.169.254"]])]);
    refused(&w.run(&local(canary.port, json!({})), url(&canary, "/")), "169.254.169.254");
    assert_eq!(canary.connections(), 0);
}

fn rebinding() {
    let server = Server::new(|request, stream| {
        let answer = if request.starts_with("GET /first") { redirect(302, "/second") } else { ok("second") };
        let _gone = stream.write_all(&answer);
    });
    let w = World::new(&[("api.test", &[&["127.0.0.1"], &["169.254.169.254"]])]);
    let outcome = w.run(&local(server.port, json!({})), url(&server, "/first"));
    assert!(matches!(outcome, Outcome::Failed { .. }) && reason(&outcome).contains("169.254.169.254"), "{}", reason(&outcome));
    assert_eq!((server.connections(), w.names.asked.load(Ordering::SeqCst)), (1, 2));
    // A resolver that answers well first and badly when it is asked again is not asked again for one request.
    let w = World::new(&[("api.test", &[&["127.0.0.1"], &["169.254.169.254"]])]);
    assert_eq!(w.answer(&local(server.port, json!({})), url(&server, "/second"))["content"], "second");
}

fn odd_forms() {
    let canary = Server::canary();
    let w = World::new(&[("localhost", &[&["127.0.0.1"]]), ("api.test", &[&["127.0.0.1"]])]);
    let destination = local(canary.port, json!({}));
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "localhost",
        "localhost.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "user@api.test",
        "api.test@127.0.0.1",
        "api.test#@127.0.0.1",
        "api.test.",
        "\u{24db}ocalhost",
    ] {
        for tool in [&open(), &Arc::new(destination.clone())] {
            for scheme in ["http", "https"] {
                let outcome = w.run(tool, json!({ "url": format!("{scheme}://{host}:{}/", canary.port) }));
                assert!(matches!(outcome, Outcome::NeverLeft { reason: NotDone::Arguments { .. } }), "{host}: {outcome:?}");
            }
        }
    }
    for scheme in ["file", "gopher", "ftp", "dict", "ws", "unix"] {
        refused(&w.run(&open(), json!({ "url": format!("{scheme}://127.0.0.1:{}/", canary.port) })), "https:// nor http://");
    }
    assert_eq!(canary.connections(), 0);
}

fn redirect_inside() {
    let canary = Server::canary();
    for to in [
        format!("http://127.0.0.1:{}/", canary.port),
        format!("http://localhost:{}/", canary.port),
        format!("http://2130706433:{}/", canary.port),
        format!("http://[::ffff:127.0.0.1]:{}/", canary.port),
        format!("//api.test:{}/", canary.port),
        format!("http://api.test@127.0.0.1:{}/", canary.port),
        format!("gopher://127.0.0.1:{}/", canary.port),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "/outside/of/the/prefix".to_owned(),
        "/v1/../outside".to_owned(),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let (w, server) = (World::new(&[HERE]), Server::saying(redirect(status, &to)));
            let answer = w.answer(&local(server.port, json!({ "path_prefix": "/v1" })), url(&server, "/v1/x"));
            assert_eq!((&answer["status"], &answer["redirects"]), (&json!(status), &json!(0)), "{to}");
            let location = answer["headers"].as_array().unwrap().iter().find(|header| header["name"] == "location").unwrap();
            assert_eq!((location["value"].as_str().unwrap(), server.connections()), (to.as_str(), 1));
        }
    }
    assert_eq!(canary.connections(), 0);
}

fn redirects_followed() {
    let server = Server::new(|request, stream| {
        let port = stream.local_addr().unwrap().port();
        let answer = if request.starts_with("GET /v1/a") {
            redirect(301, "b")
        } else if request.starts_with("GET /v1/b") {
            redirect(307, &format!("http://y.api.test:{port}/v1/c"))
        } else {
            ok("done")
        };
        let _gone = stream.write_all(&answer);
    });
    let w = World::new(&[("x.api.test", &[&["127.0.0.1"]]), ("y.api.test", &[&["127.0.0.1"]])]);
    let secret = json!({ "name": "secret://acme/token", "header": "X-Token" });
    let tool = local(server.port, json!({ "host": "*.api.test", "path_prefix": "/v1", "secret": secret }));
    let headers = json!([{ "name": "X-Own", "value": "mine" }]);
    let start = format!("http://x.api.test:{}/v1/a", server.port);
    let answer = w.answer(&tool, json!({ "url": start, "headers": headers }));
    assert_eq!((&answer["content"], &answer["redirects"]), (&json!("done"), &json!(2)));
    assert_eq!(answer["url"], json!(format!("http://y.api.test:{}/v1/c", server.port)));
    let told = |request: &String| (request.contains(TOKEN), request.contains("mine"));
    assert_eq!(server.seen().iter().map(told).collect::<Vec<_>>(), [(true, true), (true, true), (false, false)]);
}

fn redirects_endless() {
    let (w, server) = (World::new(&[HERE]), Server::saying(redirect(302, "/again")));
    let outcome = w.run(&local(server.port, json!({})), url(&server, "/"));
    assert!(matches!(outcome, Outcome::Failed { .. }) && reason(&outcome).contains("more than 5 times"), "{}", reason(&outcome));
    assert_eq!(server.connections(), 6);
}

fn redirects_of_post() {
    for status in [301, 302, 303, 307, 308] {
        let (w, server) = (World::new(&[HERE]), Server::saying(redirect(status, "/other")));
        let tool = local(server.port, json!({ "methods": ["POST"] }));
        assert_eq!(w.answer(&tool, url(&server, "/"))["status"], json!(status));
        assert_eq!(server.connections(), 1);
    }
}

fn key_and_secret() {
    let server = Server::new(|request, stream| {
        let _gone = stream.write_all(&ok(request));
    });
    let w = World::new(&[HERE]);
    let secret = json!({ "name": "secret://acme/token", "header": "Authorization", "prefix": "Bearer " });
    let change = json!({ "methods": ["GET", "POST"], "secret": secret, "idempotency_header": "Idempotency-Key" });
    let tool = local(server.port, change);
    let mut args = url(&server, "/pay");
    args["method"] = json!("POST");
    args["body"] = json!("{\"eur\":1}");
    let answer = w.answer(&tool, args);
    let seen = server.seen().remove(0);
    let key = format!("idempotency-key: {}", EffectId::from_u128(7)).to_lowercase();
    assert!(seen.to_lowercase().contains(&key) && seen.ends_with("{\"eur\":1}"), "{seen}");
    assert!(seen.to_lowercase().contains(&format!("authorization: bearer {TOKEN}")), "{seen}");
    let content = answer["content"].as_str().unwrap();
    assert!(content.contains("Bearer ***") && !content.contains("nightjar"), "{content}");
    // A read carries no key, and a secret that is not there stops the call.
    w.answer(&tool, url(&server, "/"));
    assert!(!server.seen()[1].to_lowercase().contains("idempotency-key"));
    let absent = json!({ "secret": { "name": "secret://acme/none", "header": "Authorization" } });
    let outcome = w.run(&local(server.port, absent), url(&server, "/"));
    assert!(matches!(outcome, Outcome::NeverLeft { reason: NotDone::Unavailable { .. } }), "{outcome:?}");
    assert_eq!(server.connections(), 2);
}

fn never_left() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let w = World::new(&[HERE]);
    for methods in [json!(["GET"]), json!(["POST"])] {
        let tool = local(free, json!({ "methods": methods }));
        let outcome = w.run(&tool, json!({ "url": format!("http://api.test:{free}/") }));
        assert!(matches!(outcome, Outcome::NeverLeft { reason: NotDone::Unavailable { .. } }), "{outcome:?}");
        let unknown = local(free, json!({ "methods": methods, "host": "none.test" }));
        let outcome = w.run(&unknown, json!({ "url": format!("http://none.test:{free}/") }));
        assert!(matches!(outcome, Outcome::NeverLeft { reason: NotDone::Unavailable { .. } }), "{outcome:?}");
        assert!(reason(&outcome).contains("cannot be resolved"), "{}", reason(&outcome));
    }
    // The request was read, and nothing was said.
    let server = Server::new(|_, _| ());
    let run = |methods: Value| w.run(&local(server.port, json!({ "methods": methods })), url(&server, "/"));
    assert!(matches!(run(json!(["GET"])), Outcome::Failed { .. }));
    assert!(matches!(run(json!(["POST"])), Outcome::Unknown { .. }));
    // TLS that does not come about sends no request.
    let plain = Server::saying(ok("plain"));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for port in [plain.port, silent.local_addr().unwrap().port()] {
        let tool = local(port, json!({ "scheme": "https", "methods": ["POST"] }));
        let outcome = w.run(&tool, json!({ "url": format!("https://api.test:{port}/") }));
        let fits = matches!(outcome, Outcome::NeverLeft { reason: NotDone::Unavailable { .. } });
        assert!(fits, "{outcome:?}: {}", reason(&outcome));
    }
}

fn slow() {
    let server = Server::new(|_, stream| {
        let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le");
        std::thread::sleep(Duration::from_secs(20));
    });
    let w = World::new(&[HERE]);
    let begun = Instant::now();
    let run = |methods: Value| w.run(&local(server.port, json!({ "methods": methods, "timeout": "500ms" })), url(&server, "/"));
    let outcome = run(json!(["GET"]));
    assert!(matches!(outcome, Outcome::Failed { .. }) && reason(&outcome).contains("time"), "{}", reason(&outcome));
    assert!(matches!(run(json!(["POST"])), Outcome::Unknown { .. }));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

fn endless() {
    let server = Server::new(|_, stream| {
        let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while stream.write_all(b"8\r\n12345678\r\n").is_ok() {}
    });
    let w = World::new(&[HERE]);
    let mut args = url(&server, "/");
    args["max_bytes"] = json!(1_000);
    let outcome = w.run(&local(server.port, json!({})), args);
    let Outcome::Landed { output, truncated: true } = outcome else { panic!("{outcome:?}") };
    let answer: Value = serde_json::from_slice(&output).unwrap();
    assert_eq!((&answer["bytes"], &answer["truncated"]), (&json!(1_000), &json!(true)));
    assert_eq!(answer["content"].as_str().unwrap(), &"12345678".repeat(125));
}

fn breaks_off() {
    let server = Server::saying("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf");
    let w = World::new(&[HERE]);
    let run = |methods: Value| w.run(&local(server.port, json!({ "methods": methods })), url(&server, "/"));
    assert!(matches!(run(json!(["GET"])), Outcome::Failed { .. }));
    let outcome = run(json!(["POST"]));
    let Outcome::Landed { output, truncated: true } = outcome else { panic!("{outcome:?}") };
    let answer: Value = serde_json::from_slice(&output).unwrap();
    assert_eq!((&answer["status"], &answer["content"]), (&json!(201), &json!("half")));
}

fn packed() {
    // A gzip member of ten bytes of head and whatever follows: it would grow, and is not asked to.
    let body = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0xff; 90]].concat();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
    let server = Server::saying([head.as_bytes(), &body].concat());
    let answer = World::new(&[HERE]).answer(&local(server.port, json!({})), url(&server, "/"));
    assert_eq!((&answer["encoding"], &answer["bytes"]), (&json!("base64"), &json!(100)));
    assert!(answer["content"].as_str().unwrap().starts_with("H4sIAAAA"), "{answer}");
}

fn huge_head() {
    let long = |bytes: usize| format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(bytes));
    let many = (0..1_000).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    for answer in [long(100_000), long(2_000_000), format!("HTTP/1.1 200 OK\r\n{many}\r\n"), "HTTP/1.1 200 OK\r\n".to_owned()] {
        let server = Server::saying(answer);
        let outcome = World::new(&[HERE]).run(&local(server.port, json!({})), url(&server, "/"));
        assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    }
}

fn stopped() {
    let server = Server::new(|_, _| std::thread::sleep(Duration::from_secs(20)));
    let w = World::new(&[HERE]);
    let stop = After(Duration::from_millis(200));
    let run = |change: Value| {
        let tool = local(server.port, change);
        let begun = Instant::now();
        let outcome = runtime().block_on(w.runner.run(&tool, warrant(call(&tool, &url(&server, "/"))), &stop));
        (outcome, begun.elapsed())
    };
    let (outcome, time) = run(json!({ "timeout": "10s" }));
    assert!(matches!(outcome, Outcome::Failed { .. }) && time < Duration::from_secs(2), "{outcome:?} {time:?}");
    let (outcome, time) = run(json!({ "timeout": "10s", "methods": ["POST"], "idempotency_header": "Key" }));
    assert!(matches!(outcome, Outcome::Unknown { .. }) && time < Duration::from_secs(2), "{outcome:?} {time:?}");
    // One that cannot be repeated gets a moment to be answered.
    let (outcome, time) = run(json!({ "timeout": "10s", "methods": ["POST"] }));
    assert!(matches!(outcome, Outcome::Unknown { .. }) && time > Duration::from_secs(4), "{outcome:?} {time:?}");
}

fn authorities() {
    let (authority, stranger) = (Authority::new("Acme"), Authority::new("Acme"));
    let server = Server::saying(ok("inside"));
    let by = |certificate| {
        let front = Front::new(server.port, certificate);
        let tool = local(front.port(), json!({ "scheme": "https" }));
        let url = json!({ "url": format!("https://api.test:{}/x", front.port()) });
        (front, tool, url)
    };
    let (_front, tool, url) = by(authority.certificate(&["api.test"]));
    assert_eq!(World::new(&[HERE]).trusting(&authority).answer(&tool, url.clone())["content"], "inside");
    assert_eq!(server.connections(), 1);
    let refused = |world: World, tool: &Definition, url: Value, why: &str| {
        let outcome = world.run(tool, url);
        assert!(matches!(outcome, Outcome::NeverLeft { .. }) && reason(&outcome).contains(why), "{why}: {}", reason(&outcome));
    };
    refused(World::new(&[HERE]), &tool, url.clone(), "UnknownIssuer");
    // Its name alone makes no authority.
    refused(World::new(&[HERE]).trusting(&stranger), &tool, url, "certificate");
    for (certificate, why) in [
        (authority.certificate(&["other.test"]), "not valid for name"),
        (authority.certificate(&["test"]), "not valid for name"),
        (authority.certificate(&["127.0.0.1"]), "not valid for name"),
        (authority.expired(&["api.test"]), "expired"),
    ] {
        let (_front, tool, url) = by(certificate);
        refused(World::new(&[HERE]).trusting(&authority), &tool, url, why);
    }
    assert_eq!(server.connections(), 1, "a server that is not believed was sent something");
}
