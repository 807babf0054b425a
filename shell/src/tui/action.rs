//! Everything the screen can do, each with its name, its words and its usual keys: the one list that the keys, the help
//! page, the command palette and `config.toml` are made from.

use super::copy::Look;
use super::dialog::diff::DiffKey;
use super::dialog::log::LogKey;
use super::dialog::resources::UsageKey;
use super::dialog::settings::SettingsKey;
use super::layout::{Axis, Direction};

/// Where a key is pressed: one key may do another thing in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// Over the panes.
    Panes,
    /// While one looks back.
    Looking,
    /// In the view of what a workstream changed.
    Diff,
    /// In the log.
    Log,
    /// In the view of what the containers use.
    Usage,
    /// In the settings.
    Settings,
    /// Where there is one agent only, to whom all other keys go.
    Alone,
}

/// What a key can do where there is one agent only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AloneKey {
    /// Look back.
    LookBack,
}

/// Something the screen can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Keys go to the agent.
    Input,
    /// The dialog for a new workstream.
    New,
    /// The same for one that goes on from the focused one.
    Fork,
    /// Freeze, or let go on.
    Pause,
    /// Have it run.
    Resume,
    /// End its processes.
    Stop,
    /// Start its agent again.
    Restart,
    /// Bring its commits home, after a question.
    Merge,
    /// Push its commits, after a question.
    Push,
    /// Put its commits onto another base, after a question.
    Rebase,
    /// Take it away, after a question.
    Discard,
    /// Bring back what was taken away last.
    Undo,
    /// The neighbour on that side.
    Move(Direction),
    /// The pane of that number.
    Pane(u8),
    /// The next pane.
    Next,
    /// The pane before.
    Previous,
    /// The next workstream that waits for a person.
    Waiting,
    /// The focused pane alone, or all again.
    Zoom,
    /// The next layout.
    Layout,
    /// Change places with the first pane.
    Swap,
    /// Change places with the pane before.
    MoveBack,
    /// Change places with the next pane.
    MoveOn,
    /// More or less of the screen for the focused pane.
    Resize(Axis, i8),
    /// All panes of the layout share evenly again.
    Even,
    /// The next page of panes.
    NextPage,
    /// The page of panes before.
    PreviousPage,
    /// All workstreams in one list, or their panes again.
    List,
    /// The next order of the list.
    Sort,
    /// Show only those that match.
    Filter,
    /// What happened.
    Log,
    /// What the workstream changed.
    Diff,
    /// What the containers use.
    Resources,
    /// What can be set.
    Settings,
    /// Scroll, in half pages: positive goes back in time.
    Scroll(i8),
    /// To the newest line.
    Bottom,
    /// Look back: move about, search, select and copy.
    Copy,
    /// The same, beginning with a search.
    Search,
    /// Write the pane's text to a file.
    Export,
    /// Give the agent the clipboard's image.
    PasteImage,
    /// Whether the mouse is ours.
    Mouse,
    /// Draw anew.
    Redraw,
    /// Every action by name.
    Palette,
    /// What the keys do.
    Help,
    /// Stop the process, as the shell's job control does.
    Suspend,
    /// The dialog about the end.
    Quit,
    /// Close what lies above the panes.
    Dismiss,
    /// While one looks back.
    Look(Look),
    /// In the view of what it changed.
    InDiff(DiffKey),
    /// In the log.
    InLog(LogKey),
    /// In the view of what the containers use.
    InUsage(UsageKey),
    /// In the settings.
    InSettings(SettingsKey),
    /// Where there is one agent only.
    Alone(AloneKey),
}

