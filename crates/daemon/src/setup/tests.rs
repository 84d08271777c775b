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
        tenant: None,
        admin: Some(Name::parse("ann").unwrap()),
        approver: Some(Name::parse("bob").unwrap()),
        git: None,
        git_provider: None,
        git_token_file: None,
        git_token: None,
        issuer: None,
        issuer_client: None,
        oidc_audience: None,
        oidc_tenants: Vec::new(),
        oidc_groups: Vec::new(),
        agent: None,
        model: Default::default(),
        desired: None,
        ca_bundle: None,
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
    let before = preview(&plan, &environment).await.unwrap();
    assert!(before.items.iter().all(|(_, change, _)| *change == Change::Created), "{before}");
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
    let made = initialize(&plan, &environment).await.unwrap();
    assert_eq!(items(&before), items(&made));
    let plan = Plan::from_flags(&flags(dir.path()), &environment).unwrap();
    let (before, again) = (preview(&plan, &environment).await.unwrap(), initialize(&plan, &environment).await.unwrap());
    assert_eq!(items(&before), items(&again));
    assert!(again.items.iter().all(|(_, change, _)| *change == Change::Unchanged), "{again}");
}

/// What was noted, without the words for people.
fn items(report: &super::Report) -> Vec<(&'static str, Change)> {
    report.items.iter().map(|(item, change, _)| (*item, *change)).collect()
}

#[tokio::test]
async fn a_dry_run_with_a_model_and_its_key_says_the_same_as_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    let with = || {
        let mut flags = flags(dir.path());
        flags.model.model_url = Some("http://127.0.0.1:1234/v1".to_owned());
        let mut plan = Plan::from_flags(&flags, &environment).unwrap();
        plan.model.as_mut().unwrap().key = Some(scalbotics_core::secret::Secret::new(b"a key".to_vec()));
        plan
    };
    for change in [Change::Created, Change::Unchanged] {
        let plan = with();
        let before = preview(&plan, &environment).await.unwrap();
        let made = initialize(&plan, &environment).await.unwrap();
        assert_eq!(items(&before), items(&made));
        for item in ["model", "model key", "context"] {
            assert!(items(&made).contains(&(item, change)), "{item}: {made}");
        }
    }
}

#[tokio::test]
async fn what_an_earlier_run_was_told_needs_not_be_said_again() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    let named = Initialize { tenant: Some(Name::parse("beta").unwrap()), ..flags(dir.path()) };
    initialize(&Plan::from_flags(&named, &environment).unwrap(), &environment).await.unwrap();
    let bare = || Initialize { trust_domain: None, admin: None, approver: None, ..flags(dir.path()) };
    let plan = Plan::from_flags(&bare().recalled().unwrap(), &environment).unwrap();
    assert_eq!((plan.tenant.as_str(), plan.admin.as_str(), plan.approver.as_str()), ("beta", "ann", "bob"));
    assert!(!initialize(&plan, &environment).await.unwrap().created_any());
    // What is said counts.
    let other = Initialize { trust_domain: Some("evil.example".to_owned()), ..bare() }.recalled().unwrap();
    assert!(matches!(Plan::from_flags(&other, &environment), Err(Error::Flag { flag: "--trust-domain", .. })));
    // Nobody is guessed: with another person's keys beside them, the first two are not known.
    std::fs::create_dir(plan.root.join("people/carol")).unwrap();
    std::fs::copy(plan.root.join("people/ann/login.pem"), plan.root.join("people/carol/login.pem")).unwrap();
    let error = Plan::from_flags(&bare().recalled().unwrap(), &environment).unwrap_err();
    assert_eq!(error.to_string(), "flags are missing: --admin, --approver");
    let nothing = Initialize { dir: dir.path().join("none"), ..bare() }.recalled().unwrap();
    assert!(nothing.trust_domain.is_none() && nothing.admin.is_none());
}

