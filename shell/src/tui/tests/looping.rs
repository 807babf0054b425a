//! The loop over a terminal of ours: first frames, echoes, idleness, answers, and terminals that stall or vanish.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ccells_core::event::Ask;
use ccells_core::ports::Clock;
use ccells_core::record::Facts;
use ccells_core::time::Now;
use crossterm::event::Event;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::StreamExt;
use tokio::sync::{Notify, mpsc, watch};

use super::*;
use crate::adapters::git::{FileDiff, Status, WorkDiff};
use crate::patch::Patch;
use crate::tui::screen::{Ground, Input};
use crate::tui::{Ended, Errands, Interrupt, NoDesktop, Notice, Screen, Subject, TuiAsk, TuiPorts, run};

/// The machine's clock, counted from the start of the test.
struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Now {
        let ms = u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { mono: Mono(1_000 + ms), wall: Wall(0) }
    }
}

/// What the terminal got, and whether it takes anything.
#[derive(Clone, Default)]
struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    writes: Arc<AtomicU64>,
    is_broken: Arc<AtomicBool>,
    changed: Arc<Notify>,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.bytes.lock().expect("no test panics while it holds it").extend_from_slice(bytes);
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_one();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("no test panics while it holds it")).into_owned()
    }

    fn forget(&self) {
        self.bytes.lock().expect("no test panics while it holds it").clear();
    }

    /// Waits until the terminal got `text`.
    async fn until(&self, text: &str) {
        let wait = async {
            while !self.text().contains(text) {
                self.changed.notified().await;
            }
        };
        let outcome = tokio::time::timeout(Duration::from_secs(30), wait).await;
        assert!(outcome.is_ok(), "the terminal never got {text:?}; it got {:?}", self.text());
    }
}

/// The other side of everything the loop is given.
struct Far {
    output: Output,
    panes: Arc<FakePanes>,
    damage: Arc<Notify>,
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    asks: mpsc::Receiver<TuiAsk>,
    notices: mpsc::UnboundedSender<Notice>,
    interrupts: mpsc::Sender<Interrupt>,
    inputs: mpsc::UnboundedSender<Input>,
}

fn begin() -> (Far, impl Future<Output = Ended>) {
    begin_with(Arc::new(NoErrands))
}

fn begin_with(errands: Arc<dyn Errands>) -> (Far, impl Future<Output = Ended>) {
    let output = Output::default();
    let panes = Arc::new(FakePanes::default());
    let damage = Arc::new(Notify::new());
    let (snapshots, snapshots_near) = watch::channel(None);
    let (asks_near, asks) = mpsc::channel(16);
    let (notices, notices_near) = mpsc::unbounded_channel();
    let (interrupts, interrupts_near) = mpsc::channel(16);
    let (inputs, inputs_near) = mpsc::unbounded_channel();
    let ports = TuiPorts {
        snapshots: snapshots_near,
        panes: panes.clone(),
        asks: asks_near,
        notices: notices_near,
        damage: damage.clone(),
        interrupts: interrupts_near,
        clock: Arc::new(TestClock(Instant::now())),
        draw_identity: Box::new(|| (id(9), "session".to_owned())),
        desktop: Arc::new(NoDesktop),
        errands,
        preferences: Preferences::default(),
    };
    let mut screen = Screen::over(Box::new(output.clone()), 80, 24);
    screen.take().expect("nothing is asked of the system");
    let inputs_near = futures_util::stream::unfold(inputs_near, |mut inputs| async {
        inputs.recv().await.map(|input| (input, inputs))
    });
    let far = Far { output, panes, damage, snapshots, asks, notices, interrupts, inputs };
    (far, run(ports, screen, inputs_near.boxed()))
}

impl Far {
    fn press(&self, keys: &str) {
        for key in parse_keys(keys) {
            self.inputs.send(Input::Event(Event::Key(key))).expect("the loop listens");
        }
    }

    fn show(&self, cards: Vec<Card>) {
        self.snapshots.send(Some(Arc::new(snapshot(cards)))).expect("the loop listens");
    }
}

