//! One file of ours, and what can be told of Rust without compiling it: code apart from comments and strings, code
//! apart from tests, functions with their lengths, types with their names.

use std::ops::Range;

/// A file.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Its path below the root, with `/`.
    pub(super) path: String,
    /// What it says.
    pub(super) text: String,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether all of it is a test.
    pub(super) fn is_test(&self) -> bool {
        let file = self.path.rsplit('/').next().unwrap_or_default();
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || file == "tests.rs"
            || file.ends_with("_tests.rs")
    }

    /// Its code: comments and the insides of strings are blanks, and every line is where it was.
    pub(super) fn code(&self) -> String {
        let bytes = self.text.as_bytes();
        let mut code = bytes.to_vec();
        let mut at = 0;
        while at < bytes.len() {
            let end = end_of_token(bytes, at);
            if let Some(hidden) = hidden_part(bytes, at, end) {
                for byte in code[hidden].iter_mut().filter(|byte| **byte != b'\n') {
                    *byte = b' ';
                }
            }
            at = end;
        }
        String::from_utf8(code).expect("whole tokens are blanked, and blanks are ASCII")
    }

    /// Its code without the modules and items that only tests see.
    pub(super) fn product_code(&self) -> String {
        if self.is_test() {
            return String::new();
        }
        let mut code = self.code();
        while let Some(start) = code.find("#[cfg(test)]") {
            let end = end_of_item(&code, start);
            let blank: String = code[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
            code.replace_range(start..end, &blank);
        }
        code
    }

    /// The functions with a body: name, first line (from 1), and how many lines they take.
    pub(super) fn functions(&self) -> Vec<(String, usize, usize)> {
        let code = self.code();
        let mut functions = Vec::new();
        for start in words(&code, "fn") {
            let name = identifier(code[start + 2..].trim_start());
            let rest = &code[start..];
            let (Some(open), end) = (rest.find('{'), rest.find(';')) else { continue };
            // One behind a bracket that is open is an array's.
            let is_outside =
                |end: usize| rest[..end].matches('[').count() == rest[..end].matches(']').count();
            if name.is_empty() || end.is_some_and(|end| end < open && is_outside(end)) {
                continue;
            }
            let close = matching_brace(&code, start + open);
            let line = code[..start].matches('\n').count() + 1;
            functions.push((name.to_owned(), line, code[start..close].matches('\n').count() + 1));
        }
        functions
    }

    /// The names of its structs, enums, traits, unions and type aliases.
    pub(super) fn types(&self) -> Vec<String> {
        let code = self.code();
        let name = |(keyword, start): (&str, usize)| {
            let name = identifier(code[start + keyword.len()..].trim_start());
            name.starts_with(char::is_uppercase).then(|| name.to_owned())
        };
        ["struct", "enum", "trait", "union", "type"]
            .into_iter()
            .flat_map(|keyword| words(&code, keyword).into_iter().map(move |start| (keyword, start)))
            .filter_map(name)
            .collect()
    }
}

/// Where `word` stands in `text` as a word of its own.
pub(super) fn words(text: &str, word: &str) -> Vec<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let stands = |at: &usize| {
        !text[..*at].chars().next_back().is_some_and(is_part)
            && !text[at + word.len()..].chars().next().is_some_and(is_part)
    };
    text.match_indices(word).map(|(at, _)| at).filter(stands).collect()
}

/// The identifier that `text` begins with.
pub(super) fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

/// One past the brace that closes the one at `open`, in code.
pub(super) fn matching_brace(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// The end of the item whose attributes begin at `start`: its closing brace, or its semicolon.
fn end_of_item(code: &str, start: usize) -> usize {
    let rest = &code[start..];
    match (rest.find('{'), rest.find(';')) {
        (Some(open), Some(end)) if end < open => start + end + 1,
        (Some(open), _) => matching_brace(code, start + open),
        (None, Some(end)) => start + end + 1,
        (None, None) => code.len(),
    }
}

/// One past the token at `at`: a comment, a string, a character, or anything else byte by byte.
fn end_of_token(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        return at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        return at + end_of_block(rest);
    }
    if let Some(hashes) = raw_hashes(bytes, at) {
        let mut close = vec![b'"'];
        close.resize(hashes + 1, b'#');
        let body = at + 2 + hashes;
        let end = bytes[body..].windows(close.len()).position(|window| window == close);
        return end.map_or(bytes.len(), |end| body + end + close.len());
    }
    match rest[0] {
        b'"' => at + end_of_quoted(rest, b'"'),
        // A lifetime has no second quote; a character has one soon.
        b'\'' if rest.get(1) == Some(&b'\\') => at + end_of_quoted(rest, b'\''),
        b'\'' => {
            rest.iter().take(6).skip(2).position(|byte| *byte == b'\'').map_or(at + 1, |end| at + end + 3)
        }
        byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            at + rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len())
        }
        _ => at + 1,
    }
}

/// How many `#` a raw string at `at` has, where there is one.
fn raw_hashes(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes[at..].strip_prefix(b"r")?;
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    (rest.get(hashes) == Some(&b'"')).then_some(hashes)
}

fn end_of_block(rest: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn end_of_quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// What of the token between `start` and `end` is no code.
fn hidden_part(bytes: &[u8], start: usize, end: usize) -> Option<Range<usize>> {
    let token = &bytes[start..end];
    let is_raw = token.starts_with(b"r\"") || token.starts_with(b"r#");
    let is_text = token.starts_with(b"//") || token.starts_with(b"/*") || token[0] == b'"' || is_raw;
    let is_character = token[0] == b'\'' && token.len() > 1;
    (is_text || is_character).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_what_is_neither_comment_nor_string() {
        let text =
            "fn a<'b>() { /* { */ let c = '{'; let d = \"}\\\"\"; // }\n let e = r#\"\"{\"#; '\\'' }\n";
        let source = Source::new("x.rs", text);
        let code = source.code();
        assert_eq!(code.matches('{').count(), 1, "{code}");
        assert_eq!(code.matches('}').count(), 1, "{code}");
        assert_eq!(code.len(), text.len());
        assert_eq!(source.functions(), [("a".to_owned(), 1, 2)]);
    }

    #[test]
    fn code_of_the_product_has_no_tests() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\n#[cfg(test)]\nuse c;\nfn d() {}";
        let code = Source::new("x.rs", text).product_code();
        assert!(
            code.contains("fn a")
                && code.contains("fn d")
                && !code.contains("fn b")
                && !code.contains("use c")
        );
        assert_eq!(Source::new("core/src/tests/x.rs", text).product_code(), "");
    }

    #[test]
    fn types_are_found_by_their_keyword() {
        let text = "pub struct Pane;\nenum Fault {}\n// struct Ghost;\ntype Alias = u8;\nlet type_of = 1;";
        assert_eq!(Source::new("x.rs", text).types(), ["Pane", "Fault", "Alias"]);
    }
}
