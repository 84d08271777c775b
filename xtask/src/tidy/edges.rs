//! Which member may depend on which: the table of ARCHITECTURE.md, compared with `cargo metadata`.

use cargo_metadata::{DependencyKind, Metadata};

use super::finding::Finding;

/// Normal and build edges: member, then all it may depend on. Nothing else is allowed.
const ALLOWED: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("proto", &[]),
    ("verify", &[]),
    ("xtask", &[]),
    ("bench", &["proto", "core", "identity", "store"]),
    ("repo-review", &[]),
    ("adapters", &["core"]),
    ("identity", &["core"]),
    ("store", &["core"]),
    ("runtime", &["core"]),
    ("testkit", &["core", "runtime"]),
    ("sdk", &["proto", "core", "identity"]),
    ("cli", &["proto", "core", "sdk", "identity"]),
    ("daemon", &["proto", "adapters", "identity", "store", "runtime", "core"]),
];

/// Further edges of tests: what the tests of a member may see beside its own edges.
const ALLOWED_IN_TESTS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("proto", &[]),
    ("verify", &[]),
    ("xtask", &[]),
    ("repo-review", &[]),
    ("cli", &["testkit", "daemon"]),
    ("testkit", &["store"]),
];

/// Members that see only the holder's half of `identity`. `bench` serves an echo as the daemon serves, with an authority of its own.
const HOLDERS: &[&str] = &["cli", "sdk"];

/// Features that no shipped build has: one lets a test build die on purpose, one keeps no audit log, one repeats what it measures.
const NEVER_SHIPPED: &[&str] = &["failpoints", "null-log", "probe"];

/// Outside crates that a member must not see: SQL, TLS, HTTP, protobuf, I/O.
const BANNED_OUTSIDE: &[(&str, &[&str])] = &[
    ("core", &["tokio", "tokio-util", "rusqlite", "rustls", "hyper", "axum", "tonic", "prost", "reqwest", "gix", "rustix"]),
    ("runtime", &["rusqlite", "rustls", "tokio-rustls", "hyper", "axum", "tonic", "prost", "reqwest", "gix"]),
];

/// Outside crates that only some members may see; `bench` measures bare SQLite beside the daemon.
const ONLY_IN: &[(&str, &[&str])] =
    &[("rusqlite", &["store", "bench"]), ("rcgen", &["identity", "testkit"]), ("cedar-policy", &["adapters"])];

/// One dependency of a member.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    /// The member, without the project's prefix.
    pub(crate) from: String,
    /// What it depends on, without the project's prefix when it is ours.
    pub(crate) to: String,
    /// True when `to` is a member.
    pub(crate) ours: bool,
    /// True for dev-dependencies.
    pub(crate) in_tests: bool,
    /// Features asked for.
    pub(crate) features: Vec<String>,
}

/// All dependencies of all members.
pub(crate) fn edges(metadata: &Metadata) -> Vec<Edge> {
    let mut edges = Vec::new();
    for package in metadata.workspace_packages() {
        for dependency in &package.dependencies {
            edges.push(Edge {
                from: short(&package.name).to_owned(),
                to: short(&dependency.name).to_owned(),
                ours: dependency.path.is_some(),
                in_tests: dependency.kind == DependencyKind::Development,
                features: dependency.features.clone(),
            });
        }
    }
    edges
}

/// Every member, without the project's prefix, with its default features.
pub(crate) fn defaults(metadata: &Metadata) -> Vec<(String, Vec<String>)> {
    let packages = metadata.workspace_packages().into_iter();
    packages
        .map(|package| (short(&package.name).to_owned(), package.features.get("default").cloned().unwrap_or_default()))
        .collect()
}

/// Members whose default features hold one that no shipped build has.
pub(crate) fn check_defaults(defaults: &[(String, Vec<String>)]) -> Vec<Finding> {
    let has = |features: &[String], never: &str| features.iter().any(|feature| feature.contains(never));
    let careless = |(member, features): &(String, Vec<String>)| {
        let found = NEVER_SHIPPED.iter().find(|never| has(features, never))?;
        Some(Finding::failure(&manifest(member), 0, format!("`{found}` is a default feature: the shipped build has none")))
    };
    defaults.iter().filter_map(careless).collect()
}

fn short(name: &str) -> &str {
    name.strip_prefix("scalbotics-").unwrap_or(name)
}

/// Edges that the tables do not allow.
pub(crate) fn check(edges: &[Edge]) -> Vec<Finding> {
    edges.iter().filter_map(|edge| Some(Finding::failure(&manifest(&edge.from), 0, complaint(edge)?))).collect()
}

