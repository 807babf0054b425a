//! A workstream's own directory: built beside its place and renamed into it, so that it is whole or not there.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ccells_core::container;
use ccells_core::ports::GitError;

use super::lens::LENS;
use super::repo::object_dirs;
use super::{Workplace, blocking, disk};

/// The user's settings that the agent's git shares: who commits, and how lines end.
const SHARED_SETTINGS: &str = r"^(user\.(name|email)|core\.(autocrlf|eol|safecrlf))$";

/// The agent's name where the user has given none: without one git does not commit.
const NAMELESS: &[(&str, &str)] = &[("user.name", "ccells agent"), ("user.email", "agent@ccells.invalid")];

/// Where the objects of the repository at `git_dir` are, and where the container shall see each of these directories.
pub fn object_mounts(git_dir: &Path) -> Vec<(PathBuf, String)> {
    let inside = |number: usize| match number {
        0 => container::BASE_OBJECTS.to_owned(),
        // Beside the first, not in it: that one is read-only, and nothing can be mounted where nothing is.
        further => format!("{}-{further}", container::BASE_OBJECTS),
    };
    object_dirs(git_dir).into_iter().enumerate().map(|(number, outside)| (outside, inside(number))).collect()
}

impl Workplace {
    /// Makes the workstream's own directory; one that is complete is kept.
    pub(super) async fn build_home(&self, facts: Vec<u8>) -> Result<(), GitError> {
        self.check_plan()?;
        if self.home().join("workstream.json").is_file() {
            return Ok(());
        }
        let new = self.home().with_file_name(format!(".{}.new", self.plan.workstream));
        let fresh = new.clone();
        blocking(move || {
            let made = disk::remove_tree(&fresh).and_then(|()| disk::make_directories(&fresh));
            made.map_err(|error| Self::disk_error("make a directory", &fresh, &error))
        })
        .await?;
        let private = new.join("git");
        let (made, settings) = tokio::join!(self.init_bare(&private), self.shared_settings());
        made?;
        let (place, settings) = (self.clone(), settings?);
        blocking(move || {
            let aim = "make the workstream's directory";
            place
                .furnish(&new, &settings, &facts)
                .map_err(|error| Self::disk_error(aim, place.home(), &error))
        })
        .await
    }

    /// The user's settings that the agent's git shares, as configuration.
    async fn shared_settings(&self) -> Result<String, GitError> {
        let call = self.on_repo().args(["config", "-z", "--get-regexp", SHARED_SETTINGS]);
        let answer = call.finish("read the user's settings").await?;
        let mut settings: Vec<(String, String)> =
            NAMELESS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        for record in answer.records() {
            let text = String::from_utf8_lossy(record);
            let (key, value) = text.split_once('\n').unwrap_or((&text, "true"));
            settings.retain(|(known, _)| known != key);
            settings.push((key.to_owned(), value.to_owned()));
        }
        Ok(settings.iter().map(|(key, value)| setting(key, value)).collect())
    }

    /// Fills the new directory, makes it durable and puts it in its place.
    fn furnish(&self, new: &Path, settings: &str, facts: &[u8]) -> io::Result<()> {
        let private = new.join("git");
        let lens = new.join(LENS);
        for directory in ["objects", "refs"] {
            disk::make_directories(&lens.join(directory))?;
        }
        fs::copy(private.join("config"), lens.join("config"))?;
        self.fit_lens(&lens)?;
        let index = self.admin_dir().join("index");
        disk::copy_with_times(&index, &lens.join("index"))?;
        disk::copy_with_times(&index, &private.join("index"))?;
        self.fit_private(&private, settings)?;
        for directory in ["home", "run"] {
            disk::make_directories(&new.join(directory))?;
        }
        let (user, group) = self.plan.owner;
        let root = if user == 0 { "" } else { "root:x:0:0:root:/root:/bin/sh\n" };
        let passwd = format!("agent:x:{user}:{group}:agent:{}:/bin/sh\n{root}", container::AGENT_HOME);
        let root = if group == 0 { "" } else { "root:x:0:\n" };
        disk::write_new(&new.join("passwd"), passwd.as_bytes(), 0o644)?;
        disk::write_new(&new.join("group"), format!("agent:x:{group}:\n{root}").as_bytes(), 0o644)?;
        let link = format!("gitdir: {}\n", container::GIT_DIR);
        disk::write_new(&new.join("dotgit"), link.as_bytes(), 0o644)?;
        disk::write_new(&new.join("workstream.json"), facts, 0o600)?;
        for directory in ["git", "home", "run"] {
            disk::give_to(&new.join(directory), self.plan.owner)?;
        }
        disk::sync_tree(new)?;
        fs::rename(new, self.home())?;
        new.parent().map_or(Ok(()), disk::sync_directory)
    }

    /// Makes an empty git directory the agent's own: our branch at the base, its worktree where the container has it,
    /// the repository's objects borrowed, nothing of what it keeps ever thrown away.
    fn fit_private(&self, private: &Path, settings: &str) -> io::Result<()> {
        let mut config = fs::read_to_string(private.join("config"))?;
        config.push_str("[core]\n\tbare = false\n\tlogAllRefUpdates = true\n\tfsync = all\n");
        config.push_str(&setting("core.worktree", container::WORKSPACE));
        config.push_str("[gc]\n\tpruneExpire = never\n");
        config.push_str(settings);
        fs::write(private.join("config"), config)?;
        let branch = private.join(self.branch_ref());
        disk::make_directories(branch.parent().unwrap_or(private))?;
        fs::write(&branch, format!("{}\n", self.plan.base))?;
        disk::make_directories(&private.join("objects/info"))?;
        let lenders: Vec<String> =
            object_mounts(self.git_dir()).into_iter().map(|(_, inside)| inside + "\n").collect();
        fs::write(private.join("objects/info/alternates"), lenders.concat())?;
        disk::make_directories(&private.join("info"))?;
        for name in ["shallow", "info/exclude"] {
            let from = self.git_dir().join(name);
            if from.is_file() {
                fs::copy(&from, private.join(name))?;
            }
        }
        Ok(())
    }
}

/// One setting as git writes it in its configuration.
fn setting(key: &str, value: &str) -> String {
    let (section, name) = key.split_once('.').unwrap_or(("core", key));
    let mut quoted = String::new();
    for character in value.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            '\n' => quoted.push_str("\\n"),
            other => quoted.push(other),
        }
    }
    let mut text = String::new();
    write!(text, "[{section}]\n\t{name} = \"{quoted}\"\n").expect("writing to a String cannot fail");
    text
}
