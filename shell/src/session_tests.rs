//! A session between a pane and a holder that reads as slowly as it likes.

use std::sync::atomic::{AtomicUsize, Ordering};

use ccells_holder::Desk;
use tokio::io::DuplexStream;

use super::*;
use crate::terminal::transcript::Transcript;

/// The holder's end.
struct Far {
    stream: DuplexStream,
    decoder: Decoder<ToHolder>,
}

/// A session's stream, and the other end of it.
fn streams() -> (Box<dyn Io>, Far) {
    let (near, stream) = tokio::io::duplex(4_096);
    (Box::new(near), Far { stream, decoder: Decoder::new() })
}

/// Reads what the session sends, a few bytes at a time, until so many bytes of input came.
async fn read_slowly(far: &mut Far, until: usize) -> Vec<u8> {
    let (mut input, mut bytes) = (Vec::new(), vec![0; 1_500]);
    while input.len() < until {
        let count = far.stream.read(&mut bytes).await.expect("the session lives");
        assert!(count > 0, "the session ended after {} bytes", input.len());
        far.decoder.push(&bytes[..count]);
        while let Some(frame) = far.decoder.next().expect("it speaks our words") {
            if let ToHolder::Input(piece) = frame {
                input.extend(piece);
            }
        }
        tokio::task::yield_now().await;
    }
    input
}

#[tokio::test]
async fn ten_megabytes_are_pasted_whole_and_what_is_typed_meanwhile_comes_after() {
    let (session, queue) = Session::new(&CancellationToken::new());
    let (near, mut far) = streams();
    let pane = Pane::new();
    let told = AtomicUsize::new(0);
    let tell = |_| {
        told.fetch_add(1, Ordering::SeqCst);
    };
    assert!(session.write(b"before"));
    let line = "a line of the paste, with 日本語 in it\n";
    let text = line.repeat(10 * 1_024 * 1_024 / line.len());
    let expected = format!("before\x1b[200~{}\x1b[201~after", text.replace('\n', "\r"));
    // Nobody reads yet, and still it is taken at once.
    assert!(session.paste(text, true));
    assert!(session.write(b"after"));
    assert!(session.pasting().is_some());
    let run = session.run(near, &pane, false, queue, &tell);
    let holder = async {
        let input = read_slowly(&mut far, expected.len()).await;
        assert!(
            input == expected.as_bytes(),
            "{} of {} bytes are right",
            same(&input, &expected),
            expected.len()
        );
        session.close();
    };
    tokio::join!(run, holder);
    assert_eq!(session.pasting(), None);
    assert!(told.load(Ordering::SeqCst) > 100, "its progress is told");
    assert!(!session.paste("late".to_owned(), false), "a session that ended takes nothing");
}

fn same(input: &[u8], expected: &str) -> usize {
    input.iter().zip(expected.as_bytes()).take_while(|(a, b)| a == b).count()
}

#[tokio::test]
async fn a_paste_that_is_given_up_leaves_its_brackets_closed() {
    let (session, queue) = Session::new(&CancellationToken::new());
    let (near, mut far) = streams();
    let pane = Pane::new();
    assert!(session.paste("x".repeat(1_024 * 1_024), true));
    assert!(session.write(b"typed"));
    let run = session.run(near, &pane, false, queue, &|_| {});
    let holder = async {
        let begin = read_slowly(&mut far, 40_000).await;
        assert!(begin.starts_with(b"\x1b[200~xxx"));
        session.cancel_paste();
        let mut rest = begin;
        while !rest.ends_with(b"typed") {
            rest.extend(read_slowly(&mut far, 1).await);
        }
        assert!(rest.ends_with(b"x\x1b[201~typed") && rest.len() < 200_000, "{} bytes", rest.len());
        session.close();
    };
    tokio::join!(run, holder);
}

