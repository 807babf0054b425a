//! Names: a prompt becomes a branch slug, a directory becomes part of a container's name, and text from outside
//! becomes safe to show. Parse, don't validate: what has passed here is used as it is.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::fmt::Write as _;

use crate::ids::WorkstreamId;
use crate::limits;

/// The branch a prompt without a usable word gets.
pub const DEFAULT_SLUG: &str = "workstream";

/// The slug of a directory whose name has no usable character.
const DEFAULT_REPO_SLUG: &str = "repo";

/// Words that say nothing about the work.
const STOP_WORDS: &[&str] = &[
    "a", "an", "and", "any", "are", "as", "at", "be", "but", "by", "can", "could", "do", "does", "for",
    "from", "has", "have", "how", "i", "id", "im", "in", "into", "is", "it", "its", "just", "let", "lets",
    "like", "me", "my", "need", "of", "on", "or", "our", "please", "should", "so", "some", "that", "the",
    "their", "them", "then", "there", "these", "they", "this", "those", "to", "us", "want", "was", "we",
    "were", "which", "will", "with", "would", "you", "your",
];

/// Why a text cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing in it.
    #[error("the name is empty; give it at least one letter or digit")]
    Empty,
    /// It is longer than the limit.
    #[error("the name has {chars} characters; {limit} are allowed")]
    TooLong {
        /// How long it is.
        chars: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A character that has no place in it.
    #[error("`{name}` contains {character}; {allowed}")]
    Character {
        /// The name, safe to show.
        name: String,
        /// The character, safe to show.
        character: String,
        /// What may be used.
        allowed: &'static str,
    },
    /// Git, or a tool that reads branch names, would take it for something else.
    #[error("`{name}` is no branch name: {rule}")]
    Shape {
        /// The name, safe to show.
        name: String,
        /// The rule it breaks.
        rule: &'static str,
    },
}

/// A branch name without `refs/heads/` that git takes and that no shell, option parser or path can mistake.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BranchName(String);

impl BranchName {
    /// Takes `text` when [`validate_branch`] does.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        validate_branch(text).map(|()| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether `name` may be a branch: the rules of `git check-ref-format --branch`, and of letters, digits and `._/-`
/// alone, at most [`limits::BRANCH_CHARS`] of them.
pub fn validate_branch(name: &str) -> Result<(), NameError> {
    check_length(name, limits::BRANCH_CHARS)?;
    let allowed = "use letters, digits, `.`, `_`, `/` and `-`";
    if let Some(stranger) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"._/-".contains(*c)) {
        return Err(bad_character(name, stranger, allowed));
    }
    match broken_branch_rule(name) {
        Some(rule) => Err(NameError::Shape { name: name.to_owned(), rule }),
        None => Ok(()),
    }
}

/// The first rule of shape that `name`, made of allowed characters only, breaks.
fn broken_branch_rule(name: &str) -> Option<&'static str> {
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Some("it must start with a letter or a digit");
    }
    if name.ends_with(['/', '.']) {
        return Some("it must not end with `/` or `.`");
    }
    if name.contains("..") || name.contains("//") {
        return Some("it must not contain `..` or `//`");
    }
    for part in name.split('/') {
        if part.starts_with('.') {
            return Some("no part of it may start with `.`");
        }
        if part.to_ascii_lowercase().ends_with(".lock") {
            return Some("no part of it may end with `.lock`");
        }
    }
    if name.eq_ignore_ascii_case("HEAD") {
        return Some("`HEAD` means the current branch");
    }
    if matches!(name.len(), 40 | 64) && name.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Some("it would be taken for the id of a commit");
    }
    None
}

