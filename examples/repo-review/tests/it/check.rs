//! `check.py` agrees with a true report and finds each wrong number.

use std::process::Command;

use serde_json::{Value, json};

use crate::fixture::{Folder, answer, search};

/// A history of two commits with two findings, reported and published; answers the numbers.
fn publish(folder: &Folder) -> Value {
    // Put together here, so that this source holds no finding.
    let (key, marker) = (["AK", "IA", "0123456789ABCDEF"].concat(), format!("{} HEAD", "<".repeat(7)));
    let leak = format!("id = {key}\n");
    let conflict = format!("a\n{marker}\nb\n");
    let files = [("deploy/cloud.ini", leak.as_str()), ("notes.txt", conflict.as_str()), ("src/main.rs", "fn main() {}\n")];
    folder.commit(&[("src/main.rs", "fn main() {\n}\n"), ("Cargo.lock", "x\n")]);
    folder.commit(&files);
    let all = [files.as_slice(), &[("Cargo.lock", "x\n")]].concat();
    let history = answer(&["history", "--repo", &folder.path("repo"), "--top", "10"], &json!({}));
    let nothing = search(&all, "\u{0}");
    let report = answer(
        &["report"],
        &json!({
            "mount": "repo", "history": history, "private_keys": nothing, "tokens": nothing,
            "aws_keys": search(&all, &key), "conflict_markers": search(&all, &marker),
        }),
    );
    std::fs::write(folder.path("report.md"), report["markdown"].as_str().unwrap()).unwrap();
    let summary = &report["summary"];
    let entry = json!({
        "commit": summary["commit"], "credentials": summary["credentials"], "conflict_markers": summary["conflict_markers"],
        "markdown": report["markdown"],
    });
    answer(&["publish", "--ledger", &folder.path("ledger"), "--key", "eff_1"], &entry);
    summary.clone()
}

/// Whether `check.py` is content with these numbers, and what it says.
fn check(folder: &Folder, summary: &Value) -> (Option<i32>, String) {
    std::fs::write(folder.path("report.json"), summary.to_string()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/check.py");
    let mut python = Command::new("python3");
    python.arg(script).args(["--repo", &folder.path("repo"), "--summary", &folder.path("report.json")]);
    python.args(["--report", &folder.path("report.md"), "--ledger", &folder.path("ledger")]);
    python.args(["--planted", "AWS access key=deploy/cloud.ini", "--planted", "conflict marker=notes.txt"]);
    let done = python.output().unwrap();
    (done.status.code(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
}

#[test]
fn a_true_report_passes_and_every_wrong_number_is_found() {
    let folder = Folder::new("check");
    let summary = publish(&folder);
    let (code, said) = check(&folder, &summary);
    assert_eq!(code, Some(0), "{said}");
    let numbers = summary.as_object().unwrap().iter().filter(|(_, value)| value.is_u64()).map(|(key, _)| format!("/{key}"));
    let rows = [
        "/findings/0/line",
        "/findings/1/line",
        "/riskiest/0/risk",
        "/riskiest/1/commits",
        "/riskiest/2/bytes",
        "/skipped/links",
    ];
    let mut changed = 0;
    for place in numbers.chain(rows.map(str::to_owned)) {
        let mut wrong = summary.clone();
        let number = wrong.pointer_mut(&place).unwrap();
        *number = json!(number.as_u64().unwrap() + 1);
        let (code, said) = check(&folder, &wrong);
        assert_eq!(code, Some(1), "{place}\n{said}");
        changed += 1;
    }
    assert_eq!(changed, 18);
}

#[test]
fn a_report_without_a_finding_or_with_a_secret_is_found() {
    let folder = Folder::new("check-text");
    let summary = publish(&folder);
    let markdown = std::fs::read_to_string(folder.path("report.md")).unwrap();
    let secret = ["AK", "IA", "0123456789ABCDEF"].concat();
    let changes = [markdown.replace("`notes.txt` | 2", "`notes.txt` | 3"), format!("{markdown}\n{secret}\n")];
    for (changed, word) in changes.into_iter().zip(["row only in", "whole secret"]) {
        std::fs::write(folder.path("report.md"), changed).unwrap();
        let (code, said) = check(&folder, &summary);
        assert!(code == Some(1) && said.contains(word), "{said}");
    }
    std::fs::write(folder.path("report.md"), markdown).unwrap();
    std::fs::copy(folder.path("ledger/eff_1.json"), folder.path("ledger/eff_2.json")).unwrap();
    let (code, said) = check(&folder, &summary);
    assert!(code == Some(1) && said.contains("entries in the ledger"), "{said}");
}
