//! `ccells doctor`: everything about this home that can be verified from outside. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ccells_core::ids::WorkstreamId;
use ccells_core::ports::{Engine, FileOp, Files};
use ccells_core::record::{self, BeatRecord, FactsRecord, Intent, Operation, StateRecord, TrackingRecord};
use clap::Args;
use serde_json::{Value, json};

use super::{Failure, engine, print};
use crate::adapters::docker::DockerEngine;
use crate::adapters::files::RealFiles;
use crate::boot;
use crate::paths::{self, HomePaths};

/// How to look.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Print only what is wrong.
    #[arg(long)]
    check: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    Ok,
    Warning,
    Failure,
}

#[derive(Debug)]
struct Finding {
    check: &'static str,
    grade: Grade,
    text: String,
}

/// Does it: exit code 1 when anything is wrong.
pub(super) async fn run(_directory: &Path, verb: &Doctor) -> Result<u8, Failure> {
    let (paths, _, warnings) = boot::open_home(|name| std::env::var(name).ok())?;
    let mut look = Look::new(paths);
    for warning in warnings {
        look.note("home", Grade::Warning, warning);
    }
    look.read_everything();
    look.check_modes();
    look.check_strays();
    look.check_runs();
    look.check_records();
    look.check_worktrees();
    match engine() {
        Ok(engine) => {
            look.check_engine(&engine).await;
            engine.close().await;
        }
        Err(failure) => look.note("engine", Grade::Failure, failure.text),
    }
    Ok(look.report(verb))
}

/// Everything that was read, and what was found.
struct Look {
    paths: HomePaths,
    files: RealFiles,
    findings: Vec<Finding>,
    states: BTreeMap<String, StateRecord>,
    intents: BTreeMap<WorkstreamId, Intent>,
    facts: BTreeMap<WorkstreamId, FactsRecord>,
    index: Option<TrackingRecord>,
    /// Repositories whose lock a living run holds.
    held: BTreeSet<String>,
}

impl Look {
    fn new(paths: HomePaths) -> Self {
        Self {
            paths,
            files: RealFiles::new(),
            findings: Vec::new(),
            states: BTreeMap::new(),
            intents: BTreeMap::new(),
            facts: BTreeMap::new(),
            index: None,
            held: BTreeSet::new(),
        }
    }

    fn note(&mut self, check: &'static str, grade: Grade, text: impl Into<String>) {
        self.findings.push(Finding { check, grade, text: text.into() });
    }

    fn names(&mut self, directory: &Path) -> Vec<String> {
        boot::list(&mut self.files, directory).unwrap_or_else(|why| {
            let text = format!("{} cannot be listed: {why}", directory.display());
            self.note("files", Grade::Failure, text);
            Vec::new()
        })
    }

    fn record<T: serde::de::DeserializeOwned>(&mut self, path: &Path) -> Option<T> {
        let bytes = match boot::read(&mut self.files, path) {
            Ok(bytes) => bytes,
            Err(ccells_core::ports::FileError::NotFound) => return None,
            Err(error) => {
                self.note("files", Grade::Failure, format!("{}: {error}", path.display()));
                return None;
            }
        };
        match record::parse(&bytes) {
            Ok(record) => Some(record),
            Err(flaw) => {
                self.note("files", Grade::Failure, format!("{}: {flaw}", path.display()));
                None
            }
        }
    }

    fn read_everything(&mut self) {
        let state = self.paths.root().join("state");
        for repo in self.names(&state) {
            let directory = state.join(&repo);
            if let Some(record) = self.record::<StateRecord>(&directory.join("state.json")) {
                self.states.insert(repo.clone(), record);
            }
            for generation in ["state.json.prev", "state.json.prev2"] {
                let _previous: Option<StateRecord> = self.record(&directory.join(generation));
            }
            let lock = paths::text(&directory.join("repo.lock"));
            if directory.join("repo.lock").exists() {
                match self.files.apply(&FileOp::TryLock(lock.clone())) {
                    Ok(_) => drop(self.files.apply(&FileOp::Unlock(lock))),
                    Err(_) => drop(self.held.insert(repo)),
                }
            }
        }
        let intents = self.paths.intents();
        for name in self.names(&intents).iter().filter(|name| !name.starts_with('.')) {
            if let Some(intent) = self.record::<Intent>(&intents.join(name)) {
                self.intents.insert(intent.workstream.id.clone(), intent);
            }
        }
        let workstreams = self.paths.workstreams();
        for id in self.names(&workstreams).iter().filter_map(|name| WorkstreamId::parse(name).ok()) {
            if let Some(record) = self.record::<FactsRecord>(&self.paths.facts(&id)) {
                self.facts.insert(id, record);
            }
        }
        self.index = self.record(&self.paths.index());
        let _heartbeat: Option<BeatRecord> = self.record(&self.paths.heartbeat());
        let count = self.states.len();
        self.note(
            "files",
            Grade::Ok,
            format!("{count} state files, {} intents, {} workstreams", self.intents.len(), self.facts.len()),
        );
    }

    /// Whether some run is alive: then things may be under way.
    fn is_busy(&self) -> bool {
        !self.held.is_empty()
    }

