//! The machine that was measured on.

use super::place::Place;

/// Load above which figures are not to be trusted: others compute beside the measurement.
const LOAD_MAX: f64 = 0.7;

/// The load average of the last minute, as the kernel prints it.
pub(super) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Processor, kernel, disk, and load before and after.
pub(super) fn describe(place: &Place, [before, after]: [String; 2]) -> Vec<String> {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> = cpus.lines().filter_map(|line| line.strip_prefix("model name")).collect();
    let model = models.first().map_or("unknown processor", |model| model.trim_start_matches(['\t', ':', ' ']));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.trim();
    let disk = file_system(&place.path("").to_string_lossy(), &std::fs::read_to_string("/proc/mounts").unwrap_or_default());
    let noisy =
        if before.parse().is_ok_and(|load: f64| load > LOAD_MAX) { "; others computed beside it: not to judge by" } else { "" };
    vec![
        format!("machine: {} x {model}, Linux {kernel}, {disk}", models.len()),
        format!("load: {before} before, {after} after, itself included{noisy}"),
    ]
}

/// The file system of a path by the table of mounts.
fn file_system(path: &str, mounts: &str) -> String {
    let fields = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.next()?, words.next()?, words.next()?))
    });
    let is_inside = |at: &str| path.strip_prefix(at).is_some_and(|rest| at.ends_with('/') || rest.starts_with('/'));
    let inside = fields.filter(|(_, at, _)| is_inside(at));
    inside
        .max_by_key(|(_, at, _)| at.len())
        .map_or_else(|| "unknown disk".to_owned(), |(device, _, kind)| format!("{kind} on {device}"))
}

#[cfg(test)]
mod tests {
    use super::file_system;

    #[test]
    fn the_longest_mount_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\n/dev/b /home xfs rw 0 0\n";
        for (path, wanted) in [("/home/ann", "xfs on /dev/b"), ("/homeless", "ext4 on /dev/a"), ("relative", "unknown disk")] {
            assert_eq!(file_system(path, mounts), wanted, "{path}");
        }
    }
}