/// What a program says to the outside is told once, after its screen changed, and is out of the pane then.
#[tokio::test]
async fn what_a_program_says_to_the_outside_is_told() {
    let mut bytes = Vec::new();
    let frames = [
        FromHolder::Welcome { sequence: 0, resync: Resync::Snapshot, columns: 20, rows: 4 },
        FromHolder::Snapshot { sequence: 0, columns: 20, rows: 4, bytes: b"\x1bc".to_vec(), is_last: true },
        FromHolder::Output { sequence: 0, bytes: b"\x07\x1b]9;look\x07".to_vec() },
    ];
    for frame in &frames {
        wire::encode(frame, &mut bytes);
    }
    let (near, mut far) = tokio::io::duplex(4_096);
    let (session, queue) = Session::new(&CancellationToken::new());
    let (pane, heard) = (Pane::new(), Mutex::new(Vec::new()));
    let tell = |told| {
        if let Told::Outward(said) = told {
            heard.lock().expect("no test panics while it holds it").extend(said);
        }
    };
    let holder = async {
        far.write_all(&bytes).await.expect("the session reads");
        far.shutdown().await.expect("it was open");
        // What the session says is read, so that it does not wait.
        let _ = tokio::io::copy(&mut far, &mut tokio::io::sink()).await;
    };
    tokio::join!(session.run(Box::new(near), &pane, false, queue, &tell), holder);
    let notify = Outward::Notify { title: String::new(), body: "look".to_owned() };
    assert_eq!(heard.into_inner().expect("nobody panicked"), [Outward::Bell, notify]);
    assert_eq!(pane.with_emulator(Emulator::take_outward), []);
}

/// A screen that was shown once.
fn shown() -> Pane {
    let (pane, mut sketch) = (Pane::new(), None);
    let bytes = b"\x1bcshown".to_vec();
    let frame = FromHolder::Snapshot { sequence: 0, columns: 20, rows: 4, bytes, is_last: true };
    take(frame, &pane, &mut sketch).expect("it is a whole snapshot");
    pane
}

/// Who feeds has the lock for as long as a piece takes. Whether there is anything to see is known all the same.
#[test]
fn whether_a_pane_was_seen_is_known_without_its_lock() {
    assert!(!Pane::new().was_seen());
    let pane = shown();
    let _fed = pane.lock();
    // With the lock this would wait for itself.
    assert!(pane.was_seen());
}

/// All that the user waits for is let go first by whoever feeds.
#[test]
fn who_looks_freezes_or_resizes_is_let_go_first() {
    let looks: [fn(&Pane); 3] = [
        |pane| pane.with_emulator(|_| {}),
        |pane| drop(pane.freeze()),
        |pane| assert!(pane.want_size(30, 5)),
    ];
    for look in looks {
        let pane = shown();
        std::thread::scope(|scope| {
            let fed = pane.lock();
            let looker = scope.spawn(|| look(&pane));
            let begun = std::time::Instant::now();
            while !pane.turns.is_wanted() {
                assert!(begun.elapsed() < Duration::from_secs(10), "nobody said that they wait");
                std::thread::yield_now();
            }
            assert!(!looker.is_finished());
            drop(fed);
            looker.join().expect("it looked");
            assert!(!pane.turns.is_wanted());
        });
    }
}

/// Serves one session at `desk` until it hangs up, as a holder does.
async fn serve(desk: &mut Desk, stream: DuplexStream) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let id = desk.arrive().expect("there is room");
    let mut bytes = vec![0; 4_096];
    loop {
        desk.prepare();
        let ready = desk.ready(id).to_vec();
        tokio::select! {
            written = writer.write(&ready), if !ready.is_empty() => match written {
                Ok(count) => desk.sent(id, count),
                Err(_) => break,
            },
            count = reader.read(&mut bytes) => match count {
                Ok(count) if count > 0 => {
                    desk.hear(id, &bytes[..count]);
                    while desk.next_wish(id).is_some() {}
                }
                Ok(_) | Err(_) => break,
            },
        }
    }
    desk.hang_up(id);
    desk.sweep();
}

/// Attaches `pane` to `desk` until all that the desk has is shown.
async fn attend(pane: &Pane, desk: &mut Desk, observe: bool) {
    let head = desk.head();
    let (near, far) = tokio::io::duplex(64 * 1_024);
    let (session, queue) = Session::new(&CancellationToken::new());
    let told = tokio::sync::Notify::new();
    let tell = |_| told.notify_one();
    let shown = async {
        while pane.lock().next_sequence != Some(head) {
            told.notified().await;
        }
        session.close();
    };
    let attended = async {
        tokio::join!(session.run(Box::new(near), pane, observe, queue, &tell), serve(desk, far), shown)
    };
    tokio::time::timeout(Duration::from_secs(60), attended).await.expect("it is shown in time");
}

