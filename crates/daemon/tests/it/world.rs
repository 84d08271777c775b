//! One installation in a folder of its own, served in this process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::time_provider::DefaultTimeProvider;
use scalbotics_core::agent::Standing;
use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::identity::TrustDomain;
use scalbotics_core::ids::{HumanUid, InstallationId};
use scalbotics_core::ports::{Clock, Human, IdSource, Registry};
use scalbotics_core::principal::{KeyHolder, Uid};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use scalbotics_daemon::clock::{Guarded, System};
use scalbotics_daemon::config::{Config, Sources};
use scalbotics_daemon::id_source::UuidIds;
use scalbotics_daemon::setup::{Environment, Plan, initialize};
use scalbotics_daemon::{Running, Start, layout, start};
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::{assertion, tls, trust};
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use scalbotics_store::{Options, SqliteStore};
use serde_json::json;
use tonic::Request;
use tonic::transport::{Endpoint, Uri};

use crate::proving::{Proving, bound};

/// Only administrators may do anything: everybody else is denied every call of the table.
const CLOSED: &str = "@id(\"admins-only\")\npermit (principal is Human in Group::\"admins\", action, resource);\n";

/// Who is in no group.
pub(crate) const NOBODY: &str = "nobody";

pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) running: Option<Running>,
    pub(crate) channel: Proving,
    pub(crate) plan: Plan,
}

