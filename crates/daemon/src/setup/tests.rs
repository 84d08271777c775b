use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scalbotics_core::payload::Salt;
use scalbotics_core::ports::{Clock, IdSource};
use scalbotics_core::tenant::Name;
use scalbotics_core::time::Timestamp;

use super::arguments::{KeyAuthority, Mode};
use super::{Change, Environment, Error, Initialize, Plan, initialize, preview};

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(1_796_000_000_000)
    }
}

#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl IdSource for Counter {
    fn next(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1
    }

    fn salt(&self) -> Salt {
        [u8::try_from(self.next() & 0xff).unwrap(); 32]
    }
}

fn flags(dir: &Path) -> Initialize {
    Initialize {
        dir: dir.join("box"),
        mode: Some(Mode::Local),
        key_authority: KeyAuthority::Local,
        trust_domain: Some("acme.example".to_owned()),
        tenant: Name::parse("acme").unwrap(),
        admin: Some(Name::parse("ann").unwrap()),
        approver: Some(Name::parse("bob").unwrap()),
        git: None,
        git_provider: None,
        git_token_file: None,
        git_token: None,
        issuer: None,
        agent: None,
        model: Default::default(),
        desired: None,
        listen: None,
        admin_listen: None,
        workspace_roots: vec![],
        directories: super::Directories::default(),
        dry_run: false,
        yes: true,
        no_input: true,
    }
}

fn environment(dir: &Path) -> Environment {
    Environment { clock: Arc::new(Noon), ids: Arc::new(Counter::default()), config_dir: Some(dir.join("config")) }
}

/// Contents of all files below, but the database's, which change with each opening.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("data") {
        } else if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

#[tokio::test]
async fn a_second_run_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    let plan = Plan::from_flags(&flags(dir.path()), &environment).unwrap();
    let first = initialize(&plan, &environment).await.unwrap();
    assert!(first.items.iter().all(|(_, change, _)| *change == Change::Created), "{first}");
    for moved in ["keys/root-ca.key", "keys/approver-admin.key"] {
        std::fs::rename(plan.root.join(moved), dir.path().join(moved.replace('/', "-"))).unwrap();
    }
    let before = contents(dir.path());
    let again = Plan::from_flags(&flags(dir.path()), &environment).unwrap();
    assert_eq!(again.installation, plan.installation);
    let second = initialize(&again, &environment).await.unwrap();
    assert!(!second.created_any(), "{second}");
    assert_eq!(contents(dir.path()), before);
}

#[tokio::test]
async fn a_dry_run_says_what_a_run_would_do_and_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    let plan = Plan::from_flags(&flags(dir.path()), &environment).unwrap();
    let before = preview(&plan).await.unwrap();
    assert!(before.items.iter().all(|(_, change, _)| *change == Change::Created), "{before}");
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
    initialize(&plan, &environment).await.unwrap();
    assert!(!preview(&plan).await.unwrap().created_any());
}

#[tokio::test]
async fn a_run_that_was_killed_is_finished_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    let plan = Plan::from_flags(&flags(dir.path()), &environment).unwrap();
    initialize(&plan, &environment).await.unwrap();
    for lost in ["trust.json", "keys/issuing-ca.pem", "keys/root-ca.pem", "desired.git", "people/ann/login.pem", "data"] {
        let path = plan.root.join(lost);
        if path.is_dir() {
            std::fs::remove_dir_all(&path).unwrap()
        } else {
            std::fs::remove_file(&path).unwrap()
        }
        let again = Plan::from_flags(&flags(dir.path()), &environment).unwrap();
        initialize(&again, &environment).await.unwrap_or_else(|error| panic!("{lost}: {error}"));
        assert!(path.try_exists().unwrap() || lost == "people/ann/login.pem", "{lost}");
        let root = std::fs::read_to_string(plan.root.join("keys/root-ca.pem")).unwrap();
        let trust = scalbotics_identity::holder::trust::File::load(&plan.root.join("trust.json")).unwrap();
        assert_eq!(trust.ca_bundle_pem, root, "{lost}");
    }
}

#[tokio::test]
async fn secrets_are_closed_to_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    let plan = Plan::from_flags(&flags(dir.path()), &environment).unwrap();
    initialize(&plan, &environment).await.unwrap();
    for (path, _) in contents(&plan.root) {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let secret = path.extension().is_some_and(|e| ["keystore", "key"].iter().any(|s| e == *s))
            || path.starts_with(plan.root.join("people"));
        assert!(!secret || mode == 0o600, "{} {mode:o}", path.display());
    }
}

#[test]
fn sem_5_3a_login_and_approver_are_two_people() {
    let dir = tempfile::tempdir().unwrap();
    let mut flags = flags(dir.path());
    flags.approver = flags.admin.clone();
    let error = Plan::from_flags(&flags, &environment(dir.path())).unwrap_err();
    assert!(matches!(error, Error::Flag { flag: "--approver", .. }), "{error}");
}

#[test]
fn all_missing_flags_are_listed_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut flags = flags(dir.path());
    (flags.trust_domain, flags.admin, flags.approver) = (None, None, None);
    let error = Plan::from_flags(&flags, &environment(dir.path())).unwrap_err();
    assert_eq!(error.to_string(), "flags are missing: --trust-domain, --admin, --approver");
}