impl Action {
    /// Where its keys do it.
    pub(crate) fn context(self) -> Context {
        match self {
            Self::Look(_) => Context::Looking,
            Self::InDiff(_) => Context::Diff,
            Self::InLog(_) => Context::Log,
            Self::InUsage(_) => Context::Usage,
            Self::InSettings(_) => Context::Settings,
            Self::Alone(_) => Context::Alone,
            Self::Input
            | Self::New
            | Self::Fork
            | Self::Pause
            | Self::Resume
            | Self::Stop
            | Self::Restart
            | Self::Merge
            | Self::Push
            | Self::Rebase
            | Self::Discard
            | Self::Undo
            | Self::Move(_)
            | Self::Pane(_)
            | Self::Next
            | Self::Previous
            | Self::Waiting
            | Self::Zoom
            | Self::Layout
            | Self::Swap
            | Self::MoveBack
            | Self::MoveOn
            | Self::Resize(..)
            | Self::Even
            | Self::NextPage
            | Self::PreviousPage
            | Self::List
            | Self::Sort
            | Self::Filter
            | Self::Log
            | Self::Diff
            | Self::Resources
            | Self::Settings
            | Self::Scroll(_)
            | Self::Bottom
            | Self::Copy
            | Self::Search
            | Self::Export
            | Self::PasteImage
            | Self::Mouse
            | Self::Redraw
            | Self::Palette
            | Self::Help
            | Self::Suspend
            | Self::Quit
            | Self::Dismiss => Context::Panes,
        }
    }
}

/// An action as people meet it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Described {
    /// The action.
    pub(crate) action: Action,
    /// Its name in `config.toml` and in the palette.
    pub(crate) name: &'static str,
    /// The keys that do it unless the user chose others, as `config.toml` would name them.
    pub(crate) keys: &'static [&'static str],
    /// What it does, in a few words.
    pub(crate) help: &'static str,
}

/// Actions that belong together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    /// What they are about.
    pub(crate) title: &'static str,
    /// The actions.
    pub(crate) actions: &'static [Described],
}

const fn act(
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    help: &'static str,
) -> Described {
    Described { action, name, keys, help }
}

