//! Whatever its user and the agents write, and whichever verb is killed whenever: every word of it can still be found, in
//! a file or in what a reference leads to, and what the user has not committed is as it was, byte for byte.
//! `CCELLS_CHANCES` says how many rounds, `CCELLS_CHANCES_SEED` repeats the choices of a run (not the machine's mood).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::blows::Blow;
use crate::harness::{SOON, Stage, announce, eventually, git};
use crate::image;
use crate::rounds::Dice;

/// Rounds when nobody says how many.
const ROUNDS: u64 = 12;
/// Most workstreams at a time.
const MOST: usize = 2;
/// Nobody is killed later than this after it began.
const LATEST_MS: u64 = 900;

/// An agent that does what it finds written down, each time once.
const AGENT: &str = "cd /workspace; while :; do
if mv /home/agent/do /home/agent/doing 2>/dev/null; then sh /home/agent/doing; mv /home/agent/doing /home/agent/did; fi
sleep 0.05; done";

/// What one of them writes: where its only copy may be, as long as nobody takes it away on purpose.
struct Written {
    word: String,
    by: String,
}

struct Play {
    stage: Stage,
    dice: Dice,
    names: u64,
    words: u64,
    written: Vec<Written>,
    story: Vec<String>,
}

impl Drop for Play {
    fn drop(&mut self) {
        if std::thread::panicking() {
            announce(&format!("what went before: {:#?}", self.story));
        }
    }
}

impl Play {
    fn word(&mut self, by: &str) -> String {
        self.words += 1;
        let word = format!("word-{}-of-{by}.", self.words);
        self.written.push(Written { word: word.clone(), by: by.to_owned() });
        word
    }

    /// The user writes something, and commits it or not.
    fn user_writes(&mut self) {
        let (word, repo) = (self.word("user"), self.stage.repo.clone());
        let number = self.words;
        let add = |name: &str| {
            let old = std::fs::read_to_string(repo.join(name)).unwrap_or_default();
            std::fs::write(repo.join(name), format!("{old}{word}\n")).unwrap();
        };
        match self.dice.below(4) {
            0 => add("README"),
            1 => add(&format!("notes-{number}")),
            2 => {
                add("staged");
                git(&repo, &["add", "staged"]);
            }
            _ => {
                add(&format!("code-{number}"));
                git(&repo, &["add", &format!("code-{number}")]);
                let who = ["-c", "user.name=U", "-c", "user.email=u@example.org"];
                git(&repo, &[&who[..], &["commit", "-qm", "user", "--", &format!("code-{number}")]].concat());
            }
        }
    }

    /// An agent that runs writes something, and commits it or not.
    fn agent_writes(&mut self, card: &Value) {
        let (name, home) =
            (card["name"].as_str().unwrap(), Path::new(card["directory"].as_str().unwrap()).join("home"));
        let word = self.word(name);
        let number = self.words;
        let commit = "git -c user.name=A -c user.email=a@b commit -qm work";
        let script = match self.dice.below(5) {
            0 => format!("echo {word} >> idea-{number}"),
            1 => format!("echo {word} >> README"),
            2 => format!("echo {word} >> secret.log; echo '*.log' > .gitignore"),
            _ => format!("echo {word} > file-{number}; git add file-{number}; {commit} -- file-{number}"),
        };
        self.story.push(format!("{name}: {script}"));
        let _ = std::fs::remove_file(home.join("did"));
        std::fs::write(home.join("do.new"), script).unwrap();
        std::fs::rename(home.join("do.new"), home.join("do")).unwrap();
        eventually("the agent has done it", SOON, || home.join("did").exists().then_some(()));
    }

