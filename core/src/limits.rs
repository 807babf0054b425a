//! Every number that bounds something, in one place, with the relations between them checked at compile time.
//! Times are in milliseconds, sizes in bytes unless the name says otherwise.

/// A run writes its heartbeat this often.
pub const BEAT_MS: u64 = 5_000;
/// A heartbeat older than this is stale.
pub const BEAT_STALE_MS: u64 = 30_000;
/// A heartbeat further in the future than this is stale as well: its clock cannot be trusted.
pub const BEAT_FUTURE_MS: u64 = 5_000;

/// The longest a request can stay in flight between us and the engine before it lands or is lost.
pub const LATE_MS: u64 = 130_000;
/// The containers are listed at least this often, so that what landed late is found.
pub const RELIST_MS: u64 = 45_000;
/// After the engine told of a change its listings are doubted for this long: it may list the change later than it
/// tells it.
pub const DOUBT_MS: u64 = 900;
/// Between two listings while they are doubted.
pub const DOUBT_STEP_MS: u64 = 150;
/// First wait before asking a silent engine again.
pub const RETRY_FIRST_MS: u64 = 500;
/// Longest wait before asking a silent engine again.
pub const RETRY_LAST_MS: u64 = 5_000;
/// First wait before a lost terminal session is opened again.
pub const REATTACH_FIRST_MS: u64 = 200;
/// Longest wait before a lost terminal session is opened again.
pub const REATTACH_LAST_MS: u64 = 5_000;
/// A durable write that failed is tried again after this long.
pub const RESAVE_MS: u64 = 5_000;

/// Deadline of a ping.
pub const PING_MS: u64 = 2_000;
/// Deadline of a listing or an inspection.
pub const LIST_MS: u64 = 5_000;
/// Deadline of a pause or an unpause.
pub const PAUSE_MS: u64 = 2_000;
/// Deadline of a create or a start.
pub const CREATE_MS: u64 = 30_000;
/// Deadline of a stop, grace included.
pub const STOP_MS: u64 = 15_000;
/// Deadline of the pull of an image, all in all.
pub const PULL_MS: u64 = 30 * 60_000;
/// A pull that nothing is heard of for this long has failed.
pub const PULL_STALL_MS: u64 = 60_000;
/// How far a pull has come is told this often at most.
pub const PULL_TELL_MS: u64 = 250;
/// Most layers of an image that are counted.
pub const PULL_LAYERS: usize = 1_000;
/// How long an agent may take to leave after SIGTERM, in whole seconds as the engine wants it.
pub const STOP_GRACE_S: u64 = 5;
/// Deadline of a removal.
pub const REMOVE_MS: u64 = 15_000;
/// Deadline of putting the holder into a container.
pub const UPLOAD_MS: u64 = 15_000;
/// Deadline of the holder's first answer.
pub const ATTACH_MS: u64 = 5_000;
/// A holder that is only asked how its agent fares answers within this, or is left out.
pub const REPORT_MS: u64 = 1_000;
/// How long a holder may take to take a piece of a text that a verb sends: longer means that its agent does not read.
pub const SEND_MS: u64 = 5_000;
/// How long to wait before a holder that is not up yet is tried again.
pub const HOLDER_POLL_MS: u64 = 20;
/// Deadline of one git operation on the user's repository.
pub const GIT_MS: u64 = 120_000;
/// How long a writer waits for a file's lock.
pub const LOCK_WAIT_MS: u64 = 2_000;
/// How often it looks again meanwhile.
pub const LOCK_POLL_MS: u64 = 2;

/// Deadline of opening one stream to the engine: shorter than every request's, so that "nobody is there" is told apart
/// from "no answer".
pub const DIAL_MS: u64 = 1_500;
/// A watched engine is asked this often whether it still answers.
pub const WATCH_PING_MS: u64 = 5_000;
/// Longest answer of the engine to one request.
pub const ENGINE_ANSWER_BYTES: usize = 64 * 1_024 * 1_024;
/// Longest line of the engine's events.
pub const EVENT_LINE_BYTES: usize = 256 * 1_024;
/// Notices of a watch that wait to be taken.
pub const NOTICES: usize = 256;
/// Containers that are looked at at the same time, within one listing.
pub const INSPECTIONS: usize = 8;
/// Output kept of a command run in a container, of each of its two streams.
pub const EXEC_OUTPUT_BYTES: usize = 1_024 * 1_024;
/// What is kept of the complaints of a command whose output is a stream.
pub const EXEC_COMPLAINT_BYTES: usize = 4 * 1_024;

