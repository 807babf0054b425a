//! The processes of the rig: the viewer in the terminal, and the programs in its panes.

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("agent") => ccells_tests::agents::run(&words[1..]),
        Some("viewer") => ccells_tests::viewer::run(&words[1..]),
        other => panic!("the rig has an agent and a viewer, and no {other:?}"),
    }
}
