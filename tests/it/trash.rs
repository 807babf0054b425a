//! What was removed is listed, and goes for good when it is not kept any longer.

use serde_json::json;

use crate::harness::{SOON, Stage, count, eventually, git, wait_for_ticks};

#[test]
fn what_was_removed_is_listed_and_pruned_after_it_was_shown() {
    let Some(mut stage) = Stage::set() else { return };
    assert_eq!(stage.json(&["trash"]), json!([]));
    for name in ["older", "newer"] {
        let card = stage.new_workstream(name);
        let worktree = std::path::Path::new(card["worktree"].as_str().unwrap());
        std::fs::write(worktree.join("idea.txt"), "a good one\n").unwrap();
        stage.run(&["rm", "--force", name]).expect(0);
    }
    let listed = stage.json(&["trash"]);
    let names = |listed: &serde_json::Value| -> Vec<String> {
        let all = listed.as_array().unwrap().iter();
        all.map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&listed), ["newer", "older"], "the newest first");
    let newest = &listed[0];
    assert_eq!((&newest["branch_removed"], &newest["doubt"]), (&json!(true), &json!(null)), "{newest:#}");
    let holds: Vec<&str> =
        newest["holds"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert!(holds.contains(&"worktree") && holds.contains(&"snapshot"), "{holds:?}");
    assert!(newest["bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{newest:#}");
    assert!(stage.run(&["trash"]).expect(0).out.contains("older"));

    assert!(stage.run(&["prune", "--apply"]).expect(0).out.contains("nothing to prune"));
    stage.variable("CCELLS_TRASH_COUNT", "1");
    let shown = stage.run(&["prune"]).expect(0).out;
    assert!(shown.contains("older") && shown.contains("beyond the newest 1"), "{shown}");
    assert!(!shown.contains("newer") && shown.contains("--apply"), "{shown}");
    assert_eq!(names(&stage.json(&["trash"])), ["newer", "older"], "a look deletes nothing");
    let done = stage.json(&["prune", "--apply"]);
    assert_eq!((&done["applied"], &done["kept"]), (&json!(true), &json!(1)), "{done:#}");
    assert_eq!(done["pruned"][0]["outcome"], "deleted", "{done:#}");
    assert_eq!(names(&stage.json(&["trash"])), ["newer"]);
    let refs = git(&stage.repo, &["for-each-ref", "--format=%(refname)", "refs/ccells"]);
    let id = newest["id"].as_str().unwrap();
    assert!(!refs.is_empty() && refs.lines().all(|name| name.ends_with(id)), "{refs}");
}

#[test]
fn what_was_removed_by_mistake_comes_back_with_its_files_and_its_agent() {
    let Some(stage) = Stage::set() else { return };
    assert!(stage.run(&["undo"]).expect(3).err.contains("trash"));
    let card = stage.new_workstream("precious");
    let worktree = std::path::Path::new(card["worktree"].as_str().unwrap());
    std::fs::write(worktree.join("code"), "2\n").unwrap();
    std::fs::create_dir(worktree.join("build")).unwrap();
    std::fs::write(worktree.join("build/.gitignore"), "*\n").unwrap();
    std::fs::write(worktree.join("build/result"), "hours of work\n").unwrap();
    wait_for_ticks(&card, 1);
    stage.run(&["rm", "--force", "precious"]).expect(0);
    assert!(!worktree.exists());

    let back = stage.json(&["undo", "prec"]);
    assert_eq!((&back["id"], &back["note"]), (&card["id"], &json!("running")), "{back:#}");
    let read = |name: &str| std::fs::read_to_string(worktree.join(name)).unwrap();
    assert_eq!((read("code").as_str(), read("build/result").as_str()), ("2\n", "hours of work\n"));
    let again = stage.card("precious").unwrap();
    assert_eq!((&again["state"], &again["branch"]), (&json!("running"), &card["branch"]));
    // What its agent keeps in its own home came back too: it counts its lives there.
    eventually("the agent goes on", SOON, || (count(&again).starts == 2).then_some(()));
    assert_eq!(stage.json(&["trash"]), json!([]));
    assert!(stage.run(&["undo", "precious"]).expect(3).err.contains("is not in the trash"));
    assert!(stage.doctor().iter().all(|finding| finding["grade"] != "failure"), "{:#?}", stage.doctor());

    // The branch was taken meanwhile.
    stage.run(&["rm", "--force", "precious"]).expect(0);
    git(&stage.repo, &["branch", card["branch"].as_str().unwrap(), "HEAD~1"]);
    let said = stage.run(&["undo"]).expect(0).out;
    assert!(said.contains("is taken or has moved"), "{said}");
    let other = format!("{}-2", card["branch"].as_str().unwrap());
    assert_eq!(stage.card("precious").unwrap()["branch"], json!(other));
}
