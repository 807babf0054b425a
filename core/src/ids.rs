//! Newtype ids: what names a thing is never just a string. Each is parsed once, at the border.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A text that is not an id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {wanted}")]
pub struct IdError {
    text: String,
    wanted: &'static str,
}

/// 26 characters of Crockford's base 32 in lower case: a ULID, ordered by the time it was made.
fn is_ulid(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|b| b"0123456789abcdefghjkmnpqrstvwxyz".contains(&b))
}

/// What the engine hands out: hexadecimal, 64 characters from Docker.
fn is_container_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A short key that is safe in a file name and a label.
fn is_key(text: &str) -> bool {
    (1..=80).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// A full object name of git: SHA-1 or SHA-256 in lower-case hexadecimal.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

// Ids are handed on all the time and never change: their clones share one text.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $check:ident, $wanted:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes `text` when it has the right form.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                if $check(text) { Ok(Self(text.into())) } else { Err(IdError { text: text.to_owned(), wanted: $wanted }) }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.as_str().to_owned()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

id! {
    /// One workstream, for ever: fixed before anything of it exists.
    WorkstreamId, is_ulid, "a workstream id (26 characters, 0-9 and a-z without i, l, o, u)"
}
id! {
    /// One lifetime of the `ccells` process.
    RunId, is_ulid, "a run id (26 characters, 0-9 and a-z without i, l, o, u)"
}
id! {
    /// One repository of one user, by the path of its git directory.
    RepoId, is_key, "a repository id (letters, digits, `-`, `_`, `.`)"
}
id! {
    /// One home directory of one user: only objects that carry it are ours.
    HomeId, is_key, "a home id (letters, digits, `-`, `_`, `.`)"
}
id! {
    /// The engine's name for a container.
    ContainerId, is_container_id, "a container id"
}
id! {
    /// A commit, by its full object name.
    Commit, is_commit, "a full commit id (40 or 64 hexadecimal digits)"
}

impl WorkstreamId {
    /// The last six characters: enough for a person to tell workstreams apart.
    pub fn short(&self) -> &str {
        &self.0[20..]
    }
}

impl ContainerId {
    /// The first twelve characters, as Docker shows ids.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

/// A path as text. The core never opens it: only the shell turns it into a path of the machine.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PathText(pub String);

impl PathText {
    /// This path with `name` below it.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let mut text = String::with_capacity(self.0.len() + 1 + name.len());
        text.push_str(&self.0);
        text.push('/');
        text.push_str(name);
        Self(text)
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for PathText {
    fn from(text: &str) -> Self {
        Self(text.to_string())
    }
}

impl fmt::Display for PathText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for PathText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Numbers the tries of everything that is answered later: an answer with another number is late and changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt(pub u64);

/// Counts the versions of a saved file, upwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// The version after this one. A file may claim to be the last there can be; then it stays so.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Names one wish of the user (a key, a verb of the command line) until it is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_parsed_not_trusted() {
        assert!(WorkstreamId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").is_ok());
        for bad in [
            "",
            "01JD8Z5Q0V3X7K2M9N4P6R8S1T",
            "01jd8z5q0v3x7k2m9n4p6r8s1",
            "../../../../../../../../etc",
            "01jd8z5q0v3x7k2m9n4p6r8sil",
        ] {
            assert!(WorkstreamId::parse(bad).is_err(), "{bad}");
        }
        assert!(RepoId::parse("web-1a2b3c").is_ok());
        for bad in ["", ".", "-x", "a/b", "a b"] {
            assert!(RepoId::parse(bad).is_err(), "{bad}");
        }
        assert!(Commit::parse("0123456789012345678901234567890123456789").is_ok());
        assert!(Commit::parse("HEAD").is_err());
    }

    #[test]
    fn a_commit_is_a_whole_name_in_lower_case_hexadecimal() {
        for length in 0..70 {
            let is_whole = matches!(length, 40 | 64);
            assert_eq!(Commit::parse(&"0f".repeat(35)[..length]).is_ok(), is_whole, "{length}");
        }
        for bad in ["F", "g", "-", "/", ":"] {
            assert!(Commit::parse(&[bad, &"0".repeat(39)].concat()).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_that_the_engine_hands_out_is_one_word_of_bounded_length() {
        for (length, is_fine) in [(0, false), (1, true), (64, true), (128, true), (129, false)] {
            assert_eq!(ContainerId::parse(&"c".repeat(length)).is_ok(), is_fine, "{length}");
        }
        for good in ["abc-1", "abc_1", "ABC1"] {
            assert!(ContainerId::parse(good).is_ok(), "{good}");
        }
        for bad in ["a/b", "a b", "a.b", "..", "a\n"] {
            assert!(ContainerId::parse(bad).is_err(), "{bad}");
        }
        let long = ContainerId::parse("0123456789abcdef").unwrap();
        assert_eq!((long.short(), ContainerId::parse("c1").unwrap().short()), ("0123456789ab", "c1"));
    }
}
