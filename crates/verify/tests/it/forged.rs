//! A log that lies: records rewritten, hashed and signed anew by the log's own key. What approvers, issuers and grants say still binds.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scalbotics_verify::{Options, Outcome, Report, verify};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::structure::text;
use crate::{BUNDLE, TRUST};

pub(crate) type Hash = [u8; 32];

pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part)).finalize().into()
}

pub(crate) fn hex(hash: Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tree(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
            sha256(&[&[1], &tree(left), &tree(right)])
        }
    }
}

fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut below, sibling) =
        if index < left.len() { (path(left, index), tree(right)) } else { (path(right, index - left.len()), tree(left)) };
    below.push(sibling);
    below
}

pub(crate) fn records(bundle: &mut Value) -> &mut Vec<Value> {
    bundle["log"]["records"].as_array_mut().unwrap()
}

/// The record with this outcome.
pub(crate) fn record<'b>(bundle: &'b mut Value, word: &str) -> &'b mut Value {
    let found = records(bundle).iter_mut().find(|entry| entry["record"]["outcome"]["word"] == word);
    &mut found.unwrap_or_else(|| panic!("no record is `{word}`"))["record"]
}

pub(crate) fn remove(bundle: &mut Value, word: &str) {
    records(bundle).retain(|entry| entry["record"]["outcome"]["word"] != word);
}

/// Numbers the records anew, as a daemon would that never wrote the others.
pub(crate) fn renumber(bundle: &mut Value) {
    let numbered = records(bundle).iter_mut().filter(|entry| entry["record"].get("seq").is_some());
    numbered.enumerate().for_each(|(seq, entry)| entry["record"]["seq"] = json!(seq));
}

/// Gives a commitment other bytes: the opening and whatever names it change with them.
pub(crate) fn reopen(bundle: &mut Value, commitment: &str, change: impl Fn(&str) -> String) {
    let opening =
        bundle["openings"].as_array_mut().unwrap().iter_mut().find(|opening| opening["commitment"] == commitment).unwrap();
    let salt = STANDARD.decode(opening["salt"].as_str().unwrap()).unwrap();
    let (old, text) = (opening["text"].as_str().unwrap().to_owned(), change(opening["text"].as_str().unwrap()));
    assert_ne!(old, text, "nothing was changed");
    opening["text"] = json!(text);
    let other = hex(sha256(&[b"scalbotics/payload/v1\0", &salt, text.as_bytes()]));
    *bundle = serde_json::from_str(&bundle.to_string().replace(commitment, &other)).unwrap();
    bundle["openings"].as_array_mut().unwrap().sort_by_key(|opening| opening["commitment"].as_str().unwrap().to_owned());
}

/// The commitment to the decision of a record.
fn decision_of(bundle: &mut Value, word: &str) -> String {
    record(bundle, word)["decision"]["commitment"].as_str().unwrap().to_owned()
}

/// Hashes and signs what was changed: the records are all of the log.
fn signed(mut bundle: Value) -> (String, String) {
    let submission = hex(sha256(&[text(&bundle["submission"]).as_bytes()]));
    if let Some(first) = records(&mut bundle).first_mut().filter(|first| first["record"].get("submission").is_some()) {
        first["record"]["submission"] = json!(submission);
    }
    let leaves: Vec<Hash> = records(&mut bundle).iter().map(|entry| sha256(&[&[0], text(&entry["record"]).as_bytes()])).collect();
    for (index, entry) in records(&mut bundle).iter_mut().enumerate() {
        entry["index"] = json!(index);
        entry["proof"] = path(&leaves, index).iter().map(|hash| STANDARD.encode(hash)).collect();
    }
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let (name, key) = ("acme.example/audit", [&[1], pair.public_key().as_ref()].concat());
    let id = &sha256(&[name.as_bytes(), b"\n", &key])[..4];
    let said = format!("acme.example/audit/acme\n{}\n{}\n", leaves.len(), STANDARD.encode(tree(&leaves)));
    let signature = STANDARD.encode([id, pair.sign(said.as_bytes()).as_ref()].concat());
    bundle["log"]["checkpoint"] = json!(format!("{said}\n\u{2014} {name} {signature}\n"));
    let mut trust: Value = serde_json::from_slice(TRUST).unwrap();
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    trust["log_keys"] = json!([format!("{name}+{id}+{}", STANDARD.encode(key))]);
    (text(&bundle), text(&trust))
}

