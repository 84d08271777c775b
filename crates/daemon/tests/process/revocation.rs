//! Revocation that is raced: what is asked for in the moment in which somebody is suspended or offboarded is granted before that, and void with it,
//! or it is refused; and the audit log tells it in that order (semantics §4.3, security rows 4 and 5).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use scalbotics_proto::workload as v1;
use serde_json::{Value, json};

use crate::command::Answer;
use crate::installation::{ANN, Installation};
use crate::people::CAROL;
use crate::process::until;
use crate::services::CI;
use crate::workload::{PATIENCE, asked, id, own, with_workloads};

/// Rounds in which the revocation and the rest are on their way at once: each begins at another moment of the time that the other takes.
const RACED: u32 = 6;

/// How many ask for the same at once.
const RACERS: usize = 4;

/// The most records that one query answers.
const RECORDS_MAX: &str = "1000";

/// What takes rights away and gives them back, as the ends of actions.
const TAKES: [&str; 2] = [".suspend", ".offboard"];
const GIVES: &str = ".resume";

/// What is granted to who may act, and to nobody else: the log has it while they may. The first are about their target, the others about who acts.
const ABOUT_TARGET: [&str; 4] = ["agent.join_token", "identity.attest", "identity.enroll", "identity.renew"];
const ABOUT_ACTOR: [&str; 3] = ["service.renew", "session.login", "svid.jwt"];

