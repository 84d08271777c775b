//! Mounts that reach into what belongs to the daemon.

use super::finding::Finding;
use super::{FindingKind, Snapshot};

impl Snapshot {
    /// Findings for mounts that overlap `hidden` paths (data, keys), or that may write into `read_only` ones (the repository
    /// of desired state: an agent that writes there could widen its own rights, security row 20).
    ///
    /// The paths are absolute and resolved; the comparison is by text, so that whoever opens a mount still has to compare what
    /// it resolved to.
    #[must_use]
    pub fn find_overlaps(&self, hidden: &[&str], read_only: &[&str]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for agent in self.agents.values() {
            for mount in &agent.mounts {
                let hits = |paths: &[&str]| paths.iter().any(|path| overlap(&mount.path, path));
                if hits(hidden) || (mount.write && hits(read_only)) {
                    let file = format!("agents/{}.yaml", agent.name);
                    let why = "it overlaps a directory of the daemon, which holds keys, records or the agents' own rights";
                    let what = format!("mount `{}` is refused", mount.name);
                    findings.push(Finding::new(&file, FindingKind::Value, what, why, "mount a directory beside the daemon's"));
                }
            }
        }
        findings
    }
}

/// Whether one path is the other, or above or below it.
fn overlap(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim_end_matches('/'), other.trim_end_matches('/'));
    let above = |above: &str, below: &str| below.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    above(one, other) || above(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps() {
        for (one, other, expected) in [
            ("/srv/a", "/srv/a", true),
            ("/srv/a/", "/srv/a", true),
            ("/srv", "/srv/a", true),
            ("/srv/a/b", "/srv/a", true),
            ("/srv/ab", "/srv/a", false),
            ("/srv/b", "/srv/a", false),
            ("/srv/b", "/", true),
        ] {
            assert_eq!(overlap(one, other), expected, "{one} {other}");
            assert_eq!(overlap(other, one), expected, "{other} {one}");
        }
    }
}
