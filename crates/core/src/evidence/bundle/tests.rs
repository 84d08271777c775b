use super::*;
use crate::ids::{AgentUid, GrantId, HumanUid, PayloadId, TaskId};
use crate::payload::Ref;
use crate::principal::{Chain, Grant, Principal, Scope, Uid};
use crate::task::{Budget, Envelope, Goal, Path, SCHEMA_VERSION, Way};
use crate::tenant::{Name, TenantId};
use crate::time::Timestamp;
use crate::tool::Tier;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn reference(text: &str) -> Ref {
    Ref { id: PayloadId::from_u128(1), commitment: Digest::of_bytes(text.as_bytes()), len: 0 }
}

fn submission(token: bool) -> Submission {
    let tenant = TenantId::parse("acme").unwrap();
    let (human, agent) = (Uid::Human(HumanUid::from_u128(1)), Uid::Agent(AgentUid::from_u128(2)));
    let principal = |uid, id| Principal { uid, tenant: TenantId::parse("acme").unwrap(), name: name(id), groups: vec![] };
    let grant = Grant {
        id: GrantId::from_u128(3),
        grantor: human,
        grantee: agent,
        task: Some(TaskId::from_u128(5)),
        scope: Scope { tools: vec![name("fs.read")], tier_max: Tier::Read },
        expires_at: Timestamp::from_unix_ms(9),
    };
    let envelope = Envelope {
        schema_version: SCHEMA_VERSION,
        id: TaskId::from_u128(5),
        idempotency_key: String::new(),
        tenant,
        team: name("ops"),
        agent: AgentUid::from_u128(2),
        agent_name: name("clerk"),
        chain: Chain { principals: vec![principal(human, "human"), principal(agent, "clerk")], grants: vec![grant] },
        goal: Goal::Text { text: reference("goal") },
        input: reference("input"),
        token: token.then(|| reference("token")),
        budget: Budget::default(),
        submitted_at: Timestamp::from_unix_ms(1),
        deadline: Timestamp::from_unix_ms(9),
        priority: 5,
        trace: None,
    };
    let path = Path {
        way: Way::Model,
        commit: "c0".to_owned(),
        bundle: Digest::of_bytes(b"bundle"),
        bootstrap: vec![],
        tools: vec![],
        models: vec![],
    };
    Submission::of(&envelope, &path)
}

fn sample() -> Bundle {
    Bundle {
        trust_domain: "acme.test".to_owned(),
        submission: submission(true),
        ended: true,
        checkpoint: "acme.test/audit/acme\n1\nAAAA\n\n\u{2014} x y\n".to_owned(),
        certificates: vec![vec![0x30, 0]],
        records: vec![Entry { index: 7, leaf: br#"{"at":1}"#.to_vec(), proof: vec![Digest::of_bytes(b"")] }],
        installation: None,
        openings: BTreeMap::new(),
        withheld: BTreeSet::new(),
        erased: BTreeSet::new(),
        calls: BTreeMap::new(),
        policies: BTreeMap::new(),
        tools: BTreeMap::new(),
        issuer: None,
    }
}

#[test]
fn a_bundle_is_its_own_canonical_text() {
    let mut bundle = sample();
    let open = |bytes: &[u8]| Opening { salt: [7; 32], bytes: bytes.to_vec() };
    bundle.openings.insert(Digest::of_bytes(b"a"), open("é\u{0}".as_bytes()));
    bundle.openings.insert(Digest::of_bytes(b"b"), open(&[0xff, 0]));
    bundle.withheld.insert(Digest::of_bytes(b"c"));
    let file = |path: &str| PolicyFile { path: path.to_owned(), text: "permit".to_owned() };
    bundle.policies.insert(Digest::of_bytes(b"p"), vec![file("z"), file("a")]);
    let text = r#"{"id":"fs.read"}"#;
    bundle.tools.insert(Digest::of_bytes(b"t"), Defined { tag: "scalbotics/builtin-tool/v1", text: text.into() });
    let bytes = bundle.to_bytes().unwrap();
    let value = crate::json::parse(&bytes).unwrap();
    assert_eq!(crate::json::canonical(&value).unwrap(), bytes);
    assert_eq!((value.pointer("/tools/0/text"), value.pointer("/certificates/0")), (Some(&json!(text)), Some(&json!("MAA="))));
    assert_eq!(value.pointer("/policies/0/files/0/path"), Some(&json!("a")), "in order of path");
    let forms: Vec<bool> = value["openings"].as_array().unwrap().iter().map(|opening| opening.get("text").is_some()).collect();
    assert_eq!(forms.iter().filter(|text| **text).count(), 1, "what is no text is base64");
    assert_eq!((value["tenant"].as_str(), value["state"].as_str()), (Some("acme"), Some("ended")));
    assert!(value.get("installation").is_none() && value.get("issuer").is_none());
}

#[test]
fn a_leaf_stands_in_the_bundle_as_it_was_hashed() {
    let bytes = sample().to_bytes().unwrap();
    assert!(String::from_utf8(bytes).unwrap().contains(r#""record":{"at":1}}"#));
    let broken = Bundle { records: vec![Entry { index: 0, leaf: b"{".to_vec(), proof: vec![] }], ..sample() };
    assert!(broken.to_bytes().is_err());
}

#[test]
fn sem_9_3_the_digest_of_a_submission_follows_everything_in_it() {
    let (with, without) = (submission(true), submission(false));
    assert_ne!(with.digest().unwrap(), without.digest().unwrap());
    let text = String::from_utf8(crate::json::canonical_of(&without).unwrap()).unwrap();
    assert!(!text.contains(r#""token":"#) && text.contains(r#""grants":[{"#) && text.contains(r#""commit":"c0""#), "{text}");
}
