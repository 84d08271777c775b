//! Layers, origins, and every way to write a configuration wrongly.

use std::collections::BTreeSet;

use scalbotics_identity::holder::signed_note::Verifier;

use super::*;

const GOOD: &str = "[installation]\nid = \"ins_00000000000000000000000001\"\ntrust_domain = \"acme.test\"\ntenant = \"acme\"\ndata_dir = \"data\"\n";

fn sources(directory: &std::path::Path, text: &str) -> Sources {
    let file = directory.join("scalbotics.toml");
    std::fs::write(&file, text).unwrap();
    Sources { file, environment: Vec::new(), flags: Vec::new() }
}

fn load(text: &str) -> Result<Config, Error> {
    let directory = tempfile::tempdir().unwrap();
    Config::load(sources(directory.path(), text))
}

#[test]
fn keys_are_those_of_the_schema() {
    let schema = serde_json::to_value(schemars::schema_for!(Settings)).unwrap();
    let mut leaves = BTreeSet::new();
    collect(&schema, &schema, String::new(), &mut leaves);
    let keys: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    assert_eq!(keys, leaves);
    assert_eq!(keys.len(), KEYS.len());
}

fn collect(root: &serde_json::Value, node: &serde_json::Value, path: String, leaves: &mut BTreeSet<String>) {
    let reference = node.get("$ref").and_then(|reference| reference.as_str());
    let node = reference.and_then(|reference| root.pointer(&reference[1..])).unwrap_or(node);
    match node.get("properties").and_then(|properties| properties.as_object()) {
        Some(properties) => {
            for (name, property) in properties {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(root, property, path, leaves);
            }
        }
        None => drop(leaves.insert(path)),
    }
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let directory = tempfile::tempdir().unwrap();
    let mut sources =
        sources(directory.path(), &format!("{GOOD}[server]\nlisten = \"127.0.0.1:1\"\nadmin_listen = \"127.0.0.1:1\"\n"));
    sources.environment = vec![
        ("SCALBOTICSD_CONFIG".into(), "ignored".into()),
        ("SCALBOTICSD_FAILPOINT".into(), "ignored".into()),
        ("SCALBOTICSD_SERVER_LISTEN".into(), "127.0.0.1:2".into()),
        ("SCALBOTICSD_SERVER_SAN_DNS".into(), "a.test, b.test".into()),
        ("SCALBOTICSD_LIMITS_CONNECTIONS".into(), "7".into()),
    ];
    sources.flags = vec!["server.listen=127.0.0.1:3".into()];
    let config = Config::load(sources).unwrap();
    let server = &config.settings.server;
    assert_eq!((server.listen.port(), server.admin_listen.port()), (3, 1));
    assert_eq!((server.san_dns.len(), config.settings.limits.connections), (2, 7));
    assert_eq!(config.origin("server.listen").to_string(), "flag --set server.listen");
    assert_eq!(config.origin("server.san_dns").to_string(), "environment SCALBOTICSD_SERVER_SAN_DNS");
    assert!(config.origin("server.admin_listen").to_string().ends_with("scalbotics.toml:8"));
    assert_eq!(config.origin("log.level"), Origin::Default);
    assert_eq!(config.data_dir, directory.path().join("data"));
    let text = origins_text(&config);
    assert_eq!(text.lines().count(), KEYS.len());
    assert!(text.contains("server.listen = \"127.0.0.1:3\"   # flag --set server.listen\n"), "{text}");
}

#[test]
fn mistakes_are_named_with_key_line_and_next_step() {
    let table: [(&str, &[&str]); 17] = [
        ("[server]\nlisen = \"127.0.0.1:0\"\n", &["`server.lisen`", ":7", "`server.listen`"]),
        ("[sever]\n", &["`sever`", ":6", "`server`"]),
        ("[server]\nlisten = \"nowhere\"\n", &[":7"]),
        ("[server]\nlisten = 5\n", &[":7"]),
        ("[server\n", &[":6"]),
        ("[limits]\nmessage_bytes = 1\n", &["`limits.message_bytes`", ":7", "65536"]),
        ("[limits]\nconnections = -1\n", &[":7"]),
        ("[limits]\nconnections = 0\n", &["`limits.connections`"]),
        ("[limits.requests_per_second]\nreed = 1\n", &["`limits.requests_per_second.reed`", "`limits.requests_per_second.read`"]),
        ("[limits]\ndrain = \"1 day\"\n", &[":7", "duration"]),
        ("[log]\nlevel = \"loud\"\n", &[":7", "loud"]),
        ("[workspaces]\nallowed_roots = [\"relative\"]\n", &["`workspaces.allowed_roots`", "absolute"]),
        ("[workspaces]\nallowed_roots = [\"/\"]\n", &["`workspaces.allowed_roots`"]),
        ("[workspaces]\nallowed_roots = [\"/srv/../etc\"]\n", &["`workspaces.allowed_roots`"]),
        ("[keystore]\nkey_file = \"a\"\npassphrase_env = \"B\"\n", &["`keystore.key_file`"]),
        ("[keystore]\ncredential = \"../x\"\n", &["`keystore.credential`"]),
        ("[log]\nlevel = \"info\"\nlevel = \"warn\"\n", &[":8"]),
    ];
    for (bad, parts) in table {
        let error = load(&format!("{GOOD}{bad}")).unwrap_err();
        let said = format!("{error} {}", error.next_step());
        assert!(parts.iter().all(|part| said.contains(part)), "{bad}: {said}");
    }
}

