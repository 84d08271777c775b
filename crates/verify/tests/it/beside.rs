//! What stands beside the story: uses of secrets, definitions of tools, certificates. A log that lies about them is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::forged::{hex, record, records, refused, renumber, report, sha256};

/// The digest of a definition, as the page of the book says.
fn digest_of(tag: &str, text: &str) -> String {
    hex(sha256(&[tag.as_bytes(), b"\0", &(text.len() as u64).to_be_bytes(), text.as_bytes()]))
}

fn place(bundle: &mut Value, word: &str) -> usize {
    records(bundle).iter().position(|entry| entry["record"]["outcome"]["word"] == word).unwrap()
}

#[test]
fn a_use_of_a_secret_is_of_the_attempt_under_way_and_none_is_missing() {
    let honest = report(|_| ());
    assert!(honest.to_text().contains("1 uses: secret://acme/board-pin version 1"), "{}", honest.to_text());
    let changed = |key: &'static str, value: Value| move |bundle: &mut Value| record(bundle, "revealed")[key] = value.clone();
    refused("left out", "secret", |bundle| {
        let at = place(bundle, "revealed");
        records(bundle).remove(at);
    });
    refused("twice", "secret", |bundle| {
        let at = place(bundle, "revealed");
        let again = records(bundle)[at].clone();
        records(bundle).insert(at, again);
    });
    refused("before the intent", "secret", |bundle| {
        let at = place(bundle, "revealed");
        records(bundle).swap(at - 1, at);
    });
    refused("after the outcome", "secret", |bundle| {
        let at = place(bundle, "revealed");
        records(bundle).swap(at, at + 1);
    });
    refused("of another task", "secret", changed("task", json!("task_00000000000000000000000007")));
    refused("of another effect", "secret", changed("effect", json!("eff_00000000000000000000000007")));
    refused("of another call", "secret", changed("call", json!("0".repeat(64))));
    refused("of another tenant", "secret", changed("tenant", json!("other")));
    refused("by the daemon", "secret", changed("actor", json!({ "kind": "daemon" })));
    refused("by another agent", "secret", changed("actor", json!({ "kind": "agent", "uid": "agt_00000000000000000000000007" })));
    refused("another action", "secret", changed("action", json!("secret.read")));
    for target in ["sec_x", "sec_x/0", "sec_x/-1", "x/1", "sec_x/1/2"] {
        refused(target, "secret", changed("target", json!(target)));
    }
    refused("another attempt", "secret", changed("outcome", json!({ "attempt": 2, "word": "revealed" })));
    refused("another word", "secret", changed("outcome", json!({ "attempt": 1, "word": "hidden" })));
    refused("a number", "sequence", changed("seq", json!(4)));
}

/// The task waited for a login before it asked for its approval.
fn parked(bundle: &mut Value) {
    let (mut denied, mut seen) = (record(bundle, "waiting").clone(), record(bundle, "submitted").clone());
    (denied["kind"], denied["outcome"]) = (json!("decision"), json!({ "word": "login_required" }));
    (denied["decision"]["allow"], denied["decision"]["denial"]) = (json!(false), json!("policy"));
    denied["decision"].as_object_mut().unwrap().remove("commitment");
    for key in ["approval", "effect", "call", "args"] {
        denied.as_object_mut().unwrap().remove(key);
    }
    (seen["action"], seen["actor"], seen["outcome"]) =
        (json!("task.login"), json!({ "kind": "daemon" }), json!({ "word": "seen" }));
    for key in ["args", "submission", "decision", "request"] {
        seen.as_object_mut().unwrap().remove(key);
    }
    let at = place(bundle, "waiting");
    for one in [seen, denied] {
        records(bundle).insert(at, json!({ "index": 0, "proof": [], "record": one }));
    }
    renumber(bundle);
}

