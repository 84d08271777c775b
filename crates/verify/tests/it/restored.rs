//! Restores: a call that was never sent may be in doubt by one, and by nothing else.

use serde_json::{Value, json};

use crate::forged::{record, records, refused, remove, renumber, report};

/// The tenant's log after a restore: the approval lapsed, the call that was never sent is in doubt, a person settled it, the task ended.
fn put_back(bundle: &mut Value) {
    remove(bundle, "revealed");
    let (mut lapsed, mut doubted) = (record(bundle, "granted").clone(), record(bundle, "landed").clone());
    let mut settled = doubted.clone();
    let statement = lapsed["outcome"]["commitment"].as_str().unwrap().to_owned();
    let intended = record(bundle, "intended")["decision"]["commitment"].as_str().unwrap().to_owned();
    let granted = record(bundle, "granted")["decision"]["commitment"].as_str().unwrap().to_owned();
    lapsed["outcome"] = json!({ "word": "expired" });
    lapsed["actor"] = json!({ "kind": "daemon" });
    lapsed.as_object_mut().unwrap().retain(|key, _| key != "decision" && key != "request");
    doubted["outcome"] = json!({ "word": "in_doubt" });
    (doubted["secrets"], settled["secrets"]) = (json!(0), json!(0));
    settled["outcome"]["word"] = json!("settled_landed");
    settled["outcome"].as_object_mut().unwrap().remove("attempt");
    settled["actor"] = record(bundle, "submitted")["actor"].clone();
    let mut cancel = record(bundle, "completed").clone();
    cancel["action"] = json!("task.cancel");
    cancel["outcome"] = json!({ "word": "requested" });
    let mut end = record(bundle, "completed").clone();
    end["outcome"] = json!({ "word": "canceled" });
    let output = record(bundle, "completed")["outcome"]["commitment"].as_str().unwrap().to_owned();
    let at = record(bundle, "waiting")["at"].clone();
    let restore = json!({
        "action": "installation.restore", "actor": { "kind": "daemon" }, "at": at, "kind": "installation", "outcome": { "word": "ok" },
        "restored": { "backup": "0".repeat(64), "backup_at": 1, "incarnation": 2, "lost": [{ "kept": 2, "tenant": "acme" }] },
        "tenant": "acme", "version": 1,
    });
    let kept: Vec<Value> = records(bundle).drain(..2).collect();
    let entry = |record: Value| json!({ "index": 0, "proof": [], "record": record });
    let more = [restore, lapsed, doubted, cancel, settled, end].map(entry);
    *records(bundle) = [kept, more.to_vec()].concat();
    let gone = [statement, intended, granted, output];
    bundle["openings"].as_array_mut().unwrap().retain(|opening| !gone.iter().any(|gone| opening["commitment"] == **gone));
    renumber(bundle);
}

#[test]
fn sem_7_4_what_a_restore_put_in_doubt_is_believed_where_the_log_tells_of_it() {
    let honest = report(put_back);
    assert_eq!(honest.refusal(), None, "{}", honest.to_text());
    assert!(honest.to_text().contains("1 in doubt by a restore"), "{}", honest.to_text());
}

#[test]
fn sem_7_4_a_restore_that_was_none_is_refused() {
    let forged = |what: &str, reason: &str, change: &dyn Fn(&mut Value)| {
        refused(what, reason, |bundle| {
            put_back(bundle);
            change(bundle);
            renumber(bundle);
        });
    };
    let restored = |bundle: &mut Value| -> usize {
        records(bundle).iter().position(|entry| entry["record"].get("restored").is_some()).unwrap()
    };
    let set = |pointer: &'static str, value: Value| {
        move |bundle: &mut Value| {
            let at = restored(bundle);
            *records(bundle)[at]["record"].pointer_mut(pointer).unwrap() = value.clone();
        }
    };
    forged("no record of it", "restore", &|bundle| {
        let at = restored(bundle);
        records(bundle).remove(at);
    });
    forged("before the call was asked for", "sequence", &|bundle| {
        let at = restored(bundle);
        records(bundle).swap(at - 1, at);
    });
    forged("before the call was asked for, and it says so", "restore", &|bundle| {
        let at = restored(bundle);
        records(bundle).swap(at - 1, at);
        set("/restored/lost/0/kept", json!(1))(bundle);
    });
    forged("after the approval had lapsed", "restore", &|bundle| {
        let at = restored(bundle);
        records(bundle).swap(at, at + 1);
        set("/restored/lost/0/kept", json!(3))(bundle);
    });
    forged("of another place in the log", "sequence", &set("/restored/lost/0/kept", json!(7)));
    forged("of another log", "sequence", &set("/restored/lost/0/tenant", json!("other")));
    forged("in another log", "sequence", &set("/tenant", json!("other")));
    forged("by a person", "sequence", &set("/actor", json!({ "kind": "human", "uid": "hum_00000000000000000000000007" })));
    forged("another action", "sequence", &set("/action", json!("installation.start")));
    forged("twice", "sequence", &|bundle| {
        let at = restored(bundle);
        let again = records(bundle)[at].clone();
        records(bundle).insert(at, again);
    });
    forged("of another form", "restore", &|bundle| {
        let at = restored(bundle);
        let record = records(bundle)[at]["record"].as_object_mut().unwrap();
        record.remove("restored");
    });
    // A task that goes on after it.
    forged("it goes on", "sequence", &|bundle| {
        let intended: Value = {
            let mut original: Value = serde_json::from_slice(crate::BUNDLE).unwrap();
            record(&mut original, "intended").clone()
        };
        let at = records(bundle).iter().position(|entry| entry["record"]["outcome"]["word"] == "in_doubt").unwrap();
        records(bundle).insert(at, json!({ "index": 0, "proof": [], "record": intended }));
    });
    // A restore that put nothing in doubt is no part of the story.
    refused("for nothing", "sequence", |bundle| {
        let mut other = bundle.clone();
        put_back(&mut other);
        let at = restored(&mut other);
        let restore = records(&mut other)[at].clone();
        records(bundle).insert(2, restore);
    });
}
