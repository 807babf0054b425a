//! What a start makes of what it finds: one pure table over records, intents, worktrees and the engine's list.
//! Missing knowledge deletes nothing.

use crate::container::ContainerState;
use crate::record::Operation;

/// What the engine shows of a workstream's container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The engine was not heard.
    NotAsked,
    /// There is none.
    Absent,
    /// There is one, in this state.
    Present(ContainerState),
}

/// All that is known of one workstream at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The operation that was in flight when its run ended.
    pub operation: Option<Operation>,
    /// Whether `state.json` or `workstream.json` knows it.
    pub is_recorded: bool,
    /// Whether its worktree exists.
    pub has_worktree: bool,
    /// Its container.
    pub container: Seen,
    /// Whether our own quit froze it.
    pub was_paused_by_quit: bool,
    /// Whether the user stopped it on purpose.
    pub was_stopped_by_user: bool,
}

/// What is to be done about one workstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing can be said before the engine answers: leave it alone.
    Wait,
    /// Its agent lives: attach, no question.
    Adopt,
    /// Our quit froze it: let it go on.
    LetGoOn,
    /// Its container is frozen or does not run: offer to resume it.
    OfferResume,
    /// Its container is gone, its work is not: offer to make another.
    OfferRecreate,
    /// Its making was interrupted after the container, or its way back from the trash: finish it.
    RollForward,
    /// Its making was interrupted before the container: offer to try again or to discard.
    OfferRetry,
    /// Its merge was interrupted: finish it.
    FinishMerge,
    /// Its rebase was interrupted: look how it stands, and write that down.
    FinishRebase,
    /// Its removal was interrupted: finish it.
    FinishRemoval,
    /// Nothing of it is left: drop the record.
    Forget,
}

impl Verdict {
    /// What it means, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "waits for the engine",
            Self::Adopt => "its agent is still running",
            Self::LetGoOn => "was paused when ccells quit",
            Self::OfferResume => "its container does not run",
            Self::OfferRecreate => "its container is gone, its work is not",
            Self::RollForward => "its creation was interrupted and can be finished",
            Self::OfferRetry => "its creation was interrupted before it had a container",
            Self::FinishMerge => "its merge was interrupted",
            Self::FinishRebase => "its rebase was interrupted",
            Self::FinishRemoval => "its removal was interrupted",
            Self::Forget => "nothing of it is left",
        }
    }

    /// What is done about it when nobody chooses.
    pub fn default_action(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Adopt => "adopt",
            Self::LetGoOn => "resume",
            Self::OfferResume | Self::OfferRecreate => "keep",
            Self::RollForward | Self::FinishMerge | Self::FinishRebase => "finish",
            Self::OfferRetry => "undo",
            Self::FinishRemoval => "remove",
            Self::Forget => "forget",
        }
    }
}

