//! Power cuts: the disk is what its device holds at one instant, nothing of what was on its way to it; every container is
//! dead; and the next start finds what was acknowledged, and puts the rest in order.
//!
//! What this proves: whatever ccells and git acknowledged had been asked of the device and flushed before (the page cache
//! is lost completely, journals are replayed by the real file systems). What it does not: that a device keeps what it was
//! told to flush, or what becomes of writes that it reorders between two flushes: here it has made all or none of them.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::blows::{EVERY, Tally, is_full, points, remove_all_but, thin};
use crate::disks::{Disk, Kind, can_mount, kinds};
use crate::harness::{SOON, Said, Stage, announce, eventually, git};
use crate::terminal::Terminal;
use crate::tracer::{self, Fate, Tracer};

/// A stage on a disk of its own, with a witness on it.
struct Field {
    disk: Disk,
    stage: Option<Stage>,
    witness: Value,
    commit: String,
    tally: Tally,
}

impl Drop for Field {
    fn drop(&mut self) {
        // The disk goes last.
        drop(self.stage.take());
    }
}

impl Field {
    /// `None`, said loudly, where there can be none.
    fn set(kind: Kind) -> Option<Self> {
        if !can_mount() || !tracer::can_trace() {
            return None;
        }
        let mut disk = Disk::make(kind);
        let mut stage = Stage::set_in(|room| disk.mount(room))?;
        // What an agent does not sync is lost, and no promise of ours.
        stage.let_agents_talk();
        let witness = stage.new_workstream("witness");
        let commit = git(&stage.repo, &["rev-parse", "main"]);
        // What the user did before us is there.
        disk.sync();
        Some(Self { disk, stage: Some(stage), witness, commit, tally: Tally::default() })
    }

    fn stage(&self) -> &Stage {
        self.stage.as_ref().expect("it is taken at the end only")
    }

    /// The workstreams that the state on the disk names.
    fn recorded(&self) -> Vec<String> {
        let rooms = std::fs::read_dir(self.stage().home.join("state")).unwrap();
        let files = rooms.map(|room| room.unwrap().path().join("state.json"));
        let texts = files.filter_map(|file| std::fs::read(file).ok());
        let states = texts.map(|text| serde_json::from_slice::<Value>(&text).unwrap_or_default());
        let listed = states.flat_map(|state| state["workstreams"].as_array().cloned().unwrap_or_default());
        listed.filter_map(|it| it["facts"]["id"].as_str().map(str::to_string)).collect()
    }

    /// The power goes, and comes back.
    fn cut(&mut self) {
        self.disk.take_image();
        let stage = self.stage.as_ref().expect("it is taken at the end only");
        for container in stage.containers() {
            let id = container["Id"].as_str().unwrap();
            if container["State"] == "paused" {
                stage.plain().ask("POST", &format!("/containers/{id}/unpause"), "text/plain", b"").unwrap();
            }
            stage.plain().ask("POST", &format!("/containers/{id}/kill"), "text/plain", b"").unwrap();
        }
        eventually("all containers are dead", SOON, || {
            let dead = ["exited", "created", "dead"];
            stage.containers().iter().all(|it| dead.iter().any(|state| it["State"] == **state)).then_some(())
        });
        self.disk.go_on_from_image();
    }

    /// What has to hold after the power came back. Of `made` and `gone` it was acknowledged that they are.
    fn recover(&mut self, part: &str, made: Option<&Value>, gone: Option<&Value>, context: &str) {
        let recorded = self.recorded();
        let id = |card: &Value| card["id"].as_str().unwrap().to_string();
        for card in [Some(&self.witness), made].into_iter().flatten() {
            assert!(recorded.contains(&id(card)), "{context}: acknowledged, and not on the disk: {card:#}");
        }
        if let Some(card) = gone {
            assert!(!recorded.contains(&id(card)), "{context}: acknowledged as gone, and on the disk");
        }
        let stage = self.stage.as_ref().expect("it is taken at the end only");
        assert_eq!(git(&stage.repo, &["rev-parse", "main"]), self.commit, "{context}");
        let said: Vec<Said> =
            (0..2).map(|_| stage.run(&["reconcile", "--apply", "--json"]).expect(0)).collect();
        // Before, git may complain of a worktree that it was itself about to make.
        let checked = Command::new("git")
            .args(["fsck", "--full", "--no-dangling", "--no-progress"])
            .current_dir(&stage.repo)
            .output()
            .unwrap();
        assert!(
            checked.status.success(),
            "{context}: {checked:?}; what git has of worktrees: {:?}; reconciled: {said:#?}",
            registered(&stage.repo),
        );
        let listed = stage.json(&["ls"]);
        let cards = listed.as_array().unwrap();
        let row = self.tally.row(part);
        let is_known = |it: &Value| cards.iter().any(|card| card["container_id"] == it["Id"]);
        row.leaked += stage.containers().iter().filter(|it| !is_known(it)).count();
        for card in [Some(&self.witness), made].into_iter().flatten() {
            row.lost += usize::from(!cards.iter().any(|it| it["id"] == card["id"]));
        }
        // After a reboot every workstream can be taken up again.
        for card in cards {
            let id = card["id"].as_str().unwrap();
            stage.run(&["resume", id]).expect(0);
            eventually(&format!("{context}: it works again"), SOON, || {
                stage.run(&["logs", id]).out.contains("tick 1 end").then_some(())
            });
            let code = Path::new(card["worktree"].as_str().unwrap()).join("code");
            assert_eq!(
                std::fs::read_to_string(code).unwrap(),
                "1\n",
                "{context}: the base is not whole: {card:#}"
            );
        }
        let found = stage.doctor();
        if !found.is_empty() {
            announce(&format!("{context}: the doctor finds {found:#?}"));
        }
        self.tally.row(part).doctored += found.len();
        remove_all_but(stage, &self.witness);
        assert_eq!(stage.containers().len(), 1, "{context}");
    }

