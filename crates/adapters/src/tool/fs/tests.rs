//! Row 14 of the security table, and what the tools promise.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::*;

const SECRET: &str = "canary-outside";

/// A workspace `in` beside a secret that must never be seen.
struct Fixture {
    dir: tempfile::TempDir,
    workspace: Workspace,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("in")).unwrap();
        fs::write(dir.path().join("secret"), SECRET).unwrap();
        let workspace = Workspace::open(&dir.path().join("in")).unwrap();
        Self { dir, workspace }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("in").join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn call(&self, tool: Tool, args: Value) -> Result<Output, Error> {
        self.workspace.call(tool, &args, &|| false)
    }

    fn read(&self, path: &str) -> Result<Output, Error> {
        self.call(Tool::Read, json!({ "path": path }))
    }

    fn write(&self, path: &str, content: &str) -> Result<Output, Error> {
        self.call(Tool::Write, json!({ "path": path, "content": content }))
    }

    fn secret_is_untouched(&self) {
        assert_eq!(fs::read_to_string(self.dir.path().join("secret")).unwrap(), SECRET);
    }
}

fn names(output: &Output) -> Vec<&str> {
    output.value["entries"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

fn lines(output: &Output) -> Vec<(String, u64)> {
    let matches = output.value["matches"].as_array().unwrap();
    matches.iter().map(|found| (found["path"].as_str().unwrap().into(), found["line"].as_u64().unwrap())).collect()
}

#[test]
fn no_path_leads_out() {
    let f = Fixture::new();
    f.put("d/file", "x");
    let secret = f.dir.path().join("secret");
    symlink(&secret, f.path("absolute")).unwrap();
    symlink("../secret", f.path("climbing")).unwrap();
    symlink("d/../../secret", f.path("winding")).unwrap();
    symlink(f.dir.path(), f.path("dir")).unwrap();
    symlink("/proc/self/root", f.path("magic")).unwrap();
    symlink("loop", f.path("loop")).unwrap();
    let paths = [
        "../secret",
        "d/../../secret",
        secret.to_str().unwrap(),
        "/proc/self/root/etc/passwd",
        "absolute",
        "climbing",
        "winding",
        "dir/secret",
        "magic/etc/passwd",
        "loop",
        "a\0b",
        "",
    ];
    for path in paths {
        let error = f.read(path).unwrap_err();
        assert!(matches!(error, Error::Outside { .. } | Error::Argument { .. }), "{path:?}: {error:?}");
        assert!(f.call(Tool::List, json!({ "path": path })).is_err(), "{path:?}");
        assert!(f.call(Tool::Search, json!({ "path": path, "pattern": "canary" })).is_err(), "{path:?}");
    }
    for path in ["../secret", "dir/secret", "dir/new", "magic/tmp/new", "/tmp/new"] {
        assert!(f.write(path, "evil").is_err(), "{path:?}");
    }
    // A link in the last place is replaced, never written through.
    for path in ["absolute", "climbing", "loop"] {
        f.write(path, "inside").unwrap();
        assert!(fs::symlink_metadata(f.path(path)).unwrap().is_file());
    }
    f.secret_is_untouched();
    let found = f.call(Tool::Search, json!({ "pattern": "canary" })).unwrap();
    assert_eq!(lines(&found), []);
}

#[test]
fn links_that_stay_beneath_are_read() {
    let f = Fixture::new();
    f.put("real/file", "text");
    symlink("real", f.path("dir")).unwrap();
    symlink("../real/file", f.path("real/link")).unwrap();
    assert_eq!(f.read("dir/file").unwrap().value["content"], "text");
    assert_eq!(f.read("real/link").unwrap().value["content"], "text");
}

#[test]
fn a_swapped_link_never_shows_the_outside() {
    let f = Fixture::new();
    fs::create_dir(f.dir.path().join("out")).unwrap();
    fs::write(f.dir.path().join("out/file"), SECRET).unwrap();
    f.put("a/file", "inside");
    symlink("../out", f.path("b")).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // Exchanges the directory and the link, over and over.
                let root = fs::File::open(f.dir.path().join("in")).unwrap();
                rustix::fs::renameat_with(&root, "a", &root, "b", rustix::fs::RenameFlags::EXCHANGE).unwrap();
            }
        });
        let (mut inside, mut refused) = (0, 0);
        // At least so many rounds, and then until both sides of the race were seen.
        for round in 0..1_000_000 {
            match f.read("a/file") {
                Ok(output) => {
                    assert_ne!(output.value["content"], SECRET);
                    inside += 1;
                }
                Err(_) => refused += 1,
            }
            let _ = f.write("a/new", "evil");
            if round % 50 == 0 {
                let found = f.call(Tool::Search, json!({ "pattern": "canary" }));
                assert!(found.is_err() || lines(&found.unwrap()).is_empty());
            }
            if round > 1000 && inside > 0 && refused > 0 {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert!(inside > 0 && refused > 0, "there was no race: {inside} inside, {refused} refused");
    });
    assert!(!f.dir.path().join("out/new").try_exists().unwrap());
}

