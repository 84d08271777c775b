//! The SPIFFE Workload API from outside: this process, and others of other users, ask who they are.

use std::io::Write as _;
use std::os::unix::net::UnixStream as Blocking;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;
use scalbotics_core::digest::Digest;
use scalbotics_identity::holder::key::Pair;
use scalbotics_identity::holder::{certificate, svid, trust};
use scalbotics_proto::workload as v1;
use scalbotics_proto::workload::spiffe_workload_api_client::SpiffeWorkloadApiClient;
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Request, Streaming};

use crate::command::Answer;
use crate::installation::{Installation, shipped};
use crate::serving::Daemon;

/// Time within which a suspension bites (security row 5), and what a busy machine adds to starting the command.
const BITES: Duration = Duration::from_secs(3);

/// Time for what has to come at some time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Becomes a user, and carries bytes between its standard streams and a socket: so that a process of any user connects, and this one speaks.
/// The user's own Python need not be there: it is started by this one's.
const RELAY: &str = "import socket,sys,threading,os
n=int(sys.argv[2]); os.setgroups([]); os.setgid(n); os.setuid(n)
s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
def up():
    while True:
        b=os.read(0,65536)
        if not b: os._exit(0)
        s.sendall(b)
threading.Thread(target=up,daemon=True).start()
while True:
    b=s.recv(65536)
    if not b: os._exit(0)
    os.write(1,b)
";

pub(crate) type Client = SpiffeWorkloadApiClient<Channel>;

impl Installation {
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("workload.sock")
    }

    /// Lets others reach the socket.
    pub(crate) fn open_to_others(&self) {
        let socket = self.socket();
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(socket.parent().unwrap(), permissions).unwrap();
    }

    /// The daemon with its Workload API, ready.
    pub(crate) fn start_workload(&self) -> Daemon {
        let mut command = self.serve(&shipped());
        command.env("SCALBOTICSD_IDENTITY_WORKLOAD_SOCKET", self.socket());
        let mut daemon = Daemon::spawn(command, &self.log(), self.admin);
        assert!(daemon.is_ready(), "the daemon ended at start: {}", self.log_text());
        daemon
    }

    /// This process.
    pub(crate) async fn client(&self) -> Client {
        SpiffeWorkloadApiClient::new(channel_of(self).await.unwrap())
    }

    /// A process of this user, which runs Python.
    pub(crate) async fn client_as(&self, uid: u32) -> (Client, tokio::process::Child) {
        let mut command = Command::new(python());
        command.args(["-c", RELAY]).arg(self.socket()).arg(uid.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
        let both = tokio::io::join(child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let mut once = Some(TokioIo::new(both));
        let connect = tower::service_fn(move |_: Uri| {
            let both = once.take().ok_or_else(|| std::io::Error::other("the relay is there once"));
            async move { both }
        });
        let channel = Endpoint::from_static("http://localhost").connect_with_connector(connect).await.unwrap();
        (SpiffeWorkloadApiClient::new(channel), child)
    }
}

/// Python as the kernel names it.
pub(crate) fn python() -> PathBuf {
    let found = Command::new("python3").args(["-c", "import os; print(os.path.realpath('/proc/self/exe'))"]).output().unwrap();
    PathBuf::from(String::from_utf8(found.stdout).unwrap().trim())
}

/// An installation with these agents beside the clerk, each with its selectors.
pub(crate) fn with_workloads(workloads: &[(&str, Value)]) -> Installation {
    Installation::with(|desired| {
        for (name, selectors) in workloads {
            if *name == "clerk" {
                desired.set_agent("workload", selectors.clone());
            } else {
                let agent = json!({ "id": name, "team": "ops", "description": "A workload.", "workload": selectors });
                desired.put(&format!("agents/{name}.yaml"), agent);
            }
        }
    })
}

pub(crate) fn asked<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("workload.spiffe.io", "true".parse().unwrap());
    request
}

