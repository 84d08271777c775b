//! Groups that grew too old while a task was on its way: it waits for the login of its human, from the command line to the evidence.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scalbotics_core::ports::Clock as _;
use scalbotics_daemon::clock::{Guarded, System};
use scalbotics_identity::holder::key::{Algorithm, Jwk, Pair};
use serde_json::{Value, json};

use crate::command::Answer;
use crate::installation::{Installation, cli, id, is_at_rest};
use crate::process::until;
use crate::web::{Web, page};

/// What is said of somebody at the next login: who they are, their groups, and how many seconds ago it was said.
struct Says {
    person: Mutex<(String, Vec<String>)>,
    ago_s: AtomicI64,
    key: Pair,
}

fn b64(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

impl Says {
    /// An ID token.
    fn token(&self, issuer: &str) -> String {
        let (person, groups) = self.person.lock().unwrap().clone();
        let now_s = Guarded::new(System, None).now().unix_ms() / 1000;
        let once = b64(Pair::generate(Algorithm::Ed25519).unwrap().public().raw());
        let claims = json!({
            "iss": issuer, "sub": person, "aud": "scalbotics", "tenant": "t-1", "groups": groups, "preferred_username": person,
            "iat": now_s - self.ago_s.load(Ordering::Relaxed), "exp": now_s + 300, "jti": once,
        });
        let header = json!({"alg": "ES256", "kid": "k1", "typ": "JWT"});
        let signed = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
        let signature = self.key.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", b64(signature))
    }
}

/// An issuer at which a device code is good at once.
fn issuer(says: &Arc<Says>) -> Web {
    let says = Arc::clone(says);
    Web::serve(move |port, request| {
        let base = format!("http://127.0.0.1:{port}");
        let body = match request.path.as_str() {
            "/.well-known/openid-configuration" => json!({
                "issuer": base, "jwks_uri": format!("{base}/jwks"), "token_endpoint": format!("{base}/token"),
                "device_authorization_endpoint": format!("{base}/device"),
            }),
            "/jwks" => {
                let mut jwk = serde_json::to_value(Jwk::from(says.key.public())).unwrap();
                jwk["kid"] = json!("k1");
                json!({ "keys": [jwk] })
            }
            "/device" => json!({
                "device_code": "d", "user_code": "AB", "verification_uri": format!("{base}/go"), "expires_in": 60, "interval": 1,
            }),
            "/token" => {
                json!({"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": says.token(&base)})
            }
            _ => return page(404, "text/plain", "no"),
        };
        page(200, "application/json", body.to_string())
    })
}

struct Scene {
    installation: Installation,
    says: Arc<Says>,
    web: Web,
}

impl Scene {
    /// An installation that trusts the issuer, where a word counts for half an hour for tier 2.
    fn new() -> Self {
        let key = Pair::generate(Algorithm::P256).unwrap();
        let says = Arc::new(Says { person: Mutex::default(), ago_s: AtomicI64::new(0), key });
        let (installation, web) = (Installation::new(), issuer(&says));
        let config = installation.config();
        let text = std::fs::read_to_string(&config).unwrap();
        let more = "\n[issuer]\nbreak_glass = true\n\n[issuer.claims_age]\ntier_2 = \"30m\"\n";
        std::fs::write(&config, format!("{text}{more}")).unwrap();
        let mut trusts = installation.environment(&cli());
        trusts.args(["identity", "issuer", "add", web.at("").trim_end_matches('/'), "--audience", "scalbotics"]);
        trusts.args(["--tenants", "t-1=acme", "--groups", "Ops=operators", "--config"]).arg(&config);
        Answer::of(&mut trusts).exits(0);
        Self { installation, says, web }
    }

    /// The command line as this person.
    fn person(&self, person: &str, arguments: &[&str]) -> Answer {
        Answer::of(&mut self.installation.cli(person, arguments))
    }

    /// A context for somebody of the issuer.
    fn context(&self, person: &str) {
        let (server, trust) = (format!("https://127.0.0.1:{}", self.installation.api), self.installation.root.join("trust.json"));
        let mut add = self.installation.environment(&cli());
        add.args(["context", "add", person, "--server", &server, "--of-tenant", "acme", "--client-id", "scalbotics"]);
        add.args(["--issuer", self.web.at("").trim_end_matches('/')]).arg("--trust-file").arg(trust);
        Answer::of(&mut add).exits(0);
    }

    /// Logs somebody in; the issuer said so many minutes ago that they are in these groups.
    fn login(&self, person: &str, groups: &[&str], minutes_ago: i64) {
        *self.says.person.lock().unwrap() = (person.to_owned(), groups.iter().map(|group| (*group).to_owned()).collect());
        self.says.ago_s.store(minutes_ago * 60, Ordering::Relaxed);
        self.person(person, &["login", "--device"]).exits(0);
    }

    /// `task run` of a call of tier 2 by this person.
    fn run(&self, person: &str, entry: &str, more: &[&str]) -> Answer {
        let input = json!({ "entry": entry, "before_ms": 0, "after_ms": 0 }).to_string();
        let run = ["task", "run", "--agent", "clerk", "--workflow", "opaque", "--input", &input];
        self.person(person, &[&run[..], more].concat())
    }

    fn newest(&self) -> String {
        self.installation.ann(&["task", "list"]).exits(0).json()[0]["name"].as_str().unwrap().to_owned()
    }

    fn comes_to(&self, task: &str, status: &str) -> Value {
        let is_there = |shown: &Value| shown["status"] == status;
        until(status, std::time::Duration::from_secs(60), || Some(self.installation.task(task)).filter(is_there))
    }
}

#[test]
fn sem_3_5_a_task_with_old_groups_waits_for_the_login() {
    let scene = Scene::new();
    let installation = &scene.installation;
    let daemon = installation.start();
    for person in ["eve", "una"] {
        scene.context(person);
        scene.login(person, &["Ops"], 45);
    }
    // Followed or not, it says what to do; it waits without having begun anything.
    let told = scene.run("eve", "first", &[]).exits(4).error();
    assert_eq!((told.code.as_str(), told.next.as_str()), ("LOGIN_REQUIRED", "scalbotics login"), "{told:?}");
    assert!(told.why.contains("tier 2") && told.what.contains("until you log in"), "{told:?}");
    let first = scene.newest();
    let told = scene.run("eve", "second", &["--wait"]).exits(4).error();
    assert_eq!(told.code, "LOGIN_REQUIRED", "{told:?}");
    let second = scene.newest();
    scene.run("una", "third", &["--wait=auth_required"]).exits(0);
    let third = scene.newest();
    let stranger = scene.person("una", &["task", "watch", &first]).exits(4).error();
    assert!(stranger.next.contains("`scalbotics login`") && stranger.next.starts_with("hum_"), "{stranger:?}");
    let shown = installation.task(&first);
    assert_eq!((&shown["status"], &shown["calls"], &shown["login"]["tier"]), (&json!("AUTH_REQUIRED"), &json!([]), &json!(2)));
    assert_eq!(shown["login"]["human"], shown["requested_by"]);
    let status = installation.ann(&["status"]).exits(0).json();
    let waiting = ["logins_waiting", "tasks_waiting", "approvals_waiting", "tasks_running"].map(|count| status[count].clone());
    assert_eq!(waiting, [json!(3), json!(0), json!(0), json!(0)], "{status:#}");
    assert!(daemon.get("/metrics").1.contains("scalbotics_task_login_waits_total{event=\"begun\"} 3"));

    // It outlives the daemon, and may be ended.
    daemon.kill();
    let daemon = installation.start();
    assert_eq!(installation.task(&first)["status"], "AUTH_REQUIRED");
    installation.ann(&["task", "cancel", &second]).exits(0);
    assert_eq!(installation.task(&second)["status"], "CANCELED");

    // The login of the one lets hers go on, and nobody else's.
    scene.login("eve", &["Ops"], 0);
    scene.comes_to(&first, "INPUT_REQUIRED");
    let status = installation.ann(&["status"]).exits(0).json();
    let waiting = ["logins_waiting", "tasks_waiting", "approvals_waiting"].map(|count| status[count].clone());
    assert_eq!(waiting, [json!(1), json!(1), json!(1)], "{status:#}");
    installation.approve(&installation.approval_of(&first));
    let ended = until("the task ends", std::time::Duration::from_secs(60), || {
        Some(installation.task(&first)).filter(|shown| is_at_rest(shown) && shown["status"] != "INPUT_REQUIRED")
    });
    assert_eq!(ended["status"], "COMPLETED", "{ended:#}");
    assert!(installation.ledger.has("first", "landed") && !installation.ledger.has("second", "begin"));
    let events: Vec<Value> = scene.person("eve", &["task", "watch", &first, "--wait", "-o", "jsonl"]).exits(0).lines();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds[..4], ["submitted", "login_requested", "login_seen", "approval_requested"], "{kinds:?}");
    assert_eq!(installation.task(&third)["status"], "AUTH_REQUIRED");

    // A group that is lost denies it, and the decision is there to be explained.
    scene.login("una", &[], 0);
    let denied = scene.comes_to(&third, "FAILED");
    assert_eq!(denied["failure"], "POLICY_DENIED", "{denied:#}");
    installation.ann(&["policy", "explain", denied["decision"].as_str().unwrap()]).exits(0);
    assert!(daemon.get("/metrics").1.contains("scalbotics_task_login_waits_total{event=\"seen\"} 2"));
    let again = id(&scene.run("eve", "again", &["--detach"]));
    scene.comes_to(&again, "INPUT_REQUIRED");
    installation.verify_audit();
}