#[tokio::test]
async fn a_place_that_holds_no_repository_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    let (file, full) = (dir.path().join("file"), dir.path().join("full"));
    std::fs::write(&file, "x").unwrap();
    std::fs::create_dir(&full).unwrap();
    std::fs::write(full.join("letter.txt"), "x").unwrap();
    let (file, full) = (file.display().to_string(), full.display().to_string());
    for place in ["/proc/nope", "/sys/nope/deeper", &file, &format!("{file}/below"), &full] {
        let plan =
            Plan::from_flags(&Initialize { git: Some(format!("local:{place}")), ..flags(dir.path()) }, &environment).unwrap();
        for error in [preview(&plan, &environment).await.unwrap_err(), initialize(&plan, &environment).await.unwrap_err()] {
            assert!(matches!(error, Error::Flag { flag: "--git", .. }), "{place}: {error}");
            assert_eq!(error.exit(), 2);
        }
        assert!(!plan.root.exists(), "{place}: something was made");
    }
    let right = Initialize { git: Some(format!("local:{}/desired.git", dir.path().display())), ..flags(dir.path()) };
    let right = Plan::from_flags(&right, &environment).unwrap();
    assert!(initialize(&right, &environment).await.unwrap().created_any(), "the corrected flag is taken");
}

#[tokio::test]
async fn a_repository_around_the_installation_is_not_taken_for_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    let git = |arguments: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.args(["-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "init.defaultBranch=main"]);
        assert!(git.args(arguments).current_dir(dir.path()).output().unwrap().status.success());
    };
    git(&["init", "--quiet"]);
    git(&["commit", "--quiet", "--allow-empty", "--message", "of somebody"]);
    std::fs::create_dir_all(dir.path().join("box/desired.git")).unwrap();
    let plan = Plan::from_flags(&flags(dir.path()), &environment).unwrap();
    let report = initialize(&plan, &environment).await.unwrap();
    assert!(items(&report).contains(&("repository", Change::Created)), "{report}");
    assert!(plan.repository.join("HEAD").is_file());
}

#[test]
fn flags_about_a_remote_that_is_not_there_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "token").unwrap();
    let local = || flags(dir.path());
    for (flags, wanted) in [
        (Initialize { git_provider: Some(super::Provider::Gitlab), ..local() }, "--git-provider"),
        (Initialize { git_token_file: Some(token), ..local() }, "--git-token-file"),
    ] {
        let error = Plan::from_flags(&flags, &environment(dir.path())).unwrap_err();
        assert!(matches!(error, Error::Flag { flag, .. } if flag == wanted), "{error}");
    }
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
    assert_eq!(refused(Initialize { agent: Some(Name::parse("scribe").unwrap()), ..base() }), "--agent");
    assert_eq!(refused(Initialize { git_provider: Some(super::Provider::Github), ..base() }), "--git-provider");
    let model = |url: Option<&str>, name: Option<&str>| super::ModelArguments {
        model_url: url.map(str::to_owned),
        model: name.map(str::to_owned),
    };
    let local = "http://127.0.0.1:1/v1";
    assert_eq!(refused(Initialize { model: model(Some(local), None), ..base() }), "--model-url");
    assert_eq!(refused(Initialize { model: model(None, Some("x")), ..base() }), "--model");
    // The agent that is there may be said again.
    assert!(Plan::from_flags(&Initialize { agent: Some(Name::parse("clerk").unwrap()), ..base() }, &environment).is_ok());
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
async fn a_second_run_with_another_model_is_refused_and_with_the_same_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    let with = |url: Option<&str>, name: Option<&str>| {
        let model = super::ModelArguments { model_url: url.map(str::to_owned), model: name.map(str::to_owned) };
        Plan::from_flags(&Initialize { model, ..flags(dir.path()) }, &environment)
    };
    let url = "http://127.0.0.1:1234/v1";
    initialize(&with(Some(url), Some("small")).unwrap(), &environment).await.unwrap();
    let before = contents(dir.path());
    for (url, name) in
        [(Some(url), Some("small")), (Some("http://127.0.0.1:1234/v1/"), None), (None, Some("small")), (None, None)]
    {
        assert!(!initialize(&with(url, name).unwrap(), &environment).await.unwrap().created_any());
    }
    for (url, name, wanted) in [
        (Some("http://127.0.0.1:1/v1"), None, "--model-url"),
        (Some(url), Some("large"), "--model"),
        (None, Some("large"), "--model"),
    ] {
        let error = with(url, name).unwrap_err();
        assert!(matches!(error, Error::Flag { flag, .. } if flag == wanted), "{error}");
    }
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
    for error in [initialize(&plan, &environment).await.unwrap_err(), preview(&plan, &environment).await.unwrap_err()] {
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
