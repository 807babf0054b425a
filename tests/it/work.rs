//! An agent's commits come out of a real container, by its own git, and into a real repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ccells_core::container::{BASE_OBJECTS, ContainerSpec, GIT_DIR, Mount, WORKSPACE};
use ccells_core::ids::{Commit, ContainerId, PathText};
use ccells_core::ports::{
    Beginning, Engine as _, EngineError, Git as _, GitError, WorkSource as _, WorktreePlan,
};
use ccells_shell::adapters::docker::ContainerWork;
use ccells_shell::adapters::git::RealGit;
use tempfile::TempDir;

use crate::camp::Camp;
use crate::contract::engine::{Behaviour, World as _};
use crate::harness::git;
use crate::image;

const SOON: Duration = Duration::from_secs(60);

/// A repository, a workstream of it, and a container that has its worktree.
struct Works {
    camp: Camp,
    git: RealGit,
    plan: WorktreePlan,
    repo: PathBuf,
    _room: TempDir,
}

impl Works {
    /// With nothing running yet; `None`, said loudly, where there is no engine.
    async fn set() -> Option<Self> {
        let camp = Camp::pitch()?;
        let room = tempfile::tempdir().unwrap();
        let top = room.path().canonicalize().unwrap();
        let repo = top.join("repo");
        fs::create_dir(&repo).unwrap();
        git(&repo, &["init", "--quiet", "--initial-branch", "main"]);
        fs::write(repo.join("code"), "1\n").unwrap();
        git(&repo, &["add", "code"]);
        git(
            &repo,
            &["-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "--quiet", "-m", "first"],
        );
        let spec = camp.spec("work", Behaviour::Stays);
        let id = spec.labels.workstream.as_str();
        let text = |path: &Path| PathText::from(path.to_str().unwrap());
        let me = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let plan = WorktreePlan {
            workstream: spec.labels.workstream.clone(),
            repo: text(&repo),
            git_dir: text(&repo.join(".git")),
            worktree: text(&top.join("home/worktrees/repo").join(id)),
            home: text(&top.join("home/workstreams").join(id)),
            branch: "ccells/work".to_owned(),
            base: Commit::parse(&git(&repo, &["rev-parse", "HEAD"])).unwrap(),
            owner: if me.0 == 0 { spec.owner } else { me },
            beginning: Beginning::default(),
        };
        let real = RealGit::new().unwrap();
        real.pin_base(&plan).await.unwrap();
        real.add_worktree(&plan).await.unwrap();
        real.build_home(&plan, b"{\"version\":1}").await.unwrap();
        Some(Self { camp, git: real, plan, repo, _room: room })
    }

    fn spec(&self, tag: &str, image: &str) -> ContainerSpec {
        let mut spec = self.camp.spec(tag, Behaviour::Stays);
        let mount = |source: &str, target: &str, is_read_only| Mount {
            source: source.into(),
            target: target.into(),
            is_read_only,
        };
        spec.owner = self.plan.owner;
        spec.image = image.into();
        spec.mounts = vec![
            mount(self.plan.worktree.as_str(), WORKSPACE, false),
            mount(self.plan.home.join("git").as_str(), GIT_DIR, false),
            mount(self.repo.join(".git/objects").to_str().unwrap(), BASE_OBJECTS, true),
        ];
        spec.labels.config_hash = spec.config_hash();
        spec
    }

    async fn start(&self, spec: &ContainerSpec) -> ContainerId {
        let id = self.camp.engine.create_container(spec).await.unwrap();
        self.camp.engine.upload_holder(&id).await.unwrap();
        self.camp.engine.start_container(&id).await.unwrap();
        id
    }

    /// Lets the agent do this with its git.
    async fn agent(&self, id: &ContainerId, script: &str) {
        let who = "export GIT_DIR=/ccells/git GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A \
                   GIT_COMMITTER_EMAIL=a@b; cd /workspace; set -e";
        let argv = ["sh", "-c", &format!("{who}; {script}")];
        let ran = self.camp.engine.run_in_container(id, &argv, SOON).await.unwrap();
        assert_eq!(ran.code, 0, "{}", String::from_utf8_lossy(&ran.complaints));
    }

    fn work(&self, id: &ContainerId) -> ContainerWork {
        ContainerWork::new(self.camp.engine.clone(), id.clone())
    }

    async fn fetch(&self, id: &ContainerId) -> Result<Commit, GitError> {
        self.git.fetch_work(&self.plan, self.work(id), false).await
    }

    async fn end(self) {
        self.camp.engine.close().await;
        assert_eq!((self.camp.engine.open_streams(), self.camp.engine.live_tasks()), (0, 0));
    }
}

#[tokio::test]
async fn commits_come_out_of_a_container_and_only_what_is_new_of_them() {
    let Some(works) = Works::set().await else { return };
    let id = works.start(&works.spec("work", image::with_git(&works.camp.plain))).await;
    assert_eq!(works.fetch(&id).await.unwrap(), works.plan.base, "nothing is new");
    works
        .agent(
            &id,
            "dd if=/dev/urandom of=large bs=1M count=12; echo 2 > code; git add -A; git commit -qm one",
        )
        .await;
    let one = works.fetch(&id).await.unwrap();
    assert_eq!(git(&works.repo, &["show", &format!("{one}:code")]), "2");
    let large = fs::read(works.plan.worktree.join("large").as_str()).unwrap();
    assert_eq!(git(&works.repo, &["cat-file", "-s", &format!("{one}:large")]), large.len().to_string());
    works.agent(&id, "git checkout -q --detach; git commit -q --allow-empty -m two").await;
    let two = works.fetch(&id).await.unwrap();
    assert_eq!(git(&works.repo, &["rev-parse", &format!("{two}^")]), one.to_string());
    assert_eq!(git(&works.repo, &["fsck", "--strict"]), "");
    // What is known on both sides does not come again: the second pack is small.
    let packs = fs::read_dir(works.repo.join(".git/objects/pack")).unwrap().map(|it| it.unwrap().path());
    let packs = packs.filter(|it| it.extension().is_some_and(|kind| kind == "pack"));
    let mut sizes: Vec<u64> = packs.map(|it| fs::metadata(it).unwrap().len()).collect();
    sizes.sort_unstable();
    assert!(sizes.len() == 2 && sizes[0] < 1_000 && sizes[1] > 12_000_000, "{sizes:?}");
    works.agent(&id, "git commit -q --amend --allow-empty -m replaced").await;
    let refused = works.fetch(&id).await.unwrap_err();
    assert!(matches!(&refused, GitError::Refused { what } if what.contains("replaced")), "{refused}");
    works.git.fetch_work(&works.plan, works.work(&id), true).await.unwrap();
    works.end().await;
}

#[tokio::test]
async fn a_container_that_cannot_give_its_commits_says_why() {
    let Some(works) = Works::set().await else { return };
    let spec = works.spec("work", image::with_git(&works.camp.plain));
    let id = works.start(&spec).await;
    let into = PathText::from(works.repo.join("nothing/there").to_str().unwrap());
    let nowhere = works.work(&id).pack(&works.plan.base, &[], &into).await.unwrap_err();
    assert!(nowhere.to_string().contains("could not write"), "{nowhere}");
    let into = PathText::from(works.repo.join("pack").to_str().unwrap());
    let absent = Commit::parse(&"5".repeat(40)).unwrap();
    let unknown = works.work(&id).pack(&absent, &[], &into).await.unwrap_err();
    assert!(unknown.to_string().contains("not our ref"), "{unknown}");

    works.camp.engine.pause_container(&id).await.unwrap();
    let frozen = works.work(&id).head().await.unwrap_err();
    assert!(matches!(&frozen, EngineError::Conflict { what } if what.contains("paused")), "{frozen}");
    works.camp.engine.unpause_container(&id).await.unwrap();
    works.agent(&id, "git checkout -q --orphan unborn").await;
    let unborn = works.work(&id).head().await.unwrap_err();
    assert!(unborn.to_string().contains("nothing is checked out"), "{unborn}");
    works.camp.engine.stop_container(&id).await.unwrap();
    let ended = works.work(&id).head().await.unwrap_err();
    assert!(matches!(&ended, EngineError::Conflict { what } if what.contains("not running")), "{ended}");
    works.camp.engine.remove_container(works.camp.home(), &spec.name).await.unwrap();
    let gone = works.work(&id).head().await.unwrap_err();
    assert!(matches!(&gone, EngineError::NotFound { .. }), "{gone}");
    works.end().await;
}

#[tokio::test]
async fn an_image_without_git_and_a_directory_that_is_no_repository_are_told() {
    let Some(works) = Works::set().await else { return };
    let id = works.start(&works.spec("gitless", image::IMAGE)).await;
    let gitless = works.work(&id).head().await.unwrap_err();
    assert!(matches!(&gitless, EngineError::NotFound { what } if what.contains("no git")), "{gitless}");
    let mut spec = works.spec("bare", image::with_git(&works.camp.plain));
    spec.mounts.retain(|mount| mount.target != GIT_DIR);
    spec.labels.config_hash = spec.config_hash();
    let id = works.start(&spec).await;
    let bare = works.work(&id).head().await.unwrap_err();
    assert!(bare.to_string().contains("not appear to be a git repository"), "{bare}");
    works.end().await;
}
