//! What goes over the socket: one job down, reports up.
//!
//! Down: two little-endian `u32` lengths, the [`Spec`] as JSON, the tool's standard input; afterwards nothing, ever. Up: one
//! JSON [`Report`] a line.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::job::{INPUT_BYTES_MAX, Job, Limits, Pinned, SPEC_BYTES_MAX};
use super::outcome::Refusal;

/// A job as init reads it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    pub(super) argv: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) read_paths: Vec<PathBuf>,
    pub(super) data_paths: Vec<PathBuf>,
    pub(super) write_paths: Vec<PathBuf>,
    pub(super) pinned: Vec<Pinned>,
    /// Where the private scratch directory is mounted.
    pub(super) scratch: PathBuf,
    /// Where copies of pinned files are mounted.
    pub(super) copies: PathBuf,
    pub(super) directory: Option<PathBuf>,
    pub(super) network: bool,
    pub(super) limits: Limits,
}

/// What the helpers tell the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// Init holds the attempt's lock and reads its job.
    Ready,
    /// The tool is about to be started; without this line it never was.
    Starting,
    /// The tool was not started.
    Refused(Refusal),
    /// The tool was not started: the file at this path is not the one that was pinned.
    Changed(PathBuf),
    /// The tool exited, and everything it left behind is dead.
    Exited(i32),
    /// The tool died of a signal, and everything it left behind is dead.
    Signaled(i32),
    /// There were too many processes; all are dead.
    ProcessLimit,
}

/// The line of [`Report::Ready`].
pub(super) const READY: &[u8; 8] = b"\"ready\"\n";

/// The bytes that go down.
pub(super) fn encode(job: &Job, scratch: PathBuf, copies: PathBuf) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let mut spec = Spec {
        argv: job.argv.clone(),
        env: environment(job)?,
        read_paths: job.read_paths.clone(),
        data_paths: job.data_paths.clone(),
        write_paths: job.write_paths.clone(),
        pinned: job.pinned.clone(),
        scratch,
        copies,
        directory: job.directory.clone(),
        network: job.network,
        limits: job.limits,
    };
    let refused = |reason: &str| Refusal::new("describe the job", reason, "shorten the arguments of the call");
    // Written into room enough at once, so that growing leaves no copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(SPEC_BYTES_MAX));
    let written = serde_json::to_writer(&mut *text, &spec);
    spec.env.values_mut().for_each(Zeroize::zeroize);
    written.map_err(|error| refused(&error.to_string()))?;
    let spec = text;
    let length = |len: usize, max: usize| u32::try_from(len).ok().filter(|_| len <= max);
    let spec_len = length(spec.len(), SPEC_BYTES_MAX).ok_or_else(|| refused("it is longer than 1 MiB"))?;
    let input_len = length(job.input.len(), INPUT_BYTES_MAX).ok_or_else(|| refused("its input is longer than 4 MiB"))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(spec.len() + job.input.len() + 8));
    bytes.extend(spec_len.to_le_bytes());
    bytes.extend(input_len.to_le_bytes());
    bytes.extend_from_slice(&spec);
    bytes.extend(&job.input);
    Ok(bytes)
}

/// The environment with the secrets in it.
fn environment(job: &Job) -> Result<BTreeMap<String, String>, Refusal> {
    let mut env = job.env.clone();
    for (variable, secret) in &job.secrets {
        let text = std::str::from_utf8(secret.expose()).ok().filter(|text| !text.contains('\0'));
        let text = text.ok_or_else(|| {
            Refusal::new(
                "hand over a secret",
                format!("the value for `{variable}` is no text, and a variable holds nothing else"),
                "put the secret in a form that is text, as base64",
            )
        })?;
        env.insert(variable.clone(), text.to_owned());
    }
    Ok(env)
}

/// Reads what [`encode`] wrote: the spec and the input.
///
/// # Errors
/// `UnexpectedEof` when the daemon went away, `InvalidData` when it is no daemon.
pub(super) fn decode(mut from: impl Read) -> io::Result<(Spec, Vec<u8>)> {
    let mut length = || -> io::Result<u32> {
        let mut bytes = [0; 4];
        from.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    };
    let (spec_len, input_len) = (length()?, length()?);
    let spec = exactly(&mut from, spec_len, SPEC_BYTES_MAX)?;
    let input = exactly(&mut from, input_len, INPUT_BYTES_MAX)?;
    Ok((serde_json::from_slice(&spec)?, input))
}

fn exactly(from: &mut impl Read, length: u32, max: usize) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length).ok().filter(|length| *length <= max);
    let mut bytes = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use scalbotics_core::secret::Secret;

    use super::*;

    #[test]
    fn a_job_survives_the_way() {
        let job = Job {
            argv: vec!["/bin/x".into(), "a\nb".into()],
            env: BTreeMap::from([("K".into(), "v".into())]),
            secrets: vec![("TOKEN".into(), Secret::new(b"t\"1".to_vec()))],
            input: vec![0, 255],
            read_paths: vec!["/r".into()],
            data_paths: vec!["/d".into()],
            write_paths: vec!["/w".into()],
            pinned: vec![Pinned { argument: 0, digest: scalbotics_core::digest::Digest::of_bytes(b"x") }],
            directory: Some("/d".into()),
            network: true,
            limits: Limits::default(),
        };
        let bytes = encode(&job, "/s".into(), "/c".into()).unwrap();
        let (spec, input) = decode(bytes.as_slice()).unwrap();
        assert_eq!((spec.argv, input, spec.network), (job.argv.clone(), job.input.clone(), true));
        assert_eq!(spec.pinned, job.pinned);
        assert_eq!(spec.env, BTreeMap::from([("K".into(), "v".into()), ("TOKEN".into(), "t\"1".into())]));
        assert!(!format!("{job:?}").contains("t\\\"1"), "{job:?}");
        for bad in [b"a\0b".to_vec(), vec![0xff]] {
            let job = Job { secrets: vec![("TOKEN".into(), Secret::new(bad))], ..job.clone() };
            assert!(encode(&job, "/s".into(), "/c".into()).is_err());
        }
        for cut in [0, 3, 8, bytes.len() - 1] {
            assert_eq!(decode(&bytes[..cut]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
        let huge = Job { input: vec![0; INPUT_BYTES_MAX + 1], ..job };
        assert!(encode(&huge, "/s".into(), "/c".into()).is_err());
    }

    #[test]
    fn ready_is_one_known_line() {
        assert_eq!(serde_json::to_string(&Report::Ready).unwrap() + "\n", String::from_utf8_lossy(READY));
    }

    #[test]
    fn hostile_lengths_allocate_nothing() {
        assert_eq!(decode([255; 64].as_slice()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
