//! A failpoint before and after every commit and every effect; each declared name is used, each used name is declared.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::source::Source;
use super::tokens::{self, Token};
use super::tree::Tree;

/// Where the names are declared, in `NAMES`.
const DECLARED_IN: &str = "crates/core/src/failpoint.rs";

/// Members with commits.
const COMMITTING: &[&str] = &["crates/store"];

/// Members that send effects.
const SENDING: &[&str] = &["crates/runtime"];

/// How receivers of effect-sending calls are named: `tool_runner`, `model_provider`.
const EFFECT_PORTS: &[(&str, &str)] =
    &[("runner", "run"), ("runner", "verify"), ("provider", "complete"), ("provider", "stream")];

/// Where there is this file there are sites of that kind: finding none means that the rule has gone blind.
const SEEN_WITH: &[(&str, &str, Sites)] = &[
    ("crates/core/src/ports/tool_runner.rs", "crates/runtime", effect),
    ("crates/core/src/ports/task_log.rs", "crates/store", commit),
];

/// The first site of a kind among the tokens of a file.
type Sites = fn(&[Token]) -> Option<usize>;

/// Names without a use, uses without a name, sites without a pair.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut unused = declared(tree);
    let declared: Vec<String> = unused.keys().cloned().collect();
    for source in tree.sources.iter().filter(|source| source.path != DECLARED_IN) {
        let tokens = source.production_tokens();
        let used = uses(&tokens);
        for (name, line) in &used {
            unused.remove(name);
            if !declared.contains(name) {
                let message = format!("failpoint `{name}` is not declared in {DECLARED_IN}");
                findings.push(Finding::failure(&source.path, *line, message));
            }
        }
        findings.extend(bare_site(source, &tokens, &used));
    }
    findings.extend(blind_spots(tree));
    let never = unused.into_iter();
    findings
        .extend(never.map(|(name, line)| {
            Finding::failure(DECLARED_IN, line, format!("failpoint `{name}` is declared and never reached"))
        }));
    findings
}

/// Members that must have sites and show none.
fn blind_spots(tree: &Tree) -> Vec<Finding> {
    let blind = SEEN_WITH.iter().filter(|(reason, member, sites)| {
        let mut sources = tree.sources.iter().filter(|source| source.member() == *member);
        tree.text(reason).is_some() && !sources.any(|source| sites(&source.production_tokens()).is_some())
    });
    blind
        .map(|(_, member, _)| {
            let message = "no commit or effect was seen here: name the receiver as the rule expects it, or teach the rule";
            Finding::failure(member, 0, message)
        })
        .collect()
}

/// The strings of `NAMES`, with their lines.
fn declared(tree: &Tree) -> BTreeMap<String, usize> {
    let Some(source) = tree.sources.iter().find(|source| source.path == DECLARED_IN) else {
        return BTreeMap::new();
    };
    let tokens = source.production_tokens();
    let Some(at) = tokens::find_all(&tokens, &["const", "NAMES"]).first().copied() else {
        return BTreeMap::new();
    };
    let end = tokens.iter().skip(at).position(|token| token.text == ";").unwrap_or(0);
    let list = tokens.get(at..at + end).unwrap_or_default();
    list.iter().filter_map(|token| Some((token.string.clone()?, token.line))).collect()
}

/// `failpoint!("name")`, with lines.
fn uses(tokens: &[Token]) -> Vec<(String, usize)> {
    let calls = tokens::find_all(tokens, &["failpoint", "!", "("]);
    calls.into_iter().filter_map(|at| tokens.get(at + 3)).filter_map(|token| Some((token.string.clone()?, token.line))).collect()
}

/// The first commit or effect of a file that lacks a failpoint before or after.
fn bare_site(source: &Source, tokens: &[Token], used: &[(String, usize)]) -> Option<Finding> {
    let member = source.member();
    let site = if COMMITTING.contains(&member) {
        commit(tokens)
    } else if SENDING.contains(&member) {
        effect(tokens)
    } else {
        None
    };
    let line = site?;
    let has = |word: &str| used.iter().any(|(name, _)| name.split(['.', '_', '-', '/']).any(|part| part == word));
    let lacking = match (has("before"), has("after")) {
        (true, true) => return None,
        (true, false) => "after",
        (false, true) => "before",
        (false, false) => "before and after",
    };
    let message =
        format!("a commit or effect without a failpoint {lacking} it: `failpoint!(\"….before\")`, `failpoint!(\"….after\")`");
    Some(Finding::failure(&source.path, line, message))
}