#[tokio::test]
async fn the_first_frame_comes_before_anything_is_known_and_the_terminal_is_given_back() {
    let (far, looping) = begin();
    let output = far.output.clone();
    let test = async move {
        far.output.until("Reading").await;
        far.show(vec![card(1, "fix-login", CardState::Unknown)]);
        far.output.until("fix-login").await;
        drop(far.snapshots);
        far.inputs
    };
    let (ended, _inputs) = tokio::join!(looping, test);
    assert_eq!(ended, Ended::Left);
    let text = output.text();
    assert!(text.starts_with("\x1b[?1049h"), "the alternate screen is taken first");
    assert!(text.ends_with("\x1b[?25h\x1b[?1049l"), "and left last, with the cursor shown");
    assert_eq!(
        text.matches("\x1b[?2026h").count() + 1,
        text.matches("\x1b[?2026l").count(),
        "every frame is closed"
    );
}

#[tokio::test]
async fn an_idle_screen_writes_nothing() {
    let (far, looping) = begin();
    let test = async {
        far.show(vec![card(1, "fix-login", CardState::Running)]);
        far.output.until("fix-login").await;
        // The view that follows from the first picture is saved; then there is nothing more to do.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let before = far.output.writes.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(far.output.writes.load(Ordering::SeqCst), before);
        drop(far.snapshots);
    };
    tokio::join!(looping, test);
}

#[tokio::test]
async fn keys_reach_the_agent_and_its_echo_the_screen() {
    let (far, looping) = begin();
    let test = async {
        far.show(vec![card(1, "fix-login", CardState::Running)]);
        far.panes.feed(1, (80, 22), "\x1b[?2004h$ ");
        far.damage.notify_one();
        far.output.until("$").await;
        far.press("ix<C-c>");
        far.inputs.send(Input::Event(Event::Paste("a\nb".to_owned()))).expect("the loop listens");
        far.output.until("INPUT").await;
        let mut written = Vec::new();
        while written.len() < 3 {
            written.extend(far.panes.written().into_iter().map(|(_, bytes)| bytes));
            tokio::task::yield_now().await;
        }
        assert_eq!(written, [b"x".to_vec(), vec![3], b"\x1b[200~a\rb\x1b[201~".to_vec()]);
        far.panes.feed(1, (80, 22), "echoed");
        far.damage.notify_one();
        far.output.until("echoed").await;
        drop(far.snapshots);
    };
    tokio::join!(looping, test);
}

/// Whoever finds that one line came.
struct OneLine;

impl Errands for OneLine {
    fn measure(&self, _: Vec<Subject>) -> BoxFuture<'static, Vec<Usage>> {
        std::future::ready(Vec::new()).boxed()
    }

    fn settings(&self, _: Option<Change>) -> BoxFuture<'static, Result<Settings, String>> {
        std::future::ready(Err("nothing is set".to_owned())).boxed()
    }

    fn compare(&self, directory: PathText) -> BoxFuture<'static, Result<Patch, String>> {
        assert_eq!(directory, card(1, "", CardState::Running).directory);
        let (path, modes) = ("a.rs".into(), (0o100_644, 0o100_644));
        let lines = Some((1, 0));
        let file = FileDiff { path, old_path: None, status: Status::Modified, modes, lines };
        let patch = b"diff --git a/a.rs b/a.rs\n@@ -6,0 +7 @@\n+let x;\n".to_vec();
        let diff = WorkDiff { files: vec![file], patch, unknown: None };
        std::future::ready(Ok(Patch::of(diff, "1a2b3c"))).boxed()
    }

    fn last_removed(&self) -> BoxFuture<'static, Result<Option<Box<Facts>>, String>> {
        std::future::ready(Ok(None)).boxed()
    }
}

/// What an agent gets of a comment, whose terminal is in this mode.
async fn said_to(mode: &str) -> String {
    let (far, looping) = begin_with(Arc::new(OneLine));
    let test = async {
        far.show(vec![card(1, "fix-login", CardState::Running)]);
        far.panes.feed(1, (80, 22), mode);
        far.press("D");
        far.output.until("+let x;").await;
        far.press("jcwhy?<enter>");
        let mut written = Vec::new();
        while written.is_empty() {
            written.extend(far.panes.written().into_iter().map(|(_, bytes)| bytes));
            tokio::task::yield_now().await;
        }
        far.output.until("1 comment is in the pane").await;
        drop(far.snapshots);
        String::from_utf8(written.concat()).expect("it is text")
    };
    tokio::join!(looping, test).1
}

