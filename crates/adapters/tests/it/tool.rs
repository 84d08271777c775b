//! A tool that does what its arguments say, mostly what it should not.

use std::io::{Read, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::fs::{AtFlags, Mode};
use serde_json::{Value, json};

pub(crate) fn main(args: &[String]) -> ExitCode {
    let arg = |index: usize| args.get(index).map_or("", String::as_str);
    match arg(0) {
        "echo" => echo(args),
        "probe" => probe(arg(1), arg(2)),
        "network" => network(),
        "exit" => return ExitCode::from(arg(1).parse::<u8>().unwrap()),
        "flood" => flood(arg(1).parse().unwrap()),
        "forks" => forks(arg(1)),
        "hang" => hang(),
        "leave" => leave(arg(1), arg(2)),
        "linger" => linger(arg(2)),
        "memory" => memory(),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "grow" => grow(arg(1)),
        "files" => println!(
            "{}",
            std::iter::repeat_with(|| std::fs::File::open("/dev/null"))
                .take(5000)
                .take_while(Result::is_ok)
                .collect::<Vec<_>>()
                .len()
        ),
        other => panic!("no such behaviour: {other}"),
    }
    ExitCode::SUCCESS
}

fn echo(args: &[String]) {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let env = std::env::vars().collect::<std::collections::BTreeMap<_, _>>();
    let seen = json!({
        "args": args, "env": env, "input": input, "cwd": std::env::current_dir().unwrap(),
        "fds": std::fs::read_dir("/proc/self/fd").unwrap().flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok()).collect::<Vec<_>>(),
        "pid": std::process::id(),
    });
    println!("{seen}");
    eprintln!("a word on the side");
}

/// Tries what is forbidden; answers what happened, by name.
fn probe(outside: &str, inside: &str) {
    let word = |ok: bool| Value::from(if ok { "allowed" } else { "refused" });
    let status = |name: &str| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.unwrap_or_default().trim_start_matches(':').trim().to_owned()
    };
    let here = rustix::fs::CWD;
    std::fs::write("script", "#!/bin/sh\nexit 0\n").unwrap();
    rustix::fs::chmodat(here, "script", Mode::RWXU, AtFlags::empty()).unwrap();
    std::fs::copy("/bin/true", format!("{inside}/program")).unwrap();
    let chmod = |path: &str| rustix::fs::chmodat(here, path, Mode::RWXU | Mode::RGRP | Mode::ROTH, AtFlags::empty()).is_ok();
    let touch = |path: &str| {
        let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
        rustix::fs::utimensat(here, path, &times, AtFlags::empty()).is_ok()
    };
    let mark = |path: &str| rustix::fs::setxattr(path, "user.mark", b"x", rustix::fs::XattrFlags::empty()).is_ok();
    let truncating = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::TRUNC;
    let mount = rustix::mount::mount("x", ".", "tmpfs", rustix::mount::MountFlags::empty(), None);
    #[expect(deprecated, reason = "the test wants the refusal")]
    let unshare = rustix::thread::unshare(rustix::thread::UnshareFlags::NEWUSER);
    let seen = json!({
        "read outside": word(std::fs::read(format!("{outside}/file")).is_ok()),
        "list outside": word(std::fs::read_dir(outside).is_ok()),
        "write outside": word(std::fs::write(format!("{outside}/new"), "x").is_ok()),
        "truncate outside": word(rustix::fs::openat(here, format!("{outside}/file"), truncating, Mode::empty()).is_ok()),
        "remove outside": word(std::fs::remove_file(format!("{outside}/file")).is_ok()),
        "change mode outside": word(chmod(&format!("{outside}/file"))),
        "change times outside": word(touch(&format!("{outside}/file"))),
        "set attribute outside": word(mark(&format!("{outside}/file"))),
        "change mode of the system's": word(chmod("/bin/true")),
        "change mode inside": word(chmod(&format!("{inside}/program"))),
        "change times inside": word(touch(&format!("{inside}/program"))),
        "link outside": word(std::fs::hard_link(format!("{outside}/file"), "stolen").is_ok()),
        "read shadow": word(std::fs::read("/etc/shadow").is_ok()),
        "read root's home": word(std::fs::read_dir("/root").is_ok()),
        "read another's environment": word(std::fs::read("/proc/1/environ").is_ok()),
        "read init's descriptors": word(std::fs::read_link("/proc/1/fd/0").is_ok()),
        "write init's memory": word(std::fs::File::create("/proc/1/mem").is_ok()),
        "write /usr": word(std::fs::write("/usr/canary", "x").is_ok()),
        "write sysctl": word(std::fs::write("/proc/sys/kernel/hostname", "x").is_ok()),
        "write inside": word(std::fs::write(format!("{inside}/new"), "x").is_ok()),
        "write scratch": word(std::fs::write("new", "x").is_ok()),
        "run from scratch": word(Command::new("./script").status().is_ok()),
        "run from inside": word(Command::new(format!("{inside}/program")).status().is_ok()),
        "run the system's": word(Command::new("/bin/true").status().is_ok()),
        "tcp": word(std::net::TcpListener::bind("127.0.0.1:0").is_ok()),
        "udp": word(std::net::UdpSocket::bind("127.0.0.1:0").is_ok()),
        "unix": word(std::os::unix::net::UnixListener::bind("socket").is_ok()),
        "socket pair": word(std::os::unix::net::UnixStream::pair().is_ok()),
        "mount": word(mount.is_ok()),
        "unshare": word(unshare.is_ok()),
        "trace": word(rustix::process::pidfd_getfd(
            rustix::process::pidfd_open(rustix::process::Pid::INIT, rustix::process::PidfdFlags::empty()).unwrap(),
            0,
            rustix::process::PidfdGetfdFlags::empty(),
        ).is_ok()),
        "kill init": word(rustix::process::kill_process(rustix::process::Pid::INIT, rustix::process::Signal::KILL).is_ok()),
        "thread": word(std::thread::Builder::new().spawn(|| ()).is_ok()),
        "no new privileges": status("NoNewPrivs"),
        "capabilities": status("CapEff"),
        "seccomp": status("Seccomp"),
        "processes": std::fs::read_dir("/proc").unwrap().flatten()
            .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok()).count(),
    });
    println!("{seen}");
}