pub(crate) fn report(change: impl Fn(&mut Value)) -> Report {
    let mut bundle: Value = serde_json::from_slice(BUNDLE).unwrap();
    change(&mut bundle);
    let (bundle, trust) = signed(bundle);
    verify(bundle.as_bytes(), Some(trust.as_bytes()), Options::default())
}

/// Whether some step refuses for this reason, and none because the log does not fit.
#[track_caller]
pub(crate) fn refused(what: &str, reason: &str, change: impl Fn(&mut Value)) {
    let report = report(change);
    let reasons: Vec<&str> = report
        .steps
        .iter()
        .filter_map(|step| if let Outcome::Refused(refusal) = &step.outcome { Some(refusal.reason) } else { None })
        .collect();
    assert!(reasons.contains(&reason), "{what}, {reason}: {}", report.to_text());
    let log = ["form", "schema", "trust", "checkpoint", "inclusion"];
    assert!(report.steps.iter().all(|step| !log.contains(&step.name) || matches!(step.outcome, Outcome::Ok(_))), "{what}");
}

#[test]
fn an_honest_log_that_was_signed_anew_is_verified() {
    let report = report(|_| ());
    assert_eq!(report.refusal(), None, "{}", report.to_text());
}

#[test]
fn no_record_is_left_out() {
    refused("the end", "open", |bundle| {
        remove(bundle, "completed");
        bundle["state"] = json!("open");
    });
    refused("the end, and it is said to have ended", "sequence", |bundle| remove(bundle, "completed"));
    refused("a record", "sequence", |bundle| remove(bundle, "landed"));
    refused("an outcome, numbered anew", "outcome", |bundle| {
        remove(bundle, "landed");
        renumber(bundle);
    });
    refused("two places exchanged", "sequence", |bundle| records(bundle).swap(1, 2));
    refused("a record of another task", "foreign", |bundle| {
        record(bundle, "landed")["task"] = json!("task_00000000000000000000000007");
    });
    refused("a stray record", "sequence", |bundle| {
        let mut stray = records(bundle)[0].clone();
        stray["record"].as_object_mut().unwrap().remove("seq");
        records(bundle).push(stray);
    });
    refused("an end and more", "sequence", |bundle| {
        let more = records(bundle).last().unwrap().clone();
        records(bundle).push(more);
        renumber(bundle);
    });
}

#[test]
fn sem_5_4_nothing_risky_goes_out_without_its_approval_and_none_twice() {
    refused("no approval", "approval", |bundle| {
        remove(bundle, "waiting");
        remove(bundle, "granted");
        renumber(bundle);
    });
    refused("before the answer", "approval", |bundle| {
        let (granted, intended) = (records(bundle).remove(2), records(bundle).remove(2));
        records(bundle).insert(2, granted);
        records(bundle).insert(2, intended);
        renumber(bundle);
    });
    refused("twice", "sequence", |bundle| {
        let again = records(bundle)[3].clone();
        let place = records(bundle).len() - 1;
        records(bundle).insert(place, again);
        renumber(bundle);
    });
    refused("for another effect", "call", |bundle| record(bundle, "intended")["call"] = json!("0".repeat(64)));
    refused("after it lapsed", "approval", |bundle| {
        let at = record(bundle, "granted")["at"].as_i64().unwrap() + 11 * 60_000;
        record(bundle, "intended")["at"] = json!(at);
        bundle["submission"]["deadline"] = json!(at + 1);
        bundle["submission"]["grants"][0]["expires_at"] = json!(at + 1);
    });
    refused("by who asked", "approval", |bundle| {
        let human = record(bundle, "submitted")["actor"].clone();
        record(bundle, "granted")["actor"] = human;
    });
    refused("denied", "approval", |bundle| record(bundle, "granted")["outcome"]["word"] = json!("denied"));
    refused("an outcome twice", "outcome", |bundle| {
        let landed = records(bundle).iter().position(|entry| entry["record"]["outcome"]["word"] == "landed").unwrap();
        let again = records(bundle)[landed].clone();
        records(bundle).insert(landed, again);
        renumber(bundle);
    });
}