/// The table.
pub fn decide(evidence: &Evidence) -> Verdict {
    match (evidence.operation, evidence.container) {
        (_, Seen::NotAsked) => Verdict::Wait,
        (Some(Operation::Destroy { .. }), _) => Verdict::FinishRemoval,
        (Some(Operation::Merge), _) => Verdict::FinishMerge,
        (Some(Operation::Rebase), _) => Verdict::FinishRebase,
        // What was removed and is wanted again comes back, whatever there is of it.
        (Some(Operation::Restore { .. }), _) | (Some(Operation::Create), Seen::Present(_)) => {
            Verdict::RollForward
        }
        (Some(Operation::Create), Seen::Absent) => Verdict::OfferRetry,
        (None, Seen::Present(ContainerState::Running | ContainerState::Restarting)) => Verdict::Adopt,
        (None, Seen::Present(ContainerState::Paused)) if evidence.was_paused_by_quit => Verdict::LetGoOn,
        (None, Seen::Present(ContainerState::Paused)) => Verdict::OfferResume,
        (
            None,
            Seen::Present(
                ContainerState::Created
                | ContainerState::Exited
                | ContainerState::Dead
                | ContainerState::Removing,
            ),
        ) => Verdict::OfferResume,
        (None, Seen::Absent) if evidence.has_worktree || evidence.is_recorded => Verdict::OfferRecreate,
        (None, Seen::Absent) => Verdict::Forget,
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use super::*;

    fn all() -> Vec<Evidence> {
        let operations = [
            None,
            Some(Operation::Create),
            Some(Operation::Merge),
            Some(Operation::Rebase),
            Some(Operation::Restore { unsettled_since: None }),
            Some(Operation::Destroy { keep_branch: false, unsettled_since: None, is_settling: false }),
            Some(Operation::Destroy {
                keep_branch: true,
                unsettled_since: Some(crate::time::Wall(1)),
                is_settling: true,
            }),
        ];
        let states = [
            ContainerState::Created,
            ContainerState::Running,
            ContainerState::Paused,
            ContainerState::Restarting,
            ContainerState::Removing,
            ContainerState::Exited,
            ContainerState::Dead,
        ];
        let seen: Vec<Seen> =
            [Seen::NotAsked, Seen::Absent].into_iter().chain(states.into_iter().map(Seen::Present)).collect();
        let mut all = Vec::new();
        for operation in operations {
            for &container in &seen {
                for bits in 0..16_u8 {
                    let is = |bit: u8| bits & (1 << bit) != 0;
                    all.push(Evidence {
                        operation,
                        container,
                        is_recorded: is(0),
                        has_worktree: is(1),
                        was_paused_by_quit: is(2),
                        was_stopped_by_user: is(3),
                    });
                }
            }
        }
        all
    }

    #[test]
    fn nothing_is_done_before_the_engine_was_heard() {
        for evidence in all().iter().filter(|evidence| evidence.container == Seen::NotAsked) {
            assert_eq!(decide(evidence), Verdict::Wait, "{evidence:?}");
        }
    }

    #[test]
    fn only_an_unfinished_removal_removes() {
        for evidence in all() {
            let is_removal = matches!(evidence.operation, Some(Operation::Destroy { .. }));
            assert_eq!(
                decide(&evidence) == Verdict::FinishRemoval,
                is_removal && evidence.container != Seen::NotAsked,
                "{evidence:?}"
            );
        }
    }

    #[test]
    fn what_is_wanted_back_comes_back_whatever_there_is_of_it() {
        for evidence in all() {
            if let (Some(Operation::Restore { .. }), Seen::Absent | Seen::Present(_)) =
                (evidence.operation, evidence.container)
            {
                assert_eq!(decide(&evidence), Verdict::RollForward, "{evidence:?}");
            }
        }
    }

    #[test]
    fn what_has_a_container_a_worktree_or_a_record_is_never_forgotten() {
        for evidence in all().iter().filter(|evidence| decide(evidence) == Verdict::Forget) {
            assert!(evidence.container == Seen::Absent && !evidence.has_worktree && !evidence.is_recorded);
        }
    }

    #[test]
    fn a_running_agent_is_adopted_without_a_question() {
        for evidence in all() {
            if evidence.operation.is_none() && evidence.container == Seen::Present(ContainerState::Running) {
                assert_eq!(decide(&evidence), Verdict::Adopt, "{evidence:?}");
            }
        }
    }

    #[test]
    fn what_is_done_when_nobody_chooses_takes_nothing_away_but_what_was_being_removed_or_never_was() {
        let words = |verdict: Verdict| (verdict.default_action(), verdict);
        let all = all();
        let told: BTreeSet<_> = all.iter().map(decide).map(words).collect();
        let wanted = BTreeSet::from([
            ("wait", Verdict::Wait),
            ("adopt", Verdict::Adopt),
            ("resume", Verdict::LetGoOn),
            ("keep", Verdict::OfferResume),
            ("keep", Verdict::OfferRecreate),
            ("finish", Verdict::RollForward),
            ("finish", Verdict::FinishMerge),
            ("finish", Verdict::FinishRebase),
            ("undo", Verdict::OfferRetry),
            ("remove", Verdict::FinishRemoval),
            ("forget", Verdict::Forget),
        ]);
        assert_eq!(told, wanted);
    }
}