/// A transaction's `.commit()`, or the statement as text.
fn commit(tokens: &[Token]) -> Option<usize> {
    let call = tokens::find_all(tokens, &[".", "commit", "(", ")"]).first().copied();
    let line = call.and_then(|at| tokens.get(at)).map(|token| token.line);
    let is_statement = |token: &&Token| {
        let text = token.string.as_deref().unwrap_or_default();
        text.trim().trim_end_matches(';').eq_ignore_ascii_case("commit")
    };
    line.or_else(|| tokens.iter().find(is_statement).map(|token| token.line))
}

/// A call that hands over a warrant, or a call of a port's sending method.
fn effect(tokens: &[Token]) -> Option<usize> {
    tokens.iter().enumerate().find_map(|(at, token)| {
        let method = tokens.get(at + 1)?;
        if token.text != "." || tokens.get(at + 2)?.text != "(" {
            return None;
        }
        let receiver = at.checked_sub(1).and_then(|before| tokens.get(before))?;
        let sends = |(ending, name): &(&str, &str)| receiver.text.ends_with(ending) && method.text == *name;
        EFFECT_PORTS.iter().any(sends).then_some(token.line)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::{DECLARED_IN, check};

    const NAMES: &str = "pub const NAMES: &[&str] = &[\"log.commit.before\", \"log.commit.after\"];\nconst OTHER: &str = \"x\";";
    const BEFORE: &str = "failpoint!(\"log.commit.before\");";
    const AFTER: &str = "failpoint!(\"log.commit.after\");";

    fn found(path: &str, body: &str) -> Vec<String> {
        let text = format!("fn f() {{ {body} }}");
        let tree = tree(&[(DECLARED_IN, NAMES), (path, text.as_str())]);
        check(&tree).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn sites_have_their_pair() {
        let store = "crates/store/src/log.rs";
        let runtime = "crates/runtime/src/gate.rs";
        let cases = [
            (store, format!("{BEFORE} tx.commit(); {AFTER}"), 0),
            (store, format!("{BEFORE} c.execute_batch(\"COMMIT;\"); {AFTER}"), 0),
            (runtime, format!("{BEFORE} self.tool_runner.run(w); {AFTER}"), 0),
            (runtime, format!("{BEFORE} {AFTER} looper.run(w);"), 0),
        ];
        for (path, body, wanted) in cases {
            assert_eq!(found(path, &body).len(), wanted, "{body}");
        }
        let bare = [
            (store, format!("{BEFORE} tx.commit();"), 2),
            (store, "tx.commit();".to_owned(), 3),
            (store, "c.execute_batch(\"commit\");".to_owned(), 3),
            (runtime, format!("self.tool_runner.run(w); {AFTER}"), 2),
        ];
        for (path, body, wanted) in bare {
            assert_eq!(found(path, &body).len(), wanted, "{body}");
        }
    }

    #[test]
    fn names_are_declared_and_reached() {
        assert_eq!(found("crates/cli/src/a.rs", &format!("{BEFORE} {AFTER}")).len(), 0);
        assert_eq!(found("crates/cli/src/a.rs", BEFORE).len(), 1);
        assert_eq!(found("crates/cli/src/a.rs", &format!("{BEFORE} {AFTER} failpoint!(\"new\");")).len(), 1);
    }

    #[test]
    fn a_member_without_sites_makes_the_rule_say_that_it_is_blind() {
        let port = ("crates/core/src/ports/tool_runner.rs", "trait ToolRunner {}");
        let hidden = ("crates/runtime/src/gate.rs", "fn f() { hand.run(w); }");
        let seen = format!("fn f() {{ {BEFORE} {AFTER} tool_runner.run(w); }}");
        let names = (DECLARED_IN, NAMES);
        assert_eq!(check(&tree(&[port, hidden])).len(), 1);
        assert_eq!(check(&tree(&[names, port, ("crates/runtime/src/gate.rs", &seen)])).len(), 0);
    }

    #[test]
    fn a_failpoint_only_in_tests_does_not_count() {
        let text = format!("#[cfg(test)]\nmod tests {{\n fn f() {{ {BEFORE} {AFTER} }}\n}}\n");
        let tree = tree(&[(DECLARED_IN, NAMES), ("crates/cli/src/a.rs", text.as_str())]);
        assert_eq!(check(&tree).len(), 2);
    }
}