#[test]
fn sem_2_2_another_call_than_the_one_that_was_approved() {
    let args = |bundle: &mut Value| record(bundle, "waiting")["args"].as_str().unwrap().to_owned();
    refused("other arguments", "call", |bundle| {
        let args = args(bundle);
        reopen(bundle, &args, |text| text.replace("Monday", "Sunday"));
    });
    refused("arguments that are not canonical", "call", |bundle| {
        let args = args(bundle);
        reopen(bundle, &args, |text| text.replace(':', ": "));
    });
    refused("a call that is named by something else", "call", |bundle| {
        for word in ["waiting", "intended", "revealed", "landed"] {
            record(bundle, word)["call"] = json!("0".repeat(64));
        }
    });
    refused("records that say they are of version 1", "call", |bundle| {
        for word in ["waiting", "intended", "revealed", "landed"] {
            record(bundle, word)["version"] = json!(1);
        }
    });
    refused("another salt of the arguments", "commitment", |bundle| {
        let args = args(bundle);
        let opening = bundle["openings"].as_array_mut().unwrap().iter_mut().find(|opening| opening["commitment"] == *args);
        opening.unwrap()["salt"] = json!(STANDARD.encode([9; 32]));
    });
    refused("another program", "call", |bundle| bundle["calls"][0]["inputs"][0]["digest"] = json!("0".repeat(64)));
    refused("no program", "call", |bundle| bundle["calls"][0]["inputs"] = json!([]));
    refused("another tool", "call", |bundle| bundle["calls"][0]["tool_digest"] = json!("0".repeat(64)));
    refused("a lower tier", "approval", |bundle| {
        for word in ["waiting", "intended", "landed"] {
            record(bundle, word)["tier"] = json!(1);
        }
    });
    let human = "hum_00000000000000000000000007";
    refused("another human", "call", |bundle| {
        let old = record(bundle, "submitted")["actor"]["uid"].as_str().unwrap().to_owned();
        *bundle = serde_json::from_str(&bundle.to_string().replace(&old, human)).unwrap();
    });
}

#[test]
fn sem_3_4_grants_cover_every_call_and_only_shrink() {
    let grant = |bundle: &mut Value, key: &str, value: Value| bundle["submission"]["grants"][0][key] = value;
    let scope = |bundle: &mut Value, key: &str, value: Value| bundle["submission"]["grants"][0]["scope"][key] = value;
    refused("over", "grant", |bundle| grant(bundle, "expires_at", json!(1)));
    refused("of another task", "grant", |bundle| grant(bundle, "task", json!("task_00000000000000000000000007")));
    refused("of none", "grant", |bundle| drop(bundle["submission"]["grants"][0].as_object_mut().unwrap().remove("task")));
    refused("without the tool", "grant", |bundle| scope(bundle, "tools", json!([])));
    refused("of a lower tier", "grant", |bundle| scope(bundle, "tier_max", json!(1)));
    refused("to another", "grant", |bundle| {
        grant(bundle, "grantee", json!({ "kind": "agent", "uid": "agt_00000000000000000000000007" }));
    });
    refused("none at all", "grant", |bundle| bundle["submission"]["grants"] = json!([]));
    refused("a deadline before", "grant", |bundle| bundle["submission"]["deadline"] = json!(1));
    refused("of another agent", "grant", |bundle| bundle["submission"]["agent"] = json!("agt_00000000000000000000000007"));
    refused("another goal's input", "submission", |bundle| bundle["submission"]["input"] = bundle["submission"]["token"].clone());
    refused("something unknown", "schema", |bundle| bundle["submission"]["zeal"] = json!(1));
}

