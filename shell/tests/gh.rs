//! What we say to `gh`: typed words, the body by standard input, from outside of every repository; and the real program knows
//! every word of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "what was skipped is told")]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ccells_shell::adapters::gh::{Gh, NewPullRequest};

/// A `gh` that writes down what it gets and answers with what is in `answer`, and with the status in `code`.
fn stand_in(room: &Path) -> Gh {
    let script = format!(
        "#!/bin/sh\ncd_is=$(pwd)\nprintf '%s\\n' \"$cd_is\" \"$@\" >'{room}/said'\nenv >'{room}/env'\ncat >'{room}/input'\n\
         cat '{room}/answer'\ncat '{room}/complaint' >&2 2>/dev/null\nexit $(cat '{room}/code')\n",
        room = room.display()
    );
    fs::write(room.join("gh"), script).unwrap();
    fs::set_permissions(room.join("gh"), fs::Permissions::from_mode(0o755)).unwrap();
    answers(room, "", "", 0);
    let path = format!("{}:/usr/bin:/bin", room.display());
    Gh::among(|name| match name {
        "PATH" => Some(OsString::from(&path)),
        "GH_TOKEN" => Some(OsString::from("token")),
        _ => None,
    })
    .unwrap()
}

fn answers(room: &Path, answer: &str, complaint: &str, code: u8) {
    fs::write(room.join("answer"), answer).unwrap();
    fs::write(room.join("complaint"), complaint).unwrap();
    fs::write(room.join("code"), code.to_string()).unwrap();
}

fn said(room: &Path) -> Vec<String> {
    fs::read_to_string(room.join("said")).unwrap().lines().map(str::to_owned).collect()
}

fn new() -> NewPullRequest {
    NewPullRequest {
        base: Some("main".to_owned()),
        title: "--web: a title".to_owned(),
        body: "A body\n--with words\n".to_owned(),
        is_draft: true,
    }
}

#[tokio::test]
async fn a_pull_request_is_opened_with_words_of_ours_and_the_body_by_standard_input() {
    let room = tempfile::tempdir().unwrap();
    let gh = stand_in(room.path());
    answers(room.path(), "Creating pull request\nhttps://github.com/o/n/pull/7\n", "", 0);
    let url = gh.create("github.com/o/n", "ccells/fix-login", &new()).await.unwrap();
    assert_eq!(url, "https://github.com/o/n/pull/7");
    let words = [
        "/",
        "pr",
        "create",
        "--repo",
        "github.com/o/n",
        "--head",
        "ccells/fix-login",
        "--title=--web: a title",
        "--body-file",
        "-",
        "--base=main",
        "--draft",
    ];
    assert_eq!(said(room.path()), words);
    assert_eq!(fs::read_to_string(room.path().join("input")).unwrap(), new().body);
    let environment = fs::read_to_string(room.path().join("env")).unwrap();
    assert!(environment.contains("GH_PROMPT_DISABLED=1") && environment.contains("GH_TOKEN=token"));
    assert!(!environment.contains("CARGO"), "only what it needs comes along: {environment}");
}

#[tokio::test]
async fn what_it_says_is_made_safe_and_its_failure_is_told() {
    let room = tempfile::tempdir().unwrap();
    let gh = stand_in(room.path());
    answers(room.path(), "", "GraphQL: \u{1b}[31mno\u{7} at https://me:secret@host/x \u{202e}\n", 1);
    let why = gh.create("github.com/o/n", "b", &new()).await.unwrap_err().to_string();
    assert!(why.contains("GraphQL") && !why.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{why:?}");
    assert!(!why.contains("secret"), "{why}");
    answers(room.path(), "done\n", "", 0);
    let why = gh.create("github.com/o/n", "b", &new()).await.unwrap_err().to_string();
    assert!(why.contains("no address"), "{why}");
    answers(room.path(), "[]", "", 0);
    assert_eq!(gh.newest("github.com/o/n", "b", true).await.unwrap(), None);
    answers(room.path(), "no JSON", "", 0);
    assert!(gh.newest("github.com/o/n", "b", true).await.is_err());
    answers(room.path(), "", "You are not logged into any GitHub hosts.\n", 1);
    assert!(gh.check_login("github.com").await.unwrap_err().to_string().contains("not logged"));
    assert_eq!(said(room.path()), ["/", "auth", "status", "--hostname", "github.com"]);
}

/// The real program takes every word we say: it gets as far as the network, where nobody is.
#[tokio::test]
async fn the_real_program_knows_our_words() {
    let home = tempfile::tempdir().unwrap();
    let nowhere = "http://127.0.0.1:1";
    let found = Gh::among(|name| match name {
        "PATH" => std::env::var_os("PATH"),
        "HOME" => Some(home.path().as_os_str().to_owned()),
        "GH_TOKEN" => Some(OsString::from("none")),
        "https_proxy" | "HTTPS_PROXY" | "http_proxy" => Some(OsString::from(nowhere)),
        _ => None,
    });
    let Some(gh) = found else {
        eprintln!("SKIPPED: gh is not installed, so its words are not checked");
        return;
    };
    let refusals = [
        gh.create("github.com/o/n", "ccells/fix-login", &new()).await.unwrap_err(),
        gh.newest("github.com/o/n", "ccells/fix-login", true).await.unwrap_err(),
        gh.newest("github.com/o/n", "ccells/fix-login", false).await.unwrap_err(),
        gh.check_login("github.com").await.unwrap_err(),
    ];
    for why in refusals.map(|why| why.to_string()) {
        let is_known = !["unknown", "Unknown", "unrecognised", "invalid", "must be", "git repository"]
            .iter()
            .any(|word| why.contains(word));
        assert!(is_known, "{why}");
        eprintln!("gh: {why}");
    }
}
