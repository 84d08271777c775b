//! A discovery document, as far as keys need it. Nothing is asked here, so that the fuzz target `discovery` can include this file.

use serde::Deserialize;

/// Longest name of another issuer that is shown, in characters.
const SHOWN_MAX: usize = 200;

/// What is used of a document.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    /// The issuer, as its tokens name it.
    pub(super) issuer: String,
    /// Where its keys are.
    pub(super) jwks_uri: String,
}

/// Judges the document of this issuer; what is wrong with it, in words.
pub(super) fn judge(issuer: &str, body: &[u8]) -> Result<Document, String> {
    let document: Document = serde_json::from_slice(body).map_err(|error| format!("it is no discovery document: {error}"))?;
    // A document of somebody else would make their tokens count (§4.3: the values must be identical).
    if document.issuer != issuer {
        let found: String = document.issuer.chars().take(SHOWN_MAX).collect();
        return Err(format!("it is the document of the issuer `{}`", found.escape_debug()));
    }
    Ok(document)
}
