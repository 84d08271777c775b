//! Two processors of this machine: one for what is measured, and one for who measures.

use anyhow::{Context as _, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Two processors that this process may use.
pub(super) fn two() -> Result<[usize; 2]> {
    let allowed = sched_getaffinity(None).context("the kernel does not tell the processors")?;
    let mut usable = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    match (usable.next(), usable.next()) {
        (Some(first), Some(second)) => Ok([first, second]),
        _ => bail!("calls of a second by processor need two processors: one for the client"),
    }
}

/// Does something on this processor only; processes that begin meanwhile stay there.
pub(super) fn on<T>(core: usize, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let before = sched_getaffinity(None).context("the kernel does not tell the processors")?;
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).with_context(|| format!("cannot compute on processor {core}"))?;
    let done = work();
    sched_setaffinity(None, &before).context("cannot compute on all processors again")?;
    done
}

#[cfg(test)]
mod tests {
    use rustix::thread::sched_getaffinity;

    use super::{on, two};

    #[test]
    fn work_is_done_on_one_processor_and_then_on_all_again() {
        let before = sched_getaffinity(None).unwrap();
        let [_, second] = two().unwrap();
        let within = on(second, || Ok(sched_getaffinity(None)?)).unwrap();
        assert!(within.count() == 1 && within.is_set(second));
        assert!(sched_getaffinity(None).unwrap() == before);
    }
}