#[test]
fn hard_links_are_not_read_and_never_written_through() {
    let f = Fixture::new();
    fs::hard_link(f.dir.path().join("secret"), f.path("hard")).unwrap();
    assert!(matches!(f.read("hard"), Err(Error::HardLink { .. })));
    let found = f.call(Tool::Search, json!({ "pattern": "canary" })).unwrap();
    assert_eq!((lines(&found), &found.value["skipped"]["links"]), (vec![], &json!(1)));
    f.write("hard", "mine").unwrap();
    f.secret_is_untouched();
    assert_eq!(f.read("hard").unwrap().value["content"], "mine");
}

#[test]
fn special_files_are_refused_without_blocking() {
    let f = Fixture::new();
    let root = fs::File::open(f.path(".")).unwrap();
    rustix::fs::mkfifoat(&root, "fifo", rustix::fs::Mode::RWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(f.path("socket")).unwrap();
    fs::create_dir(f.path("dir")).unwrap();
    for name in ["fifo", "socket", "dir"] {
        assert!(matches!(f.read(name), Err(Error::Kind { .. })), "{name}");
        assert!(matches!(f.write(name, "x"), Err(Error::Kind { .. })), "{name}");
    }
    let found = f.call(Tool::Search, json!({ "pattern": "x" })).unwrap();
    assert_eq!(found.value["skipped"]["special"], 2);
    assert!(matches!(f.write(".", "x"), Err(Error::Kind { .. })));
}

#[test]
fn arguments_are_strict() {
    let f = Fixture::new();
    f.put("a", "x");
    let refused = [
        (Tool::Read, json!({ "path": "a", "mode": "rw" })),
        (Tool::Read, json!({})),
        (Tool::Read, json!({ "path": 1 })),
        (Tool::Read, json!({ "path": "a", "length": 0 })),
        (Tool::Read, json!({ "path": "a", "length": READ_BYTES_MAX + 1 })),
        (Tool::Read, json!({ "path": "a", "offset": -1 })),
        (Tool::List, json!({ "limit": 1001 })),
        (Tool::List, json!({ "cursor": "!" })),
        (Tool::Search, json!({ "pattern": "" })),
        (Tool::Search, json!({ "pattern": "(", "regex": true })),
        (Tool::Search, json!({ "pattern": "((a{100}){100}){100}", "regex": true })),
        (Tool::Search, json!({ "pattern": "a".repeat(1025) })),
        (Tool::Write, json!({ "path": "a" })),
        (Tool::Write, json!({ "path": "a\nb", "content": "" })),
        (Tool::Write, json!({ "path": "a", "content": "!", "encoding": "base64" })),
        (Tool::Write, json!({ "path": "a", "content": "y".repeat(WRITE_BYTES_MAX + 1) })),
        (Tool::Write, json!({ "path": ".git/hooks/pre-commit", "content": "" })),
        (Tool::Write, json!({ "path": "sub/.GIT/config", "content": "", "create_dirs": true })),
    ];
    for (tool, args) in refused {
        assert!(f.call(tool, args.clone()).is_err(), "{} {}", tool.id(), &args.to_string()[..args.to_string().len().min(80)]);
    }
    assert_eq!(f.read("a").unwrap().value["content"], "x");
    assert_eq!(Tool::of_id("fs.Read"), None);
    assert_eq!(Tool::of_id("fs.read"), Some(Tool::Read));
}

#[test]
fn list_pages_in_byte_order_and_bounds_memory() {
    let f = Fixture::new();
    for index in 0..2500 {
        f.put(&format!("many/{index:04}"), "");
    }
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let page = f.call(Tool::List, json!({ "path": "many", "cursor": cursor })).unwrap();
        seen.extend(names(&page).into_iter().map(str::to_owned));
        cursor = page.value["next_cursor"].clone();
        assert_eq!(page.truncated, !cursor.is_null());
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(seen, (0..2500).map(|index| format!("{index:04}")).collect::<Vec<_>>());
    let page = f.call(Tool::List, json!({ "path": "many", "limit": 2500 }));
    assert!(page.is_err());
    let exact = f.call(Tool::List, json!({ "limit": 1 })).unwrap();
    assert!(!exact.truncated);
}

#[test]
fn list_shows_kinds_sizes_and_odd_names() {
    use std::os::unix::ffi::OsStrExt;
    let f = Fixture::new();
    f.put("b\u{1b}[2J", "four");
    fs::write(f.path("x").with_file_name(std::ffi::OsStr::from_bytes(b"bad\xff")), "").unwrap();
    symlink("nowhere", f.path("link")).unwrap();
    let output = f.call(Tool::List, json!({})).unwrap();
    let entries = output.value["entries"].as_array().unwrap();
    assert_eq!(entries[0], json!({ "name": "b\u{1b}[2J", "kind": "file", "size": 4 }));
    assert_eq!(entries[1]["name_base64"], "YmFk_w");
    assert_eq!(entries[2], json!({ "name": "link", "kind": "symlink" }));
    assert!(!output.value.to_string().contains('\u{1b}'), "JSON escapes control bytes");
}

#[test]
fn read_pieces_join_to_the_whole() {
    let f = Fixture::new();
    let text = "a€".repeat(1000);
    f.put("text", &text);
    let (mut offset, mut joined) = (0, String::new());
    loop {
        let piece = f.call(Tool::Read, json!({ "path": "text", "offset": offset, "length": 7 })).unwrap();
        assert_eq!(piece.value["encoding"], "utf8");
        joined.push_str(piece.value["content"].as_str().unwrap());
        offset += piece.value["length"].as_u64().unwrap();
        if !piece.truncated {
            break;
        }
    }
    assert_eq!(joined, text);
    f.put("binary", b"\xff\xfe");
    let binary = f.read("binary").unwrap();
    assert_eq!((&binary.value["encoding"], &binary.value["content"]), (&json!("base64"), &json!("//4=")));
    let past = f.call(Tool::Read, json!({ "path": "text", "offset": u64::MAX })).unwrap();
    assert_eq!((past.value["length"].as_u64(), past.truncated), (Some(0), false));
    f.put("large", vec![b'x'; 3 << 20]);
    let large = f.read("large").unwrap();
    assert_eq!((large.value["length"].as_u64(), large.truncated), (Some(READ_BYTES_MAX), true));
}

#[test]
fn search_finds_lines() {
    let f = Fixture::new();
    f.put("a.rs", "one\ntwo two\r\nthree");
    f.put("b/c.rs", "TWO\n");
    f.put("b/c.txt", "two");
    f.put("target/x.rs", "two");
    f.put(".git/config", "two");
    f.put("bin", b"two\0two");
    f.put("huge", vec![b'a'; (SEARCH_FILE_BYTES_MAX + 1) as usize]);
    let check = |args: Value, want: &[(&str, u64)]| {
        let output = f.call(Tool::Search, args.clone()).unwrap();
        let want = want.iter().map(|(path, line)| ((*path).to_owned(), *line)).collect::<Vec<_>>();
        assert_eq!(lines(&output), want, "{args}");
        output
    };
    let all = check(json!({ "pattern": "two" }), &[("a.rs", 2), ("b/c.txt", 1), ("target/x.rs", 1)]);
    assert_eq!(all.value["skipped"]["binary"], 1);
    assert_eq!(all.value["skipped"]["large"], 1);
    assert_eq!(all.value["matches"][0]["text"], "two two");
    assert_eq!(all.value["matches"][0]["column"], 1);
    check(
        json!({ "pattern": "two", "ignore_case": true, "suffixes": [".rs"], "exclude": ["target"] }),
        &[("a.rs", 2), ("b/c.rs", 1)],
    );
    check(json!({ "pattern": "^t.*$", "regex": true, "path": "a.rs" }), &[("a.rs", 2), ("a.rs", 3)]);
    check(json!({ "pattern": "$", "regex": true, "path": "b/c.rs" }), &[("b/c.rs", 1)]);
    check(json!({ "pattern": "t.o", "path": "b" }), &[]);
    let cut = f.call(Tool::Search, json!({ "pattern": "two", "max_matches": 1 })).unwrap();
    assert_eq!((lines(&cut).len(), cut.truncated), (1, true));
    f.put("long", format!("needle{}", "x".repeat(10_000)));
    let long = f.call(Tool::Search, json!({ "pattern": "needle" })).unwrap();
    assert_eq!(long.value["matches"][0]["text"].as_str().unwrap().len(), SEARCH_LINE_BYTES_MAX);
    assert_eq!(long.value["matches"][0]["cut"], true);
}

#[test]
fn search_enters_no_deeper_than_its_limit() {
    let f = Fixture::new();
    let deep = "d/".repeat(SEARCH_DEPTH_MAX + 2);
    f.put(&format!("{deep}file"), "needle");
    let output = f.call(Tool::Search, json!({ "pattern": "needle" })).unwrap();
    assert_eq!((lines(&output).len(), &output.value["skipped"]["deep"]), (0, &json!(1)));
}

#[test]
fn write_replaces_as_a_whole() {
    let f = Fixture::new();
    let made = f.write("new", "content").unwrap();
    let sha256 = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
    assert_eq!(made.value, json!({ "path": "new", "bytes": 7, "sha256": sha256 }));
    fs::set_permissions(f.path("new"), fs::Permissions::from_mode(0o4750)).unwrap();
    let before = fs::metadata(f.path("new")).unwrap().ino();
    f.write("new", "other").unwrap();
    let after = fs::metadata(f.path("new")).unwrap();
    assert_ne!(after.ino(), before, "another name of the old file must keep its content");
    assert_eq!(after.permissions().mode() & 0o7777, 0o750);
    assert!(matches!(f.write("no/such", "x"), Err(Error::NotFound { .. })));
    f.call(Tool::Write, json!({ "path": "x/y/z", "content": "AAE=", "encoding": "base64", "create_dirs": true })).unwrap();
    assert_eq!(fs::read(f.path("x/y/z")).unwrap(), [0, 1]);
    let output = f.call(Tool::List, json!({})).unwrap();
    assert_eq!(names(&output), ["new", "x"], "no temporary file stays");
}

#[test]
fn verify_compares_the_whole_content() {
    let f = Fixture::new();
    let args = json!({ "path": "a", "content": "hello" });
    let check = |want: Verdict| assert_eq!(f.workspace.verify_write(&args).unwrap(), want);
    check(Verdict::NotLanded);
    f.put("a", "hellO");
    check(Verdict::NotLanded);
    f.put("a", "hello\n");
    check(Verdict::NotLanded);
    let result = f.call(Tool::Write, args.clone()).unwrap().value;
    check(Verdict::Landed { result });
}

#[test]
fn a_withdrawn_call_stops_and_changes_nothing() {
    let f = Fixture::new();
    f.put("a", "old");
    let calls = [
        (Tool::Read, json!({ "path": "a" })),
        (Tool::List, json!({})),
        (Tool::Search, json!({ "pattern": "old" })),
        (Tool::Write, json!({ "path": "a", "content": "new" })),
    ];
    for (tool, args) in calls {
        assert!(matches!(f.workspace.call(tool, &args, &|| true), Err(Error::Cancelled)), "{}", tool.id());
    }
    assert_eq!(fs::read_to_string(f.path("a")).unwrap(), "old");
}