/// All of them.
pub(crate) const GROUPS: &[Group] = &[
    Group {
        title: "Workstreams",
        actions: &[
            act(Action::Input, "type", &["i", "enter"], "type into the pane"),
            act(Action::New, "new", &["n"], "new workstream"),
            act(Action::Fork, "fork", &["F"], "go on from this one"),
            act(Action::Pause, "pause", &["p"], "pause; again: go on"),
            act(Action::Resume, "resume", &["r"], "resume, or try again"),
            act(Action::Stop, "stop", &["x"], "stop; its work is kept"),
            act(Action::Restart, "restart", &["R"], "restart the agent"),
            act(Action::Merge, "merge", &["M"], "merge its commits"),
            act(Action::Push, "push", &["P"], "push; a pull request"),
            act(Action::Rebase, "rebase", &["B"], "rebase its commits"),
            act(Action::Discard, "discard", &["d"], "discard, after a question"),
            act(Action::Undo, "undo", &["u"], "bring back the last one"),
            act(Action::PasteImage, "paste-image", &["ctrl+v"], "give the agent an image"),
        ],
    },
    Group {
        title: "Moving",
        actions: &[
            act(Action::Move(Direction::Left), "pane-left", &["left", "h"], "pane left"),
            act(Action::Move(Direction::Down), "pane-down", &["down", "j"], "pane below"),
            act(Action::Move(Direction::Up), "pane-up", &["up", "k"], "pane above"),
            act(Action::Move(Direction::Right), "pane-right", &["right", "l"], "pane right"),
            act(Action::Next, "next", &["tab"], "next pane"),
            act(Action::Previous, "previous", &["shift+tab"], "pane before"),
            act(Action::Waiting, "waiting", &["w"], "next that waits for you"),
            act(Action::NextPage, "next-page", &["."], "next page of panes"),
            act(Action::PreviousPage, "previous-page", &[","], "page of panes before"),
            act(Action::List, "list", &["v"], "list; again: panes"),
            act(Action::Sort, "sort", &["o"], "next order of the list"),
            act(Action::Filter, "filter", &["/"], "show only what matches"),
            act(Action::Pane(1), "go-1", &["1"], "go to number 1"),
            act(Action::Pane(2), "go-2", &["2"], "go to number 2"),
            act(Action::Pane(3), "go-3", &["3"], "go to number 3"),
            act(Action::Pane(4), "go-4", &["4"], "go to number 4"),
            act(Action::Pane(5), "go-5", &["5"], "go to number 5"),
            act(Action::Pane(6), "go-6", &["6"], "go to number 6"),
            act(Action::Pane(7), "go-7", &["7"], "go to number 7"),
            act(Action::Pane(8), "go-8", &["8"], "go to number 8"),
            act(Action::Pane(9), "go-9", &["9"], "go to number 9"),
        ],
    },
    Group {
        title: "Looking",
        actions: &[
            act(Action::Zoom, "zoom", &["z"], "zoom; again: all panes"),
            act(Action::Layout, "layout", &["L"], "next layout"),
            act(Action::Swap, "swap", &["space"], "swap with the first pane"),
            act(Action::MoveBack, "move-back", &["{", "shift+left"], "swap with the pane before"),
            act(Action::MoveOn, "move-on", &["}", "shift+right"], "swap with the next pane"),
            act(Action::Resize(Axis::Across, 1), "wider", &[">", "ctrl+right"], "pane wider"),
            act(Action::Resize(Axis::Across, -1), "narrower", &["<", "ctrl+left"], "pane narrower"),
            act(Action::Resize(Axis::Down, 1), "taller", &["plus", "ctrl+down"], "pane taller"),
            act(Action::Resize(Axis::Down, -1), "shorter", &["-", "ctrl+up"], "pane shorter"),
            act(Action::Even, "even", &["="], "share evenly again"),
            act(Action::Diff, "diff", &["D"], "what it changed"),
            act(Action::Scroll(2), "page-back", &["pageup"], "a page back"),
            act(Action::Scroll(-2), "page-on", &["pagedown"], "a page on"),
            act(Action::Scroll(1), "half-page-back", &["ctrl+u"], "half a page back"),
            act(Action::Scroll(-1), "half-page-on", &["ctrl+d"], "half a page on"),
            act(Action::Bottom, "bottom", &["end", "G"], "to the newest line"),
            act(Action::Copy, "copy", &["["], "look back, select, copy"),
            act(Action::Search, "search", &["ctrl+f"], "search in the pane"),
            act(Action::Export, "export", &["e"], "write its text to a file"),
            act(Action::Mouse, "mouse", &["m"], "mouse on, off (select text)"),
        ],
    },
    Group {
        title: "ccells",
        actions: &[
            act(Action::Palette, "palette", &[":"], "every action by name"),
            act(Action::Help, "help", &["?"], "this page"),
            act(Action::Log, "log", &["!", "`"], "what happened"),
            act(Action::Resources, "resources", &["U"], "what the containers use"),
            act(Action::Settings, "settings", &["s"], "what can be set"),
            act(Action::Dismiss, "dismiss", &["esc"], "close, dismiss, take back"),
            act(Action::Redraw, "redraw", &["ctrl+l"], "draw anew"),
            act(Action::Suspend, "suspend", &["ctrl+z"], "suspend ccells"),
            act(Action::Quit, "quit", &["q", "ctrl+c"], "quit"),
        ],
    },
    Group { title: "While looking back", actions: LOOKING },
    Group { title: "In what it changed", actions: DIFF },
    Group { title: "In the log", actions: LOG },
    Group { title: "In what the containers use", actions: USAGE },
    Group { title: "In the settings", actions: SETTINGS },
    Group { title: "In `ccells attach`", actions: ALONE },
];

const ALONE: &[Described] =
    &[act(Action::Alone(AloneKey::LookBack), "attach-look-back", &["shift+pageup"], "look back")];