    fn check_modes(&mut self) {
        let mut rooms = vec![self.paths.root().to_path_buf()];
        rooms.extend(self.paths.rooms());
        for room in &rooms {
            self.check_mode(room, 0o700);
        }
        let files = [self.paths.index(), self.paths.heartbeat()];
        let states: Vec<PathBuf> =
            self.states.values().map(|state| self.paths.state(&state.repo_id)).collect();
        let intents: Vec<PathBuf> = self.intents.keys().map(|id| self.paths.intent(id)).collect();
        for file in files.into_iter().chain(states).chain(intents) {
            self.check_mode(&file, 0o600);
        }
    }

    fn check_mode(&mut self, path: &Path, wanted: u32) {
        let Ok(metadata) = path.symlink_metadata() else { return };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & !wanted != 0 && !metadata.is_symlink() {
            let text = format!(
                "{} has mode {mode:04o}; fix it with: chmod {wanted:o} '{}'",
                path.display(),
                path.display()
            );
            self.note("modes", Grade::Failure, text);
        }
    }

    /// Temporary files that no writer is about to rename.
    fn check_strays(&mut self) {
        let mut rooms = vec![self.paths.root().to_path_buf()];
        rooms.extend(self.paths.rooms());
        rooms.extend(self.states.values().map(|state| self.paths.repo(&state.repo_id)));
        for room in rooms {
            for name in self.names(&room) {
                let is_temporary =
                    name.starts_with('.') && (name.ends_with(".tmp") || name.ends_with(".new"));
                if is_temporary && !self.is_busy() {
                    self.note(
                        "strays",
                        Grade::Failure,
                        format!("{} is left over", room.join(name).display()),
                    );
                }
            }
        }
    }

    fn check_runs(&mut self) {
        let runs = self.paths.runs();
        for name in self.names(&runs).iter().filter(|name| name.ends_with(".hb")) {
            let path = runs.join(name);
            let Some(beat) = self.record::<BeatRecord>(&path) else { continue };
            let lock = paths::text(&self.paths.run_lock(&beat.run));
            if self.files.apply(&FileOp::TryLock(lock.clone())).is_ok() {
                drop(self.files.apply(&FileOp::Unlock(lock)));
                let text = format!(
                    "run {} (pid {}) ended without a word; start ccells or run `ccells reconcile --apply`",
                    beat.run, beat.pid
                );
                self.note("runs", Grade::Failure, text);
            }
        }
    }

    fn is_known(&self, id: &WorkstreamId) -> bool {
        self.intents.contains_key(id) || self.is_listed(id)
    }

    fn is_listed(&self, id: &WorkstreamId) -> bool {
        self.states.values().any(|state| state.workstreams.iter().any(|entry| entry.facts.id == *id))
    }

    fn check_records(&mut self) {
        for intent in self.intents.clone().into_values() {
            if self.held.contains(intent.workstream.repo_id.as_str()) {
                continue;
            }
            let (grade, what) = match intent.operation {
                // Nobody is in doubt about it, and the next start asks or goes on.
                Operation::Create if intent.was_left_at_end() => {
                    (Grade::Warning, "ccells was ended before its creation was finished")
                }
                Operation::Create => (Grade::Failure, "its creation was interrupted"),
                Operation::Rebase => (Grade::Failure, "its rebase was interrupted"),
                Operation::Merge => (Grade::Failure, "its merge was interrupted"),
                Operation::Restore { .. } => (Grade::Failure, "its way back from the trash was interrupted"),
                Operation::Destroy { unsettled_since: Some(_), .. } => {
                    (Grade::Warning, "its removal waits for what may still land")
                }
                Operation::Destroy { .. } => (Grade::Failure, "its removal was interrupted"),
            };
            let text = format!(
                "`{}` ({}): {what}; run `ccells reconcile --apply`",
                intent.workstream.name, intent.workstream.id
            );
            self.note("intents", grade, text);
        }
        let unlisted: Vec<_> = self
            .facts
            .iter()
            .filter(|(id, _)| !self.is_known(id))
            .map(|(id, it)| (id.clone(), it.facts.repo_id.clone()))
            .collect();
        for (id, repo) in unlisted {
            if !self.held.contains(repo.as_str()) {
                self.note(
                    "records",
                    Grade::Failure,
                    format!("workstream {id} is in no state file; start ccells in its repository"),
                );
            }
        }
    }

    fn check_worktrees(&mut self) {
        let worktrees = self.paths.root().join("worktrees");
        for repo in self.names(&worktrees) {
            for id in
                self.names(&worktrees.join(&repo)).iter().filter_map(|name| WorkstreamId::parse(name).ok())
            {
                if !self.is_known(&id) && !self.facts.contains_key(&id) && !self.held.contains(&repo) {
                    let path = worktrees.join(&repo).join(id.as_str());
                    self.note(
                        "worktrees",
                        Grade::Failure,
                        format!("{} belongs to no workstream", path.display()),
                    );
                }
            }
        }
        let missing: Vec<_> = self
            .states
            .values()
            .flat_map(|state| state.workstreams.iter())
            .filter(|entry| entry.facts.base.is_some() && !Path::new(entry.facts.worktree.as_str()).exists())
            .filter(|entry| !self.intents.contains_key(&entry.facts.id))
            .map(|entry| entry.facts.name.clone())
            .collect();
        for name in missing {
            self.note("worktrees", Grade::Failure, format!("the worktree of `{name}` is gone"));
        }
        self.check_git_leftovers();
    }

