//! Everything the screen can do, each with its name, its words and its usual keys: the one list that the keys, the help
//! page, the command palette and `config.toml` are made from.

use super::layout::{Axis, Direction};

/// Something the screen can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Keys go to the agent.
    Input,
    /// The dialog for a new workstream.
    New,
    /// Freeze, or let go on.
    Pause,
    /// Have it run.
    Resume,
    /// End its processes.
    Stop,
    /// Start its agent again.
    Restart,
    /// Take it away, after a question.
    Discard,
    /// The neighbour on that side.
    Move(Direction),
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
            act(Action::Pause, "pause", &["p"], "pause; again: go on"),
            act(Action::Resume, "resume", &["r"], "resume, or try again"),
            act(Action::Stop, "stop", &["x"], "stop; its work is kept"),
            act(Action::Restart, "restart", &["R"], "restart the agent"),
            act(Action::Discard, "discard", &["d"], "discard, after a question"),
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
            act(Action::Resources, "resources", &["u"], "what the containers use"),
            act(Action::Settings, "settings", &["s"], "what can be set"),
            act(Action::Dismiss, "dismiss", &["esc"], "close, dismiss, take back"),
            act(Action::Redraw, "redraw", &["ctrl+l"], "draw anew"),
            act(Action::Suspend, "suspend", &["ctrl+z"], "suspend ccells"),
            act(Action::Quit, "quit", &["q", "ctrl+c"], "quit"),
        ],
    },
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
