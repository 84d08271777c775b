//! What the numbers and the status of an installation say about identities, read from outside: each series of issue 5 item 8, moved by what it
//! counts, and when certificates end.

use std::collections::BTreeMap;
use std::process::Command;

use crate::command::Answer;
use crate::installation::{ANN, Installation, cli};
use crate::serving::Daemon;

/// All series that a scraper reads, by name and labels.
fn read(daemon: &Daemon) -> BTreeMap<String, u64> {
    let (_, text) = daemon.get("/metrics");
    let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    series.filter_map(|(name, number)| Some((name.to_owned(), number.parse().ok()?))).collect()
}

/// Series of identities that every scrape has.
const SERIES: [&str; 16] = [
    "scalbotics_rpc_authenticated_total{kind=\"token\"}",
    "scalbotics_rpc_authenticated_total{kind=\"certificate\"}",
    "scalbotics_rpc_unauthenticated_total{kind=\"missing\",reason=\"refused\"}",
    "scalbotics_rpc_unauthenticated_total{kind=\"token\",reason=\"expired\"}",
    "scalbotics_rpc_unauthenticated_total{kind=\"certificate\",reason=\"suspended\"}",
    "scalbotics_rpc_unauthenticated_total{kind=\"join\",reason=\"refused\"}",
    "scalbotics_logins_total{way=\"assertion\"}",
    "scalbotics_logins_refused_total{reason=\"replayed\"}",
    "scalbotics_issuer_key_fetches_total{result=\"ok\"}",
    "scalbotics_issuer_key_fetches_total{result=\"failed\"}",
    "scalbotics_svids_total{event=\"cut_short\"}",
    "scalbotics_workload_svids_total{kind=\"x509\"}",
    "scalbotics_workload_processes_total{result=\"unknown\"}",
    "scalbotics_identity_events_total{event=\"ca_revoked\"}",
    "scalbotics_identity_events_total{event=\"bound\"}",
    "scalbotics_certificate_end_timestamp_seconds{kind=\"root\"}",
];

#[test]
fn issue_5_the_numbers_of_identities_are_read_from_outside() {
    let installation = Installation::new();
    let daemon = installation.start();
    let ends = |kind: &str| format!("scalbotics_certificate_end_timestamp_seconds{{kind=\"{kind}\"}}");
    let before = read(&daemon);
    assert!(!before.contains_key(&ends("agent")), "there is none yet");
    for name in SERIES {
        assert!(before.contains_key(name), "{name}");
    }

    // Joined, refused, renewed, rotated, suspended, resumed, offboarded.
    let token = installation.token_file(&installation.ann(&["agent", "join-token", "clerk"]).exits(0));
    installation.enroll("clerk", "clerk", &token).exits(0);
    assert_eq!(installation.enroll("clerk", "thief", &token).exits(4).error().code, "JOIN_REFUSED");
    let mut renew = installation.worker("clerk", "clerk", &[]);
    assert!(renew.output().unwrap().status.success());
    installation.ann(&["agent", "rotate-keys", "clerk"]).exits(0);
    let living = read(&daemon);
    let status = installation.ann(&["status"]).exits(0).json();
    installation.ann(&["agent", "suspend", "clerk"]).exits(0);
    let mut late = installation.worker("clerk", "clerk", &[]);
    assert!(!late.output().unwrap().status.success());
    installation.ann(&["agent", "resume", "clerk"]).exits(0);
    installation.ann(&["--yes", "agent", "offboard", "clerk"]).exits(0);

    let after = read(&daemon);
    let rose = |name: &str| after.get(name).copied().unwrap_or_default() - before.get(name).copied().unwrap_or_default();
    for (event, count) in
        [("joined", 1), ("renewed", 1), ("rotated", 1), ("suspended", 1), ("resumed", 1), ("offboarded", 1), ("ca_tainted", 0)]
    {
        assert_eq!(rose(&format!("scalbotics_identity_events_total{{event=\"{event}\"}}")), count, "{event}");
    }
    for (name, count) in [
        ("scalbotics_svids_total{event=\"issued\"}", 2),
        ("scalbotics_svids_total{event=\"cut_short\"}", 2),
        ("scalbotics_join_tokens_total{event=\"made\"}", 1),
        ("scalbotics_join_tokens_total{event=\"refused\"}", 1),
        ("scalbotics_join_tokens_refused_total{reason=\"used\"}", 1),
        ("scalbotics_rpc_unauthenticated_total{kind=\"join\",reason=\"refused\"}", 1),
        ("scalbotics_rpc_authenticated_total{kind=\"certificate\"}", 1),
        ("scalbotics_rpc_unauthenticated_total{kind=\"certificate\",reason=\"suspended\"}", 1),
    ] {
        assert_eq!(rose(name), count, "{name}");
    }
    assert!(rose("scalbotics_rpc_authenticated_total{kind=\"token\"}") >= 6);
    assert!(rose("scalbotics_logins_total{way=\"assertion\"}") >= 1);
    // No caller's word makes a series.
    let grown: Vec<_> = after.keys().filter(|name| !before.contains_key(*name)).collect();
    assert!(grown.is_empty(), "{grown:?}");

    // What ends first, in the status and as numbers; a suspended agent has nothing that could end.
    let certificates = status["certificates"].as_object().unwrap();
    for kind in ["root", "issuing", "daemon", "agent"] {
        let end = certificates[kind]["ends"].as_str().unwrap();
        let seconds = Answer::of(Command::new("date").args(["-u", "-d", end, "+%s"])).exits(0).stdout;
        assert_eq!(living[&ends(kind)].to_string(), seconds.trim(), "{kind}");
        assert!(!certificates[kind]["next"].as_str().unwrap().is_empty(), "{kind}");
    }
    assert!(living[&ends("root")] > living[&ends("issuing")] && living[&ends("issuing")] > living[&ends("daemon")]);
    assert!(!after.contains_key(&ends("agent")));
    let mut shown = installation.environment(&cli());
    let shown = Answer::of(shown.args(["--context", ANN, "status"])).exits(0).stdout;
    let first = shown.lines().find(|line| line.starts_with("certificate ends")).unwrap();
    assert!(first.contains("daemon: "), "{first}");
    drop(daemon);
}
