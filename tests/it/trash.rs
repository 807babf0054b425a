//! What was removed is listed, and goes for good when it is not kept any longer.

use serde_json::json;

use crate::harness::{Stage, git};

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
