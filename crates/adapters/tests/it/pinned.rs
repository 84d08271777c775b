//! What a risky call depends on beside its arguments: resolved once, and run from copies of exactly those bytes (semantics §2.3).

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use scalbotics_adapters::tool::process::{self, PINNED_BYTES_MAX, Pinned};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::EffectId;
use scalbotics_core::ports::ToolRunner;
use scalbotics_core::tool::{Call, Definition, NotDone, Outcome, ResolvedInput, Verification};
use serde_json::{Value, json};

use crate::fixture::{Fixture, Test, runtime, script};
use crate::port::{NEVER, World, call, landed, own, warrant};

pub(crate) const TESTS: &[Test] = &[
    ("sem_2_3_a_pinned_program_runs_from_its_copy_under_its_own_name", program),
    ("sem_2_3_scripts_of_interpreters_are_pinned_and_run", scripts),
    ("sem_2_3_scripts_and_loaded_programs_run_as_programs", programs_of_other_programs),
    ("sem_2_3_what_changed_before_the_run_is_not_run", changed_before),
    ("sem_2_3_the_same_bytes_are_the_same_input", same_bytes),
    ("sem_2_3_a_file_that_appeared_since_is_a_change", appeared),
    ("sem_2_3_what_changes_during_the_run_changes_nothing_for_the_tool", changed_during),
    ("sem_2_3_copies_cannot_be_changed_and_the_original_is_not_there", read_only),
    ("sem_2_3_runs_at_once_do_not_see_each_others_copies", at_once),
    ("sem_2_3_what_is_too_large_is_not_resolved", too_large),
    ("sem_2_3_verify_runs_as_it_was_approved_or_not_at_all", verify),
    ("a_file_named_twice_is_copied_once", named_twice),
    ("a_pin_beyond_argv_runs_nothing", beyond_argv),
];

/// A script that leaves a trace in the mount `out`, and says so.
const TRACE: &str = "#!/bin/sh\necho ran >\"$SCALBOTICS_MOUNT_OUT/ran\"; echo ran\n";