/// How long git may take to leave after SIGTERM, which lets it take its locks away.
pub const GIT_GRACE_MS: u64 = 2_000;
/// How long a lock of somebody else may stand still before we look whether its owner is dead.
pub const GIT_LOCK_MS: u64 = 2_000;
/// How often such a lock is looked at.
pub const GIT_LOCK_POLL_MS: u64 = 50;
/// How long a remote may take to tell and to give what new work begins from; a start does not wait for more.
pub const REMOTE_FETCH_MS: u64 = 15_000;
/// How long a remote may take to take commits.
pub const PUSH_MS: u64 = 120_000;
/// How long the program that knows pull requests may take for one call.
pub const GH_MS: u64 = 60_000;
/// Most bytes of the title of a pull request.
pub const PR_TITLE_BYTES: usize = 256;
/// Most bytes of its body.
pub const PR_BODY_BYTES: usize = 64 * 1_024;
/// How long an agent's own git may take to put its commits onto another base, or to say how that stands. Whoever waits
/// no longer may find it done later.
pub const REBASE_MS: u64 = 120_000;
/// Most files in conflict that an agent is told of by name.
pub const HANDOVER_FILES: usize = 50;
/// How long after the words for an agent Enter follows.
pub const HANDOVER_ENTER_MS: u64 = 150;
/// Most files in conflict that are named.
pub const REBASE_FILES: usize = 500;
/// How long the commits of an agent may take to come out of its container.
pub const FETCH_MS: u64 = 120_000;
/// Most bytes of them that are taken at a time.
pub const PACK_BYTES: u64 = 1_024 * 1_024 * 1_024;
/// Memory of the git that reads what an agent packed.
pub const INDEX_MEMORY_BYTES: u64 = 2 * 1_024 * 1_024 * 1_024;
/// Most commits that the message of a commit that stands for all of them names.
pub const MESSAGE_COMMITS: usize = 200;
/// Most that is kept of what a git process prints.
pub const GIT_OUTPUT_BYTES: usize = 64 * 1_024 * 1_024;
/// Most that is kept of what a git process complains.
pub const GIT_COMPLAINT_BYTES: usize = 16 * 1_024;
/// Most characters that are shown between two tabs of a line that changed.
pub const DIFF_LINE_CHARS: usize = 4_000;
/// Most of a difference that is kept for the screen.
pub const DIFF_SHOWN_BYTES: usize = 16 * 1_024 * 1_024;
/// Most lines of it.
pub const DIFF_SHOWN_LINES: usize = 400_000;
/// Most files of it.
pub const DIFF_SHOWN_FILES: usize = 20_000;
/// Longest comment on a line of it.
pub const COMMENT_BYTES: usize = 1_000;
/// Most comments on one workstream that wait to be sent.
pub const COMMENTS: usize = 100;
/// Most characters of the line that a comment quotes.
pub const COMMENT_QUOTE_CHARS: usize = 200;
/// Most files a report names for each kind of change.
pub const WORK_FILES: usize = 10_000;
/// Most references that are read of a private git directory.
pub const PRIVATE_REFS: usize = 10_000;
/// Deepest directory of references that is read of a private git directory.
pub const PRIVATE_REF_DEPTH: usize = 32;
/// Largest single reference that is read of a private git directory.
pub const REF_BYTES: usize = 4_096;
/// Most object directories a repository borrows from.
pub const ALTERNATES: usize = 16;

/// Shutdown: how long work in flight may take to finish.
pub const DRAIN_MS: u64 = 3_000;
/// Shutdown: how long all pauses together may take.
pub const PAUSE_ALL_MS: u64 = 5_000;
/// Shutdown: what is kept back, before the watchdog comes, for writing down what became of the pauses.
pub const RECORD_MS: u64 = 700;
/// Shutdown: what is kept back, before the watchdog comes, for leaving.
pub const LEAVE_MS: u64 = 200;
/// Shutdown: when the watchdog ends the process, whatever it is doing.
pub const SHUTDOWN_MS: u64 = 8_000;

/// How often the references of a repository are asked for before a failure is believed.
pub const LIST_REFS_TRIES: u32 = 6;
/// Between two such tries.
pub const LIST_REFS_WAIT_MS: u64 = 40;
/// How long a writer waits for another run that writes the index of containers.
pub const INDEX_WAIT_MS: u64 = 2_000;
/// How long a verb waits for another that changes the same repository.
pub const REPO_WAIT_MS: u64 = 10_000;
/// How long the screen waits for a verb that changes the same repository before it opens as one that only looks.
pub const VERB_WAIT_MS: u64 = 3_000;

