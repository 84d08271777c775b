//! Other tenants of an installation: added, suspended and resumed over the API as Ann, whose tenant operates it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::time_provider::DefaultTimeProvider;
use scalbotics_core::ports::Clock as _;
use scalbotics_core::principal::KeyHolder;
use scalbotics_core::tenant::TenantId;
use scalbotics_daemon::clock::{Guarded, System};
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::{assertion, proof, tls, trust};
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use scalbotics_proto::v1::tenant_service_client::TenantServiceClient;
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Status};

use crate::command::Answer;
use crate::installation::{ANN, Installation};

/// The trust domain of every installation of these tests.
const TRUST_DOMAIN: &str = "acme.example";

/// Ann's connection, and what proves her calls over it.
struct Operator {
    channel: Channel,
    token: String,
    key: Pair,
}

impl Operator {
    async fn of(installation: &Installation) -> Self {
        let contexts = std::fs::read_to_string(installation.path("config").join("contexts.toml")).unwrap();
        let contexts: toml::Table = contexts.parse().unwrap();
        let uid = contexts["contexts"][ANN]["human_uid"].as_str().unwrap().parse().unwrap();
        let key = Pair::load(&installation.root.join("people/ann/login.pem")).unwrap();
        let tenant = TenantId::parse("acme").unwrap();
        let login = assertion::Login { holder: KeyHolder::Human(uid), tenant: &tenant, audience: TRUST_DOMAIN, lifetime_s: 30 };
        let assertion = assertion::sign(&login, &key, Guarded::new(System, None).now()).unwrap();
        let channel = connect(&installation.trust_file(), installation.api).await;
        let mut session = SessionServiceClient::new(channel.clone());
        let exchanged = session.exchange_assertion(v1::ExchangeAssertionRequest { assertion }).await.unwrap();
        let token = exchanged.into_inner().token;
        Self { channel, token, key }
    }

    fn client(&self) -> TenantServiceClient<Channel> {
        TenantServiceClient::new(self.channel.clone())
    }

    /// A proved request of this method.
    fn call<T>(&self, method: &str, message: T) -> Request<T> {
        let target = proof::target(TRUST_DOMAIN, &format!("/scalbotics.v1.TenantService/{method}"));
        let proof = proof::sign(&self.key, &target, &self.token, Guarded::new(System, None).now()).unwrap();
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        request.metadata_mut().insert(proof::HEADER, proof.parse().unwrap());
        request
    }
}

async fn connect(trust: &Path, api: u16) -> Channel {
    let trust = trust::File::load(trust).unwrap();
    let config = tls::client_config(&trust.roots().unwrap(), &trust.trust_domain, None, Arc::new(DefaultTimeProvider)).unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let connect = tower::service_fn(move |_: Uri| {
        let connector = connector.clone();
        async move {
            let tcp = tokio::net::TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], api))).await?;
            let name = ServerName::try_from("localhost").unwrap();
            Ok::<_, std::io::Error>(TokioIo::new(connector.connect(name, tcp).await?))
        }
    });
    Endpoint::from_static("http://localhost").connect_with_connector(connect).await.unwrap()
}

fn waited<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

impl Installation {
    /// Adds a tenant whose first human gets a key and a context of this tool, `TENANT-HUMAN`.
    pub(crate) fn try_add_tenant(&self, tenant: &str, admin: &str) -> Result<v1::Tenant, Status> {
        let path = self.path(&format!("{tenant}-{admin}.pem"));
        let _ = std::fs::remove_file(&path);
        let key = Pair::generate(Algorithm::Ed25519).unwrap();
        key.save(&path).unwrap();
        let asked = v1::AddTenantRequest {
            name: format!("tenants/{tenant}"),
            admin: admin.to_owned(),
            login_key: key.public().to_jwk_json().unwrap(),
            host_access: true,
            ..Default::default()
        };
        let added = waited(async {
            let operator = Operator::of(self).await;
            operator.client().add_tenant(operator.call("AddTenant", asked)).await
        })?;
        Ok(added.into_inner())
    }

    #[track_caller]
    pub(crate) fn add_tenant(&self, tenant: &str, admin: &str) -> v1::Tenant {
        let added = self.try_add_tenant(tenant, admin).unwrap();
        let store = scalbotics_store::open_read_only(&self.root.join("data")).unwrap();
        let humans = store.humans(&TenantId::parse(tenant).unwrap()).unwrap();
        self.add_context(tenant, admin, &humans[0].uid.to_string());
        added
    }

    /// A context of somebody of another tenant, whose login key lies where the tests put it.
    #[track_caller]
    pub(crate) fn add_context(&self, tenant: &str, human: &str, uid: &str) {
        let (server, trust) = (format!("https://127.0.0.1:{}", self.api), self.trust_file());
        let (name, key) = (format!("{tenant}-{human}"), self.path(&format!("{tenant}-{human}.pem")));
        let words =
            ["context", "add", &name, "--server", &server, "--trust-file", trust.to_str().unwrap(), "--of-tenant", tenant];
        let who = ["--human", human, "--human-uid", uid, "--login-key", key.to_str().unwrap()];
        self.ann(&[&words[..], &who].concat()).exits(0);
    }

