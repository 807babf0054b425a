//! What every [`Git`] must do. The cases know nothing of files, so that the simulated git is held to the same.

use ccells_core::container::ContainerLimits;
use ccells_core::ids::{Commit, PathText, RepoId};
use ccells_core::ports::{BaseWish, Git, GitError, WorkReport, WorktreePlan};
use ccells_core::record::{self, AgentCommand, Facts, FactsRecord};
use ccells_core::time::Wall;

/// A repository to try, and the people who work in it.
pub(crate) trait World {
    /// Git.
    type Git: Git;
    /// Git.
    fn git(&self) -> &Self::Git;
    /// Top of the checkout.
    fn repo(&self) -> PathText;
    /// The one workstream of a case, from `base`.
    fn plan(&self, base: Commit) -> WorktreePlan;
    /// The agent changes a file of the base.
    fn agent_writes(&self, plan: &WorktreePlan);
    /// The agent makes a file that the base does not have.
    fn agent_adds(&self, plan: &WorktreePlan);
    /// The agent commits all it wrote, with its own git.
    fn agent_commits(&self, plan: &WorktreePlan);
    /// The agent makes a file that git ignores.
    fn agent_hides(&self, plan: &WorktreePlan);
    /// Whether the trash has all that the agent wrote in the worktree, hidden or not.
    fn is_in_trash(&self, plan: &WorktreePlan) -> bool;
    /// Whether the worktree has all that the agent wrote, hidden or not.
    fn is_whole(&self, plan: &WorktreePlan) -> bool;
    /// The user puts a commit on the branch.
    fn user_moves(&self, branch: &str);
    /// The user takes the branch away.
    fn user_drops(&self, branch: &str);
    /// Whether the branch is there.
    fn has_branch(&self, branch: &str) -> bool;
    /// Whether the worktree is there.
    fn has_worktree(&self, plan: &WorktreePlan) -> bool;
    /// Whether the base is kept from being collected.
    fn is_pinned(&self, plan: &WorktreePlan) -> bool;
}

/// All cases, for a runner to name each as a test.
macro_rules! git_cases {
    ($runner:ident) => {
        $runner!(the_default_base_is_always_the_same);
        $runner!(a_reference_that_names_nothing_is_told);
        $runner!(a_branch_that_is_taken_is_told);
        $runner!(making_it_twice_is_fine);
        $runner!(a_branch_of_the_user_is_not_taken);
        $runner!(a_branch_that_was_taken_away_is_made_again);
        $runner!(an_untouched_worktree_holds_nothing);
        $runner!(a_changed_file_is_seen_and_kept);
        $runner!(a_new_file_is_seen_and_kept);
        $runner!(what_the_agent_committed_is_seen_and_kept);
        $runner!(keeping_twice_keeps_once);
        $runner!(what_was_kept_outlives_the_worktree);
        $runner!(removing_takes_worktree_and_branch);
        $runner!(a_branch_that_is_to_be_kept_is_kept);
        $runner!(a_branch_that_moved_is_kept);
        $runner!(what_was_removed_can_be_made_again);
        $runner!(all_of_the_end_can_be_repeated);
        $runner!(what_goes_goes_into_the_trash_whole);
        $runner!(what_was_removed_comes_back_whole);
        $runner!(what_comes_back_on_a_branch_that_is_taken_gets_another);
        $runner!(what_came_back_can_go_again);
    };
}
pub(crate) use git_cases;

/// A wish for a base, and no remote is asked.
fn wish(reference: Option<&str>, branch: &str) -> BaseWish {
    BaseWish { reference: reference.map(str::to_owned), branch: branch.to_owned(), ..BaseWish::default() }
}

/// The plan of a workstream that starts from the default base.
async fn planned<W: World>(world: &W) -> WorktreePlan {
    let branch = world.plan(Commit::parse(&"0".repeat(40)).unwrap()).branch;
    world.plan(world.git().resolve_base(&world.repo(), &wish(None, &branch)).await.unwrap().commit)
}