const WITNESS: &str = "witness.example/w1+bf59bd88+BNgLYqfhaTb6sNJchhFQ5b6BnDn8KtRWBGHqdpTZWDE0";

#[test]
fn keepers_of_checkpoints() {
    let key = scalbotics_identity::holder::key::Pair::generate(scalbotics_identity::holder::key::Algorithm::Ed25519).unwrap();
    let key = key.public().clone();
    let (witness, log) =
        (Verifier::witness("w.example/w1", key.clone()).unwrap(), Verifier::new("w.example/w1", key.clone()).unwrap());
    let own = Verifier::witness("acme.test/audit/system", key).unwrap();
    let one = |key: &Verifier, url: &str| format!("{{ key = \"{key}\", url = \"{url}\" }}");
    let good = one(&witness, "https://w.example");
    let text = format!("{GOOD}[audit]\nwitnesses = [{good}]\nmax_unwitnessed = 5000\ncheckpoint_file = \"out/checkpoint\"\n");
    let config = load(&text).unwrap();
    assert!(
        matches!(config.keepers.as_slice(), [KeptBy::Witness { .. }, KeptBy::File(path)] if path.ends_with("out/checkpoint"))
    );
    let directory = tempfile::tempdir().unwrap();
    let mut by_environment = sources(directory.path(), GOOD);
    let value = format!("{witness} https://w.example, ");
    by_environment.environment = vec![("SCALBOTICSD_AUDIT_WITNESSES".into(), value)];
    assert_eq!(Config::load(by_environment).unwrap().keepers, config.keepers[..1]);
    for (bad, part) in [
        (format!("witnesses = [{}]", one(&witness, "http://w.example")), "https"),
        (format!("witnesses = [{}]", one(&log, "https://w.example")), "key of a log"),
        (format!("witnesses = [{}]", one(&own, "https://w.example")), "log's own"),
        (format!("witnesses = [{good}, {good}]"), "twice"),
        (format!("witnesses = [{{ key = \"{WITNESS}x\", url = \"https://w.example\" }}]"), "not the key of a witness"),
        (format!("witnesses = [{{ key = \"{witness}\" }}]"), "url"),
        ("max_unwitnessed = 5".to_owned(), "no witness"),
        (format!("witnesses = [{good}]\nmax_unwitnessed = 0"), "for ever"),
        ("checkpoint_webhook = \"ftp://a\"".to_owned(), "audit.checkpoint_webhook"),
    ] {
        let error = load(&format!("{GOOD}[audit]\n{bad}\n")).unwrap_err().to_string();
        assert!(error.contains(part), "{bad}: {error}");
    }
}

#[test]
fn what_is_missing_or_of_no_meaning_is_refused() {
    assert!(load(GOOD).is_ok());
    for (from, to, part) in [
        ("id = \"ins_00000000000000000000000001\"\n", "", "installation.id"),
        ("ins_00000000000000000000000001", "ins_1", "installation.id"),
        ("trust_domain = \"acme.test\"\n", "", "installation.trust_domain"),
        ("acme.test", "Not A Domain", "installation.trust_domain"),
        ("tenant = \"acme\"\n", "", "installation.tenant"),
        ("data_dir = \"data\"\n", "", "installation.data_dir"),
    ] {
        let error = load(&GOOD.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    let missing = Sources { file: "/nowhere/scalbotics.toml".into(), ..Sources::default() };
    assert!(matches!(Config::load(missing), Err(Error::Unreadable { .. })));
}

#[test]
fn other_layers_are_checked_like_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let base = sources(directory.path(), GOOD);
    for (variable, value, part) in [
        ("SCALBOTICSD_SERVER_LISEN", "x", "SCALBOTICSD_SERVER_LISTEN"),
        ("SCALBOTICSD_LOG_LEVEL", "loud", "log.level"),
        ("SCALBOTICSD_LIMITS_CONNECTIONS", "many", "limits.connections"),
        ("SCALBOTICSD_INSTALLATION_DEV", "yes", "installation.dev"),
        ("SCALBOTICSD_LIMITS_DRAIN", "1 day", "limits.drain"),
    ] {
        let error = Config::load(Sources { environment: vec![(variable.into(), value.into())], ..base.clone() }).unwrap_err();
        let said = format!("{error} {}", error.next_step());
        assert!(said.contains(part) && said.contains(variable), "{variable}: {said}");
    }
    for (flag, part) in [("server.lisen=x", "`server.listen`"), ("log.level", "log.level"), ("", "unknown key")] {
        let error = Config::load(Sources { flags: vec![flag.into()], ..base.clone() }).unwrap_err();
        let said = format!("{error} {}", error.next_step());
        assert!(said.contains(part), "{flag}: {said}");
    }
}

#[test]
fn a_reload_takes_what_may_change_and_names_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config::load(sources(directory.path(), GOOD)).unwrap();
    let changed = "[log]\nlevel = \"debug\"\n[limits]\nconnections = 5\ndrain = \"1s\"\n";
    std::fs::write(&config.sources.file, format!("{GOOD}{changed}")).unwrap();
    let (fresh, kept) = config.reloaded().unwrap();
    assert_eq!(fresh.settings.log.level, LogLevel::Debug);
    assert_eq!((fresh.settings.limits.drain.as_ms(), fresh.settings.limits.connections), (1_000, 1_024));
    assert_eq!(kept, ["limits.connections"]);
    std::fs::write(&config.sources.file, "[").unwrap();
    assert!(fresh.reloaded().is_err());
}