#[tokio::test]
async fn a_comment_goes_to_the_agent_as_one_paste_and_no_enter_with_it() {
    assert_eq!(said_to("\x1b[?2004h").await, "\x1b[200~a.rs:7: why?\r> +let x;\x1b[201~");
    assert_eq!(said_to("").await, "a.rs:7: why?  > +let x;", "there the end of a line would be Enter");
}

#[tokio::test]
async fn wishes_are_asked_and_answers_are_told() {
    let (mut far, looping) = begin();
    let test = async {
        far.show(vec![card(1, "fix-login", CardState::Running)]);
        far.output.until("fix-login").await;
        far.press("p");
        let TuiAsk { ask, reply } = far.asks.recv().await.expect("it is asked");
        assert_eq!(ask, Ask::Pause(id(1)));
        // A reply that is dropped is an answer as well.
        drop(reply);
        far.output.until("before it could answer").await;
        far.press("<esc>nmap<C-s>");
        loop {
            let TuiAsk { ask, reply } = far.asks.recv().await.expect("it is asked");
            if let Ask::New(wanted) = ask {
                assert_eq!(
                    (wanted.id.clone(), wanted.prompt.as_str(), wanted.session_id.as_str()),
                    (id(9), "map", "session")
                );
                drop(reply);
                break;
            }
        }
        drop(far.snapshots);
    };
    tokio::join!(looping, test);
}

#[tokio::test]
async fn nothing_is_written_to_a_terminal_that_is_gone() {
    for is_told in [true, false] {
        let (far, looping) = begin();
        let test = async {
            far.show(vec![card(1, "fix-login", CardState::Running)]);
            far.output.until("fix-login").await;
            far.output.is_broken.store(true, Ordering::SeqCst);
            if is_told {
                far.interrupts.send(Interrupt::Hangup).await.expect("the loop listens");
            } else {
                let text = "anything".to_owned();
                let level = ccells_core::effect::Level::Info;
                far.notices.send(Notice { level, text }).expect("the loop listens");
            }
        };
        let both = async { tokio::join!(looping, test) };
        let (ended, ()) =
            tokio::time::timeout(Duration::from_secs(10), both).await.expect("it ends by itself");
        assert_eq!(ended, Ended::TerminalGone);
        assert!(!far.output.text().contains("\x1b[?1049l"));
    }
}

#[tokio::test]
async fn a_terminal_that_claims_any_size_is_drawn_at_a_size_there_is() {
    let mut screen = Screen::over(Box::new(Output::default()), u16::MAX, u16::MAX);
    assert_eq!(screen.size(), (1_000, 500));
    screen.resize(u16::MAX, 3);
    assert_eq!(screen.size(), (1_000, 3));

    let (far, looping) = begin();
    let test = async {
        far.show(vec![card(1, "fix-login", CardState::Running)]);
        far.output.until("fix-login").await;
        far.inputs.send(Input::Event(Event::Resize(u16::MAX, u16::MAX))).expect("the loop listens");
        drop(far.inputs);
    };
    let (ended, ()) = tokio::join!(looping, test);
    assert_eq!(ended, Ended::TerminalGone);
}

#[tokio::test]
async fn the_end_of_input_is_the_end_of_the_terminal() {
    let (far, looping) = begin();
    drop(far.inputs);
    assert_eq!(looping.await, Ended::TerminalGone);
}

