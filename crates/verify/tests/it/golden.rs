//! The bundle itself: what is said of it, with and without a trust file.

use scalbotics_verify::{Options, Outcome, verify};

use crate::structure::text;
use crate::{BUNDLE, OLD_BUNDLE, OLD_TRUST, TRUST};

#[test]
fn the_bundle_of_the_daemon_is_verified() {
    let report = verify(BUNDLE, Some(TRUST), Options::default());
    assert_eq!(report.refusal(), None, "{}", report.to_text());
    let not_checked: Vec<&str> =
        report.steps.iter().filter(|step| matches!(step.outcome, Outcome::NotChecked(_))).map(|step| step.name).collect();
    assert_eq!(not_checked, ["installation"], "{}", report.to_text());
    let parsed: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!((&parsed["verified"], parsed["steps"].as_array().unwrap().len()), (&true.into(), report.steps.len()));
}

#[test]
fn records_of_version_1_are_verified_as_they_were_written() {
    let report = verify(OLD_BUNDLE, Some(OLD_TRUST), Options::default());
    assert_eq!(report.refusal(), None, "{}", report.to_text());
    assert!(report.to_text().contains("1 call digests recomputed from their arguments"), "{}", report.to_text());
}

#[test]
fn sem_5_3_without_a_trust_file_nothing_is_proven_and_it_is_said() {
    let report = verify(BUNDLE, None, Options::default());
    assert_eq!(report.refusal().unwrap().reason, "trust");
    let shown = report.to_text();
    assert!(shown.contains("approver binding: only as told by the daemon"), "{shown}");
    assert!(shown.ends_with("REFUSED\n"));
}

#[test]
fn a_trust_file_of_another_installation_or_without_a_key_refuses() {
    let trust = String::from_utf8(TRUST.to_vec()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&trust).unwrap();
    let changed = |key: &str, to: serde_json::Value| {
        let mut value = value.clone();
        value[key] = to;
        text(&value)
    };
    for (file, reason) in [
        (changed("log_keys", serde_json::json!([])), "signer"),
        (changed("approver_admins", serde_json::json!([])), "enrolment"),
        (changed("trust_domain", "other.example".into()), "trust"),
        (changed("dev", true.into()), "approval"),
        (String::new(), "trust"),
    ] {
        let report = verify(BUNDLE, Some(file.as_bytes()), Options::default());
        let reasons: Vec<&str> = report
            .steps
            .iter()
            .filter_map(|step| if let Outcome::Refused(refusal) = &step.outcome { Some(refusal.reason) } else { None })
            .collect();
        assert!(reasons.contains(&reason), "{reason}: {}", report.to_text());
    }
    // A key of tokens that is not in the trust file is not believed, and that is no refusal.
    let report = verify(BUNDLE, Some(changed("token_keys", serde_json::json!([])).as_bytes()), Options::default());
    assert_eq!(report.refusal(), None, "{}", report.to_text());
    assert!(report.to_text().contains("only as told by the daemon"));
}

#[test]
fn nothing_is_no_evidence() {
    for bundle in [&b""[..], b"{}", b"[]", b"null", b"\n", &[0xff; 64]] {
        assert!(verify(bundle, Some(TRUST), Options::default()).refusal().is_some());
    }
    let mut value: serde_json::Value = serde_json::from_slice(BUNDLE).unwrap();
    value["log"]["records"] = serde_json::json!([]);
    let report = verify(text(&value).as_bytes(), Some(TRUST), Options::default());
    assert_eq!(report.refusal().unwrap().reason, "sequence");
}
