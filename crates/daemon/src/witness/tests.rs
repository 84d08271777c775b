//! Every answer of the standard, and what must survive a kill.

use std::path::Path;

use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::merkle::{consistency_proof, leaf_hash, root};
use scalbotics_core::audit::proof_text::AddCheckpoint;
use scalbotics_core::digest::Digest;
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::signed_note::{self, Verifier};

use super::book::{self, Book};
use super::judge::{Judge, Reply, SIZE_TYPE};

const ORIGIN: &str = "acme.test/audit/system";
const NAME: &str = "witness.test/w1";

/// A log, and the other history that it may tell.
struct Log {
    key: Pair,
    leaves: Vec<Digest>,
}

impl Log {
    fn new(word: &str) -> Self {
        let leaves = (0..40).map(|n| leaf_hash(format!("{word} {n}").as_bytes())).collect();
        Self { key: Pair::generate(Algorithm::Ed25519).unwrap(), leaves }
    }

    fn note(&self, size: usize) -> String {
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: size as u64, root: root(&self.leaves[..size]) };
        signed_note::sign(&checkpoint.text(), ORIGIN, &self.key).unwrap()
    }

    fn request(&self, old: usize, size: usize) -> AddCheckpoint {
        let proof = consistency_proof(&self.leaves[..size], old).unwrap_or_default();
        AddCheckpoint { old_size: old as u64, proof, note: self.note(size) }
    }
}

fn judge(dir: &Path, log: &Log) -> (Judge, Verifier) {
    let book = Book::open(dir).unwrap();
    let key = book.key().unwrap();
    let verifier = Verifier::witness(NAME, key.public().clone()).unwrap();
    let logs = vec![Verifier::new(ORIGIN, log.key.public().clone()).unwrap()];
    (Judge::new((NAME.to_owned(), key), logs, book), verifier)
}

fn asked(judge: &Judge, request: &AddCheckpoint) -> Reply {
    judge.answer(request.text().as_bytes(), 1_700_000_000)
}

fn knows(size: u64) -> Reply {
    Reply { status: 409, content_type: SIZE_TYPE, body: format!("{size}\n") }
}

#[test]
fn a_log_that_grows_is_cosigned_and_one_that_does_not_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new("honest");
    let (judge, verifier) = judge(dir.path(), &log);
    let cosigned = |request: &AddCheckpoint| {
        let reply = asked(&judge, request);
        assert_eq!(reply.status, 200, "{reply:?}");
        let (text, _) = signed_note::parts(&request.note).unwrap();
        let found = signed_note::cosignatures(text, &reply.body, std::slice::from_ref(&verifier)).unwrap();
        assert_eq!((found.len(), found[0].time), (1, 1_700_000_000));
    };
    assert_eq!(asked(&judge, &log.request(3, 7)), knows(0), "nothing is known yet");
    cosigned(&log.request(0, 7));
    cosigned(&log.request(7, 7));
    for old in [0, 3, 6, 8] {
        assert_eq!(asked(&judge, &log.request(old, 20)), knows(7));
    }
    cosigned(&log.request(7, 20));
    assert_eq!(asked(&judge, &log.request(7, 20)), knows(20));
    assert_eq!(asked(&judge, &log.request(0, 5)), knows(20), "no way back");

    // Another history, signed by the same key.
    let forked = Log { leaves: Log::new("forked").leaves, key: Pair::from_pkcs8_der(&log.key.to_pkcs8_der().unwrap()).unwrap() };
    assert_eq!(asked(&judge, &forked.request(20, 20)), knows(20));
    assert_eq!(asked(&judge, &forked.request(20, 30)).status, 422);
    let good = log.request(20, 30);
    let mut without = good.clone();
    without.proof.pop();
    let mut longer = good.clone();
    longer.proof.push(Digest::of_bytes(b"more"));
    let idle = AddCheckpoint { proof: longer.proof.clone(), ..log.request(20, 20) };
    for bad in [without, longer, idle] {
        assert_eq!(asked(&judge, &bad).status, 422);
    }
    cosigned(&good);
}