pub(crate) async fn next(
    stream: &mut Streaming<v1::X509svidResponse>,
    within: Duration,
) -> Result<v1::X509svidResponse, tonic::Status> {
    let message = tokio::time::timeout(within, stream.message()).await.expect("nothing came in time")?;
    Ok(message.expect("the stream ended without a word"))
}

pub(crate) fn ids(response: &v1::X509svidResponse) -> Vec<String> {
    response.svids.iter().map(|svid| svid.spiffe_id.clone()).collect()
}

pub(crate) fn id(agent: &str) -> String {
    format!("spiffe://acme.example/acme/agent/{agent}")
}

/// The certificates of a chain that stand one behind the other.
fn split(mut der: &[u8]) -> Vec<rustls::pki_types::CertificateDer<'static>> {
    let mut found = Vec::new();
    while !der.is_empty() {
        // Every certificate here is longer than 255 and shorter than 65 536 bytes.
        assert_eq!(der[..2], [0x30, 0x82]);
        let len = 4 + usize::from(u16::from_be_bytes([der[2], der[3]]));
        found.push(der[..len].to_vec().into());
        der = &der[len..];
    }
    found
}

/// Whether openssl takes the chain, and the key is the leaf's.
fn verify_by_openssl(installation: &Installation, one: &v1::X509svid) {
    let (chain, roots) = (split(&one.x509_svid), split(&one.bundle));
    assert_eq!(roots, trust::File::load(&installation.trust_file()).unwrap().roots().unwrap());
    let write = |name: &str, certificates: &[_]| {
        let path = installation.path(name);
        std::fs::write(&path, certificate::to_pem(certificates)).unwrap();
        path
    };
    let (leaf, rest, roots) = (write("leaf.pem", &chain[..1]), write("rest.pem", &chain[1..]), write("roots.pem", &roots));
    let mut command = Command::new("openssl");
    command
        .args(["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile"])
        .arg(roots)
        .arg("-untrusted")
        .arg(rest)
        .arg(&leaf);
    let said = Answer::of(&mut command).exits(0).stdout;
    assert!(said.ends_with("leaf.pem: OK\n"), "{said}");
    let read = svid::read(&chain[0]).unwrap();
    assert_eq!(read.id.to_string(), one.spiffe_id);
    let key = Pair::from_pkcs8_der(&one.x509_svid_key).unwrap();
    let shown = Answer::of(Command::new("openssl").args(["x509", "-noout", "-pubkey", "-in"]).arg(leaf)).exits(0).stdout;
    let body: String = shown.lines().filter(|line| !line.starts_with('-')).collect();
    let spki = key.public().to_spki_der();
    let mut encode = Command::new("openssl");
    let mut child = encode.args(["base64", "-A"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&spki).unwrap();
    assert_eq!(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim(), body);
}

pub(crate) fn own() -> (u32, PathBuf) {
    (rustix::process::geteuid().as_raw(), std::env::current_exe().unwrap().canonicalize().unwrap())
}

#[tokio::test]
async fn issue_5_a_process_gets_the_identities_of_its_selectors_until_they_are_suspended() {
    let (uid, exe) = own();
    let digest = Digest::of_bytes(&std::fs::read(&exe).unwrap());
    let installation = with_workloads(&[
        ("clerk", json!({ "unix": { "uid": uid, "path": exe, "sha256": digest.to_string() } })),
        ("auditor", json!({ "unix": { "uid": uid } })),
        ("stranger", json!({ "unix": { "uid": uid + 1 } })),
        ("other", json!({ "unix": { "uid": uid, "path": "/bin/sh" } })),
        ("forged", json!({ "unix": { "uid": uid, "sha256": Digest::of_bytes(b"x").to_string() } })),
        ("unit", json!({ "unix": { "uid": uid }, "systemd": { "unit": "no-such.service" } })),
    ]);
    let _daemon = installation.start_workload();
    let mut client = installation.client().await;
    let mut stream = client.fetch_x509svid(asked(v1::X509svidRequest {})).await.unwrap().into_inner();
    let first = next(&mut stream, PATIENCE).await.unwrap();
    assert_eq!(ids(&first), [id("auditor"), id("clerk")]);
    assert_eq!(first.svids[1].hint, "clerk");
    assert_ne!(first.svids[0].x509_svid_key, first.svids[1].x509_svid_key);
    for one in &first.svids {
        verify_by_openssl(&installation, one);
    }
    let again =
        client.fetch_x509svid(asked(v1::X509svidRequest {})).await.unwrap().into_inner().message().await.unwrap().unwrap();
    assert_ne!(again.svids[0].x509_svid_key, first.svids[0].x509_svid_key, "a key is made for one response");
    assert!(!installation.log_text().contains("PRIVATE"));

    let mut bundles = client.fetch_x509_bundles(asked(v1::X509BundlesRequest {})).await.unwrap().into_inner();
    let found = bundles.message().await.unwrap().unwrap();
    assert_eq!(found.bundles.keys().collect::<Vec<_>>(), ["spiffe://acme.example"]);
    assert_eq!(found.bundles["spiffe://acme.example"], first.svids[0].bundle);

    // One of the two is suspended: the stream says what is left.
    let before = jwt(&mut client, "clerk").await;
    installation.ann(&["--yes", "agent", "suspend", "auditor"]).exits(0);
    let rest = next(&mut stream, BITES).await.unwrap();
    assert_eq!(ids(&rest), [id("clerk")]);
    installation.ann(&["--yes", "agent", "suspend", "clerk"]).exits(0);
    let cut = next(&mut stream, BITES).await.unwrap_err();
    assert_eq!(cut.code(), Code::PermissionDenied, "{cut}");
    assert_eq!(bundles.message().await.unwrap_err().code(), Code::PermissionDenied);
    let refused = client.fetch_x509svid(asked(v1::X509svidRequest {})).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    // What was handed out before does not come back with the agent (semantics 4.3).
    installation.ann(&["--yes", "agent", "resume", "clerk"]).exits(0);
    let check = v1::ValidateJwtsvidRequest { audience: "ledger".to_owned(), svid: before };
    let void = client.validate_jwtsvid(asked(check)).await.unwrap_err();
    assert_eq!(void.code(), Code::InvalidArgument, "{void}");
    let fresh = jwt(&mut client, "clerk").await;
    let check = v1::ValidateJwtsvidRequest { audience: "ledger".to_owned(), svid: fresh };
    assert_eq!(client.validate_jwtsvid(asked(check)).await.unwrap().into_inner().spiffe_id, id("clerk"));
}

async fn jwt(client: &mut Client, agent: &str) -> String {
    let request = v1::JwtsvidRequest { audience: vec!["ledger".to_owned()], spiffe_id: id(agent) };
    let svids = client.fetch_jwtsvid(asked(request)).await.unwrap().into_inner().svids;
    assert_eq!((svids.len(), svids[0].spiffe_id.as_str(), svids[0].hint.as_str()), (1, id(agent).as_str(), agent));
    svids[0].svid.clone()
}

#[tokio::test]
async fn issue_5_tokens_are_for_their_audience_and_checked_by_a_bundle() {
    let (uid, _) = own();
    let installation =
        with_workloads(&[("clerk", json!({ "unix": { "uid": uid } })), ("zoe", json!({ "unix": { "uid": uid } }))]);
    let daemon = installation.start_workload();
    let mut client = installation.client().await;
    let both = v1::JwtsvidRequest { audience: vec!["ledger".to_owned(), "payments".to_owned()], spiffe_id: String::new() };
    let svids = client.fetch_jwtsvid(asked(both)).await.unwrap().into_inner().svids;
    assert_eq!(svids.iter().map(|svid| svid.spiffe_id.clone()).collect::<Vec<_>>(), [id("clerk"), id("zoe")]);
    let token = svids[0].svid.clone();
    let check =
        |audience: &str, svid: &str| asked(v1::ValidateJwtsvidRequest { audience: audience.to_owned(), svid: svid.to_owned() });
    let valid = client.validate_jwtsvid(check("payments", &token)).await.unwrap().into_inner();
    assert_eq!(valid.spiffe_id, id("clerk"));
    assert!(valid.claims.unwrap().fields.contains_key("exp"));
    let (signed, _) = token.rsplit_once('.').unwrap();
    for (audience, svid) in
        [("other", token.as_str()), ("", &token), ("payments", signed), ("payments", ""), ("payments", "a.b.c")]
    {
        let refused = client.validate_jwtsvid(check(audience, svid)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{audience} {refused}");
    }
    for (audience, spiffe_id, code) in [
        (vec![], String::new(), Code::InvalidArgument),
        (vec![String::new()], String::new(), Code::InvalidArgument),
        (vec!["a".repeat(3_000)], String::new(), Code::InvalidArgument),
        (vec!["ledger".to_owned()], id("ghost"), Code::PermissionDenied),
        (vec!["ledger".to_owned()], "spiffe://other/acme/agent/clerk".to_owned(), Code::PermissionDenied),
    ] {
        let refused = client.fetch_jwtsvid(asked(v1::JwtsvidRequest { audience, spiffe_id })).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
    }
    let mut bundles = client.fetch_jwt_bundles(asked(v1::JwtBundlesRequest {})).await.unwrap().into_inner();
    let found = bundles.message().await.unwrap().unwrap();
    let set: Value = serde_json::from_slice(&found.bundles["spiffe://acme.example"]).unwrap();
    assert_eq!((&set["keys"][0]["use"], &set["keys"][0]["kty"]), (&json!("jwt-svid"), &json!("EC")));
    assert!(set["keys"][0].get("d").is_none());
    // Each token stands in the audit log, without its audience.
    let found = installation.ann(&["audit", "query", "--action", "svid.jwt"]).exits(0).stdout;
    assert!(found.contains("svid.jwt") && !found.contains("payments"), "{found}");
    // The key outlives the daemon, and a socket that a killed one left makes room.
    daemon.kill();
    assert!(installation.socket().exists());
    let daemon = installation.start_workload();
    let mut client = installation.client().await;
    assert_eq!(client.validate_jwtsvid(check("payments", &token)).await.unwrap().into_inner().spiffe_id, id("clerk"));
    assert!(daemon.stop().0.success());
    assert!(!installation.socket().exists(), "an orderly end takes it away");
}

#[tokio::test]
async fn issue_5_without_the_metadata_nothing_is_answered() {
    let (uid, _) = own();
    let installation = with_workloads(&[("clerk", json!({ "unix": { "uid": uid } }))]);
    let _daemon = installation.start_workload();
    let mut client = installation.client().await;
    let bare = client.fetch_x509svid(Request::new(v1::X509svidRequest {})).await.unwrap_err();
    assert_eq!(bare.code(), Code::InvalidArgument, "{bare}");
    for value in ["TRUE", "1", "false", ""] {
        let mut request = Request::new(v1::JwtBundlesRequest {});
        request.metadata_mut().insert("workload.spiffe.io", value.parse().unwrap());
        assert_eq!(client.fetch_jwt_bundles(request).await.unwrap_err().code(), Code::InvalidArgument, "{value}");
    }
    let bare = v1::JwtsvidRequest { audience: vec!["a".to_owned()], spiffe_id: String::new() };
    assert_eq!(client.fetch_jwtsvid(Request::new(bare)).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(
        client.validate_jwtsvid(Request::new(v1::ValidateJwtsvidRequest::default())).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    // The API's own services are not there, and the Workload API is not on the API's address.
    let mut other =
        scalbotics_proto::v1::session_service_client::SessionServiceClient::new(channel_of(&installation).await.unwrap());
    let unknown = other.who_am_i(Request::new(scalbotics_proto::v1::WhoAmIRequest::default())).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
}

/// A connection of this process; none where its user has no place left.
pub(crate) async fn channel_of(installation: &Installation) -> Result<Channel, tonic::transport::Error> {
    let path = installation.socket();
    let connect = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { Ok::<_, std::io::Error>(TokioIo::new(UnixStream::connect(path).await?)) }
    });
    Endpoint::from_static("http://localhost").connect_with_connector(connect).await
}

/// Users of this test that are nobody on any host.
pub(crate) const WORKER: u32 = 4_242;
pub(crate) const STRANGER: u32 = 4_243;

#[tokio::test]
async fn issue_5_another_users_process_is_told_by_its_program_and_a_strangers_gets_nothing() {
    let (uid, _) = own();
    assert_eq!(uid, 0, "only root may be other users: run the tests in a container");
    let (program, digest) = (python(), Digest::of_bytes(&std::fs::read(python()).unwrap()).to_string());
    let installation = with_workloads(&[
        ("clerk", json!({ "unix": { "uid": WORKER, "gid": WORKER, "path": program, "sha256": digest } })),
        ("shell", json!({ "unix": { "uid": WORKER, "path": "/bin/sh" } })),
    ]);
    installation.open_to_others();
    let _daemon = installation.start_workload();
    let (mut worker, mut child) = installation.client_as(WORKER).await;
    let mut stream = worker.fetch_x509svid(asked(v1::X509svidRequest {})).await.unwrap().into_inner();
    assert_eq!(ids(&next(&mut stream, PATIENCE).await.unwrap()), [id("clerk")]);
    let (mut stranger, _other) = installation.client_as(STRANGER).await;
    for refused in [
        stranger.fetch_x509svid(asked(v1::X509svidRequest {})).await.map(drop).unwrap_err(),
        stranger.fetch_x509_bundles(asked(v1::X509BundlesRequest {})).await.map(drop).unwrap_err(),
        stranger.fetch_jwt_bundles(asked(v1::JwtBundlesRequest {})).await.map(drop).unwrap_err(),
        installation.client().await.fetch_x509svid(asked(v1::X509svidRequest {})).await.map(drop).unwrap_err(),
    ] {
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    }
    child.kill().await.unwrap();
    assert!(tokio::time::timeout(PATIENCE, stream.message()).await.unwrap().is_err(), "its connection is gone with it");
    let (mut again, _child) = installation.client_as(WORKER).await;
    assert!(again.fetch_x509svid(asked(v1::X509svidRequest {})).await.is_ok());
}

#[test]
fn issue_5_selectors_that_could_never_be_seen_are_refused_when_desired_state_is_loaded() {
    let (uid, exe) = own();
    assert_eq!(uid, 0, "only root can give up one capability: run the tests in a container");
    let check = |selectors: Value| {
        let installation = with_workloads(&[("clerk", selectors)]);
        let mut command = Command::new("setpriv");
        command
            .args(["--bounding-set", "-sys_ptrace"])
            .arg(shipped())
            .arg("--config")
            .arg(installation.config())
            .arg("--check-config");
        command.env("SCALBOTICSD_IDENTITY_WORKLOAD_SOCKET", installation.socket());
        Answer::of(&mut command)
    };
    for refused in [
        json!({ "unix": { "uid": WORKER, "path": "/usr/bin/worker" } }),
        json!({ "unix": { "path": "/usr/bin/worker" } }),
        json!({ "unix": { "uid": 0, "gid": 5, "sha256": Digest::of_bytes(b"x").to_string() } }),
    ] {
        let answer = check(refused.clone());
        assert_eq!(answer.code, 1, "{refused} {answer:#?}");
        assert!(answer.stderr.contains("CAP_SYS_PTRACE") && answer.stderr.contains("agents/clerk.yaml"), "{answer:#?}");
    }
    check(json!({ "unix": { "uid": WORKER }, "systemd": { "unit": "worker.service" } })).exits(0);
    check(json!({ "unix": { "uid": 0, "path": exe } })).exits(0);
}

#[tokio::test]
async fn issue_5_a_thousand_connections_and_rubbish_leave_the_socket_to_others() {
    let (uid, _) = own();
    let installation =
        with_workloads(&[("clerk", json!({ "unix": { "uid": uid } })), ("worker", json!({ "unix": { "uid": WORKER } }))]);
    installation.open_to_others();
    let daemon = installation.start_workload();
    let begun = Instant::now();
    let held: Vec<Blocking> = flood(&installation.socket(), 1_000);
    for (number, mut one) in held.iter().enumerate().step_by(3) {
        // Half of a preface, a preface and rubbish, another protocol.
        let bytes: &[u8] =
            [&b"PRI * HT"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n"]
                [number % 3];
        let _closed = one.write_all(bytes);
    }
    // Another user's process is served meanwhile.
    if uid == 0 {
        let (mut worker, _child) = installation.client_as(WORKER).await;
        let answered = tokio::time::timeout(PATIENCE, worker.fetch_x509svid(asked(v1::X509svidRequest {}))).await.unwrap();
        assert!(answered.is_ok(), "{answered:?}");
    }
    drop(held);
    let served = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Ok(channel) = channel_of(&installation).await
                && Client::new(channel).fetch_x509svid(asked(v1::X509svidRequest {})).await.is_ok()
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    served.await.expect("its own user is served again");
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    assert_eq!(daemon.get("/healthz").0, 200);
    let (_, metrics) = daemon.get("/metrics");
    let refused = metrics.lines().find(|line| line.contains("connections_refused_total{reason=\"limit\"}")).unwrap();
    assert!(refused.rsplit(' ').next().unwrap().parse::<f64>().unwrap() >= 700.0, "{refused}");
}

pub(crate) fn flood(path: &Path, count: usize) -> Vec<Blocking> {
    (0..count).filter_map(|_| Blocking::connect(path).ok()).collect()
}

#[tokio::test]
async fn issue_5_a_tainted_authority_is_left_and_a_commit_takes_an_identity_away() {
    let (uid, _) = own();
    let installation = with_workloads(&[("clerk", json!({ "unix": { "uid": uid } }))]);
    let _daemon = installation.start_workload();
    let mut client = installation.client().await;
    let mut stream = client.fetch_x509svid(asked(v1::X509svidRequest {})).await.unwrap().into_inner();
    let first = next(&mut stream, PATIENCE).await.unwrap();
    let shown = installation.ann(&["identity", "ca", "show"]).exits(0).json();
    let old = shown[0]["id"].as_str().unwrap().to_owned();
    installation.ann(&["--yes", "identity", "ca", "rotate", "--config", installation.config().to_str().unwrap()]).exits(0);
    installation.ann(&["--yes", "identity", "ca", "taint", &old]).exits(0);
    let renewed = next(&mut stream, PATIENCE).await.unwrap();
    assert_ne!(split(&first.svids[0].x509_svid)[1], split(&renewed.svids[0].x509_svid)[1], "another authority signed");
    assert_ne!(first.svids[0].x509_svid_key, renewed.svids[0].x509_svid_key);
    verify_by_openssl(&installation, &renewed.svids[0]);
    // A commit without selectors.
    let mut agent: Value =
        serde_json::from_str(&std::fs::read_to_string(installation.path("desired").join("agents/clerk.yaml")).unwrap()).unwrap();
    agent.as_object_mut().unwrap().remove("workload");
    installation.commit(&[("agents/clerk.yaml", Some(&format!("{agent:#}\n")))]);
    installation.ann(&["repo", "apply"]).exits(0);
    assert_eq!(next(&mut stream, PATIENCE).await.unwrap_err().code(), Code::PermissionDenied);
}
