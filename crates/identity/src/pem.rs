//! PEM (RFC 7468), written without leaving copies of a secret behind.

use zeroize::Zeroizing;

use crate::encoding::to_base64;

/// Characters of base64 on a line (RFC 7468 §2).
const LINE_LEN: usize = 64;

/// Room for the two boundary lines, in bytes.
const BOUNDARIES_LEN: usize = 80;

/// The PEM text of `der` under `label`.
pub(crate) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(to_base64(der));
    // Room for all at once: a growing string would leave copies of a secret in freed memory.
    let capacity = body.len() + body.len() / LINE_LEN + 2 * label.len() + BOUNDARIES_LEN;
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    for part in ["-----BEGIN ", label, "-----\n"] {
        text.push_str(part);
    }
    for (place, character) in body.chars().enumerate() {
        if place > 0 && place % LINE_LEN == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    for part in ["\n-----END ", label, "-----\n"] {
        text.push_str(part);
    }
    text
}