/// Whether `name` may be the name a workstream is shown by: one line without anything invisible, of at most
/// [`limits::NAME_CHARS`] characters.
pub fn validate_workstream_name(name: &str) -> Result<(), NameError> {
    check_length(name, limits::NAME_CHARS)?;
    if name.trim().is_empty() {
        return Err(NameError::Empty);
    }
    let allowed = "use visible characters, and spaces only between them";
    if let Some(stranger) = name.chars().find(|c| is_control(*c) || is_invisible(*c)) {
        return Err(bad_character(name, stranger, allowed));
    }
    if name.trim() != name {
        return Err(bad_character(name, ' ', allowed));
    }
    if sanitise(name) != name {
        return Err(bad_character(name, '\u{301}', allowed));
    }
    Ok(())
}

/// A branch slug from what the user asked for: its first telling words. Always a valid branch name, the same for the
/// same prompt, and its own slug.
pub fn slug(prompt: &str) -> String {
    let text = words(prompt, limits::SLUG_CHARS, STOP_WORDS, limits::SLUG_WORDS);
    if validate_branch(&text).is_ok() { text } else { DEFAULT_SLUG.to_owned() }
}

/// A short key from the name of a repository's directory, safe in the name of a container.
pub fn repo_slug(directory: &str) -> String {
    let text = words(directory, limits::REPO_SLUG_CHARS, &[], usize::MAX);
    if text.is_empty() { DEFAULT_REPO_SLUG.to_owned() } else { text }
}

/// The name of a workstream's container, known before the engine has heard of it.
pub fn container_name(repo_slug: &str, workstream: &WorkstreamId) -> String {
    format!("ccells-{}-{workstream}", self::repo_slug(repo_slug))
}

/// `name`, or the first of `name-2`, `name-3`… that is not taken; `None` when [`limits::NAME_TRIES`] of them are.
pub fn unique(name: &str, mut is_taken: impl FnMut(&str) -> bool) -> Option<String> {
    if !is_taken(name) {
        return Some(name.to_owned());
    }
    (2..=limits::NAME_TRIES).find_map(|number| {
        let suffix = format!("-{number}");
        let room = limits::BRANCH_CHARS - suffix.len();
        let stem: String = name.chars().take(room).collect();
        let candidate = format!("{}{suffix}", stem.trim_end_matches(['-', '.', '/']));
        (!is_taken(&candidate)).then_some(candidate)
    })
}

/// Text from outside, on one line and safe to show: what would act on a terminal is spelled out (`\x1b`), what cannot
/// be seen or would turn the direction of writing is left out, and at most [`limits::REASON_CHARS`] characters remain.
pub fn sanitise(text: &str) -> String {
    sanitise_to(text, limits::REASON_CHARS)
}

/// [`sanitise`] with another limit, in characters.
pub fn sanitise_to(text: &str, limit: usize) -> String {
    let mut safe = String::new();
    let mut room = limit;
    let mut marks = limits::COMBINING_MARKS;
    for character in text.chars() {
        let start = safe.len();
        push_safe(&mut safe, character, &mut marks);
        let added = safe[start..].chars().count();
        if added > room {
            safe.truncate(start);
            return with_ellipsis(safe, limit);
        }
        room -= added;
    }
    safe
}

/// Adds `character` in its safe form; `marks` counts how many marks the character below them may still carry.
fn push_safe(safe: &mut String, character: char, marks: &mut usize) {
    if is_combining(character) {
        if *marks < limits::COMBINING_MARKS {
            *marks += 1;
            safe.push(character);
        }
        return;
    }
    if is_invisible(character) {
        return;
    }
    *marks = 0;
    match character {
        '\n' => safe.push_str("\\n"),
        '\r' => safe.push_str("\\r"),
        '\t' => safe.push_str("\\t"),
        '\u{2028}' | '\u{2029}' => safe.push(' '),
        other if is_control(other) => {
            write!(safe, "\\x{:02x}", u32::from(other)).expect("writing to a String cannot fail");
        }
        other => safe.push(other),
    }
}

/// `text` with an ellipsis that tells that more followed, in at most `limit` characters.
fn with_ellipsis(mut text: String, limit: usize) -> String {
    while limit > 0 && text.chars().count() >= limit {
        text.pop();
    }
    if limit > 0 {
        text.push('…');
    }
    text
}