impl World {
    /// An executable file in the directory `tools`, which no mount and no manifest shows to the tool.
    fn put(&self, name: &str, text: &str) -> PathBuf {
        std::fs::create_dir_all(self.f.path("tools")).unwrap();
        let path = self.f.path("tools").join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    /// The call as it is shown to an approver.
    fn asked(&self, tool: &Definition) -> Call {
        let mut call = call(tool, &json!({}));
        call.inputs = runtime().block_on(self.runner.resolve(tool, &call)).unwrap();
        call
    }

    fn run_call(&self, tool: &Definition, call: Call) -> Outcome {
        runtime().block_on(self.runner.run(tool, warrant(call), &NEVER))
    }

    /// Asked and run with nothing between.
    #[track_caller]
    fn ran(&self, argv: &Value) -> String {
        let tool = risky(argv);
        landed(self.run_call(&tool, self.asked(&tool)))
    }

    fn copy(&self, argument: usize, name: &str) -> String {
        self.f.path(&format!("run/pinned/{argument}/{name}")).to_str().unwrap().to_owned()
    }
}

fn risky(argv: &Value) -> Definition {
    own("opaque", "", json!({ "argv": argv, "tier": 2, "workspace": "write" }))
}

fn input(kind: &str, path: &Path) -> ResolvedInput {
    let digest = Digest::of_bytes(&std::fs::read(path).unwrap());
    ResolvedInput { name: format!("{kind} {}", path.display()), digest }
}

fn program() {
    let w = World::new();
    let text = r"readlink /proc/$$/exe; tr '\0' '\n' </proc/$$/cmdline; exit 0";
    let argv = json!(["/bin/sh", "-c", text, "zero"]);
    assert_eq!(w.asked(&risky(&argv)).inputs, [input("program", Path::new("/bin/sh"))]);
    assert_eq!(w.ran(&argv), format!("{}\n/bin/sh\n-c\n{text}\nzero\n", w.copy(0, "sh")));
    assert!(w.f.is_clean());
}

fn scripts() {
    let w = World::new();
    let rows = [
        ("/bin/sh", r#"echo "$0 $*""#),
        ("/usr/bin/perl", r#"print "$0 @ARGV\n""#),
        ("/usr/bin/python3", "import sys; print(*sys.argv)"),
    ];
    let there = rows.iter().filter(|(interpreter, _)| Path::new(interpreter).try_exists().unwrap()).collect::<Vec<_>>();
    assert!(there.len() >= 2, "Debian has the first two always");
    for (interpreter, text) in there {
        let script = w.put("script", text);
        let argv = json!([interpreter, script, "a b", "--c"]);
        let want = [input("program", Path::new(interpreter)), input("file", &script)];
        assert_eq!(w.asked(&risky(&argv)).inputs, want);
        assert_eq!(w.ran(&argv), format!("{} a b --c\n", w.copy(1, "script")), "{interpreter}");
    }
}

/// What the kernel starts for such a program is the system's, and not bound.
fn programs_of_other_programs() {
    let w = World::new();
    for line in ["#!/bin/sh\necho \"$0 $1\"\n", "#!/usr/bin/env perl\nprint \"$0 @ARGV\\n\"\n"] {
        let script = w.put("script", line);
        assert_eq!(w.asked(&risky(&json!([script, "x"]))).inputs, [input("program", &script)]);
        assert_eq!(w.ran(&json!([script, "x"])), format!("{} x\n", w.copy(0, "script")), "{line}");
    }
    let loaders = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-linux-riscv64-lp64d.so.1"];
    let loader = loaders.into_iter().find(|path| Path::new(path).try_exists().unwrap()).unwrap();
    assert_eq!(w.ran(&json!([loader, "/bin/echo", "loaded"])), "loaded\n");

    // A copy is no more executable than its original.
    let plain = w.put("plain", TRACE);
    std::fs::set_permissions(&plain, PermissionsExt::from_mode(0o644)).unwrap();
    let tool = risky(&json!([plain]));
    let outcome = w.run_call(&tool, w.asked(&tool));
    assert!(matches!(outcome, Outcome::NeverLeft { reason: NotDone::Unavailable { .. } }), "{outcome:?}");
}

/// A name, and what is done to the file at a path.
type Change = (&'static str, fn(&Path));

/// Ways in which a file stops being what it was.
const CHANGES: [Change; 11] = [
    ("renamed over", |path| {
        std::fs::write(path.with_extension("new"), "#!/bin/sh\necho other\n").unwrap();
        std::fs::set_permissions(path.with_extension("new"), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::rename(path.with_extension("new"), path).unwrap();
    }),
    ("rewritten in place, with the old size and time", |path| {
        let before = std::fs::metadata(path).unwrap();
        let text = std::fs::read_to_string(path).unwrap().replace("echo ran", "echo RAN");
        let mut file = std::fs::File::options().write(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.set_modified(before.modified().unwrap()).unwrap();
        assert_eq!(file.metadata().unwrap().len(), before.len());
    }),
    ("longer", |path| std::fs::File::options().append(true).open(path).unwrap().write_all(b"#").unwrap()),
    ("empty", |path| drop(std::fs::File::create(path).unwrap())),
    ("larger than can be copied", |path| std::fs::File::create(path).unwrap().set_len(PINNED_BYTES_MAX + 1).unwrap()),
    ("removed", |path| std::fs::remove_file(path).unwrap()),
    ("a directory", |path| {
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
    }),
    ("a FIFO", |path| {
        std::fs::remove_file(path).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
    }),
    ("a link to another file", |path| {
        std::fs::remove_file(path).unwrap();
        symlink("/bin/true", path).unwrap();
    }),
    ("a link to itself", |path| {
        std::fs::remove_file(path).unwrap();
        symlink(path, path).unwrap();
    }),
    ("behind a link to another directory", |path| {
        let dir = path.parent().unwrap();
        std::fs::rename(dir, dir.with_extension("old")).unwrap();
        std::fs::create_dir(dir.with_extension("new")).unwrap();
        std::fs::copy("/bin/true", dir.with_extension("new").join(path.file_name().unwrap())).unwrap();
        symlink(dir.with_extension("new"), dir).unwrap();
    }),
];

fn changed_before() {
    for (how, change) in CHANGES {
        for (kind, interpreter) in [("program", None), ("file", Some("/bin/sh"))] {
            let w = World::new();
            let script = w.put("script", TRACE);
            let argv = interpreter.into_iter().chain(script.to_str()).collect::<Vec<_>>();
            let tool = risky(&json!(argv));
            let call = w.asked(&tool);
            change(&script);
            let outcome = w.run_call(&tool, call);
            let want = NotDone::Changed { input: format!("{kind} {}", script.display()) };
            assert_eq!(outcome, Outcome::NeverLeft { reason: want }, "{kind}, {how}");
            assert!(!w.f.path("out/ran").try_exists().unwrap(), "{kind}, {how}");
            assert!(w.f.is_clean());
        }
    }
}

fn same_bytes() {
    let w = World::new();
    let script = w.put("script", TRACE);
    let tool = risky(&json!([script]));
    let call = w.asked(&tool);
    let other = w.put("other", TRACE);
    std::fs::rename(&other, &script).unwrap();
    assert_eq!(landed(w.run_call(&tool, call.clone())), "ran\n");
    w.put("other", TRACE);
    std::fs::remove_file(&script).unwrap();
    symlink("other", &script).unwrap();
    assert_eq!(landed(w.run_call(&tool, call)), "ran\n");
}

fn appeared() {
    for before in ["nothing", "a directory"] {
        let w = World::new();
        w.put("beside", "");
        let script = w.f.path("tools/script");
        if before == "a directory" {
            std::fs::create_dir(&script).unwrap();
        }
        let tool = risky(&json!(["/bin/sh", script]));
        let call = w.asked(&tool);
        assert_eq!(call.inputs.len(), 1, "{before} is no input");
        if before == "a directory" {
            std::fs::remove_dir(&script).unwrap();
        }
        w.put("script", TRACE);
        let outcome = w.run_call(&tool, call);
        let want = NotDone::Changed { input: format!("file {}", script.display()) };
        assert_eq!(outcome, Outcome::NeverLeft { reason: want }, "{before}");
        assert!(!w.f.path("out/ran").try_exists().unwrap());
    }
}

/// A tool that looks at its own file when it is told to.
const LATE: &str = "touch \"$SCALBOTICS_MOUNT_OUT/started\"\n\
    while [ ! -e \"$SCALBOTICS_MOUNT_OUT/go\" ]; do sleep 0.01; done\ntail -n 1 \"$0\"\n# approved\n";

fn changed_during() {
    let (pinned, loose) = (json!({ "tier": 2 }), json!({ "tier": 1 }));
    // The tools that nobody approves show that these changes reach a tool that is not pinned.
    for (more, want) in [(&pinned, "# approved\n"), (&loose, "# replaced\n")] {
        for in_place in [true, false] {
            let w = World::new();
            let script = w.put("script", LATE);
            let mut more = more.clone();
            more["argv"] = json!(["/bin/sh", script]);
            more["workspace"] = json!("write");
            more["read_paths"] = json!([w.f.path("tools")]);
            let tool = own("opaque", "", more.clone());
            let call = if more["tier"] == 2 { w.asked(&tool) } else { call(&tool, &json!({})) };
            let replace = async {
                while !w.f.path("out/started").try_exists().unwrap() {
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
                let text = LATE.replace("approved", "replaced");
                if in_place {
                    std::fs::write(&script, text).unwrap();
                } else {
                    std::fs::rename(w.put("other", &text), &script).unwrap();
                }
                std::fs::write(w.f.path("out/go"), "").unwrap();
            };
            let both = async { tokio::join!(w.runner.run(&tool, warrant(call), &NEVER), replace) };
            let (outcome, ()) = runtime().block_on(both);
            assert_eq!(landed(outcome), want, "in place: {in_place}, {more}");
        }
    }
}

fn read_only() {
    let w = World::new();
    let original = w.f.path("tools/script");
    let text = format!(
        "exec 2>/dev/null\n\
         for way in 'echo x >>\"$0\"' 'truncate -s 0 \"$0\"' 'rm -f \"$0\"' 'mv \"$0\" \"$0.old\"' 'chmod 777 \"$0\"' 'ln -s x \"$0.link\"' \
         'touch \"${{0%/*}}/new\"' 'mkdir \"${{0%/*/*}}/9\"' 'cp /bin/true \"$1\"' 'cat {}'; do\n\
         (eval \"$way\") >/dev/null && echo \"done: $way\"; done\n\
         stat -c %a \"$0\" \"$1\"; tail -n 1 \"$0\"; cat \"$1\"\n# the end\n",
        original.display()
    );
    w.put("script", &text);
    let data = w.put("data", "data\n");
    std::fs::set_permissions(&data, PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(w.ran(&json!(["/bin/sh", original, data])), "555\n444\n# the end\ndata\n");
    assert_eq!(std::fs::read_to_string(&original).unwrap(), text);
    assert!(w.f.is_clean());
}

fn at_once() {
    let w = World::new();
    let look = |name: &str| {
        let text = format!(
            "touch \"$SCALBOTICS_MOUNT_OUT/{name}\"; for other in a b; do \
             while [ ! -e \"$SCALBOTICS_MOUNT_OUT/$other\" ]; do sleep 0.01; done; done; find {} -type f | sort\n",
            w.f.path("run/pinned").display()
        );
        let tool = risky(&json!(["/bin/sh", w.put(name, &text)]));
        let call = w.asked(&tool);
        (tool, call)
    };
    let ((a, call_a), (b, mut call_b)) = (look("a"), look("b"));
    call_b.effect = EffectId::from_u128(8);
    let (said_a, said_b) = runtime()
        .block_on(async { tokio::join!(w.runner.run(&a, warrant(call_a), &NEVER), w.runner.run(&b, warrant(call_b), &NEVER)) });
    assert_eq!(landed(said_a), format!("{}\n{}\n", w.copy(0, "sh"), w.copy(1, "a")));
    assert_eq!(landed(said_b), format!("{}\n{}\n", w.copy(0, "sh"), w.copy(1, "b")));
    assert_eq!(std::fs::read_dir(w.f.path("run/pinned")).unwrap().count(), 0, "nothing of it is seen outside");
    assert!(w.f.is_clean());
}

fn too_large() {
    let w = World::new();
    // With holes, so that nothing of this size is written or read.
    let large = |name: &str, bytes: u64| {
        let path = w.put(name, "");
        std::fs::File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap();
        path
    };
    let program = large("program", PINNED_BYTES_MAX + 1);
    let rest = large("rest", PINNED_BYTES_MAX);
    for (argv, named) in [(json!([program]), &program), (json!(["/bin/sh", rest]), &rest)] {
        let tool = risky(&argv);
        let resolved = runtime().block_on(w.runner.resolve(&tool, &call(&tool, &json!({}))));
        let reason = resolved.unwrap_err().to_string();
        assert!(reason.contains(named.to_str().unwrap()) && reason.contains("more than 536870912 bytes"), "{reason}");
    }
}

fn verify() {
    let w = World::new();
    let check = w.put("check", "echo looked >>\"$SCALBOTICS_MOUNT_OUT/looked\"; echo there\n");
    let more = json!({ "argv": ["/bin/true"], "verify": ["/bin/sh", check], "tier": 2, "workspace": "write" });
    let tool = own("verifiable", "", more);
    let call = w.asked(&tool);
    let program = |path| input("program", Path::new(path));
    assert_eq!(call.inputs, [program("/bin/true"), program("/bin/sh"), input("file", &check)]);
    let ask = || runtime().block_on(w.runner.verify(&tool, &call));
    assert_eq!(ask(), (Verification::Landed, Some(b"there\n".to_vec())));
    w.put("check", "echo looked >>\"$SCALBOTICS_MOUNT_OUT/looked\"; exit 1\n");
    assert_eq!(ask(), (Verification::Unknown, None));
    assert_eq!(crate::fixture::text(&w.f.path("out/looked")), "looked\n");
}

fn named_twice() {
    let w = World::new();
    let script = w.put("script", "echo \"$0 $1\"; find \"${0%/*/*}\" -type f | sort\n");
    let copy = w.copy(1, "script");
    assert_eq!(w.ran(&json!(["/bin/sh", script, script])), format!("{copy} {copy}\n{}\n{copy}\n", w.copy(0, "sh")));
}

fn beyond_argv() {
    let f = Fixture::new();
    let mut job = script("echo ran");
    job.pinned = vec![Pinned { argument: 9, digest: Digest::of_bytes(b"") }];
    let finished = f.run(&job);
    let process::Outcome::NeverStarted(refusal) = &finished.outcome else { panic!("{:?}", finished.outcome) };
    assert!(refusal.reason.contains("argv is shorter"), "{refusal}");
    assert_eq!(finished.stdout.total, 0);
}