/// The only thread for what takes long is taken: whatever comes of it all the same was worked out by the loop itself.
#[test]
fn the_loop_makes_no_transcript_and_searches_none() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    runtime.expect("a runtime starts").block_on(async {
        let block = || {
            let (free, taken) = std::sync::mpsc::channel::<()>();
            // The end of the sender is the end of the wait.
            tokio::task::spawn_blocking(move || taken.recv());
            free
        };
        let (far, looping) = begin();
        let test = async {
            far.show(vec![card(1, "fix-login", CardState::Running)]);
            far.output.until("fix-login").await;
            far.panes.feed(1, (80, 22), &"a needle in a heap\r\n".repeat(100));
            far.damage.notify_one();
            far.output.until("needle").await;
            // A transcript is wanted; meanwhile the loop goes on.
            let free = block();
            far.press("[");
            let tell = |text: &str| {
                let text = text.to_owned();
                far.notices
                    .send(Notice { level: ccells_core::effect::Level::Info, text })
                    .expect("it listens");
            };
            tell("XXXX");
            far.output.until("XXXX").await;
            assert!(!far.output.text().contains("COPY"), "the transcript was made by the loop");
            drop(free);
            far.output.until("COPY").await;
            far.output.forget();
            // So does a search, as it is typed and afterwards.
            let free = block();
            far.press("/needle<enter>");
            tell("YYYY");
            far.output.until("YYYY").await;
            assert!(!far.output.text().contains("100"), "the search was made by the loop");
            drop(free);
            far.output.until("100").await;
            // And what is selected becomes text elsewhere.
            let free = block();
            far.press("gVGy");
            tell("ZZZZ");
            far.output.until("ZZZZ").await;
            assert!(!far.output.text().contains("copied"), "the text was made by the loop");
            drop(free);
            far.output.until("copied").await;
            drop(far.snapshots);
        };
        tokio::join!(looping, test);
    });
}

#[tokio::test]
async fn a_flood_of_output_is_drawn_at_most_sixty_times_a_second() {
    let (far, looping) = begin();
    let test = async {
        far.show(vec![card(1, "fix-login", CardState::Running)]);
        far.output.until("fix-login").await;
        let (before, began) = (far.output.writes.load(Ordering::SeqCst), Instant::now());
        for number in 0..2_000 {
            far.panes.feed(1, (80, 22), &format!("{number}\r\n"));
            far.damage.notify_one();
            tokio::task::yield_now().await;
        }
        far.panes.feed(1, (80, 22), "END");
        far.damage.notify_one();
        far.output.until("END").await;
        let frames = u128::from(far.output.writes.load(Ordering::SeqCst) - before);
        assert!(frames <= began.elapsed().as_millis() / 16 + 3, "{frames} frames");
        drop(far.snapshots);
    };
    tokio::join!(looping, test);
}

#[tokio::test]
async fn a_screen_that_is_not_shown_is_not_drawn() {
    let (far, looping) = begin();
    let test = async {
        far.show((1..=9).map(|number| card(number, &format!("pane-{number}"), CardState::Running)).collect());
        far.output.until("pane-1").await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        let before = far.output.writes.load(Ordering::SeqCst);
        far.panes.feed(9, (80, 22), "hidden");
        far.damage.notify_one();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(far.output.writes.load(Ordering::SeqCst), before);
        far.panes.feed(1, (80, 22), "shown");
        far.damage.notify_one();
        far.output.until("shown").await;
        assert_eq!(far.output.writes.load(Ordering::SeqCst), before + 1);
        drop(far.snapshots);
    };
    tokio::join!(looping, test);
}

#[tokio::test]
async fn an_echo_does_not_wait_for_the_next_frame() {
    let (far, looping) = begin();
    let test = async {
        far.show(vec![card(1, "fix-login", CardState::Running)]);
        far.panes.feed(1, (80, 22), "$ ");
        far.damage.notify_one();
        far.output.until("$").await;
        far.press("i");
        far.output.until("INPUT").await;
        // With a frame every 16 ms so many echoes would take three seconds.
        let began = Instant::now();
        for number in 0..200 {
            far.press("x");
            while far.panes.written().is_empty() {
                tokio::task::yield_now().await;
            }
            let echo = char::from_u32(0x2800 + number).expect("a sign of dots");
            far.panes.feed(1, (80, 22), &format!("\x1b[H{echo}"));
            far.damage.notify_one();
            far.output.until(&echo.to_string()).await;
            far.output.forget();
        }
        let took = began.elapsed();
        assert!(took < Duration::from_millis(1_500), "{took:?}");
        drop(far.snapshots);
    };
    tokio::join!(looping, test);
}