/// Something that was granted.
enum Granted {
    /// The directory of a worker.
    Worker(String),
    /// A join token of an agent, in a file.
    Token(&'static str, PathBuf),
    /// An access token of somebody's context, in a state directory of its own.
    Login(&'static str, PathBuf),
    /// A JWT-SVID.
    Jwt(String),
}

/// One who asks; answers whether it was granted.
type Job<'a> = Box<dyn FnOnce() -> bool + Send + 'a>;

/// Grants what is asked by, and answers who asks at once.
type Asks = for<'a> fn(&'a Scene, &'static str) -> Vec<Job<'a>>;

/// What is raced against the revocation of whom.
struct Row {
    kind: &'static str,
    whom: &'static str,
    asks: Asks,
    /// Whether what is asked gives the right to act back: then nothing is said while it goes on, and the end is another revocation.
    revives: bool,
    /// Whether they are gone for good at the end.
    ends: bool,
}

struct Scene {
    installation: Installation,
    /// Of this round.
    granted: Mutex<Vec<Granted>>,
    named: AtomicUsize,
}

/// What became of a round.
struct Round {
    granted: usize,
    all: usize,
    took: Duration,
    revoking: Duration,
}

/// When the revocation comes.
#[derive(Debug, Clone, Copy)]
enum When {
    /// After everything was answered.
    Last,
    /// While it is on its way: the one waits so long, and the other so long.
    Amid { revoked: Duration, asked: Duration },
    /// Before anything was asked.
    First,
}

impl Scene {
    fn new(installation: Installation) -> Self {
        let mut text = std::fs::read_to_string(installation.config()).unwrap();
        // So many of one address and one person in one moment are more than one house makes.
        text.push_str("\n[limits.requests_per_second]\nlogin = 1000\nwrite = 1000\n");
        std::fs::write(installation.config(), text).unwrap();
        Self { installation, granted: Mutex::default(), named: AtomicUsize::new(0) }
    }

    /// A name that nothing had.
    fn fresh(&self, kind: &str) -> String {
        format!("{kind}-{}", self.named.fetch_add(1, Ordering::Relaxed))
    }

    fn grant(&self, granted: Granted) -> bool {
        self.granted.lock().unwrap().push(granted);
        true
    }

    /// A join token, if there is one.
    fn token(&self, agent: &'static str, arguments: &[&str]) -> Option<PathBuf> {
        let answer = self.installation.ann(&[arguments, &[agent]].concat());
        if answer.code != 0 {
            return None;
        }
        let file = self.installation.path(&self.fresh("token"));
        std::fs::write(&file, answer.json()["token"].as_str().unwrap()).unwrap();
        self.grant(Granted::Token(agent, file.clone()));
        Some(file)
    }

    /// A worker that has joined.
    fn joined(&self, agent: &'static str) -> String {
        let (dir, token) = (self.fresh("worker"), self.token(agent, &["agent", "join-token"]).unwrap());
        self.installation.enroll(agent, &dir, &token).exits(0);
        self.grant(Granted::Worker(dir.clone()));
        dir
    }

    /// A copy of a worker that renews, when it is asked.
    fn renews<'a>(&'a self, agent: &'static str, worker: &str) -> Job<'a> {
        let copy = self.fresh("worker");
        let (from, to) = (self.installation.path(worker), self.installation.path(&copy));
        std::fs::create_dir(&to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().flatten() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        Box::new(move || {
            let renewed = Answer::of(&mut self.installation.worker(agent, &copy, &[]));
            self.grant(Granted::Worker(copy));
            renewed.code == 0
        })
    }

    /// A command of a context with a state directory of its own, so that it has no token.
    fn apart(&self, context: &str, state: &PathBuf, arguments: &[&str]) -> Command {
        let mut command = self.installation.cli(context, arguments);
        command.env("SCALBOTICS_STATE_DIR", state);
        command
    }

    fn logs_in(&self, context: &'static str) -> bool {
        let state = self.installation.path(&self.fresh("state"));
        Answer::of(&mut self.apart(context, &state, &["login"])).code == 0 && self.grant(Granted::Login(context, state))
    }

    /// What a worker's call is answered.
    fn status(&self, dir: &str) -> String {
        let (answer, head) = (self.installation.path("raced.answer"), self.installation.path("raced.head"));
        until("a call is answered", PATIENCE, || {
            let _gone = std::fs::remove_file(&head);
            // A refusal comes before the call was read to its end, which curl does not always take for an answer.
            let _asked = Answer::of(&mut self.installation.curl(dir, "SessionService/WhoAmI", &[], &answer));
            std::fs::read_to_string(&head).ok().filter(|head| head.to_ascii_lowercase().contains("grpc-status:"))
        });
        self.installation.status_of("raced")
    }

    /// What of the round works.
    fn works(&self) -> Vec<String> {
        let granted = self.granted.lock().unwrap();
        let works = |granted: &&Granted| match granted {
            Granted::Worker(dir) => self.status(dir) == "0",
            Granted::Token(agent, file) => {
                let joined = self.installation.enroll(agent, &self.fresh("late"), file);
                assert!(joined.code == 0 || joined.error().code == "JOIN_REFUSED", "{joined:#?}");
                joined.code == 0
            }
            Granted::Login(context, state) => Answer::of(&mut self.apart(context, state, &["whoami"])).code != 4,
            Granted::Jwt(token) => validates(&self.installation, token),
        };
        let works = granted.iter().filter(works).map(|granted| match granted {
            Granted::Worker(what) | Granted::Jwt(what) => what.clone(),
            Granted::Token(_, path) | Granted::Login(_, path) => path.display().to_string(),
        });
        let mut works: Vec<_> = works.collect();
        let listed = self.installation.ann(&["identity", "svid", "list"]).exits(0).json();
        works.extend(listed.as_array().unwrap().iter().filter(|svid| svid["counts"] == true).map(ToString::to_string));
        works
    }

    /// One round, which ends with nobody's rights but those of before; answers how much was granted, of how much, how long that took, and how long
    /// the revocation.
    fn round(&self, row: &Row, when: When, verb: &str) -> Round {
        self.granted.lock().unwrap().clear();
        let jobs = (row.asks)(self, row.whom);
        let revoke = || {
            let begun = Instant::now();
            self.installation.ann(&["--yes", row.kind, verb, row.whom]).exits(0);
            begun.elapsed()
        };
        let nothing = |moment: &str| assert_eq!(self.works(), Vec::<String>::new(), "{} {when:?}, {moment}", row.whom);
        if matches!(when, When::First) {
            revoke();
        }
        let (all, begun) = (jobs.len(), Instant::now());
        let waits = if let When::Amid { asked, .. } = when { asked } else { Duration::ZERO };
        let granted = std::thread::scope(|scope| {
            let later = |job: Job<'_>| {
                std::thread::sleep(waits);
                job()
            };
            let jobs: Vec<_> = jobs.into_iter().map(|job| scope.spawn(move || later(job))).collect();
            if let When::Amid { revoked, .. } = when {
                std::thread::sleep(revoked);
                revoke();
                if !row.revives {
                    nothing("with some on their way");
                }
            }
            jobs.into_iter().map(|job| job.join().unwrap()).filter(|granted| *granted).count()
        });
        let took = begun.elapsed();
        let revoking = if row.revives || matches!(when, When::Last) { revoke() } else { Duration::ZERO };
        nothing("after all of them");
        if verb == "suspend" {
            self.installation.ann(&[row.kind, "resume", row.whom]).exits(0);
            nothing("under the new epoch");
        }
        Round { granted, all, took, revoking }
    }

    fn race(&self, row: &Row) {
        let Round { granted, all, took, revoking } = self.round(row, When::Last, "suspend");
        assert_eq!(granted, all, "{}: nobody is suspended yet", row.whom);
        // From a revocation that is almost through when the others begin, to others who are.
        let amid = |part: u32| {
            let moment = (revoking + took) * part / RACED;
            When::Amid { revoked: moment.saturating_sub(revoking), asked: revoking.saturating_sub(moment) }
        };
        let granted: Vec<_> = (0..RACED).map(|part| self.round(row, amid(part), "suspend").granted).collect();
        println!("{} {}: {granted:?} of {all} were granted", row.kind, row.whom);
        let last = self.round(row, When::First, "suspend").granted;
        assert!(row.revives || last == 0, "{}: {last} were granted to who is suspended", row.whom);
        if row.ends {
            self.round(row, amid(RACED / 2), "offboard");
        }
    }

    /// What is granted stands in the log while it may be.
    fn in_order(&self) {
        let (takes, gives) = (TAKES, [GIVES]);
        let moves = ["agent", "human", "service"].map(|kind| takes.iter().chain(&gives).map(move |end| format!("{kind}{end}")));
        let grants = ABOUT_TARGET.iter().chain(&ABOUT_ACTOR).map(|action| (*action).to_owned());
        let mut records: BTreeMap<u64, Value> = BTreeMap::new();
        for action in moves.into_iter().flatten().chain(grants) {
            let found = self.installation.ann(&["audit", "query", "--action", &action, "--limit", RECORDS_MAX]).exits(0).json();
            for record in found.as_array().unwrap() {
                records.insert(record["index"].as_u64().unwrap(), record["record"].clone());
            }
        }
        let (mut stopped, mut granted) = (BTreeSet::new(), 0);
        for (index, record) in &records {
            let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let (action, target) = (text("/action"), text("/target").split('/').next().unwrap_or_default());
            if text("/outcome/word") != "ok" || text("/kind") != "rpc" {
                continue;
            }
            if TAKES.iter().any(|end| action.ends_with(end)) {
                stopped.insert(target.to_owned());
            } else if action.ends_with(GIVES) {
                stopped.remove(target);
            } else {
                let whose = if ABOUT_TARGET.contains(&action) { target } else { text("/actor/uid") };
                assert!(!stopped.contains(whose), "record {index} grants to who was suspended before it: {record:#}");
                granted += 1;
            }
        }
        assert!(granted > 0, "nothing was granted");
        self.installation.verify_audit();
    }
}

fn validates(installation: &Installation, token: &str) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let check = v1::ValidateJwtsvidRequest { audience: "ledger".to_owned(), svid: token.to_owned() };
        installation.client().await.validate_jwtsvid(asked(check)).await.is_ok()
    })
}