/// Desired state: one agent, a workflow that reads, one that touches the world.
fn desired(root: &Path, closed: bool) {
    let work = root.join("work");
    std::fs::create_dir_all(&work).unwrap();
    std::fs::write(work.join("hello.txt"), "hello, world\n").unwrap();
    let put = |path: &str, text: String| {
        let path = root.join("desired").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let nothing = json!({"type": "object", "properties": {}});
    put("teams/ops.yaml", json!({"id": "ops", "description": "Tests.", "lead": "clerk"}).to_string());
    let agent = json!({
        "id": "clerk", "team": "ops", "description": "Reads.", "tools": ["fs.read", "stamp"], "workflows": ["read", "stamp"],
        "mounts": [{"name": "work", "path": work}],
    });
    put("agents/clerk.yaml", agent.to_string());
    for file in ["SOUL.md", "AGENT.md", "TOOLS.md", "MEMORY/notes.md"] {
        put(&format!("workspaces/clerk/{file}"), "A clerk.\n".to_owned());
    }
    let read = json!({
        "id": "read", "description": "Reads a file.", "match": {"goal": "read*"}, "input": nothing,
        "steps": [{"id": "look", "tool": "fs.read", "args": {"path": "work/hello.txt"}}],
        "output": {"content": "${steps.look.output.content}"},
    });
    put("workflows/read.yaml", read.to_string());
    let tool = json!({
        "id": "stamp", "description": "Touches the world.", "argv": ["/bin/true"], "input": nothing, "tier": 2, "effect": "opaque",
    });
    put("tools/stamp.yaml", tool.to_string());
    let stamp = json!({
        "id": "stamp", "description": "Stamps.", "input": nothing, "steps": [{"id": "act", "tool": "stamp", "args": {}}],
    });
    put("workflows/stamp.yaml", stamp.to_string());
    if closed {
        put("policies/closed.cedar", CLOSED.to_owned());
    } else {
        for (path, text) in scalbotics_adapters::policy::defaults() {
            put(path, text.to_string());
        }
    }
}

impl World {
    /// One with the default policies.
    pub(crate) async fn open() -> Self {
        Self::with(false, &[]).await
    }

    /// One where only administrators may do anything.
    pub(crate) async fn closed() -> Self {
        Self::with(true, &[]).await
    }

    /// One with these values over its configuration.
    pub(crate) async fn with(closed: bool, values: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        desired(&base, closed);
        let clock: Arc<dyn Clock> = Arc::new(Guarded::new(System, None));
        let ids: Arc<dyn IdSource> = Arc::new(UuidIds::new(Arc::clone(&clock)));
        let name = |text: &str| Name::parse(text).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let plan = Plan {
            ca_bundle: None,
            root: base.join("box"),
            installation: InstallationId::from_u128(ids.next()),
            trust_domain: TrustDomain::parse("acme.test").unwrap(),
            tenant: TenantId::new(name("acme")),
            admin: name("ann"),
            approver: name("bob"),
            repository: base.join("box").join(layout::REPOSITORY),
            upstream: None,
            issuer: None,
            issuer_client: None,
            trusted: None,
            agent: Name::parse("clerk").unwrap(),
            desired: Some(base.join("desired")),
            model: None,
            listen: any,
            admin_listen: any,
            workspace_roots: vec![base.join("work")],
            dev: false,
        };
        let environment = Environment { clock, ids, config_dir: Some(base.join("config")) };
        initialize(&plan, &environment).await.unwrap();
        register_nobody(&plan, &environment).await;
        let sources = Sources {
            file: plan.root.join(layout::CONFIG),
            environment: Vec::new(),
            flags: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        let running = serve(sources).await;
        let channel = connect(&plan, running.api(), None).await;
        Self { dir, running: Some(running), channel, plan }
    }

    /// Opens another connection, and calls over it from now on.
    pub(crate) async fn reconnect(&mut self) {
        self.channel = connect(&self.plan, self.running.as_ref().unwrap().api(), None).await;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    /// Ends the daemon and serves the same data again.
    pub(crate) async fn restart(&mut self) {
        self.restart_with(&[]).await;
    }

    /// The same with these values over its configuration, too.
    pub(crate) async fn restart_with(&mut self, values: &[&str]) {
        let running = self.running.take().unwrap();
        let mut sources = running.config().sources.clone();
        sources.flags.extend(values.iter().map(|value| (*value).to_owned()));
        assert_eq!(running.shutdown().await.left, 0);
        let running = serve(sources).await;
        self.channel = connect(&self.plan, running.api(), None).await;
        self.running = Some(running);
    }

    /// Ends the daemon; answers its store.
    pub(crate) async fn stop(&mut self) -> SqliteStore {
        assert_eq!(self.running.take().unwrap().shutdown().await.left, 0);
        SqliteStore::open(&self.plan.root.join(layout::DATA), &Options::new(self.plan.installation)).unwrap()
    }

    pub(crate) fn key(&self, human: &str, kind: &str) -> Pair {
        Pair::load(&self.plan.root.join(layout::PEOPLE).join(human).join(format!("{kind}.pem"))).unwrap()
    }

    /// The identity of a human, as the registry knows it.
    pub(crate) fn uid(&self, human: &str) -> HumanUid {
        let text = std::fs::read_to_string(self.path(&format!("{human}.uid"))).ok();
        match text {
            Some(text) => text.parse().unwrap(),
            None => {
                let contexts = std::fs::read_to_string(self.path("config").join("contexts.toml")).unwrap();
                let contexts: toml::Table = contexts.parse().unwrap();
                contexts["contexts"][&format!("acme-{human}")]["human_uid"].as_str().unwrap().parse().unwrap()
            }
        }
    }

    pub(crate) fn assertion(&self, human: &str, audience: &str, now: Timestamp) -> String {
        let holder = KeyHolder::Human(self.uid(human));
        let login = assertion::Login { holder, tenant: &self.plan.tenant, audience, lifetime_s: 30 };
        assertion::sign(&login, &self.key(human, "login"), now).unwrap()
    }

    /// A fresh token.
    pub(crate) async fn token(&self, human: &str) -> String {
        let assertion = self.assertion(human, "acme.test", Guarded::new(System, None).now());
        let mut client = SessionServiceClient::new(self.channel.clone());
        let token = client.exchange_assertion(v1::ExchangeAssertionRequest { assertion }).await.unwrap().into_inner().token;
        bound(token, self.key(human, "login"))
    }

    /// Commits files to the desired state.
    pub(crate) fn commit(&self, files: &[(&str, &str)]) -> String {
        let clone = self.path("clone");
        if !clone.is_dir() {
            git(&self.path("."), &["clone", "--quiet", self.plan.repository.to_str().unwrap(), "clone"]);
        }
        for (path, text) in files {
            let path = clone.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        git(&clone, &["add", "--all"]);
        git(&clone, &["commit", "--quiet", "--message", "change"]);
        git(&clone, &["push", "--quiet", "origin", "HEAD:main"]);
        git(&clone, &["rev-parse", "HEAD"])
    }

    /// One GET of the admin listener: status and body.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut tcp = tokio::net::TcpStream::connect(self.running.as_ref().unwrap().admin()).await.unwrap();
        tcp.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut text = String::new();
        tcp.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

async fn serve(sources: Sources) -> Running {
    let sandbox_program = PathBuf::from(env!("CARGO_BIN_EXE_scalboticsd"));
    let options = Start { sandbox_program, unwitnessed: false };
    start(Config::load(sources).unwrap(), options, std::future::pending())
        .await
        .unwrap_or_else(|error| panic!("{}", error.report()))
        .expect("nobody tells it to end")
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=test", "-c", "user.email=test@localhost"]).args(arguments).current_dir(folder);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Registers a human who is in no group.
async fn register_nobody(plan: &Plan, environment: &Environment) {
    let key = Pair::generate(Algorithm::Ed25519).unwrap();
    let folder = plan.root.join(layout::PEOPLE).join(NOBODY);
    std::fs::create_dir_all(&folder).unwrap();
    key.save(&folder.join("login.pem")).unwrap();
    let uid = HumanUid::from_u128(environment.ids.next());
    std::fs::write(plan.root.parent().unwrap().join(format!("{NOBODY}.uid")), uid.to_string()).unwrap();
    let human = Human {
        uid,
        tenant: plan.tenant.clone(),
        name: Name::parse(NOBODY).unwrap(),
        groups: Vec::new(),
        login_key: key.public().to_jwk_json().unwrap(),
        enrolment: None,
        standing: Standing::Active,
        epoch: 0,
        outside: None,
    };
    let store = SqliteStore::open(&plan.root.join(layout::DATA), &Options::new(plan.installation)).unwrap();
    let record = Record::new(Kind::Installation, environment.clock.now(), plan.tenant.clone(), Uid::Daemon, "human.register");
    store.put_human(human, record.into()).await.unwrap();
}

/// A connection, by a client's certificate where there is one.
pub(crate) async fn connect(plan: &Plan, api: SocketAddr, identity: Option<&tls::Identity>) -> Proving {
    let trust = trust::File::load(&plan.root.join(layout::TRUST)).unwrap();
    let config =
        tls::client_config(&trust.roots().unwrap(), &trust.trust_domain, identity, Arc::new(DefaultTimeProvider)).unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let service = tower::service_fn(move |_: Uri| {
        let connector = connector.clone();
        async move {
            let tcp = tokio::net::TcpStream::connect(api).await?;
            let name = ServerName::try_from("localhost").unwrap();
            Ok::<_, std::io::Error>(TokioIo::new(connector.connect(name, tcp).await?))
        }
    });
    Proving(Endpoint::from_static("http://localhost").connect_with_connector(service).await.unwrap())
}

/// A request with a token.
pub(crate) fn with<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}