    /// Another human of a tenant, added by one who administers it.
    #[track_caller]
    pub(crate) fn add_to_tenant(&self, (tenant, admin): (&str, &str), human: &str, groups: &[&str]) -> String {
        let path = self.path(&format!("{tenant}-{human}.pem")).display().to_string();
        self.ann(&["human", "keygen", &path]).exits(0);
        let (public, groups) = (format!("{path}.pub"), groups.iter().flat_map(|group| ["--group", group]).collect::<Vec<_>>());
        let add = ["human", "add", human, "--login-key", &public];
        let added = self.of(tenant, admin, &[&add[..], &groups].concat()).exits(0).json();
        let uid = added["uid"].as_str().unwrap().to_owned();
        self.add_context(tenant, human, &uid);
        uid
    }

    /// The command line as somebody of another tenant.
    pub(crate) fn of(&self, tenant: &str, human: &str, arguments: &[&str]) -> Answer {
        Answer::of(&mut self.cli(&format!("{tenant}-{human}"), arguments))
    }

    /// Suspends a tenant, or resumes it.
    #[track_caller]
    pub(crate) fn set_tenant(&self, tenant: &str, is_active: bool) -> v1::Tenant {
        let asked = v1::TenantStandingRequest { name: format!("tenants/{tenant}"), ..Default::default() };
        let set = waited(async {
            let operator = Operator::of(self).await;
            match is_active {
                true => operator.client().resume_tenant(operator.call("ResumeTenant", asked)).await,
                false => operator.client().suspend_tenant(operator.call("SuspendTenant", asked)).await,
            }
        });
        set.unwrap().into_inner()
    }

    /// How the tenants are.
    pub(crate) fn tenants(&self) -> Vec<(String, String)> {
        let listed = waited(async {
            let operator = Operator::of(self).await;
            operator.client().list_tenants(operator.call("ListTenants", v1::ListTenantsRequest::default())).await
        });
        let all = listed.unwrap().into_inner().tenants;
        all.into_iter().map(|tenant| (tenant.name.trim_start_matches("tenants/").to_owned(), tenant.standing)).collect()
    }

    /// The folder of another tenant.
    pub(crate) fn tenant_dir(&self, tenant: &str) -> PathBuf {
        self.root.join("data/tenants").join(tenant)
    }

    /// Commits to the repository of another tenant: its clerk may stamp, which touches the world, so that a person has to say yes. Answers
    /// the commit, which is in force.
    #[track_caller]
    pub(crate) fn give_a_stamp(&self, tenant: &str, admin: &str) -> String {
        let nothing = json!({ "type": "object", "properties": {} });
        let agent = json!({
            "id": "clerk", "team": "ops", "description": "Stamps.", "tools": ["fs.list", "stamp"], "workflows": ["stamp"],
            "mounts": [{ "name": "files", "path": self.tenant_dir(tenant).join("files") }],
        });
        let tool = json!({
            "id": "stamp", "description": "Touches the world.", "argv": ["/bin/true"], "input": nothing, "tier": 2, "effect": "opaque",
        });
        let workflow = json!({
            "id": "stamp", "description": "Stamps.", "input": nothing, "steps": [{ "id": "act", "tool": "stamp", "args": {} }],
        });
        let files = [("agents/clerk.yaml", agent), ("tools/stamp.yaml", tool), ("workflows/stamp.yaml", workflow)];
        let files = files.map(|(path, value)| (path, value.to_string()));
        let commit = self.commit_of_tenant(tenant, &files.each_ref().map(|(path, text)| (*path, text.as_str())));
        self.of(tenant, admin, &["repo", "apply"]).exits(0);
        commit
    }

    /// Commits files to the repository of another tenant; answers the commit.
    #[track_caller]
    pub(crate) fn commit_of_tenant(&self, tenant: &str, files: &[(&str, &str)]) -> String {
        let tree = self.path(&format!("checkout-{tenant}"));
        let git = |arguments: &[&str], folder: &Path| {
            let mut command = self.environment(Path::new("git"));
            command.args(["-c", "user.name=test", "-c", "user.email=test@localhost"]);
            command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
            Answer::of(command.args(arguments).current_dir(folder)).exits(0).stdout.trim().to_owned()
        };
        if !tree.is_dir() {
            let repository = self.tenant_dir(tenant).join("desired.git");
            git(&["clone", "--quiet", "--branch", "main", repository.to_str().unwrap(), tree.to_str().unwrap()], &self.path("."));
        }
        for (path, text) in files {
            let path = tree.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        git(&["add", "--all", "."], &tree);
        git(&["commit", "--quiet", "--message", "Change"], &tree);
        git(&["push", "--quiet", "origin", "HEAD:main"], &tree);
        git(&["rev-parse", "HEAD"], &tree)
    }
}

/// The standings of agents, by name.
#[track_caller]
pub(crate) fn agents(answer: &Answer) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    answer.json().as_array().unwrap().iter().map(|agent| (text(&agent["name"]), text(&agent["standing"]))).collect()
}
