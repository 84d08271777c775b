//! The machine: ports, and what the sandbox needs of the kernel.

use std::net::SocketAddr;

use scalbotics_adapters::tool::process::try_out;
use tokio::net::TcpListener;

use super::finding::Finding;
use super::run::Patient;
use crate::clock_mark::Mark;

/// The directory of the sandbox's trial, below the data directory.
const TRIAL: &str = "doctor";

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let server = &patient.config.settings.server;
    vec![
        clock(patient),
        port(patient, "API address", "server.listen", server.listen).await,
        port(patient, "admin address", "server.admin_listen", server.admin_listen).await,
        sandbox(patient).await,
    ]
}

/// The wall clock, as the daemon that runs sees it, or as one that starts would.
fn clock(patient: &Patient<'_>) -> Finding {
    const CHECK: &str = "clock";
    let Some(mark) = Mark::load(&patient.config.data_dir) else {
        return Finding::ok(CHECK, "no daemon has compared it with anything yet");
    };
    match mark.alarm(patient.is_served) {
        None => Finding::ok(CHECK, "it goes as the boot clock does, or was not looked at for less than an hour"),
        Some(alarm) => {
            let next = "set the clock of this host; where it is right, `admin clock accept` on this host says so";
            Finding::fail(CHECK, format!("{alarm}: nothing is issued and nobody is judged by it"), next)
        }
    }
}

async fn port(patient: &Patient<'_>, check: &'static str, key: &str, address: SocketAddr) -> Finding {
    if patient.is_served {
        return Finding::ok(check, format!("{address}, held by the daemon that runs"));
    }
    match TcpListener::bind(address).await {
        Ok(_) => Finding::ok(check, format!("{address} is free")),
        Err(error) => {
            let next = format!("stop what listens there, or set another {key} in the configuration");
            Finding::fail(check, format!("{address} cannot be had: {error}"), next)
        }
    }
}

/// Runs a program that does nothing as a tool would be run.
async fn sandbox(patient: &Patient<'_>) -> Finding {
    const CHECK: &str = "sandbox";
    let data = &patient.config.data_dir;
    let dir = if data.is_dir() { data.join(TRIAL) } else { std::env::temp_dir().join(format!("scalbotics-{TRIAL}")) };
    let tried = try_out("/proc/self/exe".into(), &dir).await;
    let _left = std::fs::remove_dir_all(&dir);
    match tried {
        Ok(()) => Finding::ok(CHECK, "user namespaces, Landlock and seccomp confine a program"),
        Err(refusal) => {
            Finding::fail(CHECK, format!("own tools cannot run: could not {}: {}", refusal.attempt, refusal.reason), refusal.next)
        }
    }
}
