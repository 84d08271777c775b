//! Which bundles are refused, where the finding points to, and what none of them may do: end the process.

use std::collections::BTreeSet;

use scalbotics_core::desired::{Finding, PolicyFile};
use scalbotics_core::policy::Verdict;
use serde_json::json;

use super::super::Engine;
use super::super::compile::{ID_LEN_MAX, IFS_MAX, NESTING_MAX, OPERATORS_MAX, POLICIES_MAX, TEXT_LEN_MAX, TOKENS_MAX};
use super::super::schema::{INNER_ACTIONS, RPC_ACTIONS, build};
use crate::policy::fixture::{agent, call, file, tool, tools};

const ALL: &str = "permit (principal, action, resource);\n";

fn refused(files: &[PolicyFile]) -> Vec<Finding> {
    match Engine::compile(files, &tools()) {
        Ok(engine) => panic!("{engine:?} was compiled"),
        Err(findings) => findings,
    }
}

/// One file is refused at a line, with a part of what is said.
fn check(text: &str, line: Option<u64>, what: &str) {
    let findings = refused(&[file("policies/x.cedar", text)]);
    let shown: String = text.chars().take(120).collect();
    let fits = |finding: &Finding| finding.line == line && finding.what.contains(what);
    assert!(findings.iter().any(fits), "{shown}: {findings:#?}");
    for finding in &findings {
        assert!(!finding.why.is_empty() && !finding.next.is_empty(), "{finding:?}");
    }
}

#[test]
fn what_is_refused_and_where() {
    let long = format!("@id(\"{}\")\n{ALL}", "a".repeat(ID_LEN_MAX + 1));
    let rows: [(&str, u64, &str); 20] = [
        ("permit (principal, action, resource)", 1, "unexpected end of input"),
        ("\n\npermit (principal, actin, resource);", 3, "invalid variable"),
        ("\nallow (principal, action, resource);", 2, "allow"),
        ("permit (principal == ?principal, action, resource);", 1, "template"),
        ("\npermit (principal, action == Action::\"task.run\", resource);", 2, "task.run"),
        ("permit (principal, action, resource)\nwhen { principal.nam == \"x\" };", 2, "nam"),
        ("permit (principal, action == Action::\"tool/pay\", resource)\nwhen { context.args.usd > 1 };", 2, "usd"),
        ("permit (principal, action == Action::\"tool/pay\", resource)\nwhen {\ncontext.args.eur > \"1\" };", 3, "type"),
        ("permit (principal, action == Action::\"tool/pay\", resource)\nwhen { context.args.to == \"bob\" };", 2, "optional"),
        ("permit (principal, action in Action::\"tool.call\", resource)\nwhen { context.args.eur > 1 };", 2, "eur"),
        ("permit (principal, action == Action::\"tool/pay\", resource == Agent::\"x\");", 1, "unable to find"),
        ("permit (principal is Tool, action, resource);", 1, "unable to find"),
        ("permit (principal, action, resource) when { principal is Tool };", 1, "impossible"),
        ("permit (principal, action, resource)\nwhen { Group::\"a\" in Tenant::\"acme\" };", 2, "entity"),
        ("permit (principal in User::\"x\", action, resource);", 1, "User"),
        ("permit (principal in Group::\"\u{202e}x\", action, resource);", 1, "BIDI"),
        ("permit (principal in Group::\"\u{430}dmins\", action, resource);", 1, "mixed script"),
        ("@id(\"\")\npermit (principal, action, resource);", 1, "1 to 128 bytes"),
        ("@id(\"a\\nb\")\npermit (principal, action, resource);", 1, "control"),
        (&long, 1, "1 to 128 bytes"),
    ];
    for (text, line, what) in rows {
        check(text, Some(line), what);
    }
}

#[test]
fn s3_2_a_rule_that_reaches_two_steps_is_refused() {
    check(
        &format!("{ALL}forbid (principal, action, resource)\nwhen {{ principal.tenant in Tenant::\"acme\" }};"),
        Some(3),
        "level",
    );
    let one = format!("{ALL}forbid (principal, action, resource)\nwhen {{ principal.tenant == Tenant::\"acme\" }};");
    assert!(Engine::compile(&[file("policies/x.cedar", &one)], &tools()).is_ok());
}

