//! Blocks of the file that a verb adds or takes away; everything else in it stays as somebody wrote it.

use scalbotics_core::tenant::Name;
use toml::{Table, Value};

use super::TrustedIssuer;

/// The line that begins the block of an issuer.
const HEADER: &str = "[[issuer.trusted]]";

/// What tables of such a block begin with.
const INSIDE: &str = "[issuer.trusted.";

/// The text with the block of one issuer more at its end.
pub(crate) fn with_issuer(text: &str, issuer: &TrustedIssuer) -> String {
    let word = |text: &str| Value::String(text.to_owned()).to_string();
    let table = |map: &std::collections::BTreeMap<String, Name>| {
        let table: Table = map.iter().map(|(key, name)| (key.clone(), Value::String(name.to_string()))).collect();
        Value::Table(table).to_string()
    };
    let mut block = format!("{HEADER}\nurl = {}\naudience = {}\n", word(&issuer.url), word(&issuer.audience));
    block.push_str(&format!("tenants = {}\n", table(&issuer.tenants)));
    if !issuer.groups.is_empty() {
        block.push_str(&format!("groups = {}\n", table(&issuer.groups)));
    }
    let (claims, usual) = (&issuer.claims, super::IssuerClaims::default());
    let named = [
        ("tenant", &claims.tenant, &usual.tenant),
        ("groups", &claims.groups, &usual.groups),
        ("name", &claims.name, &usual.name),
    ];
    let named: Vec<String> =
        named.iter().filter(|(_, said, usual)| said != usual).map(|(name, said, _)| format!("{name} = {}", word(said))).collect();
    if !named.is_empty() {
        block.push_str(&format!("claims = {{ {} }}\n", named.join(", ")));
    }
    if !issuer.algorithms.is_empty() {
        let algorithms: Vec<Value> = issuer.algorithms.iter().cloned().map(Value::String).collect();
        block.push_str(&format!("algorithms = {}\n", Value::Array(algorithms)));
    }
    format!("{}\n\n{block}", text.trim_end())
}

/// The text without the block of an issuer; none where there is no block that can be taken out by its lines.
pub(crate) fn without_issuer(text: &str, url: &str) -> Option<String> {
    let mut kept = String::new();
    let mut block: Option<String> = None;
    let mut found = false;
    let is_it = |block: &str| {
        let table: Option<Table> = toml::from_str(block).ok();
        let listed =
            table.as_ref().and_then(|table| table.get("issuer")?.get("trusted")?.as_array()?.first()?.get("url")?.as_str());
        listed == Some(url)
    };
    for line in text.split_inclusive('\n') {
        let head = line.trim();
        let begins = head == HEADER;
        if begins || (head.starts_with('[') && !head.starts_with(INSIDE)) {
            match block.take() {
                Some(done) if is_it(&done) => found = true,
                Some(done) => kept.push_str(&done),
                None => {}
            }
        }
        match &mut block {
            Some(block) => block.push_str(line),
            None if begins => block = Some(line.to_owned()),
            None => kept.push_str(line),
        }
    }
    match block {
        Some(done) if is_it(&done) => found = true,
        Some(done) => kept.push_str(&done),
        None => {}
    }
    found.then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::super::{IssuerClaims, Settings};
    use super::*;

    fn issuer(url: &str) -> TrustedIssuer {
        let name = |text: &str| Name::parse(text).unwrap();
        TrustedIssuer {
            url: url.to_owned(),
            audience: "a \"b\"".to_owned(),
            tenants: [("t 1".to_owned(), name("acme"))].into(),
            groups: [("Platform\n".to_owned(), name("admins"))].into(),
            claims: IssuerClaims { tenant: "tid".to_owned(), ..IssuerClaims::default() },
            algorithms: vec!["RS256".to_owned()],
        }
    }

    fn read(text: &str) -> Vec<TrustedIssuer> {
        toml::from_str::<Settings>(text).unwrap().issuer.trusted
    }

    #[test]
    fn what_is_added_is_read_and_taken_away_again() {
        let text = "# mine\n[log]\nlevel = \"warn\" # loud\n\n[issuer]\nbreak_glass = true\n";
        let one = with_issuer(text, &issuer("https://a"));
        assert!(one.starts_with(text.trim_end()), "{one}");
        assert_eq!(read(&one), [issuer("https://a")]);
        let mut plain = issuer("https://b");
        (plain.groups, plain.claims, plain.algorithms) = (Default::default(), IssuerClaims::default(), Vec::new());
        let two = with_issuer(&one, &plain);
        assert_eq!(read(&two), [issuer("https://a"), plain.clone()]);
        assert_eq!(read(&without_issuer(&two, "https://a").unwrap()), [plain]);
        assert_eq!(read(&without_issuer(&two, "https://b").unwrap()), [issuer("https://a")]);
        assert_eq!(without_issuer(&one, "https://a").unwrap().trim_end(), text.trim_end());
        assert_eq!(without_issuer(&two, "https://c"), None);
    }

    #[test]
    fn blocks_that_somebody_wrote() {
        let text = "[[issuer.trusted]]\nurl = \"https://a\"\naudience = \"x\"\n[issuer.trusted.tenants]\nt = \"acme\"\n\n[log]\nlevel = \"warn\"\n";
        assert_eq!(without_issuer(text, "https://a").unwrap(), "[log]\nlevel = \"warn\"\n");
        let inline = "[issuer]\ntrusted = [{ url = \"https://a\", audience = \"x\", tenants = { t = \"acme\" } }]\n";
        assert_eq!(without_issuer(inline, "https://a"), None, "told to do it by hand");
    }
}
