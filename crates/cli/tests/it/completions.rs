//! Completions and man pages come from the same tree as the help.

use std::process::{Command, Stdio};

use super::program::Home;

#[test]
fn shells() {
    let home = Home::new();
    for (shell, part) in [("bash", "complete -F"), ("zsh", "#compdef scalbotics"), ("fish", "complete -c scalbotics")] {
        let ran = home.run(&["completion", shell]);
        assert!(ran.code == 0 && ran.stdout.contains(part) && ran.stdout.contains("approval"), "{shell}: {}", ran.stderr);
        std::fs::write(home.path(shell), &ran.stdout).unwrap();
    }
    let checked = Command::new("bash").arg("-n").arg(home.path("bash")).stdin(Stdio::null()).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert_eq!(home.run(&["completion", "no-shell"]).code, 2);
}

#[test]
fn man_pages() {
    let home = Home::new();
    let ran = home.run(&["man", "man"]);
    assert!(ran.code == 0 && ran.stdout.is_empty(), "{ran:?}");
    let pages: Vec<_> = std::fs::read_dir(home.path("man")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(pages.len() > 40, "{pages:?}");
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap();
        assert!(text.contains(".TH ") && text.contains("SH SYNOPSIS"), "{}", page.display());
    }
    assert!(home.path("man/scalbotics-task-run.1").is_file());
    std::fs::write(home.path("file"), "").unwrap();
    let ran = home.run(&["man", "file/below"]);
    assert!(ran.code == 1 && ran.stderr.contains("[CLI_MAN]"), "{ran:?}");
}