#[test]
fn ids_and_places() {
    let first = "// a comment\n\npermit (principal, action, resource);\n@id(\"named\")\npermit (\n  principal,\n  action,\n  resource\n);\n";
    let second = "permit (principal is Agent, action, resource);";
    let engine = Engine::compile(&[file("policies/b.cedar", second), file("policies/a.cedar", first)], &tools()).unwrap();
    let answer = engine.answer(&call(agent(1, "clerk", &[]), "pay", json!({"eur": 1})));
    let rules: Vec<(&str, &str)> = answer.deciding.iter().map(|d| (d.policy.as_str(), d.place.as_str())).collect();
    assert_eq!(
        rules,
        [
            ("policies/a.cedar#1", "policies/a.cedar:3"),
            ("named", "policies/a.cedar:4"),
            ("policies/b.cedar#1", "policies/b.cedar:1"),
        ]
    );
}

#[test]
fn ids_and_paths_are_unique() {
    let twice = format!("@id(\"a\")\n{ALL}");
    let findings = refused(&[file("policies/a.cedar", &twice), file("policies/b.cedar", &twice)]);
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].file.as_str(), findings[0].line), ("policies/b.cedar", Some(1)));
    assert!(findings[0].what.contains("policies/a.cedar:1"), "{findings:?}");
    // An id that is another's number.
    let stolen = format!("@id(\"policies/a.cedar#1\")\n{ALL}");
    assert_eq!(refused(&[file("policies/a.cedar", ALL), file("policies/b.cedar", &stolen)]).len(), 1);
    assert_eq!(refused(&[file("policies/a.cedar", ALL), file("policies/a.cedar", "")]).len(), 1);
}

#[test]
fn every_finding_of_every_file_is_told_at_once() {
    let bad = "permit (principal, action, resource) when { principal.nam == \"x\" };";
    let findings = refused(&[file("policies/a.cedar", bad), file("policies/b.cedar", ALL), file("policies/c.cedar", bad)]);
    let files: BTreeSet<&str> = findings.iter().map(|finding| finding.file.as_str()).collect();
    assert_eq!(files.into_iter().collect::<Vec<_>>(), ["policies/a.cedar", "policies/c.cedar"]);
}

#[test]
fn limits() {
    let comment = |len: usize| file("policies/a.cedar", &format!("//{}", " ".repeat(len - 2)));
    assert!(Engine::compile(&[comment(TEXT_LEN_MAX)], &tools()).is_ok());
    assert!(refused(&[comment(TEXT_LEN_MAX), file("policies/b.cedar", "\n")])[0].what.contains("1048577 bytes"));
    let many = |number: usize| file("policies/a.cedar", &"permit(principal,action,resource);".repeat(number));
    assert!(Engine::compile(&[many(POLICIES_MAX)], &tools()).is_ok());
    assert!(refused(&[many(POLICIES_MAX + 1)])[0].what.contains("2001 policies"));
}

/// The deepest and longest rules that the limits let through are read or refused, on a test thread's 2 MiB of stack.
#[test]
fn no_text_within_the_limits_exhausts_the_stack() {
    let long = OPERATORS_MAX - 4;
    let conditions = [
        format!("{}true{}", "(".repeat(NESTING_MAX - 1), ")".repeat(NESTING_MAX - 1)),
        format!("true{}", " && true".repeat(long)),
        format!("false{}", " || principal is Human".repeat(long / 2)),
        format!("resource.tier{} > 0", " + 1".repeat(long)),
        format!("resource.tier{} > 0", " * 1".repeat(long)),
        format!("principal has name{}", ".name".repeat(long)),
        format!("{}true", "if principal is Human then true else ".repeat(IFS_MAX)),
        format!("{}true{}", "if ".repeat(IFS_MAX), " then true else false".repeat(IFS_MAX)),
        format!("principal.name{}", ".contains(1)".repeat(long)),
        format!("[\"a\"{}].contains(principal.name)", ", \"a\"".repeat(TOKENS_MAX / 2 - 20)),
    ];
    for condition in &conditions {
        let text = format!("permit (principal, action == Action::\"tool/pay\", resource) when {{ {condition} }};");
        let shown: String = condition.chars().take(60).collect();
        if let Ok(engine) = Engine::compile(&[file("policies/a.cedar", &text)], &tools()) {
            let answer = engine.answer(&call(agent(1, "clerk", &[]), "pay", json!({"eur": 1})));
            assert!(answer.verdict == Verdict::Allow || answer.deciding.is_empty(), "{shown}: {answer:?}");
        }
    }
}