fn manifest(member: &str) -> String {
    match member {
        "xtask" => "xtask/Cargo.toml".to_owned(),
        "bench" => "benches/Cargo.toml".to_owned(),
        // Examples show what anyone can write, so they depend on nothing of ours.
        "repo-review" => format!("examples/{member}/Cargo.toml"),
        _ => format!("crates/{member}/Cargo.toml"),
    }
}

fn complaint(edge: &Edge) -> Option<String> {
    let Edge { from, to, .. } = edge;
    if !edge.ours {
        return complaint_about_outside(edge);
    }
    let Some(allowed) = row(ALLOWED, from) else {
        return Some(format!("member `{from}` has no row in the table of edges: add it here and in ARCHITECTURE.md"));
    };
    let always = edge.features.iter().find(|feature| NEVER_SHIPPED.contains(&feature.as_str()));
    if let Some(feature) = always.filter(|_| !edge.in_tests) {
        return Some(format!("`{from}` always switches `{feature}` of `{to}` on: the shipped build has none"));
    }
    let in_tests = row(ALLOWED_IN_TESTS, from).unwrap_or(&["testkit"]);
    let fine = allowed.contains(&to.as_str()) || (edge.in_tests && in_tests.contains(&to.as_str()));
    if !fine {
        return Some(format!("edge `{from} → {to}` is not in ARCHITECTURE.md's table"));
    }
    let widened = to == "identity" && edge.features.iter().any(|feature| feature == "authority");
    (widened && HOLDERS.contains(&from.as_str()) && !edge.in_tests)
        .then(|| format!("`{from}` takes the feature `authority` of identity: only the daemon holds keys of the CA"))
}

fn complaint_about_outside(edge: &Edge) -> Option<String> {
    let Edge { from, to, .. } = edge;
    if edge.in_tests {
        return None;
    }
    if row(BANNED_OUTSIDE, from).is_some_and(|banned| banned.contains(&to.as_str())) {
        return Some(format!("`{from}` must not see `{to}`: put it behind a port"));
    }
    let owners = row(ONLY_IN, to)?;
    (!owners.contains(&from.as_str())).then(|| format!("only `{}` may see `{to}`", owners.join("`, `")))
}

fn row(table: &'static [(&str, &[&str])], member: &str) -> Option<&'static [&'static str]> {
    table.iter().find(|(name, _)| *name == member).map(|(_, allowed)| *allowed)
}

#[cfg(test)]
mod tests {
    use super::{Edge, check, check_defaults};

    fn edge(from: &str, to: &str) -> Edge {
        Edge { from: from.to_owned(), to: to.to_owned(), ours: true, in_tests: false, features: Vec::new() }
    }

    #[test]
    fn only_edges_of_the_table_pass() {
        let outside = |edge: Edge| Edge { ours: false, ..edge };
        let dev = |edge: Edge| Edge { in_tests: true, ..edge };
        let authority = |edge: Edge| Edge { features: vec!["authority".to_owned()], ..edge };
        let failing = |edge: Edge| Edge { features: vec!["failpoints".to_owned()], ..edge };
        let cases = [
            (edge("daemon", "store"), 0),
            (edge("runtime", "store"), 1),
            (edge("core", "runtime"), 1),
            (edge("adapters", "store"), 1),
            (edge("newcomer", "core"), 1),
            (edge("repo-review", "core"), 1),
            (dev(edge("repo-review", "testkit")), 1),
            (edge("store", "testkit"), 1),
            (dev(edge("store", "testkit")), 0),
            (dev(edge("core", "testkit")), 1),
            (authority(edge("cli", "identity")), 1),
            (authority(edge("daemon", "identity")), 0),
            (failing(edge("daemon", "store")), 1),
            (failing(dev(edge("daemon", "store"))), 0),
            (outside(edge("runtime", "rusqlite")), 1),
            (outside(edge("daemon", "rusqlite")), 1),
            (outside(edge("store", "rusqlite")), 0),
            (outside(edge("bench", "rusqlite")), 0),
            (authority(edge("bench", "identity")), 0),
            (outside(edge("core", "tokio")), 1),
            (outside(edge("core", "serde")), 0),
        ];
        for (edge, wanted) in cases {
            assert_eq!(check(std::slice::from_ref(&edge)).len(), wanted, "{edge:?}");
        }
    }

    #[test]
    fn failpoints_are_never_a_default() {
        let cases = [("tls", 0), ("failpoints", 1), ("scalbotics-core/failpoints", 1)];
        for (feature, wanted) in cases {
            let defaults = [("daemon".to_owned(), vec![feature.to_owned()])];
            assert_eq!(check_defaults(&defaults).len(), wanted, "{feature}");
        }
    }
}
