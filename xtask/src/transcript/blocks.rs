//! Fenced blocks of Markdown (CommonMark 0.31 §4.5, fences of three backticks at the begin of a line).

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// The line of its opening fence, counted from 1.
    pub(crate) line: usize,
    /// The word behind the fence; empty where there is none.
    pub(crate) language: &'a str,
    /// The file that it is: the line before it ends in the path as code, and a colon.
    pub(crate) file: Option<&'a str>,
    /// Its lines.
    pub(crate) lines: Vec<&'a str>,
}

/// The fenced blocks of a document; one that is not closed goes to its end.
pub(crate) fn blocks(document: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let (mut open, mut before) = (false, "");
    for (at, line) in document.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                open = true;
                blocks.push(Block { line: at + 1, language: language.trim(), file: file(before), lines: Vec::new() });
            }
            None if open => {
                if let Some(block) = blocks.last_mut() {
                    block.lines.push(line);
                }
            }
            None => {}
        }
        if !line.trim().is_empty() {
            before = line;
        }
    }
    blocks
}

/// The path in "Write `a/b.yaml`:".
fn file(line: &str) -> Option<&str> {
    let path = line.strip_suffix("`:")?.rsplit('`').next()?;
    (!path.is_empty() && !path.contains(char::is_whitespace)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::blocks;

    const DOCUMENT: &str = "# A\n```console\nnote\n$ a b\n1\n\n$ c\n```\ntext\n```\nplain\n```\n```text\nopen\n";

    #[test]
    fn fences_and_their_words() {
        let found = blocks(DOCUMENT);
        let heads: Vec<_> = found.iter().map(|block| (block.line, block.language, block.lines.len())).collect();
        assert_eq!(heads, [(2, "console", 5), (10, "", 1), (13, "text", 1)]);
    }

    #[test]
    fn a_block_that_is_a_file() {
        for (before, wanted) in [
            ("Write `a/b.yaml`:\n\n", Some("a/b.yaml")),
            ("And `b.sh`:\n", Some("b.sh")),
            ("Say `b c`:\n", None),
            ("`b`: so\n", None),
            ("`b`:\nso\n", None),
            ("", None),
        ] {
            let document = format!("{before}```yaml\na: 1\n```\n");
            assert_eq!(blocks(&document).first().map(|block| block.file), Some(wanted), "{before}");
        }
    }
}
