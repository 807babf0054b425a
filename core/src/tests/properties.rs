//! Properties over arbitrary values: what is printed is read back, what we do not know is kept, no bytes bring a parser
//! down, and changes to the index of different workstreams do not mind their order.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::container::ContainerState;
use crate::ids::{ContainerId, Generation, RunId, WorkstreamId};
use crate::naming;
use crate::record::{
    self, BeatRecord, Facts, FactsRecord, Flaw, Intent, OpenRebase, Operation, StateEntry, StateRecord,
    TrackedContainer, TrackingRecord, VERSION, Writer,
};
use crate::time::Wall;
use crate::tracking::{self, Delta};

fn workstream_id() -> impl Strategy<Value = WorkstreamId> {
    "[0-9abcdefghjkmnpqrstvwxyz]{26}".prop_map(|text| WorkstreamId::parse(&text).unwrap())
}

fn writer() -> Writer {
    Writer { run: RunId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").unwrap(), pid: 7 }
}

fn facts() -> impl Strategy<Value = Facts> {
    (workstream_id(), any::<String>(), any::<String>(), vec(any::<String>(), 0..3), any::<u32>()).prop_map(
        |(id, name, prompt, argv, owner)| {
            let mut facts = super::world::World::new().facts("any");
            facts.agent.argv = argv;
            facts.owner = (owner, owner);
            Facts { id, name, prompt, ..facts }
        },
    )
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        Just(Operation::Create),
        Just(Operation::Merge),
        Just(Operation::Rebase),
        proptest::option::of(any::<u64>())
            .prop_map(|since| Operation::Restore { unsettled_since: since.map(Wall) }),
        (any::<bool>(), proptest::option::of(any::<u64>()), any::<bool>()).prop_map(
            |(keep_branch, since, is_settling)| {
                Operation::Destroy { keep_branch, unsettled_since: since.map(Wall), is_settling }
            }
        ),
    ]
}

/// Fields of a later version: they never have a name of ours.
fn strangers() -> impl Strategy<Value = Map<String, Value>> {
    vec(
        (
            "x-[a-z]{1,8}",
            prop_oneof![any::<i64>().prop_map(Value::from), any::<String>().prop_map(Value::from)],
        ),
        0..3,
    )
    .prop_map(|pairs| pairs.into_iter().collect())
}