/// A pane that keeps more lines than holders do by themselves has them still when it was away for longer than the
/// holder's memory of raw output goes back, and so has a pane of a later run.
#[tokio::test]
async fn more_lines_than_usual_are_there_after_a_session_began_anew() {
    let (lines, width) = (limits::SCROLLBACK_LINES + 5_000, 200);
    let output = (0..lines).map(|line| format!("{line:0width$}\r\n")).collect::<Vec<_>>().concat();
    assert!(output.len() > limits::RING_BYTES, "else it would go on where it was");
    let kept = |pane: &Pane| Transcript::of(pane.freeze()).len();
    let mut desk = Desk::new((240, 24), 1);
    let pane = Pane::keeping(20_000);
    pane.want_size(240, 24);
    attend(&pane, &mut desk, false).await;
    desk.show(output.as_bytes());
    attend(&pane, &mut desk, false).await;
    assert!(kept(&pane) > lines, "{} of {lines} lines", kept(&pane));
    let later = Pane::keeping(20_000);
    later.want_size(240, 24);
    attend(&later, &mut desk, false).await;
    assert_eq!(kept(&later), kept(&pane));
    // Whoever wants no more, and whoever only looks, asks for nothing.
    let mut desk = Desk::new((240, 24), 1);
    attend(&Pane::new(), &mut desk, false).await;
    attend(&Pane::keeping(20_000), &mut desk, true).await;
    assert_eq!(desk.scrollback(), limits::SCROLLBACK_LINES);
}

/// How long it takes, by the clock on the wall, until a pane shows `text` whose program says `words` one after another,
/// so long apart, and nothing after them.
async fn shown_after(words: &[&str], apart: Duration, text: &str) -> Duration {
    let (near, mut far) = tokio::io::duplex(4_096);
    let (session, queue) = Session::new(&CancellationToken::new());
    let pane = Pane::new();
    let begun = std::time::Instant::now();
    let holder = async {
        let mut bytes = Vec::new();
        let welcome = FromHolder::Welcome { sequence: 0, resync: Resync::Snapshot, columns: 20, rows: 4 };
        let picture = b"\x1bc".to_vec();
        wire::encode(&welcome, &mut bytes);
        let frame = FromHolder::Snapshot { sequence: 0, columns: 20, rows: 4, bytes: picture, is_last: true };
        wire::encode(&frame, &mut bytes);
        let mut sequence = 0;
        for word in words {
            let output = word.as_bytes().to_vec();
            wire::encode(&FromHolder::Output { sequence, bytes: output }, &mut bytes);
            sequence += word.len() as u64;
            far.write_all(&bytes).await.expect("the session reads");
            bytes.clear();
            tokio::time::sleep(apart).await;
        }
        // It says no more, and stays.
        std::future::pending::<()>().await;
    };
    let looked = async {
        while !Transcript::of(pane.freeze()).all_text().contains(text) {
            assert!(begun.elapsed() < Duration::from_secs(10), "it is never shown");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        begun.elapsed()
    };
    let tell = |_| {};
    tokio::select! {
        why = session.run(Box::new(near), &pane, false, queue, &tell) => panic!("the session ended: {why}"),
        () = holder => unreachable!("it stays"),
        after = looked => after,
    }
}

/// The timer itself: an update that a program begins and never ends is held back for so long and no longer, also when
/// the program goes on writing, and begins it again and again.
#[tokio::test]
async fn an_update_that_never_ends_is_shown_when_its_time_is_up() {
    let late = SYNC * 5;
    let whole = shown_after(&["\x1b[?2026hheld\x1b[?2026l"], Duration::ZERO, "held").await;
    assert!(whole < SYNC, "what is whole is shown at once, not after {whole:?}");
    let silent = shown_after(&["\x1b[?2026hheld"], Duration::ZERO, "held").await;
    assert!((SYNC..late).contains(&silent), "shown after {silent:?}");
    let writes = ["\x1b[?2026hheld", ".", ".", "."].repeat(16);
    let restless = shown_after(&writes, SYNC / 8, "held").await;
    assert!((SYNC..late).contains(&restless), "shown after {restless:?}");
}