/// C0, DEL, C1, and the separators that a terminal may take for a line's end.
fn is_control(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// What has no picture of its own and is used to deceive: direction, joins, fillers, tags, noncharacters.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// What is drawn onto the character before it. A few make letters and emoji, many make a smear over other lines.
fn is_combining(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{34e}' | '\u{350}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{6d6}'..='\u{6dc}' | '\u{e31}' | '\u{e34}'..='\u{e3a}'
        | '\u{e47}'..='\u{e4e}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{200d}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}')
}

/// `text` as lower-case ASCII words joined by `-`: without `stop_words`, at most `limit` of them, whole words only
/// (unless the first alone is longer than `chars`).
fn words(text: &str, chars: usize, stop_words: &[&str], limit: usize) -> String {
    let mut joined = String::new();
    let mut word = String::new();
    let mut count = 0;
    for character in text.chars().take(limits::PROMPT_BYTES).chain(core::iter::once(' ')) {
        if fold(character, &mut word) || word.is_empty() {
            continue;
        }
        if !stop_words.contains(&word.as_str()) {
            let separator = usize::from(!joined.is_empty());
            if count > 0 && joined.len() + separator + word.len() > chars {
                break;
            }
            if separator > 0 {
                joined.push('-');
            }
            joined.extend(word.chars().take(chars));
            count += 1;
            if count >= limit {
                break;
            }
        }
        word.clear();
    }
    joined
}

/// Adds the plain form of `character` to `word`; `false` when it ends the word instead.
fn fold(character: char, word: &mut String) -> bool {
    let plain = match character {
        'a'..='z' | '0'..='9' => {
            word.push(character);
            return true;
        }
        'A'..='Z' => {
            word.push(character.to_ascii_lowercase());
            return true;
        }
        '\'' | '’' => "",
        'à'..='å' | 'À'..='Å' => "a",
        'æ' | 'Æ' => "ae",
        'ç' | 'Ç' => "c",
        'è'..='ë' | 'È'..='Ë' => "e",
        'ì'..='ï' | 'Ì'..='Ï' => "i",
        'ñ' | 'Ñ' => "n",
        'ò'..='ö' | 'ø' | 'Ò'..='Ö' | 'Ø' => "o",
        'œ' | 'Œ' => "oe",
        'ù'..='ü' | 'Ù'..='Ü' => "u",
        'ý' | 'ÿ' | 'Ý' => "y",
        'ß' => "ss",
        _ => return false,
    };
    word.push_str(plain);
    true
}

/// Refuses the empty and the too long.
fn check_length(name: &str, limit: usize) -> Result<(), NameError> {
    let chars = name.chars().count();
    if chars == 0 {
        return Err(NameError::Empty);
    }
    if chars > limit { Err(NameError::TooLong { chars, limit }) } else { Ok(()) }
}

