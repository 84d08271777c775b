//! What the kernel says about a process.

use anyhow::{Context as _, Result};
use rustix::param::clock_ticks_per_second;

use super::figure::number;

/// Memory of a process, in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    /// Resident, whatever it is shared with.
    pub(super) rss: u64,
    /// The part that no file backs: heap and stacks.
    pub(super) anonymous: u64,
}

/// Memory of a process now.
pub(super) fn memory(pid: u32) -> Result<Memory> {
    parse_memory(&read(pid, "smaps_rollup")?)
}

fn parse_memory(text: &str) -> Result<Memory> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok());
        value.with_context(|| format!("the kernel does not tell `{name}`"))
    };
    Ok(Memory { rss: field("Rss:")?, anonymous: field("Anonymous:")? })
}

/// CPU time of a process and of its children that have ended and were waited for, in milliseconds.
pub(super) fn cpu_ms(pid: u32) -> Result<f64> {
    let ticks = parse_ticks(&read(pid, "stat")?).context("the kernel's words about the process are other ones")?;
    Ok(number(ticks) * 1_000.0 / number(clock_ticks_per_second()))
}

/// utime, stime, cutime and cstime of `/proc/PID/stat`, together.
fn parse_ticks(text: &str) -> Option<u64> {
    // The program's name may hold spaces; it ends at the last bracket. utime is the 14th field, the 12th behind it.
    let fields = text.rsplit_once(')')?.1;
    let ticks = fields.split_whitespace().skip(11).take(4).map(|field| field.parse::<u64>().ok());
    ticks.sum()
}

fn read(pid: u32, name: &str) -> Result<String> {
    std::fs::read_to_string(format!("/proc/{pid}/{name}")).with_context(|| format!("cannot read the kernel's `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::{Memory, cpu_ms, memory, parse_memory, parse_ticks};

    #[test]
    fn memory_in_kib() {
        let text = "55 - 7f ---p 00000000 00:00 0 [rollup]\nRss:     18432 kB\nPss:  17000 kB\nAnonymous:    9216 kB\n";
        assert_eq!(parse_memory(text).unwrap(), Memory { rss: 18_432, anonymous: 9_216 });
        assert!(parse_memory("Rss: 1 kB\n").is_err());
        assert!(memory(std::process::id()).unwrap().rss > 0);
    }

    #[test]
    fn ticks_of_the_process_and_its_children() {
        let text = "42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 100 20 3 4 20 0";
        assert_eq!(parse_ticks(text), Some(127));
        assert_eq!(parse_ticks("42 (a"), None);
        assert!(cpu_ms(std::process::id()).is_ok());
    }
}
