//! Tells systemd how the daemon is (sd_notify(3)), over the socket that it names.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::config;

/// It serves.
pub const READY: &str = "READY=1";

/// It ends.
pub const STOPPING: &str = "STOPPING=1";

/// Sends `state`; without a socket nothing happens, for then nobody asked.
pub fn notify(state: &str) {
    if let Some(socket) = config::notify_socket()
        && let Err(error) = send(&socket, state)
    {
        tracing::warn!(%error, "systemd could not be told");
    }
}

/// The state of a reload that begins, with the clock that systemd compares (`Type=notify-reload`).
#[must_use]
pub fn reloading() -> String {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let us = time.tv_sec.saturating_mul(1_000_000).saturating_add(time.tv_nsec / 1_000);
    format!("RELOADING=1\nMONOTONIC_USEC={us}")
}

fn send(socket: &str, state: &str) -> std::io::Result<()> {
    let address = match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_arrives_by_path_and_by_abstract_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let name = format!("scalbotics-test-{}", std::process::id());
        let by_path = UnixDatagram::bind(&path).unwrap();
        let by_name = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        for (socket, given) in [(by_path, path.to_str().unwrap().to_owned()), (by_name, format!("@{name}"))] {
            send(&given, READY).unwrap();
            let mut buffer = [0; 64];
            let len = socket.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..len], READY.as_bytes());
        }
        assert!(send("/nowhere/at/all", READY).is_err());
        assert!(reloading().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    }
}
