//! What the demonstration prints, kept for the comparison with README.md.

use std::cell::RefCell;
use std::path::Path;

use crate::say;
use crate::transcript::LEFT_OUT;

/// Characters of a line that are shown; arguments of a call can be long.
const LINE_CHARS_MAX: usize = 120;

/// Everything that was printed so far.
#[derive(Debug, Default)]
pub(super) struct Script {
    left_out: Vec<String>,
    lines: RefCell<Vec<String>>,
}

impl Script {
    /// One that leaves out these folders of the machine wherever they stand.
    pub(super) fn without(folders: &[&Path]) -> Self {
        Self { left_out: folders.iter().map(|folder| format!("{}/", folder.display())).collect(), lines: RefCell::default() }
    }

    /// Prints lines and keeps them; long ones are cut.
    pub(super) fn line(&self, text: &str) {
        text.split('\n').for_each(|line| self.print(shortened(&self.without_folders(line))));
    }

    /// Prints a line and keeps it, however long it is.
    pub(super) fn whole(&self, line: &str) {
        self.print(self.without_folders(line));
    }

    fn without_folders(&self, line: &str) -> String {
        let gap = format!("{LEFT_OUT}/");
        self.left_out.iter().fold(line.to_owned(), |line, folder| line.replace(folder.as_str(), &gap))
    }

    fn print(&self, line: String) {
        say::line(&line);
        self.lines.borrow_mut().push(line);
    }

    /// What was printed so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LINE_CHARS_MAX) {
        None => line.to_owned(),
        Some((at, _)) => format!("{}{LEFT_OUT}", line.get(..at).unwrap_or(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE_CHARS_MAX, Script, shortened};

    #[test]
    fn long_lines_are_cut_between_characters() {
        assert_eq!(shortened("é"), "é");
        assert_eq!(shortened(&"é".repeat(200)).chars().count(), LINE_CHARS_MAX + 1);
    }

    #[test]
    fn folders_of_the_machine_are_left_out() {
        let script = Script::without(&["/home/ann/target/demo".as_ref(), "/home/ann/target/debug".as_ref()]);
        script.line("keep /home/ann/target/demo/box\nrun /home/ann/target/debug/x on /home/ann/other");
        assert_eq!(script.lines(), ["keep …/box", "run …/x on /home/ann/other"]);
        script.whole(&"x".repeat(300));
        assert_eq!(script.lines().last().map(String::len), Some(300));
    }
}