    /// Cuts the power at `wanted` of the changes of `words`, of which `{}` stands for the victim, and just after it was
    /// acknowledged.
    fn sweep(&mut self, words: &[&str], has_victim: bool, wanted: usize) {
        let part = words[0].to_string();
        let mut fates = vec![Fate::Watched];
        let mut place = 0;
        while let Some(fate) = fates.get(place).copied() {
            let name = format!("victim-{place}");
            let victim = has_victim.then(|| self.stage().new_workstream(&name));
            if part == "restart" {
                self.stage().run(&["stop", &name]).expect(0);
            }
            let words: Vec<&str> =
                words.iter().map(|word| if *word == "{}" { &name } else { *word }).collect();
            let (said, trace) = tracer::run(&self.stage().command(&words), fate);
            if place == 0 {
                let numbers = thin(trace.changes.len(), points(wanted, EVERY)).into_iter();
                fates.extend(numbers.map(|place| Fate::KilledAt(place + 1)));
            }
            self.cut();
            let context = format!("{part} {fate:?} at {:?}", trace.struck);
            self.weigh(&part, &said, victim.as_ref(), &context);
            place += 1;
        }
    }

    fn weigh(&mut self, part: &str, said: &Said, victim: Option<&Value>, context: &str) {
        let row = self.tally.row(part);
        row.points += 1;
        row.killed += 1;
        let is_done = said.code == 0;
        match part {
            "new" => {
                let made = is_done.then(|| said.json());
                self.recover(part, made.as_ref(), None, context);
            }
            "rm" => self.recover(part, None, victim.filter(|_| is_done), context),
            _ => self.recover(part, victim, None, context),
        }
    }

    /// Cuts the power while a run ends.
    fn sweep_quit(&mut self, wanted: usize) {
        let mut fates = vec![Fate::Watched];
        let mut place = 0;
        while let Some(fate) = fates.get(place).copied() {
            let mut terminal = Terminal::open(self.stage(), &[]);
            terminal.wait_for("running witness");
            let tracer = Tracer::follow(terminal.pid(), fate);
            terminal.signal(Signal::TERM);
            let trace = tracer.finish();
            terminal.end(SOON);
            if place == 0 {
                let numbers = thin(trace.changes.len(), points(wanted, EVERY)).into_iter();
                fates.extend(numbers.map(|place| Fate::KilledAt(place + 1)));
            }
            self.cut();
            let row = self.tally.row("quit");
            row.points += 1;
            row.killed += 1;
            self.recover("quit", None, None, &format!("quit {fate:?} at {:?}", trace.struck));
            place += 1;
        }
    }
}

/// The files that git keeps of each worktree, with their lengths.
fn registered(repo: &Path) -> Vec<(String, u64)> {
    let rooms = std::fs::read_dir(repo.join(".git/worktrees")).into_iter().flatten().flatten();
    let files = rooms.flat_map(|room| std::fs::read_dir(room.path()).into_iter().flatten().flatten());
    files.map(|file| (file.path().display().to_string(), file.metadata().map_or(0, |it| it.len()))).collect()
}

/// All verbs on one kind of disk.
fn endures(kind: Kind) {
    let Some(mut field) = Field::set(kind) else { return };
    field.sweep(&["new", "-n", "{}", "--json"], false, 3);
    field.sweep(&["rm", "--force", "{}"], true, 2);
    field.sweep(&["pause", "{}"], true, 1);
    field.sweep(&["restart", "{}"], true, 1);
    field.sweep_quit(1);
    announce(&format!("power cuts on {kind:?}:"));
    field.tally.assert_clean();
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    for kind in kinds(is_full()) {
        endures(kind);
    }
}

#[test]
fn a_disk_that_only_says_that_it_has_synced_is_found_out() {
    let Some(mut field) = Field::set(Kind::Ext4) else { return };
    // Nothing of what is written is asked of the device: if this went unseen, so would a sync that is missing.
    let (said, _) =
        tracer::run(&field.stage().command(["new", "-n", "unsynced", "--json"]), Fate::NeverSynced);
    let made = said.expect(0).json();
    field.cut();
    // What is left behind a disk that lies is nobody's promise.
    field.stage.as_mut().expect("it is taken at the end only").leave_uninspected();
    let recorded = field.recorded();
    assert!(!recorded.iter().any(|id| made["id"] == **id), "it cannot be on the disk: {recorded:?}");
    assert!(recorded.iter().any(|id| field.witness["id"] == **id), "what was synced is: {recorded:?}");
}

#[test]
fn a_beat_that_the_power_left_empty_is_cleared_away() {
    let Some(stage) = Stage::set() else { return };
    stage.new_workstream("witness");
    let beat = stage.home.join("runs/01jd8z5q0v3x7k2m9n4p6r8s1t.hb");
    std::fs::write(&beat, "").unwrap();
    std::fs::set_permissions(&beat, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(stage.doctor().len(), 1, "the doctor sees it");
    stage.run(&["reconcile", "--apply"]).expect(0);
    assert!(!beat.exists());
}