#[test]
fn sem_3_1_a_decision_says_what_its_record_says_and_met_no_error() {
    refused("a denial", "decision", |bundle| record(bundle, "intended")["decision"]["allow"] = json!(false));
    refused("none", "decision", |bundle| {
        let commitment = decision_of(bundle, "intended");
        record(bundle, "intended").as_object_mut().unwrap().remove("decision");
        bundle["openings"].as_array_mut().unwrap().retain(|opening| opening["commitment"] != commitment);
    });
    let changed = |from: &'static str, to: &'static str| {
        move |bundle: &mut Value| {
            let commitment = decision_of(bundle, "intended");
            reopen(bundle, &commitment, |text| text.replacen(from, to, 1));
        }
    };
    refused("an error", "decision", changed(r#""errors":[]"#, r#""errors":["overflow"]"#));
    refused("a verdict", "decision", changed(r#""verdict":"allow""#, r#""verdict":"deny""#));
    refused("a ruling", "decision", changed(r#""ruling":"allow""#, r#""ruling":"deny""#));
    refused("an action", "decision", changed(r#""action":"tool/"#, r#""action":"tool/x"#));
    refused("a call", "decision", changed(r#""redacted":""#, r#""redacted":"0"#));
    refused("a principal", "decision", changed(r#""uid":"hum_"#, r#""uid":"hum_0"#));
    refused("a key twice", "decision", changed(r#"{"id""#, r#"{"at":1,"id""#));
    refused("no decision", "decision", changed("decision ", "Decision "));
    refused("a rule that is nowhere", "policy", |bundle| {
        record(bundle, "waiting")["decision"]["policies"] = json!(["policies/admins.cedar:9999"]);
    });
    refused("a text", "policy", |bundle| {
        bundle["policies"][0]["files"][0]["text"] = json!("permit (principal, action, resource);")
    });
}

#[test]
fn the_token_is_of_who_submitted_there_and_then() {
    refused("later", "token", |bundle| {
        let at = record(bundle, "submitted")["at"].as_i64().unwrap() + 12 * 60_000;
        record(bundle, "submitted")["at"] = json!(at);
        bundle["submission"]["submitted_at"] = json!(at);
    });
    let token = |bundle: &Value| bundle["submission"]["token"].as_str().unwrap().to_owned();
    refused("another", "signature", |bundle| {
        let token = token(bundle);
        reopen(bundle, &token, |text| {
            let (head, last) = text.split_at(text.len() - 20);
            format!("{head}{}", last.chars().rev().map(|c| if c == 'A' { 'B' } else { 'A' }).collect::<String>())
        });
    });
    refused("no key of it", "token", |bundle| drop(bundle.as_object_mut().unwrap().remove("issuer")));
    refused("a key and no token", "token", |bundle| {
        let token = token(bundle);
        bundle["openings"].as_array_mut().unwrap().retain(|opening| opening["commitment"] != token);
        bundle["withheld"] = json!([token]);
    });
}

#[test]
fn what_is_named_is_opened_or_withheld() {
    let input = |bundle: &mut Value| record(bundle, "submitted")["args"].as_str().unwrap().to_owned();
    refused("neither", "omitted", |bundle| {
        let input = input(bundle);
        bundle["openings"].as_array_mut().unwrap().retain(|opening| opening["commitment"] != input);
    });
    refused("both", "omitted", |bundle| bundle["withheld"] = json!([input(bundle)]));
    refused("what nothing names", "commitment", |bundle| bundle["withheld"] = json!(["0".repeat(64)]));
    refused("no text of a policy", "omitted", |bundle| bundle["policies"] = json!([]));
    refused("other bytes", "commitment", |bundle| bundle["openings"][0]["text"] = json!("x"));
    refused("no call", "omitted", |bundle| bundle["calls"] = json!([]));
    let honest = report(|bundle| {
        let input = input(bundle);
        bundle["openings"].as_array_mut().unwrap().retain(|opening| opening["commitment"] != input);
        bundle["withheld"] = json!([input]);
    });
    assert_eq!(honest.refusal(), None, "{}", honest.to_text());
    assert!(honest.to_text().contains("1 commitments or texts: withheld"), "{}", honest.to_text());
}

#[test]
fn what_is_said_to_be_erased_is_withheld() {
    let input = |bundle: &mut Value| record(bundle, "submitted")["args"].as_str().unwrap().to_owned();
    refused("it is opened", "commitment", |bundle| bundle["erased"] = json!([input(bundle)]));
    for odd in [json!([]), json!(""), json!(["x"])] {
        let odd = report(|bundle| bundle["erased"] = odd.clone());
        assert_eq!(odd.refusal().map(|refusal| refusal.reason), Some("schema"), "{}", odd.to_text());
    }
    let honest = report(|bundle| {
        let input = input(bundle);
        bundle["openings"].as_array_mut().unwrap().retain(|opening| opening["commitment"] != input);
        bundle["withheld"] = json!([input]);
        bundle["erased"] = json!([input]);
    });
    assert_eq!(honest.refusal(), None, "{}", honest.to_text());
    assert!(honest.to_text().contains("1 commitments or texts: erased"), "{}", honest.to_text());
}

/// The verifier key of a seed under a name, and the line that it signs.
fn note_key(name: &str, kind: u8, seed: u8) -> (String, impl Fn(&str) -> String) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let key = [&[kind], pair.public_key().as_ref()].concat();
    let id = sha256(&[name.as_bytes(), b"\n", &key])[..4].to_vec();
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let (verifier, name) = (format!("{name}+{hex}+{}", STANDARD.encode(&key)), name.to_owned());
    let line = move |text: &str| {
        let (time, message) = (9_u64.to_be_bytes(), format!("cosignature/v1\ntime 9\n{text}"));
        let signature = match kind {
            4 => [time.as_slice(), pair.sign(message.as_bytes()).as_ref()].concat(),
            _ => pair.sign(text.as_bytes()).as_ref().to_vec(),
        };
        format!("\u{2014} {name} {}\n", STANDARD.encode([id.as_slice(), &signature].concat()))
    };
    (verifier, line)
}

/// The bundle with an installation log of three entries, the second of which names the tenant's head; and the trust file.
fn witnessed(change: impl Fn(&mut Value)) -> Report {
    let (bundle, trust) = signed(serde_json::from_slice(BUNDLE).unwrap());
    let (mut bundle, mut trust): (Value, Value) = (serde_json::from_str(&bundle).unwrap(), serde_json::from_str(&trust).unwrap());
    let checkpoint = bundle["log"]["checkpoint"].as_str().unwrap().to_owned();
    let lines: Vec<&str> = checkpoint.lines().collect();
    let root: Hash = STANDARD.decode(lines[2]).unwrap().try_into().unwrap();
    let record = json!({
        "action": "log.head", "actor": { "kind": "daemon" }, "at": 1, "kind": "head", "tenant": "system", "version": 1,
        "head": { "origin": lines[0], "root": hex(root), "size": lines[1].parse::<u64>().unwrap() },
    });
    let leaves = [sha256(&[b"0"]), sha256(&[&[0], text(&record).as_bytes()]), sha256(&[b"2"])];
    let proof: Vec<String> = path(&leaves, 1).iter().map(|hash| STANDARD.encode(hash)).collect();
    let said = format!("acme.example/audit/system\n3\n{}\n", STANDARD.encode(tree(&leaves)));
    let (log, signs) = note_key("acme.example/audit/system", 1, 8);
    let (witness, cosigns) = note_key("witness.example/w", 4, 9);
    bundle["installation"] = json!({
        "checkpoint": format!("{said}\n{}{}", signs(&said), cosigns(&said)),
        "head": { "index": 1, "proof": proof, "record": record },
    });
    change(&mut bundle);
    trust["log_keys"].as_array_mut().unwrap().push(json!(log));
    trust["witness_keys"] = json!([witness]);
    verify(text(&bundle).as_bytes(), Some(text(&trust).as_bytes()), Options::default())
}

#[test]
fn sem_7_3_what_a_witness_saw_names_the_tenants_head() {
    let report = witnessed(|_| ());
    assert_eq!(report.refusal(), None, "{}", report.to_text());
    assert!(report.to_text().contains("seen by witness.example/w"), "{}", report.to_text());
    let installation = |change: fn(&mut Value)| witnessed(move |bundle| change(&mut bundle["installation"]));
    let line = |index: usize| {
        move |bundle: &mut Value| {
            let note = bundle["installation"]["checkpoint"].as_str().unwrap().to_owned();
            let mut lines: Vec<&str> = note.lines().collect();
            lines.remove(index);
            bundle["installation"]["checkpoint"] = json!(format!("{}\n", lines.join("\n")));
        }
    };
    for (report, reason) in [
        (witnessed(|bundle| drop(bundle.as_object_mut().unwrap().remove("installation"))), "witness"),
        (witnessed(line(5)), "witness"),
        (witnessed(line(4)), "signer"),
        (installation(|part| part["head"]["record"]["head"]["size"] = json!(99)), "inclusion"),
        (installation(|part| part["head"]["index"] = json!(0)), "inclusion"),
        (installation(|part| part["head"]["proof"] = json!([])), "inclusion"),
        (installation(|part| part["checkpoint"] = json!("x")), "form"),
        (witnessed(|bundle| bundle["installation"]["checkpoint"] = bundle["log"]["checkpoint"].clone()), "foreign"),
    ] {
        assert_eq!(report.refusal().map(|refusal| refusal.reason), Some(reason), "{}", report.to_text());
    }
}