#[test]
fn strangers_and_malformed_requests_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (log, stranger) = (Log::new("honest"), Log::new("honest"));
    let (judge, _) = judge(dir.path(), &log);
    let good = log.request(0, 7);
    let text = good.text();
    let status = |text: &str| judge.answer(text.as_bytes(), 1).status;
    assert_eq!(status(&stranger.request(0, 7).text()), 403, "another key under the log's name");
    assert_eq!(status(&text.replacen("\n7\n", "\n8\n", 1)), 403, "not what was signed");
    assert_eq!(status(&text.replace(ORIGIN, "other.test/log")), 404);
    let both = format!("{text}{}", log.note(8).rsplit_once("\n\n").unwrap().1);
    assert_eq!(status(&both), 403, "a bad signature of a known key");
    let bad = [
        String::new(),
        "old 0\n".to_owned(),
        text.replacen("old 0", "old 00", 1),
        text.replacen("old 0\n", "old 0\nAAAA\n", 1),
        text.replacen("old 0\n\n", "old 0\n", 1),
        text.replacen("\u{2014} ", "- ", 1),
        text.trim_end().to_owned(),
        text.replacen("\n7\n", "\n07\n", 1),
        log.request(0, 7).text().replacen("old 0", "old 8", 1),
        format!("old 0\n{}\n{}", "A".repeat(70_000), good.note),
    ];
    for bad in bad {
        assert_eq!(status(&bad), 400, "{bad:.80}");
    }
    assert_eq!(judge.answer(b"old 0\n\n\xff", 1).status, 400);
    let proof = vec![Digest::of_bytes(b"x")];
    assert_eq!(asked(&judge, &AddCheckpoint { proof, ..good.clone() }).status, 422, "a proof of growth out of nothing");
    let empty = Checkpoint { origin: ORIGIN.to_owned(), size: 0, root: Digest::of_bytes(b"wrong") };
    let note = signed_note::sign(&empty.text(), ORIGIN, &log.key).unwrap();
    assert_eq!(asked(&judge, &AddCheckpoint { old_size: 0, proof: Vec::new(), note }).status, 422, "an empty log has one root");
    // A checkpoint with extension lines, and signatures of others under it.
    let extended = format!("{ORIGIN}\n7\n{}\nextension\n", good.note.lines().nth(2).unwrap());
    let note = signed_note::sign(&extended, ORIGIN, &log.key).unwrap();
    let note = format!("{note}\u{2014} somebody.else AAAAAAAA\n");
    assert_eq!(asked(&judge, &AddCheckpoint { note, ..good }).status, 200);
}

#[test]
fn a_witness_remembers_and_its_folder_has_one_holder() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new("honest");
    let (first, verifier) = judge(dir.path(), &log);
    assert_eq!(asked(&first, &log.request(0, 7)).status, 200);
    assert!(matches!(Book::open(dir.path()), Err(book::Error::Held { .. })));
    drop(first);
    let (again, same) = judge(dir.path(), &log);
    assert_eq!(same, verifier, "the key stays");
    assert_eq!(asked(&again, &log.request(0, 9)), knows(7));
    assert_eq!(asked(&again, &log.request(7, 9)).status, 200);
    // What it cannot read it does not take for nothing.
    let file = std::fs::read_dir(dir.path().join("logs")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&file, "").unwrap();
    assert_eq!(asked(&again, &log.request(0, 30)).status, 500);
    std::fs::write(&file, log.request(0, 9).note.rsplit_once("\n\n").unwrap().0.to_owned() + "\n").unwrap();
    assert_eq!(asked(&again, &log.request(9, 30)).status, 200);
}

#[test]
fn of_many_at_one_time_one_history_is_cosigned() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new("honest");
    let (judge, _) = judge(dir.path(), &log);
    assert_eq!(asked(&judge, &log.request(0, 5)).status, 200);
    let (judge, log) = (&judge, &log);
    let won = std::thread::scope(|scope| {
        let ask = |size| scope.spawn(move || asked(judge, &log.request(5, size)).status == 200);
        let threads: Vec<_> = (6..22).map(ask).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|won| *won).count()
    });
    assert_eq!(won, 1);
}
