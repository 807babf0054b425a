//! What a workstream changed: pictures of it at three sizes, its keys, and what becomes of what is said about it.

use std::path::PathBuf;

use ccells_core::effect::Level;
use ccells_core::limits::{COMMENTS, DIFF_LINE_CHARS};
use insta::assert_snapshot;

use super::*;
use crate::adapters::git::{FileDiff, Status, WorkDiff};
use crate::patch::{Patch, Place};
use crate::tui::dialog::Dialog;
use crate::tui::dialog::diff::DiffDialog;
use crate::tui::screen::Depth;

const SIZES: [(u16, u16); 3] = [(120, 30), (80, 24), (40, 10)];

const SESSION: &str = "@@ -10,6 +10,7 @@ impl Session {
 \tfn expires(&self) -> Time {
-\t\tself.begun + DAY
+\t\t// A session that was renewed lasts from then on, which the old code forgot: it took the first login.
+\t\tself.renewed.unwrap_or(self.begun) + DAY
 \t}
\x20
 \tfn name(&self) -> &str {
@@ -40,3 +41,3 @@ fn main() {
 日本語\tと e\u{301}
-old\r
+new\r
\\ No newline at end of file
";

fn file(path: &str, status: Status, modes: (u32, u32), lines: Option<(u64, u64)>) -> FileDiff {
    FileDiff { path: PathBuf::from(path), old_path: None, status, modes, lines }
}

fn sample() -> Patch {
    let plain = (0o100_644, 0o100_644);
    let old_path = Some(PathBuf::from("docs/old name.md"));
    let files = vec![
        file(".github/workflows/ci.yml", Status::Modified, plain, Some((1, 1))),
        FileDiff { old_path, ..file("docs/new name.md", Status::Renamed, plain, Some((0, 0))) },
        file("logo.png", Status::Added, (0, 0o100_644), None),
        file("src/auth/session/expiry_of_renewed_sessions.rs", Status::Modified, plain, Some((3, 2))),
        file("tools/run.sh", Status::Modified, (0o100_644, 0o100_755), Some((0, 0))),
        file("zebra.txt", Status::Deleted, (0o100_644, 0), Some((0, 1))),
    ];
    let text = format!(
        "diff --git a/.github/workflows/ci.yml b/.github/workflows/ci.yml\nindex 1..2 100644\n--- a/x\n+++ b/x\n\
         @@ -1 +1 @@\n-on: push\n+on: pull_request_target\n\
         diff --git a/docs/old name.md b/docs/new name.md\nsimilarity index 100%\nrename from docs/old name.md\n\
         rename to docs/new name.md\n\
         diff --git a/logo.png b/logo.png\nnew file mode 100644\nindex 0..1\nBinary files /dev/null and b/logo.png differ\n\
         diff --git a/src/auth/session/expiry_of_renewed_sessions.rs b/src/auth/session/expiry_of_renewed_sessions.rs\n{SESSION}\
         diff --git a/tools/run.sh b/tools/run.sh\nold mode 100644\nnew mode 100755\n\
         diff --git a/zebra.txt b/zebra.txt\ndeleted file mode 100644\n--- a/zebra.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"
    );
    Patch::of(WorkDiff { files, patch: text.into_bytes(), unknown: None }, &"1a2b3c4d5e".repeat(4))
}

fn stage(columns: u16, rows: u16) -> Stage {
    Stage::with(
        columns,
        rows,
        vec![card(1, "fix-login", CardState::Running), card(2, "docs", CardState::Stopped)],
    )
}

fn compared(stage: &mut Stage, patch: Patch) {
    stage.send(Msg::Compared(id(1), Ok(Arc::new(patch))));
}

/// The view of the sample.
fn opened(columns: u16, rows: u16) -> Stage {
    let mut stage = stage(columns, rows);
    stage.press("D");
    compared(&mut stage, sample());
    stage
}

fn dialog(stage: &Stage) -> &DiffDialog {
    match &stage.model.dialog {
        Some(Dialog::Diff(dialog)) => dialog,
        other => panic!("what changed is looked at: {other:?}"),
    }
}

fn at(stage: &Stage) -> (usize, usize) {
    let Place { file, row } = dialog(stage).at;
    (file, row)
}

fn told(stage: &Stage) -> (Level, &str) {
    let toast = stage.model.toasts.last().expect("something is told");
    (toast.level, &toast.text)
}

fn said(wishes: &[Wish]) -> Vec<&[String]> {
    let mut said = Vec::new();
    for wish in wishes {
        if let Wish::Say(to, lines) = wish {
            assert_eq!(*to, id(1));
            said.push(lines.as_slice());
        }
    }
    said
}

#[test]
fn changes() {
    for (columns, rows) in SIZES {
        let mut stage = opened(columns, rows);
        assert_snapshot!(format!("changes_{columns}x{rows}"), stage.frame());
        stage.press("<tab><tab><tab>jjj");
        assert_snapshot!(format!("changes_lines_{columns}x{rows}"), stage.frame());
        stage.press("cplease name it<tab>j<right>c");
        stage.send(Msg::Paste("and \x1b[31mthis".to_owned()));
        assert_snapshot!(format!("changes_comment_{columns}x{rows}"), stage.frame());
        stage.press("<esc>/old");
        assert_snapshot!(format!("changes_search_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn changes_that_are_not_there() {
    for (columns, rows) in SIZES {
        let mut stage = stage(columns, rows);
        stage.press("D");
        stage.wait(3_000);
        assert_snapshot!(format!("changes_asked_{columns}x{rows}"), stage.frame());
        compared(&mut stage, Patch::of(WorkDiff::default(), "1a2b3c4d5e6f"));
        assert_snapshot!(format!("changes_none_{columns}x{rows}"), stage.frame());
        let mut in_part = sample();
        in_part.unknown = Some("src/secret: permission denied".to_owned());
        compared(&mut stage, in_part);
        assert_snapshot!(format!("changes_in_part_{columns}x{rows}"), stage.frame());
        let mut stage = self::stage(columns, rows);
        stage.press("D");
        let why = "`fix-login` has no commit that it began with yet; `ccells ls` shows how far it is";
        stage.send(Msg::Compared(id(1), Err(why.to_owned())));
        assert_snapshot!(format!("changes_unread_{columns}x{rows}"), stage.frame());
    }
}

/// Without colours the signs are there still, and with them what came and what went differ.
#[test]
fn what_came_and_what_went_differ_by_their_signs_and_by_their_colours() {
    let mut stage = opened(120, 30);
    stage.press("<tab><tab><tab>");
    let frame = stage.frame();
    assert!(
        frame.contains("-        self.begun + DAY") && frame.contains("+        self.renewed"),
        "{frame}"
    );
    let style_of = |stage: &Stage, wanted: &str| {
        let buffer = stage.buffer();
        let row = |y: u16| (0..120).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        let y = (0..30).find(|y| row(*y).contains(wanted)).expect("it is seen");
        buffer[(119 - 70, y)].style()
    };
    let (came, went) = (style_of(&stage, "+        self.renewed"), style_of(&stage, "-        self.begun"));
    assert_ne!(came.fg, went.fg);
    stage.model.theme = stage.model.theme.reduced(Depth::Monochrome);
    let plain = style_of(&stage, "+        self.renewed");
    assert_eq!(plain.fg, style_of(&stage, "-        self.begun").fg, "a terminal without colours gets none");
}

#[test]
fn keys_go_along_lines_hunks_and_files() {
    let mut stage = opened(120, 30);
    assert_eq!(at(&stage), (0, 0));
    for (keys, expected) in [
        ("jj", (0, 2)),
        ("j", (1, 0)),
        ("k", (0, 2)),
        ("<tab>", (1, 0)),
        ("}}", (3, 0)),
        ("]", (3, 8)),
        ("]", (5, 1)),
        ("]", (5, 1)),
        ("[[", (3, 0)),
        ("G", (3, 12)),
        ("g", (3, 0)),
        ("<pgdn>", (3, 12)),
        ("<pgdn>", (4, 0)),
        ("{", (3, 0)),
        ("{{{{{", (0, 0)),
        ("kkk", (0, 0)),
        ("}}}}}}}}", (5, 0)),
        ("jjjjjjj", (5, 2)),
    ] {
        stage.press(keys);
        assert_eq!(at(&stage), expected, "after {keys}");
    }
}

#[test]
fn a_text_is_found_round_and_round() {
    let mut stage = opened(80, 24);
    stage.press("n");
    assert_eq!(told(&stage).1, "nothing is looked for yet; / looks for a text");
    stage.press("/OLD<enter>");
    assert_eq!(told(&stage).1, "that is nowhere in what it changed");
    stage.press("/old<enter>");
    assert_eq!(at(&stage), (1, 1), "a word of git's counts too");
    stage.press("n");
    assert_eq!(at(&stage), (3, 3));
    stage.press("nnnN");
    assert!(dialog(&stage).typed.is_none());
    stage.press("/x<back><back>");
    assert!(dialog(&stage).typed.is_none(), "nothing is typed any more");
}

#[test]
fn it_is_compared_once_however_often_it_is_asked_for() {
    let mut stage = stage(80, 24);
    let compares = |wishes: Vec<Wish>| wishes.iter().filter(|it| matches!(it, Wish::Compare(..))).count();
    assert_eq!(compares(stage.press("D")), 1);
    assert_eq!(compares(stage.press("rr<esc>DDD<esc>D")), 0, "one is under way");
    compared(&mut stage, sample());
    assert!(stage.frame().contains("6 files"));
    assert_eq!(compares(stage.press("r")), 1);
    stage.press("}}}j");
    stage.send(Msg::Compared(id(1), Ok(Arc::new(sample()))));
    assert_eq!(at(&stage), (3, 1), "the cursor stays where it was");
    stage.press("<esc>");
    stage.send(Msg::Compared(id(1), Ok(Arc::new(sample()))));
    stage.send(Msg::Compared(id(2), Ok(Arc::new(sample()))));
    assert!(stage.model.dialog.is_none(), "nobody looks any more");
}

/// What another workstream changed is not shown for what this one did.
#[test]
fn an_answer_about_another_one_is_not_taken() {
    let mut stage = stage(80, 24);
    stage.press("D");
    stage.send(Msg::Compared(id(2), Ok(Arc::new(sample()))));
    assert!(dialog(&stage).patch.is_none());
}

#[test]
fn a_comment_is_put_before_the_agent_with_the_line_that_it_is_about() {
    let mut stage = opened(120, 30);
    let wishes = stage.press("}}}jjjcwhy not before?<enter>");
    let quoted = "> +        // A session that was renewed lasts from then on, which the old code forgot: it took the first login.";
    let place = "src/auth/session/expiry_of_renewed_sessions.rs:11";
    assert_eq!(said(&wishes), [[format!("{place}: why not before?"), quoted.to_owned()]]);
    stage.send(Msg::Pasting(id(1), None));
    assert_eq!(told(&stage).1, "1 comment is in the pane of `fix-login`; Enter there sends what it holds");
    let wishes = stage.press("kcit went<enter>");
    let lines = [format!("{place} (before): it went"), "> -        self.begun + DAY".to_owned()];
    assert_eq!(said(&wishes), [lines]);
    stage.send(Msg::Pasting(id(1), None));
    let wishes = stage.press("{cwhat is this?<enter>");
    assert_eq!(said(&wishes), [["logo.png: what is this?".to_owned()]]);
}

#[test]
fn comments_that_are_kept_are_sent_together_and_changed_by_another_one() {
    let mut stage = opened(120, 30);
    assert_eq!(said(&stage.press("C")).len(), 0);
    assert_eq!(told(&stage).1, "nothing is kept to be sent; c comments on a line");
    stage.press("jjcone<tab>");
    stage.press("kctwo<tab>kc<tab>c<enter>");
    stage.press("jjc!<tab><esc>");
    assert!(stage.model.dialog.is_none());
    stage.press("D");
    compared(&mut stage, sample());
    assert!(stage.frame().contains("2 comments kept, C sends"), "{}", stage.frame());
    let ci = ".github/workflows/ci.yml:1";
    let lines = [
        format!("{ci} (before): two"),
        "> -on: push".to_owned(),
        format!("{ci}: one!"),
        "> +on: pull_request_target".to_owned(),
    ];
    let wishes = stage.press("C");
    assert_eq!(said(&wishes), [lines]);
    stage.send(Msg::Pasting(id(1), None));
    assert_eq!(told(&stage).1, "2 comments are in the pane of `fix-login`; Enter there sends what it holds");
    assert_eq!(said(&stage.press("C")).len(), 0, "they were sent");
    stage.press("jjckept<tab>c<C-u><tab>");
    assert_eq!(said(&stage.press("C")).len(), 0, "one without words is dropped");
}

#[test]
fn a_comment_that_cannot_be_sent_is_kept() {
    let mut stage = opened(120, 30);
    let wishes = stage.press("jccome back<enter>");
    assert_eq!(said(&wishes).len(), 1);
    stage.send(Msg::InputRefused(id(1)));
    let text = "`fix-login` cannot be typed to just now; what you said is kept, and C sends it";
    assert_eq!(told(&stage), (Level::Warning, text));
    stage.show(snapshot(vec![card(1, "fix-login", CardState::Paused)]));
    assert_eq!(said(&stage.press("C")).len(), 0);
    assert_eq!(told(&stage).1, text);
    stage.show(snapshot(vec![card(1, "fix-login", CardState::Running)]));
    assert_eq!(said(&stage.press("C")).len(), 1);
}

#[test]
fn no_more_comments_are_kept_than_their_limit_and_the_words_of_one_more_stay() {
    let mut stage = stage(120, 30);
    stage.press("D");
    let lines = "+x\n".repeat(COMMENTS + 1);
    let patch = format!("diff --git a/a b/a\n@@ -0,0 +1,{} @@\n{lines}", COMMENTS + 1).into_bytes();
    let files = vec![file("a", Status::Modified, (0o100_644, 0o100_644), Some((101, 0)))];
    compared(&mut stage, Patch::of(WorkDiff { files, patch, unknown: None }, "1a2b3c"));
    for _ in 0..COMMENTS {
        stage.press("jcx<tab>");
    }
    stage.press("jcone more<tab>");
    assert_eq!(told(&stage).0, Level::Warning);
    assert!(stage.frame().contains("one more"), "{}", stage.frame());
    assert_eq!(stage.model.comments[&id(1)].len(), COMMENTS);
}

/// Only what is seen is looked at: a frame of a huge change costs no more than one of a small one.
#[test]
fn a_huge_change_is_as_fluent_as_a_small_one() {
    let mut text = Vec::new();
    let mut files = Vec::new();
    for number in 0..1_000 {
        let path = format!("src/file-{number}.rs");
        text.extend(format!("diff --git a/{path} b/{path}\n@@ -1,0 +1,50 @@\n").bytes());
        text.extend("+let it = be(\"as long as a line of code is\");\n".repeat(50).bytes());
        files.push(file(&path, Status::Modified, (0o100_644, 0o100_644), Some((50, 0))));
    }
    text.extend(format!("+{}\n", "\t\x1b[31m日".repeat(100_000)).bytes());
    let mut stage = stage(120, 30);
    stage.press("D");
    compared(&mut stage, Patch::of(WorkDiff { files, patch: text, unknown: None }, "1a2b3c"));
    for _ in 0..400 {
        stage.press("}<pgdn>");
    }
    stage.press("}".repeat(999).as_str());
    stage.press("G");
    assert_eq!(at(&stage), (999, 51));
    let frame = stage.frame();
    assert!(frame.contains("1000/1000") && frame.contains("x1b[31m日"), "{frame}");
    let line = crate::tui::clip::line("\t\x1b".repeat(100_000).as_bytes(), DIFF_LINE_CHARS);
    assert!(line.len() < 64 * DIFF_LINE_CHARS);
}

#[test]
fn the_view_follows_the_size_of_the_screen() {
    let mut stage = opened(120, 30);
    stage.press("}}}G");
    for (columns, rows) in [(40, 10), (20, 4), (19, 3), (1, 1), (200, 60), (89, 7), (90, 7)] {
        stage.send(Msg::Resized(columns, rows));
        stage.press("kj");
        let parts = dialog(&stage).parts(stage.model.size);
        let seen = dialog(&stage).top..dialog(&stage).top + usize::from(parts.lines.height).max(1);
        assert!(seen.contains(&at(&stage).1), "{columns}x{rows}");
        assert!(parts.lines.right() <= columns && parts.lines.bottom() < rows.max(1), "{columns}x{rows}");
        stage.buffer();
    }
}
