//! Repositories made by the `git` program, and hostile YAML.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use scalbotics_core::desired::{AgentFile, FILE_LEN_MAX, FILES_MAX, FOLDERS, FindingKind, Snapshot, TeamFile};
use scalbotics_core::ports::{DesiredError, DesiredSource, RawFiles};
use scalbotics_core::tenant::{Name, TenantId};
use serde_json::{Value, json};

use super::{Source, Yaml};

/// Most time for hostile text (security row 21); measured a hundred times lower in a release build.
const ANSWER_MAX: Duration = Duration::from_millis(100);

/// Runs git without anybody's configuration.
fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "a")
        .env("GIT_AUTHOR_EMAIL", "a@example.org")
        .env("GIT_COMMITTER_NAME", "a")
        .env("GIT_COMMITTER_EMAIL", "a@example.org")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn write(dir: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn commit(dir: &Path) -> String {
    git(dir, &["add", "-A", "-f"]);
    git(dir, &["commit", "-q", "--allow-empty", "-m", "x"]);
    git(dir, &["rev-parse", "HEAD"])
}

const AGENT: &str = "
id: clerk
team: ops
description: Scans the repository.
tools: [fs.list, fs.read, publish]
workflows:
  - walk
mounts:
  - { name: repo, path: /srv/repo }
  - { name: out, path: /srv/out, write: true }
budget: { calls: 50 }
";

const TOOL: &str = r#"
id: publish
description: Publishes a report.
argv: [/usr/bin/publish, "--key={{idempotency_key}}", "{{args.text}}"]
input:
  type: object
  required: [text]
  properties:
    text: { type: string, maxLength: 1000 }
    lines: { type: integer, minimum: 0 }
tier: 2
effect: keyed
idempotency_key: argv
key_ttl: 7d
limits: { processes: 4 }
"#;

const WORKFLOW: &str = r#"
id: walk
description: Lists, reads and publishes.
match: { goal: "walk *" }
input:
  type: object
  required: [dir]
  properties: { dir: { type: string } }
steps:
  - id: list
    tool: fs.list
    args: { path: "repo/${input.dir}" }
  - id: read
    tool: fs.read
    for_each: ${steps.list.output.entries}
    as: entry
    limit: 100
    if: { all: [ { equals: ["${entry.kind}", file] }, { not: { equals: ["${entry.name}", README.md] } } ] }
    args: { path: "repo/${input.dir}/${entry.name}" }
  - id: tell
    tool: publish
    if:
      not: { is_empty: "${steps.read.outputs}" }
    args:
      text: |
        First: ${steps.read.outputs.0.path ?? "none"}
      lines: ${steps.read.outputs.0.size ?? 0}
output:
  files: ${steps.read.outputs}
"#;

/// A repository with a good first commit.
fn repository() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    git(dir.path(), &["init", "-q", "-b", "main"]);
    for (path, text) in [
        ("README.md", "not desired state"),
        ("src/main.rs", "not desired state"),
        ("teams/ops.yaml", "id: ops\ndescription: Operations.\nlead: clerk\n"),
        ("agents/clerk.yaml", AGENT),
        ("tools/publish.yaml", TOOL),
        ("workflows/walk.yaml", WORKFLOW),
        ("policies/base.cedar", "permit(principal, action, resource);\n"),
        ("workspaces/clerk/SOUL.md", "Careful.\n"),
        ("workspaces/clerk/MEMORY/notes.md", "Notes.\n"),
    ] {
        write(dir.path(), path, text);
    }
    let id = commit(dir.path());
    (dir, id)
}

fn assemble(raw: RawFiles) -> Snapshot {
    Snapshot::assemble(TenantId::parse("acme").unwrap(), raw, &Yaml, None).unwrap_or_else(|findings| panic!("{findings:#?}"))
}