fn renewals<'a>(scene: &'a Scene, agent: &'static str) -> Vec<Job<'a>> {
    let worker = scene.joined(agent);
    (0..RACERS).map(|_| scene.renews(agent, &worker)).collect()
}

fn joins<'a>(scene: &'a Scene, agent: &'static str) -> Vec<Job<'a>> {
    let job = |_| -> Job<'a> {
        let token = scene.token(agent, &["agent", "join-token"]).unwrap();
        Box::new(move || {
            let dir = scene.fresh("worker");
            scene.installation.enroll(agent, &dir, &token).code == 0 && scene.grant(Granted::Worker(dir))
        })
    };
    let makes: Job<'a> = Box::new(move || scene.token(agent, &["agent", "join-token"]).is_some());
    (0..RACERS).map(job).chain([makes]).collect()
}

fn rotations<'a>(scene: &'a Scene, agent: &'static str) -> Vec<Job<'a>> {
    let worker = scene.joined(agent);
    let rotate: Job<'a> = Box::new(move || scene.installation.ann(&["agent", "rotate-keys", agent]).code == 0);
    vec![rotate, scene.renews(agent, &worker), scene.renews(agent, &worker)]
}

fn thefts<'a>(scene: &'a Scene, agent: &'static str) -> Vec<Job<'a>> {
    scene.joined(agent);
    (0..2)
        .map(|_| -> Job<'a> { Box::new(move || scene.token(agent, &["agent", "rotate-keys", "--compromised"]).is_some()) })
        .collect()
}

fn resumptions<'a>(scene: &'a Scene, agent: &'static str) -> Vec<Job<'a>> {
    scene.joined(agent);
    scene.installation.ann(&["agent", "suspend", agent]).exits(0);
    (0..2).map(|_| -> Job<'a> { Box::new(move || scene.token(agent, &["agent", "resume", "--join"]).is_some()) }).collect()
}

#[test]
fn sem_4_3_a_suspension_of_an_agent_is_raced_by_whatever_gives_it_a_certificate() {
    let rows: [(_, Asks, _); 5] = [
        ("renewer", renewals, false),
        ("joiner", joins, false),
        ("rotator", rotations, false),
        ("robbed", thefts, false),
        ("resumer", resumptions, true),
    ];
    let scene = Scene::new(Installation::with(|desired| {
        for (agent, ..) in &rows {
            desired.put(&format!("agents/{agent}.yaml"), json!({ "id": agent, "team": "ops", "description": "Is raced." }));
        }
    }));
    let _daemon = scene.installation.start();
    for (whom, asks, revives) in rows {
        scene.race(&Row { kind: "agent", whom, asks, revives, ends: true });
    }
    scene.in_order();
}

fn logins<'a>(scene: &'a Scene, _: &'static str) -> Vec<Job<'a>> {
    (0..RACERS).map(|_| -> Job<'a> { Box::new(|| scene.logs_in(CAROL)) }).collect()
}

/// Services of a human whose grants they renew.
fn sponsors<'a>(scene: &'a Scene, _: &'static str) -> Vec<Job<'a>> {
    scene.installation.carol(&["login"]).exits(0);
    scene.installation.carol(&["service", "renew", "ci", "--expires-in", "1h"]).exits(0);
    assert!(scene.logs_in(CI));
    let renews = || scene.installation.carol(&["service", "renew", "ci", "--expires-in", "1h"]).code == 0;
    (0..RACERS).map(|_| -> Job<'a> { Box::new(renews) }).chain([Box::new(|| scene.logs_in(CI)) as Job<'a>]).collect()
}

/// A service whose grant somebody else renews.
fn services<'a>(scene: &'a Scene, _: &'static str) -> Vec<Job<'a>> {
    let renew = ["service", "renew", "ci", "--expires-in", "1h"];
    scene.installation.ann(&renew).exits(0);
    let renews: Job<'a> = Box::new(move || {
        // Whoever is suspended may be given a grant, which they do not act by.
        scene.installation.ann(&renew).exits(0);
        scene.logs_in(CI)
    });
    (0..RACERS).map(|_| -> Job<'a> { Box::new(|| scene.logs_in(CI)) }).chain([renews]).collect()
}

#[test]
fn sem_4_3_a_suspension_of_a_human_and_of_a_service_is_raced_by_logins_and_renewals() {
    let scene = Scene::new(Installation::new());
    let _daemon = scene.installation.start();
    scene.installation.add_carol(&["admins"]);
    scene.installation.add_ci(ANN, &["--expires-in", "1h"]);
    scene.race(&Row { kind: "human", whom: "carol", asks: logins, revives: false, ends: false });
    scene.race(&Row { kind: "human", whom: "carol", asks: sponsors, revives: false, ends: true });
    scene.race(&Row { kind: "service", whom: "ci", asks: services, revives: false, ends: true });
    scene.in_order();
}

/// A process of the agent's, which fetches what it can.
fn fetches<'a>(scene: &'a Scene, agent: &'static str) -> Vec<Job<'a>> {
    let fetch = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut client, mut granted) = (scene.installation.client().await, false);
            for _ in 0..RACERS {
                if let Ok(stream) = client.fetch_x509svid(asked(v1::X509svidRequest {})).await {
                    granted |= stream.into_inner().message().await.is_ok_and(|told| told.is_some());
                }
                let wanted = v1::JwtsvidRequest { audience: vec!["ledger".to_owned()], spiffe_id: id(agent) };
                if let Ok(answer) = client.fetch_jwtsvid(asked(wanted)).await {
                    let svids = answer.into_inner().svids;
                    granted |= svids.into_iter().all(|svid| scene.grant(Granted::Jwt(svid.svid)));
                }
            }
            granted
        })
    };
    (0..RACERS).map(|_| -> Job<'a> { Box::new(fetch) }).collect()
}

#[test]
fn sem_4_3_a_suspension_of_an_agent_is_raced_by_processes_that_ask_who_they_are() {
    let (uid, _) = own();
    let scene = Scene::new(with_workloads(&[("worker", json!({ "unix": { "uid": uid } }))]));
    let _daemon = scene.installation.start_workload();
    scene.race(&Row { kind: "agent", whom: "worker", asks: fetches, revives: false, ends: true });
    scene.in_order();
}