fn network() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = std::net::TcpStream::connect(listener.local_addr().unwrap());
    println!("{} {}", stream.is_ok(), std::os::unix::net::UnixListener::bind("socket").is_ok());
}

fn flood(bytes: u64) {
    let block = [b'x'; 65_536];
    let mut out = std::io::stdout().lock();
    let mut left = bytes;
    while left > 0 {
        let part = block.len().min(usize::try_from(left).unwrap());
        // A closed pipe does not stop it.
        let _ = out.write_all(&block[..part]);
        left -= u64::try_from(part).unwrap();
    }
}

fn again(behaviour: &str, first: &str, second: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([super::fixture::TOOL, behaviour, first, second]);
    command
}

fn forks(marker: &str) {
    loop {
        let _ = again("forks", marker, "").spawn();
    }
}

/// Pretends not to hear: ignores what can be ignored, by way of the shell, and waits for ever.
fn hang() -> ! {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "trap '' TERM INT HUP QUIT; while :; do sleep 100; done", "hanging"]);
    shell.args(std::env::args().skip(3));
    let _ = shell.status();
    loop {
        std::thread::park();
    }
}

/// Leaves a grandchild in a session of its own, with no descriptor of ours, and ends.
#[expect(clippy::zombie_processes, reason = "leaving it behind is the point")]
fn leave(marker: &str, sign: &str) {
    let mut daemon = Command::new("/usr/bin/setsid");
    daemon.arg(std::env::current_exe().unwrap()).args([super::fixture::TOOL, "linger", marker, sign]);
    daemon.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !std::fs::read(sign).is_ok_and(|text| text == b"alive") {
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("left");
}

fn linger(sign: &str) {
    std::fs::write(sign, "alive").unwrap();
    hang();
}

fn memory() {
    let mut blocks = Vec::<Vec<u8>>::new();
    loop {
        let mut block = Vec::new();
        if block.try_reserve_exact(16 << 20).is_err() {
            break;
        }
        block.resize(16 << 20, 1);
        blocks.push(block);
    }
    println!("{}", blocks.len() * 16);
}

fn grow(path: &str) {
    let mut file = std::fs::File::create(path).unwrap();
    let block = vec![0; 1 << 20];
    while file.write_all(&block).is_ok() {}
    println!("{}", file.metadata().unwrap().len());
}