/// How many days what was removed stays in the trash.
pub const TRASH_DAYS: u64 = 30;
/// How many of what was removed last stay in the trash of one repository.
pub const TRASH_COUNT: usize = 50;

/// How many workstreams one repository may have at a time.
pub const WORKSTREAMS: usize = 200;
/// How many engine calls of ours may be in flight at a time.
pub const ENGINE_CALLS: usize = 64;
/// Capacity of the driver's mailbox, in events.
pub const MAILBOX: usize = 1_024;

/// Longest message of a merge.
pub const MERGE_MESSAGE_BYTES: usize = 64 * 1_024;

/// Most workstreams that are made of one prompt at once.
pub const NEW_AT_ONCE: u8 = 32;

/// Most files that git ignores and that are copied into a worktree.
pub const INCLUDE_FILES: usize = 10_000;
/// How large they may be, all together.
pub const INCLUDE_BYTES: u64 = 1_000_000_000;

/// Longest prompt.
pub const PROMPT_BYTES: usize = 64 * 1_024;
/// Longest name of a workstream.
pub const NAME_CHARS: usize = 64;
/// Longest branch name, prefix included.
pub const BRANCH_CHARS: usize = 120;
/// Words a slug takes from a prompt.
pub const SLUG_WORDS: usize = 5;
/// Longest slug made from a prompt.
pub const SLUG_CHARS: usize = 40;
/// Longest slug made from the name of a repository's directory.
pub const REPO_SLUG_CHARS: usize = 24;
/// How many numbered names are tried before a name counts as not to be had.
pub const NAME_TRIES: usize = 1_000;
/// Combining marks one character may carry in text that is shown.
pub const COMBINING_MARKS: usize = 8;
/// Longest reason kept with a failure.
pub const REASON_CHARS: usize = 500;

/// Largest file of ours that is read back.
pub const RECORD_BYTES: usize = 8 * 1_024 * 1_024;
/// Longest note in a lock file that is read.
pub const LOCK_BODY_BYTES: u64 = 4 * 1_024;
/// Most names in a directory of ours that is listed.
pub const DIRECTORY_NAMES: usize = 100_000;
/// How often a save makes a fresh temporary file, the first included, before it gives up.
pub const SAVE_TRIES: u32 = 2;
/// Disk space kept back for the moment when the disk is full.
pub const RESERVE_BYTES: usize = 256 * 1_024;
/// How much of it is given up at a time.
pub const RESERVE_SLICE_BYTES: usize = 32 * 1_024;
/// Deepest nesting in a request on the control socket.
pub const REQUEST_BYTES: usize = 256 * 1_024;