/// A workstream as it is when its container would be made.
async fn made<W: World>(world: &W) -> WorktreePlan {
    let plan = planned(world).await;
    make(world, &plan).await;
    plan
}

/// What is fixed about the workstream of a plan.
pub(crate) fn facts_of(plan: &WorktreePlan) -> Facts {
    Facts {
        id: plan.workstream.clone(),
        name: "contract".to_owned(),
        prompt: String::new(),
        branch: plan.branch.clone(),
        base_ref: None,
        base: Some(plan.base.clone()),
        beginning: plan.beginning.clone(),
        repo_id: RepoId::parse("repository-0123456789ab").unwrap(),
        repo_path: plan.repo.clone(),
        git_dir: plan.git_dir.clone(),
        objects: Vec::new(),
        worktree: plan.worktree.clone(),
        home: plan.home.clone(),
        container_name: "ccells-contract".to_owned(),
        image: "image".to_owned(),
        agent: AgentCommand::default(),
        owner: plan.owner,
        limits: ContainerLimits::default(),
        created_at: Wall(0),
    }
}

async fn make<W: World>(world: &W, plan: &WorktreePlan) {
    world.git().pin_base(plan).await.unwrap();
    world.git().add_worktree(plan).await.unwrap();
    let facts = record::print(&FactsRecord { version: record::VERSION, facts: facts_of(plan) });
    world.git().build_home(plan, &facts).await.unwrap();
}

async fn report<W: World>(world: &W, plan: &WorktreePlan) -> WorkReport {
    world.git().inspect_work(plan).await.unwrap()
}

fn is_taken<T>(result: &Result<T, GitError>, name: &str) -> bool {
    matches!(result, Err(GitError::BranchExists { branch }) if branch == name)
}

pub(crate) async fn the_default_base_is_always_the_same<W: World>(world: &W) {
    let first = planned(world).await.base;
    assert_eq!(planned(world).await.base, first);
    assert_eq!(made(world).await.base, first);
}

pub(crate) async fn a_reference_that_names_nothing_is_told<W: World>(world: &W) {
    let (repo, wanted) = (world.repo(), "no-such-thing");
    let refused = world.git().resolve_base(&repo, &wish(Some(wanted), "ccells/free")).await;
    assert_eq!(refused, Err(GitError::NoSuchRef { reference: wanted.to_owned() }));
}

pub(crate) async fn a_branch_that_is_taken_is_told<W: World>(world: &W) {
    let plan = made(world).await;
    let refused = world.git().resolve_base(&world.repo(), &wish(None, &plan.branch)).await;
    assert!(is_taken(&refused, &plan.branch), "{refused:?}");
    world.git().resolve_base(&world.repo(), &wish(None, "ccells/another")).await.unwrap();
}

pub(crate) async fn making_it_twice_is_fine<W: World>(world: &W) {
    let plan = made(world).await;
    assert!(world.has_branch(&plan.branch) && world.has_worktree(&plan) && world.is_pinned(&plan));
    world.agent_writes(&plan);
    let before = report(world, &plan).await;
    make(world, &plan).await;
    assert!(world.has_branch(&plan.branch) && world.has_worktree(&plan) && world.is_pinned(&plan));
    assert_eq!(report(world, &plan).await, before, "what is whole is left as it is");
}

pub(crate) async fn a_branch_of_the_user_is_not_taken<W: World>(world: &W) {
    let plan = planned(world).await;
    world.user_moves(&plan.branch);
    world.git().pin_base(&plan).await.unwrap();
    let refused = world.git().add_worktree(&plan).await;
    assert!(is_taken(&refused, &plan.branch), "{refused:?}");
    assert!(world.has_branch(&plan.branch) && !world.has_worktree(&plan));
    world.git().remove_worktree(&plan, false).await.unwrap();
    assert!(world.has_branch(&plan.branch));
}

pub(crate) async fn a_branch_that_was_taken_away_is_made_again<W: World>(world: &W) {
    let plan = made(world).await;
    world.user_drops(&plan.branch);
    assert!(!world.has_branch(&plan.branch));
    world.git().add_worktree(&plan).await.unwrap();
    assert!(world.has_branch(&plan.branch) && world.has_worktree(&plan));
}