#[tokio::test]
async fn frames_are_marked_only_for_a_terminal_that_knows_the_marks() {
    let (far, looping) = begin();
    let output = far.output.clone();
    let test = async move {
        far.show(vec![card(1, "fix-login", CardState::Running)]);
        far.output.until("fix-login").await;
        assert!(!far.output.text().contains("\x1b[?2026h"));
        far.inputs.send(Input::KnowsSync(true)).expect("the loop listens");
        far.panes.feed(1, (80, 22), "hello");
        far.damage.notify_one();
        far.output.until("hello").await;
        assert!(far.output.text().contains("\x1b[?2026h"));
        drop(far.snapshots);
        far.inputs
    };
    let (ended, _inputs) = tokio::join!(looping, test);
    assert_eq!(ended, Ended::Left);
    let text = output.text();
    // The terminal was never told of marks before: what is given back closes one more.
    assert_eq!(text.matches("\x1b[?2026h").count() + 1, text.matches("\x1b[?2026l").count(), "{text:?}");
}

/// A terminal that knows the keyboard protocol tells us what the agent that gets the keys wants to know, and no more.
#[tokio::test]
async fn the_terminal_is_told_which_keys_the_agent_wants() {
    let (far, looping) = begin();
    let test = async move {
        far.inputs.send(Input::KnowsKittyKeys(true)).expect("the loop listens");
        far.output.until("\x1b[>1u").await;
        far.panes.feed(1, (80, 20), "\x1b[>3u");
        far.panes.feed(2, (80, 20), "\x1b[>9u");
        far.show(vec![card(1, "one", CardState::Running), card(2, "two", CardState::Running)]);
        far.output.until("two").await;
        assert!(!far.output.text().contains("\x1b[="), "no agent gets the keys");
        far.press("<enter>");
        far.output.until("\x1b[=3u").await;
        far.press("<C-]>");
        far.output.until("\x1b[=1u").await;
        far.press("2<enter>");
        // To want every key is to want its text, which only the terminal knows.
        far.output.until("\x1b[=29u").await;
        far.panes.feed(2, (80, 20), "\x1b[<u");
        far.damage.notify_one();
        far.output.forget();
        far.output.until("\x1b[=1u").await;
        drop(far.snapshots);
        far.inputs
    };
    let (ended, _inputs) = tokio::join!(looping, test);
    assert_eq!(ended, Ended::Left);
}

/// The terminal reports every move of the mouse while an agent that asked for that has the keys, and only then.
#[tokio::test]
async fn moves_of_the_mouse_are_reported_while_an_agent_wants_them() {
    let (far, looping) = begin();
    let test = async move {
        far.panes.feed(1, (80, 20), "\x1b[?1003h\x1b[?1006h");
        far.show(vec![card(1, "one", CardState::Running)]);
        far.output.until("one").await;
        assert!(!far.output.text().contains("\x1b[?1003h"), "no agent gets the mouse");
        far.press("<enter>");
        far.output.until("\x1b[?1003h").await;
        far.press("<C-]>");
        far.output.until("\x1b[?1003l\x1b[?1000h\x1b[?1002h").await;
        drop(far.snapshots);
        far.inputs
    };
    let (ended, _inputs) = tokio::join!(looping, test);
    assert_eq!(ended, Ended::Left);
    assert!(looping_ends_without_motion());
}

/// Whatever was on when the terminal is given back, moves are off then.
fn looping_ends_without_motion() -> bool {
    let output = Output::default();
    let mut screen = Screen::over(Box::new(output.clone()), 80, 24);
    screen.take().expect("nothing is asked of the system");
    screen.follow_motion(true);
    screen.leave();
    output.text().rfind("\x1b[?1003l") > output.text().rfind("\x1b[?1003h")
}