#[test]
fn the_printed_defaults_are_a_configuration() {
    let text = defaults_text();
    let parsed: Settings = toml::from_str(&text).unwrap();
    assert_eq!(parsed, Settings::default());
    assert!(Kind::Daemon.schema_text().contains("trust_domain"));
}

#[test]
fn how_old_groups_may_be() {
    let ages = |text: &str| load(&format!("{GOOD}{text}")).map(|config| config.settings.issuer.claims_age);
    let span = |text: &str| text.parse().unwrap();
    assert_eq!(ages("").unwrap(), ClaimsAge { tier_0: None, tier_1: None, tier_2: span("1h") });
    let some = ages("[issuer.claims_age]\ntier_0 = \"7d\"\ntier_2 = \"1m\"\n").unwrap();
    assert_eq!(some, ClaimsAge { tier_0: Some(span("7d")), tier_1: None, tier_2: span("1m") });
    for (bad, part) in [
        ("tier_2 = \"59s\"", "issuer.claims_age.tier_2"),
        ("tier_1 = \"8d\"", "issuer.claims_age.tier_1"),
        ("tier_0 = \"0s\"", "issuer.claims_age.tier_0"),
        ("tier_2 = \"never\"", "`never`"),
        ("tier_3 = \"1h\"", "tier_3"),
    ] {
        let error = ages(&format!("[issuer.claims_age]\n{bad}\n")).unwrap_err();
        let said = format!("{error} {}", error.next_step());
        assert!(said.contains(part), "{bad}: {said}");
    }
}

#[test]
fn issuers_that_are_trusted() {
    let good = "url = \"https://id.example\"\naudience = \"scalbotics\"\n";
    let tenants = "[issuer.trusted.tenants]\nt-1 = \"acme\"\n";
    let parsed =
        load(&format!("{GOOD}[[issuer.trusted]]\n{good}{tenants}[issuer.trusted.groups]\n\"a b\" = \"admins\"\n")).unwrap();
    let issuer = &parsed.trusted[0];
    assert_eq!((issuer.url.as_str(), issuer.claims.tenant.as_str()), ("https://id.example", "tenant"));
    assert_eq!((issuer.tenants["t-1"].as_str(), issuer.groups["a b"].as_str(), issuer.algorithms.len()), ("acme", "admins", 9));
    for (what, bad, part) in [
        ("http", good.replace("https", "http"), "https"),
        ("a query", good.replace("id.example", "id.example?x"), "query"),
        ("no audience", good.replace("scalbotics", ""), "audience"),
        ("an algorithm", format!("{good}algorithms = [\"HS256\"]\n"), "HS256"),
        ("no algorithm", format!("{good}algorithms = [\"none\"]\n"), "none"),
        ("a claim without a name", format!("{good}claims = {{ groups = \"\" }}\n"), "empty"),
        ("another key", format!("{good}keys = \"x\"\n"), "keys"),
    ] {
        let error = load(&format!("{GOOD}[[issuer.trusted]]\n{bad}{tenants}")).unwrap_err().to_string();
        assert!(error.contains(part), "{what}: {error}");
    }
    for (what, text, part) in [
        ("no tenants", format!("[[issuer.trusted]]\n{good}[issuer.trusted.tenants]\n"), "no tenant"),
        ("the tenant of nobody", format!("[[issuer.trusted]]\n{good}{}", tenants.replace("acme", "system")), "nobody is in"),
        ("twice", format!("[[issuer.trusted]]\n{good}{tenants}[[issuer.trusted]]\n{good}{tenants}"), "twice"),
    ] {
        let error = load(&format!("{GOOD}{text}")).unwrap_err().to_string();
        assert!(error.contains(part), "{what}: {error}");
    }
    let directory = tempfile::tempdir().unwrap();
    let mut flagged = sources(directory.path(), GOOD);
    flagged.flags =
        vec!["issuer.trusted=[{ url = \"https://id.example\", audience = \"x\", tenants = { a = \"acme\" } }]".to_owned()];
    assert_eq!(Config::load(flagged.clone()).unwrap().trusted.len(), 1);
    for bad in ["issuer.trusted=x", "issuer.trusted=[]\nlog = 1", "issuer.trusted=[{}]"] {
        flagged.flags = vec![bad.to_owned()];
        assert!(Config::load(flagged.clone()).is_err(), "{bad}");
    }
}
