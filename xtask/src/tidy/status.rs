//! In the daemon only `rpc/status.rs` chooses gRPC codes: everything else gives it an error of its own.

use super::finding::Finding;
use super::tokens;
use super::tree::Tree;

const FOLDER: &str = "crates/daemon/src/";

/// The one file that knows codes.
const OWNER: &str = "crates/daemon/src/rpc/status.rs";

/// `Status::` functions that choose a code.
const CONSTRUCTORS: &[&str] = &[
    "new",
    "with_details",
    "with_metadata",
    "with_details_and_metadata",
    "ok",
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
    "from_error",
];

/// Codes chosen elsewhere.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources.iter().filter(|s| s.path.starts_with(FOLDER) && s.path != OWNER) {
        let tokens = source.production_tokens();
        let word = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
        let codes = tokens::find_all(&tokens, &["tonic", ":", ":", "Code"]);
        let statuses = tokens::find_all(&tokens, &["Status", ":", ":"]);
        let imports = tokens::find_all(&tokens, &["use", "tonic", ":", ":", "{"]);
        let constructed = statuses.into_iter().filter(|at| CONSTRUCTORS.contains(&word(at + 3)) && word(at + 4) == "(");
        let imported = imports.into_iter().filter(|at| tokens::group(&tokens, at + 4).iter().any(|token| token.text == "Code"));
        for at in codes.into_iter().chain(constructed).chain(imported) {
            let line = tokens.get(at).map_or(0, |token| token.line);
            let message = format!("only {OWNER} chooses gRPC codes: return an error that it maps");
            findings.push(Finding::failure(&source.path, line, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::{OWNER, check};

    #[test]
    fn a_code_outside_its_owner_is_found() {
        let service = "crates/daemon/src/rpc/task_service.rs";
        let cases = [
            (service, "fn f() { Err(Status::not_found(\"x\")) }", 1),
            (service, "fn f() { Err(tonic::Status::new(c, \"x\")) }", 1),
            (service, "use tonic::Code;", 1),
            (service, "use tonic::{Request, Code};", 1),
            (service, "use tonic::{Request, Status};\nfn f() -> Status { Status::from(e) }", 0),
            (service, "#[cfg(test)]\nmod tests { use tonic::Code; }", 0),
            (OWNER, "fn f() { Status::internal(\"x\") }", 0),
            ("crates/cli/src/exit.rs", "use tonic::Code;", 0),
        ];
        for (path, text, wanted) in cases {
            assert_eq!(check(&tree(&[(path, text)])).len(), wanted, "{path} {text}");
        }
    }
}