/// Largest frame on the wire between a session and the holder, header excluded.
pub const FRAME_BYTES: usize = 1_024 * 1_024;
/// Raw output the holder keeps for replay.
pub const RING_BYTES: usize = 2 * 1_024 * 1_024;
/// Scrollback of a pane, in lines.
pub const SCROLLBACK_LINES: usize = 10_000;
/// Most lines of scrollback a user can ask for.
pub const SCROLLBACK_MOST: usize = 200_000;
/// Memory for the scrollback that a holder keeps beyond [`SCROLLBACK_LINES`], where a session asks for more.
pub const HOLDER_HISTORY_BYTES: usize = 256 * 1_024 * 1_024;
/// Memory for the packed scrollback of a pane; the oldest lines go first.
pub const HISTORY_BYTES: usize = 64 * 1_024 * 1_024;
/// Findings of a search that are told; the oldest of more are left out.
pub const FINDINGS: usize = 10_000;
/// Keys and motions of the mouse that wait until what a pane has shown is there to be looked back at.
pub const LOOK_HELD: usize = 1_024;
/// Work on a workstream that took this long is told to the user when it is done; less is only in the log.
pub const WORK_TOLD_MS: u64 = 1_000;
/// Longest text that is looked for.
pub const SEARCH_BYTES: usize = 256;
/// Longest text that waits to be pasted into one pane, with what was typed after it.
pub const PENDING_PASTE_BYTES: usize = 64 * 1_024 * 1_024;
/// Longest text that is put on a clipboard by way of the terminal around us.
pub const COPY_TERMINAL_BYTES: usize = 1_024 * 1_024;
/// Longest text that is put on the clipboard of the desktop.
pub const COPY_BYTES: usize = 16 * 1_024 * 1_024;
/// How long a program of the desktop may take to give or take the clipboard.
pub const CLIPBOARD_MS: u64 = 3_000;
/// Largest image that is taken from the clipboard.
pub const IMAGE_BYTES: usize = 20 * 1_024 * 1_024;
/// Most images that are kept for one workstream.
pub const IMAGES: usize = 1_000;
/// Two clicks within this time are a double click.
pub const CLICK_MS: u64 = 400;
/// While the mouse is held beyond the edge of a pane, its text moves by a line this often.
pub const DRAG_SCROLL_MS: u64 = 60;
/// Input a holder keeps for an agent that does not read.
pub const INPUT_BYTES: usize = 1_024 * 1_024;
/// Longest operating system command (OSC) the emulator takes before it is cut off.
pub const OSC_BYTES: usize = 64 * 1_024;
/// Longest control sequence other than a string that the emulator takes before it is dropped.
pub const SEQUENCE_BYTES: usize = 1_024;
/// Longest synchronized update a pane holds back.
pub const SYNC_BYTES: usize = 2 * 1_024 * 1_024;
/// Longest time a pane holds a synchronized update back.
pub const SYNC_MS: u64 = 150;
/// Bytes of a paste that are taken as one; what is longer comes in pieces.
pub const PASTE_BYTES: usize = 16 * 1_024 * 1_024;
/// Largest picture of a terminal; the oldest scrollback is left out of a larger one.
pub const SNAPSHOT_BYTES: usize = 16 * 1_024 * 1_024;
/// Largest file with what a terminal showed when its agent ended: a picture in its frames, and the report.
pub const LAST_SCREEN_BYTES: usize = SNAPSHOT_BYTES + FRAME_BYTES;
/// Longest address of a link on the screen.
pub const LINK_BYTES: usize = 2_048;
/// Deepest stack of titles, and of keyboard modes.
pub const TERMINAL_STACK: usize = 16;
/// Most characters that share one cell: a letter with its marks, or a joined emoji.
pub const CLUSTER_CHARS: usize = 13;
/// Longest terminal title kept.
pub const TITLE_BYTES: usize = 1_024;
/// Longest text kept of an agent's status report, and of a holder's refusal.
pub const MESSAGE_BYTES: usize = 2_048;
/// Longest status report (OSC 7501) that is read.
pub const STATUS_BYTES: usize = 4_096;
/// Replies to terminal queries that wait for an agent that does not read; the rest is dropped.
pub const REPLY_BYTES: usize = 64 * 1_024;
/// Longest text a program may ask to have copied to the clipboard.
pub const OUTWARD_COPY_BYTES: usize = 64 * 1_024;
/// Longest title that is passed on to the terminal around us, and longest title of a notification.
pub const OUTWARD_TITLE_CHARS: usize = 64;
/// Longest text of a notification.
pub const OUTWARD_BODY_CHARS: usize = 300;
/// Notifications of one pane that wait to be shown; the oldest of more is forgotten.
pub const OUTWARD_NOTIFICATIONS: usize = 4;
/// Between two bells that are passed on, of all panes together.
pub const BELL_MS: u64 = 500;
/// Between two notifications of one pane that are passed on.
pub const NOTIFY_MS: u64 = 5_000;
/// Between two notifications that are passed on, of all panes together.
pub const NOTIFY_ALL_MS: u64 = 1_000;
/// Bytes of output in one frame of a holder, so that other frames get between them.
pub const CHUNK_BYTES: usize = 64 * 1_024;
/// Output a holder keeps ready for one session, its snapshot aside; the ring has the rest.
pub const SESSION_BYTES: usize = 256 * 1_024;
/// How long an agent may take to leave when its holder is told to.
pub const AGENT_GRACE_MS: u64 = 3_000;
/// Sessions one holder serves at a time.
pub const SESSIONS: usize = 16;
/// Smallest and largest terminal, in cells.
pub const COLUMNS: core::ops::RangeInclusive<u16> = 2..=1_000;
/// Smallest and largest terminal, in rows.
pub const ROWS: core::ops::RangeInclusive<u16> = 1..=500;