const LOOKING: &[Described] = &[
    act(Action::Look(Look::Left), "look-left", &["h", "left"], "left"),
    act(Action::Look(Look::Down), "look-down", &["j", "down"], "down"),
    act(Action::Look(Look::Up), "look-up", &["k", "up"], "up"),
    act(Action::Look(Look::Right), "look-right", &["l", "right"], "right"),
    act(Action::Look(Look::Word), "look-word", &["w"], "next word"),
    act(Action::Look(Look::WordBefore), "look-word-back", &["b"], "word before"),
    act(Action::Look(Look::WordEnd), "look-word-end", &["e"], "end of the word"),
    act(Action::Look(Look::LineStart), "look-line-start", &["0", "home"], "start of the line"),
    act(Action::Look(Look::FirstMark), "look-line-first", &["^"], "its first character"),
    act(Action::Look(Look::LineEnd), "look-line-end", &["$", "end"], "its end"),
    act(Action::Look(Look::Oldest), "look-oldest", &["g"], "oldest line; 9g: line 9"),
    act(Action::Look(Look::Newest), "look-newest", &["G"], "newest line; 9G: line 9"),
    act(Action::Look(Look::Top), "look-top", &["H"], "top of the pane"),
    act(Action::Look(Look::Middle), "look-middle", &["M"], "its middle"),
    act(Action::Look(Look::Bottom), "look-bottom", &["L"], "its bottom"),
    act(Action::Look(Look::HalfPageBack), "look-half-page-back", &["ctrl+u"], "half a page back"),
    act(Action::Look(Look::HalfPageOn), "look-half-page-on", &["ctrl+d"], "half a page on"),
    act(Action::Look(Look::PageBack), "look-page-back", &["ctrl+b", "pageup"], "a page back"),
    act(Action::Look(Look::PageOn), "look-page-on", &["ctrl+f", "pagedown"], "a page on"),
    act(Action::Look(Look::LineBack), "look-line-back", &["ctrl+y"], "a line back"),
    act(Action::Look(Look::LineOn), "look-line-on", &["ctrl+e"], "a line on"),
    act(Action::Look(Look::Select), "look-select", &["v"], "select text"),
    act(Action::Look(Look::SelectLines), "look-select-lines", &["V"], "select lines"),
    act(Action::Look(Look::SelectBlock), "look-select-block", &["ctrl+v"], "select a block"),
    act(Action::Look(Look::OtherEnd), "look-other-end", &["o"], "its other end"),
    act(Action::Look(Look::Copy), "look-copy", &["y", "enter"], "copy what is selected"),
    act(Action::Look(Look::CopyLine), "look-copy-line", &["Y"], "copy the line"),
    act(Action::Look(Look::Search), "look-search", &["/"], "search on"),
    act(Action::Look(Look::SearchBack), "look-search-back", &["?"], "search back"),
    act(Action::Look(Look::Next), "look-next", &["n"], "the next one found"),
    act(Action::Look(Look::Previous), "look-previous", &["N"], "the one before"),
    act(Action::Look(Look::SearchWord), "look-search-word", &["*"], "search the word"),
    act(Action::Look(Look::GiveUp), "look-give-up", &["esc"], "drop the selection, or leave"),
    act(Action::Look(Look::Leave), "look-leave", &["q", "ctrl+c"], "leave"),
];

const DIFF: &[Described] = &[
    act(Action::InDiff(DiffKey::Up), "diff-up", &["up", "k"], "a line back"),
    act(Action::InDiff(DiffKey::Down), "diff-down", &["down", "j"], "a line on"),
    act(Action::InDiff(DiffKey::HalfPageBack), "diff-half-page-back", &["ctrl+u"], "half a page back"),
    act(Action::InDiff(DiffKey::HalfPageOn), "diff-half-page-on", &["ctrl+d"], "half a page on"),
    act(Action::InDiff(DiffKey::PageBack), "diff-page-back", &["pageup", "ctrl+b"], "a page back"),
    act(Action::InDiff(DiffKey::PageOn), "diff-page-on", &["pagedown", "ctrl+f"], "a page on"),
    act(Action::InDiff(DiffKey::First), "diff-first", &["g", "home"], "first line of the file"),
    act(Action::InDiff(DiffKey::Last), "diff-last", &["G", "end"], "its last line"),
    act(Action::InDiff(DiffKey::Left), "diff-left", &["left", "h"], "further left"),
    act(Action::InDiff(DiffKey::Right), "diff-right", &["right", "l"], "further right"),
    act(Action::InDiff(DiffKey::NextFile), "diff-next-file", &["tab", "}"], "next file"),
    act(Action::InDiff(DiffKey::PreviousFile), "diff-previous-file", &["shift+tab", "{"], "file before"),
    act(Action::InDiff(DiffKey::NextHunk), "diff-next-hunk", &["]"], "next hunk"),
    act(Action::InDiff(DiffKey::PreviousHunk), "diff-previous-hunk", &["["], "hunk before"),
    act(Action::InDiff(DiffKey::Search), "diff-search", &["/"], "look for a text"),
    act(Action::InDiff(DiffKey::Next), "diff-next", &["n"], "next place of it"),
    act(Action::InDiff(DiffKey::Previous), "diff-previous", &["N"], "place before"),
    act(Action::InDiff(DiffKey::Comment), "diff-comment", &["c"], "comment on the line"),
    act(Action::InDiff(DiffKey::Send), "diff-send", &["C"], "send all that is kept"),
    act(Action::InDiff(DiffKey::Again), "diff-again", &["r"], "look again"),
    act(Action::InDiff(DiffKey::Close), "diff-close", &["esc", "q", "ctrl+c"], "close"),
];

