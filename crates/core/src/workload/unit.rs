//! The systemd unit of a process, from the text of `/proc/PID/cgroup` (cgroups(7)).
//!
//! Everybody may make control groups below the one that was given to them, and call them as they like. So the first part of the path that is
//! a unit counts, not the last: what a user's own manager or a container makes stands below a unit of the system.

use super::selectors::is_unit;

/// Longest text that is looked at, in bytes: a line a hierarchy, each with a path of at most 4 KiB.
const TEXT_LEN_MAX: usize = 64 << 10;

/// Where systemd keeps its own tree beside older hierarchies.
const NAMED: &str = "name=systemd";

/// The system's unit that a process belongs to; `None` where it belongs to none.
#[must_use]
pub fn unit_of(text: &str) -> Option<&str> {
    if text.len() > TEXT_LEN_MAX {
        return None;
    }
    let path = |wanted: &str| {
        text.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            (controllers == wanted).then_some(path)
        })
    };
    // Where an older tree is mounted for systemd, the unified one says nothing, or the same.
    let path = path(NAMED).or_else(|| path(""))?;
    let inside = path.strip_prefix('/')?.split('/').find(|part| !is_slice(part))?;
    is_unit(inside).then_some(inside)
}

fn is_slice(part: &str) -> bool {
    part.strip_suffix(".slice").is_some_and(|stem| !stem.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_unit_below_slices_counts() {
        for (text, unit) in [
            ("0::/system.slice/worker.service\n", Some("worker.service")),
            ("0::/system.slice/system-worker.slice/worker@1.service/payload\n", Some("worker@1.service")),
            ("0::/system.slice/docker-abc.scope\n", Some("docker-abc.scope")),
            ("12:pids:/x\n1:name=systemd:/system.slice/worker.service\n0::/other.service\n", Some("worker.service")),
            ("0::/init.scope\n", Some("init.scope")),
            // What a user made below their own manager is not the system's.
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/worker.service\n", Some("user@1000.service")),
            ("0::/user.slice/user-1000.slice/session-2.scope/worker.service\n", Some("session-2.scope")),
            ("0::/kubepods/besteffort/worker.service\n", None),
            ("0::/system.slice/../worker.service\n", None),
            ("0::/../worker.service\n", None),
            ("0::/\n", None),
            ("0::\n", None),
            ("0::worker.service\n", None),
            ("1:cpu:/system.slice/worker.service\n", None),
            ("worker.service", None),
            ("", None),
        ] {
            assert_eq!(unit_of(text), unit, "{text:?}");
        }
        assert_eq!(unit_of(&"0::/a.service\n".repeat(10_000)), None);
    }
}