#[test]
fn a_commit_becomes_a_snapshot() {
    let (dir, id) = repository();
    let source = Source::new(dir.path());
    assert_eq!(source.read_head().unwrap(), id);
    let raw = source.read_files(&id).unwrap();
    assert!(raw.files.keys().all(|path| FOLDERS.iter().any(|folder| path.starts_with(&format!("{folder}/")))));
    let snapshot = assemble(raw);
    assert_eq!(snapshot.commit, id);
    let clerk = &snapshot.agents[&Name::parse("clerk").unwrap()];
    assert!(clerk.mounts[1].write && !clerk.mounts[0].write);
    assert!(snapshot.workflow_for(&clerk.name, "walk it", &json!({"dir": "src"})).is_some());
}

#[test]
fn bare_packed_and_worktree_repositories_read_alike() {
    let (dir, id) = repository();
    let files = Source::new(dir.path()).read_files(&id).unwrap();
    git(dir.path(), &["gc", "-q"]);
    git(dir.path(), &["pack-refs", "--all"]);
    assert_eq!(Source::new(dir.path()).read_files(&Source::new(dir.path()).read_head().unwrap()).unwrap(), files);
    let bare = tempfile::tempdir().unwrap();
    git(bare.path(), &["clone", "-q", "--bare", "--no-local", dir.path().to_str().unwrap(), "bare.git"]);
    let source = Source::new(bare.path().join("bare.git"));
    assert_eq!(source.read_head().unwrap(), id);
    assert_eq!(source.read_files(&id).unwrap(), files);
}

#[test]
fn the_port_follows_its_branch_and_reads_old_commits() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (dir, first) = repository();
        let source = Source::new(dir.path());
        write(dir.path(), "teams/dev.yaml", "id: dev\ndescription: x\n");
        write(dir.path(), "teams/uncommitted.yaml", "id: dev\n");
        git(dir.path(), &["add", "teams/dev.yaml"]);
        git(dir.path(), &["commit", "-q", "-m", "x"]);
        let second = source.head().await.unwrap();
        assert_ne!(first, second);
        let (old, new) = (source.load(&first).await.unwrap(), source.load(&second).await.unwrap());
        assert!(!old.files.contains_key("teams/dev.yaml") && new.files.contains_key("teams/dev.yaml"));
        assert!(!new.files.contains_key("teams/uncommitted.yaml"));
        git(dir.path(), &["branch", "other", &first]);
        assert_eq!(source.clone().following("refs/heads/other").head().await.unwrap(), first);
    });
}

#[test]
fn missing_things_are_unreadable() {
    let empty = tempfile::tempdir().unwrap();
    let unreadable =
        |result: Result<String, DesiredError>| assert!(matches!(result, Err(DesiredError::Unreadable { .. })), "{result:?}");
    unreadable(Source::new(empty.path()).read_head());
    unreadable(Source::new("/nonexistent/repository").read_head());
    git(empty.path(), &["init", "-q", "-b", "main"]);
    unreadable(Source::new(empty.path()).read_head());
    let (dir, id) = repository();
    unreadable(Source::new(dir.path()).following("refs/heads/gone").read_head());
    unreadable(Source::new(dir.path()).following("../../etc/passwd").read_head());
    for commit in ["", "main", "HEAD", &id[..39], &"0".repeat(40), &git(dir.path(), &["rev-parse", "HEAD^{tree}"])] {
        let result = Source::new(dir.path()).read_files(commit);
        assert!(matches!(result, Err(DesiredError::Unreadable { .. } | DesiredError::Refused { .. })), "{commit}: {result:?}");
    }
}