#[tokio::test]
async fn what_never_changes_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    let plan = Plan::from_flags(&flags(dir.path()), &environment).unwrap();
    initialize(&plan, &environment).await.unwrap();
    let mut other = flags(dir.path());
    other.trust_domain = Some("evil.example".to_owned());
    let error = Plan::from_flags(&other, &environment).unwrap_err();
    assert!(matches!(error, Error::Flag { flag: "--trust-domain", .. }), "{error}");
    assert_eq!(error.exit(), 2);
}

#[tokio::test]
async fn a_second_run_with_other_flags_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    let first =
        Initialize { listen: Some("127.0.0.1:1".parse().unwrap()), workspace_roots: vec!["/srv/a".into()], ..flags(dir.path()) };
    initialize(&Plan::from_flags(&first, &environment).unwrap(), &environment).await.unwrap();
    let before = contents(dir.path());
    let refused = |flags: Initialize| {
        let error = Plan::from_flags(&flags, &environment).unwrap_err();
        if let Error::Flag { flag, .. } = error { flag } else { panic!("{error}") }
    };
    let base = || flags(dir.path());
    assert_eq!(refused(Initialize { listen: Some("127.0.0.1:2".parse().unwrap()), ..base() }), "--listen");
    assert_eq!(refused(Initialize { admin_listen: Some("127.0.0.1:2".parse().unwrap()), ..base() }), "--admin-listen");
    assert_eq!(refused(Initialize { git: Some(format!("local:{}", dir.path().join("x").display())), ..base() }), "--git");
    assert_eq!(refused(Initialize { workspace_roots: vec!["/srv/b".into()], ..base() }), "--workspace-root");
    // Without the flags, what the first run decided is taken up.
    let again = Plan::from_flags(&base(), &environment).unwrap();
    assert_eq!(again.listen, first.listen.unwrap());
    assert!(!initialize(&again, &environment).await.unwrap().created_any());
    // Nobody gets another role.
    let swapped = Initialize { admin: base().approver, approver: base().admin, ..base() };
    let error = initialize(&Plan::from_flags(&swapped, &environment).unwrap(), &environment).await.unwrap_err();
    assert!(matches!(error, Error::Flag { flag: "--admin", .. }), "{error}");
    assert_eq!(contents(dir.path()), before);
}

#[tokio::test]
async fn a_configuration_that_is_no_installations_is_not_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("box")).unwrap();
    std::fs::write(dir.path().join("box/scalbotics.toml"), "x = 1\n").unwrap();
    let error = Plan::from_flags(&flags(dir.path()), &environment(dir.path())).unwrap_err();
    assert!(matches!(error, Error::Flag { flag: "--dir", .. }), "{error}");
    assert!(error.why().unwrap().contains("unknown key `x`"), "{:?}", error.why());
}

#[tokio::test]
async fn a_context_that_led_elsewhere_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    initialize(&Plan::from_flags(&flags(dir.path()), &environment).unwrap(), &environment).await.unwrap();
    let other = Plan::from_flags(&Initialize { dir: dir.path().join("other"), ..flags(dir.path()) }, &environment).unwrap();
    let report = initialize(&other, &environment).await.unwrap();
    let changed: Vec<_> = report.items.iter().filter(|(_, change, _)| *change == Change::Changed).collect();
    assert_eq!(changed.len(), 2, "{report}");
    assert!(changed.iter().all(|(item, _, place)| *item == "context" && place.contains("box/trust.json")), "{report}");
}

#[tokio::test]
async fn files_that_are_no_desired_state_are_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let desired = dir.path().join("desired");
    std::fs::create_dir_all(desired.join("teams")).unwrap();
    std::fs::write(desired.join("teams/ops.yaml"), "id: ops\ndescription: x\nlead: ghost\n").unwrap();
    let environment = environment(dir.path());
    let plan = Plan::from_flags(&Initialize { desired: Some(desired), ..flags(dir.path()) }, &environment).unwrap();
    for error in [initialize(&plan, &environment).await.unwrap_err(), preview(&plan).await.unwrap_err()] {
        assert!(matches!(error, Error::Desired { .. }) && error.why().unwrap().contains("teams/ops.yaml"), "{error}");
    }
    assert!(!plan.root.exists());
}

#[test]
fn relative_workspace_roots_are_seen_from_where_the_command_runs() {
    let dir = tempfile::tempdir().unwrap();
    let roots = vec![PathBuf::from("files"), PathBuf::from("/srv/files")];
    let plan = Plan::from_flags(&Initialize { workspace_roots: roots, ..flags(dir.path()) }, &environment(dir.path())).unwrap();
    let here = std::env::current_dir().unwrap();
    assert_eq!(plan.workspace_roots, [here.join("files"), PathBuf::from("/srv/files")]);
}

#[test]
fn the_first_command_works_in_what_was_made() {
    let dir = tempfile::tempdir().unwrap();
    let first = |desired: Option<PathBuf>| {
        let plan = Plan::from_flags(&Initialize { desired, ..flags(dir.path()) }, &environment(dir.path()));
        plan.unwrap().first_command()
    };
    assert_eq!(first(None), r#"scalbotics --context acme-ann task run --agent clerk "take stock""#);
    // Somebody's own desired state may have no clerk.
    assert_eq!(first(Some("desired".into())), "scalbotics --context acme-ann agent list");
}