#[test]
fn nothing_begins_while_a_login_is_waited_for() {
    let honest = report(parked);
    assert_eq!(honest.refusal(), None, "{}", honest.to_text());
    let forged = |what: &str, reason: &str, change: &dyn Fn(&mut Value)| {
        refused(what, reason, |bundle| {
            parked(bundle);
            change(bundle);
            renumber(bundle);
        });
    };
    let without = |word: &'static str| {
        move |bundle: &mut Value| {
            let at = place(bundle, word);
            records(bundle).remove(at);
        }
    };
    forged("no login came", "sequence", &without("seen"));
    forged("nobody waited", "sequence", &without("login_required"));
    forged("what is allowed waits", "decision", &|bundle| {
        let note = &mut record(bundle, "login_required")["decision"];
        note["allow"] = json!(true);
        note.as_object_mut().unwrap().remove("denial");
    });
    forged("another word", "sequence", &|bundle| record(bundle, "seen")["outcome"]["word"] = json!("lost"));
}

/// The outcome of the call is not known, and a person said that it landed; the log counts what was handed over before.
fn doubted(bundle: &mut Value) {
    let (submitter, mut settled) = (record(bundle, "submitted")["actor"].clone(), record(bundle, "landed").clone());
    settled["outcome"]["word"] = json!("settled_landed");
    settled["outcome"].as_object_mut().unwrap().remove("attempt");
    settled["actor"] = submitter;
    settled["secrets"] = json!(1);
    let landed = record(bundle, "landed");
    landed["outcome"] = json!({ "word": "in_doubt" });
    landed["secrets"] = json!(1);
    let at = place(bundle, "in_doubt");
    records(bundle).insert(at + 1, json!({ "index": 0, "proof": [], "record": settled }));
    renumber(bundle);
}

#[test]
fn what_was_handed_over_for_a_call_in_doubt_is_counted_by_its_outcome() {
    let honest = report(doubted);
    assert_eq!(honest.refusal(), None, "{}", honest.to_text());
    assert!(!honest.to_text().contains("more secrets may have been handed over"), "{}", honest.to_text());
    let forged = |what: &str, change: &dyn Fn(&mut Value)| {
        refused(what, "secret", |bundle| {
            doubted(bundle);
            change(bundle);
        });
    };
    forged("left out", &|bundle| {
        let at = place(bundle, "revealed");
        records(bundle).remove(at);
    });
    forged("one more", &|bundle| record(bundle, "in_doubt")["secrets"] = json!(2));
    forged("not said", &|bundle| drop(record(bundle, "in_doubt").as_object_mut().unwrap().remove("secrets")));
    forged("said of the first attempt", &|bundle| record(bundle, "intended")["secrets"] = json!(0));
    forged("said where it is settled", &|bundle| record(bundle, "settled_landed")["secrets"] = json!(0));
}

#[test]
fn without_the_definition_of_the_tool_names_are_not_checked_and_places_are() {
    let bare = |bundle: &mut Value| {
        let digests: Vec<Value> = bundle["tools"].as_array().unwrap().iter().map(|tool| tool["digest"].clone()).collect();
        bundle["tools"] = json!([]);
        bundle["withheld"] = Value::Array(digests);
    };
    let honest = report(bare);
    assert_eq!(honest.refusal(), None, "{}", honest.to_text());
    assert!(honest.to_text().contains("the names of 1 uses"), "{}", honest.to_text());
    refused("out of place", "secret", |bundle| {
        bare(bundle);
        let at = place(bundle, "revealed");
        records(bundle).swap(at - 1, at);
    });
}

/// Who leaves out both the definition and the use has not shown that there was none.
#[test]
fn without_the_definition_nobody_says_that_no_secret_was_handed_over() {
    let hidden = report(|bundle| {
        let digests: Vec<Value> = bundle["tools"].as_array().unwrap().iter().map(|tool| tool["digest"].clone()).collect();
        bundle["tools"] = json!([]);
        bundle["withheld"] = Value::Array(digests);
        let at = place(bundle, "revealed");
        records(bundle).remove(at);
        renumber(bundle);
    });
    let text = hidden.to_text();
    assert!(!text.contains("none was handed over") && text.contains("more secrets may have been handed over"), "{text}");
}