    /// One verb, killed most of the time.
    fn verb(&mut self, cards: &[Value]) {
        let name = |card: &Value| card["name"].as_str().unwrap().to_owned();
        let any = (!cards.is_empty()).then(|| name(&cards[self.dice.place(cards.len())]));
        let words: Vec<String> = match (self.dice.below(9), any) {
            (0..=1, _) | (_, None) if cards.len() < MOST => {
                self.names += 1;
                vec!["new".into(), "-n".into(), format!("w{}", self.names)]
            }
            (0..=2, Some(name)) => vec!["merge".into(), name, "--into".into(), "main".into()],
            (3, Some(name)) => vec!["merge".into(), name, "--into".into(), "main".into(), "--squash".into()],
            (4 | 5, Some(name)) => vec!["rm".into(), "--force".into(), name],
            (6, Some(name)) => vec!["pause".into(), name],
            (7, Some(name)) => vec!["diff".into(), "--stat".into(), name],
            _ => vec!["undo".into()],
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let before = self.of_the_user();
        let said = if self.dice.one_in(4) {
            self.stage.run(&words)
        } else {
            Blow::After(Duration::from_millis(self.dice.below(LATEST_MS))).strike(&self.stage, &words)
        };
        assert!(!said.err.contains("panicked"), "{words:?}: {said:#?}");
        self.story.push(format!("{words:?}: {} {}", said.code, said.err.trim()));
        self.stage.run(&["reconcile", "--apply"]).expect(0);
        assert_eq!(self.of_the_user(), before, "what the user has not committed is as it was");
    }

    /// What the user has in the checkout and has not committed, by what git says of it and to the byte.
    fn of_the_user(&self) -> (String, Vec<(PathBuf, Vec<u8>)>) {
        let said = git(&self.stage.repo, &["status", "--porcelain", "--untracked-files=all"]);
        let names = said.lines().map(|line| self.stage.repo.join(line.trim_start()[2..].trim_start()));
        let held = names.map(|file| (file.clone(), std::fs::read(&file).unwrap_or_default())).collect();
        (said, held)
    }

    /// All that can be read: of files as they are, of commits by what each reference leads to.
    fn everything(&self) -> String {
        let (repo, home) = (&self.stage.repo, &self.stage.home);
        let places = [repo.to_str().unwrap(), home.to_str().unwrap()];
        let files = Command::new("grep")
            .args(["-rhoaE", "word-[0-9]+-of-[a-z0-9]+\\."])
            .args(places)
            .output()
            .unwrap();
        let mut all = String::from_utf8(files.stdout).unwrap();
        let mut stores = vec![repo.join(".git")];
        for below in ["workstreams", "trash"] {
            let entries = std::fs::read_dir(home.join(below)).into_iter().flatten();
            stores.extend(entries.map(|entry| entry.unwrap().path().join("git")).filter(|git| git.is_dir()));
        }
        for store in stores {
            let mut command = Command::new("git");
            command
                .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", repo.join(".git/objects"))
                .arg("--git-dir")
                .arg(&store);
            let log = command.args(["log", "--all", "HEAD", "-p", "--format=%B"]).output().unwrap();
            assert!(log.status.success(), "{}: {}", store.display(), String::from_utf8_lossy(&log.stderr));
            all += &String::from_utf8_lossy(&log.stdout);
        }
        all
    }

    fn round(&mut self, number: u64) {
        self.story.push(format!("round {number}"));
        let listed = self.stage.json(&["ls"]);
        let cards = listed.as_array().unwrap().clone();
        for card in &cards {
            if card["state"] == "paused" || card["state"] == "failed" {
                self.stage.run(&["resume", card["id"].as_str().unwrap()]);
            }
        }
        let cards: Vec<Value> = self.stage.json(&["ls"]).as_array().unwrap().clone();
        self.user_writes();
        for card in cards.iter().filter(|card| card["state"] == "running") {
            self.agent_writes(card);
        }
        self.verb(&cards);
        let all = self.everything();
        let lost: Vec<_> = self.written.iter().filter(|it| !all.contains(&it.word)).collect();
        let lost: Vec<_> = lost.iter().map(|it| format!("{} ({})", it.word, it.by)).collect();
        assert!(lost.is_empty(), "round {number}: nowhere any more: {lost:?}");
        git(&self.stage.repo, &["fsck", "--full"]);
        assert_eq!(self.stage.doctor(), Vec::<Value>::new(), "round {number}");
    }
}

#[test]
fn whatever_is_written_and_whoever_is_killed_no_word_is_lost() {
    let Some(mut stage) = Stage::set() else { return };
    let image = image::with_git(stage.plain());
    stage.variable("CCELLS_IMAGE", image);
    stage.variable("CCELLS_AGENT_COMMAND", &serde_json::to_string(&["sh", "-c", AGENT]).unwrap());
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let fresh = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let seed = number("CCELLS_CHANCES_SEED").unwrap_or_else(fresh);
    let rounds = number("CCELLS_CHANCES").unwrap_or(ROUNDS);
    announce(&format!("{rounds} rounds: repeat with CCELLS_CHANCES={rounds} CCELLS_CHANCES_SEED={seed}"));
    let (written, story) = (Vec::new(), Vec::new());
    let mut play = Play { stage, dice: Dice(seed), names: 0, words: 0, written, story };
    for round in 1..=rounds {
        play.round(round);
    }
    assert!(play.words > rounds, "somebody else than the user wrote something");
}