pub(crate) async fn an_untouched_worktree_holds_nothing<W: World>(world: &W) {
    let plan = made(world).await;
    let expected = WorkReport { has_worktree: true, ..WorkReport::default() };
    assert_eq!(report(world, &plan).await, expected);
    assert_eq!(world.git().snapshot_work(&plan).await, Ok(None));
}

pub(crate) async fn a_changed_file_is_seen_and_kept<W: World>(world: &W) {
    let plan = made(world).await;
    world.agent_writes(&plan);
    let seen = report(world, &plan).await;
    assert_eq!((seen.modified.len(), seen.untracked.len()), (1, 0), "{seen:?}");
    assert!(!seen.has_commits && seen.unknown.is_none() && seen.has_worktree, "{seen:?}");
    let kept = world.git().snapshot_work(&plan).await.unwrap();
    assert!(kept.is_some_and(|kept| kept != plan.base));
    assert_eq!(report(world, &plan).await, seen, "keeping it changes nothing");
}

pub(crate) async fn a_new_file_is_seen_and_kept<W: World>(world: &W) {
    let plan = made(world).await;
    world.agent_adds(&plan);
    let seen = report(world, &plan).await;
    assert_eq!((seen.modified.len(), seen.untracked.len()), (0, 1), "{seen:?}");
    assert!(world.git().snapshot_work(&plan).await.unwrap().is_some());
}

/// The agent's commits are in its private directory: to the user's repository they are work like any other.
pub(crate) async fn what_the_agent_committed_is_seen_and_kept<W: World>(world: &W) {
    let plan = made(world).await;
    world.agent_writes(&plan);
    world.agent_commits(&plan);
    let seen = report(world, &plan).await;
    assert!(seen.has_commits && seen.modified.len() == 1 && seen.unknown.is_none(), "{seen:?}");
    assert!(world.git().snapshot_work(&plan).await.unwrap().is_some());
}

pub(crate) async fn keeping_twice_keeps_once<W: World>(world: &W) {
    let plan = made(world).await;
    world.agent_writes(&plan);
    let first = world.git().snapshot_work(&plan).await.unwrap();
    assert!(first.is_some());
    assert_eq!(world.git().snapshot_work(&plan).await.unwrap(), first);
    world.agent_writes(&plan);
    let second = world.git().snapshot_work(&plan).await.unwrap();
    assert!(second.is_some() && second != first, "{second:?}");
}

pub(crate) async fn what_was_kept_outlives_the_worktree<W: World>(world: &W) {
    let plan = made(world).await;
    world.agent_writes(&plan);
    let kept = world.git().snapshot_work(&plan).await.unwrap();
    assert!(kept.is_some());
    world.git().remove_worktree(&plan, false).await.unwrap();
    assert_eq!(world.git().snapshot_work(&plan).await.unwrap(), kept, "asked again after a crash");
}

pub(crate) async fn removing_takes_worktree_and_branch<W: World>(world: &W) {
    let plan = made(world).await;
    world.git().remove_worktree(&plan, false).await.unwrap();
    assert!(!world.has_branch(&plan.branch) && !world.has_worktree(&plan));
    assert_eq!(report(world, &plan).await, WorkReport::default());
    assert!(world.is_pinned(&plan), "the base goes last");
}

pub(crate) async fn a_branch_that_is_to_be_kept_is_kept<W: World>(world: &W) {
    let plan = made(world).await;
    for _ in 0..2 {
        world.git().remove_worktree(&plan, true).await.unwrap();
        assert!(world.has_branch(&plan.branch) && !world.has_worktree(&plan));
    }
}

pub(crate) async fn a_branch_that_moved_is_kept<W: World>(world: &W) {
    let plan = made(world).await;
    world.user_moves(&plan.branch);
    for _ in 0..2 {
        world.git().remove_worktree(&plan, false).await.unwrap();
        assert!(world.has_branch(&plan.branch) && !world.has_worktree(&plan));
    }
}

