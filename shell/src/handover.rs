//! What an agent is told when a rebase of its commits has stopped and it shall resolve the conflicts.

use ccells_core::limits;
use ccells_core::record::OpenRebase;

/// The words, on one line: whatever an agent takes an end of line for, they are one text.
pub fn prompt(open: &OpenRebase) -> String {
    let target = &open.moving.target;
    let short = open.moving.to.as_str().get(..10).unwrap_or_default();
    let files = open.files.as_deref().unwrap_or_default();
    let named = files.iter().take(limits::HANDOVER_FILES).map(|file| format!("`{file}`"));
    let mut list = named.collect::<Vec<_>>().join(", ");
    let more = files.len().saturating_sub(limits::HANDOVER_FILES);
    if more > 0 {
        list = format!("{list} and {more} more (`git status` names them)");
    }
    format!(
        "Your commits are being rebased onto `{target}` ({short}), and git has stopped because both sides changed the same \
         places in: {list}. Please resolve the conflicts so that what both sides meant is kept, `git add` the files, and run \
         `GIT_EDITOR=true git rebase --continue`. Go on like that until git says that the rebase is done. Do not abort it and \
         do not skip commits."
    )
}

#[cfg(test)]
mod tests {
    use ccells_core::ids::Commit;
    use ccells_core::ports::BaseMove;
    use ccells_core::time::Wall;

    use super::*;

    #[test]
    fn it_names_the_files_and_what_to_do_on_one_line() {
        let commit = |digit: &str| Commit::parse(&digit.repeat(40)).unwrap();
        let moving = BaseMove { target: "main".to_owned(), from: commit("a"), to: commit("b") };
        let open =
            |files: Vec<String>| OpenRebase { moving: moving.clone(), files: Some(files), begun_at: Wall(0) };
        let text = prompt(&open(vec!["a.rs".to_owned(), "b c.rs".to_owned()]));
        assert!(text.contains("`main` (bbbbbbbbbb)") && text.contains("in: `a.rs`, `b c.rs`. "), "{text}");
        assert!(text.contains("git rebase --continue") && !text.contains('\n'), "{text}");
        let many = (0..limits::HANDOVER_FILES + 3).map(|number| format!("f{number}")).collect();
        assert!(prompt(&open(many)).contains("and 3 more"));
    }
}
