//! Fenced blocks of Markdown (CommonMark 0.31 §4.5, fences of three backticks at the begin of a line).

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// The line of its opening fence, counted from 1.
    pub(crate) line: usize,
    /// The word behind the fence; empty where there is none.
    pub(crate) language: &'a str,
    /// Its lines.
    pub(crate) lines: Vec<&'a str>,
}

/// The fenced blocks of a document; one that is not closed goes to its end.
pub(crate) fn blocks(document: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = false;
    for (at, line) in document.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                open = true;
                blocks.push(Block { line: at + 1, language: language.trim(), lines: Vec::new() });
            }
            None if open => {
                if let Some(block) = blocks.last_mut() {
                    block.lines.push(line);
                }
            }
            None => {}
        }
    }
    blocks
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
}