fn state() -> impl Strategy<Value = StateRecord> {
    let entry =
        (facts(), any::<bool>(), any::<bool>(), strangers()).prop_map(|(facts, paused, stopped, extra)| {
            StateEntry {
                container_id: paused.then(|| ContainerId::parse("c1").unwrap()),
                was_paused_by_quit: paused,
                was_stopped_by_user: stopped,
                unsettled_since: stopped.then_some(Wall(7)),
                rebase: (paused && stopped).then(|| OpenRebase {
                    moving: super::answers::basing(),
                    files: Some(Vec::new()),
                    begun_at: Wall(7),
                }),
                facts,
                extra,
            }
        });
    (vec(entry, 0..4), any::<u64>(), strangers()).prop_map(|(workstreams, generation, extra)| {
        let facts = super::world::World::new().facts("any");
        StateRecord {
            version: VERSION,
            generation: Generation(generation),
            writer: Some(writer()),
            written_at: Wall(generation),
            repo_id: facts.repo_id,
            repo_path: facts.repo_path,
            view: record::ViewRecord::default(),
            workstreams,
            extra,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_state_is_read_back_as_it_was_with_what_we_do_not_know(state in state()) {
        prop_assert_eq!(record::parse::<StateRecord>(&record::print(&state)), Ok(state));
    }

    #[test]
    fn an_intent_is_read_back_as_it_was(
        workstream in facts(),
        operation in operation(),
        at in any::<u64>(),
        reason in proptest::option::of(any::<String>()),
    ) {
        let (run, written_at) = (writer().run, Wall(at));
        let basing = (operation == Operation::Rebase).then(super::answers::basing);
        let intent =
            Intent { version: VERSION, operation, run, workstream, written_at, reason, moving: None, basing };
        prop_assert_eq!(record::parse::<Intent>(&record::print(&intent)), Ok(intent));
    }

    #[test]
    fn facts_are_read_back_as_they_were(facts in facts()) {
        let record = FactsRecord { version: VERSION, facts };
        prop_assert_eq!(record::parse::<FactsRecord>(&record::print(&record)), Ok(record));
    }

    #[test]
    fn no_bytes_bring_a_parser_down(bytes in vec(any::<u8>(), 0..512)) {
        let is_refused = record::parse::<StateRecord>(&bytes).is_err()
            & record::parse::<TrackingRecord>(&bytes).is_err()
            & record::parse::<Intent>(&bytes).is_err()
            & record::parse::<FactsRecord>(&bytes).is_err()
            & record::parse::<BeatRecord>(&bytes).is_err();
        prop_assert!(is_refused);
    }

    #[test]
    fn a_record_cut_short_is_damaged_and_never_something_else(state in state(), keep in 0.0..1.0_f64) {
        let bytes = record::print(&state);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share of a length")]
        let length = (bytes.len() as f64 * keep) as usize;
        let outcome = record::parse::<StateRecord>(&bytes[..length.min(bytes.len() - 2)]);
        prop_assert!(matches!(outcome, Err(Flaw::Corrupt { .. })), "{outcome:?}");
    }

    #[test]
    fn a_newer_version_is_told_from_damage(version in u64::from(VERSION) + 1.., rest in strangers()) {
        let mut value = Value::Object(rest);
        value["version"] = json!(version);
        let outcome = record::parse::<StateRecord>(&serde_json::to_vec(&value).unwrap());
        prop_assert_eq!(outcome, Err(Flaw::Newer { version }));
    }

    #[test]
    fn every_prompt_gives_a_branch_that_is_valid_and_its_own_slug(prompt in any::<String>()) {
        let slug = naming::slug(&prompt);
        prop_assert!(naming::validate_branch(&slug).is_ok(), "{slug}");
        prop_assert_eq!(&naming::slug(&slug), &slug);
    }

    #[test]
    fn a_container_is_named_after_its_workstream_alone(repo in any::<String>(), id in workstream_id()) {
        let name = naming::container_name(&repo, &id);
        prop_assert!(name.ends_with(id.as_str()) && name.starts_with("ccells-"));
        prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{name}");
    }

    #[test]
    fn the_order_of_changes_to_different_workstreams_does_not_matter(
        ids in proptest::collection::btree_set(workstream_id(), 1..6),
        kinds in vec(any::<bool>(), 6),
        turn in any::<prop::sample::Index>(),
    ) {
        let deltas: Vec<Delta> = ids.iter().zip(&kinds).map(|(id, is_there)| delta(id, *is_there)).collect();
        let mut others = deltas.clone();
        others.rotate_left(turn.index(deltas.len()));
        others.reverse();
        prop_assert_eq!(applied(&deltas), applied(&others));
    }

    #[test]
    fn the_last_change_to_a_workstream_counts(id in workstream_id(), kinds in vec(any::<bool>(), 1..6)) {
        let deltas: Vec<Delta> = kinds.iter().map(|is_there| delta(&id, *is_there)).collect();
        let index: TrackingRecord = record::parse(&applied(&deltas)).unwrap();
        prop_assert_eq!(index.containers.len(), usize::from(kinds[kinds.len() - 1]));
    }
}

fn delta(id: &WorkstreamId, is_there: bool) -> Delta {
    if !is_there {
        return Delta::Untrack(id.clone());
    }
    let facts = Facts {
        id: id.clone(),
        container_name: format!("ccells-web-{id}"),
        ..super::world::World::new().facts("any")
    };
    let container = ContainerId::parse(id.as_str()).unwrap();
    Delta::Track(TrackedContainer::new(&facts, &container, ContainerState::Running.as_str()))
}

fn applied(deltas: &[Delta]) -> Vec<u8> {
    let apply = |bytes: Option<Vec<u8>>, delta| {
        Some(tracking::apply(bytes.as_deref(), delta, &writer(), Wall(1)).unwrap())
    };
    deltas.iter().fold(None, apply).unwrap()
}

#[test]
fn what_a_later_ccells_added_to_the_state_is_written_back() {
    let mut world = super::conversation::check("given state fix-login");
    world.age("x-colour", &json!("red"));
    super::conversation::play(&mut world, "boot");
    super::conversation::play(&mut world, "all ok");
    super::conversation::play(&mut world, "ask 1 view fix-login");
    super::conversation::play(&mut world, "all ok");
    let text = String::from_utf8(record::print(world.state_on_disk())).unwrap();
    assert_eq!(text.matches("\"x-colour\": \"red\"").count(), 2, "in the state and in its entry: {text}");
    assert_eq!(world.state_on_disk().version.to_string(), "1");
}
