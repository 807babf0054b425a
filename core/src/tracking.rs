//! The index of containers we own (`containers.json`): one delta at a time, applied to what is on disk right now,
//! never to what we remember of it. Other runs write the same file.

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Map;

use crate::container::Observed;
use crate::ids::Generation;
pub use crate::record::Delta;
use crate::record::{self, Flaw, TrackedContainer, TrackingRecord, VERSION, Writer};
use crate::time::Wall;

/// Applies `delta` to the file's bytes (`None`: there is no file) and gives the new bytes.
pub fn apply(bytes: Option<&[u8]>, delta: &Delta, writer: &Writer, at: Wall) -> Result<Vec<u8>, Flaw> {
    let mut index = match bytes {
        Some(bytes) => record::parse::<TrackingRecord>(bytes)?,
        None => empty(),
    };
    match delta {
        Delta::Track(container) => {
            index.containers.retain(|other| other.workstream_id != container.workstream_id);
            index.containers.push(container.clone());
        }
        Delta::Untrack(workstream) => index.containers.retain(|other| other.workstream_id != *workstream),
    }
    index.containers.sort_by(|a, b| a.name.cmp(&b.name));
    index.generation = index.generation.next();
    index.writer = Some(writer.clone());
    index.written_at = at;
    Ok(record::print(&index))
}

/// An index of nothing.
pub fn empty() -> TrackingRecord {
    TrackingRecord {
        version: VERSION,
        generation: Generation(0),
        writer: None,
        written_at: Wall(0),
        containers: Vec::new(),
        extra: Map::new(),
    }
}

/// Where index and engine differ, in words, for `doctor`: containers nobody wrote down, and entries without a container.
pub fn differences(index: &TrackingRecord, engine: &[Observed]) -> (Vec<String>, Vec<String>) {
    let is_tracked = |seen: &Observed| index.containers.iter().any(|entry| entry.container_id == seen.id);
    let exists = |entry: &TrackedContainer| engine.iter().any(|seen| seen.id == entry.container_id);
    (
        engine.iter().filter(|seen| !is_tracked(seen)).map(|seen| seen.name.clone()).collect(),
        index.containers.iter().filter(|entry| !exists(entry)).map(|entry| entry.name.clone()).collect(),
    )
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::ids::{RunId, WorkstreamId};

    const ID: &str = "01jd8z5q0v3x7k2m9n4p6r8s1t";

    fn writer() -> Writer {
        Writer { run: RunId::parse(ID).unwrap(), pid: 7 }
    }

    #[test]
    fn a_delta_keeps_what_others_wrote() {
        let theirs = br#"{"version":1,"generation":4,"writer":null,"written_at":0,"note":"keep me","containers":[
            {"container_id":"aa","workstream_id":"01jd8z5q0v3x7k2m9n4p6r8s1v","branch_name":"b","repo_path":"/r",
             "name":"n","repo_id":"r","state":"running","created_at":1,"colour":"red"}]}"#;
        let bytes =
            apply(Some(theirs), &Delta::Untrack(WorkstreamId::parse(ID).unwrap()), &writer(), Wall(9))
                .unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains("keep me") && text.contains("\"colour\": \"red\""), "{text}");
        let index: TrackingRecord = record::parse(&bytes).unwrap();
        assert_eq!((index.generation, index.containers.len(), index.written_at), (Generation(5), 1, Wall(9)));
    }

    #[test]
    fn an_index_that_claims_to_be_the_last_one_stays_so() {
        let last = br#"{"version":1,"generation":18446744073709551615,"writer":null,"written_at":0,"containers":[]}"#;
        let delta = Delta::Untrack(WorkstreamId::parse(ID).unwrap());
        let index: TrackingRecord =
            record::parse(&apply(Some(last), &delta, &writer(), Wall(9)).unwrap()).unwrap();
        assert_eq!(index.generation, Generation(u64::MAX));
    }

    #[test]
    fn numbers_we_do_not_know_are_kept_to_the_last_digit() {
        let theirs = br#"{"version":1,"generation":4,"writer":null,"written_at":0,"containers":[],
            "share":0.30000000000000004,"small":5e-324,"odd":31.245270191439438}"#;
        let delta = Delta::Untrack(WorkstreamId::parse(ID).unwrap());
        let bytes = apply(Some(theirs), &delta, &writer(), Wall(9)).unwrap();
        let again = apply(Some(&bytes), &delta, &writer(), Wall(9)).unwrap();
        for bytes in [bytes, again] {
            let text = String::from_utf8(bytes).unwrap();
            for number in ["0.30000000000000004", "5e-324", "31.245270191439438"] {
                assert!(text.contains(number), "{number} in {text}");
            }
        }
    }

    #[test]
    fn what_is_quoted_of_a_damaged_index_is_safe_to_show() {
        let long = ["\\u001b[2J", "x".repeat(10_000).as_str()].concat();
        let damaged = ["{\"version\":1,\"generation\":\"", &long, "\"}"].concat();
        let flaw = record::parse::<TrackingRecord>(damaged.as_bytes()).unwrap_err().to_string();
        assert!(!flaw.chars().any(char::is_control) && flaw.len() < 1_000, "{flaw}");
    }

    #[test]
    fn a_newer_or_damaged_index_is_not_written_over() {
        let delta = Delta::Untrack(WorkstreamId::parse(ID).unwrap());
        assert_eq!(
            apply(Some(br#"{"version":2}"#), &delta, &writer(), Wall(0)),
            Err(Flaw::Newer { version: 2 })
        );
        for damaged in [&b""[..], b"\0\0\0\0", b"{", b"[]", br#"{"version":1}"#] {
            assert!(matches!(apply(Some(damaged), &delta, &writer(), Wall(0)), Err(Flaw::Corrupt { .. })));
        }
    }

    #[test]
    fn index_and_engine_are_held_against_each_other() {
        let mut world = crate::tests::World::new();
        let (kept, lost) = (world.facts("kept"), world.facts("lost"));
        world.plant("kept", Some(crate::container::ContainerState::Running));
        world.plant("unknown", Some(crate::container::ContainerState::Running));
        let shown = world.shown();
        let id_of = |facts: &crate::record::Facts| {
            let seen = shown.iter().find(|seen| seen.labels.workstream == facts.id);
            seen.map_or(crate::ids::ContainerId::parse("gone").unwrap(), |seen| seen.id.clone())
        };
        let entry = |facts| TrackedContainer::new(facts, &id_of(facts), "running");
        let index = TrackingRecord { containers: Vec::from([entry(&kept), entry(&lost)]), ..empty() };
        let unknown = shown.iter().find(|seen| seen.labels.workstream != kept.id).unwrap().name.clone();
        assert_eq!(
            differences(&index, &shown),
            (Vec::from([unknown]), Vec::from([index.containers[1].name.clone()]))
        );
    }
}
