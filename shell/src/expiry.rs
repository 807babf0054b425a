//! The trash of one repository in one home: what is in it, and what is taken out because nobody keeps it any longer.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use ccells_core::event::Repo;
use ccells_core::ports::Clock as _;
use ccells_core::record::Facts;
use ccells_core::time::Wall;
use ccells_core::trash::{Keeping, expired};

use crate::adapters::clock::RealClock;
use crate::adapters::git::{RealGit, Trashed, list_trash};
use crate::boot::{self, BootError};
use crate::paths::HomePaths;
use crate::runs::Ground;

/// The trash of one repository.
pub struct Bin {
    git: Arc<RealGit>,
    paths: HomePaths,
    repo: Repo,
}

impl Bin {
    /// That of the repository we are in.
    pub fn new(ground: &Ground, paths: HomePaths) -> Result<Self, BootError> {
        Ok(Self::of(Arc::clone(&ground.git), paths, boot::describe(&ground.repo)?))
    }

    /// That of `repo`.
    pub fn of(git: Arc<RealGit>, paths: HomePaths, repo: Repo) -> Self {
        Self { git, paths, repo }
    }

    /// What is in it, the newest first and what has no known age last.
    pub fn list(&self) -> io::Result<Vec<Trashed>> {
        let all = list_trash(&self.paths.trash())?;
        let is_ours = |it: &Trashed| it.is_of(&self.repo.id, &self.repo.git_dir);
        let mut ours: Vec<_> = all.into_iter().filter(is_ours).collect();
        ours.sort_by_key(|it| std::cmp::Reverse((it.removed_at(), it.name())));
        Ok(ours)
    }

    /// Deletes one thing in it for good; why it stays, when it does.
    pub async fn take_out(&self, trashed: &Trashed) -> Result<(), String> {
        if let Some(doubt) = &trashed.doubt {
            return Err(doubt.clone());
        }
        let (intent, home) = (self.paths.intent(&trashed.id), self.paths.workstream(&trashed.id));
        let is_wanted = move || intent.exists() || home.exists();
        self.git.take_out(trashed, is_wanted).await.map_err(|error| error.to_string())
    }

    /// Finishes what an interrupted deletion left.
    pub async fn finish_taking_out(&self) -> Result<(), String> {
        let trash = self.paths.trash();
        let finished = self.git.finish_taking_out(&trash, &self.repo.id, &self.repo.git_dir);
        finished.await.map_err(|error| error.to_string())
    }

    /// Deletes what has expired, quietly: what stays is found again the next time. Where anything in the trash of the
    /// home cannot be read, nobody knows what is what, and all of it stays.
    pub async fn expire(&self, keeping: Keeping) {
        let (Ok(all), Ok(ours)) = (list_trash(&self.paths.trash()), self.list()) else { return };
        if all.iter().any(|it| it.doubt.is_some()) {
            return;
        }
        let gone = expired(&ages(&ours), keeping, RealClock::new().now().wall);
        for trashed in ours.iter().filter(|it| gone.contains_key(&it.name())) {
            let _stays = self.take_out(trashed).await;
        }
        let _stays = self.finish_taking_out().await;
    }
}

/// All that was fixed about `one`, where it can come back; why it cannot, otherwise.
pub fn facts(one: &Trashed) -> Result<&Facts, String> {
    one.facts.as_ref().filter(|_| one.doubt.is_none()).ok_or_else(|| {
        let place = one.place.display();
        let why = one.doubt.clone().unwrap_or_else(|| "its facts are not there".to_owned());
        format!("{place} cannot be brought back: {why}; its files are still there")
    })
}

/// When each was removed. What cannot be read has no age.
pub fn ages(listed: &[Trashed]) -> BTreeMap<String, Option<Wall>> {
    let at = |it: &Trashed| it.removed_at().filter(|_| it.doubt.is_none());
    listed.iter().map(|it| (it.name(), at(it))).collect()
}