/// Cedar's type checker lets pass what is too deep for its stack; within the limits nothing is.
#[test]
fn the_deepest_rule_is_still_type_checked() {
    for step in [".name", "[\"name\"]", " + 1", ".contains(1)"] {
        let chain = step.repeat(OPERATORS_MAX - 4);
        let scope = "principal, action == Action::\"tool/pay\", resource";
        let text = format!("permit ({scope}) when {{ principal.name{chain} == 1 }};");
        assert!(!refused(&[file("policies/a.cedar", &text)]).is_empty(), "{step}");
    }
}

#[test]
fn hostile_texts_are_refused_by_shape() {
    let rows = [
        "(".repeat(100_000),
        "permit (principal, action, resource) when { ".to_owned() + &"[".repeat(100_000),
        "permit (principal, action, resource) when { ".to_owned() + &"!".repeat(100_000),
        "permit (principal, action, resource) when { a".to_owned() + &".a".repeat(100_000),
        "permit (principal, action, resource) ".to_owned() + &"when { true } ".repeat(50_000),
        "@a(\"b\") ".repeat(50_000),
    ];
    for text in rows {
        check(&text, Some(1), "there are more than");
    }
    for text in ["\0", "\"", "permit\u{0}", "/*", "\u{feff}", "permit(principal,action,resource);}"] {
        assert!(!refused(&[file("policies/x.cedar", text)]).is_empty(), "{text:?}");
    }
}

#[test]
fn a_new_tool_digest_validates_the_bundle_again() {
    let rule = "permit (principal, action == Action::\"tool/pay\", resource) when { context.args.eur <= 100 };";
    let files = [file("policies/a.cedar", rule)];
    assert!(Engine::compile(&files, &tools()).is_ok());
    let mut changed = tools();
    let text = json!({"type": "object", "required": ["eur"], "properties": {"eur": {"type": "string"}}});
    let pay = tool("pay", 2, text);
    changed.insert(pay.id.clone(), pay);
    assert!(Engine::compile(&files, &changed).is_err(), "an argument of another type");
    let mut gone = tools();
    gone.retain(|id, _| id.as_str() != "pay");
    assert!(Engine::compile(&files, &gone).is_err(), "a tool that is no more");
}

#[test]
fn the_schema_has_exactly_the_actions_of_the_list() {
    let schema = build(&tools()).unwrap();
    let mut found: BTreeSet<(String, String)> = BTreeSet::new();
    for action in schema.actions() {
        let id = action.id().unescaped().to_owned();
        let Some(resources) = schema.resources_for_action(action) else { panic!("{id}") };
        let principals: BTreeSet<String> = schema.principals_for_action(action).unwrap().map(ToString::to_string).collect();
        for resource in resources {
            assert_eq!(principals.iter().map(String::as_str).collect::<Vec<_>>(), ["Agent", "Human", "Service"], "{id}");
            found.insert((id.clone(), resource.to_string()));
        }
    }
    let listed =
        RPC_ACTIONS.iter().chain(&INNER_ACTIONS).map(|(action, resource)| ((*action).to_owned(), (*resource).to_owned()));
    let own = tools();
    let listed = listed.chain(own.keys().map(|id| (format!("tool/{id}"), "Tool".to_owned())));
    assert_eq!(found, listed.collect());
    assert!(RPC_ACTIONS.is_sorted());
}

#[test]
fn the_digest_of_a_bundle_follows_paths_and_texts_but_not_their_order() {
    let digest = |files: &[PolicyFile]| Engine::compile(files, &tools()).unwrap().bundle();
    let (a, b) = (file("policies/a.cedar", ALL), file("policies/b.cedar", ""));
    assert_eq!(digest(&[a.clone(), b.clone()]), digest(&[b.clone(), a.clone()]));
    let others = [file("policies/a.cedar", &format!("{ALL}\n")), file("policies/c.cedar", ALL)];
    for other in others {
        assert_ne!(digest(&[a.clone(), b.clone()]), digest(&[other, b.clone()]));
    }
}
