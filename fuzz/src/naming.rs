//! Names made from what the user or somebody else wrote.

use ccells_core::ids::WorkstreamId;
use ccells_core::limits;
use ccells_core::naming::{
    BranchName, container_name, repo_slug, sanitise, slug, unique, validate_branch, validate_workstream_name,
};

use crate::assert_harmless;

/// Any text has a slug that git takes for a branch, and what we let pass as a name is one.
pub fn naming(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    branches(&text);
    assert_harmless(&sanitise(&text));
    assert_eq!(sanitise(&sanitise(&text)), sanitise(&text), "what is safe stays as it is");

    let of_repo = repo_slug(&text);
    assert!((1..=limits::REPO_SLUG_CHARS).contains(&of_repo.len()), "{of_repo:?}");
    let id = WorkstreamId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").expect("the form is right");
    let container = container_name(&text, &id);
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    assert!(container.bytes().all(is_plain) && container.ends_with(id.as_str()), "{container:?}");
    if validate_workstream_name(&text).is_ok() {
        assert_harmless(&text);
        assert!((1..=limits::NAME_CHARS).contains(&text.chars().count()));
    }
}

fn branches(text: &str) {
    let made = slug(text);
    assert!(git_takes(&made) && made.len() <= limits::SLUG_CHARS, "{made:?}");
    assert_eq!(validate_branch(&made), Ok(()));
    assert_eq!(slug(&made), made, "a slug is its own slug");
    let count = text.len() % 5;
    let mut tries = 0;
    let numbered = unique(&made, |_| {
        tries += 1;
        tries <= count
    });
    let numbered = numbered.expect("few names are taken");
    assert!(git_takes(&numbered) && validate_branch(&numbered).is_ok(), "{numbered:?}");
    match validate_branch(text) {
        Ok(()) => {
            assert!(git_takes(text), "{text:?} is let pass");
            assert_eq!(
                BranchName::parse(text).map(|branch| branch.as_str().to_owned()).ok().as_deref(),
                Some(text)
            );
        }
        Err(error) => assert_harmless(&error.to_string()),
    }
}

/// The rules of `git check-ref-format --branch`, written down once more.
fn git_takes(name: &str) -> bool {
    let is_bad_char = |c: char| c.is_ascii_control() || " ~^:?*[\\".contains(c);
    let is_bad_part = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    !name.is_empty()
        && name != "@"
        && name != "HEAD"
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(is_bad_char)
        && !name.split('/').any(is_bad_part)
}