#[test]
fn a_tool_is_what_its_digest_says() {
    refused("another text", "tool", |bundle| {
        let text = bundle["tools"][0]["text"].as_str().unwrap().replace("Posts", "Deletes");
        bundle["tools"][0]["text"] = json!(text);
    });
    refused("another tag", "tool", |bundle| bundle["tools"][0]["tag"] = json!("scalbotics/builtin-tool/v1"));
    refused("none", "omitted", |bundle| bundle["tools"] = json!([]));
    refused("one that nothing names", "commitment", |bundle| {
        let (tag, text) = ("scalbotics/tool/v1", r#"{"id":"x"}"#);
        bundle["tools"].as_array_mut().unwrap().push(json!({ "digest": digest_of(tag, text), "tag": tag, "text": text }));
        bundle["tools"].as_array_mut().unwrap().sort_by_key(|tool| tool["digest"].as_str().unwrap().to_owned());
    });
    // Definitions that the daemon would have had to pin: their digests are right, what they say is not.
    let pinned = |change: fn(String) -> String, tag: &'static str| {
        move |bundle: &mut Value| {
            let old = bundle["tools"][0]["digest"].as_str().unwrap().to_owned();
            let text = change(bundle["tools"][0]["text"].as_str().unwrap().to_owned());
            bundle["tools"][0] = json!({ "digest": old, "tag": tag, "text": text });
            *bundle = serde_json::from_str(&bundle.to_string().replace(&old, &digest_of(tag, &text))).unwrap();
        }
    };
    let own = "scalbotics/tool/v1";
    refused("another id", "tool", pinned(|text| text.replace("notice.post", "notice.burn"), own));
    refused("another tier", "tool", pinned(|text| text.replace(r#""tier":2"#, r#""tier":1"#), own));
    refused("no JSON", "tool", pinned(|text| format!("{text} "), own));
    refused("an unknown tag", "tool", pinned(|text| text, "scalbotics/tool/v9"));
    refused("a destination", "tool", pinned(|text| text, "scalbotics/destination-tool/v1"));
}

#[test]
fn a_daemon_is_one_whose_certificate_the_root_of_the_trust_file_stands_behind() {
    let chain = |bundle: &mut Value| bundle["certificates"].as_array().unwrap().clone();
    let honest = report(|_| ());
    assert!(honest.to_text().contains("spiffe://acme.example/system/daemon/main, under a root"), "{}", honest.to_text());
    refused("none", "omitted", |bundle| bundle["certificates"] = json!([]));
    refused("without the CA", "certificate", |bundle| bundle["certificates"] = json!([chain(bundle)[0]]));
    refused("only the CA", "certificate", |bundle| bundle["certificates"] = json!([chain(bundle)[1]]));
    refused("in another order", "certificate", |bundle| {
        let (own, authority) = (chain(bundle)[0].clone(), chain(bundle)[1].clone());
        bundle["certificates"] = json!([authority, own]);
    });
    refused("the CA twice", "certificate", |bundle| {
        let again = chain(bundle)[1].clone();
        bundle["certificates"].as_array_mut().unwrap().push(again);
    });
    refused("no certificate", "certificate", |bundle| bundle["certificates"][1] = json!("MAA="));
    // The bytes of both are bound, by the signature or by the one form of what stands around it; each third of them is tried.
    let bundle: Value = serde_json::from_slice(crate::BUNDLE).unwrap();
    for number in 0..2 {
        let der = STANDARD.decode(bundle["certificates"][number].as_str().unwrap()).unwrap();
        for at in (number..der.len()).step_by(3) {
            let mut changed = der.clone();
            changed[at] ^= 1;
            let report = {
                let mut bundle = bundle.clone();
                bundle["certificates"][number] = json!(STANDARD.encode(changed));
                scalbotics_verify::verify(
                    crate::structure::text(&bundle).as_bytes(),
                    Some(crate::TRUST),
                    scalbotics_verify::Options::default(),
                )
            };
            assert_eq!(report.refusal().map(|refusal| refusal.reason), Some("certificate"), "{number}, byte {at}");
        }
    }
}
