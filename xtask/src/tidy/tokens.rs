//! A Rust file as a flat list of tokens: what is inside macros counts too, comments do not.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One token; groups are flattened into their two delimiters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its text; `::` is two tokens.
    pub(crate) text: String,
    /// Line from 1.
    pub(crate) line: usize,
    /// The value, for a string literal.
    pub(crate) string: Option<String>,
}

/// Flattens `stream`.
pub(crate) fn flatten(stream: TokenStream) -> Vec<Token> {
    let mut tokens = Vec::new();
    push_all(stream, &mut tokens);
    tokens
}

fn push_all(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = delimiters(group.delimiter());
                push(open, line, tokens);
                push_all(group.stream(), tokens);
                push(close, group.span_close().start().line, tokens);
            }
            TokenTree::Ident(ident) => push(&ident.to_string(), line, tokens),
            TokenTree::Punct(punct) => push(&punct.as_char().to_string(), line, tokens),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let string = syn::parse_str::<syn::LitStr>(&text).ok().map(|parsed| parsed.value());
                tokens.push(Token { text, line, string });
            }
        }
    }
}

fn delimiters(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

fn push(text: &str, line: usize, tokens: &mut Vec<Token>) {
    if !text.is_empty() {
        tokens.push(Token { text: text.to_owned(), line, string: None });
    }
}

/// Where `pattern` (a token text each) begins in `tokens`; an empty pattern is nowhere.
pub(crate) fn find_all(tokens: &[Token], pattern: &[&str]) -> Vec<usize> {
    if pattern.is_empty() {
        return Vec::new();
    }
    tokens
        .windows(pattern.len())
        .enumerate()
        .filter(|(_, window)| window.iter().zip(pattern).all(|(token, wanted)| token.text == *wanted))
        .map(|(at, _)| at)
        .collect()
}

/// The tokens between the delimiter at `open` and its partner, both left out.
pub(crate) fn group(tokens: &[Token], open: usize) -> &[Token] {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return tokens.get(open + 1..at).unwrap_or_default();
                }
            }
            _ => {}
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::{find_all, flatten, group};

    #[test]
    fn finds_inside_macros_and_ignores_comments() {
        let text = "fn f() { select! { x = a.commit() => {} } /* b.commit() */ } // c.commit()";
        let tokens = flatten(text.parse().unwrap());
        assert_eq!(find_all(&tokens, &[".", "commit", "(", ")"]).len(), 1);
        assert_eq!(find_all(&tokens, &[]).len(), 0);
    }

    #[test]
    fn a_group_ends_at_its_own_partner() {
        let tokens = flatten("a ( b ( c ) d ) e".parse().unwrap());
        let inner: Vec<_> = group(&tokens, 1).iter().map(|t| t.text.as_str()).collect();
        assert_eq!(inner, ["b", "(", "c", ")", "d"]);
    }
}