/// The error for a character that has no place in `name`.
fn bad_character(name: &str, stranger: char, allowed: &'static str) -> NameError {
    let character = match stranger {
        ' ' => "a space".to_owned(),
        c if c.is_ascii_graphic() => format!("`{c}`"),
        c => format!("U+{:04X}", u32::from(c)),
    };
    NameError::Character { name: sanitise(name), character, allowed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::string::ToString;

    #[test]
    fn a_prompt_becomes_its_first_telling_words() {
        for (prompt, expected) in [
            ("Fix the login bug in the auth module", "fix-login-bug-auth-module"),
            ("Please don't let it crash!", "dont-crash"),
            ("Füge die Übersicht für Größen hinzu", "fuge-die-ubersicht-fur-grossen"),
            ("one two three four five six seven", "one-two-three-four-five"),
            (
                "supercalifragilisticexpialidocious antidisestablishmentarianism",
                "supercalifragilisticexpialidocious",
            ),
            ("", "workstream"),
            ("please do it for me", "workstream"),
            ("日本語のプロンプト", "workstream"),
            ("HEAD", "workstream"),
            ("../../etc/passwd; rm -rf /", "etc-passwd-rm-rf"),
            ("0123456789012345678901234567890123456789", "workstream"),
        ] {
            assert_eq!(slug(prompt), expected, "{prompt:?}");
        }
    }

    #[test]
    fn a_slug_is_as_long_as_it_may_be_and_no_longer() {
        let word = |chars: usize| "x".repeat(chars);
        let full = format!("{}-{}", word(10), word(limits::SLUG_CHARS - 11));
        assert_eq!(slug(&full), full, "the last word fits exactly");
        assert_eq!(slug(&format!("{full}x")), word(10), "a word that does not fit is left out whole");
        assert_eq!(slug(&word(limits::SLUG_CHARS + 1)), word(limits::SLUG_CHARS), "a first word is cut");
    }

    #[test]
    fn a_refused_name_tells_which_character_is_wrong() {
        for (name, told) in
            [("a;b", "`a;b` contains `;`"), ("a\nb", "`a\\nb` contains U+000A"), ("a b", "a space")]
        {
            let refusal = validate_branch(name).expect_err(name).to_string();
            assert!(refusal.contains(told), "{refusal}");
        }
        for (name, told) in [("a\u{1b}b", "U+001B"), ("a\u{202e}b", "U+202E"), ("a ", "a space")] {
            let refusal = validate_workstream_name(name).expect_err("it is not visible").to_string();
            assert!(refusal.contains(&format!("contains {told}; use visible")), "{refusal}");
        }
    }

    #[test]
    fn a_branch_is_shown_as_it_was_given() {
        let branch = BranchName::parse("ccells/fix-login").expect("a branch name");
        assert_eq!((branch.as_str(), branch.to_string()), ("ccells/fix-login", branch.as_str().to_string()));
        assert_eq!(BranchName::parse("a b").map(|_| ()), validate_branch("a b"));
    }

    #[test]
    fn branches_that_git_or_a_shell_could_misread_are_refused() {
        for good in
            ["fix-login", "ccells/fix.login_2", "A", "v1.0", "refs/heads/x", "feature/x/y", &"a".repeat(120)]
        {
            assert_eq!(validate_branch(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-x",
            "--upload-pack=x",
            ".x",
            "/x",
            "x/",
            "x.",
            "x..y",
            "x//y",
            "x/.y",
            "x.lock",
            "x.lock/y",
            "x.LOCK",
            "a b",
            "a;b",
            "$(a)",
            "a~1",
            "a^",
            "a:b",
            "a?b",
            "a*b",
            "a[b",
            "a\\b",
            "a@{b",
            "@",
            "a\nb",
            "a\u{7f}b",
            "ü",
            "HEAD",
            "head",
            &"a".repeat(121),
            &"0".repeat(40),
            &"f".repeat(64),
        ] {
            assert!(validate_branch(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_of_workstreams_are_visible_and_one_line() {
        for good in ["fix login", "Größe ändern", "日本語", "a👍🏽b", "e\u{301}"] {
            assert_eq!(validate_workstream_name(good), Ok(()), "{good}");
        }
        let smear = ["a".to_string(), "\u{301}".repeat(20)].concat();
        for bad in
            ["", " ", " x", "x ", "a\nb", "a\u{1b}[31mb", "a\u{202e}b", "a\u{200b}b", &"x".repeat(65), &smear]
        {
            assert!(validate_workstream_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn text_from_outside_cannot_act_on_a_terminal() {
        for (text, expected) in [
            ("plain text", "plain text"),
            ("\u{1b}]0;owned\u{7}", "\\x1b]0;owned\\x07"),
            ("a\u{9b}31mb", "a\\x9b31mb"),
            ("line\nline\r\n\ttab", "line\\nline\\r\\n\\ttab"),
            ("abc\u{202e}fed\u{2066}x\u{200f}", "abcfedx"),
            ("tag\u{e0041}\u{e007f}s", "tags"),
            ("zero\u{200b}\u{feff}\u{2060}width", "zerowidth"),
            ("👩\u{200d}💻", "👩\u{200d}💻"),
            ("\u{301}starts with a mark", "starts with a mark"),
        ] {
            assert_eq!(sanitise(text), expected, "{text:?}");
        }
        assert_eq!(sanitise_to("abcdef", 4), "abc…");
        assert_eq!(sanitise_to("abcd", 4), "abcd");
        assert_eq!(sanitise_to("abc", 0), "");
        assert_eq!(sanitise_to("abc\u{1b}", 5), "abc…");
        let smeared = sanitise(&["a".to_string(), "\u{301}".repeat(1_000)].concat());
        assert_eq!(smeared.chars().count(), 1 + limits::COMBINING_MARKS);
    }

    #[test]
    fn a_taken_name_gets_the_next_free_number() {
        let taken: BTreeSet<_> = ["fix", "fix-2"].into_iter().map(ToString::to_string).collect();
        assert_eq!(unique("fix", |name| taken.contains(name)).as_deref(), Some("fix-3"));
        assert_eq!(unique("new", |name| taken.contains(name)).as_deref(), Some("new"));
        assert_eq!(unique("fix", |_| true), None);
        let long = "x".repeat(limits::BRANCH_CHARS);
        assert_eq!(unique(&long, |name| name == long).map(|name| name.len()), Some(limits::BRANCH_CHARS));
    }

    #[test]
    fn a_container_is_named_before_it_exists() {
        let id = WorkstreamId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").expect("a ULID");
        assert_eq!(
            container_name(&repo_slug("My Web.App"), &id),
            "ccells-my-web-app-01jd8z5q0v3x7k2m9n4p6r8s1t"
        );
        assert_eq!(container_name(&repo_slug("日本"), &id), "ccells-repo-01jd8z5q0v3x7k2m9n4p6r8s1t");
    }

    proptest! {
        #[test]
        fn every_text_has_a_valid_slug_that_is_its_own(text in "\\PC{0,200}|[ -~]{0,300}|.{0,100}|[0-9a-f]{30,80}") {
            let once = slug(&text);
            prop_assert_eq!(validate_branch(&once), Ok(()));
            prop_assert!(once.len() <= limits::SLUG_CHARS);
            prop_assert!(once.split('-').count() <= limits::SLUG_WORDS);
            prop_assert_eq!(slug(&once), once);
        }

        #[test]
        fn every_directory_has_a_slug_the_engine_takes(text in ".{0,200}") {
            let once = repo_slug(&text);
            prop_assert!((1..=limits::REPO_SLUG_CHARS).contains(&once.len()));
            prop_assert!(once.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            prop_assert_eq!(repo_slug(&once), once);
        }

        #[test]
        fn safe_text_is_harmless_bounded_and_stays_as_it_is(
            text in "(.|[\\x00-\\x1f\\x7f-\\x9f]|\u{202e}|\u{200b}|\u{301}|\u{200d}){0,700}",
            limit in 0_usize..600,
        ) {
            let safe = sanitise_to(&text, limit);
            prop_assert!(safe.chars().count() <= limit);
            prop_assert!(!safe.chars().any(|c| c.is_control() || is_invisible(c)));
            prop_assert_eq!(sanitise_to(&safe, limit), safe);
        }

        #[test]
        fn no_text_breaks_a_check(text in ".{0,300}") {
            let _ = validate_branch(&text);
            let _ = validate_workstream_name(&text);
            if let Some(name) = unique(&slug(&text), |name| name.len() < 3) {
                prop_assert_eq!(validate_branch(&name), Ok(()));
            }
        }
    }

    #[test]
    fn letters_with_marks_are_written_as_the_letters_they_are() {
        for (marked, plain) in [
            ("àâåÀÅ", "aaaaa"),
            ("æÆ", "aeae"),
            ("çÇ", "cc"),
            ("èëÈË", "eeee"),
            ("ìïÌÏ", "iiii"),
            ("ñÑ", "nn"),
            ("œŒ", "oeoe"),
            ("ýÿÝ", "yyy"),
        ] {
            assert_eq!(slug(marked), plain, "{marked}");
        }
    }
}