pub(crate) async fn what_was_removed_can_be_made_again<W: World>(world: &W) {
    let plan = made(world).await;
    for keep_branch in [false, true] {
        world.git().remove_worktree(&plan, keep_branch).await.unwrap();
        make(world, &plan).await;
        assert!(world.has_branch(&plan.branch) && world.has_worktree(&plan));
        assert!(report(world, &plan).await.is_empty());
    }
}

pub(crate) async fn all_of_the_end_can_be_repeated<W: World>(world: &W) {
    let plan = made(world).await;
    for _ in 0..2 {
        assert_eq!(world.git().snapshot_work(&plan).await, Ok(None));
        world.git().remove_worktree(&plan, false).await.unwrap();
        world.git().retire_home(&plan).await.unwrap();
        assert_eq!(report(world, &plan).await, WorkReport::default());
        assert!(!world.has_branch(&plan.branch) && !world.has_worktree(&plan) && !world.is_pinned(&plan));
    }
}

pub(crate) async fn what_goes_goes_into_the_trash_whole<W: World>(world: &W) {
    let plan = made(world).await;
    world.agent_hides(&plan);
    assert!(report(world, &plan).await.is_empty(), "what git ignores is nothing to ask about");
    world.agent_writes(&plan);
    assert!(!world.is_in_trash(&plan));
    for _ in 0..2 {
        world.git().snapshot_work(&plan).await.unwrap();
        world.git().remove_worktree(&plan, false).await.unwrap();
        world.git().retire_home(&plan).await.unwrap();
        assert!(world.is_in_trash(&plan) && !world.has_worktree(&plan));
    }
}

/// A workstream with work, removed.
async fn removed<W: World>(world: &W) -> WorktreePlan {
    let plan = made(world).await;
    world.agent_hides(&plan);
    world.agent_writes(&plan);
    remove(world, &plan).await;
    plan
}

async fn remove<W: World>(world: &W, plan: &WorktreePlan) {
    world.git().snapshot_work(plan).await.unwrap();
    world.git().remove_worktree(plan, false).await.unwrap();
    world.git().retire_home(plan).await.unwrap();
}

pub(crate) async fn what_was_removed_comes_back_whole<W: World>(world: &W) {
    let plan = removed(world).await;
    assert!(!world.has_worktree(&plan) && !world.has_branch(&plan.branch) && !world.is_pinned(&plan));
    for _ in 0..2 {
        assert_eq!(world.git().restore_work(&plan).await.as_ref(), Ok(&plan.branch));
        assert!(world.has_worktree(&plan) && world.has_branch(&plan.branch) && world.is_pinned(&plan));
        assert!(world.is_whole(&plan));
    }
    let before = report(world, &plan).await;
    assert_eq!(before.modified.len(), 1, "{before:?}");
    // And the rest of its making finds it complete.
    make(world, &plan).await;
    assert_eq!(report(world, &plan).await, before);
    assert!(world.is_whole(&plan));
}

pub(crate) async fn what_comes_back_on_a_branch_that_is_taken_gets_another<W: World>(world: &W) {
    let plan = removed(world).await;
    world.user_moves(&plan.branch);
    let branch = world.git().restore_work(&plan).await.unwrap();
    assert_eq!(branch, format!("{}-2", plan.branch));
    assert!(world.has_branch(&branch) && world.has_branch(&plan.branch) && world.is_whole(&plan));
    let plan = WorktreePlan { branch, ..plan };
    make(world, &plan).await;
    assert!(world.has_worktree(&plan) && world.is_whole(&plan));
}

pub(crate) async fn what_came_back_can_go_again<W: World>(world: &W) {
    let plan = removed(world).await;
    for _ in 0..2 {
        world.git().restore_work(&plan).await.unwrap();
        remove(world, &plan).await;
        assert!(world.is_in_trash(&plan) && !world.has_worktree(&plan) && !world.has_branch(&plan.branch));
    }
}