/// What agents ask about is answered from the terminal around: they hear of every part of it as it comes, and of what
/// changed later.
#[tokio::test]
async fn agents_are_told_what_the_terminal_is_like() {
    let (far, looping) = begin();
    let panes = far.panes.clone();
    let test = async move {
        far.output.until("\x1b[?2031h").await;
        for input in [
            Input::Colour(Ground::Fore, [1, 2, 3]),
            Input::Colour(Ground::Back, [253, 246, 227]),
            Input::KnowsKittyKeys(true),
            Input::ColoursChanged,
        ] {
            far.inputs.send(input).expect("the loop listens");
        }
        // The terminal has others now: it is asked once more.
        far.output.until("\x1b]10;?\x1b\\\x1b]11;?\x1b\\").await;
        drop(far.snapshots);
        far.inputs
    };
    let (ended, _inputs) = tokio::join!(looping, test);
    assert_eq!(ended, Ended::Left);
    let told = panes.surroundings.lock().expect("nobody panicked").clone();
    let foreground = Some([1, 2, 3]);
    let background = Some([253, 246, 227]);
    let wanted = [
        Surroundings::default(),
        Surroundings { foreground, ..Surroundings::default() },
        Surroundings { foreground, background, has_key_events: false },
        Surroundings { foreground, background, has_key_events: true },
    ];
    assert_eq!(told, wanted);
}

#[tokio::test]
async fn what_agents_say_goes_out_as_a_bell_a_notification_and_a_copy_that_was_agreed_to() {
    let (far, looping) = begin();
    let test = async {
        far.show(vec![card(1, "fix-login", CardState::Running)]);
        far.output.until("fix-login").await;
        far.inputs.send(Input::Event(Event::FocusLost)).expect("the loop listens");
        let say = |bytes: &str| {
            far.panes.feed(1, (80, 22), bytes);
            far.damage.notify_one();
        };
        say("\x1b]777;notify;ready;to \u{202e}merge\x07\x07");
        far.output.until("\x1b]9;fix-login: ready: to merge\x1b\\").await;
        far.output.until("\x07").await;
        say("\x1b]52;c;aGkbWzMxbQ==\x07");
        far.output.until("wants to put").await;
        assert!(!far.output.text().contains("\x1b]52;"), "nobody has agreed yet");
        far.press("n");
        say("\x1b[Hrefused");
        far.output.until("refused").await;
        assert!(!far.output.text().contains("\x1b]52;"), "it was refused");
        say("\x1b]52;c;aGkbWzMxbQ==\x07");
        // The dialog is there again once its keys are.
        far.output.forget();
        far.press("?<esc>");
        far.output.until("wants to put").await;
        far.press("y");
        // `hi\x1b[31m`, with the escape spelt out.
        far.output.until("\x1b]52;c;aGlceDFiWzMxbQ==\x1b\\").await;
        drop(far.snapshots);
    };
    tokio::join!(looping, test);
}

/// The same while agents say everything hostile there is, and the user agrees to all of it.
#[tokio::test]
async fn nothing_else_goes_out_whatever_agents_say() {
    use super::hostile::corpus::CORPUS;
    use super::hostile::strangers::{bell, copy, notification, stranger};
    let (far, looping) = begin();
    let output = far.output.clone();
    let test = async move {
        far.show(vec![card(1, "fix-login", CardState::Running)]);
        far.output.until("fix-login").await;
        far.inputs.send(Input::Event(Event::FocusLost)).expect("the loop listens");
        for (number, (_, bytes, times)) in CORPUS.iter().enumerate() {
            far.panes.feed_bytes(1, (80, 22), &bytes.repeat(*times));
            far.panes.feed(1, (80, 22), &format!("\x18\x1b\\\x1bc\x1b[?2026l\x1b[Hattack {number} is over"));
            far.damage.notify_one();
            // Frames skip what is there already, so that only the number is sure to be written.
            far.press("y<esc>");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // One word, where nothing was before and no dialog is: it is written whole, whatever frames were left out.
        far.panes.feed(1, (80, 22), "\x1bc\x1b[22;1Hover-and-done");
        far.damage.notify_one();
        far.output.until("over-and-done").await;
        drop(far.snapshots);
        far.inputs
    };
    let (_, _inputs) = tokio::join!(looping, test);
    let bytes = output.bytes.lock().expect("no test panics while it holds it").clone();
    assert_eq!(stranger(&bytes, &[bell, copy, notification]), None, "this went out");
    for wanted in ["\x07", "\x1b]9;", "\x1b]52;c;"] {
        assert!(output.text().contains(wanted), "{wanted:?} is what may go out, and was asked for");
    }
}
