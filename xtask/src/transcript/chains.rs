//! Pages that continue others: which run on one machine, and in which order.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::marks::{Mark, marks};

/// A document: path from the root, and text.
type Page = (PathBuf, String);

/// The pages as chains, each from a page that continues none; a page that two others continue is in both chains.
pub(super) fn chains<'a>(pages: &[&'a Page]) -> Result<Vec<Vec<&'a Page>>, String> {
    let by_path: BTreeMap<&Path, &'a Page> = pages.iter().map(|page| (page.0.as_path(), *page)).collect();
    let mut before: BTreeMap<&Path, &'a Page> = BTreeMap::new();
    for (path, text) in pages {
        let said = |what: String| format!("{}: {what}", path.display());
        for mark in marks(text).map_err(said)? {
            if let Mark::Continues(other) = mark {
                let other = beside(path, other);
                let page = by_path
                    .get(other.as_path())
                    .ok_or_else(|| said(format!("continues {}, which shows no commands", other.display())))?;
                before.insert(path, page);
            }
        }
    }
    let is_continued = |page: &&&Page| before.values().any(|other| other.0 == page.0);
    let chains =
        pages.iter().filter(|page| !is_continued(page)).map(|last| chain(last, &before)).collect::<Result<Vec<_>, _>>()?;
    let left_out = pages.iter().find(|page| !chains.iter().flatten().any(|other| other.0 == page.0));
    left_out.map_or(Ok(chains), |(path, _)| Err(format!("{} continues itself", path.display())))
}

fn chain<'a>(last: &'a Page, before: &BTreeMap<&Path, &'a Page>) -> Result<Vec<&'a Page>, String> {
    let mut chain = vec![last];
    while let Some(page) = chain.last().and_then(|page| before.get(page.0.as_path())) {
        if chain.len() > before.len() {
            return Err(format!("{} continues itself", last.0.display()));
        }
        chain.push(page);
    }
    chain.reverse();
    Ok(chain)
}

/// A path that is seen from the folder of `page`.
pub(super) fn beside(page: &Path, path: &str) -> PathBuf {
    let mut whole = page.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            Component::Normal(name) => whole.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::{Page, chains};

    fn check(pages: &[(&str, &str)], wanted: Option<&[&[&str]]>) {
        let text = |before: &str| if before.is_empty() { String::new() } else { format!("<!-- test: continues {before} -->\n") };
        let pages: Vec<Page> = pages.iter().map(|(path, before)| ((*path).into(), text(before))).collect();
        let pages: Vec<&Page> = pages.iter().collect();
        let found = chains(&pages).ok().map(|chains| {
            let name = |page: &&Page| page.0.to_str().unwrap().to_owned();
            chains.iter().map(|chain| chain.iter().map(name).collect::<Vec<_>>()).collect::<Vec<_>>()
        });
        let wanted =
            wanted.map(|chains| chains.iter().map(|chain| chain.iter().map(|page| (*page).to_owned()).collect()).collect());
        assert_eq!(found, wanted);
    }

    #[test]
    fn pages_run_behind_the_ones_that_they_continue() {
        check(&[("a.md", ""), ("t/b.md", "../a.md"), ("t/c.md", "b.md")], Some(&[&["a.md", "t/b.md", "t/c.md"]]));
        check(
            &[("a.md", ""), ("b.md", "a.md"), ("c.md", "a.md"), ("d.md", "")],
            Some(&[&["a.md", "b.md"], &["a.md", "c.md"], &["d.md"]]),
        );
        check(&[("b.md", "a.md")], None);
        check(&[("a.md", "b.md"), ("b.md", "a.md"), ("c.md", "")], None);
        check(&[("a.md", "b.md"), ("b.md", "a.md"), ("c.md", "a.md")], None);
    }
}
