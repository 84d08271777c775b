//! Reads through every layer of the daemon, beside a bare echo in tonic: calls of a second on one processor each.

use anyhow::Result;

use super::cores;
use super::figure::{Bound, Figure, Samples, number};
use super::place::{ONE_READ, Place};
use super::probe::{self, Slice};
use super::serving::{Daemon, Under};

/// Calls of a second of a task's read as a share of the echo's, and what each of them was.
pub(super) fn chain(place: &Place, rounds: usize) -> Result<(Figure, Vec<String>)> {
    let [server, client] = cores::two()?;
    let daemon = cores::on(server, || Daemon::start(place, Under::Nothing))?;
    let refused = daemon.metric("scalbotics_rpc_limited_total")?;
    let measured = probe::reads(place, ONE_READ, [server, client], rounds)?;
    let refused = daemon.metric("scalbotics_rpc_limited_total")? - refused;
    daemon.stop()?;
    let [echo, get_task, who_am_i] = [&measured.echo, &measured.get_task, &measured.who_am_i].map(|slices| Rate::of(slices));
    let share = |rate: &Rate| 100.0 * rate.calls / echo.calls;
    let what = format!("calls of a second that read a task, as a share of a bare echo's, p50 of {rounds} each");
    let notes = vec![
        format!(
            "reads: echo {:.0} a second, GetTask {:.0}, WhoAmI {:.0} ({:.1} %); limits refused {refused:.0}",
            echo.calls,
            get_task.calls,
            who_am_i.calls,
            share(&who_am_i)
        ),
        format!(
            "reads: the client computed {:.0} % of the echo's time, {:.0} % of GetTask's, {:.0} % of WhoAmI's",
            echo.client_percent, get_task.client_percent, who_am_i.client_percent
        ),
    ];
    let limit = Bound::Least(15.0);
    Ok((Figure { id: "chain-reads", what, measured: share(&get_task), unit: "%", limit, goal: Some(30.0) }, notes))
}

/// What slices say of one kind of call.
struct Rate {
    calls: f64,
    client_percent: f64,
}

impl Rate {
    fn of(slices: &[Slice]) -> Self {
        let middle = |of: &dyn Fn(&Slice) -> u64| Samples::of(slices.iter().map(of).collect()).p50_ms() * 1_000.0;
        let by_second = |slice: &Slice| slice.calls.saturating_mul(1_000_000) / slice.wall_us.max(1);
        let (client, wall) = slices.iter().fold((0, 0), |(client, wall), slice| (client + slice.client_us, wall + slice.wall_us));
        Self { calls: middle(&by_second), client_percent: 100.0 * number(client) / number(wall.max(1)) }
    }
}