/// Frames drawn per second at most.
pub const FRAMES_PER_S: u64 = 60;
/// How long a toast stays.
pub const TOAST_MS: u64 = 4_000;
/// Toasts shown at a time; the oldest goes first.
pub const TOASTS: usize = 4;
/// How long after a change of focus, order or layout the view is saved.
pub const VIEW_SAVE_MS: u64 = 500;
/// How long after a change of the window's size the agents learn theirs.
pub const WINDOW_RESIZE_MS: u64 = 40;
/// An even share of a split, as a weight.
pub const SPLIT_WEIGHT: u16 = 1_000;
/// Lines the log of the screen keeps; the oldest goes first.
pub const LOG_LINES: usize = 1_000;
/// Longest text a filter looks for.
pub const FILTER_BYTES: usize = 200;
/// Longest value that is typed for a setting.
pub const SETTING_BYTES: usize = 4_096;
/// Largest theme file that is read.
pub const THEME_BYTES: usize = 64 * 1_024;
/// While the resources are looked at, they are asked for this long after the last answer.
pub const USAGE_MS: u64 = 2_000;
/// How long the size of a worktree is believed, for counting it costs.
pub const WORKTREE_SIZE_MS: u64 = 30_000;
/// Most files of a worktree that are counted.
pub const WORKTREE_FILES: usize = 200_000;
/// Longest time one worktree is counted.
pub const WORKTREE_COUNT_MS: u64 = 2_000;

/// Processes in a container.
pub const CONTAINER_PIDS: i64 = 512;
/// Memory of a container; swap is the same, so none is used.
pub const CONTAINER_MEMORY: i64 = 4 * 1_024 * 1_024 * 1_024;
/// Processor time of a container, in billionths of a core.
pub const CONTAINER_NANO_CPUS: i64 = 2_000_000_000;
/// Shared memory of a container.
pub const CONTAINER_SHM: i64 = 256 * 1_024 * 1_024;
/// Largest file a process in a container may write.
pub const CONTAINER_FILE: i64 = 4 * 1_024 * 1_024 * 1_024;

const _: () = assert!(BEAT_MS * 2 < BEAT_STALE_MS, "two lost beats must not look like death");
const _: () = assert!(DRAIN_MS + PAUSE_ALL_MS <= SHUTDOWN_MS, "the watchdog must not cut an orderly end");
const _: () = assert!(PAUSE_MS <= PAUSE_ALL_MS);
const _: () = assert!(LEAVE_MS < RECORD_MS, "there is time to write down what became of the pauses");
const _: () =
    assert!(DRAIN_MS + PAUSE_MS + RECORD_MS < SHUTDOWN_MS, "one pause fits after the longest drain");
const _: () =
    assert!(DIAL_MS < PING_MS && DIAL_MS < PAUSE_MS, "a dial that fails must not look like a lost answer");
const _: () = assert!(LATE_MS > CREATE_MS && LATE_MS > REMOVE_MS && LATE_MS > STOP_MS && LATE_MS > REBASE_MS);
const _: () = assert!(PULL_TELL_MS < PULL_STALL_MS && PULL_STALL_MS < PULL_MS);
const _: () = assert!(RELIST_MS < LATE_MS, "something that landed late is seen by the next listing but one");
const _: () = assert!(STOP_GRACE_S * 1_000 < STOP_MS);
const _: () = assert!(GIT_LOCK_POLL_MS < GIT_LOCK_MS && GIT_LOCK_MS + GIT_GRACE_MS < GIT_MS);
const _: () = assert!(SLUG_CHARS + 5 <= BRANCH_CHARS, "a slug has room for the number that makes it unique");
const _: () = assert!(RING_BYTES >= FRAME_BYTES);
const _: () = assert!(SAVE_TRIES >= 1);
const _: () = assert!(CHUNK_BYTES + 64 <= FRAME_BYTES, "a chunk and its head are one frame");
const _: () = assert!(TITLE_BYTES + MESSAGE_BYTES + 64 <= FRAME_BYTES, "a report is one frame");
const _: () = assert!(SESSION_BYTES >= 2 * CHUNK_BYTES && SESSION_BYTES < RING_BYTES);
const _: () =
    assert!(AGENT_GRACE_MS < STOP_GRACE_S * 1_000, "the agent is gone before the engine loses patience");
const _: () = assert!(STATUS_BYTES < OSC_BYTES);
const _: () =
    assert!(AGENT_GRACE_MS < STOP_GRACE_S * 1_000, "the agent is gone before the engine loses patience");
const _: () = assert!(STATUS_BYTES < OSC_BYTES && LINK_BYTES < OSC_BYTES && TITLE_BYTES < OSC_BYTES);
const _: () = assert!(SEQUENCE_BYTES < OSC_BYTES && OSC_BYTES < SYNC_BYTES);
const _: () = assert!(NOTIFY_ALL_MS <= NOTIFY_MS, "one pane alone must not silence the others");
