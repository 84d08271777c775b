use scalbotics_core::desired::PolicyFile;
use scalbotics_core::policy::{Answer, Request, Resource, SELF_APPROVAL, Verdict};
use scalbotics_core::principal::Principal;
use serde_json::json;

use super::super::fixture::{agent, call, file, human, resource, rpc, service, tainted, tools};
use super::defaults;
use crate::policy::CedarEngine;

fn engine() -> CedarEngine {
    let files: Vec<PolicyFile> = defaults().iter().map(|(path, text)| file(path, text)).collect();
    CedarEngine::compile(&files, &tools()).unwrap()
}

#[test]
fn they_validate_and_every_rule_has_an_id_of_its_own() {
    assert_eq!(engine().bundle(), engine().bundle());
    let text: String = defaults().iter().map(|(_, text)| *text).collect();
    let rules = text.matches("permit (").count() + text.matches("forbid (").count();
    assert_eq!(text.matches("@id(\"").count(), rules);
    assert!(defaults().iter().all(|(path, _)| path.starts_with("policies/") && path.ends_with(".cedar")));
}

#[test]
fn they_validate_without_any_tool_too() {
    let files: Vec<PolicyFile> = defaults().iter().map(|(path, text)| file(path, text)).collect();
    let none = std::collections::BTreeMap::new();
    let found = CedarEngine::compile(&files, &none);
    assert!(found.is_err(), "rules about tool calls are impossible without a tool, so the built-in ones must be given");
}

fn operator() -> Principal {
    human(1, &["operators"])
}

fn approver() -> Principal {
    human(2, &["approvers"])
}

fn auditor() -> Principal {
    human(3, &["auditors"])
}

fn admin() -> Principal {
    human(4, &["admins"])
}

fn nobody() -> Principal {
    human(5, &[])
}

fn clerk() -> Principal {
    agent(6, "clerk", &["ops"])
}

fn task(owner: &Principal, by: &str) -> Resource {
    let owner = owner.uid.to_string();
    resource("Task", "task_1", json!({"agent": by, "owner": owner, "submitter": owner, "status": "WORKING"}))
}

/// A task that a service submitted under the grant of a human.
fn sponsored(sponsor: &Principal, service: &Principal) -> Resource {
    let (owner, submitter) = (sponsor.uid.to_string(), service.uid.to_string());
    resource("Task", "task_2", json!({"agent": "clerk", "owner": owner, "submitter": submitter, "status": "WORKING"}))
}

fn approval(requester: &Principal) -> Resource {
    resource("Approval", "apr_1", json!({"tier": 2, "tool": "pay", "agent": "clerk", "requester": requester.uid.to_string()}))
}

fn decision(owner: &Principal) -> Resource {
    resource("Decision", "dec_1", json!({"owner": owner.uid.to_string()}))
}

fn only(kind: &str) -> Resource {
    resource(kind, "acme", json!({}))
}

fn clerk_agent() -> Resource {
    resource("Agent", "agt_6", json!({"name": "clerk", "uid": "agt_6", "groups": ["ops"]}))
}

fn pay(principal: Principal) -> Request {
    call(principal, "pay", json!({"eur": 64}))
}