#[track_caller]
fn refused(dir: &Path, path: &str, part: &str) {
    let source = Source::new(dir);
    match source.read_files(&source.read_head().unwrap()) {
        Err(DesiredError::Refused { path: at, reason, .. }) => assert!(at == path && reason.contains(part), "{at}: {reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn sec_20_links_submodules_and_large_blobs_are_refused() {
    for (place, expected) in
        [("agents/evil.yaml", "agents/evil.yaml"), ("workspaces/clerk/TOOLS.md", "workspaces/clerk/TOOLS.md")]
    {
        let (dir, _) = repository();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join(place)).unwrap();
        commit(dir.path());
        refused(dir.path(), expected, "symbolic link");
    }

    let (dir, _) = repository();
    std::fs::remove_dir_all(dir.path().join("policies")).unwrap();
    std::os::unix::fs::symlink("/etc", dir.path().join("policies")).unwrap();
    commit(dir.path());
    refused(dir.path(), "policies", "symbolic link");

    let (dir, id) = repository();
    git(dir.path(), &["update-index", "--add", "--cacheinfo", &format!("160000,{id},tools/sub")]);
    git(dir.path(), &["commit", "-q", "-m", "x"]);
    refused(dir.path(), "tools/sub", "submodule");

    let (dir, _) = repository();
    write(dir.path(), "policies/big.cedar", vec![b' '; FILE_LEN_MAX + 1]);
    commit(dir.path());
    refused(dir.path(), "policies/big.cedar", "262145 bytes");

    let (dir, _) = repository();
    write(dir.path(), "teams/a/b/c/d/e/f.yaml", "x");
    commit(dir.path());
    refused(dir.path(), "teams/a/b/c/d/e/f.yaml", "parts");
}

#[test]
fn an_id_stands_for_its_bytes_only() {
    let (dir, id) = repository();
    let source = Source::new(dir.path());
    let files = source.read_files(&id).unwrap();

    write(dir.path(), "teams/ops.yaml", "id: ops\ndescription: other\n");
    let other = commit(dir.path());
    git(dir.path(), &["replace", &id, &other]);
    let (old, new) = ("HEAD~1:teams/ops.yaml", "HEAD:teams/ops.yaml");
    let [old, new] = [old, new].map(|name| git(dir.path(), &["--no-replace-objects", "rev-parse", name]));
    git(dir.path(), &["replace", &old, &new]);
    assert_eq!(source.read_files(&id).unwrap(), files);

    git(dir.path(), &["replace", "-d", &id, &old]);
    let object = |id: &str| dir.path().join(".git/objects").join(&id[..2]).join(&id[2..]);
    std::fs::remove_file(object(&old)).unwrap();
    std::fs::copy(object(&new), object(&old)).unwrap();
    match source.read_files(&id) {
        Err(DesiredError::Refused { path, reason, .. }) => {
            assert!(path == "teams/ops.yaml" && reason.contains("damaged"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
    std::fs::remove_file(object(&old)).unwrap();
    assert!(matches!(source.read_files(&id), Err(DesiredError::Unreadable { .. })));
}

#[test]
fn sec_20_a_gigabyte_blob_is_refused_without_being_read() {
    let (dir, _) = repository();
    let path = dir.path().join("policies/huge.cedar");
    std::fs::File::create(&path).unwrap().set_len(256 << 20).unwrap();
    git(dir.path(), &["-c", "core.compression=1", "-c", "core.bigFileThreshold=1m", "add", "-A"]);
    git(dir.path(), &["commit", "-q", "-m", "x"]);
    let began = Instant::now();
    refused(dir.path(), "policies/huge.cedar", "268435456 bytes");
    assert!(began.elapsed() < ANSWER_MAX * 10, "{:?}", began.elapsed());
}

#[test]
fn many_files_are_refused() {
    let (dir, _) = repository();
    let blob = git(dir.path(), &["rev-parse", "HEAD:teams/ops.yaml"]);
    let lines: String = (0..=FILES_MAX).map(|n| format!("100644 blob {blob}\tp{n}.cedar\n")).collect();
    write(dir.path(), ".git/lines", lines);
    let mktree = |input: &str| {
        let file = std::fs::File::open(dir.path().join(input)).unwrap();
        let output = Command::new("git").args(["mktree"]).current_dir(dir.path()).stdin(file).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let policies = mktree(".git/lines");
    write(dir.path(), ".git/lines", format!("040000 tree {policies}\tpolicies\n"));
    let root = mktree(".git/lines");
    let id = git(dir.path(), &["commit-tree", &root, "-m", "x"]);
    match Source::new(dir.path()).read_files(&id) {
        Err(DesiredError::Refused { reason, .. }) => assert!(reason.contains("more than 65536 files"), "{reason}"),
        other => panic!("{:?}", other.map(|raw| raw.files.len())),
    }
}

#[test]
fn a_bad_file_gives_its_line() {
    let (dir, _) = repository();
    write(dir.path(), "teams/dev.yaml", "id: dev\ndescription: x\ncolour: red\n");
    write(dir.path(), "agents/clerk.yaml", AGENT.replace("team: ops", "team: ops\nteam: ops"));
    let id = commit(dir.path());
    let raw = Source::new(dir.path()).read_files(&id).unwrap();
    let findings = Snapshot::assemble(TenantId::parse("acme").unwrap(), raw, &Yaml, None).unwrap_err();
    let seen: Vec<_> = findings.iter().map(|finding| (finding.file.as_str(), finding.line, finding.kind)).collect();
    assert_eq!(
        seen,
        [("agents/clerk.yaml", Some(4), FindingKind::Syntax), ("teams/dev.yaml", Some(3), FindingKind::Syntax)],
        "{findings:#?}"
    );
}

#[test]
fn yaml_that_is_refused() {
    let good = "id: ops\ndescription: x\n";
    assert!(Yaml.read::<TeamFile>(good).is_ok());
    for (text, part) in [
        ("", ""),
        ("[]", ""),
        ("id: ops\ndescription: x\nowner: me\n", "owner"),
        ("id: ops\nid: ops\ndescription: x\n", "duplicate"),
        ("id: ops\n\"id\": ops\ndescription: x\n", "duplicate"),
        ("id: Ops\ndescription: x\n", "Ops"),
        ("id: &a ops\ndescription: x\n", ""),
        ("id: ops\ndescription: *a\n", ""),
        ("id: ops\ndescription: !secret x\n", ""),
        ("<<: {id: ops}\ndescription: x\n", ""),
        ("id: ops\ndescription: x\n---\nid: ops\ndescription: x\n", ""),
        ("id: ops\ndescription: {a: b}\n", ""),
        ("id: ops\n\tdescription: x\n", ""),
    ] {
        let error = Yaml.read::<TeamFile>(text).unwrap_err();
        assert!(error.reason.contains(part) && !error.reason.contains('\n'), "{text:?}: {error:?}");
    }
    assert!(Yaml.read::<AgentFile>("id: a\nteam: b\ndescription: c\nmounts: [{name: x, path: /x, write: yes}]").is_err());
    for text in ["a: .nan", "a: .inf", "a: {b: 1, b: 2}", "a: [{b: 1, b: 2}]", "{a: 1, 'a': 2}"] {
        assert!(Yaml.read::<Value>(text).is_err(), "{text}");
    }
}

#[test]
fn yaml_values_are_exact() {
    let value: Value = Yaml
        .read("a: 1\nb: '1'\nc: true\nd: no\ne: 0.5\nf: 9007199254740991\ng: [x, null]\nh: ${steps.a.output}\ni: 2026-11-24\n")
        .unwrap();
    let wanted = json!({"a": 1, "b": "1", "c": true, "d": "no", "e": 0.5, "f": 9_007_199_254_740_991_i64, "g": ["x", null], "h": "${steps.a.output}", "i": "2026-11-24"});
    assert_eq!(value, wanted);
}

/// Changes bytes at places that a fixed sequence chooses; the same every time.
/// Findings of a commit with this skill.
fn with_skill(text: &str) -> Result<Snapshot, Vec<scalbotics_core::desired::Finding>> {
    let file = |(path, text): (&str, &str)| (path.to_owned(), text.as_bytes().to_vec());
    let files = [
        ("teams/ops.yaml", "id: ops\ndescription: x\n"),
        ("agents/a.yaml", "id: a\nteam: ops\ndescription: x\ntools: [fs.read]\n"),
        ("workspaces/a/skills/pdf-processing/SKILL.md", text),
    ];
    let raw = RawFiles { commit: "c0".to_owned(), files: files.map(file).into_iter().collect() };
    Snapshot::assemble(TenantId::parse("acme").unwrap(), raw, &Yaml, None)
}

#[test]
fn skills_of_the_public_format_are_read() {
    for text in [
        "---\nname: pdf-processing\ndescription: Extract PDF text, fill forms, merge files. Use when handling PDFs.\n---\n",
        "---\nname: pdf-processing\ndescription: >-\n  Extract text.\n  Use when: PDFs.\nlicense: Apache-2.0\nmetadata:\n  author: example-org\n  version: \"1.0\"\n---\n# PDF\n\n---\n\nMore.\n",
        "---\nname: pdf-processing # the folder's\ndescription: \"x: y\"\ncompatibility: Requires git, jq\nallowed-tools: Bash(git:*) Bash(jq:*) Read\n---\nStep by step.\n",
        "---\nname: pdf-processing\ndescription: x\nmetadata: {version: 1.0, draft: true}\n---\n",
    ] {
        let snapshot = with_skill(text).unwrap_or_else(|findings| panic!("{text}: {findings:#?}"));
        assert_eq!(snapshot.agents.values().next().unwrap().skills.len(), 1);
    }
}

#[test]
fn sec_21_front_matter_is_read_within_a_budget() {
    let name = "name: pdf-processing\ndescription: x\n";
    for front in [
        format!("{name}metadata: &a {{x: y}}\ncompatibility: *a\n"),
        format!("{name}name: pdf-processing\n"),
        format!("{name}<<: {{license: x}}\n"),
        format!("{name}metadata: {}\n", "{a: ".repeat(2_000)),
        format!("{name}metadata: {}\n", "[".repeat(15_000)),
        format!("{name}license: !own x\n"),
        format!("{name}license: {}\n", "x".repeat(17_000)),
        format!("{name}allowed_tools: x\n"),
        "- name\n".to_owned(),
        "name: pdf-processing\ndescription: use it when: asked\n".to_owned(),
    ] {
        let before = Instant::now();
        let findings = with_skill(&format!("---\n{front}---\nBody.\n")).unwrap_err();
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!(findings[0].kind, FindingKind::Syntax, "{}", findings[0]);
        assert!(before.elapsed() < Duration::from_secs(1), "{front:.60}");
    }
}

fn mutate(text: &str, seed: u64) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for _ in 0..=draw(4) {
        let at = draw(bytes.len());
        match draw(3) {
            0 => bytes[at] = b"{}[]:,&*!|>'\"%@#?-$ \n\t0a~"[draw(25)],
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, b"{}[]:,&*!|>'\"%@#?-$ \n\t0a~"[draw(25)]),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn damaged_files_give_findings_or_a_whole_snapshot() {
    let (mut good, mut bad) = (0, 0);
    for seed in 0..600 {
        let files = [("agents/clerk.yaml", AGENT), ("tools/publish.yaml", TOOL), ("workflows/walk.yaml", WORKFLOW)];
        let mut raw = RawFiles { commit: "c0".to_owned(), files: std::collections::BTreeMap::new() };
        raw.files.insert("teams/ops.yaml".to_owned(), b"id: ops\ndescription: x\n".to_vec());
        for (index, (path, text)) in files.into_iter().enumerate() {
            let text = if seed % 3 == index as u64 { mutate(text, seed) } else { text.to_owned() };
            raw.files.insert(path.to_owned(), text.into_bytes());
        }
        match Snapshot::assemble(TenantId::parse("acme").unwrap(), raw, &Yaml, None) {
            Ok(snapshot) => {
                good += 1;
                assert_eq!((snapshot.agents.len(), snapshot.tools.len(), snapshot.workflows.len()), (1, 1, 1));
            }
            Err(findings) => {
                bad += 1;
                assert!(findings.iter().all(|finding| !finding.why.is_empty() && !finding.next.is_empty()), "{findings:?}");
            }
        }
    }
    assert!(good > 20 && bad > 200, "{good} good, {bad} bad: the damage is too weak or too strong to test anything");
}

fn repeat_to_limit(part: &str) -> String {
    part.repeat(FILE_LEN_MAX / part.len())
}

/// Names of hostile texts, each as long as a file may be.
fn bombs() -> Vec<(&'static str, String)> {
    let laughs = (1..9).fold("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, n| {
        let m = n - 1;
        format!("{text}a{n}: &a{n} [*a{m},*a{m},*a{m},*a{m},*a{m},*a{m},*a{m},*a{m},*a{m},*a{m}]\n")
    });
    let block = |depth: usize| (0..depth).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<String>();
    vec![
        ("laughs", laughs),
        ("flow sequences 10^5 deep", "[".repeat(100_000)),
        ("flow mappings 10^5 deep", "{a: ".repeat(60_000)),
        ("block sequences 10^5 deep", "- ".repeat(100_000)),
        ("complex keys 10^5 deep", "? ".repeat(100_000)),
        ("block mappings deep", block(700)),
        ("anchors", (0..20_000).map(|n| format!("- &a{n} x\n")).collect()),
        ("many documents", repeat_to_limit("---\n")),
        ("many keys", (0..40_000).map(|n| format!("k{n}: 1\n")).collect::<String>().chars().take(FILE_LEN_MAX).collect()),
        ("many empty items", repeat_to_limit("-\n")),
        ("one long scalar", repeat_to_limit("a ")),
        ("quotes", repeat_to_limit("\"a\" ")),
        ("open quote", format!("a: \"{}", repeat_to_limit("b").split_at(10).1)),
        ("comments", repeat_to_limit("#\n")),
        ("tags", repeat_to_limit("!a ")),
        ("long key", format!("{}: 1", "k".repeat(FILE_LEN_MAX - 10))),
        ("colons", repeat_to_limit(": ")),
        ("tabs", repeat_to_limit("\t")),
        ("blank lines", repeat_to_limit("\n")),
        ("folded", format!("a: >\n{}", repeat_to_limit(" b\n").split_at(9).1)),
        ("merge keys", repeat_to_limit("<<: {}\n")),
        ("same key", repeat_to_limit("a: 1\n")),
        ("directives", repeat_to_limit("%A\n")),
        ("escapes", format!("\"{}\"", "\\u0041".repeat((FILE_LEN_MAX - 2) / 6))),
        ("too long", "a".repeat(FILE_LEN_MAX + 1)),
    ]
}

#[test]
fn sec_21_bombs_are_answered_in_time() {
    // An unoptimised build on a busy machine is allowed ten times as much as the promise, which a release build is held to.
    let limit = if cfg!(debug_assertions) { ANSWER_MAX * 10 } else { ANSWER_MAX };
    for (name, text) in bombs() {
        assert!(text.len() <= FILE_LEN_MAX + 1, "{name}");
        let began = Instant::now();
        let team = Yaml.read::<TeamFile>(&text);
        let workflow = Yaml.read::<scalbotics_core::workflow::File>(&text);
        let value = Yaml.read::<Value>(&text);
        let took = began.elapsed();
        assert!(team.is_err() && workflow.is_err(), "{name}");
        assert!(took < limit * 3, "{name}: {took:?}, {:?}", value.map(|_| ()));
    }
}

/// A field of `/proc/self/status`, in KiB.
fn memory_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

/// Runs itself again in a process of its own, whose peak is then the bombs' and nobody else's.
#[test]
fn sec_21_bombs_stay_within_64_mib() {
    const ALONE: &str = "SCALBOTICS_TEST_ALONE";
    let Some(proof) = std::env::var_os(ALONE) else {
        let test = "git::tests::sec_21_bombs_stay_within_64_mib";
        let dir = tempfile::tempdir().unwrap();
        let proof = dir.path().join("ran");
        let status = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact"])
            .env(ALONE, &proof)
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success());
        assert_eq!(std::fs::read(proof).unwrap(), b"ran");
        return;
    };
    for (name, text) in bombs() {
        let before = memory_kib("VmRSS");
        drop((Yaml.read::<TeamFile>(&text), Yaml.read::<scalbotics_core::workflow::File>(&text), Yaml.read::<Value>(&text)));
        let after = memory_kib("VmHWM");
        assert!(after < before + (64 << 10), "{name}: {before} KiB before, {after} KiB at the peak");
    }
    std::fs::write(proof, b"ran").unwrap();
}
