//! Moving a branch of the user on, with the files of its checkout where it has one: first the files, then the reference.
//! Killed anywhere it is finished by doing it again, and what is the user's in that checkout is never touched.

use std::ffi::OsString;
use std::fs;

use ccells_core::ids::Commit;
use ccells_core::ports::{BranchMove, GitError};

use super::checkout::{Checkout, Leftovers};
use super::merge::{refused, short};
use super::work::{parse, shown};
use super::{Workplace, blocking, disk};

impl Workplace {
    /// Moves a branch of the user as was judged. Where it is checked out, its files move as `git merge --ff-only` moves
    /// them, but for those that git ignores, which that would overwrite.
    pub(super) async fn move_branch(&self, it: &BranchMove) -> Result<(), GitError> {
        self.check_plan()?;
        // What an earlier run began may still be going on.
        self.await_own_git().await?;
        let name = format!("refs/heads/{}", it.branch);
        let call = self.on_repo().args(["cat-file", "-e", &format!("{}^{{commit}}", it.to)]);
        if !call.finish("look up the merge").await?.is_success {
            return Err(refused("the merge is not in the repository any more; merge again"));
        }
        let checkout = self.checkout_to_move(&name).await?;
        self.clear_locks_of(&name, checkout.as_ref()).await?;
        if self.has_moved(&name, it).await? {
            self.sync_ref(&name);
            return Ok(());
        }
        let place = checkout.as_ref().map(Checkout::top);
        if place != it.checkout.as_ref().map(|place| std::path::Path::new(place.as_str())) {
            let branch = short(&name);
            return Err(refused(format!("`{branch}` is checked out elsewhere by now; merge again")));
        }
        self.refuse_under_way(&name, checkout.as_ref()).await?;
        if let Some(checkout) = &checkout {
            self.move_files(checkout, it).await?;
        }
        self.move_ref(&name, checkout.as_ref(), it).await
    }

    /// The checkout that moves with the branch of this name.
    async fn checkout_to_move(&self, name: &str) -> Result<Option<Checkout>, GitError> {
        match self.reference(name).await? {
            Some(found) => self.checkout_of(&found).await,
            None => Err(refused(format!("there is no branch `{}` any more; merge again", short(name)))),
        }
    }

    /// Whether the branch has all that it is to have; an error when it is neither there nor where it was judged.
    async fn has_moved(&self, name: &str, it: &BranchMove) -> Result<bool, GitError> {
        let found = self.reference(name).await?;
        let at: Option<Commit> = found.map(|found| parse(&found.object)).transpose()?;
        let Some(at) = at.filter(|at| *at != it.from) else { return Ok(false) };
        if self.is_ancestor(&it.to, &at).await? {
            return Ok(true);
        }
        Err(refused(format!("`{}` has moved in the meantime; merge again", short(name))))
    }

    /// Moves the files of a checkout, and its index. What an interrupted try left is finished on the way.
    async fn move_files(&self, checkout: &Checkout, it: &BranchMove) -> Result<(), GitError> {
        let leftovers = self.leftovers(checkout, &it.from, &it.to).await?;
        let top = checkout.top().to_owned();
        let Leftovers { ahead, torn } = leftovers;
        blocking(move || {
            for file in ahead {
                let removed = file.remove();
                removed.map_err(|error| Self::disk_error("replace a file", file.path(), &error))?;
            }
            Ok(())
        })
        .await?;
        let aim = "move the files";
        // What only looks changed would stop git; whether it can be refreshed does not matter.
        self.in_checkout(&top).args(["update-index", "-q", "--refresh"]).finish(aim).await?;
        let read = |options: &[&str]| {
            let call = self.in_checkout(&top).args(["read-tree", "-m", "-u"]).args(options);
            call.args([it.from.as_str(), it.to.as_str()])
        };
        let rehearsed = read(&["--dry-run"]).finish(aim).await?;
        if !rehearsed.is_success {
            return Err(refused(rehearsed.error(aim).to_string()));
        }
        let moved = read(&[]).finish(aim).await?;
        if !moved.is_success {
            let lock = checkout.git_dir().join("index.lock");
            if disk::exists(&lock) {
                let lock = shown(lock.as_os_str().as_encoded_bytes());
                let what = format!("{lock} is held; let the git command that holds it end, then try again");
                return Err(GitError::Busy { what });
            }
            // Some files may have moved by now: no refusal, but something to be finished.
            return Err(moved.error(aim));
        }
        if !torn.is_empty() {
            let mut list = OsString::new();
            for path in &torn {
                list.push(path);
                list.push("\0");
            }
            let room = self.room().await?;
            let list = self.file_in(&room, "torn", list).await?;
            let file =
                fs::File::open(&list).map_err(|error| Self::disk_error("read a list", &list, &error))?;
            let write =
                self.in_checkout(&top).args(["checkout-index", "-f", "-u", "-z", "--stdin"]).input(file);
            write.succeed(aim).await?;
        }
        // The branch must not say that files are there which a power cut can still take away.
        blocking(move || {
            disk::sync_file_system(&top).map_err(|error| Self::disk_error("make files last", &top, &error))
        })
        .await
    }

    /// Moves the reference, provided that it is where it was.
    async fn move_ref(
        &self,
        name: &str,
        checkout: Option<&Checkout>,
        it: &BranchMove,
    ) -> Result<(), GitError> {
        let objects = self.git_dir().join("objects");
        blocking(move || {
            // Git has synced the objects, not the names of new directories of them.
            disk::sync_file_system(&objects)
                .map_err(|error| Self::disk_error("make commits last", &objects, &error))
        })
        .await?;
        let aim = format!("move `{}`", short(name));
        let note = format!("ccells: merge {}", self.plan.branch);
        // In the checkout, so that its HEAD's own log has a line as well.
        let call = checkout.map_or_else(|| self.on_repo(), |it| self.in_checkout(it.top()));
        let call = call.args(["update-ref", "-m", &note, name, it.to.as_str(), it.from.as_str()]);
        let answer = call.finish(&aim).await?;
        if !answer.is_success && !self.has_moved(name, it).await? {
            return Err(answer.error(&aim));
        }
        self.sync_ref(name);
        Ok(())
    }
}