const LOG: &[Described] = &[
    act(Action::InLog(LogKey::Back), "log-back", &["up", "k"], "back"),
    act(Action::InLog(LogKey::On), "log-on", &["down", "j"], "on"),
    act(Action::InLog(LogKey::PageBack), "log-page-back", &["pageup"], "a page back"),
    act(Action::InLog(LogKey::PageOn), "log-page-on", &["pagedown"], "a page on"),
    act(Action::InLog(LogKey::Oldest), "log-oldest", &["home", "g"], "the oldest"),
    act(Action::InLog(LogKey::Newest), "log-newest", &["end", "G"], "the newest"),
    act(Action::InLog(LogKey::All), "log-all", &["i"], "all of it"),
    act(Action::InLog(LogKey::Warnings), "log-warnings", &["w"], "warnings and errors"),
    act(Action::InLog(LogKey::Errors), "log-errors", &["e"], "errors only"),
    act(Action::InLog(LogKey::Close), "log-close", &["esc", "q", "c"], "close"),
];

const USAGE: &[Described] = &[
    act(Action::InUsage(UsageKey::Up), "usage-up", &["up", "k"], "up"),
    act(Action::InUsage(UsageKey::Down), "usage-down", &["down", "j"], "down"),
    act(Action::InUsage(UsageKey::ByCpu), "usage-by-cpu", &["c"], "sort by processor"),
    act(Action::InUsage(UsageKey::ByMemory), "usage-by-memory", &["m"], "sort by memory"),
    act(Action::InUsage(UsageKey::ByDisk), "usage-by-disk", &["d"], "sort by disk"),
    act(Action::InUsage(UsageKey::Close), "usage-close", &["esc", "q"], "close"),
];

const SETTINGS: &[Described] = &[
    act(Action::InSettings(SettingsKey::Up), "settings-up", &["up", "k", "shift+tab"], "up"),
    act(Action::InSettings(SettingsKey::Down), "settings-down", &["down", "j", "tab"], "down"),
    act(Action::InSettings(SettingsKey::PageUp), "settings-page-up", &["pageup"], "a page up"),
    act(Action::InSettings(SettingsKey::PageDown), "settings-page-down", &["pagedown"], "a page down"),
    act(Action::InSettings(SettingsKey::First), "settings-first", &["home", "g"], "the first"),
    act(Action::InSettings(SettingsKey::Last), "settings-last", &["end", "G"], "the last"),
    act(Action::InSettings(SettingsKey::Change), "settings-change", &["enter", "i"], "change it"),
    act(
        Action::InSettings(SettingsKey::Reset),
        "settings-default",
        &["d", "delete", "backspace"],
        "back to the default",
    ),
    act(Action::InSettings(SettingsKey::Close), "settings-close", &["esc", "q", "ctrl+c"], "close"),
];

/// All of them, without their groups.
pub(crate) fn all() -> impl Iterator<Item = &'static Described> + Clone {
    GROUPS.iter().flat_map(|group| group.actions)
}

/// The action of that name.
pub(crate) fn named(name: &str) -> Option<&'static Described> {
    all().find(|described| described.name == name)
}

/// The name most like `name`, where one is.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let near = |known: &str| strsim::damerau_levenshtein(name, known);
    all().map(|described| described.name).min_by_key(|known| near(known)).filter(|known| near(known) <= 4)
}