/// What a row expects: the ids of the deciding rules, none for a denial by default.
type Row = (&'static str, Request, Verdict, &'static [&'static str]);

fn check(rows: Vec<Row>) {
    let engine = engine();
    for (what, request, verdict, rules) in rows {
        let Answer { verdict: got, deciding, errors, .. } = engine.answer(&request);
        assert!(errors.is_empty(), "{what}: {errors:?}");
        let mut ids: Vec<&str> = deciding.iter().map(|rule| rule.policy.as_str()).collect();
        ids.sort_unstable();
        assert_eq!((got, ids.as_slice()), (verdict, rules), "{what}");
    }
}

#[test]
fn who_may_call_tools() {
    use Verdict::{Allow, Deny};
    let read = |principal| call(principal, "fs.read", json!({"path": "src/a.rs"}));
    let write = |principal| call(principal, "fs.write", json!({"path": "src/a.rs", "content": ""}));
    check(vec![
        ("agent reads", read(clerk()), Allow, &["agents-call-safe-tools"]),
        ("agent writes", write(clerk()), Allow, &["agents-call-safe-tools"]),
        ("agent asks to pay", pay(clerk()), Allow, &["agents-ask-for-risky-tools"]),
        ("operator through an agent", pay(operator()), Allow, &["operators-call-tools-through-agents"]),
        ("admin through an agent", read(admin()), Allow, &["admins-call-tools-through-agents"]),
        ("service through an agent", read(service(9, &["operators"])), Allow, &["services-submit"]),
        ("approver runs nothing", read(approver()), Deny, &[]),
        ("auditor runs nothing", read(auditor()), Deny, &[]),
        ("nobody runs nothing", read(nobody()), Deny, &[]),
        ("service without a role", read(service(9, &[])), Deny, &[]),
    ]);
}

#[test]
fn security_12_a_tainted_task_goes_to_declared_destinations_only() {
    use Verdict::{Allow, Deny};
    let fetch = |taint: &[&'static str]| tainted(clerk(), "http.fetch", json!({"url": "https://example.com/"}), taint);
    let declared = |taint: &[&'static str]| tainted(clerk(), "http.fetch.api", json!({"url": "https://api.example.com/"}), taint);
    let network = |principal, taint: &[&'static str]| tainted(principal, "network", json!({}), taint);
    let mut rows: Vec<Row> = vec![
        ("untainted, anywhere", fetch(&[]), Allow, &["agents-ask-for-risky-tools"]),
        ("untainted, an own tool with the network", network(clerk(), &[]), Allow, &["agents-call-safe-tools"]),
    ];
    let guard: &[&str] = &["tainted-tasks-go-to-declared-destinations"];
    for mark in ["files", "programs", "tools", "web"] {
        rows.push(("tainted, anywhere", fetch(&[mark]), Deny, guard));
        rows.push(("tainted, an own tool with the network", network(clerk(), &[mark, "web"]), Deny, guard));
        rows.push(("tainted, for an admin", network(admin(), &[mark]), Deny, guard));
        rows.push(("tainted, to a destination", declared(&[mark]), Allow, &["agents-ask-for-risky-tools"]));
        rows.push((
            "tainted, inside",
            tainted(clerk(), "fs.read", json!({"path": "src/a.rs"}), &[mark]),
            Allow,
            &["agents-call-safe-tools"],
        ));
        rows.push((
            "tainted, tier 2 that stays",
            tainted(clerk(), "pay", json!({"eur": 1}), &[mark]),
            Allow,
            &["agents-ask-for-risky-tools"],
        ));
    }
    check(rows);
}

#[test]
fn rules_see_the_parts_of_a_target() {
    let rule = "@id(\"v1-only\")\nforbid (principal, action == Action::\"tool/http.fetch.api\", resource)\n\
                unless { context.url.path like \"/v1/*\" && context.url.method == \"GET\" && context.url.port == 443 &&\n\
                context.url.scheme == \"https\" && context.url.host == \"api.example.com\" && context.url.query == \"\" };";
    let mut files: Vec<PolicyFile> = defaults().iter().map(|(path, text)| file(path, text)).collect();
    files.push(file("policies/api.cedar", rule));
    let engine = CedarEngine::compile(&files, &tools()).unwrap();
    for (args, verdict) in [
        (json!({"url": "https://API.example.com/v1/x"}), Verdict::Allow),
        (json!({"url": "https://api.example.com/v1/x?q"}), Verdict::Deny),
        (json!({"url": "https://api.example.com/v2/x"}), Verdict::Deny),
        (json!({"url": "https://api.example.com:444/v1/x"}), Verdict::Deny),
        (json!({"url": "https://api.example.com/v1/x", "method": "POST"}), Verdict::Deny),
    ] {
        let answer = engine.answer(&call(clerk(), "http.fetch.api", args.clone()));
        assert_eq!((answer.verdict, answer.errors), (verdict, Vec::<String>::new()), "{args}");
    }
}

#[test]
fn who_may_rotate_authorities() {
    use Verdict::{Allow, Deny};
    let asks = |principal, action| rpc(principal, action, only("Installation"));
    let guard: &[&str] = &["agents-touch-no-authority"];
    let mut rows: Vec<Row> = vec![
        ("admin looks", asks(admin(), "identity.authorities"), Allow, &["admins-look", "admins-rotate-authorities"]),
        ("auditor looks", asks(auditor(), "identity.bundle"), Allow, &["auditors-look"]),
        ("nobody looks", asks(nobody(), "identity.authorities"), Deny, &[]),
    ];
    for action in ["identity.prepare", "identity.activate", "identity.taint", "identity.revoke"] {
        rows.push(("admin", asks(admin(), action), Allow, &["admins-rotate-authorities"]));
        rows.push(("operator", asks(operator(), action), Deny, &[]));
        rows.push(("auditor", asks(auditor(), action), Deny, &[]));
        rows.push(("agent", asks(clerk(), action), Deny, guard));
    }
    check(rows);
}

#[test]
fn who_may_run_tasks() {
    use Verdict::{Allow, Deny};
    let (mine, others) = (task(&nobody(), "clerk"), task(&admin(), "other"));
    check(vec![
        ("operator submits", rpc(operator(), "task.submit", clerk_agent()), Allow, &["operators-run-tasks"]),
        ("admin submits", rpc(admin(), "task.submit", clerk_agent()), Allow, &["admins-run-tasks"]),
        ("service submits", rpc(service(9, &["operators"]), "task.submit", clerk_agent()), Allow, &["services-submit"]),
        ("approver submits", rpc(approver(), "task.submit", clerk_agent()), Deny, &[]),
        ("nobody submits", rpc(nobody(), "task.submit", clerk_agent()), Deny, &[]),
        ("agent submits", rpc(clerk(), "task.submit", clerk_agent()), Deny, &[]),
        (
            "agent of a team called operators submits",
            rpc(agent(6, "clerk", &["operators", "admins"]), "task.submit", clerk_agent()),
            Deny,
            &[],
        ),
        ("owner reads", rpc(nobody(), "task.read", mine.clone()), Allow, &["humans-own-their-tasks"]),
        ("owner cancels", rpc(nobody(), "task.cancel", mine.clone()), Allow, &["humans-own-their-tasks"]),
        ("owner settles", rpc(nobody(), "task.settle", mine.clone()), Deny, &[]),
        ("other reads", rpc(nobody(), "task.read", others.clone()), Deny, &[]),
        ("other reads what is not there", rpc(nobody(), "task.read", Resource::absent("Task", "task_0")), Deny, &[]),
        (
            "operator reads what is not there",
            rpc(operator(), "task.read", Resource::absent("Task", "task_0")),
            Allow,
            &["operators-look", "operators-run-tasks"],
        ),
        ("operator settles", rpc(operator(), "task.settle", others.clone()), Allow, &["operators-run-tasks"]),
        ("auditor cancels", rpc(auditor(), "task.cancel", others.clone()), Deny, &[]),
        ("auditor watches", rpc(auditor(), "task.watch", others.clone()), Allow, &["auditors-look"]),
        ("agent watches its task", rpc(clerk(), "task.watch", mine.clone()), Allow, &["agents-see-their-tasks"]),
        ("agent watches another's task", rpc(clerk(), "task.watch", others.clone()), Deny, &[]),
        ("agent cancels its task", rpc(clerk(), "task.cancel", mine), Deny, &[]),
        ("service cancels another's task", rpc(service(9, &["operators"]), "task.cancel", others), Deny, &[]),
        (
            "service follows its task",
            rpc(service(9, &["operators"]), "task.watch", sponsored(&nobody(), &service(9, &[]))),
            Allow,
            &["services-follow-their-tasks"],
        ),
        (
            "its sponsor does",
            rpc(nobody(), "task.read", sponsored(&nobody(), &service(9, &[]))),
            Allow,
            &["humans-own-their-tasks"],
        ),
        (
            "another service does not",
            rpc(service(8, &["operators"]), "task.read", sponsored(&nobody(), &service(9, &[]))),
            Deny,
            &[],
        ),
        ("nobody lists tasks", rpc(nobody(), "task.list", only("Tenant")), Deny, &[]),
        ("approver lists tasks", rpc(approver(), "task.list", only("Tenant")), Allow, &["approvers-look"]),
    ]);
}

#[test]
fn who_may_decide_approvals() {
    use Verdict::{Allow, Deny};
    let both = human(1, &["approvers", "operators"]);
    check(vec![
        ("approver decides", rpc(approver(), "approval.decide", approval(&operator())), Allow, &["approvers-decide"]),
        ("approver about the own task", rpc(approver(), SELF_APPROVAL, approval(&approver())), Deny, &["no-self-approval"]),
        ("both roles, own task", rpc(both.clone(), SELF_APPROVAL, approval(&operator())), Deny, &["no-self-approval"]),
        ("both roles, other's task", rpc(both, "approval.decide", approval(&admin())), Allow, &["approvers-decide"]),
        (
            "approver about what is not there",
            rpc(approver(), "approval.decide", Resource::absent("Approval", "apr_0")),
            Allow,
            &["approvers-decide"],
        ),
        ("operator decides", rpc(operator(), "approval.decide", approval(&admin())), Deny, &[]),
        ("admin decides", rpc(admin(), "approval.decide", approval(&operator())), Deny, &[]),
        ("agent decides", rpc(clerk(), "approval.decide", approval(&operator())), Deny, &["only-humans-decide"]),
        (
            "agent of a team called approvers decides",
            rpc(agent(6, "clerk", &["approvers"]), "approval.decide", approval(&operator())),
            Deny,
            &["only-humans-decide"],
        ),
        (
            "service decides",
            rpc(service(9, &["approvers"]), "approval.decide", approval(&operator())),
            Deny,
            &["only-humans-decide"],
        ),
        ("operator reads one", rpc(operator(), "approval.read", approval(&operator())), Allow, &["operators-look"]),
        ("nobody lists", rpc(nobody(), "approval.list", only("Tenant")), Deny, &[]),
    ]);
}

#[test]
fn who_may_administer_people_and_keep_secrets() {
    use Verdict::{Allow, Deny};
    let carol = || resource("Account", "hum_9", json!({"name": "carol", "uid": "hum_9"}));
    let token = || resource("Secret", "sec_1", json!({"name": "token", "uid": "sec_1"}));
    let team = || resource("Team", "ops", json!({"name": "ops"}));
    let people: &[&str] = &["admins-administer-people"];
    let secrets: &[&str] = &["admins-keep-secrets"];
    let mut rows: Vec<Row> = vec![
        ("admin adds", rpc(admin(), "human.add", only("Tenant")), Allow, people),
        ("admin sponsors", rpc(admin(), "service.add", only("Tenant")), Allow, people),
        ("operator sponsors nobody", rpc(operator(), "service.add", only("Tenant")), Deny, &[]),
        ("admin puts", rpc(admin(), "secret.put", only("Tenant")), Allow, secrets),
        ("admin lists secrets", rpc(admin(), "secret.list", only("Tenant")), Allow, secrets),
        (
            "admin looks at people",
            rpc(admin(), "human.list", only("Tenant")),
            Allow,
            &["admins-administer-people", "admins-look"],
        ),
        ("auditor looks at people", rpc(auditor(), "human.read", carol()), Allow, &["auditors-look"]),
        ("nobody looks at people", rpc(nobody(), "human.list", only("Tenant")), Deny, &[]),
        ("operator lists secrets", rpc(operator(), "secret.list", only("Tenant")), Deny, &[]),
        ("nobody looks at teams", rpc(nobody(), "team.read", team()), Allow, &["humans-look-around"]),
    ];
    let services = ["service.read", "service.renew", "service.suspend", "service.resume", "service.offboard"];
    for action in services {
        rows.push(("service administers itself", rpc(service(9, &["operators"]), action, carol()), Deny, &[]));
    }
    let humans = ["human.bind", "human.enroll", "human.suspend", "human.resume", "human.offboard"];
    for action in humans.into_iter().chain(services.into_iter().skip(1)) {
        rows.push(("admin administers", rpc(admin(), action, carol()), Allow, people));
        rows.push(("operator does not", rpc(operator(), action, carol()), Deny, &[]));
        rows.push(("nobody makes themselves more", rpc(nobody(), action, carol()), Deny, &[]));
        rows.push((
            "agent of a team called admins",
            rpc(agent(6, "clerk", &["admins"]), action, carol()),
            Deny,
            &["agents-administer-nobody"],
        ));
    }
    for action in ["agent.suspend", "agent.resume", "agent.offboard", "agent.join_token", "agent.rotate_keys"] {
        rows.push(("admin suspends", rpc(admin(), action, clerk_agent()), Allow, people));
        rows.push(("operator does not suspend", rpc(operator(), action, clerk_agent()), Deny, &[]));
        rows.push(("agent revives itself", rpc(clerk(), action, clerk_agent()), Deny, &["agents-administer-nobody"]));
    }
    for action in ["secret.rotate", "secret.remove"] {
        rows.push(("admin keeps secrets", rpc(admin(), action, token()), Allow, secrets));
        rows.push(("operator keeps none", rpc(operator(), action, token()), Deny, &[]));
        rows.push(("agent touches none", rpc(clerk(), action, token()), Deny, &["agents-touch-no-secret"]));
    }
    check(rows);
}

#[test]
fn sem_5_3a_self_approval_is_permitted_by_a_rule_that_names_it_and_by_no_other() {
    let own = || rpc(human(2, &["approvers", "solo"]), SELF_APPROVAL, approval(&human(2, &[])));
    let verdict = |change: &dyn Fn(&str, &str) -> String| {
        let files: Vec<PolicyFile> = defaults().iter().map(|(path, text)| file(path, &change(path, text))).collect();
        CedarEngine::compile(&files, &tools()).unwrap().answer(&own()).verdict
    };
    let guarded = |path: &str| path == "policies/guardrails.cedar";
    let narrowed = |text: &str| {
        let rule = "action == Action::\"approval.self_approval\", resource);";
        text.replace(rule, &rule.replace(';', "\nunless { principal in Group::\"solo\" };"))
    };
    let permitted = |path: &str, text: &str| {
        let rule = "permit (principal is Human in Group::\"solo\", action == Action::\"approval.self_approval\", resource);";
        if path == "policies/approvers.cedar" { format!("{text}\n@id(\"solo\")\n{rule}") } else { text.to_owned() }
    };
    assert_eq!(verdict(&|_, text| text.to_owned()), Verdict::Deny);
    assert_eq!(verdict(&permitted), Verdict::Deny, "the guardrail stands");
    let without_guard = |path: &str, text: &str| if guarded(path) { narrowed(text) } else { text.to_owned() };
    assert_eq!(verdict(&without_guard), Verdict::Deny, "deciding approvals is not deciding one's own");
    let both = |path: &str, text: &str| if guarded(path) { narrowed(text) } else { permitted(path, text) };
    assert_eq!(verdict(&both), Verdict::Allow);
}

#[test]
fn who_may_look_and_ask_why() {
    use Verdict::{Allow, Deny};
    check(vec![
        ("auditor verifies", rpc(auditor(), "audit.verify", only("AuditLog")), Allow, &["auditors-read-the-log"]),
        ("auditor takes evidence out", rpc(auditor(), "audit.export", only("AuditLog")), Allow, &["auditors-read-the-log"]),
        ("operator takes evidence out", rpc(operator(), "audit.export", only("AuditLog")), Deny, &[]),
        ("agent takes evidence out", rpc(clerk(), "audit.export", only("AuditLog")), Deny, &[]),
        ("admin tails", rpc(admin(), "audit.tail", only("AuditLog")), Allow, &["admins-read-the-log"]),
        ("operator reads the log", rpc(operator(), "audit.read", only("AuditLog")), Deny, &[]),
        ("agent reads the log", rpc(clerk(), "audit.head", only("AuditLog")), Deny, &[]),
        ("auditor asks why", rpc(auditor(), "policy.explain", decision(&operator())), Allow, &["auditors-ask-why"]),
        ("nobody asks why of the own denial", rpc(nobody(), "policy.explain", decision(&nobody())), Allow, &["humans-ask-why"]),
        ("nobody asks why of another's", rpc(nobody(), "policy.explain", decision(&admin())), Deny, &[]),
        ("admin reloads", rpc(admin(), "repository.reload", only("Repository")), Allow, &["admins-reload"]),
        ("operator reloads", rpc(operator(), "repository.reload", only("Repository")), Deny, &[]),
        ("agent reloads", rpc(clerk(), "repository.reload", only("Repository")), Deny, &[]),
        ("agent knows itself", rpc(clerk(), "session.whoami", only("Session")), Allow, &["everyone-knows-itself"]),
        (
            "service sees the status",
            rpc(service(9, &[]), "installation.status", only("Installation")),
            Allow,
            &["everyone-knows-itself"],
        ),
        ("nobody lists agents", rpc(nobody(), "agent.list", only("Tenant")), Allow, &["humans-look-around"]),
        ("agent lists agents", rpc(clerk(), "agent.list", only("Tenant")), Deny, &[]),
    ]);
}

#[test]
fn nothing_crosses_tenants() {
    use Verdict::Deny;
    let foreign = |mut resource: Resource| {
        resource.attributes["tenant"] = "other".into();
        resource
    };
    let other = resource("Tenant", "other", json!({}));
    let both = human(1, &["admins", "approvers", "auditors", "operators"]);
    let mut payment = pay(operator());
    payment.resource = foreign(payment.resource);
    check(vec![
        ("task", rpc(both.clone(), "task.read", foreign(task(&operator(), "clerk"))), Deny, &["no-other-tenant"]),
        ("approval", rpc(both.clone(), "approval.decide", foreign(approval(&admin()))), Deny, &["no-other-tenant"]),
        ("log", rpc(both.clone(), "audit.read", foreign(only("AuditLog"))), Deny, &["no-other-tenant"]),
        ("list", rpc(both, "task.list", other), Deny, &["no-other-tenant"]),
        ("tool", payment, Deny, &["no-other-tenant"]),
    ]);
}

#[test]
fn who_may_erase_and_who_may_hold() {
    use Verdict::{Allow, Deny};
    let account = || resource("Account", "hum_5", json!({"name": "nobody", "uid": "hum_5"}));
    let mine = || task(&operator(), "clerk");
    let mut rows: Vec<Row> = vec![
        ("admin erases a task", rpc(admin(), "privacy.erase_task", mine()), Allow, &["admins-erase-and-hold"]),
        ("admin erases a human", rpc(admin(), "privacy.erase_human", account()), Allow, &["admins-erase-and-hold"]),
        ("admin lifts a hold", rpc(admin(), "privacy.lift", only("Tenant")), Allow, &["admins-erase-and-hold"]),
        ("admin believes the clock", rpc(admin(), "privacy.accept_clock", only("Tenant")), Allow, &["admins-erase-and-hold"]),
        ("auditor holds", rpc(auditor(), "privacy.hold", only("Tenant")), Allow, &["auditors-hold"]),
        ("auditor sees holds", rpc(auditor(), "privacy.list_holds", only("Tenant")), Allow, &["auditors-hold"]),
        ("auditor lifts none", rpc(auditor(), "privacy.lift", only("Tenant")), Deny, &[]),
        ("auditor erases nothing", rpc(auditor(), "privacy.erase_task", mine()), Deny, &[]),
        ("owner erases nothing", rpc(operator(), "privacy.erase_task", mine()), Deny, &[]),
        ("service erases nothing", rpc(service(9, &["operators"]), "privacy.erase_task", mine()), Deny, &[]),
    ];
    for principal in [approver(), nobody()] {
        rows.push(("holds nothing", rpc(principal.clone(), "privacy.hold", only("Tenant")), Deny, &[]));
        rows.push(("sees no retention", rpc(principal, "privacy.retention", only("Tenant")), Deny, &[]));
    }
    let team = agent(6, "clerk", &["admins"]);
    rows.push(("agent erases nothing", rpc(team, "privacy.erase_task", mine()), Deny, &["agents-erase-nothing"]));
    check(rows);
}
