//! Where the repository of a remote is on the web, from the address that git has for it. Credentials in an address are
//! never passed on.

/// A repository on a forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forge {
    /// The machine, in small letters.
    pub host: String,
    /// Where on it, without a leading slash and without `.git`.
    pub path: String,
}

/// How the pages of a forge are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    GitHub,
    GitLab,
    Gitea,
}

impl Forge {
    /// The repository at this address; `None` when it is a directory, or nothing that a browser could open.
    pub fn parse(address: &str) -> Option<Self> {
        let (authority, path) = match address.split_once("://") {
            Some(("https" | "http" | "ssh" | "git" | "git+ssh" | "ssh+git", rest)) => rest.split_once('/')?,
            Some(_) => return None,
            // As scp writes it: a colon before any slash.
            None => address.split_once(':').filter(|(host, _)| !host.contains('/'))?,
        };
        let host = authority.rsplit('@').next()?;
        let host = host.split(':').next()?.to_ascii_lowercase();
        let host = match host.as_str() {
            "ssh.github.com" => "github.com".to_owned(),
            "altssh.gitlab.com" => "gitlab.com".to_owned(),
            _ => host,
        };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let is_plain = |part: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "._-~".contains(c);
            !part.is_empty()
                && !part.starts_with('-')
                && part != ".."
                && part != "."
                && part.chars().all(fits)
        };
        let is_host = host.contains('.') && is_plain(&host);
        let is_path = path.split('/').count() >= 2 && path.split('/').all(is_plain);
        (is_host && is_path).then(|| Self { host, path: path.to_owned() })
    }

    /// As `gh` names it; `None` where it has another shape.
    pub fn for_gh(&self) -> Option<String> {
        (self.path.split('/').count() == 2).then(|| format!("{}/{}", self.host, self.path))
    }

    /// The page on which `head` is compared with `base`, to ask that it be merged; `None` where nobody knows what that page is
    /// called there.
    pub fn compare(&self, base: &str, head: &str) -> Option<String> {
        let (base, head, top) =
            (encoded(base), encoded(head), format!("https://{}/{}", self.host, self.path));
        Some(match self.kind()? {
            Kind::GitHub => format!("{top}/compare/{base}...{head}?expand=1"),
            Kind::GitLab => format!(
                "{top}/-/merge_requests/new?merge_request%5Bsource_branch%5D={head}\
                 &merge_request%5Btarget_branch%5D={base}"
            ),
            Kind::Gitea => format!("{top}/compare/{base}...{head}"),
        })
    }

    fn kind(&self) -> Option<Kind> {
        self.host.split('.').find_map(|label| match label {
            "github" => Some(Kind::GitHub),
            "gitlab" => Some(Kind::GitLab),
            "gitea" | "forgejo" | "codeberg" => Some(Kind::Gitea),
            _ => None,
        })
    }
}

/// A branch's name as a part of an address.
fn encoded(branch: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in branch.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// `text` without the names and passwords in the addresses in it.
pub fn without_credentials(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, address) = rest.split_at(at + 3);
        clean.push_str(before);
        let is_end = |c: char| c == '/' || c.is_whitespace() || "'\"`".contains(c);
        let authority = &address[..address.find(is_end).unwrap_or(address.len())];
        rest = &address[authority.rfind('@').map_or(0, |at| at + 1)..];
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_address_leads_to_the_same_place_and_no_credentials_come_along() {
        let place = Some(Forge { host: "github.com".to_owned(), path: "o/n".to_owned() });
        for address in [
            "https://github.com/o/n.git",
            "https://me:secret@GitHub.com/o/n",
            "http://github.com:8080/o/n/",
            "ssh://git@github.com:22/o/n.git",
            "ssh://git@ssh.github.com:443/o/n.git",
            "git@github.com:o/n.git",
            "github.com:o/n",
            "git://github.com/o/n",
        ] {
            assert_eq!(Forge::parse(address), place, "{address}");
        }
        for address in [
            "/srv/o/n.git",
            "../o/n",
            "file:///srv/o/n",
            "ext::sh -c x",
            "https://github.com/n",
            "work:o/n",
            "https://github.com/o/\x1b[31m",
            "https://github.com/o/../n",
            "https://github.com/-o/n",
            "",
        ] {
            assert_eq!(Forge::parse(address), None, "{address}");
        }
    }

    #[test]
    fn each_forge_has_its_page_to_compare_on_and_a_stranger_has_none() {
        let page = |address: &str| Forge::parse(address).unwrap().compare("main", "a/b c?#%");
        let github = "https://github.com/o/n/compare/main...a/b%20c%3F%23%25?expand=1";
        assert_eq!(page("git@github.com:o/n.git").as_deref(), Some(github));
        let gitlab = "https://gitlab.example.org/g/s/n/-/merge_requests/new?\
                      merge_request%5Bsource_branch%5D=a/b%20c%3F%23%25&merge_request%5Btarget_branch%5D=main";
        assert_eq!(page("https://gitlab.example.org/g/s/n.git").as_deref(), Some(gitlab));
        let gitea = "https://codeberg.org/o/n/compare/main...a/b%20c%3F%23%25";
        assert_eq!(page("https://codeberg.org/o/n").as_deref(), Some(gitea));
        assert_eq!(page("https://git.example.org/o/n"), None);
        assert_eq!(page("https://notgithub.com/o/n"), None);
    }

    #[test]
    fn gh_takes_an_owner_and_a_name() {
        let name = |address: &str| Forge::parse(address).unwrap().for_gh();
        assert_eq!(name("https://u:p@github.com/o/n.git").as_deref(), Some("github.com/o/n"));
        assert_eq!(name("https://gitlab.com/g/s/n"), None);
    }

    #[test]
    fn no_text_keeps_a_password() {
        let said = "fatal: unable to access 'https://me:p@ss@host/o/n.git/': 403; see https://docs/a@b";
        let safe = "fatal: unable to access 'https://host/o/n.git/': 403; see https://docs/a@b";
        assert_eq!(without_credentials(said), safe);
        assert_eq!(without_credentials("a://b@"), "a://");
    }
}
