//! What the screen has done elsewhere, done: the engine and the disk are asked what containers use, the settings are
//! read and changed, workstreams are compared with their bases, and the trash is looked into.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ccells_core::event::Repo;
use ccells_core::ids::{PathText, WorkstreamId};
use ccells_core::limits::{INSPECTIONS, WORKTREE_SIZE_MS};
use ccells_core::record::Facts;
use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, FutureExt as _};

use crate::adapters::docker::DockerEngine;
use crate::adapters::git::{Detail, RealGit};
use crate::adapters::weight::{self, Weight};
use crate::changes::{self, Changes};
use crate::expiry::{self, Bin};
use crate::patch::Patch;
use crate::paths::HomePaths;
use crate::pull_requests::{self, PrWish};
use crate::settings;
use crate::tui::screen::Depth;
use crate::tui::{Change, Errands, Settings, Subject, Usage};

/// The engine, the home and the repository.
pub struct RealErrands {
    engine: DockerEngine,
    paths: HomePaths,
    repository: Option<(Arc<RealGit>, Repo)>,
    before: Arc<Mutex<BTreeMap<WorkstreamId, Before>>>,
}

/// What was measured of a workstream before.
#[derive(Clone, Copy, Default)]
struct Before {
    /// Processor time, and when it was asked for.
    cpu: Option<(Instant, u64)>,
    /// Its worktree, and when it was counted.
    worktree: Option<(Instant, Weight)>,
}

impl RealErrands {
    /// Over this engine and this home.
    pub fn new(engine: DockerEngine, paths: HomePaths) -> Self {
        Self { engine, paths, repository: None, before: Arc::default() }
    }

    /// The same in this repository.
    #[must_use]
    pub fn in_repository(self, git: Arc<RealGit>, repo: Repo) -> Self {
        Self { repository: Some((git, repo)), ..self }
    }
}

impl Errands for RealErrands {
    fn measure(&self, subjects: Vec<Subject>) -> BoxFuture<'static, Vec<Usage>> {
        let (engine, before) = (self.engine.clone(), Arc::clone(&self.before));
        async move {
            lock(&before).retain(|id, _| subjects.iter().any(|subject| subject.workstream == *id));
            let each =
                subjects.into_iter().map(|subject| measure(engine.clone(), Arc::clone(&before), subject));
            futures_util::stream::iter(each).buffered(INSPECTIONS).collect().await
        }
        .boxed()
    }

    fn settings(&self, change: Option<Change>) -> BoxFuture<'static, Result<Settings, String>> {
        let paths = self.paths.clone();
        let work = move || {
            let variable = |name: &str| std::env::var(name).ok();
            if let Some(change) = change {
                settings::change(&paths, &change, variable)?;
            }
            settings::read(&paths, variable, Depth::of(variable))
        };
        async move {
            let done = tokio::task::spawn_blocking(work).await;
            done.unwrap_or_else(|_| Err("the settings were not looked at: ccells is ending".to_owned()))
        }
        .boxed()
    }

    fn compare(&self, directory: PathText) -> BoxFuture<'static, Result<Patch, String>> {
        let Some((git, _)) = self.repository.clone() else {
            return std::future::ready(Err("there is no repository here".to_owned())).boxed();
        };
        async move {
            let directory = PathBuf::from(directory.as_str());
            let read = changes::read(&git, &directory, Detail::Lines).await;
            let Changes { base, diff } = read.map_err(|error| error.to_string())?;
            let cut = tokio::task::spawn_blocking(move || Patch::of(diff, &base)).await;
            cut.map_err(|_| "it was not compared: ccells is ending".to_owned())
        }
        .boxed()
    }

    fn open_pull_request(
        &self,
        directory: PathText,
        wish: PrWish,
    ) -> BoxFuture<'static, Result<String, String>> {
        let Some((git, _)) = self.repository.clone() else {
            return std::future::ready(Err("there is no repository here".to_owned())).boxed();
        };
        async move {
            let facts = changes::facts_in(&PathBuf::from(directory.as_str())).await;
            let facts = facts.map_err(|error| error.to_string())?;
            let opened = pull_requests::open(&git, &facts, &wish).await.map_err(|error| error.to_string())?;
            Ok(opened.to_string())
        }
        .boxed()
    }

    fn last_removed(&self) -> BoxFuture<'static, Result<Option<Box<Facts>>, String>> {
        let Some((git, repo)) = self.repository.clone() else {
            return std::future::ready(Ok(None)).boxed();
        };
        let bin = Bin::of(git, self.paths.clone(), repo);
        let work = move || {
            let listed = bin.list().map_err(|error| format!("the trash cannot be read: {error}"))?;
            let last = listed.first().map(expiry::facts).transpose()?;
            Ok(last.map(|facts| Box::new(facts.clone())))
        };
        async move {
            let done = tokio::task::spawn_blocking(work).await;
            done.unwrap_or_else(|_| Err("the trash was not looked at: ccells is ending".to_owned()))
        }
        .boxed()
    }
}

type Befores = Arc<Mutex<BTreeMap<WorkstreamId, Before>>>;

async fn measure(engine: DockerEngine, befores: Befores, subject: Subject) -> Usage {
    let id = subject.workstream;
    let mut before = lock(&befores).get(&id).copied().unwrap_or_default();
    let mut usage = Usage { workstream: Some(id.clone()), ..Usage::default() };
    let asked_at = Instant::now();
    if let Some(container) = &subject.container {
        match engine.container_use(container, subject.is_live).await {
            Ok(counted) => {
                usage.memory = counted.memory;
                usage.memory_limit = counted.memory_limit;
                usage.written = counted.written;
                let cpu = counted.cpu_ns.map(|cpu| (asked_at, cpu));
                usage.cpu_percent = before.cpu.zip(cpu).and_then(|(old, new)| percent(old, new));
                before.cpu = cpu;
            }
            Err(error) => {
                usage.trouble = Some(error.to_string());
                before.cpu = None;
            }
        }
    }
    let stale = Duration::from_millis(WORKTREE_SIZE_MS);
    if before.worktree.is_none_or(|(at, _)| at.elapsed() > stale) {
        let directory = PathBuf::from(subject.worktree.as_str());
        before.worktree = tokio::task::spawn_blocking(move || weight::weigh(&directory))
            .await
            .ok()
            .map(|weight| (Instant::now(), weight));
    }
    usage.worktree = before.worktree.map(|(_, weight)| weight.bytes);
    usage.is_more = before.worktree.is_some_and(|(_, weight)| weight.is_more);
    lock(&befores).insert(id, before);
    usage
}

/// Processor time between two measurements, in percent of one core.
#[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
fn percent((from, before): (Instant, u64), (to, after): (Instant, u64)) -> Option<f64> {
    let passed = to.saturating_duration_since(from).as_nanos() as f64;
    // A counter that went back is that of another start.
    (passed > 0.0 && after >= before).then(|| 100.0 * (after - before) as f64 / passed)
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_told_by_the_time_that_passed() {
        let start = Instant::now();
        let later = start + Duration::from_secs(2);
        assert_eq!(percent((start, 0), (later, 3_000_000_000)), Some(150.0));
        assert_eq!(percent((start, 5), (later, 4)), None);
        assert_eq!(percent((later, 0), (start, 4)), None);
    }
}