    /// What git still believes of worktrees of ours that are gone.
    fn check_git_leftovers(&mut self) {
        let repos: BTreeMap<String, PathBuf> = self
            .states
            .values()
            .flat_map(|state| state.workstreams.iter().map(|entry| &entry.facts))
            .map(|facts| (facts.repo_id.to_string(), PathBuf::from(facts.git_dir.as_str())))
            .collect();
        for (repo, git_dir) in repos {
            let registered = git_dir.join("worktrees");
            for id in self.names(&registered).iter().filter_map(|name| WorkstreamId::parse(name).ok()) {
                let worktree = self.paths.root().join("worktrees").join(&repo).join(id.as_str());
                if !worktree.exists() && !self.intents.contains_key(&id) && !self.held.contains(&repo) {
                    self.note(
                        "git",
                        Grade::Warning,
                        format!(
                            "{} is registered for a worktree that is gone",
                            registered.join(id.as_str()).display()
                        ),
                    );
                }
            }
        }
    }

    async fn check_engine(&mut self, engine: &DockerEngine) {
        match engine.ping_engine().await {
            Ok(facts) => self.note(
                "engine",
                Grade::Ok,
                format!("{} (API {}) at {}", facts.version, facts.api, engine.endpoint()),
            ),
            Err(error) => return self.note("engine", Grade::Failure, error.to_string()),
        }
        if engine.endpoint().starts_with("tcp://") {
            self.note(
                "engine",
                Grade::Warning,
                format!(
                    "{} is not encrypted: whoever can reach it is root on its machine",
                    engine.endpoint()
                ),
            );
        }
        let home = boot::home_id(&self.paths);
        let containers = match engine.list_containers(&home).await {
            Ok(containers) => containers,
            Err(error) => return self.note("containers", Grade::Failure, error.to_string()),
        };
        let tracked: BTreeSet<String> = self
            .index
            .iter()
            .flat_map(|index| &index.containers)
            .map(|it| it.container_id.to_string())
            .collect();
        let mut seen: BTreeMap<WorkstreamId, usize> = BTreeMap::new();
        for container in &containers {
            let id = &container.labels.workstream;
            *seen.entry(id.clone()).or_default() += 1;
            let is_tracked = tracked.contains(container.id.as_str()) || self.intents.contains_key(id);
            if (!is_tracked || !self.is_known(id)) && !self.held.contains(container.labels.repo.as_str()) {
                self.note(
                    "containers",
                    Grade::Failure,
                    format!("{} is known to no file; start ccells in its repository", container.name),
                );
            }
        }
        for (id, count) in seen.iter().filter(|(_, count)| **count > 1) {
            self.note("containers", Grade::Failure, format!("workstream {id} has {count} containers"));
        }
        let gone: Vec<_> = self
            .index
            .iter()
            .flat_map(|index| &index.containers)
            .filter(|it| !containers.iter().any(|seen| seen.id == it.container_id))
            .map(|it| it.name.clone())
            .collect();
        for name in gone {
            self.note(
                "containers",
                Grade::Warning,
                format!("{name} is in the index, but gone from the engine"),
            );
        }
        self.note("containers", Grade::Ok, format!("{} of this home", containers.len()));
        self.check_volumes(engine).await;
    }

    /// A volume of ours holds a copy of the holder and nothing else.
    async fn check_volumes(&mut self, engine: &DockerEngine) {
        match engine.list_volumes(&boot::home_id(&self.paths)).await {
            Ok(volumes) if !self.is_busy() => {
                for volume in volumes {
                    let text = format!(
                        "volume {} is used by no container; run `ccells reconcile --apply`",
                        volume.name
                    );
                    self.note("volumes", Grade::Failure, text);
                }
            }
            Ok(_) => {}
            Err(error) => self.note("volumes", Grade::Failure, error.to_string()),
        }
    }

    fn report(&self, verb: &Doctor) -> u8 {
        let worst = self.findings.iter().map(|finding| finding.grade).max().unwrap_or(Grade::Ok);
        if verb.json {
            let findings: Vec<Value> = self
                .findings
                .iter()
                .map(|it| json!({ "check": it.check, "grade": it.grade.as_str(), "text": it.text }))
                .collect();
            print::json(
                &json!({ "ok": worst < Grade::Failure, "home": self.paths.root().display().to_string(), "findings": findings }),
            );
        } else {
            for finding in self.findings.iter().filter(|it| !verb.check || it.grade == Grade::Failure) {
                print::say(&format!(
                    "{:<8}{:<12}{}",
                    finding.grade.as_str(),
                    finding.check,
                    print::clean(&finding.text)
                ));
            }
        }
        u8::from(worst == Grade::Failure)
    }
}

impl Grade {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}
