//! The limit on open files: each connection is one, and so are databases, tools and git.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files beside connections: databases, payloads, pipes of 256 tools at one time.
const OTHERS: u64 = 1_536;

/// Raises the soft limit of this process to what `connections`, the `local` files of the Workload API and everything else need, as far as the hard
/// limit allows; says so in the log where that is not enough.
pub(crate) fn raise(connections: u32, local: u64) {
    let wanted = u64::from(connections).saturating_add(local).saturating_add(OTHERS);
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current.filter(|current| *current < wanted) else { return };
    let most = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum });
    let now = if raised.is_ok() { most } else { current };
    if now < wanted {
        tracing::warn!(now, wanted, "few files may be open: raise LimitNOFILE of the service, or lower limits.connections");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_rises_and_never_falls() {
        let before = getrlimit(Resource::Nofile).current;
        raise(0, 7);
        let after = getrlimit(Resource::Nofile);
        assert!(after.current >= before || after.current.is_none());
        assert!(after.current.is_none_or(|now| now >= OTHERS + 7 || Some(now) == after.maximum));
    }
}
